// Each C function beside its C++ wrapper: a user who answered 20 questions, the whole
// catalogue, the 20 best, and 256 users one by one and in a batch. bindings/go has the
// same benchmarks, and bindings/compare.py runs both in turn.
//
//     melu_benchmark MODEL [--benchmark_...]

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <melu.hpp>
#include <optional>
#include <vector>

namespace {

constexpr std::size_t answers = 20, most = 20, batch = 256;

// One user of the model that was given, or a batch of them, with what they are asked for.
struct Setting {
  explicit Setting(std::size_t count) {
    for (std::size_t user = 0; user < count; user++) users.push_back(catalog->user());
    for (std::size_t i = 0; i < count * answers; i++) {
      items.push_back(static_cast<std::uint32_t>(i * 37 % catalog->size()));
      ratings.push_back(static_cast<float>(clicks ? i % 2 : 1 + i % 5));
    }
    for (std::size_t user = 0; user <= count; user++) offsets.push_back(user * answers);
    users.front().adapt(melu::span<const std::uint32_t>(items.data(), answers),
                        melu::span<const float>(ratings.data(), answers));
  }

  static std::optional<melu::Catalog> catalog;
  static bool clicks;

  std::vector<melu::User> users;
  std::vector<std::size_t> offsets;
  std::vector<std::uint32_t> items;
  std::vector<float> ratings;
  std::vector<float> scores = std::vector<float>(std::max(catalog->size(), answers));
  std::vector<melu::Recommendation> best = std::vector<melu::Recommendation>(batch * most);
  std::vector<std::size_t> counts = std::vector<std::size_t>(batch);
};

std::optional<melu::Catalog> Setting::catalog;
bool Setting::clicks;

void check(melu_status status, const melu_error& error) {
  if (status == MELU_STATUS_OK) return;
  std::fprintf(stderr, "%s\n", error.message);
  std::exit(1);
}

// A call that has nothing to do.

void call_c(benchmark::State& state) {
  Setting its(1);
  melu_user* user = its.users[0].get();
  std::size_t needed;
  melu_error error;
  for (auto _ : state) {
    check(melu_user_score(user, its.items.data(), 0, its.scores.data(),
                          its.scores.size(), &needed, &error),
          error);
    benchmark::DoNotOptimize(needed);
  }
}

void call_cpp(benchmark::State& state) {
  Setting its(1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(its.users[0].score({}, its.scores).size());
  }
}

void adapt_c(benchmark::State& state) {
  Setting its(1);
  melu_user* user = its.users[0].get();
  melu_error error;
  for (auto _ : state) {
    check(melu_user_adapt(user, its.items.data(), its.ratings.data(), answers, &error), error);
  }
}

void adapt_cpp(benchmark::State& state) {
  Setting its(1);
  for (auto _ : state) its.users[0].adapt(its.items, its.ratings);
}

void adapt_cpp_expected(benchmark::State& state) {
  Setting its(1);
  for (auto _ : state) {
    if (!its.users[0].try_adapt(its.items, its.ratings)) std::exit(1);
  }
}

void score_c(benchmark::State& state) {
  Setting its(1);
  melu_user* user = its.users[0].get();
  std::size_t needed;
  melu_error error;
  for (auto _ : state) {
    check(melu_user_score(user, its.items.data(), answers, its.scores.data(),
                          its.scores.size(), &needed, &error),
          error);
    benchmark::DoNotOptimize(needed);
  }
}

void score_cpp(benchmark::State& state) {
  Setting its(1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(its.users[0].score(its.items, its.scores).size());
  }
}

void score_all_c(benchmark::State& state) {
  Setting its(1);
  melu_user* user = its.users[0].get();
  std::size_t needed;
  melu_error error;
  for (auto _ : state) {
    check(melu_user_score(user, nullptr, MELU_ALL_ITEMS, its.scores.data(),
                          its.scores.size(), &needed, &error),
          error);
    benchmark::DoNotOptimize(needed);
  }
}

void score_all_cpp(benchmark::State& state) {
  Setting its(1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(its.users[0].score_all(its.scores).size());
  }
}

void recommend_c(benchmark::State& state) {
  Setting its(1);
  melu_user* user = its.users[0].get();
  std::size_t count;
  melu_error error;
  for (auto _ : state) {
    check(melu_user_recommend(user, nullptr, its.best.data(), most, &count, &error), error);
    benchmark::DoNotOptimize(count);
  }
}

void recommend_cpp(benchmark::State& state) {
  Setting its(1);
  melu::span<melu::Recommendation> room(its.best.data(), most);
  for (auto _ : state) benchmark::DoNotOptimize(its.users[0].recommend(room).size());
}

// The next four do the same for 256 users; each has the time of 256.

void one_by_one_c(benchmark::State& state) {
  Setting its(batch);
  std::vector<melu_user*> users;
  for (melu::User& user : its.users) users.push_back(user.get());
  melu_error error;
  for (auto _ : state) {
    for (std::size_t i = 0; i < batch; i++) {
      check(melu_user_adapt(users[i], &its.items[i * answers], &its.ratings[i * answers],
                            answers, &error),
            error);
      check(melu_user_recommend(users[i], nullptr, &its.best[i * most], most, &its.counts[i],
                                &error),
            error);
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * batch));
}

void one_by_one_cpp(benchmark::State& state) {
  Setting its(batch);
  for (auto _ : state) {
    for (std::size_t i = 0; i < batch; i++) {
      its.users[i].adapt({&its.items[i * answers], answers},
                         {&its.ratings[i * answers], answers});
      its.counts[i] = its.users[i].recommend({&its.best[i * most], most}).size();
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * batch));
}

void batch_c(benchmark::State& state) {
  Setting its(batch);
  std::vector<melu_user*> users;
  for (melu::User& user : its.users) users.push_back(user.get());
  melu_error error;
  for (auto _ : state) {
    check(melu_recommend_batch(users.data(), batch, its.offsets.data(), its.items.data(),
                               its.ratings.data(), its.ratings.size(), nullptr,
                               its.best.data(), most, its.counts.data(), &error),
          error);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * batch));
}

void batch_cpp(benchmark::State& state) {
  Setting its(batch);
  for (auto _ : state) {
    melu::recommend_batch(its.users, {its.offsets, its.items, its.ratings}, its.best,
                          its.counts);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * batch));
}

BENCHMARK(call_c);
BENCHMARK(call_cpp);
BENCHMARK(adapt_c);
BENCHMARK(adapt_cpp);
BENCHMARK(adapt_cpp_expected);
BENCHMARK(score_c);
BENCHMARK(score_cpp);
BENCHMARK(score_all_c);
BENCHMARK(score_all_cpp);
BENCHMARK(recommend_c);
BENCHMARK(recommend_cpp);
BENCHMARK(one_by_one_c)->Unit(benchmark::kMicrosecond);
BENCHMARK(one_by_one_cpp)->Unit(benchmark::kMicrosecond);
BENCHMARK(batch_c)->Unit(benchmark::kMicrosecond);
BENCHMARK(batch_cpp)->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: melu_benchmark MODEL [--benchmark_...]\n");
    return 2;
  }
  melu::expected<melu::Model> model = melu::Model::try_open(argv[1]);
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().what());
    return 1;
  }
  Setting::catalog.emplace(model->catalog());
  Setting::clicks = model->details().clicks;
  benchmark::RunSpecifiedBenchmarks();
}
