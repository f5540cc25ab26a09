#pragma once
// Off-policy estimates that lean on a model of the reward and use the log to correct it.
//
// With q the model, every one is a mean of expected + weight * (r - taken): right whatever q says, as far as the
// weights are whole, and of little variance when q is good. The model must not have seen these records' rewards (fit it
// on other ones), or the intervals are too narrow. off_policy.hpp says what records, weights and estimates are.

#include <cmath>
#include <string>

#include "tandem/evaluation/off_policy.hpp"

TANDEM_BEGIN
namespace evaluation {

/// What a model of the reward says of one record; both finite.
struct predicted_reward {
  double taken = 0;     ///< q(x, a) of the action that was taken
  double expected = 0;  ///< sum over actions of target(a | x) * q(x, a)
};

/// DR: the mean of expected + w (r - taken) (Dudík, Langford and Li 2011). Unbiased when the propensities are right,
/// whatever the reward model. Threads: thread-compatible. Allocates: nothing.
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

/// SNDR: mean of expected + sum w (r - taken) / sum w (Kallus and Uehara 2019). Biased by O(1/n), less moved by a few
/// large weights than DR. Its interval is the delta method's.
/// Threads: thread-compatible. Allocates: nothing.
class self_normalized_doubly_robust {
 public:
  /// Errors: as doubly_robust::add().
  void add(const logged_reward& record, const predicted_reward& predicted);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  detail::running_moments expected_;
  // e = expected and d = r - taken, each from the first one seen
  double first_e_ = 0, first_d_ = 0;
  double w_ = 0, wd_ = 0, ww_ = 0, wwd_ = 0, wwdd_ = 0, we_ = 0, wde_ = 0;
};

/// Switch-DR: where w exceeds the limit, the model alone is believed (Wang, Agarwal and Dudík 2017; tau there, lambda
/// in obp). Threads: thread-compatible. Allocates: nothing.
class switch_doubly_robust {
 public:
  /// Errors: invalid_argument for a limit out of its range.
  explicit switch_doubly_robust(const weight_limit& limit = {}) : terms_(limit) {}
  /// Errors: as doubly_robust::add(); invalid_argument too for a reward or prediction outside the declared range.
  void add(const logged_reward& record, const predicted_reward& predicted);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  detail::cut_terms terms_;
};

/// DRos: DR with w shrunk to limit * w / (w^2 + limit), which falls again for the largest: the optimum against a bound
/// on the mean squared error (Su, Dimakopoulou, Krishnamurthy and Dudík 2020; lambda there and in obp, on the scale of
/// w^2). Threads: thread-compatible. Allocates: nothing.
class shrunk_doubly_robust {
 public:
  /// Errors: invalid_argument for a limit out of its range.
  explicit shrunk_doubly_robust(const weight_limit& limit = {.limit = 100}) : terms_(limit) {}
  /// Errors: as switch_doubly_robust::add().
  void add(const logged_reward& record, const predicted_reward& predicted);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  detail::cut_terms terms_;
};

}  // namespace evaluation
TANDEM_END

#include "tandem/detail/doubly_robust_impl.hpp"
