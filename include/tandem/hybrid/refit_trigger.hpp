#pragma once
// When to refit: by events, time, drift or the host's word, and no oftener than a budget of computing time allows.
//
//   every event or tick ─► ask(events, now) ─► yes, and why ─► refit, on whatever thread ─► finished(cost, now)
//
// It reads no clock and starts nothing: times and costs are the host's, so that a replay decides alike.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "tandem/core/brief_mutex.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/time.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/drift.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Options of a refit_trigger. Each rule may be off; the first that holds is the reason.
struct refit_trigger_options {
  /// Fires after so many events since the last refit. 0 = off.
  std::uint64_t after_events = 0;
  /// Fires when the log has grown by this share since the last refit. Range [0, 1e6]; 0 = off.
  double after_share = 0.1;
  /// Fires when this much time has passed since the last refit. >= 0; 0 = off.
  duration after_time = duration::zero();
  /// Fires when drift was told (drifted()) or seen (watch()).
  bool on_drift = true;
  /// The detector behind watch().
  online::adwin_options detector = {};

  /// No rule fires before so many events are new: a model of the same log is the same model. What drift and time make
  /// of it, too; the host's request() needs one.
  std::uint64_t least_events = 100;
  /// Least time from the start of one refit to that of the next; doubled for each failure in a row, up to 64 times. >=
  /// 0.
  duration least_pause = std::chrono::minutes(1);
  /// The governor: what refits may cost, as a share of the time that passes: a refit that cost c is followed by none
  /// for c / cpu_share from its start on. Cost in CPU time and shares above 1 are for hosts with that many cores to
  /// give. Range [1e-6, 1024].
  double cpu_share = 0.25;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(after_share >= 0 && after_share <= 1e6, "after_share", "give a number in [0, 1e6]");
    tandem::detail::require_or(after_time >= duration::zero(), "after_time", "give a time >= 0");
    tandem::detail::require_or(least_pause >= duration::zero(), "least_pause", "give a time >= 0");
    tandem::detail::require_or(cpu_share >= 1e-6 && cpu_share <= 1024, "cpu_share", "give a number in [1e-6, 1024]");
    detector.validate();
  }
};

/// Why a refit is due.
enum class refit_reason : std::uint8_t { none, request, drift, events, share, time };

/// What holds back one that is due, or why none is.
enum class refit_hold : std::uint8_t {
  none,         ///< go
  not_due,      ///< no rule holds
  nothing_new,  ///< a rule holds, and fewer than least_events events are new
  running,      ///< one was begun and has not been heard of again
  pause,        ///< least_pause, or that of failures, has not passed
  budget,       ///< cpu_share: the last one has to be paid for first
};

/// Names as they stand in the enums: for the host's log.
[[nodiscard]] std::string_view name(refit_reason why) noexcept;
[[nodiscard]] std::string_view name(refit_hold held) noexcept;

/// The answer to ask().
struct refit_advice {
  refit_reason why = refit_reason::none;  ///< the rule that holds; of several the first in the order of the enum
  refit_hold held = refit_hold::not_due;
  duration wait{0};  ///< with pause and budget: until when from `now` on

  /// Refit now: this caller, and nobody else until it was heard of.
  [[nodiscard]] explicit operator bool() const noexcept { return held == refit_hold::none; }
};

/// Counters for the host's metrics, since construction.
struct refit_trigger_stats {
  std::array<std::uint64_t, 6> fired{};  ///< by refit_reason
  std::array<std::uint64_t, 6> held{};   ///< by refit_hold: asks, so they count how often the host asks, too
  std::uint64_t finished = 0, failed = 0, declined = 0, drifts = 0;
  duration spent{0};                    ///< all costs together
  duration last_cost{0};                ///< of the latest refit
  std::uint64_t covered = 0;            ///< events that the latest finished one knew
  std::optional<timestamp> last_start;  ///< of the latest that was begun and not declined
};

/// The trigger.
///
/// `now` may be event time (a replay) or wall time (a service), but always the same clock; an earlier one than before
/// counts as no time passed. Costs are in that clock's milliseconds.
/// Threads: thread-safe; of many who ask, one hears yes. Complexity: O(1). Allocates: nothing; 5 KB, most of it the
/// detector. Deterministic: the same calls in the same order give the same answers.
class refit_trigger {
 public:
  /// Errors: invalid_argument as refit_trigger_options::validate().
  explicit refit_trigger(const refit_trigger_options& options = {})
      : options_((options.validate(), options)), detector_(options.detector) {}

  /// Goes on from a model that is there: after a restart, with stats().model_position of the engine. @param covered
  /// events that it knows.   @param when  it was made, or now if that is not known.
  void resume(std::uint64_t covered, timestamp when) noexcept;

  /// Refit now? After a yes nobody hears another before finished(), failed() or declined(). @param events  in the log:
  /// raw(observe_result::position) + 1, or raw(engine_stats::position).
  refit_advice ask(std::uint64_t events, timestamp now) noexcept;

  /// The refit is done, and cost this much, of one's choice: CPU time over all threads, or time alone. Also that of
  /// events since: they count from the ask() that fired. < 0 counts as 0.
  void finished(duration cost) noexcept;
  /// It failed or was cancelled: what fired it holds still, the pause doubles, and its cost has to be paid for too.
  void failed(duration cost) noexcept;
  /// It was not begun (engine::refit_in_background() said false, or post threw): as if ask() had said no.
  void declined() noexcept;

  /// The host wants one: fires at the next ask() that nothing holds back, whatever the rules say.
  void request() noexcept;
  /// A detector of the host's, or of a bandit (drift_watch::changes()), saw the world change. Holds until a refit that
  /// began later is finished.
  void drifted() noexcept;
  /// Shows the trigger how well things go, e.g. 1 for a page that was taken from and 0 for one that was not, or the
  /// rank of what was taken as 1 / (1 + rank): a fall of the mean is drift, a rise is not. In a range of about 1;
  /// numbers that are not finite are ignored. True when it has just fallen. Complexity: adwin's.
  bool watch(double goodness) noexcept;

  [[nodiscard]] refit_trigger_stats stats() const noexcept;
  [[nodiscard]] const refit_trigger_options& options() const noexcept { return options_; }

 private:
  [[nodiscard]] refit_reason due(std::uint64_t fresh, timestamp now) const noexcept;
  [[nodiscard]] refit_advice held(refit_reason why, std::uint64_t fresh, timestamp now) const noexcept;
  void close(duration cost) noexcept;

  // how far apart, at least 0, however far that is
  static double millis_between(timestamp from, timestamp to) noexcept {
    return std::max(0.0, static_cast<double>(to_millis(to)) - static_cast<double>(to_millis(from)));
  }

  refit_trigger_options options_;
  mutable brief_mutex mutex_;
  // guarded by it
  online::adwin detector_;
  std::optional<timestamp> since_;  // of after_time: the last refit that was finished, or the first ask()
  std::uint64_t begun_at_ = 0;      // events at the ask() that fired
  timestamp begun_{};
  std::optional<timestamp> before_;  // last_start before that
  bool running_ = false, requested_ = false, drifted_ = false;
  bool requested_since_ = false, drifted_since_ = false;  // it began
  unsigned failures_ = 0;                                 // in a row
  refit_reason firing_ = refit_reason::none;
  refit_trigger_stats stats_;
};

inline std::string_view name(refit_reason why) noexcept {
  constexpr std::array<std::string_view, 6> names{"none", "request", "drift", "events", "share", "time"};
  return static_cast<std::size_t>(why) < names.size() ? names[static_cast<std::size_t>(why)] : "unknown";
}

inline std::string_view name(refit_hold held) noexcept {
  constexpr std::array<std::string_view, 6> names{"none", "not_due", "nothing_new", "running", "pause", "budget"};
  return static_cast<std::size_t>(held) < names.size() ? names[static_cast<std::size_t>(held)] : "unknown";
}

inline void refit_trigger::resume(std::uint64_t covered, timestamp when) noexcept {
  const std::lock_guard lock(mutex_);
  stats_.covered = covered;
  since_ = when;
}

inline refit_reason refit_trigger::due(std::uint64_t fresh, timestamp now) const noexcept {
  if (requested_) return refit_reason::request;
  if (options_.on_drift && drifted_) return refit_reason::drift;
  if (options_.after_events > 0 && fresh >= options_.after_events) return refit_reason::events;
  const double grown = options_.after_share * static_cast<double>(stats_.covered);
  if (options_.after_share > 0 && fresh > 0 && static_cast<double>(fresh) >= grown) return refit_reason::share;
  const auto period = static_cast<double>(options_.after_time.count());
  if (period > 0 && millis_between(*since_, now) >= period) return refit_reason::time;
  return refit_reason::none;
}

inline refit_advice refit_trigger::held(refit_reason why, std::uint64_t fresh, timestamp now) const noexcept {
  if (running_) return {why, refit_hold::running};
  if (why == refit_reason::none) return {why, refit_hold::not_due};
  const std::uint64_t least = why == refit_reason::request ? 1 : std::max<std::uint64_t>(1, options_.least_events);
  if (fresh < least) return {why, refit_hold::nothing_new};
  if (!stats_.last_start) return {why, refit_hold::none};
  const double passed = millis_between(*stats_.last_start, now);
  const double pause = std::ldexp(static_cast<double>(options_.least_pause.count()), static_cast<int>(failures_));
  const double paid = static_cast<double>(stats_.last_cost.count()) / options_.cpu_share;
  const auto until = [&](double end) {
    return duration{static_cast<std::int64_t>(std::min(std::ceil(end - passed), 0x1p62))};
  };
  if (passed < pause && pause >= paid) return {why, refit_hold::pause, until(pause)};
  if (passed < paid) return {why, refit_hold::budget, until(paid)};
  return {why, refit_hold::none};
}

inline refit_advice refit_trigger::ask(std::uint64_t events, timestamp now) noexcept {
  const std::lock_guard lock(mutex_);
  if (!since_) since_ = now;
  const std::uint64_t fresh = events - std::min(events, stats_.covered);
  const refit_advice out = held(due(fresh, now), fresh, now);
  ++stats_.held[static_cast<std::size_t>(out.held)];
  if (!out) return out;
  running_ = true;
  firing_ = out.why;
  begun_at_ = events;
  begun_ = now;
  before_ = stats_.last_start;
  stats_.last_start = now;
  requested_since_ = drifted_since_ = false;
  ++stats_.fired[static_cast<std::size_t>(out.why)];
  return out;
}

inline void refit_trigger::close(duration cost) noexcept {
  running_ = false;
  stats_.last_cost = std::max(cost, duration::zero());
  stats_.spent += stats_.last_cost;
}

inline void refit_trigger::finished(duration cost) noexcept {
  const std::lock_guard lock(mutex_);
  if (!running_) return;
  close(cost);
  ++stats_.finished;
  failures_ = 0;
  stats_.covered = begun_at_;
  since_ = begun_;
  requested_ = requested_since_;
  drifted_ = drifted_since_;
}

inline void refit_trigger::failed(duration cost) noexcept {
  const std::lock_guard lock(mutex_);
  if (!running_) return;
  close(cost);
  ++stats_.failed;
  failures_ = std::min(failures_ + 1, 6U);
}

inline void refit_trigger::declined() noexcept {
  const std::lock_guard lock(mutex_);
  if (!running_) return;
  running_ = false;
  ++stats_.declined;
  --stats_.fired[static_cast<std::size_t>(firing_)];
  stats_.last_start = before_;
}

inline void refit_trigger::request() noexcept {
  const std::lock_guard lock(mutex_);
  requested_ = requested_since_ = true;
}

inline void refit_trigger::drifted() noexcept {
  const std::lock_guard lock(mutex_);
  ++stats_.drifts;
  drifted_ = drifted_since_ = true;
}

inline bool refit_trigger::watch(double goodness) noexcept {
  const std::lock_guard lock(mutex_);
  const double before = detector_.mean();
  if (!detector_.add(goodness) || !(detector_.mean() < before)) return false;
  ++stats_.drifts;
  drifted_ = drifted_since_ = true;
  return true;
}

inline refit_trigger_stats refit_trigger::stats() const noexcept {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace hybrid
TANDEM_END
