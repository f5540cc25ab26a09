#pragma once
// A life in which users are forgotten, old entries compacted away and groups of a stream taken, and what was promised
// about each event of it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "durable/fault_life.hpp"
#include "tandem/open.hpp"

namespace erasure_world {

using namespace tandem;
using durable_world::small_options;

inline constexpr const char* guest_page = "page of a guest";  // stands for the key of the page that a visitor was shown

/// One event, or the page of the guest.
struct told_event {
  std::string key;
  std::string person;         ///< a user's name and how often it began afresh
  bool acknowledged = false;  ///< it was answered `accepted`
  std::size_t group = 0;      ///< of a stream, from 1; 0 = none
};

/// All that a host was promised, or asked for.
struct promises {
  std::vector<told_event> told = {};
  std::size_t flushed = 0;                                       ///< of told: so many when flush() last succeeded
  std::size_t synced = 0;                                        ///< of told: so many when forget() last returned
  std::vector<std::pair<std::string, std::string>> joined = {};  ///< persons who became others, in order
  std::set<std::string> unsure = {};                             ///< persons whose merge failed: in part, or not at all
  std::set<std::string> forgotten = {};                          ///< persons whose forget() returned
  std::vector<std::set<std::string>> half = {};                  ///< persons whose forget() did not return, by call
  std::size_t may_be_gone = 0;                                   ///< of told: so many may have been compacted away
  std::set<std::size_t> torn = {};  ///< groups that memory ran out in: some events without the position

  /// Whoever goes when this person is forgotten.
  [[nodiscard]] std::set<std::string> with_joined(const std::string& person) const {
    std::set<std::string> out{person};
    for (auto each = joined.rbegin(); each != joined.rend(); ++each) {
      if (out.contains(each->second)) out.insert(each->first);
    }
    return out;
  }
  void forget(const std::set<std::string>& persons) { forgotten.insert(persons.begin(), persons.end()); }
};

/// The life: the same steps each time. A step that fails is remembered as one that did not return.
class erasing_life {
 public:
  promises kept;

  /// @param stops  asked after each step: whether the world has ended
  void live(engine& e, const std::function<bool()>& stops) {
    for (std::size_t n = 0; n < steps && !stops(); ++n) step(e, n);
  }

  /// What steps do: see step().
  static constexpr std::size_t steps = 15, group_step = 2, forget_step = 4, compact_step = 9, late_forget_step = 11;
  void step(engine& e, std::size_t n) {
    switch (n) {
      case 0: return talk(e, 10);
      case 1: return join(e);
      case group_step: return take_group(e);
      case 3: return void(attempt([&] { e.checkpoint(); }));
      case forget_step: return void(forget(e, "user1"));
      case 5: return talk(e, 6);
      case 6: return take_group(e);
      case 7: return void(attempt([&] { e.refit(); }));
      case 8: return talk(e, 6);
      case compact_step: return compact(e, 12);
      case 10: return take_group(e);
      case late_forget_step: return void(forget(e, "user2"));
      case 12: return talk(e, 6);
      case 13: return take_group(e);
      default: flush(e);
    }
  }

  /// Forgets whoever has that name: again, if it failed before. Whether it returned, also if there was nobody to
  /// forget.
  bool forget(engine& e, const std::string& user) {
    std::set<std::string> persons = kept.with_joined(person(user));
    for (const std::set<std::string>& each : kept.half) {
      const bool same = std::ranges::any_of(each, [&](const std::string& one) { return one.starts_with(user + "."); });
      if (same) persons.insert(each.begin(), each.end());
    }
    kept.half.push_back(persons);
    ++born_[user];
    const bool returned = attempt([&] {
      try {
        (void)e.forget(user, now());
        kept.synced = kept.told.size();  // it empties the write-ahead log
      } catch (const error& nobody) {
        if (nobody.code() != errc::not_found) throw;
      }
    });
    if (!returned) return false;
    kept.half.pop_back();
    kept.forget(persons);
    return true;
  }

  /// Events of everybody, those who were forgotten too.
  void observe_all(engine& e) {
    for (int n = 0; n < 8; ++n) observe(e, n % 4);
  }

 private:
  template <class F>
  bool attempt(F&& f) {
    try {
      f();
      return true;
    } catch (const error&) {
    } catch (const std::bad_alloc&) {
    }
    return false;
  }

  timestamp now() { return from_millis(now_ += 1000); }
  std::string person(const std::string& user) { return user + "." + std::to_string(born_[user]); }
  std::string tell(const std::string& user, std::size_t group) {
    const std::string who = person(user);
    marks_.push_back(kept.told.size());
    kept.told.push_back({"k" + std::to_string(kept.told.size()) + " of " + who + ";", who, false, group});
    return kept.told.back().key;
  }
  void flush(engine& e) {
    if (e.flush()) kept.flushed = kept.told.size();
  }

  void observe(engine& e, int n) {
    const std::string user = "user" + std::to_string(n);
    const std::string item = "item" + std::to_string(kept.told.size() % 7);
    const std::string key = tell(user, 0);
    event said{.user = user, .item = item, .time = now(), .key = key};
    if (n == 1) said.context = {{"device", "phone"}};
    kept.told.back().acknowledged = e.observe(said).taken();
  }

  // events of all users in turn, and answers to some that are rewarded
  void talk(engine& e, int events) {
    for (int n = 0; n < events; ++n) {
      observe(e, n % 4);
      if (n % 3 != 2) continue;
      const std::string user = "user" + std::to_string(n % 4);
      page_ = e.recommend({.user = user, .count = 2, .time = now()});
      if (page_.items.empty()) continue;
      marks_.push_back(kept.told.size());
      (void)e.reward(page_.id, page_.items[0].item, 1, now());
    }
    flush(e);
  }

  // a visitor looks at a page, a second account is used, and both turn out to be user1
  void join(engine& e) {
    kept.told.push_back({guest_page, "guest.0"});
    const recommendation page = e.recommend({.user = "guest", .count = 2, .time = now()});
    kept.told.back().acknowledged = page.id != decision_id::none;
    observe(e, 9);
    observe(e, 9);
    for (const char* from : {"guest", "user9"}) {
      kept.joined.emplace_back(person(from), person("user1"));
      if (!attempt([&] { e.merge(from, "user1"); })) kept.unsure.insert(person(from));
      ++born_[from];
    }
  }

  void take_group(engine& e) {
    const std::size_t group = ++groups_;
    std::vector<std::string> users, items, keys;
    std::vector<event> events;
    for (int n = 0; n < 3; ++n) {
      users.push_back("user" + std::to_string((static_cast<int>(group) + n) % 4));
      items.push_back("item" + std::to_string(n));
      keys.push_back(tell(users.back(), group));
    }
    for (std::size_t n = 0; n < 3; ++n) {
      events.push_back({.user = users[n], .item = items[n], .time = now(), .key = keys[n]});
      if (n == 1) events.back().decision = page_.id;
    }
    std::vector<observe_result> results(3, observe_result{.status = observe_status::store_failed});
    bool stored = false;
    const bool returned = attempt([&] { stored = e.observe(events, {"orders", std::to_string(group)}, results); });
    for (std::size_t n = 0; n < 3; ++n) {
      kept.told[kept.told.size() - 3 + n].acknowledged = stored && results[n].taken();
    }
    if (!returned && results[0].taken()) kept.torn.insert(group);
  }

  void compact(engine& e, std::size_t keep) {
    if (marks_.size() > keep) kept.may_be_gone = marks_[marks_.size() - keep];
    (void)attempt([&] { e.compact({.max_events = keep}); });
  }

  std::map<std::string, int> born_;
  std::vector<std::size_t> marks_;  // of each event, rewards too: events told before it
  std::int64_t now_ = 1'700'000'000'000;
  std::size_t groups_ = 0;
  recommendation page_;
};

}  // namespace erasure_world
