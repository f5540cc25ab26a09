#pragma once
// Retention: who of those who arrived comes back in the week after so many days.

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace study {

/// Days after the arrival at which retention is asked for: the survey's, and some between for a curve.
inline constexpr std::array<double, 8> retention_days{7, 14, 21, 30, 45, 60, 75, 90};

/// Where a day stands among them. Requires that it does.
[[nodiscard]] constexpr std::size_t retention_at(double day) noexcept {
  std::size_t k = 0;
  while (retention_days[k] != day) ++k;
  return k;
}

/// The window that counts after each, in days.
inline constexpr double retention_window = 7;

/// A share as the counts it is made of.
struct share_count {
  std::uint64_t some = 0;
  std::uint64_t of = 0;

  /// NaN of none.
  [[nodiscard]] double share() const noexcept {
    return of > 0 ? static_cast<double>(some) / static_cast<double>(of) : std::numeric_limits<double>::quiet_NaN();
  }
};

/// Counts people, one after the other or visit by visit.
///
/// Somebody is retained at D days when they visit in [arrival + D, arrival + D + 7). They are asked about only when
/// that window has passed: arrival + D + 7 <= end. Threads: thread-compatible; a value. Allocates: nothing.
class retention {
 public:
  /// @param end_day  the first day that is not seen any more.
  explicit retention(double end_day) noexcept : end_(end_day) {}

  /// What was seen of one person.
  using windows = std::array<bool, retention_days.size()>;

  /// Notes a visit in that person's windows.
  static void visited(windows& of, double arrival_day, double day) noexcept {
    for (std::size_t k = 0; k < of.size(); ++k) {
      const double from = arrival_day + retention_days[k];
      if (day >= from && day < from + retention_window) of[k] = true;
    }
  }

  /// Counts a person of whom everything was noted.
  void add(const windows& of, double arrival_day) noexcept {
    for (std::size_t k = 0; k < of.size(); ++k) {
      if (arrival_day + retention_days[k] + retention_window > end_) continue;
      ++counts_[k].of;
      if (of[k]) ++counts_[k].some;
    }
  }

  /// By retention_days.
  [[nodiscard]] const std::array<share_count, retention_days.size()>& counts() const noexcept { return counts_; }

 private:
  double end_;
  std::array<share_count, retention_days.size()> counts_{};
};

}  // namespace study
TANDEM_END
