#pragma once
// Bodies of evaluation/confidence_sequence.hpp.

#include <algorithm>

#include "tandem/evaluation/confidence_sequence.hpp"

TANDEM_BEGIN
namespace evaluation {

inline void betting_options::validate() const {
  require_confidence(confidence);
  tandem::detail::require_or(std::isfinite(values.low) && std::isfinite(values.high) && values.low < values.high &&
                                 std::isfinite(values.width()),
                             "values", "give two finite numbers, the lower one first");
  tandem::detail::require_or(candidates >= 8 && candidates <= 1000000, "candidates", "give a count in [8, 1000000]");
}

inline void asymptotic_options::validate() const {
  require_confidence(confidence);
  tandem::detail::require_or(tuned_for >= 1 && tuned_for <= 1e15, "tuned_for", "give a number in [1, 1e15]");
}

namespace detail {

inline betting_bound::betting_bound(double error, std::size_t candidates)
    : error_(error), mean_(candidates), most_(candidates), capital_(candidates, 1) {
  for (std::size_t j = 0; j < candidates; ++j) {
    const double angle = std::numbers::pi / 2 * (static_cast<double>(j) + 1) / (static_cast<double>(candidates) + 1);
    mean_[j] = std::sin(angle) * std::sin(angle);
    most_[j] = 0.5 / mean_[j];
  }
}

// sqrt(2 ln(1 / error) / (variance so far * t ln(1 + t))): the bet that would be best at t, spread over all t. The
// variance starts at 1/4, worth one observation.
inline double betting_bound::stake() const noexcept {
  const double variance = (0.25 + squares_) / (n_ + 1);
  const double t = n_ + 1;
  return std::sqrt(-2 * std::log(error_) / (variance * t * std::log1p(t)));
}

inline void betting_bound::add(double x) noexcept {
  const double lambda = stake();
  const double enough = 1 / error_;
  const std::size_t end = mean_.size();
  for (std::size_t j = refuted_; j < end; ++j) {
    const double capital = capital_[j] * (1 + std::min(lambda, most_[j]) * (x - mean_[j]));
    capital_[j] = capital < 1e-290 ? 0 : capital;  // giving up what is lost is allowed, and denormals are slow
  }
  while (refuted_ < end && capital_[refuted_] >= enough) ++refuted_;
  n_ += 1;
  sum_ += x;
  const double center = (0.5 + sum_) / (n_ + 1);
  squares_ += (x - center) * (x - center);
}

}  // namespace detail

inline betting_sequence::betting_sequence(const betting_options& options)
    : options_((options.validate(), options)),
      above_((1 - options.confidence) / 2, options.candidates),
      below_((1 - options.confidence) / 2, options.candidates),
      range_(options.values) {}

inline void betting_sequence::add(double x) {
  const interval& values = options_.values;
  if (!values.contains(x)) {
    throw error(errc::invalid_argument, "is " + std::to_string(x), {.field = "x"},
                "observations must lie in the declared range, [" + std::to_string(values.low) + ", " +
                    std::to_string(values.high) + "]");
  }
  ++n_;
  const double width = values.width();
  above_.add((x - values.low) / width);
  below_.add((values.high - x) / width);
  const interval now = {values.low + width * above_.low(), values.high - width * below_.low()};
  contradictory_ = contradictory_ || now.low > now.high;
  if (!contradictory_) range_ = now;
}

inline interval asymptotic_interval(double estimate, double standard_error, double n, double confidence,
                                    double tuned_for) noexcept {
  const double log_alpha = std::log1p(-confidence);
  const double rho2 = (-2 * log_alpha + std::log1p(-2 * log_alpha)) / tuned_for;
  const double spread = n * rho2 + 1;
  const double half = standard_error * std::sqrt(2 * spread / (n * rho2) * (0.5 * std::log(spread) - log_alpha));
  return {estimate - half, estimate + half};
}

inline interval asymptotic_sequence::range() const noexcept {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (moments_.n() < 2) return {-infinity, infinity};
  return asymptotic_interval(moments_.mean(), moments_.standard_error(), static_cast<double>(moments_.n()),
                             options_.confidence, options_.tuned_for);
}

}  // namespace evaluation
TANDEM_END
