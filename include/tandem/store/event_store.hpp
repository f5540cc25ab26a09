#pragma once
// Where the log lives: append-only entries with positions, readable by a refit while the host goes on appending.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tandem/core/function_ref.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/data/decision.hpp"
#include "tandem/data/event.hpp"
#include "tandem/store/journal.hpp"

TANDEM_BEGIN

class durable_store;

/// A frozen prefix of a log; stays readable, and the same, while the log grows.
/// Threads: immutable.
class log_prefix {
 public:
  virtual ~log_prefix() = default;
  /// The number of events, which is also the position after the last.
  [[nodiscard]] virtual log_position end() const noexcept = 0;
  /// Calls f(position of the first, run) with consecutive runs of events from `from` to end(), in order; of those that
  /// are kept. Errors: what reading them needs.
  virtual void read(log_position from, function_ref<void(log_position, std::span<const logged_event>)> f) const = 0;
  /// Calls f with consecutive runs of the decisions that were kept, in the order of their appending.
  virtual void read_decisions(function_ref<void(std::span<const decision>)> f) const = 0;
};

/// The log itself. Threads: thread-compatible; the engine calls it under its lock.
/// Errors: append() throws std::bad_alloc when out of memory and anything else when it cannot store the entry;
/// whatever it throws, the log is as it was.
class event_store {
 public:
  virtual ~event_store() = default;
  /// Appends one event and returns its position.
  virtual log_position append(const event_entry& entry) = 0;
  /// Appends one decision. A store need not keep all of them.
  virtual void append(const answer_entry& entry) = 0;
  /// Appends a change of another kind. A store that cannot be opened again need not keep it.
  virtual void append(const change_entry&) {}
  /// The position the next event will get.
  [[nodiscard]] virtual log_position end() const noexcept = 0;
  /// The log as it is now. Complexity: O(blocks), not O(events).
  [[nodiscard]] virtual std::shared_ptr<const log_prefix> prefix() const = 0;
  /// This store, if it outlives the engine.
  [[nodiscard]] virtual durable_store* durable() noexcept { return nullptr; }
};

TANDEM_END
