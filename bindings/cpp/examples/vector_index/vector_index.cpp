// Recommendations by an index of vectors: usearch finds candidates, and melu orders them.
//
//     vector_index MODEL [ID:RATING ...]
//
// The index holds the items' vectors, and finds those with the greatest inner products with
// the user's. It looks at some hundred of the items, and knows nothing of neighbours: so what neighbours of
// the answers speak for is added to what it found, and all that is scored by melu. The best
// are then those of the whole catalogue, in the same order; the last line says how many are.

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

// An index of all items' vectors, with the items as keys.
//
// An index of this kind walks from neighbour to neighbour, which works for distances; by inner
// products the longest vectors are everybody's neighbours, and a search can end far from the
// best (measured: 1 of 10, for a user without answers). So each vector gets one coordinate
// more, which makes all of them equally long (Bachrach et al., RecSys 2014): then the nearest
// to a user's vector, with zero there, are those with the greatest products.
us::index_dense_t make_index(const melu::Vectors& vectors) {
  const std::size_t width = vectors.width + 1;
  us::metric_punned_t metric(width, us::metric_kind_t::l2sq_k, us::scalar_kind_t::f32_k);
  // How many neighbours a vector has, and how many are looked at to insert one, and to search.
  us::index_dense_config_t config(32, 256, 2 * candidates);
  us::index_dense_t::state_result_t made = us::index_dense_t::make(metric, config);
  if (!made) throw std::runtime_error(made.error.release());
  us::index_dense_t index = std::move(made.index);
  if (!index.try_reserve(vectors.size())) throw std::bad_alloc();
  const auto square = [&](std::size_t item) {
    const float* row = vectors[item].data();
    return std::inner_product(row, row + vectors.width, row, 0.0F);
  };
  float longest = 0;
  for (std::size_t item = 0; item < vectors.size(); item++) {
    longest = std::max(longest, square(item));
  }
  std::vector<float> row(width);
  for (std::size_t item = 0; item < vectors.size(); item++) {
    std::copy_n(vectors[item].data(), vectors.width, row.begin());
    row.back() = std::sqrt(longest - square(item));
    us::index_dense_t::add_result_t added = index.add(item, row.data());
    if (!added) throw std::runtime_error(added.error.release());
  }
  return index;
}

// The items whose vectors have the greatest products with the user's.
std::vector<std::uint32_t> find(const us::index_dense_t& index, const melu::User& user,
                                std::size_t width) {
  std::vector<float> vector(width + 1);
  user.vector(melu::span<float>(vector.data(), width));
  us::index_dense_t::search_result_t found = index.search(vector.data(), candidates);
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
  const us::index_dense_t index = make_index(vectors);

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

  const std::vector<std::uint32_t> near = find(index, user, vectors.width);
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
