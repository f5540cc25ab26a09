#pragma once
// Bodies of evaluation/bounded_off_policy.hpp.

#include <algorithm>

#include "tandem/evaluation/bounded_off_policy.hpp"

TANDEM_BEGIN
namespace evaluation {
namespace detail {

inline void require_within(double x, const interval& range, const char* field) {
  if (range.contains(x)) return;
  throw error(
      errc::invalid_argument, "is " + std::to_string(x), {.field = field},
      "it must lie in the declared range, [" + std::to_string(range.low) + ", " + std::to_string(range.high) + "]");
}

// The checked weight of a record within bounds.
inline double weight_within(const logged_reward& record, const off_policy_bounds& bounds) {
  const double weight = weight_summary::weight_of(record);
  require_within(record.reward, bounds.rewards, "reward");
  require_within(weight, bounds.weights, "target / propensity");
  return weight;
}

// The 1 - alpha quantile of Student's t squared, two-sided, with n degrees of freedom (expansion in 1 / n, Abramowitz
// and Stegun 26.7.5).
inline double squared_t_quantile(double confidence, double n) noexcept {
  const double z = normal_quantile(0.5 + confidence / 2);
  const double zz = z * z;
  const double t = z * (1 + (zz + 1) / (4 * n) + ((5 * zz + 16) * zz + 3) / (96 * n * n));
  return t * t;
}

}  // namespace detail

inline void off_policy_bounds::validate() const {
  tandem::detail::require_or(std::isfinite(rewards.low) && std::isfinite(rewards.high) && rewards.low < rewards.high &&
                                 std::isfinite(rewards.width()),
                             "rewards", "give two finite numbers, the lower one first");
  tandem::detail::require_or(weights.low >= 0 && weights.low < 1 && weights.high > 1, "weights",
                             "give the smallest in [0, 1) and the largest in (1, inf]");
}

inline bernstein_inverse_propensity::bernstein_inverse_propensity(const off_policy_bounds& bounds) : bounds_(bounds) {
  bounds.validate();
  tandem::detail::require_or(std::isfinite(bounds.weights.high), "weights",
                             "give the largest weight that can occur: 1 / the smallest propensity");
}

inline void bernstein_inverse_propensity::add(const logged_reward& record) {
  const double weight = detail::weight_within(record, bounds_);
  weights_.count(weight, record.propensity);
  terms_.add(weight * record.reward);
}

inline off_policy_estimate bernstein_inverse_propensity::estimate(double confidence) const {
  off_policy_estimate out = detail::finish(weights_.report(), terms_.mean(), terms_.standard_error(), confidence);
  const interval& rewards = bounds_.rewards;
  const double n = static_cast<double>(terms_.n());
  const double width = bounds_.weights.high * (std::max(rewards.high, 0.0) - std::min(rewards.low, 0.0));
  const double odds = std::log(4 / (1 - confidence));
  const double half = std::sqrt(2 * terms_.variance() * odds / n) + 7 * width * odds / (3 * (n - 1));
  out.range = {std::clamp(out.value - half, rewards.low, rewards.high),
               std::clamp(out.value + half, rewards.low, rewards.high)};
  return out;
}

inline empirical_likelihood::empirical_likelihood(const off_policy_bounds& bounds) : bounds_(bounds) {
  bounds.validate();
}

inline void empirical_likelihood::add(const logged_reward& record) {
  const double w = detail::weight_within(record, bounds_);
  weights_.count(w, record.propensity);
  const double r = (record.reward - bounds_.rewards.low) / bounds_.rewards.width();
  n_ += 1;
  w_ += w;
  ww_ += w * w;
  wr_ += w * r;
  wwr_ += w * w * r;
  wwrr_ += w * w * r * r;
}

// Means over the log and one record more.
struct empirical_likelihood::moments {
  double w, wr;  // means
  double variance_w, variance_wr, covariance;
};

inline empirical_likelihood::moments empirical_likelihood::with(double w, double r) const noexcept {
  const double n = n_ + 1;
  moments m{};
  m.w = (w_ + w) / n;
  m.wr = (wr_ + w * r) / n;
  m.variance_w = std::max(0.0, (ww_ + w * w) / n - m.w * m.w);
  m.variance_wr = std::max(0.0, (wwrr_ + w * w * r * r) / n - m.wr * m.wr);
  m.covariance = (wwr_ + w * w * r) / n - m.w * m.wr;
  return m;
}

// The extreme weight on the other side of 1 than the mean of those seen: with it the weights can average 1.
inline double empirical_likelihood::unlikely_weight() const noexcept {
  return w_ < n_ ? bounds_.weights.high : bounds_.weights.low;
}

// (n + 1) times the mean squared change of probability that it takes to make the weights average 1.
inline double empirical_likelihood::distance() const noexcept {
  const double extreme = unlikely_weight();
  if (std::isinf(extreme)) return 1 + 1 / n_;  // the added record gets probability 0 in the limit
  const moments m = with(extreme, 0);
  return m.variance_w > 0 ? (n_ + 1) * (m.w - 1) * (m.w - 1) / m.variance_w : 0;
}

// The least mean of sign * w r over reweightings within budget of which the weights average 1, when the record added
// has this reward and one of the extreme weights.
inline double empirical_likelihood::lowest(double reward, double sign, double budget) const noexcept {
  double best = std::numeric_limits<double>::infinity();
  for (const double extreme : {bounds_.weights.low, bounds_.weights.high}) {
    if (std::isinf(extreme)) {
      const double sum = wr_ - reward * w_;  // of y = w (r - reward): what is missing earns `reward`
      const double squares = wwrr_ - 2 * reward * wwr_ + reward * reward * ww_ - sum * sum / n_;
      const double left = budget - (n_ + 1) / n_;
      if (left < 0) continue;
      best = std::min(best, sign * (reward + sum / n_) - std::sqrt(std::max(0.0, squares) * left) / (n_ + 1));
      continue;
    }
    const moments m = with(extreme, reward);
    if (!(m.variance_w > 0)) continue;
    const double left = budget / (n_ + 1) - (1 - m.w) * (1 - m.w) / m.variance_w;
    if (left < 0) continue;
    const double residual = std::max(0.0, m.variance_wr - m.covariance * m.covariance / m.variance_w);
    best = std::min(best, sign * (m.wr + (1 - m.w) * m.covariance / m.variance_w) - std::sqrt(residual * left));
  }
  return best;
}

inline off_policy_estimate empirical_likelihood::estimate(double confidence) const {
  off_policy_estimate out = weights_.report();
  require_confidence(confidence);
  const double extreme = unlikely_weight();
  double value = 0;
  if (std::isinf(extreme)) {
    value = wr_ / n_ + std::max(0.0, 1 - w_ / n_) / 2;
  } else {
    const moments m = with(extreme, 0.5);
    value = m.variance_w > 0 ? m.wr + (1 - m.w) * m.covariance / m.variance_w : m.wr;
  }
  const double budget = distance() + detail::squared_t_quantile(confidence, n_);
  const double low = std::clamp(lowest(0, 1, budget), 0.0, 1.0);
  const double high = std::clamp(-lowest(1, -1, budget), 0.0, 1.0);
  const interval& rewards = bounds_.rewards;
  const auto unscaled = [&](double x) { return rewards.low + rewards.width() * x; };
  out.value = unscaled(std::clamp(value, low, std::max(low, high)));
  out.range = {unscaled(low), unscaled(std::max(low, high))};
  out.standard_error = out.range.width() / 2 / normal_quantile(0.5 + confidence / 2);
  return out;
}

inline off_policy_sequence::off_policy_sequence(const betting_options& options)
    : options_((options.validate(), options)), range_(1 - options.confidence, options.candidates) {}

inline void off_policy_sequence::add(const logged_reward& record) {
  const interval& rewards = options_.values;
  const double weight = detail::weight_summary::weight_of(record);
  detail::require_within(record.reward, rewards, "reward");
  weights_.count(weight, record.propensity);
  terms_.add(weight * record.reward);
  range_.add(weight * ((record.reward - rewards.low) / rewards.width()),
             weight * ((rewards.high - record.reward) / rewards.width()));
}

inline interval off_policy_sequence::range() const noexcept {
  const interval& rewards = options_.values;
  const interval& unit = range_.range();
  return {rewards.low + rewards.width() * unit.low, rewards.high - rewards.width() * (1 - unit.high)};
}

inline off_policy_estimate off_policy_sequence::estimate() const {
  off_policy_estimate out =
      detail::finish(weights_.report(), terms_.mean(), terms_.standard_error(), options_.confidence);
  out.range = range();
  return out;
}

}  // namespace evaluation
TANDEM_END
