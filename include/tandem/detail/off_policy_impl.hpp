#pragma once
// Bodies of evaluation/off_policy.hpp.

#include "tandem/evaluation/off_policy.hpp"

TANDEM_BEGIN
namespace evaluation {

inline void off_policy_estimate::require_support() const {
  if (!support_doubtful()) return;
  throw error(errc::wrong_state,
              "the weights average " + std::to_string(mean_weight) + " +- " + std::to_string(mean_weight_error) +
                  ", not 1: the policy in question does what was never logged, or the propensities are wrong",
              {.field = "mean_weight"}, "log the propensity each action was drawn with, from a policy that explores");
}

inline void weight_limit::validate() const {
  tandem::detail::require_or(limit > 0, "limit", "give a number > 0; infinity cuts nothing");
  if (!rewards) return;
  tandem::detail::require_or(
      std::isfinite(rewards->low) && std::isfinite(rewards->high) && rewards->low < rewards->high, "rewards",
      "give two finite numbers, the lower one first");
}

namespace detail {

inline void require_finite(double x, const char* field) {
  if (!std::isfinite(x)) throw error(errc::not_finite, "is " + std::to_string(x), {.field = field});
}

inline double weight_summary::weight_of(const logged_reward& record) {
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
  return weight;
}

inline void weight_summary::count(double weight, double propensity) noexcept {
  moments_.add(weight);
  inverse_.add(1 / propensity);
  overlapping_ += weight > 0;
  squares_ += weight * weight;
  largest_ = std::max(largest_, weight);
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
  out.overlap = static_cast<double>(overlapping_) / n;
  out.mean_inverse_propensity = inverse_.mean();
  out.mean_inverse_propensity_error = inverse_.standard_error();
  return out;
}

inline off_policy_estimate finish(off_policy_estimate out, double value, double standard_error, double confidence) {
  require_confidence(confidence);
  out.value = value;
  out.standard_error = standard_error;
  out.range = normal_interval(value, standard_error, confidence);
  return out;
}

inline void cut_terms::check(double x, const char* field) const {
  if (!limit_.rewards || limit_.rewards->contains(x) || !std::isfinite(x)) return;
  throw error(errc::invalid_argument, "is " + std::to_string(x), {.field = field},
              "it must lie in the declared range, [" + std::to_string(limit_.rewards->low) + ", " +
                  std::to_string(limit_.rewards->high) + "]");
}

// Weights average 1, so 1 - cut is on average the weight that is missing, without the noise of the largest weights.
inline void cut_terms::add(double base, double cut, double residual, const interval& lost) noexcept {
  const double term = base + cut * residual;
  value_.add(term);
  cut_.add(cut);
  low_.add(term + (1 - cut) * lost.low);
  high_.add(term + (1 - cut) * lost.high);
}

inline off_policy_estimate cut_terms::finish(off_policy_estimate report, double confidence) const {
  report.cut_weight = 1 - cut_.mean();
  report = detail::finish(report, value_.mean(), value_.standard_error(), confidence);
  if (!limit_.rewards) return report;
  const interval low = normal_interval(low_.mean(), low_.standard_error(), confidence);
  const interval high = normal_interval(high_.mean(), high_.standard_error(), confidence);
  report.range = {std::min(low.low, high.high),
                  std::max(low.low, high.high)};  // apart only when weights do not average 1
  return report;
}

}  // namespace detail

inline void inverse_propensity::add(const logged_reward& record) { terms_.add(weights_.add(record) * record.reward); }

inline off_policy_estimate inverse_propensity::estimate(double confidence) const {
  return detail::finish(weights_.report(), terms_.mean(), terms_.standard_error(), confidence);
}

inline void clipped_inverse_propensity::add(const logged_reward& record) {
  terms_.check(record.reward, "reward");
  const double cut = std::min(weights_.add(record), terms_.limit().limit);
  terms_.add(0, cut, record.reward, terms_.limit().rewards.value_or(interval{}));
}

inline off_policy_estimate clipped_inverse_propensity::estimate(double confidence) const {
  return terms_.finish(weights_.report(), confidence);
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

}  // namespace evaluation
TANDEM_END
