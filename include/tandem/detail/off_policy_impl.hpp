#pragma once
// Bodies of evaluation/off_policy.hpp.

#include "tandem/evaluation/off_policy.hpp"

TANDEM_BEGIN
namespace evaluation {
namespace detail {

inline void require_finite(double x, const char* field) {
  if (!std::isfinite(x)) throw error(errc::not_finite, "is " + std::to_string(x), {.field = field});
}

inline double weight_summary::add(const logged_reward& record) {
  if (!(record.propensity > 0 && record.propensity <= 1)) {
    throw error(errc::invalid_argument, "is " + std::to_string(record.propensity), {.field = "propensity"},
                "log the probability, above 0 and at most 1, with which the action was drawn");
  }
  if (!(record.target >= 0 && record.target <= 1)) {
    throw error(errc::invalid_argument, "is " + std::to_string(record.target), {.field = "target"},
                "give the probability, in [0, 1], of the logged action under the policy in question");
  }
  require_finite(record.reward, "reward");
  const double weight = record.target / record.propensity;
  require_finite(weight, "target / propensity");
  moments_.add(weight);
  squares_ += weight * weight;
  largest_ = std::max(largest_, weight);
  return weight;
}

inline off_policy_estimate weight_summary::report() const {
  if (moments_.n() < 2) {
    throw error(errc::wrong_state, "an estimate needs at least 2 records, there are " + std::to_string(moments_.n()));
  }
  if (largest_ == 0) {
    throw error(
        errc::wrong_state,
        "no overlap: the policy in question would take none of the " + std::to_string(moments_.n()) + " logged actions",
        {}, "estimate it from the log of a policy that explores what it would do");
  }
  off_policy_estimate out;
  const double n = static_cast<double>(moments_.n());
  out.n = moments_.n();
  out.effective_sample_size = n * moments_.mean() * (n * moments_.mean() / squares_);
  out.largest_weight = largest_;
  out.mean_weight = moments_.mean();
  out.mean_weight_error = moments_.standard_error();
  return out;
}

inline off_policy_estimate finish(off_policy_estimate out, double value, double standard_error, double confidence) {
  require_confidence(confidence);
  out.value = value;
  out.standard_error = standard_error;
  out.range = normal_interval(value, standard_error, confidence);
  return out;
}

}  // namespace detail

inline void inverse_propensity::add(const logged_reward& record) { terms_.add(weights_.add(record) * record.reward); }

inline off_policy_estimate inverse_propensity::estimate(double confidence) const {
  return detail::finish(weights_.report(), terms_.mean(), terms_.standard_error(), confidence);
}

inline void self_normalized::add(const logged_reward& record) {
  const double w = weights_.add(record);
  if (w_ == 0) origin_ = record.reward;
  const double d = record.reward - origin_;
  w_ += w;
  wd_ += w * d;
  ww_ += w * w;
  wwd_ += w * w * d;
  wwdd_ += w * w * d * d;
}

inline off_policy_estimate self_normalized::estimate(double confidence) const {
  const off_policy_estimate report = weights_.report();
  const double mean = wd_ / w_;
  const double squares = std::max(0.0, wwdd_ - 2 * mean * wwd_ + mean * mean * ww_);
  return detail::finish(report, origin_ + mean, std::sqrt(squares) / w_, confidence);
}

inline void doubly_robust::add(const logged_reward& record, const predicted_reward& predicted) {
  detail::require_finite(predicted.taken, "taken");
  detail::require_finite(predicted.expected, "expected");
  terms_.add(predicted.expected + weights_.add(record) * (record.reward - predicted.taken));
}

inline off_policy_estimate doubly_robust::estimate(double confidence) const {
  return detail::finish(weights_.report(), terms_.mean(), terms_.standard_error(), confidence);
}

}  // namespace evaluation
TANDEM_END
