// Recommendations by an index of vectors: usearch finds candidates, and melu orders them.
//
//     vector_index MODEL [ID:RATING ...]
//
// The index holds the items' vectors, and finds those with the greatest inner products with
// the user's. It looks at some hundred of the items, and knows nothing of neighbours: so what
// neighbours of the answers speak for is added to what it found, and all that is scored by
// melu. The best are then those of the whole catalogue, in the same order; the last line says
// how many are.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <melu.hpp>
#include <new>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <usearch/index_dense.hpp>
#include <utility>
#include <vector>

namespace {

namespace us = unum::usearch;

constexpr std::size_t most = 10;
// More than there is room for in the list: the user's own are among them, and predicted
// ratings and neighbours change the order.
constexpr std::size_t candidates = 100;

// What an index holds of the items' vectors, and what it is asked for a user's.
//
// An index knows distances between items, and nothing of users. So it gets the vectors less
// their mean, which changes nobody's order. An item's last two numbers, its bias and the mark
// of a new item, may be longer than all the rest and count little: they are weighed as in
// users' vectors. (Measured on a world of 100,000 items: without both, graphs found less than
// 10 % of the best 20.) A service takes the average of many users; this is one user's.
class Prepared {
 public:
  Prepared(const melu::Vectors& vectors, const std::vector<float>& user)
      : vectors_(vectors), mean_(vectors.width), factors_(vectors.width, 1) {
    for (std::size_t item = 0; item < vectors.size(); item++) {
      for (std::size_t i = 0; i < mean_.size(); i++) mean_[i] += vectors[item][i];
    }
    for (double& number : mean_) number /= static_cast<double>(vectors.size());
    for (std::size_t i = mean_.size() - 2; i < mean_.size(); i++) {
      factors_[i] = std::abs(user[i]);
    }
  }

  // Writes an item's vector.
  void item(std::size_t item, std::vector<float>& row) const {
    for (std::size_t i = 0; i < mean_.size(); i++) {
      row[i] = static_cast<float>((vectors_[item][i] - mean_[i]) * factors_[i]);
    }
  }

  // The user's vector for the same index, with room for one number more, which is 0.
  std::vector<float> user(const std::vector<float>& user) const {
    std::vector<float> row(user.size() + 1);
    for (std::size_t i = 0; i < user.size(); i++) {
      row[i] = factors_[i] == 0 ? 0 : static_cast<float>(user[i] / factors_[i]);
    }
    return row;
  }

 private:
  const melu::Vectors& vectors_;
  std::vector<double> mean_, factors_;
};

// An index of all items' vectors, with the items as keys.
//
// An index of this kind walks from neighbour to neighbour, which works for distances; by inner
// products the longest vectors are everybody's neighbours, and a search can end far from the
// best (measured: 1 of 10, for a user without answers). So each vector gets one coordinate
// more, which makes all of them equally long (Bachrach et al., RecSys 2014): then the nearest
// to a user's vector, with zero there, are those with the greatest products.
us::index_dense_t make_index(const melu::Vectors& vectors, const Prepared& prepared) {
  const std::size_t width = vectors.width + 1;
  us::metric_punned_t metric(width, us::metric_kind_t::l2sq_k, us::scalar_kind_t::f32_k);
  // How many neighbours a vector has, and how many are looked at to insert one, and to search.
  us::index_dense_config_t config(32, 256, 2 * candidates);
  us::index_dense_t::state_result_t made = us::index_dense_t::make(metric, config);
  if (!made) throw std::runtime_error(made.error.release());
  us::index_dense_t index = std::move(made.index);
  if (!index.try_reserve(vectors.size())) throw std::bad_alloc();
  std::vector<float> row(width);
  const auto square = [&](std::size_t item) {
    prepared.item(item, row);
    return std::inner_product(row.begin(), row.end() - 1, row.begin(), 0.0);
  };
  double longest = 0;
  for (std::size_t item = 0; item < vectors.size(); item++) {
    longest = std::max(longest, square(item));
  }
  for (std::size_t item = 0; item < vectors.size(); item++) {
    row.back() = static_cast<float>(std::sqrt(longest - square(item)));
    us::index_dense_t::add_result_t added = index.add(item, row.data());
    if (!added) throw std::runtime_error(added.error.release());
  }
  return index;
}

// The items whose vectors have the greatest products with a user's.
std::vector<std::uint32_t> find(const us::index_dense_t& index, const std::vector<float>& user) {
  us::index_dense_t::search_result_t found = index.search(user.data(), candidates);
  if (!found) throw std::runtime_error(found.error.release());
  std::vector<std::uint32_t> items;
  for (std::size_t i = 0; i < found.size(); i++) {
    items.push_back(static_cast<std::uint32_t>(found[i].member.key));
  }
  return items;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: vector_index MODEL [ID:RATING ...]\n");
    return 2;
  }
  const melu::Catalog catalog = melu::Model::open(argv[1]).catalog();
  const melu::Vectors vectors = catalog.item_vectors();

  std::vector<std::uint32_t> items;
  std::vector<float> ratings;
  for (int i = 2; i < argc; i++) {
    const std::string answer = argv[i];
    const std::size_t colon = answer.rfind(':');
    if (colon == answer.npos) throw std::runtime_error(answer + " is not ID:RATING");
    const std::string id = answer.substr(0, colon);
    std::optional<std::uint32_t> item = catalog.find(id);
    if (!item) throw std::runtime_error("there is no item \"" + id + "\"");
    items.push_back(*item);
    ratings.push_back(std::stof(answer.substr(colon + 1)));
  }
  melu::User user = catalog.user();
  user.adapt(items, ratings);

  std::vector<float> vector(vectors.width);
  user.vector(melu::span<float>(vector.data(), vector.size()));
  const Prepared prepared(vectors, vector);
  const us::index_dense_t index = make_index(vectors, prepared);
  const std::vector<std::uint32_t> near = find(index, prepared.user(vector));
  melu::RecommendOptions options;
  options.among = near;
  options.add_neighbours = true;
  std::array<melu::Recommendation, most> room, all_room;
  const melu::span<melu::Recommendation> best = user.recommend(room, options);
  const melu::span<melu::Recommendation> of_all = user.recommend(all_room);
  std::size_t same = 0;
  for (std::size_t i = 0; i < best.size(); i++) {
    std::printf("%s\t%.4f\n", std::string(catalog.id(best[i].item)).c_str(),
                static_cast<double>(best[i].score));
    same += i < of_all.size() && best[i].item == of_all[i].item;
  }
  std::printf("%zu of the %zu best of all %zu items, at their places\n", same, of_all.size(),
              catalog.size());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "vector_index: %s\n", error.what());
  return 1;
}
