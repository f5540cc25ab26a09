#include "doctor.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "tandem/core/interner.hpp"
#include "tandem/study/detail/findings.hpp"
#include "tandem_file.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;
using study::detail::fixed;
using study::detail::thousands;

struct seen_user {
  std::uint64_t events = 0;
  item_index first_item{};
  bool one_item = true;
  // moments of the minute at hand, and the most of any minute
  std::int64_t minute = 0;
  timestamp moment{};
  std::uint64_t moments = 0, most_moments = 0;
};

std::uint64_t mixed(std::uint64_t sum, std::uint64_t x) {
  sum = (sum ^ x) * 0x9E3779B97F4A7C15U;
  return sum ^ (sum >> 29U);
}

std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

std::string told(const seen_event& e) {
  return std::string(e.user) + " " + std::string(e.action) + " " + std::string(e.item) + " at " + time_text(e.time);
}

double ratio(std::uint64_t a, std::uint64_t b) { return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b); }

// How many events do not fit, and the first of them.
struct counted {
  std::uint64_t n = 0;
  std::string example;

  template <class Example>
  void add(Example&& of) {
    if (n++ == 0) example = of();
  }
};

}  // namespace

struct doctor::state {
  bool times_known;
  doctor_thresholds at;
  interner<user_index> users;
  interner<item_index> items;
  interner<action_index> actions;
  std::vector<seen_user> by_user;
  std::vector<std::uint64_t> by_item;
  std::uint64_t n_events = 0;
  std::unordered_set<std::uint64_t> seen;  // hashes of events
  counted duplicates, late, early, ahead, unknown;
  std::optional<timestamp> first, newest;  // of events in their place
  std::optional<timestamp> before;         // of the event before
  std::string told_before;
  timestamp highest_gap_end{};
  duration highest_gap{};
  std::unordered_map<std::uint64_t, seen_answer> answers;
  std::unordered_set<std::uint64_t> rewarded;
  std::uint64_t naming = 0;  // events that name a decision

  void look_for_duplicate(const seen_event& e, user_index user, item_index item);
  void look_at_user(const seen_event& e, user_index user, item_index item);
  void look_at_time(const seen_event& e);
  void take_time(timestamp time);

  [[nodiscard]] double share(std::uint64_t n) const { return ratio(n, n_events); }
  void find_duplicates(std::vector<finding>& out) const;
  void find_times(std::vector<finding>& out) const;
  void find_jumps(std::vector<finding>& out) const;
  void find_rewards(std::vector<finding>& out) const;
  void find_users(std::vector<finding>& out) const;
  void find_popularity(std::vector<finding>& out) const;
};

doctor::doctor(bool times_known, const doctor_thresholds& thresholds) : state_(std::make_unique<state>()) {
  state_->times_known = times_known;
  state_->at = thresholds;
}
doctor::~doctor() = default;

std::uint64_t doctor::events() const { return state_->n_events; }

// ---- looking ------------------------------------------------------------------------------------------------------

void doctor::state::look_for_duplicate(const seen_event& e, user_index user, item_index item) {
  std::uint64_t sum = mixed(mixed(raw(user), raw(item)), raw(actions.intern(e.action)));
  sum = mixed(mixed(sum, std::bit_cast<std::uint64_t>(e.value)), static_cast<std::uint64_t>(to_millis(e.time)));
  sum = mixed(sum, raw(e.decision));
  if (!seen.insert(sum).second) duplicates.add([&] { return told(e); });
}

void doctor::state::look_at_user(const seen_event& e, user_index user, item_index item) {
  if (by_user.size() < users.size()) by_user.resize(users.size());
  seen_user& who = by_user[slot(user)];
  if (who.events++ == 0) who.first_item = item;
  who.one_item = who.one_item && who.first_item == item;
  const std::int64_t minute = to_millis(e.time) / 60'000;
  if (who.events == 1 || minute != who.minute) {
    who.moments = 1;
  } else if (e.time != who.moment) {
    ++who.moments;
  }
  who.minute = minute;
  who.moment = e.time;
  who.most_moments = std::max(who.most_moments, who.moments);
}

// An event is known to be in its place when the next one is seen: one that is far ahead of both makes none late.
void doctor::state::look_at_time(const seen_event& e) {
  if (e.time < at.earliest) early.add([&] { return told(e); });
  const bool alone = before && newest && *before - *newest > at.jump && *before - e.time > at.jump;
  if (alone) ahead.add([&] { return told_before; });
  if (before && !alone) take_time(*before);
  if (newest && *newest - e.time > at.lateness) late.add([&] { return told(e); });
  if (newest && e.time - *newest > at.jump) told_before = told(e);
  before = e.time;
}

void doctor::state::take_time(timestamp time) {
  if (newest && time - *newest > highest_gap) {
    highest_gap = time - *newest;
    highest_gap_end = time;
  }
  first = std::min(first.value_or(time), time);
  newest = std::max(newest.value_or(time), time);
}

void doctor::look_at(const seen_event& e) {
  state& s = *state_;
  ++s.n_events;
  const user_index user = s.users.intern(e.user);
  const item_index item = s.items.intern(e.item);
  if (s.by_item.size() < s.items.size()) s.by_item.resize(s.items.size());
  ++s.by_item[slot(item)];
  if (s.times_known) s.look_for_duplicate(e, user, item);
  s.look_at_user(e, user, item);
  if (s.times_known) s.look_at_time(e);
  if (e.decision == decision_id::none) return;
  ++s.naming;
  s.rewarded.insert(raw(e.decision));
  if (!s.answers.contains(raw(e.decision))) {
    s.unknown.add([&] { return told(e) + ", decision " + std::to_string(raw(e.decision)); });
  }
}

void doctor::look_at(const seen_answer& a) { state_->answers.emplace(raw(a.id), a); }

// ---- finding ------------------------------------------------------------------------------------------------------

void doctor::state::find_duplicates(std::vector<finding>& out) const {
  if (share(duplicates.n) < at.duplicates || duplicates.n < 3) return;
  out.push_back({"duplicates", duplicates.n,
                 percent(share(duplicates.n)) + " of the events repeat an earlier one: user, item, action, value and "
                                                "time alike",
                 duplicates.example, "give events keys of their own (event::key), and the engine takes each once"});
}

void doctor::state::find_times(std::vector<finding>& out) const {
  if (share(early.n) >= at.too_early && early.n > 0) {
    out.push_back({"unit", early.n, percent(share(early.n)) + " of the events are from before 1990", early.example,
                   "times are milliseconds since 1970: are these seconds, or 0 where none was known?"});
  }
  if (share(late.n) >= at.unordered) {
    out.push_back({"order", late.n,
                   percent(share(late.n)) + " of the events lie more than a day before the newest one: the log is not "
                                            "in order of time",
                   late.example, "sort it by time before it is observed: what comes next is learned from the order"});
  } else if (share(late.n) >= at.late && late.n > 0) {
    out.push_back({"late", late.n, percent(share(late.n)) + " of the events came more than a day after a newer one",
                   late.example,
                   "tell events as they happen; a batch that comes late teaches what comes next wrongly"});
  }
}

void doctor::state::find_jumps(std::vector<finding>& out) const {
  if (share(late.n) >= at.unordered) return;  // in no order, every step is a jump
  if (ahead.n > 0) {
    out.push_back({"clock", ahead.n, "events lie more than a week ahead of those around them", ahead.example,
                   "a clock was wrong: they make all that follows look late; set engine_options::max_ahead"});
  }
  if (!first || n_events < 2) return;
  const double mean = static_cast<double>((*newest - *first - highest_gap).count()) / static_cast<double>(n_events);
  if (highest_gap > at.jump && static_cast<double>(highest_gap.count()) > at.hole * mean) {
    const double days = static_cast<double>(highest_gap.count()) / 86'400'000.0;
    out.push_back({"gap", 1, "no event for " + fixed(days, 1) + " days, in a log that is much denser around them",
                   "until " + time_text(highest_gap_end), "were events lost there? Or did a clock jump?"});
  }
}

void doctor::state::find_rewards(std::vector<finding>& out) const {
  std::uint64_t due = 0;
  std::uint64_t got = 0;
  for (const auto& [id, answer] : answers) {
    if (!answer.shown || !newest || answer.time + at.reward_after > *newest) continue;
    ++due;
    got += rewarded.contains(id) ? 1U : 0U;
  }
  if (due >= at.answers && ratio(got, due) < at.rewarded) {
    out.push_back({"rewards",
                   due - got,
                   "of " + thousands(due) + " answers " + thousands(got) + " have an event that names them",
                   {},
                   "name the decision in the event that follows it (event::decision), or call reward(): without, "
                   "nothing is learned from what was shown"});
  }
  if (naming > 0 && ratio(unknown.n, naming) >= at.unknown_decisions) {
    out.push_back({"decisions", unknown.n,
                   percent(ratio(unknown.n, naming)) +
                       " of the events that name a decision name one that is not in the "
                       "log",
                   unknown.example, "keep recommendation::id as it is; answers that were forgotten count, too"});
  }
}

void doctor::state::find_users(std::vector<finding>& out) const {
  counted bots;
  counted one_item;
  std::uint64_t of_bots = 0;
  for (std::size_t u = 0; u < by_user.size(); ++u) {
    const seen_user& who = by_user[u];
    const std::string name(users.name(user_index{static_cast<std::uint32_t>(u)}));
    const bool quick = times_known && who.most_moments >= at.events_a_minute;
    const bool busy = who.events >= at.busy_events && share(who.events) >= at.busy;
    if (quick || busy) {
      of_bots += who.events;
      bots.add([&] {
        return name + ": " + thousands(who.events) + " events" +
               (quick ? ", " + thousands(who.most_moments) + " moments in one minute" : std::string());
      });
    }
    if (who.one_item && who.events >= at.one_item_events) {
      one_item.add([&] {
        return name + ": " + thousands(who.events) + " events, all with " + std::string(items.name(who.first_item));
      });
    }
  }
  if (bots.n > 0) {
    out.push_back({"bots", bots.n,
                   "users do things faster, or more of them, than people do; theirs are " + percent(share(of_bots)) +
                       " of the events",
                   bots.example, "leave robots and tests out, or set_consent(user, false): their events teach nobody"});
  }
  if (one_item.n > 0) {
    out.push_back({"one-item", one_item.n,
                   "users have " + std::to_string(at.one_item_events) + " events or more, all with one item",
                   one_item.example, "is it a health check, or an item that is counted each time it is looked at?"});
  }
}

void doctor::state::find_popularity(std::vector<finding>& out) const {
  if (n_events < at.popular_events || by_item.size() < at.popular_items) return;
  std::vector<std::uint32_t> order(by_item.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return by_item[a] > by_item[b]; });
  std::uint64_t top = 0;
  const std::size_t hundredth = (order.size() + 99) / 100;
  for (std::size_t k = 0; k < hundredth; ++k) top += by_item[order[k]];
  const bool one = share(by_item[order.front()]) >= at.top_item;
  if (!one && share(top) < at.top_percent) return;
  const std::string name(items.name(item_index{order.front()}));
  out.push_back({"popularity", one ? 1 : hundredth,
                 one ? "one item has " + percent(share(by_item[order.front()])) + " of the events"
                     : "a hundredth of the items has " + percent(share(top)) + " of the events",
                 name + ": " + thousands(by_item[order.front()]) + " events",
                 "is it no item at all (a cart, a home page)? Else measure against popularity: it is hard to beat"});
}

std::vector<finding> doctor::findings() const {
  std::vector<finding> out;
  state_->find_duplicates(out);
  if (state_->times_known) {
    state_->find_times(out);
    state_->find_jumps(out);
  }
  state_->find_rewards(out);
  state_->find_users(out);
  state_->find_popularity(out);
  return out;
}

}  // namespace tandem_cli
