import Foundation
import Melu
import XCTest

/// The repository.
let root = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

func sample(_ name: String) -> String {
  root.appendingPathComponent("bindings/go/testdata/\(name).melu").path
}

/// The numbers that all languages must give; `tests/everywhere.rs` says what is in the file.
private struct Golden: Decodable {
  let tolerance: Float
  let models: [OneModel]

  struct OneModel: Decodable {
    let file: String
    let items: Int
    let choice, ratings, deviations: Bool
    let vector_width: Int
    let ids, titles: [String]
    let users: [OneUser]
  }

  struct OneUser: Decodable {
    let profile: [ProfileValue]
    let answers: [[Float]]
    let unknown: [UInt32]
    let count: Int
    let options: Options
    let scores: [Float]
    let predicted, predicted_deviations, vector: [Float]?
    let best: [Found]
    let question: Asked?
    let saved: String
  }

  struct ProfileValue: Decodable {
    let field: String
    let name: String?
    let index: UInt32?
    let number: Float?
  }

  struct Options: Decodable {
    let leave_out, among: [UInt32]?
    let new_items: Int?
    let add_neighbours, keep_rated, only_even: Bool?
    let order: String?
    let min_raters: UInt32?
    let popularity_discount: Float?
  }

  struct Found: Decodable {
    let item: UInt32
    let score: Float
    let rating, deviation: Float?
  }

  struct Asked: Decodable {
    let item: UInt32
    let known, reduction: Float
  }
}

final class EverywhereTests: XCTestCase {
  private var tolerance: Float = 0

  private func near(_ found: [Float], _ expected: [Float], _ what: String) {
    XCTAssertEqual(found.count, expected.count, what)
    for (found, expected) in zip(found, expected) {
      XCTAssertTrue(
        abs(found - expected) <= tolerance * (1 + abs(expected)), "\(what): \(found), not \(expected)")
    }
  }

  private func options(_ given: Golden.Options) -> RecommendOptions {
    var options = RecommendOptions(
      leaveOut: given.leave_out ?? [], among: given.among,
      addNeighbours: given.add_neighbours ?? false, keepRated: given.keep_rated ?? false,
      order: given.order == "rating" ? .rating : .score,
      popularityDiscount: given.popularity_discount ?? 0, minRaters: given.min_raters ?? 0,
      newItems: given.new_items ?? 0)
    if given.only_even == true { options.filter = { $0 % 2 == 0 } }
    return options
  }

  private func compare(
    _ what: String, _ expected: Golden.OneUser, _ user: User, _ questions: Questions
  ) throws {
    near(try user.score(), expected.scores, "\(what) score")
    if let predicted = expected.predicted { near(try user.predict(), predicted, "\(what) rating") }
    if let deviations = expected.predicted_deviations {
      near(try user.deviations(), deviations, "\(what) deviation")
    }
    if let vector = expected.vector { near(try user.vector(), vector, "\(what) vector") }
    let best = try user.recommend(expected.count, options(expected.options))
    XCTAssertEqual(best.map(\.item), expected.best.map(\.item), what)
    for (found, wanted) in zip(best, expected.best) {
      near([found.score], [wanted.score], "\(what) best score")
      for (number, wanted) in [(found.rating, wanted.rating), (found.deviation, wanted.deviation)] {
        if let wanted { near([number], [wanted], "\(what) best") } else { XCTAssertTrue(number.isNaN) }
      }
    }
    let question = try user.nextQuestion(questions, Asked(unknown: expected.unknown))
    XCTAssertEqual(question?.item, expected.question?.item, what)
    if let question, let wanted = expected.question {
      near([question.known, question.reduction], [wanted.known, wanted.reduction], "\(what) question")
    }
  }

  func testTheNumbersAreThoseOfAllLanguages() throws {
    let file = root.appendingPathComponent("tests/golden/everywhere.json")
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    tolerance = golden.tolerance
    var users = 0
    for described in golden.models {
      let model = try Model(path: root.appendingPathComponent(described.file).path)
      let details = try model.details()
      XCTAssertEqual(details.items, described.items)
      XCTAssertEqual(details.vectorWidth, described.vector_width)
      XCTAssertEqual(
        [details.choice, details.ratings, details.deviations],
        [described.choice, described.ratings, described.deviations])
      let catalog = try model.catalog()
      let items = (0..<UInt32(catalog.count))
      XCTAssertEqual(try items.map(catalog.id), described.ids)
      XCTAssertEqual(try items.map(catalog.title), described.titles)
      let questions = try catalog.questions()
      for expected in described.users {
        let what = "\(described.file) user \(users)"
        users += 1
        let profile = expected.profile.map { given -> Value in
          if let name = given.name { return Value(given.field, name: name) }
          if let index = given.index { return Value(given.field, index: index) }
          return Value(given.field, number: given.number!)
        }
        let user = try catalog.user(profile)
        try user.adapt(
          items: expected.answers.map { UInt32($0[0]) }, ratings: expected.answers.map { $0[1] })
        try compare(what, expected, user, questions)
        let digits = Array(expected.saved)
        let saved = stride(from: 0, to: digits.count, by: 2).map {
          UInt8(String(digits[$0...($0 + 1)]), radix: 16)!
        }
        let loaded = try catalog.load(saved)
        XCTAssertEqual(loaded.loaded?.adaptedAnew, false)
        try compare("\(what) loaded", expected, loaded, questions)
      }
    }
    XCTAssertGreaterThanOrEqual(users, 3)
  }
}
