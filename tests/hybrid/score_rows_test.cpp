#include "tandem/hybrid/score_rows.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::hybrid;

namespace {

bool is_zero(std::span<const float> row) {
  return std::ranges::all_of(row, [](float x) { return x == 0; });
}

}  // namespace

TEST_CASE("scores that are added to few items add up, and are listed once while they are positive") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    random_stream random(seed);
    const std::size_t n = 1 + random.below(50);
    const bool negative = random.below(2) == 0;
    std::vector<float> row(n);
    std::vector<std::uint32_t> items;
    few_scores few(row, items);
    std::map<std::uint32_t, float> expected;
    for (std::uint64_t k = random.below(100); k > 0; --k) {
      const auto item = static_cast<std::uint32_t>(random.below(n));
      const float x = static_cast<float>(random.below(4)) - (negative ? 1.0F : 0.0F);  // also 0, and sums of 0
      few.add(item, x);
      expected[item] += x;
    }
    few.scale([](std::uint32_t item) { return static_cast<float>(item % 3 + 1); });
    for (std::uint32_t i = 0; i < n; ++i) REQUIRE(row[i] == expected[i] * static_cast<float>(i % 3 + 1));
    std::vector<std::uint32_t> sorted(few.items().begin(), few.items().end());
    std::ranges::sort(sorted);
    for (std::uint32_t i = 0; i < n; ++i) {
      if (row[i] != 0) REQUIRE(std::ranges::binary_search(sorted, i));
    }
    if (!negative) REQUIRE(few.positive());
    if (few.positive()) {
      REQUIRE(std::ranges::adjacent_find(sorted) == sorted.end());
      for (const std::uint32_t i : sorted) REQUIRE(row[i] > 0);
    }
  }
}

TEST_CASE("a row is all zero whenever it is given out to write to or add to, whatever it was before") {
  random_stream random(3);
  score_rows rows;
  for (std::size_t k = 0; k < 500; ++k) {
    const std::size_t n_rows = 1 + k / 100;
    const std::size_t n = 1 + random.below(k < 250 ? 40 : 3000);  // catalogues grow, and a test's may shrink
    rows.shape(n_rows, n);
    const std::size_t s = random.below(n_rows);
    REQUIRE(rows.row(s).size() == n);
    const std::uint64_t how = random.below(3);
    if (how == 0) {
      const std::span<float> row = rows.to_write(s);
      REQUIRE(is_zero(row));
      row[random.below(n)] = 1;
    } else if (how == 1) {
      few_scores few = rows.to_add(s);
      REQUIRE(is_zero(rows.row(s)));
      few.add(static_cast<std::uint32_t>(random.below(n)), 3);
    } else {
      REQUIRE(is_zero(rows.to_write(s)));
      rows.untouched(s);
    }
    if (random.below(2) == 0) {
      const std::size_t item = random.below(n);
      rows.set(s, item, -1);
      REQUIRE(rows.row(s)[item] == -1);
    }
  }
}
