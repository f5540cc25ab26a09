#pragma once
// Time order for replays: which event comes before which when the file does not say, and where to cut.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/data/event_log.hpp"

TANDEM_BEGIN

/// Puts the events in the order in which a replay takes them: by time; events of one user at one time are one visit,
/// stay together, and come in an order drawn by hash; so do visits of different users at one time. The file's own
/// order inside a visit is often sorted by something the replay must not see.
///
/// The hash is over seed and content (ids, action, weight, time, and which of several equal events it is), not over
/// places in the file: the same events in another order give the same result but for the indices of the ids.
/// Complexity: O(n log n). Allocates: 64 bytes an event while it runs.
/// Errors: invalid_argument (2^32 events or more).
void order_visits(event_log& log, std::uint64_t seed);

/// A visit: events [first, last), all of one user at one time.
struct visit {
  std::size_t first = 0;
  std::size_t last = 0;
};

/// The visits of an ordered log, in order; they cover it. Complexity: O(n).
[[nodiscard]] std::vector<visit> visits(std::span<const logged_event> events);

/// A log in two parts.
struct log_split {
  std::vector<logged_event> train;
  std::vector<logged_event> test;
};

/// The first `fraction` of the events and the rest, cut where the time changes: every event of `train` is earlier than
/// every event of `test`. The first such place at or after the fraction is taken.
/// @param fraction  in [0, 1].
/// Errors: invalid_argument (fraction); wrong_state (the log is not in time order: call order_visits() first).
[[nodiscard]] log_split split_by_time(const event_log& log, double fraction);

/// The last event of each user with at least `min_events` of them, and all others; both in the log's order.
/// Errors: wrong_state (the log is not in time order: call order_visits() first).
[[nodiscard]] log_split leave_last_out(const event_log& log, std::size_t min_events = 2);

TANDEM_END

#include "tandem/detail/split_impl.hpp"
