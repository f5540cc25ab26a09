#include "tandem/core/left_right.hpp"

#include <atomic>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using tandem::left_right;

namespace {

// Never differ, unless a reader sees half of a write.
struct pair {
  std::vector<std::size_t> a, b;
};

}  // namespace

TEST_CASE("a write is seen by every read that begins after it") {
  left_right<int, int> value(1);
  CHECK(value.read([](const int& v, int&) { return v; }) == 1);
  CHECK(value.write([](int& v) { return v *= 3; }) == 3);
  CHECK(value.read([](const int& v, int&) { return v; }) == 3);
  CHECK(value.write([](int& v) { return v += 4; }) == 7);
  CHECK(value.read([](const int& v, int&) { return v; }) == 7);
}

TEST_CASE("readers see all of a write or none of it, and writes in their order", "[concurrency]") {
  constexpr std::size_t n_writes = 3000;
  left_right<pair, std::size_t> value(pair{std::vector<std::size_t>(50), std::vector<std::size_t>(50)});
  std::atomic<bool> done{false};
  std::atomic<std::size_t> torn{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      std::size_t latest = 0;
      while (!done) {
        value.read([&](const pair& p, std::size_t& local) {
          ++local;  // nobody else's meanwhile
          for (std::size_t i = 0; i < p.a.size(); ++i) {
            if (p.a[i] != p.a[0] || p.b[i] != p.a[0]) ++torn;
          }
          if (p.a[0] < latest) ++torn;
          latest = p.a[0];
        });
      }
    });
  }
  for (std::size_t w = 1; w <= n_writes; ++w) {
    value.write([&](pair& p) {
      for (std::size_t& each : p.a) each = w;
      for (std::size_t& each : p.b) each = w;
      return 0;
    });
    if (value.read([](const pair& p, std::size_t&) { return p.b[49]; }) != w) ++torn;
  }
  done = true;
  for (std::thread& each : readers) each.join();
  CHECK(torn == 0);
}

TEST_CASE("writers from many threads lose nothing", "[concurrency]") {
  left_right<std::size_t, int> value(0);
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&] {
      for (int n = 0; n < 500; ++n) value.write([](std::size_t& v) { return ++v; });
    });
  }
  for (std::thread& each : writers) each.join();
  CHECK(value.read([](const std::size_t& v, int&) { return v; }) == 2000);
  CHECK(value.write([](std::size_t& v) { return v; }) == 2000);  // the other copy has them, too
}

TEST_CASE("a write that throws at once changes nothing; one that throws on the copy stands") {
  left_right<int, int> value(5);
  CHECK_THROWS_AS(value.write([](int&) -> int { throw std::runtime_error("no"); }), std::runtime_error);
  CHECK(value.read([](const int& v, int&) { return v; }) == 5);
  CHECK_THROWS_AS(value.write([](int& v) -> int {
    v = 99;
    throw std::runtime_error("too late");
  }),
                  std::runtime_error);
  CHECK(value.read([](const int& v, int&) { return v; }) == 5);
  value.write([](int& v) { return v; });
  value.write([](int& v) { return v; });
  CHECK(value.read([](const int& v, int&) { return v; }) == 5);  // on either side
  int calls = 0;
  value.write([&](int& v) {
    if (++calls == 2) throw std::bad_alloc();
    return ++v;
  });
  CHECK(value.read([](const int& v, int&) { return v; }) == 6);
  value.write([](int& v) { return ++v; });
  CHECK(value.read([](const int& v, int&) { return v; }) == 7);
  value.write([](int& v) { return ++v; });
  CHECK(value.read([](const int& v, int&) { return v; }) == 8);
}
