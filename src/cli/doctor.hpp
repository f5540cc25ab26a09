#pragma once
// What is wrong with the data of a log: each check a rule with a threshold, over one pass.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"

namespace tandem_cli {

/// When a check finds something. Shares are of the events of the log unless said otherwise.
struct doctor_thresholds {
  double duplicates = 0.005;                           ///< events that repeat one: all parts and the time alike
  tandem::duration lateness = std::chrono::hours(24);  ///< behind the newest event by more than this is late
  double late = 0.01;                                  ///< late events
  double unordered = 0.2;                              ///< so many late events: the log is in no order of time
  tandem::duration jump = std::chrono::hours(24 * 7);  ///< an event ahead of both its neighbours by more
  double hole = 100;                                   ///< a gap of more than `jump` and this many mean gaps
  tandem::timestamp earliest = tandem::from_millis(631'152'000'000);  ///< 1990: times before it are in another unit
  double too_early = 0.01;                                            ///< events before it
  std::uint64_t answers = 100;                                        ///< judge rewards from so many answers on
  tandem::duration reward_after = std::chrono::hours(1);              ///< an answer this old should have its rewards
  double rewarded = 0.001;                                            ///< fewer of those answers have one
  double unknown_decisions = 0.05;     ///< of the events that name a decision: that is not there
  std::uint64_t events_a_minute = 60;  ///< a user does things at so many different moments
  std::uint64_t busy_events = 1000;    ///< a user with so many events and this share of all:
  double busy = 0.1;
  std::uint64_t one_item_events = 20;   ///< a user with so many events, all with one item
  std::uint64_t popular_events = 1000;  ///< judge popularity from so many events,
  std::uint64_t popular_items = 100;    ///< and so many items on
  double top_item = 0.25;               ///< events of the most popular item
  double top_percent = 0.8;             ///< events of the most popular hundredth of the items
};

/// One event or answer of a log, in its order.
struct seen_event {
  std::string_view user, item, action;
  double value = 1;
  tandem::timestamp time{};
  tandem::decision_id decision = tandem::decision_id::none;
};
struct seen_answer {
  tandem::decision_id id{};
  tandem::timestamp time{};
  bool shown = true;
};

/// What a check found.
struct finding {
  std::string check;    ///< its name, e.g. "duplicates"
  std::uint64_t count;  ///< how many
  std::string text;     ///< what, in words
  std::string example;  ///< one of them
  std::string remedy;   ///< what to do
};

/// Looks at a log, entry by entry. Complexity: O(1) an entry; memory O(events + users + items).
class doctor {
 public:
  /// @param times_known  false: the log has no times, and nothing is said of them.
  explicit doctor(bool times_known = true, const doctor_thresholds& thresholds = {});
  ~doctor();

  void look_at(const seen_event& e);
  void look_at(const seen_answer& a);
  /// What was found, in the order of docs/commands.md. Pure.
  [[nodiscard]] std::vector<finding> findings() const;
  [[nodiscard]] std::uint64_t events() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace tandem_cli
