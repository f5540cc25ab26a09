#pragma once
// What another policy would have earned, estimated from the log of the one that ran; streaming, in constant memory.
//
// Each record says which reward r followed an action, the probability p with which the running policy took it, and
// the probability t with which the policy in question would have taken it there. w = t / p is the record's weight.
// All estimators need honest propensities and support: p > 0 wherever t > 0. Then the weights average 1;
// support_doubtful() says when they do not.
//
//   off_policy.hpp            IPS, clipped IPS, SNIPS: from (r, p, t) alone
//   doubly_robust.hpp         DR, SNDR, Switch-DR, DRos: with a model of the reward
//   bounded_off_policy.hpp    intervals from declared ranges: empirical Bernstein, Cressie-Read, always valid
//   slate_off_policy.hpp      several items a decision: SIPS, IIPS, RIPS, Cascade-DR
//   slope.hpp                 the limit on weights, chosen by the log
//
// Every estimator has add(record) and estimate(confidence), and takes records as independent of each other.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tandem/core/error.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/detail/running_moments.hpp"
#include "tandem/evaluation/interval.hpp"

TANDEM_BEGIN
namespace evaluation {

/// One logged action and what came of it.
struct logged_reward {
  double reward = 0;      ///< finite
  double propensity = 1;  ///< probability of the action under the policy that took it; (0, 1]
  double target = 1;      ///< probability of the same action under the policy in question; [0, 1]
};

/// An estimate of the mean reward a decision, and what there is to know before trusting it.
struct off_policy_estimate {
  double value = 0;
  double standard_error = 0;
  interval range;                    ///< normal interval; covers less than asked for when effective_sample_size < 300
  std::uint64_t n = 0;               ///< records
  double effective_sample_size = 0;  ///< (sum w)^2 / sum w^2 (Kish 1965): how many equal weights would say as much
  double largest_weight = 0;
  double mean_weight = 0;        ///< 1 in the long run, when propensities are honest and support is complete
  double mean_weight_error = 0;  ///< its standard error
  double overlap = 0;            ///< share of the records whose action the policy in question would take at all
  double cut_weight = 0;         ///< 1 - the mean weight after an estimator's limit; 0 for estimators without one
  /// Mean of 1 / propensity: in the long run, how many actions the running policy might have taken, on average. Fewer
  /// than it has says that it does not explore them all; more, that the logged propensities are too small.
  double mean_inverse_propensity = 0;
  double mean_inverse_propensity_error = 0;  ///< its standard error

  /// True when the mean weight lies over 4 standard errors from 1: the logged propensities are wrong, or the policy in
  /// question does things that the logging policy never did. The value is then biased by an unknown amount.
  [[nodiscard]] bool support_doubtful() const noexcept {
    return std::abs(mean_weight - 1) > 4 * mean_weight_error + 1e-9;
  }

  /// For who wants no number rather than a doubtful one. Errors: wrong_state when support_doubtful().
  void require_support() const;
};

/// A limit on weights: less variance, and a bias that the interval covers when the rewards' range is declared.
struct weight_limit {
  /// What it means is said at each estimator; small = more bias, infinity = none. Range (0, inf].
  double limit = 10;
  /// What rewards, and predictions of them, lie in. Then range runs from the least to the most that the weight cut away
  /// can have stood for, and covers at least what was asked. Without it range covers the estimator's mean, bias and
  /// all.
  std::optional<interval> rewards = std::nullopt;

  /// Errors: invalid_argument, naming the option.
  void validate() const;
};

namespace detail {

/// Weights of a stream of records: checks each record and keeps what every estimate reports of them.
class weight_summary {
 public:
  /// The record's weight. Errors: as inverse_propensity::add().
  [[nodiscard]] static double weight_of(const logged_reward& record);
  /// Counts a weight that weight_of() gave.
  void count(double weight, double propensity) noexcept;
  /// Both.
  double add(const logged_reward& record) {
    const double weight = weight_of(record);
    count(weight, record.propensity);
    return weight;
  }
  /// n, weights and their checks filled in. Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate report() const;

 private:
  running_moments moments_;
  running_moments inverse_;
  double squares_ = 0;
  double largest_ = 0;
  std::uint64_t overlapping_ = 0;
};

/// Terms made with cut weights, and the least and most that the same terms with all the weight can amount to.
class cut_terms {
 public:
  explicit cut_terms(const weight_limit& limit) : limit_(limit) { limit.validate(); }
  /// Errors: invalid_argument when a range of rewards is declared and x lies outside.
  void check(double x, const char* field) const;
  /// The term is base + cut * residual; the residual of the weight cut away lies within `lost` of 0, or in it.
  void add(double base, double cut, double residual, const interval& lost) noexcept;
  [[nodiscard]] off_policy_estimate finish(off_policy_estimate report, double confidence) const;
  [[nodiscard]] const weight_limit& limit() const noexcept { return limit_; }

 private:
  weight_limit limit_;
  running_moments value_, low_, high_, cut_;
};

}  // namespace detail

/// IPS: the mean of w r (Horvitz and Thompson 1952). Unbiased; its variance grows with the largest weight.
/// Threads: thread-compatible. Allocates: nothing.
class inverse_propensity {
 public:
  /// Errors: invalid_argument (the record is not counted) for a propensity outside (0, 1] or a target outside [0, 1];
  /// not_finite for a reward that is.
  void add(const logged_reward& record);

  /// Errors: wrong_state for fewer than two records, or when all weights are 0: the policies share no action, and the
  /// log says nothing about the one in question. invalid_argument for a confidence outside (0, 1).
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  detail::running_moments terms_;
};

/// Clipped IPS: the mean of min(w, limit) r (Ionides 2008; lambda in obp). Underestimates rewards >= 0 by what was cut.
/// Threads: thread-compatible. Allocates: nothing.
class clipped_inverse_propensity {
 public:
  /// Errors: invalid_argument for a limit out of its range.
  explicit clipped_inverse_propensity(const weight_limit& limit = {}) : terms_(limit) {}
  /// Errors: as inverse_propensity::add(); invalid_argument too for a reward outside the declared range.
  void add(const logged_reward& record);
  /// With a declared range, range also covers policies whose support the log lacks: what is not seen may earn the least
  /// or the most. Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  detail::cut_terms terms_;
};

/// SNIPS: sum w r / sum w (Swaminathan and Joachims 2015). Biased by O(1/n), mostly of less variance than IPS, never
/// outside the range of rewards seen, and indifferent to where the reward's zero lies.
/// Its interval is the delta method's: variance = sum w^2 (r - value)^2 / (sum w)^2.
/// Threads: thread-compatible. Allocates: nothing.
class self_normalized {
 public:
  /// Errors: as inverse_propensity::add().
  void add(const logged_reward& record);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  double origin_ = 0;  // the first weighted reward: sums taken from here do not cancel badly when a constant is large
  double w_ = 0, wd_ = 0, ww_ = 0, wwd_ = 0, wwdd_ = 0;  // sums of w, w d, w^2, w^2 d, w^2 d^2 with d = r - origin
};

}  // namespace evaluation
TANDEM_END

#include "tandem/detail/off_policy_impl.hpp"
#include "tandem/evaluation/doubly_robust.hpp"  // where doubly_robust used to be
