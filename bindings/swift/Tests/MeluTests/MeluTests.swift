import Foundation
import Melu
import XCTest

final class MeluTests: XCTestCase {
  private func catalog(_ name: String = "sample") throws -> Catalog {
    try Model(path: sample(name)).catalog()
  }

  private func chooser(_ catalog: Catalog) throws -> User {
    let user = try catalog.user()
    try user.adapt(items: [3, 7, 12], ratings: [5, 1, 4])
    return user
  }

  private func expect(
    _ status: MeluError.Status, line: UInt = #line, _ call: () throws -> Void
  ) {
    XCTAssertThrowsError(try call(), line: line) { error in
      XCTAssertEqual((error as? MeluError)?.status, status, "\(error)", line: line)
    }
  }

  func testModelsFromEverywhere() throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: sample("choosing")))
    let expected = try chooser(catalog("choosing")).score()
    let copied = try data.withUnsafeBytes { try Model(bytes: $0) }
    XCTAssertEqual(try chooser(copied.catalog()).score(), expected)

    final class Count: @unchecked Sendable { var released = 0 }
    let count = Count()
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: data.count, alignment: 64)
    data.copyBytes(to: memory)
    do {
      var user: User?
      do {
        let model = try Model(borrowing: UnsafeRawBufferPointer(memory)) { count.released += 1 }
        user = try chooser(model.catalog())
      }
      XCTAssertEqual(count.released, 0)
      XCTAssertEqual(try user!.score(), expected)
      user = nil
    }
    XCTAssertEqual(count.released, 1)
    expect(.weightFile) {
      _ = try Model(borrowing: UnsafeRawBufferPointer(rebasing: memory[..<100])) {
        count.released += 1
      }
    }
    XCTAssertEqual(count.released, 2)
    memory.deallocate()
    expect(.weightFile) { _ = try Model(bytes: UnsafeRawBufferPointer(start: nil, count: 0)) }
    expect(.io) { _ = try Model(path: "/nonexistent/none.melu") }
    let limited = try Model(path: sample("sample"), options: .init(maxMemory: 1))
    expect(.memoryLimit) { _ = try limited.catalog(of: (0..<100).map { Item(id: "\($0)") }) }
    XCTAssertEqual(try Model(path: sample("sample"), options: .init(copy: true)).catalog().count, 3)
    XCTAssertThrowsError(try Model(path: "/nonexistent/Ärger 🎬")) { error in
      XCTAssertTrue("\(error)".contains("Ärger 🎬"), "\(error)")
    }
  }

  func testForms() throws {
    let model = try Model(path: sample("sample"))
    let fields = try model.itemFields()
    XCTAssertEqual(fields.map(\.name), ["genres", "studio", "year", "label"])
    XCTAssertEqual(fields.map(\.kind), [.multi, .one, .numeric, .one])
    XCTAssertEqual(fields[0].values, ["comedy", "drama", "war", "Ärger"])
    XCTAssertTrue(fields[0].lowest.isNaN)
    XCTAssertEqual(try model.userFields().map(\.size), [5, 2])
    XCTAssertEqual(try model.evidence(99).map(\.item), [2, 0])
    XCTAssertEqual(try model.evidence(0).count, 0)
    expect(.notAvailable) { _ = try Model(path: sample("choosing")).evidence(1) }
    XCTAssertNotEqual(try model.details().fingerprint, 0)
  }

  func testCatalogues() throws {
    let model = try Model(path: sample("sample"))
    let items = [
      Item(id: "a", values: [Value("genres", name: "war"), Value("year", number: 1999)], title: "🎬"),
      Item(id: "b", values: [Value("studio", name: "z")]),
    ]
    let made = try model.catalog(of: items)
    XCTAssertEqual([made.count, made.unknownValues], [2, 1])
    let extended = try made.extended(by: [Item(id: "c")])
    XCTAssertEqual(try extended.find("c"), 2)
    XCTAssertNil(try extended.find("d"))
    XCTAssertEqual(try extended.title(0), "🎬")
    XCTAssertEqual(try extended.removing([0]).id(0), "b")
    XCTAssertEqual(try extended.converted(to: .f16).count, 3)
    expect(.invalidArgument) { _ = try extended.extended(by: [Item(id: "a")]) }
    expect(.unknownField) { _ = try model.catalog(of: [Item(id: "a", values: [Value("x", index: 1)])]) }
    expect(.itemIndex) { _ = try made.id(2) }
    expect(.itemIndex) { _ = try made.raters(2) }
    expect(.notAvailable) { try made.withItemVectors { _ in } }

    let choosing = try catalog("choosing")
    let vector = try chooser(choosing).vector()
    try choosing.withItemVectors { vectors in
      XCTAssertEqual(vectors.count, 40)
      XCTAssertEqual(vectors.width, vector.count)
      XCTAssertTrue(zip(vectors[39], vector).allSatisfy { $0.isFinite && $1.isFinite })
    }
  }

  func testRatingsComeAndGo() throws {
    let catalog = try catalog()
    let user = try catalog.user([Value("region", name: "moon"), Value("age", index: 1)])
    XCTAssertEqual(user.unknownValues, 1)
    XCTAssertEqual(try user.unknownProfile(), [Value("region", name: "moon")])
    XCTAssertNil(user.loaded)
    let before = try user.score()
    try user.rate(2, 4.5)
    try user.rate(0, 1)
    try user.rate(2, 2)
    XCTAssertEqual(try user.ratings().map(\.item), [2, 0])
    XCTAssertEqual(try user.ratings().map(\.rating), [2, 1])
    let loaded = try catalog.load(user.save())
    XCTAssertEqual(try loaded.score(), try user.score())
    XCTAssertEqual(loaded.loaded?.adaptedAnew, false)
    XCTAssertEqual(loaded.loaded?.missingItems, 0)
    XCTAssertTrue(try user.withdraw(2))
    XCTAssertFalse(try user.withdraw(2))
    expect(.itemIndex) { try user.rate(3, 1) }
    expect(.rating) { try user.rate(0, .nan) }
    expect(.invalidArgument) { try user.adapt(items: [0], ratings: []) }
    expect(.savedUser) { _ = try catalog.load([1, 2, 3]) }
    try user.reset()
    XCTAssertEqual(try user.score(), before)
  }

  func testRecommends() throws {
    let catalog = try catalog("choosing")
    let user = try chooser(catalog)
    let all = try user.recommend(.max).map(\.item)
    XCTAssertEqual(all.count, 37)
    let even = all.filter { $0 % 2 == 0 }
    for threads: UInt32 in [1, 3] {
      let options = RecommendOptions(threads: threads, filter: { $0 % 2 == 0 })
      XCTAssertEqual(try user.recommend(.max, options).map(\.item), even)
    }
    XCTAssertEqual(try user.recommend(9, RecommendOptions(among: [])), [])
    XCTAssertEqual(try user.recommend(9, RecommendOptions(among: [all[3], all[1]])).map(\.item), [all[1], all[3]])
    XCTAssertEqual(try user.recommend(-1), [])
    expect(.itemIndex) { _ = try user.recommend(1, RecommendOptions(leaveOut: [40])) }
    expect(.invalidArgument) { _ = try user.recommend(1, RecommendOptions(popularityDiscount: .nan)) }
    XCTAssertEqual(try user.score([7, 5]), [try user.score()[7], try user.score()[5]])
    XCTAssertEqual(try user.score([]), [])
    XCTAssertEqual(try user.deviations([7]).count, 1)
    expect(.itemIndex) { _ = try user.predict([40]) }
    var room = [Float](repeating: 0, count: 39)
    expect(.capacity) { try room.withUnsafeMutableBufferPointer { _ = try user.score(into: $0) } }
    room.append(0)
    XCTAssertEqual(try room.withUnsafeMutableBufferPointer { try user.score(into: $0) }, 40)
    XCTAssertEqual(room, try user.score())

    let positive = try chooser(self.catalog("positive_only"))
    expect(.notAvailable) { _ = try positive.predict() }
    XCTAssertTrue(try positive.recommend(5).allSatisfy { $0.rating.isNaN })
  }

  func testBatches() throws {
    let catalog = try catalog("choosing")
    let items: [UInt32] = [3, 7, 12, 5, 9]
    let ratings: [Float] = [5, 1, 4, 2, 5]
    let offsets = [0, 3, 3, 5]
    for threads: UInt32 in [1, 3] {
      let users = try (0..<3).map { _ in try catalog.user() }
      let options = RecommendOptions(threads: threads)
      let found = try User.recommendBatch(
        users, offsets: offsets, items: items, ratings: ratings, count: 6, options)
      XCTAssertEqual([found.width, found.counts.count, found.items.count], [6, 3, 18])
      for user in users.indices {
        let alone = try catalog.user()
        let own = offsets[user]..<offsets[user + 1]
        try alone.adapt(items: Array(items[own]), ratings: Array(ratings[own]))
        XCTAssertEqual(found[user], try alone.recommend(6))
        XCTAssertEqual(try users[user].score(), try alone.score())
        XCTAssertEqual(found.items[6 * user], found[user][0].item)
      }
      XCTAssertEqual(try User.recommendBatch(users, count: 6, options), found)
    }

    // Lists of different lengths, and a filter.
    let users = try (0..<2).map { _ in try catalog.user() }
    let few = RecommendOptions(among: [3, 7, 8], filter: { $0 != 8 })
    let found = try User.recommendBatch(
      users, offsets: [0, 1, 1], items: [3], ratings: [4], count: .max, few)
    XCTAssertEqual(found.width, 40)
    XCTAssertEqual(found.counts, [1, 2])
    XCTAssertEqual(found.items[1], .max)
    XCTAssertTrue(found.scores[1].isNaN && found.deviations[39].isNaN)
    XCTAssertEqual(try User.recommendBatch([], count: 5).counts, [])
    XCTAssertEqual(try User.recommendBatch(users, count: -1)[1], [])

    func batch(_ users: [User], _ offsets: [Int], _ items: [UInt32], _ ratings: [Float]) throws {
      _ = try User.recommendBatch(
        users, offsets: offsets, items: items, ratings: ratings, count: 3)
    }
    expect(.invalidArgument) { try batch([users[0], users[0]], [0, 1, 2], [1, 2], [1, 2]) }
    expect(.invalidArgument) { try batch(users, [0, 1], [1], [1]) }
    expect(.invalidArgument) { try batch(users, [0, 1, 3], [1, 2], [1, 2]) }
    expect(.invalidArgument) { try batch(users, [0, -1, 2], [1, 2], [1, 2]) }
    expect(.invalidArgument) { try batch(users, [0, 1, 2], [1, 2], [1]) }
    XCTAssertThrowsError(try batch(users, [0, 1, 2], [1, 40], [1, 2])) { error in
      XCTAssertEqual((error as? MeluError)?.status, .itemIndex)
      XCTAssertTrue("\(error)".hasPrefix("users[1]: "), "\(error)")
    }
    XCTAssertEqual(try users[0].ratings().map(\.item), [1])
  }

  func testAsks() throws {
    let catalog = try catalog()
    let user = try catalog.user()
    let questions = try catalog.questions()
    var asked = Asked()
    for _ in 0..<catalog.count {
      let question = try XCTUnwrap(try user.nextQuestion(questions, asked))
      XCTAssertFalse(asked.unknown.contains(question.item))
      asked.unknown.append(question.item)
    }
    XCTAssertNil(try user.nextQuestion(questions, asked))
    XCTAssertNil(try user.nextQuestion(questions, Asked(known: [])))
    XCTAssertEqual(try user.nextQuestion(questions, Asked(known: [1]))?.item, 1)
    let stranger = try self.catalog().user()
    expect(.invalidArgument) { _ = try stranger.nextQuestion(questions) }
  }

  func testACatalogueServesManyThreads() throws {
    let catalog = try catalog("choosing")
    let expected = try chooser(catalog).recommend(5)
    DispatchQueue.concurrentPerform(iterations: 64) { _ in
      XCTAssertEqual(try? self.chooser(catalog).recommend(5), expected)
    }
  }

  func testManyCyclesFreeWhatTheyMake() throws {
    let catalog = try catalog("choosing")
    func cycles(_ count: Int) throws {
      for _ in 0..<count {
        let user = try chooser(catalog)
        let options = RecommendOptions(filter: { $0 != 1 })
        XCTAssertEqual(try user.recommend(3, options).count, 3)
        _ = try catalog.load(user.save())
        _ = try Model(path: sample("choosing")).itemFields()
      }
    }
    func pages() throws -> Int? {
      // Linux says how much memory a process has.
      guard let statm = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
        return nil
      }
      return Int(statm.split(separator: " ")[1])
    }
    try cycles(1000)
    let before = try pages()
    try cycles(5000)
    if let before, let after = try pages() {
      // A leak of some 3 KB, as of a user, would be 15 MB.
      XCTAssertLessThan((after - before) * 4096, 8 << 20)
    }
  }
}
