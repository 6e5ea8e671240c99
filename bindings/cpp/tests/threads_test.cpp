// Sixteen threads score while the model is swapped. This file is also compiled with
// -fno-exceptions and -fno-rtti.

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "models.hpp"

namespace {

TEST(Threads, score_while_the_model_is_swapped) {
  const std::vector<std::uint32_t> items = {2};
  const std::vector<float> ratings = {5};
  const std::array<std::string, 2> paths = {sample(), sample_with_vectors()};
  const std::array<std::vector<float>, 2> expected = {c_scores(paths[0], items, ratings),
                                                      c_scores(paths[1], items, ratings)};
  ASSERT_NE(expected[0], expected[1]);

  // As a service does it: who makes a user holds the catalogue only for so long.
  std::mutex lock;
  auto open = [&](std::size_t which) {
    return std::make_shared<const melu::Catalog>(
        *melu::Model::try_open(paths[which])->try_catalog());
  };
  std::shared_ptr<const melu::Catalog> current = open(0);

  std::atomic<bool> wrong = false;
  std::array<std::atomic<int>, 2> seen = {};
  std::atomic<int> swaps = 0;
  auto work = [&] {
    std::vector<float> scores(3);
    // On, until every thread had the chance to meet both.
    for (int turn = 0; turn < 200 || swaps < 20; turn++) {
      std::shared_ptr<const melu::Catalog> catalog;
      {
        std::lock_guard<std::mutex> held(lock);
        catalog = current;
      }
      melu::expected<melu::User> user = catalog->try_user();
      catalog.reset();
      if (!user || !user->try_adapt(items, ratings) || !user->try_score_all(scores)) {
        wrong = true;
        return;
      }
      bool first = scores == expected[0];
      if (!first && scores != expected[1]) wrong = true;
      seen[first ? 0 : 1]++;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; i++) threads.emplace_back(work);
  for (std::size_t swap = 1; swap <= 20; swap++) {
    std::shared_ptr<const melu::Catalog> next = open(swap % 2);
    {
      std::lock_guard<std::mutex> held(lock);
      current.swap(next);
    }
    // The old one goes here, or with the last thread that uses it.
    next.reset();
    int before = seen[swap % 2];
    while (!wrong && seen[swap % 2] == before) std::this_thread::yield();
    swaps++;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(wrong);
  EXPECT_GT(seen[0], 0);
  EXPECT_GT(seen[1], 0);
}

// Reading from one user, and one catalogue, needs no lock.
TEST(Threads, share_what_is_const) {
  melu::expected<melu::Model> model = melu::Model::try_open(sample());
  melu::expected<melu::Catalog> catalog = model->try_catalog();
  melu::expected<melu::User> made = catalog->try_user();
  const melu::User& user = *made;
  const std::size_t size = *user.try_saved_size();
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; i++) {
    threads.emplace_back([&] {
      std::vector<std::byte> bytes(size);
      if (user.try_save(bytes) && *catalog->try_id(1) == "two") right++;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 16);
}

// A call finds the same with threads of its own, beside other such calls.
TEST(Threads, share_a_call) {
  constexpr std::size_t count = 20, per_user = 2;
  std::atomic<int> right = 0;
  auto work = [&] {
    melu::expected<melu::Model> model = melu::Model::try_open(sample_with_vectors());
    melu::expected<melu::Catalog> catalog = model->try_catalog();
    std::vector<melu::User> users;
    std::vector<std::size_t> offsets = {0};
    std::vector<std::uint32_t> items;
    std::vector<float> ratings;
    for (std::size_t u = 0; u < count; u++) {
      users.push_back(*catalog->try_user());
      items.push_back(static_cast<std::uint32_t>(u % 3));
      ratings.push_back(static_cast<float>(u % 5 + 1));
      offsets.push_back(items.size());
    }
    std::vector<melu::Recommendation> expected(count * per_user);
    std::vector<std::size_t> counts(count);
    melu::Answers answers = {offsets, items, ratings};
    if (!melu::try_recommend_batch(users, answers, expected, counts)) return;
    for (std::uint32_t threads : {2u, 3u, 50u}) {
      melu::RecommendOptions options;
      options.threads = threads;
      std::vector<melu::Recommendation> best(count * per_user);
      if (!melu::try_recommend_batch(users, answers, best, counts, options)) return;
      for (std::size_t i = 0; i < best.size(); i++) {
        if (best[i].item != expected[i].item || best[i].score != expected[i].score) return;
      }
      melu::expected<melu::span<melu::Recommendation>> one = users[0].try_recommend(
          melu::span<melu::Recommendation>(best.data(), per_user), options);
      if (!one || best[0].item != expected[0].item) return;
    }
    right++;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 4);
}

}  // namespace
