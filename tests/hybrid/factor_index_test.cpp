#include "tandem/hybrid/factor_index.hpp"

#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using tandem::batch::factor_model;

namespace {

struct direct {
  double mean = 0, variance = 0;
};

// from the scores of all items, those beyond the model's with 0
direct moments_of(std::span<const float> factors, std::span<const float> x, std::size_t n_items) {
  std::vector<double> scores(n_items);
  for (std::size_t i = 0; i < factors.size() / x.size(); ++i) {
    for (std::size_t j = 0; j < x.size(); ++j) scores[i] += double{x[j]} * double{factors[i * x.size() + j]};
  }
  direct out;
  for (const double s : scores) out.mean += s / static_cast<double>(n_items);
  for (const double s : scores) out.variance += (s - out.mean) * (s - out.mean) / static_cast<double>(n_items);
  return out;
}

}  // namespace

TEST_CASE("moments are those of the scores of all items, with 0 for items that came later") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    random_stream random(seed);
    const std::size_t rank = 1 + random.below(40);
    const std::size_t n = 1 + random.below(600);
    const double shift = static_cast<double>(random.below(3)) * 100;  // far from zero, close together
    std::vector<float> factors(n * rank);
    for (float& f : factors) f = static_cast<float>(shift + random.normal());
    const factor_index items(factor_model::from_factors(std::vector<float>(rank), factors, rank, {}));
    std::vector<float> x(rank);
    for (float& f : x) f = static_cast<float>(random.normal());
    for (const std::size_t n_items : {n, n + 1, 2 * n}) {
      const direct expected = moments_of(factors, x, n_items);
      const score_moments got = items.moments(x, n_items);
      const double size = std::abs(expected.mean) + std::sqrt(expected.variance);
      CHECK(got.mean == Approx(expected.mean).margin(1e-9 * size));
      CHECK(got.variance == Approx(expected.variance).epsilon(1e-6).margin(1e-9 * size * size));
    }
  }
}

TEST_CASE("a model without items has no spread") {
  const factor_index none(factor_model::from_factors({1, 2}, {}, 2, {}));
  CHECK(none.top().size() == 0);
  const std::vector<float> x{1, 2};
  CHECK(none.moments(x, 5).mean == 0);
  CHECK(none.moments(x, 5).variance == 0);
}
