import CMelu

/// A meta-trained model: an opened weight file.
///
/// Any number of threads and tasks may use it at once. Catalogues and users keep what they need of
/// it.
public final class Model: @unchecked Sendable {
  private let pointer: OpaquePointer

  private init(_ pointer: OpaquePointer) { self.pointer = pointer }

  deinit { melu_model_free(pointer) }

  /// A call of C. `self` must outlive it: inlined, the last use of `pointer` could end its life.
  private func call<T>(_ body: (OpaquePointer) throws -> T) rethrows -> T {
    try withExtendedLifetime(self) { try body(pointer) }
  }

  /// How a model is opened.
  public struct Options: Sendable {
    /// The most bytes that a catalogue of the model computes, and the most of what a call computes
    /// in. What would take more throws memoryLimit. 0: 1 GiB.
    public var maxMemory: Int
    /// A file that is opened by its path is read into memory instead of mapped, and may be changed
    /// in place then.
    public var copy: Bool

    public init(maxMemory: Int = 0, copy: Bool = false) {
      self.maxMemory = maxMemory
      self.copy = copy
    }

    var native: melu_open_options {
      var native = melu_open_options()
      native.struct_size = MemoryLayout<melu_open_options>.size
      native.max_memory = max(0, maxMemory)
      return native
    }
  }

  /// Opens a weight file, and checks it. The file is mapped: the weights take no memory of their
  /// own. It must not be changed in place while the model is in use.
  ///
  /// Throws: io, weightFile.
  public convenience init(path: String, options: Options = Options()) throws {
    var model: OpaquePointer?
    var native = options.native
    native.copy = options.copy ? 1 : 0
    try withText(path) { text in try check { melu_model_open(text, &native, &model, $0) } }
    self.init(model!)
  }

  /// Opens a weight file that lies in memory. The bytes are copied.
  ///
  /// Throws: weightFile, outOfMemory.
  public convenience init(bytes: UnsafeRawBufferPointer, options: Options = Options()) throws {
    var model: OpaquePointer?
    var native = options.native
    try check { melu_model_open_bytes(bytes.baseAddress, bytes.count, &native, &model, $0) }
    self.init(model!)
  }

  /// Opens bytes in place, best aligned to 64. They must stay there unchanged until `release` is
  /// called: once, by whichever thread frees the model or the last of what was made of it, or
  /// before this throws.
  ///
  /// Throws: weightFile.
  public convenience init(
    borrowing bytes: UnsafeRawBufferPointer, options: Options = Options(),
    release: @escaping @Sendable () -> Void
  ) throws {
    let context = Unmanaged.passRetained(Release(release))
    var native = options.native
    native.borrow = 1
    native.context = context.toOpaque()
    native.release = { Unmanaged<Release>.fromOpaque($0!).takeRetainedValue().call() }
    var model: OpaquePointer?
    do {
      try check { melu_model_open_bytes(bytes.baseAddress, bytes.count, &native, &model, $0) }
    } catch {
      context.takeRetainedValue().call()
      throw error
    }
    self.init(model!)
  }

  /// What the model is like. The first call for a model reads all of it, for the fingerprint.
  public func details() throws -> Details {
    var native = melu_model_details()
    native.struct_size = MemoryLayout<melu_model_details>.size
    try call { model in try check { melu_model_info(model, &native, $0) } }
    return Details(native)
  }

  /// The items that a new user is best asked about, best first, up to `count` of them.
  ///
  /// Throws: notAvailable if the weight file has none.
  public func evidence(_ count: Int) throws -> [Evidence] {
    let most = min(max(0, count), try details().evidence)
    return try call { model in
      let best = try [melu_evidence](unsafeUninitializedCapacity: max(1, most)) { room, length in
        try check { melu_model_evidence(model, room.baseAddress, most, &length, $0) }
      }
      return best.map { native in
        Evidence(
          item: native.item, score: native.score, gradientNorm: native.gradient_norm,
          popularity: native.popularity)
      }
    }
  }

  /// The fields that describe users, for a sign-up form.
  public func userFields() throws -> [Field] { try fields(UInt32(MELU_ENTITY_USER)) }

  /// The fields that describe items.
  public func itemFields() throws -> [Field] { try fields(UInt32(MELU_ENTITY_ITEM)) }

  private func fields(_ entity: UInt32) throws -> [Field] {
    try call { model in
      var fields: [Field] = []
      while true {
        let index = fields.count
        var native = melu_field()
        native.struct_size = MemoryLayout<melu_field>.size
        let found = try check(unless: MELU_STATUS_NOT_FOUND) {
          melu_model_field(model, entity, index, &native, $0)
        }
        if !found { return fields }
        var values: [String] = []
        for value in 0..<(native.named != 0 ? native.values : 0) {
          var name = melu_str()
          try check { melu_model_field_value(model, entity, index, value, &name, $0) }
          values.append(string(name))
        }
        fields.append(Field(native, values))
      }
    }
  }

  /// A catalogue of the weight file's own items.
  ///
  /// Throws: notAvailable if the file has none, outOfMemory.
  public func catalog() throws -> Catalog {
    try call { model in
      var catalog: OpaquePointer?
      try check { melu_model_catalog(model, &catalog, $0) }
      return Catalog(catalog!, unknownValues: 0)
    }
  }

  /// A catalogue of items given by their field values.
  ///
  /// Throws: invalidArgument, also for an id that is there twice, unknownField, fieldValue,
  /// outOfMemory.
  public func catalog(of items: [Item]) throws -> Catalog {
    let native = NativeValues(items: items)
    return try withExtendedLifetime(native) {
      try call { model in
        var catalog: OpaquePointer?
        var unknown = 0
        try check {
          melu_catalog_new(model, native.items, native.itemCount, &catalog, &unknown, $0)
        }
        return Catalog(catalog!, unknownValues: unknown)
      }
    }
  }
}

/// A closure on its way through C.
private final class Release {
  let call: @Sendable () -> Void
  init(_ call: @escaping @Sendable () -> Void) { self.call = call }
}

/// What a model is like.
public struct Details: Hashable, Sendable {
  /// Tells the model from others: a saved user knows its model by it.
  public let fingerprint: UInt64
  /// How many fields describe a user, and an item.
  public let userFields, itemFields: Int
  /// How many items the weight file has.
  public let items: Int
  /// How many evidence candidates the weight file has.
  public let evidence: Int
  /// How many numbers the head for ratings has; 0 without one.
  public let headParameters: Int
  /// How many numbers the vectors of users and items have; 0 without a head for choosing.
  public let vectorWidth: Int
  /// There is a head for choosing: scores tell how likely a user is to choose an item and to like
  /// it. Else a score is the predicted rating.
  public let choice: Bool
  /// The model predicts ratings; else it was trained on what people chose alone.
  public let ratings: Bool
  /// Ratings are clicks, 0 or 1, and predicted ones are probabilities.
  public let clicks: Bool
  /// The model knows how far a rating may lie from the predicted one.
  public let deviations: Bool

  init(_ native: melu_model_details) {
    fingerprint = native.fingerprint
    userFields = native.user_fields
    itemFields = native.item_fields
    items = native.items
    evidence = native.evidence
    headParameters = native.head_parameters
    vectorWidth = native.vector_width
    choice = native.choice != 0
    ratings = native.ratings != 0
    clicks = native.clicks != 0
    deviations = native.deviations != 0
  }
}

/// An item worth asking a new user about.
public struct Evidence: Hashable, Sendable {
  /// The item's index in the weight file's own catalogue.
  public let item: UInt32
  /// What candidates are ranked by: the product of the next two.
  public let score: Float
  /// How far a rating of it moves the head, divided by the largest.
  public let gradientNorm: Float
  /// How many people rated it, divided by the largest.
  public let popularity: Float
}

/// A field of a model's users or items, as a form shows it.
public struct Field: Sendable {
  /// What `Value` takes first.
  public let name: String
  public let kind: Kind
  /// How many values there are to choose from; 0 of a numeric field.
  public let size: Int
  /// The names of the values, in the order of their bytes; empty of a numeric field, and where
  /// values are given by index because they have no names.
  public let values: [String]
  /// The least and the greatest number in training; not a number where they are unknown, and of
  /// fields that are not numeric. Numbers beyond them are read as them.
  public let lowest, highest: Float

  /// What a field takes: one value of a vocabulary, any number of them, or a number.
  public enum Kind: UInt32, Sendable {
    case one = 0
    case multi = 1
    case numeric = 2
  }

  init(_ native: melu_field, _ values: [String]) {
    name = string(native.name)
    kind = Kind(rawValue: native.kind) ?? .one
    size = native.values
    self.values = values
    lowest = native.lowest
    highest = native.highest
  }
}
