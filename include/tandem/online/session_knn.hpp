#pragma once
// What people with visits like this one went on to: nearest neighbours among sessions, learned event by event.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace online {

/// Options of a session_knn.
struct session_knn_options {
  /// A user's session ends when so long a time has passed since its latest event. Range [0, inf).
  duration gap = std::chrono::minutes(30);
  /// Sessions kept, of all users; the one that began first gives way. Range [1, 2^24].
  std::size_t max_sessions = 100000;
  /// Distinct items a session; one that is full ends. Range [2, 4096].
  std::size_t max_items = 64;
  /// The most recent sessions with an item that are looked at, and of all items together. m in the paper (500 to 5,000
  /// there). Range [1, 2^16].
  std::size_t recent = 500;
  /// The nearest of these, that vote. k in the paper (100 to 1,500 there). Range [1, recent].
  std::size_t neighbours = 100;
  /// How many of the latest distinct items stand for a session. Range [1, 9].
  std::size_t last_items = 4;

  /// Errors: invalid_argument, naming the option.
  void validate() const {
    tandem::detail::require(gap >= duration::zero(), "session_knn.gap", "[0, inf)");
    tandem::detail::require(max_sessions >= 1 && max_sessions <= (1U << 24U), "session_knn.max_sessions", "[1, 2^24]");
    tandem::detail::require(max_items >= 2 && max_items <= 4096, "session_knn.max_items", "[2, 4096]");
    tandem::detail::require(recent >= 1 && recent <= (1U << 16U), "session_knn.recent", "[1, 2^16]");
    tandem::detail::require(neighbours >= 1 && neighbours <= recent, "session_knn.neighbours", "[1, recent]");
    tandem::detail::require(last_items >= 1 && last_items <= 9, "session_knn.last_items", "[1, 9]");
  }
};

/// VMIS-kNN (Kersbergen, Sprangers and Schelter, SIGMOD 2022, "Serenade"), after VS-kNN (Ludewig and Jannach 2018), as
/// an index that learns each event at once. With s the latest n = last_items items of a session, newest first:
///
///   similarity   r_v = sum over s_j in v of (n - j) / n,  j = 0, 1, ...       of the `recent` most recent sessions v
///   score        of i = sum over the `neighbours` nearest v with i of (0.9 - 0.1 j_v) r_v ln(|H| / h_i)
///
/// j_v is the position of the newest item that v shares, |H| the sessions kept, h_i those with i. The order of sessions
/// is that in which they began. Only times of events are looked at.
///
/// Threads: thread-compatible; scoring with a scratch of one's own is a pure read. Memory: at most 4 max_items + 40
/// bytes a session (as many items as it has), 8 recent + 40 an item, 8 a user. A value; same events, same bits.
class session_knn {
 public:
  /// What scoring writes to on its way: one a thread, of any life.
  struct scratch {
    struct candidate {
      std::uint64_t id;
      std::uint32_t similarity;  // n times that of the formula: whole, so that equals are equal
      std::uint32_t newest;
    };
    std::vector<std::uint32_t> place;  // by place of the session: 1 + its candidate; all 0 between calls
    std::vector<candidate> found;
  };

  /// Errors: invalid_argument as session_knn_options::validate().
  explicit session_knn(session_knn_options options = {}) : options_(options) { options_.validate(); }

  /// Learns an event. One that comes late, by no more than the gap, belongs to the user's session; one later than that
  /// is a session of its own, and the user's goes on. Items and users are dense indices.
  /// Complexity: O(items of the session), amortised. Allocates: when a list grows; if that fails, nothing was learned.
  void learn(user_index user, item_index item, timestamp time) {
    if (open_.size() <= slot(user)) open_.resize(slot(user) + 1, 0);
    if (items_.size() <= slot(item)) items_.resize(slot(item) + 1);
    session* const now = find(open_[slot(user)]);
    const bool late = now != nullptr && time < now->latest;
    const bool near = now != nullptr && apart(time, now->latest) <= static_cast<std::uint64_t>(options_.gap.count());
    if (near && renew(*now, item, time)) return;
    make_room(items_[slot(item)].sessions, options_.recent);
    if (near && now->items.size() < options_.max_items) {
      now->items.push_back(item);
      now->latest = std::max(now->latest, time);
      post(item, now->id);
      return;
    }
    const std::uint64_t id = begin(item, time);
    if (!late || near) open_[slot(user)] = id;
  }

  /// The items of the user's latest session, in order of their last event; empty for an unknown user and one whose
  /// session gave way. Valid until learn().
  [[nodiscard]] std::span<const item_index> session_of(user_index user) const noexcept {
    const session* const now = slot(user) < open_.size() ? find(open_[slot(user)]) : nullptr;
    return now == nullptr ? std::span<const item_index>() : std::span<const item_index>(now->items);
  }

  /// Adds to `out` the scores of what goes with the user's latest session, that session left out; those of its own
  /// items among them. Returns false, and leaves `out`, when nothing is known. @param out  by slot(item), for items [0,
  /// size). Complexity: O(last_items * recent + neighbours * (log recent + items a session)). Allocates: when `memory`
  /// has not seen as many sessions.
  bool score(user_index user, scratch& memory, std::span<float> out) const {
    const auto items = session_of(user);
    return !items.empty() && score(items, memory, out, open_[slot(user)]);
  }
  /// The same for distinct items of any session, oldest first.
  bool score(std::span<const item_index> items, scratch& memory, std::span<float> out) const {
    return score(items, memory, out, 0);
  }

  /// Sessions kept now, and how many of them hold an item.
  [[nodiscard]] std::size_t n_sessions() const noexcept { return sessions_.size(); }
  [[nodiscard]] std::size_t sessions_with(item_index item) const noexcept {
    return slot(item) < items_.size() ? items_[slot(item)].n : 0;
  }
  [[nodiscard]] const session_knn_options& options() const noexcept { return options_; }

 private:
  struct session {
    std::uint64_t id = 0;
    timestamp latest{};
    std::vector<item_index> items;
  };
  // The latest sessions with an item, as a ring once it is full.
  struct postings {
    std::vector<std::uint64_t> sessions;
    std::uint32_t next = 0;  // the place that gives way
    std::uint32_t n = 0;     // sessions kept with the item, whether listed or not
  };

  // |a - b|, exact for all times
  static std::uint64_t apart(timestamp a, timestamp b) noexcept {
    const auto ticks = [](timestamp t) { return static_cast<std::uint64_t>(t.time_since_epoch().count()); };
    return a < b ? ticks(b) - ticks(a) : ticks(a) - ticks(b);
  }

  template <class T>
  static void make_room(std::vector<T>& list, std::size_t most) {
    if (list.size() == list.capacity() && list.size() < most) {
      list.reserve(std::min(most, std::max<std::size_t>(4, 2 * list.size())));
    }
  }

  [[nodiscard]] std::size_t place_of(std::uint64_t id) const noexcept {
    return static_cast<std::size_t>((id - 1) % options_.max_sessions);
  }
  [[nodiscard]] const session* find(std::uint64_t id) const noexcept {
    const std::size_t at = place_of(id);  // far away for 0
    return id != 0 && at < sessions_.size() && sessions_[at].id == id ? &sessions_[at] : nullptr;
  }
  [[nodiscard]] session* find(std::uint64_t id) noexcept { return const_cast<session*>(std::as_const(*this).find(id)); }

  // An item that the session has already becomes its newest.
  static bool renew(session& now, item_index item, timestamp time) noexcept {
    const auto at = std::find(now.items.begin(), now.items.end(), item);
    if (at == now.items.end()) return false;
    std::rotate(at, at + 1, now.items.end());
    now.latest = std::max(now.latest, time);
    return true;
  }

  // Requires room in the item's list.
  void post(item_index item, std::uint64_t id) noexcept {
    postings& list = items_[slot(item)];
    ++list.n;
    if (list.sessions.size() < options_.recent) {
      list.sessions.push_back(id);
      return;
    }
    list.sessions[list.next] = id;
    list.next = static_cast<std::uint32_t>((list.next + 1) % options_.recent);
  }

  // A session of one item, in the place of the oldest when there are enough. Requires room in the item's list.
  std::uint64_t begin(item_index item, timestamp time) {
    const std::uint64_t id = next_;
    const std::size_t at = place_of(id);
    if (at == sessions_.size()) sessions_.emplace_back();
    session& now = sessions_[at];
    now.items.reserve(1);
    for (const item_index each : now.items) --items_[slot(each)].n;
    now.items.assign(1, item);
    now.id = id;
    now.latest = time;
    post(item, id);
    ++next_;
    return id;
  }

  bool score(std::span<const item_index> items, scratch& memory, std::span<float> out, std::uint64_t own) const {
    items = items.last(std::min(items.size(), options_.last_items));
    collect(items, memory, own);
    keep_nearest(memory.found);
    const auto all = static_cast<float>(sessions_.size());
    for (const scratch::candidate& each : memory.found) {
      const float similarity = static_cast<float>(each.similarity) / static_cast<float>(items.size());
      const float weight = (0.9F - 0.1F * static_cast<float>(each.newest)) * similarity;
      for (const item_index item : find(each.id)->items) {
        if (slot(item) >= out.size()) continue;
        out[slot(item)] += weight * std::log(all / static_cast<float>(items_[slot(item)].n));
      }
    }
    return !memory.found.empty();
  }

  // All sessions that share an item, with their similarity.
  void collect(std::span<const item_index> items, scratch& memory, std::uint64_t own) const {
    memory.found.clear();
    if (memory.place.size() < sessions_.size()) memory.place.resize(sessions_.size(), 0);
    const auto n = static_cast<std::uint32_t>(items.size());
    for (std::uint32_t j = 0; j < n; ++j) {
      const item_index item = items[n - 1 - j];
      if (slot(item) >= items_.size()) continue;
      for (const std::uint64_t id : items_[slot(item)].sessions) {
        if (id == own || find(id) == nullptr) continue;
        std::uint32_t& place = memory.place[place_of(id)];
        if (place == 0) {
          memory.found.push_back({id, 0, j});
          place = static_cast<std::uint32_t>(memory.found.size());
        }
        memory.found[place - 1].similarity += n - j;
      }
    }
    for (const scratch::candidate& each : memory.found) memory.place[place_of(each.id)] = 0;
  }

  // The `recent` that began last, and of these the most similar, best first; of equals the one that began later.
  void keep_nearest(std::vector<scratch::candidate>& found) const {
    using candidate = scratch::candidate;
    const auto cut = [&](std::size_t most, auto before) {
      if (found.size() <= most) return;
      std::nth_element(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(most), found.end(), before);
      found.resize(most);
    };
    const auto later = [](const candidate& a, const candidate& b) { return a.id > b.id; };
    const auto nearer = [](const candidate& a, const candidate& b) {
      return a.similarity != b.similarity ? a.similarity > b.similarity : a.id > b.id;
    };
    cut(options_.recent, later);
    cut(options_.neighbours, nearer);
    std::sort(found.begin(), found.end(), nearer);
  }

  session_knn_options options_;
  std::uint64_t next_ = 1;           // id of the next session; they ascend in order of beginning
  std::vector<session> sessions_;    // by id modulo max_sessions
  std::vector<std::uint64_t> open_;  // by user: the latest session, 0 = none
  std::vector<postings> items_;      // by item
};

}  // namespace online
TANDEM_END
