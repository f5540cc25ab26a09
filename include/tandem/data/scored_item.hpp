#pragma once
// An item with a score, and the selection of the best few without sorting the rest.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"

TANDEM_BEGIN

/// One item as a source scores it.
struct scored_item {
  item_index item{};
  float score = 0;
};

/// The order of every list of items: higher score first, ties by smaller index. Scores must not be NaN.
[[nodiscard]] constexpr bool ranks_before(const scored_item& a, const scored_item& b) noexcept {
  return a.score > b.score || (a.score == b.score && a.item < b.item);
}

/// Keeps the best `out.size()` of the items offered to it, in the caller's memory.
///
/// Each item may be offered once; the order of the offers does not matter. NaN scores are passed over.
/// Threads: thread-compatible. Allocates: nothing. Complexity: O(1) an offer that is refused, else O(log out.size()).
class best_items {
 public:
  explicit best_items(std::span<scored_item> out) noexcept : out_(out) {}

  void offer(item_index item, float score) noexcept {
    const scored_item offered{item, score};
    if (count_ == out_.size()) {
      if (count_ == 0 || !ranks_before(offered, out_[0])) return;
      replace_worst(offered);
    } else {
      if (score != score) return;
      out_[count_++] = offered;
      std::push_heap(out_.begin(), end(), order{});
    }
  }

  /// Offers items first, first + 1, ... with these scores, but for those in `exclude`, which ascends.
  /// Complexity: O(scores + exclude), and O(log out.size()) for each score that finds a place.
  void offer_all(item_index first, std::span<const float> scores, std::span<const item_index> exclude) noexcept {
    auto skip = std::lower_bound(exclude.begin(), exclude.end(), first);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (count_ == out_.size() && scores[i] < worst()) continue;
      const item_index item{static_cast<std::uint32_t>(slot(first) + i)};
      while (skip != exclude.end() && *skip < item) ++skip;
      if (skip == exclude.end() || *skip != item) offer(item, scores[i]);
    }
  }

  /// A score below this finds no place any more: the worst one kept, or -infinity while there is room.
  [[nodiscard]] float bar() const noexcept {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    if (count_ < out_.size()) return -infinity;
    return out_.empty() ? infinity : out_[0].score;
  }

  /// Sorts what was kept, best first; returns how many items there are. Offer nothing afterwards.
  std::size_t finish() noexcept {
    std::sort_heap(out_.begin(), end(), order{});
    return count_;
  }

 private:
  struct order {  // an object, not a pointer to a function: the heap's loops then hold it inline
    bool operator()(const scored_item& a, const scored_item& b) const noexcept { return ranks_before(a, b); }
  };

  // Lets the new item sink from the front to its place, past all that rank behind it.
  void replace_worst(const scored_item& offered) noexcept {
    std::size_t hole = 0;
    for (std::size_t child = 1; child < count_; child = 2 * hole + 1) {
      if (child + 1 < count_ && ranks_before(out_[child], out_[child + 1])) ++child;
      if (!ranks_before(offered, out_[child])) break;
      out_[hole] = out_[child];
      hole = child;
    }
    out_[hole] = offered;
  }

  [[nodiscard]] std::span<scored_item>::iterator end() const noexcept {
    return out_.begin() + static_cast<std::ptrdiff_t>(count_);
  }
  [[nodiscard]] float worst() const noexcept { return out_.empty() ? 0 : out_[0].score; }

  std::span<scored_item> out_;  // a heap whose front is the worst kept
  std::size_t count_ = 0;
};

TANDEM_END
