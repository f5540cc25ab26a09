#pragma once
// How several rewards of one decision become the one that is learned.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "tandem/core/config.hpp"
#include "tandem/core/time.hpp"

TANDEM_BEGIN
namespace online {

/// Which one. Names as in the Decision Service's joiner, where they exist.
enum class join_rule : std::uint8_t {
  sum,       ///< all together
  mean,      ///< their average
  earliest,  ///< the one of the earliest event, among several of one time the first that arrived
  max,       ///< the highest
};

/// What has come for one decision so far: enough for any rule, in 40 bytes, so that a table of decisions can hold it.
///
/// Every rule but `earliest` at equal times gives the same for any order of arrival, up to rounding of the sum.
/// Whether a reward is late, a duplicate or of an unknown decision is the table's to know.
/// Threads: a value, thread-compatible. Allocates: nothing.
struct reward_join {
  double sum = 0;
  double max = -std::numeric_limits<double>::infinity();
  double first = 0;        ///< the reward of the earliest event
  timestamp first_time{};  ///< its time
  std::uint32_t count = 0;

  /// Takes a reward; returns false, and changes nothing, when it is not finite or the sum would not be.
  bool add(double reward, timestamp time) noexcept { return add(reward_join{reward, reward, reward, time, 1}); }

  /// Takes all that another has: what came here stays first where times are equal. Returns false as above.
  bool add(const reward_join& other) noexcept {
    if (!std::isfinite(sum + other.sum) || (other.count > 0 && !std::isfinite(other.max))) return false;
    if (other.count == 0) return true;
    if (count == 0 || other.first_time < first_time) {
      first = other.first;
      first_time = other.first_time;
    }
    sum += other.sum;
    max = std::max(max, other.max);
    count = other.count > ~count ? ~0U : count + other.count;
    return true;
  }

  /// The reward to learn; `otherwise` when none has come.
  [[nodiscard]] double value(join_rule rule, double otherwise = 0) const noexcept {
    if (count == 0) return otherwise;
    switch (rule) {
      case join_rule::sum: return sum;
      case join_rule::mean: return sum / static_cast<double>(count);
      case join_rule::earliest: return first;
      case join_rule::max: return max;
    }
    return otherwise;
  }
};

static_assert(std::is_trivially_copyable_v<reward_join> && sizeof(reward_join) <= 40);

}  // namespace online
TANDEM_END
