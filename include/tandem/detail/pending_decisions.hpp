#pragma once
// Decisions that wait for their rewards.

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"
#include "tandem/engine.hpp"
#include "tandem/hybrid/candidates.hpp"

TANDEM_BEGIN
namespace detail {

// how many there are of what a decision names
struct known_ids {
  std::size_t users = no_limit;
  std::size_t items = no_limit;
  std::size_t sources = 0;
};

struct pending_decision {
  decision_id id = decision_id::none;
  user_index user = no_id<user_index>;  // as it was when decided; a user may have become known, or merged, since
  std::string user_name;
  reject_reason user_problem = reject_reason::none;  // why rewards cannot be learned for this user
  timestamp time{};
  bool shadow = false;
  bool settled = false;                                     // its window has passed, or it was dropped
  bool defaulted = false;                                   // the default reward was learned
  std::shared_ptr<const hybrid::candidate_set> candidates;  // shared by copies; null once settled
  std::vector<std::size_t> shown;                           // subscripts of candidates, in order of place
  std::vector<item_index> shown_items;                      // the same places
  double propensity = 1;                                    // of the first
  std::vector<std::string> facts;                           // of the request's context
  std::vector<item_index> rewarded;

  bool was_rewarded(item_index item) const {
    return std::find(rewarded.begin(), rewarded.end(), item) != rewarded.end();
  }
  // every place has its candidate: not where the budget left sources out, nor where it was decided otherwise again
  bool has_places() const noexcept { return shown.size() == shown_items.size(); }
  bool was_shown(item_index item) const {
    return !shadow && std::find(shown_items.begin(), shown_items.end(), item) != shown_items.end();
  }

  void save(byte_writer& out) const {
    out.put(id);
    out.put(user);
    out.text(user_name);
    out.put(user_problem);
    out.put(time);
    for (const bool each : {shadow, settled, defaulted}) out.put(each);
    if (!settled) save_choice(out);
    out.put(shown_items);
    out.count(facts.size());
    for (const std::string& each : facts) out.text(each);
    out.put(rewarded);
  }
  // throws bad_format
  static pending_decision load(byte_reader& in, const known_ids& known) {
    pending_decision out;
    out.id = in.get<decision_id>();
    out.user = in.get<user_index>();
    in.check(out.user == no_id<user_index> || slot(out.user) < known.users, "an unknown user");
    out.user_name = in.text();
    out.user_problem = in.get_up_to(reject_reason::unknown_decision);
    out.time = in.get<timestamp>();
    for (bool* const each : {&out.shadow, &out.settled, &out.defaulted}) *each = in.get<bool>();
    if (!out.settled) out.load_choice(in, known);
    out.shown_items = items_from(in, known);
    in.check(out.settled || out.is_whole(), "other items than the candidates that were shown");
    for (std::size_t n = in.count(); n > 0; --n) out.facts.push_back(in.text());
    out.rewarded = items_from(in, known);
    return out;
  }

 private:
  void save_choice(byte_writer& out) const {
    candidates->save(out);
    out.count(shown.size());
    for (const std::size_t c : shown) out.count(c);
    out.put(propensity);
  }
  void load_choice(byte_reader& in, const known_ids& known) {
    auto set = std::make_shared<hybrid::candidate_set>(hybrid::candidate_set::load(in, known.sources, known.items));
    for (std::size_t n = in.count(set->size()); n > 0; --n) {
      shown.push_back(in.count());
      in.check(shown.back() < set->size(), "an unknown candidate");
    }
    propensity = in.get_finite<double>();
    in.check(propensity > 0 && propensity <= 1, "an impossible propensity");
    candidates = std::move(set);
  }
  static std::vector<item_index> items_from(byte_reader& in, const known_ids& known) {
    std::vector<item_index> out = in.get_vector<item_index>();
    for (const item_index item : out) in.check(slot(item) < known.items, "an unknown item");
    return out;
  }
  // shown_items are the candidates that were shown
  // every choice is of an item that was shown; one that was decided otherwise again may lack some
  bool is_whole() const noexcept {
    auto item = shown_items.begin();
    for (const std::size_t c : shown) {
      item = std::find(item, shown_items.end(), candidates->items[c]);
      if (item == shown_items.end()) return false;
      ++item;
    }
    return true;
  }
};

// The latest decisions by id, and those whose window runs by time. A decision is settled once: when its window has
// passed, or when it gives way to a newer one. Complexity: O(log n) a decision, whatever the order of their times.
// A copy shares the candidates, which never change: it may be read on any thread while the original goes on.
class pending_decisions {
 public:
  explicit pending_decisions(std::size_t capacity) : capacity_(capacity) {}

  pending_decision* find(decision_id id) {
    const auto at = by_id_.find(id);
    return at == by_id_.end() ? nullptr : &at->second;
  }
  // `p` has its candidates; after std::bad_alloc everything is as it was
  void add(pending_decision p) {
    const auto waits = waiting_.emplace(p.time, p.id).first;
    try {
      by_id_.emplace(p.id, std::move(p));
    } catch (...) {
      waiting_.erase(waits);
      throw;
    }
  }
  void remove(decision_id id) noexcept {
    const auto at = by_id_.find(id);
    if (at == by_id_.end()) return;
    waiting_.erase({at->second.time, id});
    by_id_.erase(at);
  }

  // settles decisions made at least `window` before `now`, oldest first; f learns from each and throws nothing
  template <class F>
  void settle(timestamp now, duration window, F&& f) noexcept {
    while (!waiting_.empty() && now - waiting_.begin()->first >= window) {
      close(by_id_.find(waiting_.begin()->second)->second, f);
    }
  }
  // drops the oldest above the ceiling; f learns from those that were not settled yet and throws nothing
  template <class F>
  void trim(F&& f) noexcept {
    while (by_id_.size() > capacity_) {
      const auto oldest = by_id_.begin();
      if (!oldest->second.settled) close(oldest->second, f);
      by_id_.erase(oldest);
    }
  }
  template <class F>
  void remove_if(F&& f) {
    for (auto at = by_id_.begin(); at != by_id_.end();) {
      const bool goes = f(at->second);
      if (goes) waiting_.erase({at->second.time, at->first});
      at = goes ? by_id_.erase(at) : std::next(at);
    }
  }
  template <class F>
  void for_each(F&& f) {
    for (auto& [id, p] : by_id_) f(p);
  }

  std::size_t size() const noexcept { return by_id_.size(); }

  void save(byte_writer& out) const {
    out.section("pending");
    out.count(by_id_.size());
    for (const auto& [id, p] : by_id_) p.save(out);
  }
  // the decisions that save() wrote; what is above a smaller ceiling goes at the next trim(); throws bad_format
  static pending_decisions load(byte_reader& in, std::size_t capacity, const known_ids& known) {
    in.section("pending");
    pending_decisions out(capacity);
    decision_id last = decision_id::none;
    for (std::size_t n = in.count(); n > 0; --n) {
      pending_decision p = pending_decision::load(in, known);
      in.check(p.id > last, "a decision out of order");
      last = p.id;
      if (!p.settled) out.waiting_.emplace(p.time, p.id);
      out.by_id_.emplace_hint(out.by_id_.end(), last, std::move(p));
    }
    return out;
  }

 private:
  template <class F>
  void close(pending_decision& p, F&& f) noexcept {
    static_assert(noexcept(f(p)));
    waiting_.erase({p.time, p.id});
    p.settled = true;
    f(p);
    p.candidates.reset();
    p.shown = std::vector<std::size_t>();  // {} would keep its memory
  }

  std::size_t capacity_;
  std::map<decision_id, pending_decision> by_id_;
  std::set<std::pair<timestamp, decision_id>> waiting_;
};

}  // namespace detail
TANDEM_END
