#pragma once
// An interval on the line, and the normal quantile that most intervals are made with.

#include <cmath>
#include <limits>
#include <numbers>

#include "tandem/core/error.hpp"

TANDEM_BEGIN
namespace evaluation {

/// The numbers from low to high.
struct interval {
  double low = 0;
  double high = 0;

  [[nodiscard]] bool contains(double x) const noexcept { return low <= x && x <= high; }
  [[nodiscard]] double width() const noexcept { return high - low; }
  friend bool operator==(const interval&, const interval&) = default;
};

/// The z with P(Z <= z) = p for a standard normal Z; p in (0, 1), otherwise NaN. To about 1e-14, relative.
///
/// Newton's method on log P, started from the tail's asymptote: log P is concave, so every step stays on one side.
[[nodiscard]] inline double normal_quantile(double p) noexcept {
  if (!(p > 0 && p < 1)) return std::numeric_limits<double>::quiet_NaN();
  if (p > 0.5) return -normal_quantile(1 - p);
  double z = -std::sqrt(-2 * std::log(2 * p));
  for (int step = 0; step < 50; ++step) {
    const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
    const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi);
    const double change = below / density * std::log(below / p);
    z -= change;
    if (std::abs(change) <= 1e-15 * (1 + std::abs(z))) break;
  }
  return z;
}

/// mean +- z * standard_error, the normal interval that covers `confidence`. Requires 0 < confidence < 1.
[[nodiscard]] inline interval normal_interval(double mean, double standard_error, double confidence = 0.95) noexcept {
  const double half = normal_quantile(0.5 + confidence / 2) * standard_error;
  return {mean - half, mean + half};
}

/// Errors: invalid_argument unless 0 < confidence < 1.
inline void require_confidence(double confidence) {
  if (!(confidence > 0 && confidence < 1)) {
    throw error(errc::invalid_argument, "is " + std::to_string(confidence), {.field = "confidence"},
                "give a probability above 0 and below 1, e.g. 0.95");
  }
}

}  // namespace evaluation
TANDEM_END
