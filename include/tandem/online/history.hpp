#pragma once
// What one user did: the latest events in order, and every item ever had.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/flat_table.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"

TANDEM_BEGIN
namespace online {

/// One past event of a user.
struct past_event {
  item_index item{};
  timestamp time{};

  void save(byte_writer& out) const {
    out.put(item);
    out.put(time);
  }
  [[nodiscard]] static past_event load(byte_reader& in) {
    const auto item = in.get<item_index>();
    return {item, in.get<timestamp>()};
  }
};

/// One user's past, in the order in which it was told. Threads: thread-compatible. Memory: up to 2 * max_recent events
/// and one entry per distinct item.
class history {
 public:
  /// Events kept in order; older ones are known as items only.
  static constexpr std::size_t max_recent = 128;

  /// Takes an event that counts as liking or using the item. Complexity: O(1) amortised.
  void add(past_event e) {
    if (recent_.size() >= 2 * max_recent) {
      recent_.erase(recent_.begin(), recent_.end() - static_cast<std::ptrdiff_t>(max_recent));
    }
    had_[raw(e.item)] = true;  // first: an event must not be kept without its item when memory runs out
    recent_.push_back(e);
    ++events_;
  }

  /// Takes an event that counts as dislike: the item is had, and never wanted again. Complexity: O(disliked items).
  void dislike(item_index item) {
    had_[raw(item)] = true;
    if (std::find(disliked_.begin(), disliked_.end(), item) == disliked_.end()) disliked_.push_back(item);
  }

  /// Takes everything `other` did, as if in order of time. `other` must not be this history.
  void merge(const history& other) {
    recent_.insert(recent_.end(), other.recent_.begin(), other.recent_.end());
    std::stable_sort(recent_.begin(), recent_.end(),
                     [](const past_event& a, const past_event& b) { return a.time < b.time; });
    if (recent_.size() > 2 * max_recent)
      recent_.erase(recent_.begin(), recent_.end() - static_cast<std::ptrdiff_t>(max_recent));
    other.had_.for_each([&](std::uint32_t item, bool) { had_[item] = true; });
    for (const item_index item : other.disliked_) dislike(item);
    events_ += other.events_;
  }

  /// The last max_recent events, or all if there were fewer; oldest first.
  [[nodiscard]] std::span<const past_event> recent() const noexcept {
    const std::size_t n = std::min(recent_.size(), max_recent);
    return std::span(recent_).last(n);
  }
  /// Items the user said no to, in order.
  [[nodiscard]] std::span<const item_index> disliked() const noexcept { return disliked_; }
  /// Whether the user ever had the item.
  [[nodiscard]] bool has(item_index item) const noexcept { return had_.contains(raw(item)); }
  /// Calls f(item_index) for every item ever had, in no particular order.
  template <class F>
  void for_each_item(F&& f) const {
    had_.for_each([&](std::uint32_t item, bool) { f(item_index{item}); });
  }
  /// Number of events taken in all, dislikes not among them.
  [[nodiscard]] std::size_t events() const noexcept { return events_; }

  /// Writes everything it knows.
  void save(byte_writer& out) const {
    out.section("history");
    out.count(had_.size());
    had_.for_each([&](std::uint32_t item, bool) { out.put(item); });
    out.put(recent_);
    out.put(disliked_);
    out.count(events_);
  }
  /// The history that save() wrote: it goes on with the same bits. Errors: bad_format, also for items beyond `n_items`.
  [[nodiscard]] static history load(byte_reader& in, std::size_t n_items = no_limit) {
    in.section("history");
    history out;
    for (std::size_t n = in.count(flat_table<bool>::max_entries); out.had_.size() < n;) {
      const auto item = in.get<item_index>();
      in.check(slot(item) < n_items && !out.has(item), "an item that is unknown or came before");
      out.had_[raw(item)] = true;
    }
    out.recent_ = in.get_vector<past_event>(2 * max_recent);
    for (const past_event& e : out.recent_) in.check(out.has(e.item), "an event with an item that was not had");
    out.disliked_ = in.get_vector<item_index>(out.had_.size());
    for (const item_index item : out.disliked_) in.check(out.has(item), "a disliked item that was not had");
    out.events_ = in.count();
    in.check(out.events_ >= out.recent_.size(), "an impossible count");
    return out;
  }

 private:
  std::vector<past_event> recent_;
  flat_table<bool> had_;
  std::vector<item_index> disliked_;
  std::size_t events_ = 0;
};

}  // namespace online
TANDEM_END
