import CMelu

/// One value of one field of a user or an item. A field that takes several values is given once
/// for each; a field of which nothing is known is left out.
public struct Value: Hashable, Sendable {
  /// The name of the field that it is of.
  public let field: String
  public let content: Content

  /// What the value is.
  public enum Content: Hashable, Sendable {
    /// A name from the model's vocabulary. One that the vocabulary lacks is left out, and counted
    /// as unknown.
    case name(String)
    /// An index into the vocabulary, for models without names.
    case index(UInt32)
    /// A number, for numeric fields.
    case number(Float)
  }

  public init(_ field: String, name: String) {
    self.init(field, .name(name))
  }

  public init(_ field: String, index: UInt32) {
    self.init(field, .index(index))
  }

  public init(_ field: String, number: Float) {
    self.init(field, .number(number))
  }

  public init(_ field: String, _ content: Content) {
    self.field = field
    self.content = content
  }

  init(_ native: melu_value) {
    field = string(native.field)
    switch Int32(native.kind) {
    case MELU_VALUE_INDEX: content = .index(native.index)
    case MELU_VALUE_NUMBER: content = .number(native.number)
    default: content = .name(string(native.name))
    }
  }
}

/// An item given by its field values: nobody need have rated it.
public struct Item: Hashable, Sendable {
  /// What the program calls it; no two alike.
  public var id: String
  /// What is known of it.
  public var values: [Value]
  /// What people know it by; empty if it has none.
  public var title: String

  public init(id: String, values: [Value] = [], title: String = "") {
    self.id = id
    self.values = values
    self.title = title
  }
}

/// Items and values as C reads them, in memory that lives as long as this.
final class NativeValues {
  private let text: UnsafeMutablePointer<UInt8>
  let values: UnsafeMutablePointer<melu_value>
  let items: UnsafeMutablePointer<melu_item>
  private var textCount = 0
  private(set) var valueCount = 0
  private(set) var itemCount = 0

  init(items list: [Item] = [], profile: [Value] = []) {
    let all = list.flatMap(\.values) + profile
    var bytes = list.reduce(0) { $0 + $1.id.utf8.count + $1.title.utf8.count }
    for value in all {
      bytes += value.field.utf8.count
      if case .name(let name) = value.content { bytes += name.utf8.count }
    }
    text = .allocate(capacity: max(1, bytes))
    values = .allocate(capacity: max(1, all.count))
    items = .allocate(capacity: max(1, list.count))
    profile.forEach(add)
    for item in list {
      var native = melu_item()
      native.id = copy(item.id)
      native.title = copy(item.title)
      native.values = UnsafePointer(values + valueCount)
      native.values_len = item.values.count
      item.values.forEach(add)
      (items + itemCount).initialize(to: native)
      itemCount += 1
    }
  }

  deinit {
    text.deallocate()
    values.deallocate()
    items.deallocate()
  }

  private func copy(_ string: String) -> melu_str {
    let start = text + textCount
    for byte in string.utf8 {
      (text + textCount).initialize(to: byte)
      textCount += 1
    }
    let data = UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self)
    return melu_str(data: data, len: (text + textCount) - start)
  }

  private func add(_ value: Value) {
    var native = melu_value()
    native.field = copy(value.field)
    switch value.content {
    case .name(let name):
      native.kind = UInt32(MELU_VALUE_NAME)
      native.name = copy(name)
    case .index(let index):
      native.kind = UInt32(MELU_VALUE_INDEX)
      native.index = index
    case .number(let number):
      native.kind = UInt32(MELU_VALUE_NUMBER)
      native.number = number
    }
    (values + valueCount).initialize(to: native)
    valueCount += 1
  }
}
