import CMelu

/// A user of one catalogue: a profile, ratings, and the head adapted to them.
///
/// It is not `Sendable`: functions that change it run alone. Keep each user in one actor or on one
/// queue. A user of the default recipe takes some 3 KB.
public final class User {
  private let pointer: OpaquePointer
  private let items: Int

  /// How many names of the profile the model's vocabularies lack; they were left out.
  public let unknownValues: Int

  /// What became of a user that was loaded; nil for others.
  public let loaded: Loaded?

  /// What became of a user that was loaded.
  public struct Loaded: Hashable, Sendable {
    /// The user was saved by another model, or in a catalogue of another data type, and was adapted
    /// anew.
    public let adaptedAnew: Bool
    /// How many of the user's ratings are of items that the catalogue lacks. They are kept, and
    /// saved again, until the user is adapted or reset.
    public let missingItems: Int
  }

  init(_ pointer: OpaquePointer, items: Int, unknownValues: Int, loaded: Loaded?) {
    self.pointer = pointer
    self.items = items
    self.unknownValues = unknownValues
    self.loaded = loaded
  }

  deinit { melu_user_free(pointer) }

  /// For calls that take several users, which must outlive them.
  static func native(_ users: [User]) -> [OpaquePointer?] { users.map(\.pointer) }

  /// The most items that one of the users can be recommended.
  static func most(_ users: [User]) -> Int { users.map(\.items).max() ?? 0 }

  private func call<T>(_ body: (OpaquePointer) throws -> T) rethrows -> T {
    try withExtendedLifetime(self) { try body(pointer) }
  }

  /// Adapts the user to all of their ratings: what was adapted before is replaced. `ratings[i]` is
  /// that of `items[i]`.
  ///
  /// Throws: invalidArgument for lists of different lengths, itemIndex, rating, outOfMemory: the
  /// user is as before; diverged: the user is reset.
  public func adapt(items: [UInt32], ratings: [Float]) throws {
    guard items.count == ratings.count else {
      throw MeluError(invalidArgument: "\(items.count) items have \(ratings.count) ratings")
    }
    try call { user in try check { melu_user_adapt(user, items, ratings, items.count, $0) } }
  }

  /// Adds a rating, or changes the one that the user gave of the item before, and adapts the user
  /// to all of their ratings. Throws: as `adapt`.
  public func rate(_ item: UInt32, _ rating: Float) throws {
    try call { user in try check { melu_user_rate(user, item, rating, $0) } }
  }

  /// Withdraws the user's rating of an item; false if the user did not rate it. Throws: as `adapt`.
  @discardableResult
  public func withdraw(_ item: UInt32) throws -> Bool {
    try call { user in
      try check(unless: MELU_STATUS_NOT_FOUND) { melu_user_withdraw(user, item, $0) }
    }
  }

  /// Forgets the user's ratings, but not the profile.
  public func reset() throws {
    try call { user in try check { melu_user_reset(user, $0) } }
  }

  /// What the user said of an item.
  public struct Rating: Hashable, Sendable {
    public let item: UInt32
    public let rating: Float
  }

  /// What the user rated, and is adapted to. What `predict` returns is predicted.
  public func ratings() throws -> [Rating] {
    try call { user in
      var count = 0
      _ = try check(unless: MELU_STATUS_CAPACITY) {
        melu_user_ratings(user, nil, nil, 0, &count, $0)
      }
      var items = [UInt32](repeating: 0, count: count)
      var ratings = [Float](repeating: 0, count: count)
      try check { melu_user_ratings(user, &items, &ratings, count, &count, $0) }
      return zip(items, ratings).map(Rating.init)
    }
  }

  /// The values of the user's profile that the model does not know, in the order in which they were
  /// given: names that its vocabularies lack, and numbers far beyond those of the training data.
  public func unknownProfile() throws -> [Value] {
    try call { user in
      var count = 0
      _ = try check(unless: MELU_STATUS_CAPACITY) {
        melu_user_unknown_profile(user, nil, 0, &count, $0)
      }
      var values = [melu_value](repeating: melu_value(), count: count)
      try check { melu_user_unknown_profile(user, &values, count, &count, $0) }
      return values.map(Value.init)
    }
  }

  /// The score of each of the items, or of all, by which recommendations are ordered: how likely the
  /// user is to choose the item and to like it, in a unit of its own; of a model without a head for
  /// choosing the predicted rating.
  ///
  /// Throws: itemIndex, diverged with a damaged weight file.
  public func score(_ items: [UInt32]? = nil) throws -> [Float] {
    try numbers(items) { scores in _ = try score(items, into: scores) }
  }

  /// The same to memory of the caller's; returns how many scores there are.
  ///
  /// Throws: capacity if there is not room for all.
  @discardableResult
  public func score(
    _ items: [UInt32]? = nil, into scores: UnsafeMutableBufferPointer<Float>
  ) throws -> Int {
    try call { user in
      var needed = 0
      try check {
        melu_user_score(
          user, items, items?.count ?? allItems, scores.baseAddress, scores.count, &needed, $0)
      }
      return needed
    }
  }

  /// What the user would rate each of the items, or of all, if they tried it; a probability for a
  /// model of clicks.
  ///
  /// Throws: itemIndex, notAvailable if the model was trained without ratings.
  public func predict(_ items: [UInt32]? = nil) throws -> [Float] {
    try numbers(items) { ratings in _ = try predict(items, into: ratings) }
  }

  /// The same to memory of the caller's, with the standard deviations of what the user would say
  /// around the predictions if there is memory for them, of the same length.
  @discardableResult
  public func predict(
    _ items: [UInt32]? = nil, into ratings: UnsafeMutableBufferPointer<Float>,
    deviations: UnsafeMutableBufferPointer<Float>? = nil
  ) throws -> Int {
    if let deviations, deviations.count != ratings.count {
      throw MeluError(
        invalidArgument: "there is room for \(ratings.count) ratings and \(deviations.count) deviations")
    }
    return try call { user in
      var needed = 0
      try check {
        melu_user_predict(
          user, items, items?.count ?? allItems, ratings.baseAddress, deviations?.baseAddress,
          ratings.count, &needed, $0)
      }
      return needed
    }
  }

  /// The standard deviation of what the user would say of each of the items around `predict`.
  ///
  /// Throws: itemIndex, notAvailable if the model does not know.
  public func deviations(_ items: [UInt32]? = nil) throws -> [Float] {
    var ratings = [Float](repeating: 0, count: max(1, items?.count ?? self.items))
    return try ratings.withUnsafeMutableBufferPointer { ratings in
      try numbers(items) { deviations in
        let beside = UnsafeMutableBufferPointer(rebasing: ratings[..<deviations.count])
        _ = try predict(items, into: beside, deviations: deviations)
      }
    }
  }

  /// One number for each of the items.
  private func numbers(
    _ items: [UInt32]?, _ write: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws -> [Float] {
    let count = items?.count ?? self.items
    return try [Float](unsafeUninitializedCapacity: max(1, count)) { room, length in
      try write(UnsafeMutableBufferPointer(rebasing: room[..<count]))
      length = count
    }
  }

  /// The user as a vector: what those of `Catalog.withItemVectors` are multiplied with.
  ///
  /// Throws: notAvailable for a model without a head for choosing.
  public func vector() throws -> [Float] {
    try call { user in
      var width = 0
      _ = try check(unless: MELU_STATUS_CAPACITY) { melu_user_vector(user, nil, 0, &width, $0) }
      var vector = [Float](repeating: 0, count: width)
      try check { melu_user_vector(user, &vector, width, &width, $0) }
      return vector
    }
  }

  /// The saved user: profile, ratings by item id, and the adapted head. `Catalog.load` takes it.
  public func save() throws -> [UInt8] {
    try call { user in
      var count = 0
      _ = try check(unless: MELU_STATUS_CAPACITY) { melu_user_save(user, nil, 0, &count, $0) }
      var bytes = [UInt8](repeating: 0, count: count)
      try check { melu_user_save(user, &bytes, count, &count, $0) }
      return bytes
    }
  }

  /// The `count` best items of the user's catalogue or of a list, best first, or fewer if there are
  /// no more; of equal ones the one with the lower index first.
  ///
  /// Throws: itemIndex, invalidArgument for a discount that is not a number, notAvailable for an
  /// order by ratings that the model does not predict, diverged with a damaged weight file.
  public func recommend(
    _ count: Int, _ options: RecommendOptions = RecommendOptions()
  ) throws -> [Recommendation] {
    let most = min(max(0, count), items)
    return try call { user in
      try options.withNative { native in
        let best = try [melu_recommendation](unsafeUninitializedCapacity: max(1, most)) {
          room, length in
          try check { melu_user_recommend(user, native, room.baseAddress, most, &length, $0) }
        }
        return best.map(Recommendation.init)
      }
    }
  }

  /// The item that the user is best asked about next; nil if there is nothing left to ask.
  ///
  /// Throws: invalidArgument for questions of another catalogue than the user's, itemIndex.
  public func nextQuestion(_ questions: Questions, _ asked: Asked = Asked()) throws -> Question? {
    try call { user in
      try questions.call { workspace in
        try asked.withNative { native in
          var question = melu_question()
          let found = try check(unless: MELU_STATUS_NOT_FOUND) {
            melu_user_next_question(user, workspace, native, &question, $0)
          }
          return found ? Question(question) : nil
        }
      }
    }
  }
}

@available(*, unavailable, message: "functions that change a user run alone")
extension User: Sendable {}
