import CMelu

/// Why a call of the library failed.
public struct MeluError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public let status: Status
  /// Names the argument, file, field, index and value concerned.
  public let message: String

  public var description: String { message }

  /// The kind of a failure: what `melu_status` says of it. Later versions may add more.
  public enum Status: UInt32, Sendable, CaseIterable {
    case invalidArgument = 1
    case invalidUTF8 = 2
    case capacity = 3
    case io = 4
    case weightFile = 5
    case unknownField = 6
    case fieldValue = 7
    case itemIndex = 8
    case rating = 9
    case diverged = 10
    case notFound = 11
    case notAvailable = 12
    case savedUser = 13
    case outOfMemory = 14
    case panic = 15
    case memoryLimit = 16
    /// One that this version does not know.
    case unknown = 0xFFFF_FFFF
  }

  init(_ native: melu_error) {
    var native = native
    status = Status(rawValue: UInt32(native.status.rawValue)) ?? .unknown
    message = withUnsafeBytes(of: &native.message) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// What C cannot see, since it takes one length for both lists.
  init(invalidArgument message: String) {
    status = .invalidArgument
    self.message = message
  }
}

/// Makes a call of C, and throws what it says.
@inline(__always)
func check(_ call: (UnsafeMutablePointer<melu_error>) -> melu_status) throws {
  var error = melu_error()
  let status = call(&error)
  if status != MELU_STATUS_OK { throw MeluError(error) }
}

/// The same, where one status is an answer: false if it comes.
@inline(__always)
func check(
  unless answer: melu_status, _ call: (UnsafeMutablePointer<melu_error>) -> melu_status
) throws -> Bool {
  var error = melu_error()
  let status = call(&error)
  if status == answer { return false }
  if status != MELU_STATUS_OK { throw MeluError(error) }
  return true
}

/// In the place of a count of items: all of the catalogue. C's `SIZE_MAX`, which is an `Int` here.
let allItems = Int(bitPattern: UInt.max)

func string(_ text: melu_str) -> String {
  guard let data = text.data, text.len > 0 else { return "" }
  let bytes = UnsafeRawBufferPointer(start: data, count: text.len)
  return String(decoding: bytes, as: UTF8.self)
}

func withText<T>(_ text: String, _ body: (melu_str) throws -> T) rethrows -> T {
  var text = text
  return try text.withUTF8 { bytes in
    let data = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
    return try body(melu_str(data: data, len: bytes.count))
  }
}

/// What the library is.
public enum Melu {
  /// The library's version, as `0.1.0`.
  public static var version: String { string(melu_version()) }

  /// The instructions by which scores are computed on this processor, as `neon`.
  public static var kernel: String { string(melu_kernel_name()) }
}
