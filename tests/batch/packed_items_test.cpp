#include "tandem/batch/packed_items.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::batch;

TEST_CASE("packed scores are off by no more than the bound says") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    random_stream random(seed);
    const std::size_t rank = 1 + random.below(70);
    const std::size_t n = random.below(100);
    const double size = std::exp2(random.uniform() * 40 - 20);
    std::vector<float> factors(n * rank);
    for (float& y : factors) y = static_cast<float>(random.normal(0, size));
    for (std::size_t j = 0; j < rank && n > 3; ++j) factors[3 * rank + j] = 0;  // an item without history
    const factor_model model = factor_model::from_factors({}, factors, rank, {});
    const packed_items packed(model);
    REQUIRE(packed.size() == n);
    std::vector<float> users(2 * rank);
    for (float& x : users) x = static_cast<float>(random.normal());
    std::vector<float> scores(2 * n);
    packed.score(users, scores);
    for (std::size_t u = 0; u < 2; ++u) {
      double user_size = 0;
      for (std::size_t j = 0; j < rank; ++j) user_size += std::abs(double{users[u * rank + j]});
      for (std::size_t i = 0; i < n; ++i) {
        double exact = 0;
        double largest = 0;
        for (std::size_t j = 0; j < rank; ++j) {
          exact += double{users[u * rank + j]} * double{factors[i * rank + j]};
          largest = std::max(largest, std::abs(double{factors[i * rank + j]}));
        }
        REQUIRE(std::abs(double{scores[u * n + i]} - exact) <= largest * user_size * (1.0 / 65534 + 1e-6));
      }
    }
  }
}

TEST_CASE("no items and no users are fine") {
  const packed_items none;
  CHECK(none.size() == 0);
  none.score({}, {});
  const packed_items packed(factor_model::from_factors({}, {1, 2, 3, 4}, 2, {}));
  packed.score({}, {});
  CHECK(packed.rank() == 2);
}
