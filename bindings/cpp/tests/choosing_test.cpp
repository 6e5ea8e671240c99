// Models with a head for choosing: scores beside ratings, lists of a list, and vectors.

#include <algorithm>
#include <array>
#include <cmath>

#include "models.hpp"

namespace {

using melu::Status;

constexpr std::size_t items = 150;
constexpr std::array<std::uint32_t, 3> rated = {3, 77, 120};
constexpr std::array<float, 3> ratings = {5, 1, 4};

struct Choosing : testing::Test {
  melu::Catalog catalog = melu::Model::open(choosing()).catalog();
  melu::User user = catalog.user();

  Choosing() { user.adapt(rated, ratings); }

  // The best of all, or as the options say.
  std::vector<melu::Recommendation> best(const melu::RecommendOptions& options = {},
                                         std::size_t most = 20) {
    std::vector<melu::Recommendation> room(most);
    melu::span<melu::Recommendation> found = user.recommend(room, options);
    return {found.begin(), found.end()};
  }
};

std::vector<std::uint32_t> items_of(const std::vector<melu::Recommendation>& best) {
  std::vector<std::uint32_t> list;
  for (const melu::Recommendation& found : best) list.push_back(found.item);
  return list;
}

TEST_F(Choosing, a_recommendation_has_its_rating_beside_its_score) {
  std::vector<float> scores(items), predicted(items), deviations(items);
  user.score_all(scores);
  user.predict_all(predicted, deviations);
  EXPECT_NE(scores, predicted);
  for (const melu::Recommendation& found : best()) {
    EXPECT_EQ(found.score, scores[found.item]);
    EXPECT_EQ(found.rating, predicted[found.item]);
    EXPECT_EQ(found.deviation, deviations[found.item]);
  }
  melu::RecommendOptions options;
  options.order = melu::Order::rating;
  std::vector<melu::Recommendation> by_rating = best(options);
  EXPECT_NE(items_of(by_rating), items_of(best()));
  EXPECT_TRUE(std::is_sorted(by_rating.begin(), by_rating.end(),
                             [](auto a, auto b) { return a.rating > b.rating; }));
}

TEST_F(Choosing, options_say_which_items_there_are) {
  const std::vector<std::uint32_t> all = items_of(best({}, items));
  melu::RecommendOptions options;
  std::array<std::uint32_t, 4> among = {all[40], all[7], all[40], all[2]};
  options.among = among;
  EXPECT_EQ(items_of(best(options)), (std::vector<std::uint32_t>{all[2], all[7], all[40]}));
  options.among = melu::span<const std::uint32_t>();
  EXPECT_TRUE(best(options).empty());
  options.add_neighbours = true;
  EXPECT_FALSE(best(options).empty());
  options = {};
  options.min_raters = 6;
  for (std::uint32_t item : items_of(best(options))) EXPECT_GE(catalog.raters(item), 6u);
  options = {};
  options.new_items = 10;
  std::vector<std::uint32_t> fresh = items_of(best(options));
  EXPECT_EQ(std::count_if(fresh.begin(), fresh.end(),
                          [&](std::uint32_t item) { return catalog.raters(item) == 0; }),
            10);
  options = {};
  options.popularity_discount = 1;
  EXPECT_NE(items_of(best(options, items)), all);
}

TEST_F(Choosing, an_index_of_vectors_finds_the_same_best) {
  melu::Vectors vectors = catalog.item_vectors();
  ASSERT_EQ(vectors.size(), items);
  std::array<float, 64> room;
  melu::span<float> vector = user.vector(room);
  ASSERT_EQ(vector.size(), vectors.width);
  std::vector<std::pair<double, std::uint32_t>> products;
  for (std::uint32_t item = 0; item < items; item++) {
    double product = 0;
    melu::span<const float> row = vectors[item];
    for (std::size_t i = 0; i < row.size(); i++) {
      product -= static_cast<double>(row[i]) * static_cast<double>(vector[i]);
    }
    products.emplace_back(product, item);
  }
  std::sort(products.begin(), products.end());
  std::vector<std::uint32_t> candidates;
  for (std::size_t i = 0; i < 60; i++) candidates.push_back(products[i].second);
  melu::RecommendOptions options;
  options.among = candidates;
  options.add_neighbours = true;
  EXPECT_EQ(items_of(best(options, 10)), items_of(best({}, 10)));
  EXPECT_THROW(user.vector({}), melu::Error);
}

TEST(PositiveOnly, predicts_no_ratings) {
  melu::Model model = melu::Model::open(positive_only());
  melu::ModelDetails details = model.details();
  EXPECT_EQ(details.ratings, 0u);
  EXPECT_EQ(details.choice, 1u);
  melu::Catalog catalog = model.catalog();
  melu::User user = catalog.user();
  user.adapt(rated, std::array<float, 3>{1, 1, 1});
  std::array<melu::Recommendation, 5> room;
  for (const melu::Recommendation& found : user.recommend(room)) {
    EXPECT_TRUE(std::isfinite(found.score));
    EXPECT_TRUE(std::isnan(found.rating));
    EXPECT_TRUE(std::isnan(found.deviation));
  }
  std::vector<float> numbers(items);
  EXPECT_EQ(user.score_all(numbers).size(), items);
  melu::expected<melu::span<float>> predicted = user.try_predict_all(numbers);
  ASSERT_FALSE(predicted);
  EXPECT_EQ(predicted.error().status(), Status::not_available);
  melu::RecommendOptions options;
  options.order = melu::Order::rating;
  EXPECT_EQ(user.try_recommend(room, options).error().status(), Status::not_available);
  options.order = static_cast<melu::Order>(7);
  EXPECT_EQ(user.try_recommend(room, options).error().status(), Status::invalid_argument);
  EXPECT_EQ(details.vector_width, catalog.item_vectors().width);
}

}  // namespace
