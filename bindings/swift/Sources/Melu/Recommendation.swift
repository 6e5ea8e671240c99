import CMelu

/// An item, its score, and what the user would rate it.
public struct Recommendation: Hashable, Sendable {
  /// The item's index in the user's catalogue.
  public let item: UInt32
  /// What it was ordered by: see `User.score`; or the predicted rating.
  public let score: Float
  /// The predicted rating: see `User.predict`. Not a number if the model was trained without
  /// ratings.
  public let rating: Float
  /// The standard deviation of that; not a number where the model knows none.
  public let deviation: Float

  init(item: UInt32, score: Float, rating: Float, deviation: Float) {
    self.item = item
    self.score = score
    self.rating = rating
    self.deviation = deviation
  }

  init(_ native: melu_recommendation) {
    self.init(
      item: native.item, score: native.score, rating: native.rating, deviation: native.deviation)
  }
}

/// Which items are recommended, in what order, and how many threads look for them. As it is made, it
/// means the best of the catalogue by score, without what the user rated, by one thread.
public struct RecommendOptions: Sendable {
  /// What recommendations are ordered by: how likely the user is to choose the item and to like it,
  /// or the predicted rating.
  public enum Order: UInt32, Sendable {
    case score = 0
    case rating = 1
  }

  /// Items that are left out, in any order.
  public var leaveOut: [UInt32]
  /// The only items to recommend, as a search or an index of vectors found them; nil: all items of
  /// the catalogue.
  public var among: [UInt32]?
  /// Items that neighbours of the user's answers speak for or against may be recommended too where
  /// `among` lacks them. An index of vectors does not find them all.
  public var addNeighbours: Bool
  /// What the user rated may be recommended too.
  public var keepRated: Bool
  public var order: Order
  /// How much less it counts than in training that an item is much chosen: 0, as trained; 1, not at
  /// all.
  public var popularityDiscount: Float
  /// Items with fewer raters in training are left out.
  public var minRaters: UInt32
  /// At least so many places go to items that nobody chose in training, if there are as many.
  public var newItems: Int
  /// How many threads compute, the calling one among them. They are the system's, and end with the
  /// call. The result is the same for any number.
  public var threads: UInt32
  /// Decides whether an item may be recommended. It is called for items that would come into the
  /// list otherwise, some hundred times for a list of 20, by all threads that compute.
  public var filter: (@Sendable (UInt32) -> Bool)?

  public init(
    leaveOut: [UInt32] = [], among: [UInt32]? = nil, addNeighbours: Bool = false,
    keepRated: Bool = false, order: Order = .score, popularityDiscount: Float = 0,
    minRaters: UInt32 = 0, newItems: Int = 0, threads: UInt32 = 1,
    filter: (@Sendable (UInt32) -> Bool)? = nil
  ) {
    self.leaveOut = leaveOut
    self.among = among
    self.addNeighbours = addNeighbours
    self.keepRated = keepRated
    self.order = order
    self.popularityDiscount = popularityDiscount
    self.minRaters = minRaters
    self.newItems = newItems
    self.threads = threads
    self.filter = filter
  }

  func withNative<T>(_ body: (UnsafePointer<melu_recommend_options>) throws -> T) rethrows -> T {
    var native = melu_recommend_options()
    native.struct_size = MemoryLayout<melu_recommend_options>.size
    native.add_neighbours = addNeighbours ? 1 : 0
    native.keep_rated = keepRated ? 1 : 0
    native.order = order.rawValue
    native.popularity_discount = popularityDiscount
    native.min_raters = minRaters
    native.new_items = max(0, newItems)
    native.threads = threads
    return try leaveOut.withUnsafeBufferPointer { leaveOut in
      native.leave_out = leaveOut.baseAddress
      native.leave_out_len = leaveOut.count
      return try withList(among) { list, count in
        native.among = list
        native.among_len = count
        guard let filter else { return try body(&native) }
        let context = Context(filter)
        return try withExtendedLifetime(context) {
          native.filter_context = Unmanaged.passUnretained(context).toOpaque()
          native.filter = { item, context in
            Unmanaged<Context>.fromOpaque(context!).takeUnretainedValue().filter(item) ? 1 : 0
          }
          return try body(&native)
        }
      }
    }
  }

  /// A filter on its way through C.
  private final class Context {
    let filter: @Sendable (UInt32) -> Bool
    init(_ filter: @escaping @Sendable (UInt32) -> Bool) { self.filter = filter }
  }
}

/// A list for C, to which an empty one is another thing than none.
func withList<T>(
  _ list: [UInt32]?, _ body: (UnsafePointer<UInt32>?, Int) throws -> T
) rethrows -> T {
  guard let list else { return try body(nil, 0) }
  if list.isEmpty {
    return try withUnsafePointer(to: UInt32(0)) { try body($0, 0) }
  }
  return try list.withUnsafeBufferPointer { try body($0.baseAddress, $0.count) }
}
