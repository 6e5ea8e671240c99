import CMelu

/// The lists of many users: one row of `width` places a user, the best first.
///
/// `items[width * user + rank]` is an item's index, and the numbers at the same place are those of a
/// `Recommendation`. After the end of a shorter list, items are `UInt32.max`, and numbers are not
/// numbers.
public struct BatchRecommendations: Hashable, Sendable {
  /// How many places each user has.
  public let width: Int
  /// How many items each user was recommended.
  public let counts: [Int]
  public let items: [UInt32]
  public let scores: [Float]
  public let ratings: [Float]
  public let deviations: [Float]

  /// The list of one user, best first.
  public subscript(user: Int) -> [Recommendation] {
    (width * user..<width * user + counts[user]).map { place in
      Recommendation(
        item: items[place], score: scores[place], rating: ratings[place],
        deviation: deviations[place])
    }
  }
}

extension User {
  /// Adapts many users, and finds the `count` best items for each, by one call.
  ///
  /// The users' answers lie one after another, as in a sparse matrix by rows: user `u` is adapted to
  /// `items[offsets[u]..<offsets[u + 1]]` and their `ratings`, as by `adapt`. Options are the same for
  /// all; their `threads` take users in turn. The lists are those of `recommend`, for any
  /// number of threads.
  ///
  /// Throws: what `adapt` and `recommend` do. The message names the first user with whom something is
  /// wrong, as in `users[3]`; those before are adapted, and some of those after it may be.
  /// invalidArgument for a user who is there twice, and for offsets that do not rise from 0 to the
  /// number of ratings.
  public static func recommendBatch(
    _ users: [User], offsets: [Int], items: [UInt32], ratings: [Float], count: Int,
    _ options: RecommendOptions = RecommendOptions()
  ) throws -> BatchRecommendations {
    guard items.count == ratings.count else {
      throw MeluError(invalidArgument: "\(items.count) items have \(ratings.count) ratings")
    }
    // C takes their number from that of the users.
    guard offsets.count == users.count + 1 else {
      throw MeluError(
        invalidArgument: "\(users.count) users have \(offsets.count) offsets; one more is expected")
    }
    // It takes these as numbers without a sign.
    guard offsets.allSatisfy({ $0 >= 0 }) else {
      throw MeluError(invalidArgument: "an offset is negative")
    }
    guard Set(users.map(ObjectIdentifier.init)).count == users.count else {
      throw MeluError(invalidArgument: "a user is there twice")
    }
    return try recommend(users, offsets, items, ratings, count, options)
  }

  /// Finds the `count` best items for each of many users, as they are, by one call.
  ///
  /// Throws: what `recommend` does.
  public static func recommendBatch(
    _ users: [User], count: Int, _ options: RecommendOptions = RecommendOptions()
  ) throws -> BatchRecommendations {
    try recommend(users, nil, [], [], count, options)
  }

  private static func recommend(
    _ users: [User], _ offsets: [Int]?, _ items: [UInt32], _ ratings: [Float], _ count: Int,
    _ options: RecommendOptions
  ) throws -> BatchRecommendations {
    let width = min(max(0, count), most(users))
    var best = [melu_recommendation](repeating: melu_recommendation(), count: width * users.count)
    var counts = [Int](repeating: 0, count: users.count)
    try withExtendedLifetime(users) {
      let handles = native(users)
      try options.withNative { options in
        try check {
          melu_recommend_batch(
            handles, handles.count, offsets, items, ratings, items.count, options, &best, width,
            &counts, $0)
        }
      }
    }
    func column<T>(_ member: (melu_recommendation) -> T, or none: T) -> [T] {
      best.indices.map { place in
        place % width < counts[place / width] ? member(best[place]) : none
      }
    }
    return BatchRecommendations(
      width: width, counts: counts, items: column(\.item, or: .max),
      scores: column(\.score, or: .nan), ratings: column(\.rating, or: .nan),
      deviations: column(\.deviation, or: .nan))
  }
}
