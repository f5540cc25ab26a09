#pragma once
// From scored candidates to a slate: best first, exploring by a policy, with the exact probability of each place.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/sampler.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Options of a slate.
struct slate_options {
  /// Turns the scores of the pool into a probability for each; drawn place by place, without replacement.
  online::any_policy policy = online::epsilon_greedy{0.02};
  /// The best candidates the policy chooses among at each place; the rest only fill up. Range [1, 256].
  std::size_t pool = 30;

  /// Errors: invalid_argument, naming the option.
  void validate() const {
    policy.validate();
    if (pool < 1 || pool > 256) throw error(errc::invalid_argument, "must lie in [1, 256]", {{}, 0, "slate.pool"});
  }
};

/// One place of a slate before it has ids.
struct slate_place {
  std::size_t candidate = 0;
  double propensity = 1;  ///< given the places above
};

/// The best `n` candidates, or all if there are fewer: by falling score, ties by smaller subscript.
[[nodiscard]] inline std::vector<std::size_t> order_by_score(std::span<const float> scores, std::size_t n) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  n = std::min(n, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
      [&](std::size_t a, std::size_t b) { return scores[a] > scores[b] || (scores[a] == scores[b] && a < b); });
  order.resize(n);
  return order;
}

/// Draws `count` places. At each the policy sees the `pool` best candidates not placed yet, in order of score.
///
/// The propensity of a place is the probability the policy gave its item there, so that of the whole slate is the
/// product. Numbers come from `random` only: same stream, same slate.
/// @param estimates  one per candidate; `order` = order_by_score of their means, of options.pool + count at least.
/// Complexity: O(count * pool) for the cheap policies. Allocates: scratch. Threads: pure but for `random`.
[[nodiscard]] inline std::vector<slate_place> draw_slate(std::span<const online::estimate> estimates,
                                                         std::span<const std::size_t> order, std::size_t count,
                                                         const slate_options& options, random_stream& random) {
  std::vector<slate_place> slate;
  count = std::min(count, order.size());
  slate.reserve(count);
  std::vector<std::size_t> pool(order.begin(),
                                order.begin() + static_cast<std::ptrdiff_t>(std::min(options.pool, order.size())));
  std::size_t next = pool.size();
  std::vector<online::estimate> seen(pool.size());
  std::vector<double> probability(pool.size());
  while (slate.size() < count) {
    for (std::size_t i = 0; i < pool.size(); ++i) seen[i] = estimates[pool[i]];
    const std::span<double> p = std::span(probability).first(pool.size());
    options.policy.probabilities(std::span<const online::estimate>(seen).first(pool.size()), p);
    const online::draw drawn = online::sample(p, random);
    slate.push_back({pool[drawn.index], drawn.probability});
    pool.erase(pool.begin() + static_cast<std::ptrdiff_t>(drawn.index));
    if (next < order.size()) pool.push_back(order[next++]);
  }
  return slate;
}

}  // namespace hybrid
TANDEM_END
