#pragma once
// What one user was sent lately: how tired of it they are, and whether a rule forbids the next.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace online {

/// At most `most` sends to one user within any `period`.
struct send_cap {
  duration period = std::chrono::hours(24);  ///< > 0
  std::uint32_t most = 1;                    ///< range [0, send_history::kept]; 0 = none at all
};

/// Hours of a user's own day in which nothing is sent: from `from` on, until before `until`, past midnight when `until`
/// is the earlier. Both since midnight, in [0, 24 h); equal = no such hours.
struct quiet_hours {
  duration from{0};
  duration until{0};

  /// Whether `time` lies in them. @param utc_offset  the user's local time less UTC. Complexity: O(1).
  [[nodiscard]] bool hold(timestamp time, duration utc_offset = duration{0}) const noexcept {
    constexpr std::int64_t day = duration(std::chrono::hours(24)).count();
    if (from == until) return false;
    const std::int64_t shifted = to_millis(time) % day + utc_offset.count() % day;  // in (-2 days, 2 days)
    const duration now{(shifted + 2 * day) % day};
    return from < until ? now >= from && now < until : now >= from || now < until;
  }
};

/// Rules that no estimate overrides.
struct send_limits {
  /// All of them hold. Event time decides: a send counts against every moment less than `period` away from it.
  std::vector<send_cap> caps = {};
  quiet_hours quiet = {};

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
  /// The longest period of a cap, 0 without any.
  [[nodiscard]] duration longest() const noexcept {
    duration out{0};
    for (const send_cap& each : caps) out = std::max(out, each.period);
    return out;
  }
};

/// The latest sends to one user.
///
/// Fatigue is the number of sends, each halved for every half-life that has passed since: a user who is sent one a day
/// has, just before the next, 1 with a half-life of a day and .33 with one of half a day.
/// Threads: a value, thread-compatible. Allocates: nothing. Memory: 96 bytes.
class send_history {
 public:
  /// Sends whose time is kept: no cap counts further.
  static constexpr std::size_t kept = 8;

  /// Sends that still weigh at `time`; as of the latest send for an earlier one. @param half_life  0 = nothing weighs.
  /// Complexity: O(1).
  [[nodiscard]] double fatigue(timestamp time, duration half_life) const noexcept {
    if (n_ == 0 || half_life <= duration::zero()) return 0;
    const double halvings = static_cast<double>(to_millis(time)) - static_cast<double>(to_millis(latest()));
    return weight_ * std::exp2(-std::max(0.0, halvings) / static_cast<double>(half_life.count()));
  }

  /// Whether a cap forbids a send at `time`. Complexity: O(caps).
  [[nodiscard]] bool capped(timestamp time, const send_limits& limits) const noexcept {
    return std::any_of(limits.caps.begin(), limits.caps.end(), [&](const send_cap& cap) {
      const auto near = [&](timestamp sent) { return apart(sent, time) < cap.period; };
      const auto n = std::count_if(times_.begin(), times_.begin() + n_, near);
      return static_cast<std::uint32_t>(n) >= cap.most;
    });
  }

  /// Something was sent. Complexity: O(1).
  void sent(timestamp time, duration half_life, decision_id id) noexcept {
    weight_ = fatigue(time, half_life) + 1;
    last_ = id;
    if (n_ == kept && time < times_.back()) return;
    if (n_ < kept) ++n_;
    std::size_t at = n_ - std::size_t{1};  // newest first, also when one comes late
    for (; at > 0 && times_[at - 1] < time; --at) times_[at] = times_[at - 1];
    times_[at] = time;
  }

  /// What became of a send: it earned `reward`.
  void settled(double reward) noexcept {
    ++settled_;
    earned_ += reward;
  }

  void opt(bool out) noexcept { out_ = out; }
  [[nodiscard]] bool opted_out() const noexcept { return out_; }
  /// The latest decision to send; none before the first.
  [[nodiscard]] decision_id last() const noexcept { return last_; }
  /// Sends of which it is known what they earned, and that.
  [[nodiscard]] std::uint32_t responses() const noexcept { return settled_; }
  [[nodiscard]] double earned() const noexcept { return earned_; }

  /// Whether no rule and hardly any fatigue (below .05) would tell at `time` that there was a send. Never for who opted
  /// out.
  [[nodiscard]] bool faded(timestamp time, duration half_life, duration longest_cap) const noexcept {
    if (out_) return false;
    return n_ == 0 || (time > latest() && apart(latest(), time) >= longest_cap && fatigue(time, half_life) < 0.05);
  }

  void save(byte_writer& out) const;
  /// Errors: bad_format.
  [[nodiscard]] static send_history load(byte_reader& in);

 private:
  [[nodiscard]] timestamp latest() const noexcept { return times_[0]; }
  // however far apart they are
  [[nodiscard]] static duration apart(timestamp a, timestamp b) noexcept {
    const std::uint64_t gap =
        static_cast<std::uint64_t>(to_millis(std::max(a, b))) - static_cast<std::uint64_t>(to_millis(std::min(a, b)));
    return duration{static_cast<std::int64_t>(std::min(gap, static_cast<std::uint64_t>(duration::max().count())))};
  }

  std::array<timestamp, kept> times_{};  // newest first
  double weight_ = 0;                    // fatigue at the newest
  double earned_ = 0;
  decision_id last_ = decision_id::none;
  std::uint32_t settled_ = 0;
  std::uint8_t n_ = 0;
  bool out_ = false;
};

static_assert(sizeof(send_history) <= 96);

inline void send_limits::validate() const {
  constexpr duration day = std::chrono::hours(24);
  for (const send_cap& each : caps) {
    tandem::detail::require_or(each.period > duration::zero(), "caps.period", "give a time > 0");
    tandem::detail::require_or(each.most <= send_history::kept, "caps.most", "give a number in [0, 8]");
  }
  for (const duration each : {quiet.from, quiet.until}) {
    tandem::detail::require_or(each >= duration::zero() && each < day, "quiet",
                               "give times since midnight, below 24 h");
  }
}

inline void send_history::save(byte_writer& out) const {
  for (const timestamp each : times_) out.put(each);
  out.put(weight_);
  out.put(earned_);
  out.put(last_);
  out.put(settled_);
  out.put(n_);
  out.put(out_);
}

inline send_history send_history::load(byte_reader& in) {
  send_history out;
  for (timestamp& each : out.times_) each = in.get<timestamp>();
  out.weight_ = in.get_finite<double>();
  out.earned_ = in.get_finite<double>();
  out.last_ = in.get<decision_id>();
  out.settled_ = in.get<std::uint32_t>();
  out.n_ = in.get<std::uint8_t>();
  out.out_ = in.get<bool>();
  in.check(out.weight_ >= 0 && out.n_ <= kept, "sends that cannot be");
  in.check(std::is_sorted(out.times_.begin(), out.times_.begin() + out.n_, std::greater<>()), "sends out of order");
  return out;
}

}  // namespace online
TANDEM_END
