// Without exceptions: results are values. This file is also compiled with -fno-exceptions
// and -fno-rtti.

#include <array>

#include "allocations.hpp"
#include "models.hpp"

namespace {

using melu::Status;

TEST(Expected, has_values_all_the_way_and_allocates_nothing) {
  const std::string path = sample_with_vectors();
  const std::vector<std::byte> bytes = contents(path);
  std::array<std::byte, 4096> room;
  std::array<float, 3> scores, again, deviations;
  std::array<melu::Recommendation, 2> best;
  std::array<melu::Evidence, 2> evidence;
  const std::array<std::uint32_t, 1> items = {1};
  const std::array<float, 1> ratings = {4};
  const std::array<melu::Value, 1> values = {melu::Value("year", 1990)};
  const std::array<melu::Item, 1> list = {melu::Item("new", values, "The New")};
  std::array<std::uint32_t, 2> rated;
  std::array<float, 2> said;
  std::array<melu::Value, 1> unknown;
  std::uint32_t only = 2;
  const auto is_only = [only](std::uint32_t item) { return item == only; };

  const std::size_t before = allocations;
  melu::expected<melu::Model> model = melu::Model::try_open(path);
  ASSERT_TRUE(model);
  ASSERT_TRUE(melu::Model::try_open_bytes(bytes));
  ASSERT_TRUE(melu::Model::try_open_borrowed(bytes));
  ASSERT_EQ(model->try_details()->items, 3u);
  ASSERT_EQ(model->try_evidence(evidence)->size(), 2u);
  ASSERT_TRUE(model->try_catalog(list));
  melu::expected<melu::Catalog> catalog = model->try_catalog();
  ASSERT_TRUE(catalog.has_value());
  ASSERT_EQ(catalog->try_extend(list)->size(), 4u);
  ASSERT_EQ(*catalog->try_extend(list)->try_title(3), "The New");
  ASSERT_EQ(catalog->try_remove(items)->size(), 2u);
  ASSERT_EQ((*model->try_field(melu::Entity::user, 0))->name, "region");
  ASSERT_FALSE(model->try_field(melu::Entity::user, 9)->has_value());
  ASSERT_EQ(*model->try_field_value(melu::Entity::user, 0, 0), "e");
  ASSERT_EQ(catalog->try_convert(melu::DataType::f16)->size(), 3u);
  ASSERT_EQ(**catalog->try_find("two"), 1u);
  ASSERT_FALSE(catalog->try_find("four")->has_value());
  ASSERT_EQ(*catalog->try_id(1), "two");
  ASSERT_EQ(*catalog->try_title(0), "The First");
  melu::expected<melu::User> user = catalog->try_user({{"region", "w"}});
  ASSERT_TRUE(user);
  ASSERT_TRUE(user->try_adapt(items, ratings));
  ASSERT_EQ(user->try_score_all(scores)->size(), 3u);
  ASSERT_EQ(user->try_predict_all(again, deviations)->size(), 3u);
  ASSERT_EQ(scores, again);
  ASSERT_EQ(user->try_predict(items, again)->size(), 1u);
  ASSERT_FALSE(user->try_vector(again));
  ASSERT_FALSE(catalog->try_item_vectors());
  ASSERT_EQ(*catalog->try_raters(1), 7u);
  ASSERT_EQ(user->try_score(items, again)->size(), 1u);
  ASSERT_EQ(again[0], scores[1]);
  ASSERT_EQ(user->try_recommend(best)->size(), 2u);
  melu::RecommendOptions filtered;
  filtered.filter = is_only;
  ASSERT_EQ(user->try_recommend(best, filtered)->size(), 1u);
  ASSERT_EQ(best[0].item, only);
  ASSERT_TRUE(user->try_rate(0, 3));
  ASSERT_TRUE(*user->try_withdraw(0));
  ASSERT_EQ(*user->try_rating_count(), 1u);
  ASSERT_EQ(user->try_ratings(rated, said)->items.size(), 1u);
  ASSERT_EQ(*user->try_unknown_count(), 0u);
  ASSERT_EQ(user->try_unknown_profile(unknown)->size(), 0u);
  melu::expected<melu::Questions> questions = catalog->try_questions();
  ASSERT_TRUE(questions);
  ASSERT_TRUE(user->try_next_question(*questions)->has_value());
  melu::expected<melu::span<std::byte>> saved = user->try_save(room);
  ASSERT_TRUE(saved);
  ASSERT_EQ(*user->try_saved_size(), saved->size());
  melu::expected<melu::User> loaded = catalog->try_load(*saved);
  ASSERT_TRUE(loaded->try_score_all(again));
  ASSERT_EQ(scores, again);
  std::array<std::size_t, 1> counts;
  melu::User one = *std::move(loaded);
  ASSERT_TRUE(melu::try_recommend_batch(melu::span<melu::User>(&one, 1), {}, best, counts));
  ASSERT_EQ(counts[0], 2u);
  ASSERT_TRUE(user->try_reset());
  ASSERT_FALSE(user->try_adapt(items, {}));
  ASSERT_FALSE(melu::Model::try_open("/no/such/file"));
  EXPECT_EQ(allocations, before);
}

TEST(Expected, has_the_error_otherwise) {
  melu::expected<melu::Model> model = melu::Model::try_open("/no/such/file");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().status(), Status::io);
  EXPECT_NE(model.error().message().find("/no/such/file"), std::string_view::npos);

  model = melu::Model::try_open(sample());
  ASSERT_TRUE(model);
  melu::expected<melu::Catalog> catalog = model->try_catalog();
  melu::expected<melu::User> user = catalog->try_user();
  const std::array<std::uint32_t, 2> items = {0, 9};
  const std::array<float, 2> ratings = {1, 2};
  melu::expected<void> adapted = user->try_adapt(items, ratings);
  ASSERT_FALSE(adapted.has_value());
  EXPECT_EQ(adapted.error().status(), Status::item_index);
  // The error outlives the call and is a value like any other.
  melu::Error copy = adapted.error();
  adapted = user->try_reset();
  EXPECT_TRUE(adapted);
  EXPECT_NE(copy.message().find("9"), std::string_view::npos);
  EXPECT_EQ(catalog->try_questions().error().status(), Status::not_available);
}

TEST(Expected, cannot_be_copied_with_a_handle_in_it) {
  static_assert(!std::is_copy_constructible_v<melu::expected<melu::User>>);
  static_assert(std::is_nothrow_move_constructible_v<melu::expected<melu::User>>);
}

}  // namespace
