#pragma once
// Who serves a decision: the learner, or something safer. Always as probabilities, so that what is logged is what was
// drawn with.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace online {

/// Whose probabilities a decision was drawn with; log it beside the propensity.
enum class served_by : std::uint8_t {
  learner,
  baseline,     ///< a guard held the learner back
  host,         ///< log-only and apprentice: the host's own choice
  kill_switch,  ///< the baseline, because the switch was thrown
};

/// The name of a value, as it stands in the enum: for the host's log.
[[nodiscard]] constexpr std::string_view name(served_by who) noexcept {
  switch (who) {
    case served_by::learner: return "learner";
    case served_by::baseline: return "baseline";
    case served_by::host: return "host";
    case served_by::kill_switch: return "kill_switch";
  }
  return "unknown";
}

/// Log-only: the host's choice is served with probability 1; the learner's probabilities, which are the host's to log
/// beside it, serve nobody. @param out  as long as the candidates; overwritten. Requires chosen < out.size().
/// Complexity: O(n). Threads: pure.
inline served_by serve_host(std::size_t chosen, std::span<double> out) noexcept {
  TANDEM_ASSERT(chosen < out.size());
  std::fill(out.begin(), out.end(), 0.0);
  out[chosen] = 1;
  return served_by::host;
}

/// While thrown, the baseline serves every decision with probability 1.
///
/// Threads: thread-safe; a decision reads it once, so what it logs is what it did. A decision that begins after
/// throw_switch() returned sees it thrown. Allocates: nothing.
class kill_switch {
 public:
  void throw_switch() noexcept { thrown_.store(true, std::memory_order_seq_cst); }
  void restore() noexcept { thrown_.store(false, std::memory_order_seq_cst); }
  [[nodiscard]] bool thrown() const noexcept { return thrown_.load(std::memory_order_seq_cst); }

  /// Replaces the probabilities of whoever was to serve by the baseline's while the switch is thrown, else changes
  /// nothing. Apply it last. @param baseline  as long as out; sums to 1: for "with probability 1", one entry is 1.
  /// Returns who serves now. Complexity: O(n).
  [[nodiscard]] served_by apply(served_by planned, std::span<const double> baseline,
                                std::span<double> out) const noexcept {
    TANDEM_ASSERT(baseline.size() == out.size());
    if (!thrown()) return planned;
    std::copy(baseline.begin(), baseline.end(), out.begin());
    return served_by::kill_switch;
  }

 private:
  std::atomic<bool> thrown_{false};
};

}  // namespace online
TANDEM_END
