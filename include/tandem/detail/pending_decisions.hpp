#pragma once
// Decisions that wait for their rewards.

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"
#include "tandem/engine.hpp"
#include "tandem/hybrid/candidates.hpp"

TANDEM_BEGIN
namespace detail {

struct pending_decision {
  decision_id id = decision_id::none;
  user_index user = no_id<user_index>;  // as it was when decided; a user may have become known, or merged, since
  std::string user_name;
  reject_reason user_problem = reject_reason::none;  // why rewards cannot be learned for this user
  timestamp time{};
  bool shadow = false;
  bool settled = false;    // its window has passed, or it was dropped: the candidates are gone
  bool defaulted = false;  // the default reward was learned
  hybrid::candidate_set candidates;
  std::vector<std::size_t> shown;       // subscripts of candidates, in order of place
  std::vector<item_index> shown_items;  // the same places
  std::vector<std::string> facts;       // of the request's context
  std::vector<item_index> rewarded;

  bool was_rewarded(item_index item) const {
    return std::find(rewarded.begin(), rewarded.end(), item) != rewarded.end();
  }
  bool was_shown(item_index item) const {
    return !shadow && std::find(shown_items.begin(), shown_items.end(), item) != shown_items.end();
  }
};

// The latest decisions by id, and those whose window runs by time. A decision is settled once: when its window has
// passed, or when it gives way to a newer one. Complexity: O(log n) a decision, whatever the order of their times.
class pending_decisions {
 public:
  explicit pending_decisions(std::size_t capacity) : capacity_(capacity) {}

  pending_decision* find(decision_id id) {
    const auto at = by_id_.find(id);
    return at == by_id_.end() ? nullptr : &at->second;
  }
  // after std::bad_alloc everything is as it was
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
  void for_each(F&& f) {
    for (auto& [id, p] : by_id_) f(p);
  }

  std::size_t size() const noexcept { return by_id_.size(); }

 private:
  template <class F>
  void close(pending_decision& p, F&& f) noexcept {
    static_assert(noexcept(f(p)));
    waiting_.erase({p.time, p.id});
    p.settled = true;
    p.candidates = {};
    p.shown = std::vector<std::size_t>();  // {} would keep its memory
    f(p);
  }

  std::size_t capacity_;
  std::map<decision_id, pending_decision> by_id_;
  std::set<std::pair<timestamp, decision_id>> waiting_;
};

}  // namespace detail
TANDEM_END
