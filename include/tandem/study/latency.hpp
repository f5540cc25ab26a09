#pragma once
// How long calls took: a histogram of durations with fixed memory, fine enough for percentiles.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace study {

/// Counts durations in bins that grow by 2^(1/32), so that a percentile is right within 1.1 %.
///
/// Holds 1/16 microsecond to 67 seconds; what lies outside falls into the first or the last bin.
/// Threads: thread-compatible. Allocates: nothing (7.5 KiB, a value). Complexity: add() O(1), percentile() O(bins).
class latency_histogram {
 public:
  static constexpr std::size_t bins_per_doubling = 32;
  static constexpr std::size_t n_bins = 30 * bins_per_doubling;

  /// Counts one duration. A negative or NaN one counts as the shortest.
  void add(double microseconds) noexcept {
    ++counts_[bin_of(microseconds)];
    ++size_;
    total_us_ += microseconds > 0 ? microseconds : 0;
  }

  /// Counts all that another one counted.
  void add(const latency_histogram& other) noexcept {
    for (std::size_t b = 0; b < n_bins; ++b) counts_[b] += other.counts_[b];
    size_ += other.size_;
    total_us_ += other.total_us_;
  }

  /// The duration that a share `p` in [0, 1] of the calls did not exceed, in microseconds; 0 when nothing was counted.
  [[nodiscard]] double percentile(double p) const noexcept {
    if (size_ == 0) return 0;
    const double wanted = std::clamp(p, 0.0, 1.0) * static_cast<double>(size_);
    std::uint64_t seen = 0;
    std::size_t b = 0;
    for (; b + 1 < n_bins; ++b) {
      seen += counts_[b];
      if (seen > 0 && static_cast<double>(seen) >= wanted) break;
    }
    return lower_edge(b) * std::exp2(0.5 / bins_per_doubling);
  }

  /// The shortest duration that bin b counts, in microseconds; b = n_bins gives the end of the last bin.
  [[nodiscard]] static double lower_edge(std::size_t b) noexcept {
    return std::exp2(static_cast<double>(b) / bins_per_doubling) / 16;
  }

  [[nodiscard]] std::span<const std::uint32_t, n_bins> counts() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// The sum of all durations, exact, in seconds.
  [[nodiscard]] double total_seconds() const noexcept { return total_us_ * 1e-6; }

 private:
  static std::size_t bin_of(double microseconds) noexcept {
    const double b = std::log2(microseconds * 16) * bins_per_doubling;
    if (!(b > 0)) return 0;
    return b < n_bins ? static_cast<std::size_t>(b) : n_bins - 1;
  }

  std::array<std::uint32_t, n_bins> counts_{};
  std::uint64_t size_ = 0;
  double total_us_ = 0;
};

}  // namespace study
TANDEM_END
