// What forms and services need: fields, single ratings, titles, smaller catalogues, filters.

#include <array>
#include <atomic>
#include <cmath>
#include <stdexcept>

#include "models.hpp"

namespace {

using melu::Entity;
using melu::FieldKind;
using melu::Status;

struct Serving : testing::Test {
  melu::Model model = melu::Model::open(sample_with_vectors());
  melu::Catalog catalog = model.catalog();
  melu::User user = catalog.user();
};

// The names of all fields, with those of their values.
std::vector<std::string> form(const melu::Model& model, Entity entity) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; auto field = model.field(entity, i); ++i) {
    std::string line(field->name);
    if (field->kind == FieldKind::numeric) {
      EXPECT_EQ(field->values, 0u);
      line += std::isnan(field->lowest) && std::isnan(field->highest) ? ": a number" : ": a range";
    }
    for (std::size_t value = 0; field->named && value < field->values; ++value) {
      line += (value ? " " : ": ") + std::string(model.field_value(entity, i, value));
    }
    if (field->kind == FieldKind::multi) line += ", any of them";
    if (!field->named && field->values > 0) line += ": " + std::to_string(field->values);
    lines.push_back(line);
  }
  return lines;
}

TEST_F(Serving, forms_are_made_of_fields) {
  melu::Model named = melu::Model::open(sample());
  EXPECT_EQ(form(named, Entity::item),
            (std::vector<std::string>{"genres: comedy drama war \xc3\x84rger, any of them",
                                      "studio: a b c", "year: a number"}));
  EXPECT_EQ(form(named, Entity::user), std::vector<std::string>{"region: e middle n s w"});
  EXPECT_EQ(form(model, Entity::user).back(), "age: 2");
  melu::expected<std::string_view> none = named.try_field_value(Entity::user, 0, 5);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().status(), Status::not_found);
  EXPECT_EQ(model.try_field_value(Entity::user, 1, 0).error().status(), Status::not_available);
  EXPECT_EQ(model.try_field(static_cast<Entity>(7), 0).error().status(),
            Status::invalid_argument);
}

TEST_F(Serving, ratings_come_and_go_one_by_one) {
  user.rate(2, 4.5f);
  user.rate(0, 1);
  user.rate(2, 2);
  EXPECT_EQ(user.rating_count(), 2u);
  std::array<std::uint32_t, 5> items;
  std::array<float, 5> ratings;
  melu::Ratings found = user.ratings(items, ratings);
  ASSERT_EQ(found.items.size(), 2u);
  ASSERT_EQ(found.ratings.size(), 2u);
  EXPECT_EQ(found.items[0], 2u);
  EXPECT_EQ(found.ratings[0], 2.0f);
  EXPECT_EQ(found.items[1], 0u);
  EXPECT_EQ(found.ratings[1], 1.0f);
  std::vector<float> scores(3);
  user.score_all(scores);
  EXPECT_EQ(scores, c_scores(sample_with_vectors(), {2, 0}, {2, 1}));

  EXPECT_FALSE(user.withdraw(1));
  EXPECT_TRUE(user.withdraw(2));
  user.score_all(scores);
  EXPECT_EQ(scores, c_scores(sample_with_vectors(), {0}, {1}));
  EXPECT_TRUE(user.withdraw(0));
  EXPECT_EQ(user.rating_count(), 0u);
  EXPECT_EQ(user.ratings({}, {}).items.size(), 0u);

  EXPECT_EQ(user.try_rate(3, 1).error().status(), Status::item_index);
  EXPECT_EQ(user.try_rate(0, NAN).error().status(), Status::rating);
  EXPECT_EQ(user.try_withdraw(3).error().status(), Status::item_index);
  user.rate(1, 3);
  EXPECT_EQ(user.try_ratings({}, {}).error().status(), Status::capacity);
  EXPECT_EQ(user.try_ratings(items, {}).error().message(),
            "ratings has 0 elements; 5 are expected");
}

TEST_F(Serving, unknown_values_are_listed) {
  melu::User somebody = catalog.user({{"region", "moon"}});
  EXPECT_EQ(somebody.unknown_count(), 1u);
  std::array<melu::Value, 3> room;
  melu::span<melu::Value> unknown = somebody.unknown_profile(room);
  ASSERT_EQ(unknown.size(), 1u);
  EXPECT_EQ(unknown[0].field_name(), "region");
  EXPECT_EQ(unknown[0].value_name(), "moon");
  EXPECT_EQ(user.unknown_count(), 0u);
  EXPECT_EQ(somebody.try_unknown_profile({}).error().status(), Status::capacity);
}

TEST_F(Serving, items_have_titles_and_go) {
  std::vector<melu::Item> list = {melu::Item("four", {}, "The Fourth"), melu::Item("five")};
  melu::Catalog more = catalog.extend(list);
  EXPECT_EQ(more.title(3), "The Fourth");
  EXPECT_EQ(more.title(4), "");
  std::array<std::uint32_t, 2> gone = {4, 0};
  melu::Catalog fewer = more.remove(gone);
  ASSERT_EQ(fewer.size(), 3u);
  EXPECT_EQ(fewer.id(0), "two");
  EXPECT_EQ(fewer.id(2), "four");
  EXPECT_EQ(fewer.title(2), "The Fourth");
  EXPECT_EQ(more.size(), 5u);
  EXPECT_EQ(fewer.try_remove(gone).error().status(), Status::item_index);
}

// Something that is no std::exception.
struct Odd {};

struct Filtering : testing::Test {
  melu::Model model = melu::Model::open(choosing());
  melu::Catalog catalog = model.catalog();
  melu::User user = catalog.user();
  std::array<melu::Recommendation, 20> room;

  Filtering() { user.rate(3, 5); }
};

TEST_F(Filtering, a_function_decides) {
  std::atomic<int> calls = 0;
  auto odd = [&calls](std::uint32_t item) {
    ++calls;
    return item % 2 == 1;
  };
  std::vector<std::uint32_t> even;
  for (std::uint32_t item = 0; item < 150; item += 2) even.push_back(item);
  melu::RecommendOptions without;
  without.leave_out = even;
  std::array<melu::Recommendation, 20> expected_room;
  melu::span<melu::Recommendation> expected = user.recommend(expected_room, without);
  melu::RecommendOptions options;
  EXPECT_FALSE(options.filter);
  options.filter = odd;
  EXPECT_TRUE(options.filter);
  melu::span<melu::Recommendation> found = user.recommend(room, options);
  EXPECT_GE(calls, 20);
  ASSERT_EQ(found.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(found[i].item, expected[i].item);
    EXPECT_EQ(found[i].score, expected[i].score);
  }
  auto nothing = [](std::uint32_t) { return false; };
  options.filter = nothing;
  EXPECT_EQ(user.recommend(room, options).size(), 0u);
  options.filter = {};
  EXPECT_EQ(user.recommend(room, options).size(), 20u);
  // What a temporary would leave behind could be called no more.
  static_assert(!std::is_convertible_v<decltype(odd), melu::Filter>);
  static_assert(std::is_convertible_v<decltype(odd)&, melu::Filter>);
}

TEST_F(Filtering, exceptions_come_out_of_the_call) {
  int calls = 0;
  auto broken = [&calls](std::uint32_t) -> bool {
    ++calls;
    throw std::runtime_error("the stock cannot be read");
  };
  melu::RecommendOptions options;
  options.filter = broken;
  try {
    static_cast<void>(user.recommend(room, options));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the stock cannot be read");
  }
  EXPECT_EQ(calls, 1);
  melu::expected<melu::span<melu::Recommendation>> found = user.try_recommend(room, options);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().status(), Status::invalid_argument);
  EXPECT_EQ(found.error().message(),
            "filter: it threw an exception: the stock cannot be read");
  auto odd = [](std::uint32_t) -> bool { throw Odd(); };
  options.filter = odd;
  EXPECT_THROW(static_cast<void>(user.recommend(room, options)), Odd);
  EXPECT_EQ(user.try_recommend(room, options).error().message(),
            "filter: it threw an exception");
  // The user is as good as before.
  EXPECT_EQ(user.recommend(room).size(), 20u);
}

TEST_F(Filtering, batches_have_filters_too) {
  std::vector<melu::User> users;
  for (int i = 0; i < 4; ++i) users.push_back(catalog.user());
  std::vector<melu::Recommendation> best(20);
  std::vector<std::size_t> counts(4);
  auto third = [](std::uint32_t item) { return item % 3 == 0; };
  auto broken = [](std::uint32_t item) -> bool {
    if (item % 3 != 0) throw Odd();
    return true;
  };
  for (std::uint32_t threads : {1u, 4u}) {
    melu::RecommendOptions options;
    options.threads = threads;
    options.filter = third;
    melu::recommend_batch(users, {}, best, counts, options);
    for (std::size_t u = 0; u < 4; ++u) {
      ASSERT_EQ(counts[u], 5u);
      for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(best[5 * u + i].item % 3, 0u);
    }
    options.filter = broken;
    EXPECT_THROW(melu::recommend_batch(users, {}, best, counts, options), Odd);
    EXPECT_EQ(counts, std::vector<std::size_t>(4, 0));
    counts.assign(4, 9);
    melu::expected<void> done = melu::try_recommend_batch(users, {}, best, counts, options);
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().status(), Status::invalid_argument);
    EXPECT_EQ(counts, std::vector<std::size_t>(4, 0));
  }
}

TEST(Release, must_be_noexcept) {
  using melu::Model;
  using Bytes = melu::span<const std::byte>;
  static_assert(std::is_invocable_v<decltype(&Model::open_borrowed), Bytes,
                                    void (*)(void*) noexcept, void*, melu::OpenOptions>);
  static_assert(!std::is_invocable_v<decltype(&Model::open_borrowed), Bytes, void (*)(void*),
                                     void*, melu::OpenOptions>);
}

}  // namespace
