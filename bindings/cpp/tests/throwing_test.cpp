// With exceptions: what the functions do, beside the C functions, and what they throw.

#include <algorithm>
#include <array>
#include <utility>

#include "models.hpp"

namespace {

using melu::Status;

constexpr std::array<std::uint32_t, 2> items = {1, 0};
constexpr std::array<float, 2> ratings = {4.5f, 2.0f};

// The error that a call throws, which it must.
template <class Call>
melu::Error thrown(Call call) {
  try {
    call();
  } catch (const melu::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return melu::Error(melu_error{});
}

template <class T>
constexpr bool moves_only =
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
    std::is_nothrow_destructible_v<T>;

static_assert(moves_only<melu::Model> && moves_only<melu::Catalog> && moves_only<melu::User> &&
              moves_only<melu::Questions>);
static_assert(std::is_nothrow_copy_constructible_v<melu::Error>);

struct Throwing : testing::Test {
  melu::Model model = melu::Model::open(sample());
  melu::Catalog catalog = model.catalog();
  melu::User user = catalog.user();
};

TEST_F(Throwing, scores_are_those_of_c) {
  user.adapt(items, ratings);
  std::vector<float> scores(3);
  EXPECT_EQ(user.score_all(scores).size(), 3u);
  EXPECT_EQ(scores, c_scores(sample(), {1, 0}, {4.5f, 2.0f}));
  std::array<float, 2> some;
  user.score(std::vector<std::uint32_t>{2, 1}, some);
  EXPECT_EQ(some, (std::array<float, 2>{scores[2], scores[1]}));
  user.reset();
  user.score_all(scores);
  EXPECT_EQ(scores, c_scores(sample(), {}, {}));
}

TEST_F(Throwing, only_the_written_part_comes_back) {
  std::array<float, 5> scores;
  EXPECT_EQ(user.score_all(scores).size(), 3u);
  std::array<melu::Recommendation, 10> best;
  melu::span<melu::Recommendation> found = user.recommend(best);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found.data(), best.data());
  EXPECT_TRUE(std::is_sorted(found.begin(), found.end(),
                             [](auto a, auto b) { return a.score > b.score; }));
  for (const melu::Recommendation& one : found) EXPECT_EQ(one.score, scores[one.item]);
  EXPECT_EQ(user.recommend({}).size(), 0u);
}

TEST_F(Throwing, options_leave_out) {
  user.adapt(items, ratings);
  std::array<melu::Recommendation, 3> best;
  EXPECT_EQ(user.recommend(best).size(), 1u);
  melu::RecommendOptions options;
  options.keep_rated = true;
  EXPECT_EQ(user.recommend(best, options).size(), 3u);
  std::array<std::uint32_t, 2> seen = {2, 2};
  options.leave_out = seen;
  EXPECT_EQ(user.recommend(best, options).size(), 2u);
}

TEST_F(Throwing, catalogues_know_their_items) {
  EXPECT_EQ(catalog.size(), 3u);
  EXPECT_EQ(catalog.find("three"), 2u);
  EXPECT_EQ(catalog.find("four"), std::nullopt);
  EXPECT_EQ(catalog.id(0), "one");
  EXPECT_EQ(catalog.title(2), "Die Dritte");
  EXPECT_EQ(catalog.title(1), "");
  melu::Error error = thrown([&] { static_cast<void>(catalog.id(3)); });
  EXPECT_EQ(error.status(), Status::item_index);
}

TEST_F(Throwing, models_say_what_they_are_like) {
  melu::ModelDetails details = model.details();
  EXPECT_EQ(details.items, 3u);
  EXPECT_EQ(details.user_fields, 1u);
  EXPECT_EQ(details.deviations, 0u);
  std::array<melu::Evidence, 5> room;
  melu::span<melu::Evidence> evidence = model.evidence(room);
  ASSERT_EQ(evidence.size(), 2u);
  EXPECT_EQ(evidence[0].item, 2u);
  EXPECT_EQ(evidence[1].score, 0.5f);
}

TEST_F(Throwing, profiles_and_items_have_values) {
  std::vector<float> east(3), nobody(3);
  catalog.user({{"region", "e"}}).score_all(east);
  user.score_all(nobody);
  EXPECT_NE(east, nobody);
  // A vocabulary's names are in no order that the test could know, but e is one of them.
  std::size_t unknown = 7;
  static_cast<void>(catalog.user({{"region", "moon"}}, &unknown));
  EXPECT_EQ(unknown, 1u);

  // The catalogue's first item, by its values: so it scores as the first.
  std::vector<melu::Value> values = {{"studio", "a"}, {"year", 1985}};
  std::vector<melu::Item> list = {melu::Item("new", values), melu::Item("empty")};
  melu::Catalog own = model.catalog(list);
  EXPECT_EQ(own.size(), 2u);
  EXPECT_EQ(own.id(0), "new");
  melu::Catalog more = catalog.extend(list, &unknown);
  EXPECT_EQ(more.size(), 5u);
  EXPECT_EQ(more.find("new"), 3u);
  EXPECT_EQ(unknown, 0u);
  std::vector<float> scores(5), alone(2);
  more.user().score_all(scores);
  own.user().score_all(alone);
  EXPECT_EQ(alone, std::vector<float>(scores.begin() + 3, scores.end()));
  EXPECT_EQ(nobody, std::vector<float>(scores.begin(), scores.begin() + 3));
}

TEST_F(Throwing, catalogues_are_converted) {
  melu::Catalog half = catalog.convert(melu::DataType::f16);
  EXPECT_EQ(half.size(), 3u);
  std::vector<float> exact(3), rounded(3);
  user.score_all(exact);
  half.user().score_all(rounded);
  EXPECT_NE(rounded, exact);
  for (std::size_t item = 0; item < 3; ++item) EXPECT_NEAR(rounded[item], exact[item], 2e-3);
  half.convert(melu::DataType::f32).user().score_all(rounded);
  EXPECT_EQ(rounded, exact);
  EXPECT_THROW(static_cast<void>(catalog.convert(static_cast<melu::DataType>(7))),
               melu::Error);
}

TEST_F(Throwing, users_are_saved_and_loaded) {
  user.adapt(items, ratings);
  std::vector<std::byte> bytes(user.saved_size());
  EXPECT_EQ(user.save(bytes).size(), bytes.size());
  melu::LoadReport report;
  melu::User again = catalog.load(bytes, &report);
  EXPECT_EQ(report.adapted_anew, 0u);
  EXPECT_EQ(report.missing_items, 0u);
  std::vector<float> before(3), after(3);
  user.score_all(before);
  again.score_all(after);
  EXPECT_EQ(before, after);

  bytes.pop_back();
  EXPECT_EQ(thrown([&] { static_cast<void>(user.save(bytes)); }).status(), Status::capacity);
  EXPECT_EQ(thrown([&] { static_cast<void>(catalog.load(bytes)); }).status(),
            Status::saved_user);
}

TEST_F(Throwing, handles_move_and_go_in_any_order) {
  user.adapt(items, ratings);
  std::vector<float> before(3), after(3);
  user.score_all(before);
  melu::User moved = std::move(user);
  EXPECT_EQ(user.get(), nullptr);
  EXPECT_EQ(thrown([&] { user.reset(); }).status(), Status::invalid_argument);
  model = melu::Model::open(sample_with_vectors());
  catalog = model.catalog();
  user = catalog.user();
  std::swap(user, moved);
  melu::User& same = user;
  user = std::move(same);
  user.score_all(after);
  EXPECT_EQ(before, after);
}

TEST_F(Throwing, bytes_are_copied_or_borrowed) {
  std::vector<std::byte> bytes = contents(sample());
  std::vector<float> scores(3);
  {
    melu::Model copied = melu::Model::open_bytes(contents(sample()));
    copied.catalog().user().score_all(scores);
  }
  EXPECT_EQ(scores, c_scores(sample(), {}, {}));
  int released = 0;
  auto release = [](void* count) noexcept { ++*static_cast<int*>(count); };
  {
    melu::Model borrowed = melu::Model::open_borrowed(bytes, release, &released);
    melu::User last = borrowed.catalog().user();
    borrowed = melu::Model::open_borrowed(bytes);
    EXPECT_EQ(released, 0);
    last.score_all(scores);
  }
  EXPECT_EQ(released, 1);
  EXPECT_EQ(scores, c_scores(sample(), {}, {}));
  bytes.resize(100);
  EXPECT_EQ(thrown([&] { static_cast<void>(melu::Model::open_bytes(bytes)); }).status(),
            Status::weight_file);
}

TEST_F(Throwing, errors_say_what_is_wrong) {
  melu::Error error = thrown([] { static_cast<void>(melu::Model::open("/no/such/file")); });
  EXPECT_EQ(error.status(), Status::io);
  EXPECT_NE(error.message().find("/no/such/file"), std::string_view::npos);
  EXPECT_EQ(error.message(), error.what());

  error = thrown([&] { user.adapt(items, std::array<float, 3>{}); });
  EXPECT_EQ(error.status(), Status::invalid_argument);
  EXPECT_EQ(error.message(), "ratings has 3 elements; 2 are expected");

  error = thrown([&] { static_cast<void>(catalog.user({{"planet", "e"}})); });
  EXPECT_EQ(error.status(), Status::unknown_field);
  EXPECT_NE(error.message().find("planet"), std::string_view::npos);

  std::array<float, 2> few;
  EXPECT_EQ(thrown([&] { user.score_all(few); }).status(), Status::capacity);
  EXPECT_EQ(thrown([&] { user.predict_all(few, few); }).status(), Status::not_available);
}

TEST(Questions, are_asked_until_none_is_left) {
  melu::Model model = melu::Model::open(sample_with_vectors());
  melu::Catalog catalog = model.catalog();
  melu::User user = catalog.user({melu::Value::of_index("age", 1)});
  melu::Questions questions = catalog.questions();

  melu_question expected;
  ASSERT_EQ(
      melu_user_next_question(user.get(), questions.get(), nullptr, &expected, nullptr),
      MELU_STATUS_OK);
  std::optional<melu::Question> question = user.next_question(questions);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->item, expected.item);
  EXPECT_EQ(question->reduction, expected.reduction);

  melu::QuestionOptions options;
  std::array<std::uint32_t, 1> two = {2};
  options.known = two;
  ASSERT_TRUE(question = user.next_question(questions, options));
  EXPECT_EQ(question->item, 2u);
  options.known = melu::span<const std::uint32_t>();
  EXPECT_FALSE(user.next_question(questions, options));
  std::array<std::uint32_t, 2> others = {0, 1};
  options = {};
  options.unknown = others;
  options.leave_out = two;
  EXPECT_FALSE(user.next_question(questions, options));

  melu::Model plain = melu::Model::open(sample());
  EXPECT_EQ(thrown([&] { static_cast<void>(plain.catalog().questions()); }).status(),
            Status::not_available);
}

TEST(Deviations, come_beside_ratings) {
  melu::User user = melu::Model::open(sample_with_vectors()).catalog().user();
  std::array<float, 3> predicted, deviations, expected, expected_deviations;
  user.predict_all(predicted, deviations);
  ASSERT_EQ(melu_user_predict(user.get(), nullptr, MELU_ALL_ITEMS, expected.data(),
                              expected_deviations.data(), 3, nullptr, nullptr),
            MELU_STATUS_OK);
  EXPECT_EQ(predicted, expected);
  EXPECT_EQ(deviations, expected_deviations);
  melu::Error error =
      thrown([&] { user.predict_all(predicted, melu::span<float>(deviations.data(), 2)); });
  EXPECT_EQ(error.message(), "deviations has 2 elements; 3 are expected");
}

TEST_F(Throwing, batches_are_as_one_by_one) {
  std::vector<melu::User> users;
  for (int i = 0; i < 3; i++) users.push_back(catalog.user());
  std::vector<std::size_t> offsets = {0, 1, 1, 3};
  std::vector<std::uint32_t> rated = {2, 1, 0};
  std::vector<float> said = {5, 1, 4};
  std::vector<melu::Recommendation> best(6);
  std::vector<std::size_t> counts(3);
  melu::recommend_batch(users, {offsets, rated, said}, best, counts);
  EXPECT_EQ(counts, (std::vector<std::size_t>{2, 2, 1}));
  std::array<melu::Recommendation, 2> room;
  for (std::size_t u = 0; u < 3; u++) {
    melu::span<const std::uint32_t> its(rated.data() + offsets[u], offsets[u + 1] - offsets[u]);
    user.adapt(its, melu::span<const float>(said.data() + offsets[u], its.size()));
    melu::span<melu::Recommendation> one = user.recommend(room);
    ASSERT_EQ(one.size(), counts[u]);
    for (std::size_t i = 0; i < one.size(); i++) {
      EXPECT_EQ(one[i].item, best[2 * u + i].item);
      EXPECT_EQ(one[i].score, best[2 * u + i].score);
    }
  }
  // Without answers they keep what they learned; by handles, in another order.
  std::vector<melu_user*> handles = {users[2].get(), users[0].get()};
  std::vector<melu::Recommendation> again(4);
  std::vector<std::size_t> two(2);
  melu::recommend_batch(handles, {}, again, two);
  EXPECT_EQ(two, (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(again[0].score, best[4].score);
  EXPECT_EQ(again[2].score, best[0].score);

  melu::recommend_batch(melu::span<melu::User>(), {}, {}, {});
  auto fails = [&](melu::Answers answers, melu::span<melu::Recommendation> out,
                   melu::span<std::size_t> lengths) {
    for (std::size_t& length : lengths) length = 7;
    std::string message(
        thrown([&] { melu::recommend_batch(users, answers, out, lengths); }).message());
    for (std::size_t length : lengths) EXPECT_EQ(length, 0u) << message;
    return message;
  };
  EXPECT_EQ(fails({}, best, two), "counts has 2 elements; 3 are expected");
  std::vector<std::size_t> few = {0, 1};
  EXPECT_EQ(fails({few, rated, said}, best, counts), "offsets has 2 elements; 4 are expected");
  EXPECT_EQ(fails({offsets, rated, {}}, best, counts), "ratings has 0 elements; 3 are expected");
  EXPECT_EQ(fails({}, again, counts), "best has 4 elements; 3 are expected");
  said[2] = std::numeric_limits<float>::quiet_NaN();
  for (std::uint32_t threads : {0u, 1u, 2u, 7u}) {
    melu::RecommendOptions options;
    options.threads = threads;
    melu::Error error = thrown(
        [&] { melu::recommend_batch(users, {offsets, rated, said}, best, counts, options); });
    EXPECT_NE(error.message().find("users[2]"), std::string::npos);
    EXPECT_EQ(error.user(), 2u);
    EXPECT_EQ(counts, (std::vector<std::size_t>{2, 2, 0}));
  }
  EXPECT_EQ(thrown([&] { melu::recommend_batch(users, {}, again, counts); }).user(), std::nullopt);
  EXPECT_EQ(thrown([] { static_cast<void>(melu::Model::open("/no/file")); }).user(),
            std::nullopt);
}

TEST(Library, says_what_it_is) {
  EXPECT_FALSE(melu::version().empty());
  EXPECT_FALSE(melu::kernel_name().empty());
  EXPECT_FALSE(melu::message(Status::diverged).empty());
  EXPECT_NE(melu::message(Status::diverged), melu::message(Status::panic));
}

}  // namespace
