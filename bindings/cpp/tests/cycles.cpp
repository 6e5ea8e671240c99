// Makes users, adapts them, recommends to them and lets them go, again and again, and
// fails if that takes memory.
//
//     cycles MODEL [COUNT]

#include <malloc.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <melu.hpp>

namespace {

// Bytes that are in use, by the allocator that Rust and C++ share.
std::size_t in_use() {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Bytes of memory that the process has.
std::size_t resident() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages >> pages;
  return pages * 4096;
}

void cycle(const melu::Catalog& catalog, std::size_t turn) {
  melu::User user = catalog.user();
  std::array<std::uint32_t, 20> items;
  std::array<float, 20> ratings;
  for (std::size_t i = 0; i < items.size(); i++) {
    items[i] = static_cast<std::uint32_t>((turn + 7 * i) % catalog.size());
    ratings[i] = static_cast<float>(1 + (turn + i) % 5);
  }
  user.adapt(items, ratings);
  std::array<melu::Recommendation, 20> best;
  static_cast<void>(user.recommend(best));
  // Failures must not cost memory either.
  if (user.try_adapt(items, {})) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: cycles MODEL [COUNT]\n");
    return 2;
  }
  const std::size_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000000;
  // What is freed is not to be kept for later, and counted as in use meanwhile. The cache of
  // each thread is switched off by GLIBC_TUNABLES=glibc.malloc.tcache_count=0 alone.
  mallopt(M_MXFAST, 0);
  melu::Catalog catalog = melu::Model::open(argv[1]).catalog();
  for (std::size_t turn = 0; turn < 1000; turn++) cycle(catalog, turn);
  const std::size_t used = in_use(), pages = resident();
  for (std::size_t turn = 0; turn < count; turn++) cycle(catalog, turn);
  const std::size_t used_now = in_use(), pages_now = resident();
  std::printf("%zu cycles: %zu bytes in use, then %zu; %zu resident, then %zu\n", count, used,
              used_now, pages, pages_now);
  // One lost piece a cycle is far more.
  return used_now > used + 4096 || pages_now > pages + (1 << 20);
}
