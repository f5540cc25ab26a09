#pragma once
// What another policy would have earned, estimated from the log of the one that ran; streaming, in constant memory.
//
// Each record says which reward r followed an action, the probability p with which the running policy took it, and
// the probability t with which the policy in question would have taken it there. w = t / p is the record's weight.
// All three estimators need honest propensities and support: p > 0 wherever t > 0. Then the weights average 1;
// support_doubtful() says when they do not.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "tandem/core/error.hpp"
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

/// What a model of the reward says of one record; both finite.
struct predicted_reward {
  double taken = 0;     ///< q(x, a) of the action that was taken
  double expected = 0;  ///< sum over actions of target(a | x) * q(x, a)
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

  /// True when the mean weight lies over 4 standard errors from 1: the logged propensities are wrong, or the policy in
  /// question does things that the logging policy never did. The value is then biased by an unknown amount.
  [[nodiscard]] bool support_doubtful() const noexcept {
    return std::abs(mean_weight - 1) > 4 * mean_weight_error + 1e-9;
  }
};

namespace detail {

/// Weights of a stream of records: checks each record and keeps what every estimate reports of them.
class weight_summary {
 public:
  /// The record's weight, counted. Errors: as inverse_propensity::add().
  double add(const logged_reward& record);
  /// n, weights and their checks filled in. Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate report() const;

 private:
  running_moments moments_;
  double squares_ = 0;
  double largest_ = 0;
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
  double origin_ =
      0;  // the first weighted reward; sums are taken from here, so that a large constant does not cancel badly
  double w_ = 0, wd_ = 0, ww_ = 0, wwd_ = 0, wwdd_ = 0;  // sums of w, w d, w^2, w^2 d, w^2 d^2 with d = r - origin
};

/// DR: the mean of expected + w (r - taken) (Dudík, Langford and Li 2011). Unbiased when the propensities are right,
/// whatever the reward model; of little variance when the model is good. The model must not have seen these records'
/// rewards (fit it on other ones), or the interval is too narrow.
/// Threads: thread-compatible. Allocates: nothing.
class doubly_robust {
 public:
  /// Errors: as inverse_propensity::add(); not_finite for a prediction too.
  void add(const logged_reward& record, const predicted_reward& predicted);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  detail::running_moments terms_;
};

}  // namespace evaluation
TANDEM_END

#include "tandem/detail/off_policy_impl.hpp"
