#pragma once
// Off-policy intervals that use what is known beforehand: the range of rewards and the largest weight.
//
//   bernstein_inverse_propensity  covers at any n, not only in the limit; wide: made for few records and hard promises
//   empirical_likelihood          covers in the limit, stays within the rewards; narrow when a largest weight is
//   declared,
//                                 cautious without
//   off_policy_sequence           covers at all n at once, so that it may be watched; needs no largest weight
//
// off_policy.hpp says what records, weights and estimates are.

#include <cmath>
#include <cstdint>
#include <limits>

#include "tandem/evaluation/confidence_sequence.hpp"
#include "tandem/evaluation/off_policy.hpp"

TANDEM_BEGIN
namespace evaluation {

/// What is known before the first record.
struct off_policy_bounds {
  /// What rewards lie in, ends included; finite, low < high.
  interval rewards = {0, 1};
  /// What weights target / propensity lie in: the smallest over contexts and actions, in [0, 1), and the largest, in
  /// (1, inf]. If the running policy gives no action less than epsilon, the largest is at most 1 / epsilon.
  interval weights = {0, std::numeric_limits<double>::infinity()};

  /// Errors: invalid_argument, naming the option.
  void validate() const;
};

/// The mean of w r, as IPS, with an interval that covers at every fixed n, whatever the distribution.
///
/// half width = sqrt(2 V ln(4 / alpha) / n) + 7 M ln(4 / alpha) / (3 (n - 1)), cut to the range of rewards; V the
/// terms' variance, M the width of what w r lies in, alpha = 1 - confidence. Threads: thread-compatible. Allocates:
/// nothing. Source: Maurer and Pontil, COLT 2009, theorem 4 (delta = alpha / 2 each side).
class bernstein_inverse_propensity {
 public:
  /// Errors: invalid_argument for an option out of its range, and for an infinite largest weight.
  explicit bernstein_inverse_propensity(const off_policy_bounds& bounds);

  /// Errors (the record is not counted): as inverse_propensity::add(); invalid_argument too for a reward or weight
  /// outside the bounds.
  void add(const logged_reward& record);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  off_policy_bounds bounds_;
  detail::weight_summary weights_;
  detail::running_moments terms_;
};

/// The value under the reweighting of the log, nearest to none at all, that makes the weights average 1; its interval,
/// what reweightings not much further away give (Cressie-Read divergence of power 2, which has a closed form).
///
/// One record of the worst weight and reward is added to the log, so that what was not seen counts. standard_error is
/// what a normal interval of the same width would have.
/// Threads: thread-compatible. Allocates: nothing. Source: Karampatziakis, Langford and Mineiro, Empirical Likelihood
/// for Contextual Bandits, NeurIPS 2020; cressie_read in VW.
class empirical_likelihood {
 public:
  /// Errors: invalid_argument for an option out of its range.
  explicit empirical_likelihood(const off_policy_bounds& bounds = {});

  /// Errors: as bernstein_inverse_propensity::add().
  void add(const logged_reward& record);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  struct moments;
  [[nodiscard]] moments with(double weight, double reward) const noexcept;
  [[nodiscard]] double lowest(double reward, double sign, double budget) const noexcept;
  [[nodiscard]] double unlikely_weight() const noexcept;
  [[nodiscard]] double distance() const noexcept;

  off_policy_bounds bounds_;
  detail::weight_summary weights_;
  // sums over records; rewards scaled to [0, 1]
  double n_ = 0, w_ = 0, ww_ = 0, wr_ = 0, wwr_ = 0, wwrr_ = 0;
};

/// An off-policy interval that may be looked at after every record: with probability `confidence` it never misses.
///
/// Bets for a value above m on terms w r', and for a value below on w (1 - r'), r' the reward scaled to [0, 1]: both
/// are
/// >= 0, which is all that betting_bound asks, so that weights may be as large as they like. Needs full support: the
/// second step takes the mean weight as 1.
/// Threads: thread-compatible. Allocates: at construction, 144 bytes a candidate. Source: Waudby-Smith, Wu, Ramdas,
/// Karampatziakis and Mineiro, Anytime-valid off-policy inference for contextual bandits, 2024, with the bets of
/// betting_sequence.
class off_policy_sequence {
 public:
  /// @param options  values = the range of rewards.   Errors: invalid_argument for an option out of its range.
  explicit off_policy_sequence(const betting_options& options = {});

  /// Complexity: O(candidates in range()). Errors (the record is not counted): as inverse_propensity::add();
  /// invalid_argument too for a reward outside the declared range.
  void add(const logged_reward& record);

  /// Starts as the range of rewards; never grows.
  [[nodiscard]] interval range() const noexcept;
  [[nodiscard]] std::uint64_t n() const noexcept { return range_.n(); }
  /// True when the records refute every value: it changes over the log, or support is missing. range() is then the last
  /// that was not empty, and stays.
  [[nodiscard]] bool contradictory() const noexcept { return range_.contradictory(); }
  /// IPS, with range(), whose confidence was chosen at construction. Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate() const;

 private:
  betting_options options_;
  detail::betting_range range_;
  detail::weight_summary weights_;
  detail::running_moments terms_;
};

}  // namespace evaluation
TANDEM_END

#include "tandem/detail/bounded_off_policy_impl.hpp"
