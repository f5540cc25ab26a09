#include "tandem/core/flat_table.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <unordered_map>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;

namespace {

using reference = std::unordered_map<std::uint32_t, int>;

void check_same(const flat_table<int>& table, const reference& expected) {
  REQUIRE(table.size() == expected.size());
  reference seen;
  table.for_each([&](std::uint32_t key, int value) {
    REQUIRE(seen.emplace(key, value).second);  // each key once
  });
  REQUIRE(seen == expected);
}

// a value that counts down to a failure while it is default-constructed, as memory that runs out
struct brittle {
  static inline int until_failure = -1;
  int value = 0;
  brittle() {
    if (until_failure == 0) throw std::bad_alloc();
    if (until_failure > 0) --until_failure;
  }
};

}  // namespace

TEST_CASE("a flat table agrees with a map over random operations") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    random_stream random(seed);
    // few keys: many hits; sparse keys: many collisions under a mask
    const std::uint64_t range = seed % 3 == 0 ? 40 : seed % 3 == 1 ? 3000 : 0xFFFFFFFFULL;
    const std::uint32_t stride = seed % 2 == 0 ? 1 : 4096;
    flat_table<int> table;
    reference expected;
    for (int step = 0; step < 4000; ++step) {
      const auto key = static_cast<std::uint32_t>(random.below(range)) / stride * stride;
      const std::uint64_t what = random.below(100);
      if (what < 60) {
        const int value = static_cast<int>(random.below(1000));
        table[key] = value;
        expected[key] = value;
      } else if (what < 70) {
        ++table[key];  // value-initialised when new
        ++expected[key];
      } else if (what < 99) {
        const int* found = table.find(key);
        const auto at = expected.find(key);
        REQUIRE((found != nullptr) == (at != expected.end()));
        REQUIRE(table.contains(key) == (found != nullptr));
        if (found != nullptr) REQUIRE(*found == at->second);
      } else {
        const std::uint64_t salt = random();
        const auto keep = [&](std::uint32_t k, int v) { return mix64(k ^ salt) % 4 != 0 && v % 7 != 0; };
        table.retain(keep);
        for (auto at = expected.begin(); at != expected.end();) {
          at = keep(at->first, at->second) ? std::next(at) : expected.erase(at);
        }
        check_same(table, expected);
      }
    }
    check_same(table, expected);
  }
}

TEST_CASE("an empty table has nothing and takes any question") {
  flat_table<int> table;
  CHECK(table.size() == 0);
  CHECK(table.find(0) == nullptr);
  CHECK_FALSE(table.contains(7));
  table.retain([](std::uint32_t, int) { return true; });
  table.for_each([](std::uint32_t, int) { FAIL("there is no entry"); });
}

TEST_CASE("values can be changed while a table is walked") {
  flat_table<int> table;
  for (std::uint32_t k = 0; k < 100; ++k) table[k] = static_cast<int>(k);
  table.for_each([](std::uint32_t, int& value) { value *= 2; });
  for (std::uint32_t k = 0; k < 100; ++k) CHECK(*table.find(k) == 2 * static_cast<int>(k));
}

TEST_CASE("a table grows for a new key only") {
  flat_table<int> table;
  for (std::uint32_t k = 0; k < 7; ++k) table[k] = 1;  // 7 of 8 places: as full as it gets
  const int* before = table.find(3);
  for (std::uint32_t k = 0; k < 7; ++k) ++table[k];
  CHECK(table.find(3) == before);
  table[7] = 1;
  CHECK(table.size() == 8);
}

TEST_CASE("the order of a walk is a function of the insertions") {
  const auto walk = [] {
    flat_table<int> table;
    random_stream random(3);
    for (int i = 0; i < 500; ++i) table[static_cast<std::uint32_t>(random.below(10000))] = i;
    std::vector<std::uint32_t> keys;
    table.for_each([&](std::uint32_t key, int) { keys.push_back(key); });
    return keys;
  };
  CHECK(walk() == walk());
}

TEST_CASE("a table whose growth fails stays as it was") {
  brittle::until_failure = -1;
  flat_table<brittle> table;
  for (std::uint32_t k = 0; k < 7; ++k) table[k].value = static_cast<int>(k);
  brittle::until_failure = 4;
  CHECK_THROWS_AS(table[7], std::bad_alloc);
  CHECK(table.size() == 7);
  brittle::until_failure = 4;
  CHECK_THROWS_AS(table.retain([](std::uint32_t, const brittle&) { return true; }), std::bad_alloc);
  brittle::until_failure = -1;
  for (std::uint32_t k = 0; k < 7; ++k) {
    REQUIRE(table.contains(k));
    CHECK(table.find(k)->value == static_cast<int>(k));
  }
  CHECK_FALSE(table.contains(7));
}
