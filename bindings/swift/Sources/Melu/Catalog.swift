import CMelu

/// A list of items with their features, known by index from 0.
///
/// Any number of threads and tasks may use it at once; it never changes. Make one, and share it.
public final class Catalog: @unchecked Sendable {
  private let pointer: OpaquePointer

  /// How many items there are.
  public let count: Int

  /// How many names of the items that it was made or extended with the model's vocabularies lack;
  /// they were left out.
  public let unknownValues: Int

  init(_ pointer: OpaquePointer, unknownValues: Int) {
    self.pointer = pointer
    self.unknownValues = unknownValues
    count = melu_catalog_len(pointer)
  }

  deinit { melu_catalog_free(pointer) }

  private func call<T>(_ body: (OpaquePointer) throws -> T) rethrows -> T {
    try withExtendedLifetime(self) { try body(pointer) }
  }

  /// The index of the item with an id; nil if there is none.
  public func find(_ id: String) throws -> UInt32? {
    var item: UInt32 = 0
    let found = try withText(id) { text in
      try call { catalog in
        try check(unless: MELU_STATUS_NOT_FOUND) { melu_catalog_find(catalog, text, &item, $0) }
      }
    }
    return found ? item : nil
  }

  /// The id of the item at an index. Throws: itemIndex.
  public func id(_ item: UInt32) throws -> String {
    try call { catalog in
      var text = melu_str()
      try check { melu_catalog_id(catalog, item, &text, $0) }
      return string(text)
    }
  }

  /// The title of the item at an index; empty where there is none. Throws: itemIndex.
  public func title(_ item: UInt32) throws -> String {
    try call { catalog in
      var text = melu_str()
      try check { melu_catalog_title(catalog, item, &text, $0) }
      return string(text)
    }
  }

  /// How many people chose or rated an item in training; 0 for one that is new.
  ///
  /// Throws: itemIndex, notAvailable for a model that does not know.
  public func raters(_ item: UInt32) throws -> Int {
    var raters: UInt32 = 0
    try call { catalog in try check { melu_catalog_raters(catalog, item, &raters, $0) } }
    return Int(raters)
  }

  /// A catalogue of this one's items, at their indices, and after them more. A user moves to it by
  /// `save` and `load`. Throws: as `Model.catalog(of:)`.
  public func extended(by items: [Item]) throws -> Catalog {
    let native = NativeValues(items: items)
    return try withExtendedLifetime(native) {
      try call { catalog in
        var extended: OpaquePointer?
        var unknown = 0
        try check {
          melu_catalog_extend(catalog, native.items, native.itemCount, &extended, &unknown, $0)
        }
        return Catalog(extended!, unknownValues: unknown)
      }
    }
  }

  /// A catalogue of this one's items without some of them: those that stay keep their order, and
  /// move up. A user moves to it by `save` and `load`. Throws: itemIndex, outOfMemory.
  public func removing(_ items: [UInt32]) throws -> Catalog {
    try call { catalog in
      var smaller: OpaquePointer?
      try check { melu_catalog_remove(catalog, items, items.count, &smaller, $0) }
      return Catalog(smaller!, unknownValues: unknownValues)
    }
  }

  /// What a catalogue keeps its rows in: 4 bytes a number, or 2, with which scores move by some
  /// thousandth of their spread.
  public enum DataType: UInt32, Sendable {
    case f32 = 0
    case f16 = 1
  }

  /// A catalogue of this one's items in another data type. A user moves to it by `save` and `load`.
  ///
  /// Throws: invalidArgument for an item that f16 cannot describe, outOfMemory.
  public func converted(to dataType: DataType) throws -> Catalog {
    try call { catalog in
      var converted: OpaquePointer?
      try check { melu_catalog_convert(catalog, dataType.rawValue, &converted, $0) }
      return Catalog(converted!, unknownValues: unknownValues)
    }
  }

  /// Vectors in the library's memory, which are there during the call that they are given to.
  public struct Vectors {
    let native: melu_vectors

    /// How many there are.
    public var count: Int { native.rows }

    /// How many numbers each has.
    public var width: Int { native.width }

    /// The numbers of one of them.
    public subscript(row: Int) -> UnsafeBufferPointer<Float> {
      precondition(row >= 0 && row < native.rows, "there is no vector \(row)")
      return UnsafeBufferPointer(start: native.data + row * native.stride, count: native.width)
    }
  }

  /// The items as vectors, for an index of vectors; nothing is copied.
  ///
  /// The inner product of one and `User.vector` is the item's score, but for what neighbours of the
  /// user's answers add, and for the predicted rating.
  ///
  /// Throws: notAvailable for a model without a head for choosing; what `body` throws.
  public func withItemVectors<T>(_ body: (Vectors) throws -> T) throws -> T {
    try call { catalog in
      var vectors = melu_vectors()
      try check { melu_catalog_item_vectors(catalog, &vectors, $0) }
      return try body(Vectors(native: vectors))
    }
  }

  /// A user of whom a profile is known: values by field, in any order.
  ///
  /// Throws: invalidArgument, unknownField, fieldValue, outOfMemory.
  public func user(_ profile: [Value] = []) throws -> User {
    let native = NativeValues(profile: profile)
    return try withExtendedLifetime(native) {
      try call { catalog in
        var user: OpaquePointer?
        var unknown = 0
        try check {
          melu_user_new(catalog, native.values, native.valueCount, &user, &unknown, $0)
        }
        return User(user!, items: count, unknownValues: unknown, loaded: nil)
      }
    }
  }

  /// A user that was saved, with this catalogue's model or another one. `User.loaded` tells what
  /// became of them.
  ///
  /// Throws: savedUser, outOfMemory; with another model, rating and diverged if it cannot learn
  /// from the ratings.
  public func load(_ bytes: [UInt8]) throws -> User {
    try call { catalog in
      var user: OpaquePointer?
      var report = melu_load_report()
      report.struct_size = MemoryLayout<melu_load_report>.size
      try check { melu_user_load(catalog, bytes, bytes.count, &user, &report, $0) }
      let loaded = User.Loaded(
        adaptedAnew: report.adapted_anew != 0, missingItems: report.missing_items)
      return User(user!, items: count, unknownValues: report.unknown_values, loaded: loaded)
    }
  }

  /// Prepares questions about the catalogue's items.
  ///
  /// Throws: notAvailable if the model orders by predicted rating and does not know how sure it is.
  public func questions() throws -> Questions {
    try call { catalog in
      var questions: OpaquePointer?
      try check { melu_questions_new(catalog, &questions, $0) }
      return Questions(questions!)
    }
  }
}
