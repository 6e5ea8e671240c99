import CMelu

/// What questions to users of one catalogue are chosen in: all that this needs, and nothing that is
/// known of a user. It serves one call at a time, for any number of users, and is not `Sendable`.
public final class Questions {
  private let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  deinit { melu_questions_free(pointer) }

  func call<T>(_ body: (OpaquePointer) throws -> T) rethrows -> T {
    try withExtendedLifetime(self) { try body(pointer) }
  }
}

@available(*, unavailable, message: "a workspace serves one call at a time")
extension Questions: Sendable {}

/// What is known besides the ratings when a question is chosen.
public struct Asked: Sendable {
  /// Items that the user was asked about and did not know: they are not asked again, and tell what
  /// else the user may not know.
  public var unknown: [UInt32]
  /// Items that are not to be asked about.
  public var leaveOut: [UInt32]
  /// The only items to ask about, where the program knows that the user knows them; nil: any item.
  public var known: [UInt32]?

  public init(unknown: [UInt32] = [], leaveOut: [UInt32] = [], known: [UInt32]? = nil) {
    self.unknown = unknown
    self.leaveOut = leaveOut
    self.known = known
  }

  func withNative<T>(_ body: (UnsafePointer<melu_question_options>) throws -> T) rethrows -> T {
    try unknown.withUnsafeBufferPointer { unknown in
      try leaveOut.withUnsafeBufferPointer { leaveOut in
        try withList(known) { known, count in
          var native = melu_question_options()
          native.struct_size = MemoryLayout<melu_question_options>.size
          native.unknown = unknown.baseAddress
          native.unknown_len = unknown.count
          native.leave_out = leaveOut.baseAddress
          native.leave_out_len = leaveOut.count
          native.known = known
          native.known_len = count
          return try body(&native)
        }
      }
    }
  }
}

/// An item worth asking about.
public struct Question: Hashable, Sendable {
  /// The item's index in the user's catalogue.
  public let item: UInt32
  /// The chance that the user knows it.
  public let known: Float
  /// By how much an answer would lower the mean variance of what the user's vector says of items, in
  /// the head's units, squared.
  public let reduction: Float

  init(_ native: melu_question) {
    item = native.item
    known = native.known
    reduction = native.reduction
  }
}
