#pragma once
// What every source thinks of every item, in rows kept from request to request: of a source that says something of few
// items, only those are written and wiped again.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Scores of few items; all others have 0. Threads: thread-compatible.
class few_scores {
 public:
  /// @param row    the scores of all items, zero on entry. @param items  which of them are not; empty on entry.
  few_scores(std::span<float> row, std::vector<std::uint32_t>& items) noexcept : row_(row), items_(&items) {}

  /// Adds to an item's score. `item` is below the number of items. Complexity: O(1). Allocates: when the list grows.
  void add(std::uint32_t item, float score) {
    if (score == 0) return;
    float& sum = row_[item];
    if (sum == 0) items_->push_back(item);  // once: what is positive and grows is not 0 again
    positive_ = positive_ && score > 0;
    sum += score;
  }
  /// Multiplies every score by factor(item).
  template <class F>
  void scale(F&& factor) {
    if (!positive_) {
      std::ranges::sort(*items_);
      items_->erase(std::unique(items_->begin(), items_->end()), items_->end());
    }
    for (const std::uint32_t item : *items_) {
      row_[item] *= factor(item);
      positive_ = positive_ && row_[item] > 0;
    }
  }
  /// Every score given was positive: items() names each item once, and none that has 0.
  [[nodiscard]] bool positive() const noexcept { return positive_; }
  [[nodiscard]] std::span<const std::uint32_t> items() const noexcept { return *items_; }

 private:
  std::span<float> row_;
  std::vector<std::uint32_t>* items_;
  bool positive_ = true;
};

/// One row of scores a source. Threads: thread-compatible.
class score_rows {
 public:
  /// Makes room for n_rows of n_items. Complexity: O(1), O(n_rows * n_items) when it grows. Allocates: then.
  void shape(std::size_t n_rows, std::size_t n_items) {
    if (n_rows != states_.size() || n_items > stride_) {
      constexpr std::size_t step = 1024;  // items come one by one
      states_.clear();
      stride_ = (n_items + n_items / 16 + step) / step * step;
      scores_.assign(n_rows * stride_, 0.0F);
      states_.resize(n_rows);
    }
    n_items_ = n_items;
  }

  /// The row as it was left: n_items scores.
  [[nodiscard]] std::span<float> row(std::size_t s) noexcept {
    return std::span(scores_).subspan(s * stride_, n_items_);
  }
  /// The row, all zero, for a source that may write any of its scores.
  [[nodiscard]] std::span<float> to_write(std::size_t s) {
    wipe(s);
    states_[s].written = true;
    return row(s);
  }
  /// The row, all zero, for a source that writes few of them.
  [[nodiscard]] few_scores to_add(std::size_t s) {
    wipe(s);
    return {row(s), states_[s].items};
  }
  /// Items that have another score than 0, where to_add() was given; those of set() behind them.
  [[nodiscard]] std::span<const std::uint32_t> listed(std::size_t s) const noexcept { return states_[s].items; }
  /// Says that the row is all zero, as to_write() gave it.
  void untouched(std::size_t s) noexcept { states_[s].written = false; }
  /// Sets one score. What to_add() was given for is wiped all the same.
  void set(std::size_t s, std::size_t item, float score) {
    if (!states_[s].written) states_[s].items.push_back(static_cast<std::uint32_t>(item));
    row(s)[item] = score;
  }

 private:
  struct state {
    bool written = false;              // any score may be other than 0; otherwise those of `items` alone
    std::vector<std::uint32_t> items;  // perhaps with repetitions
  };

  void wipe(std::size_t s) noexcept {
    const std::span<float> all = std::span(scores_).subspan(s * stride_, stride_);
    if (states_[s].written) {
      std::fill(all.begin(), all.end(), 0.0F);
    } else {
      for (const std::uint32_t item : states_[s].items) all[item] = 0;
    }
    states_[s].written = false;
    states_[s].items.clear();
  }

  std::vector<float> scores_;
  std::vector<state> states_;
  std::size_t stride_ = 0;
  std::size_t n_items_ = 0;
};

}  // namespace hybrid
TANDEM_END
