#pragma once
// Mean and variance of a stream, without the cancellation that sums of squares suffer (Welford 1962).

#include <cmath>
#include <cstdint>
#include <limits>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace evaluation::detail {

class running_moments {
 public:
  void add(double x) noexcept {
    ++n_;
    const double change = x - mean_;
    mean_ += change / static_cast<double>(n_);
    squares_ += change * (x - mean_);
  }
  [[nodiscard]] std::uint64_t n() const noexcept { return n_; }
  [[nodiscard]] double mean() const noexcept { return mean_; }
  /// Sum of squared distances from the mean.
  [[nodiscard]] double squares() const noexcept { return squares_; }
  /// Unbiased; infinite for fewer than two values.
  [[nodiscard]] double variance() const noexcept {
    return n_ < 2 ? std::numeric_limits<double>::infinity() : squares_ / (static_cast<double>(n_) - 1);
  }
  /// Standard error of the mean; infinite for fewer than two values.
  [[nodiscard]] double standard_error() const noexcept { return std::sqrt(variance() / static_cast<double>(n_)); }

 private:
  std::uint64_t n_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

}  // namespace evaluation::detail
TANDEM_END
