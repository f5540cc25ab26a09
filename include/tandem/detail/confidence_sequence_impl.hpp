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
    : enough_(stakes / error), end_(candidates), mean_(candidates), capital_(candidates) {
  for (std::size_t j = 0; j < candidates; ++j) {
    const double angle = std::numbers::pi / 2 * (static_cast<double>(j) + 1) / (static_cast<double>(candidates) + 1);
    mean_[j] = std::sin(angle) * std::sin(angle);
    capital_[j].fill(1);
  }
}

inline void betting_bound::add(double x, double most) noexcept {
  x = std::min(x, 1e100);  // of no larger mean, and capital stays finite
  // the last one kept is the first that is not below `most`: to refute it leaves nothing
  while (end_ > refuted_ + 1 && mean_[end_ - 2] >= most) --end_;
  for (std::size_t j = refuted_; j < end_; ++j) {
    double part = 0.5 * (x / mean_[j] - 1);
    for (double& each : capital_[j]) {
      const double capital = each * (1 + part);
      each = capital < 1e-290 ? 0 : capital;  // giving up what is lost is allowed, and denormals are slow
      part *= 0.25;
    }
  }
  for (; refuted_ < end_; ++refuted_) {
    double sum = 0;
    for (const double each : capital_[refuted_]) sum += each;
    if (!(sum >= enough_)) break;
  }
}

inline void betting_range::add(double x, double mirrored) noexcept {
  ++n_;
  if (contradictory_) return;
  above_.add(x, range_.high);
  below_.add(mirrored, 1 - range_.low);
  const interval now = {above_.low(), 1 - below_.low()};
  contradictory_ = now.low >= now.high;
  if (!contradictory_) range_ = now;
}

}  // namespace detail

inline betting_sequence::betting_sequence(const betting_options& options)
    : options_((options.validate(), options)), range_(1 - options.confidence, options.candidates) {}

inline void betting_sequence::add(double x) {
  const interval& values = options_.values;
  if (!values.contains(x)) {
    throw error(errc::invalid_argument, "is " + std::to_string(x), {.field = "x"},
                "observations must lie in the declared range, [" + std::to_string(values.low) + ", " +
                    std::to_string(values.high) + "]");
  }
  const double width = values.width();
  range_.add((x - values.low) / width, (values.high - x) / width);
}

inline interval betting_sequence::range() const noexcept {
  const interval& values = options_.values;
  const interval& unit = range_.range();
  return {values.low + values.width() * unit.low, values.high - values.width() * (1 - unit.high)};
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
