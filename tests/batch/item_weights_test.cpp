#include "tandem/batch/item_weights.hpp"

#include <utility>
#include <vector>

#include "learners.hpp"
#include "support/catch.hpp"
#include "tandem/batch/history_model.hpp"

using namespace tandem;
using namespace tandem::batch;
using namespace learners;

static_assert(history_model<item_weights>);

namespace {

/// W_ij of a random sparse matrix, dense and compressed.
struct both {
  std::vector<double> dense;
  item_weights sparse;
};

both random_weights(std::uint64_t seed, std::size_t n) {
  random_stream random(seed);
  both out{std::vector<double>(n * n, 0.0), {}};
  std::vector<std::size_t> start{0};
  std::vector<std::uint32_t> index;
  std::vector<float> weight;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (random.uniform() > 0.3) continue;
      index.push_back(static_cast<std::uint32_t>(j));
      weight.push_back(static_cast<float>(random.normal()));
      out.dense[i * n + j] = static_cast<double>(weight.back());
    }
    start.push_back(index.size());
  }
  out.sparse = item_weights::from_rows(std::move(start), std::move(index), std::move(weight));
  return out;
}

}  // namespace

TEST_CASE("item weights add up the rows of a history", "[item_weights]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::size_t n = 6 + seed;
    const both w = random_weights(seed, n);
    random_stream random(seed, 1);
    history given;
    std::vector<double> expected(n, 0.0);
    for (int e = 0; e < 9; ++e) {
      given.items.push_back(item_index{static_cast<std::uint32_t>(random.below(n))});
      given.weights.push_back(static_cast<float>(random.normal(0.5)));
      const double x = static_cast<double>(given.weights.back());
      for (std::size_t j = 0; j < n && x > 0; ++j) expected[j] += x * w.dense[slot(given.items.back()) * n + j];
    }
    const std::vector<float> scores = scores_of(w.sparse, given);
    for (std::size_t j = 0; j < n; ++j) CHECK(scores[j] == Approx(expected[j]).margin(1e-5));
    check_histories(w.sparse);
  }
}

TEST_CASE("item weights without items or entries score nothing", "[item_weights]") {
  CHECK(item_weights().n_items() == 0);
  CHECK(scores_of(item_weights(), {}).empty());
  const item_weights no_entries = item_weights::from_rows({0, 0, 0}, {}, {});
  CHECK(no_entries.n_items() == 2);
  CHECK(scores_of(no_entries, {{item_index{1}}, {1}}) == std::vector<float>{0, 0});
}

TEST_CASE("item weights that are no matrix are refused", "[item_weights]") {
  const auto code_of = [](std::vector<std::size_t> start, std::vector<std::uint32_t> index, std::vector<float> weight) {
    const auto failure =
        error_of([&] { (void)item_weights::from_rows(std::move(start), std::move(index), std::move(weight)); });
    REQUIRE(failure);
    return failure->code();
  };
  CHECK(code_of({}, {}, {}) == errc::invalid_argument);
  CHECK(code_of({0, 1}, {0}, {1, 2}) == errc::invalid_argument);
  CHECK(code_of({1, 1}, {0}, {1}) == errc::invalid_argument);
  CHECK(code_of({0, 0}, {0}, {1}) == errc::invalid_argument);
  CHECK(code_of({0, 1}, {1}, {1}) == errc::invalid_argument);              // item 1 of 1
  CHECK(code_of({0, 5, 1}, {0}, {1}) == errc::invalid_argument);           // beyond the entries
  CHECK(code_of({0, 2, 1, 2}, {0, 1}, {1, 1}) == errc::invalid_argument);  // backwards
  CHECK(code_of({0, 2, 2}, {1, 0}, {1, 1}) == errc::invalid_argument);     // not ascending
  CHECK(code_of({0, 2, 2}, {1, 1}, {1, 1}) == errc::invalid_argument);     // twice
  CHECK(code_of({0, 1}, {0}, {HUGE_VALF}) == errc::not_finite);
}
