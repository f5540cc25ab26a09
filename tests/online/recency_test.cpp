#include "tandem/online/recency.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using tandem::online::recency;

TEST_CASE("recency has the latest event of each item, and the latest of each block") {
  random_stream random(5);
  recency told;
  std::vector<double> expected(3000);
  for (double tick = 1; tick < 4000; ++tick) {
    const std::size_t i = random.below(1 + static_cast<std::size_t>(tick) * 3 / 4);
    told.note(item_index{static_cast<std::uint32_t>(i)}, tick);
    expected[i] = tick;
  }
  std::size_t known = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(told.of(item_index{static_cast<std::uint32_t>(i)}) == expected[i]);
    known += expected[i] > 0 ? 1U : 0U;
  }
  CHECK(told.known() == known);
  for (std::size_t b = 0; b < told.n_blocks(); ++b) CHECK(told.peak(b) == std::ranges::max(told.block(b)));
  CHECK(told.of(item_index{100000}) == 0);
}

TEST_CASE("the usual total is the sum of 1, 1/2, ..., 1/n") {
  recency told;
  CHECK(told.usual_total() == 0);
  double sum = 0;
  for (std::uint32_t i = 0; i < 500; ++i) {
    told.note(item_index{i}, i + 1);
    sum += 1 / static_cast<double>(i + 1);
    CHECK(told.usual_total() == Approx(sum).epsilon(0.08));
  }
  CHECK(told.usual_total() == Approx(sum).epsilon(1e-6));
}

TEST_CASE("recency goes on from what it saved, and refuses what it did not") {
  recency told;
  for (std::uint32_t i = 0; i < 1500; i += 3) told.note(item_index{i}, i + 1);
  const auto load = [](byte_reader& in) { return recency::load(in, 1500); };
  const recency again = tandem_test::read_from(tandem_test::saved(told), load);
  CHECK(again.known() == told.known());
  for (std::size_t b = 0; b < told.n_blocks(); ++b) CHECK(again.peak(b) == told.peak(b));
  const auto load_ten = [](byte_reader& in) { return recency::load(in, 10); };
  CHECK_THROWS(tandem_test::read_from(tandem_test::saved(told), load_ten));
  cow_vector<double> bad;
  bad.grow(3);
  bad.write(1) = -1;
  CHECK_THROWS(tandem_test::read_from(tandem_test::saved(bad), load));
}
