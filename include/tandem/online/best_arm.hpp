#pragma once
// The probability that each arm is the best, for independent posteriors, by quadrature: what Thompson sampling does in
// one draw, as numbers that can be logged.

#include <cstddef>
#include <span>

#include "tandem/core/config.hpp"
#include "tandem/online/estimate.hpp"

TANDEM_BEGIN
namespace online {

/// The most arms that probability_best() weighs against each other.
inline constexpr std::size_t max_best_arms = 256;

/// out[i] = P(arm i has the highest mean), the means independent and normal with sd scale * estimate.sd().
/// Sums to 1, every entry >= 0. Only the `support` arms of the highest mean + 3 sd take part; the others get 0.
///
/// @param out      as long as arms; overwritten.
/// @param support  in [1, max_best_arms].
inline void probability_best(std::span<const estimate> arms, std::span<double> out, double scale = 1,
                             std::size_t support = max_best_arms) noexcept;

/// out[i] = P(arm i has the highest success rate), the rates independent and Beta(alpha, beta).
inline void probability_best(std::span<const beta_counts> arms, std::span<double> out,
                             std::size_t support = max_best_arms) noexcept;

}  // namespace online
TANDEM_END

#include "tandem/detail/best_arm_impl.hpp"
