#pragma once
// The one place where chance enters a decision: draws an index from probabilities already fixed.

#include <cstddef>
#include <span>

#include "tandem/core/config.hpp"
#include "tandem/core/random.hpp"

TANDEM_BEGIN
namespace online {

/// What was drawn, and the probability with which it was: the propensity to log.
struct draw {
  std::size_t index = 0;
  double probability = 0;
};

/// Draws an index i with probability probabilities[i]; uses one random number. Never draws an index of probability 0.
///
/// @param probabilities  every entry >= 0, sum 1 (up to rounding), at least one entry.
/// Complexity: O(n). Allocates: nothing. Threads: pure but for the stream.
[[nodiscard]] inline draw sample(std::span<const double> probabilities, random_stream& random) noexcept {
  TANDEM_ASSERT(!probabilities.empty());
  const double u = random.uniform();
  double below = 0;
  std::size_t last = 0;  // the last index that can be drawn takes what rounding leaves
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (!(probabilities[i] > 0)) continue;
    last = i;
    below += probabilities[i];
    if (u < below) break;
  }
  return {last, probabilities[last]};
}

}  // namespace online
TANDEM_END
