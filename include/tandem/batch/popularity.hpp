#pragma once
// How much each item was taken over the whole log, whoever asks: the baseline that every learner must beat.

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/data/interactions.hpp"
#include "tandem/data/scored_item.hpp"
#include "tandem/detail/history.hpp"

TANDEM_BEGIN
namespace batch {

/// score(i) = sum over users of w_ui. Called TopPopular or MostPopular elsewhere.
/// Threads: immutable. Lifetime: its span stays valid until it is destroyed, assigned to or moved from.
class popularity {
 public:
  /// No items.
  popularity() = default;

  /// Complexity: O(entries). Allocates: 4 bytes an item.
  explicit popularity(const interactions& log) : scores_(log.n_items()) {
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      double sum = 0;  // a float32 sum would stop counting at 2^24
      for (const float w : log.users_of(item_index{static_cast<std::uint32_t>(i)}).weight) {
        sum += static_cast<double>(w);
      }
      scores_[i] = static_cast<float>(sum);
    }
  }

  [[nodiscard]] std::size_t n_items() const noexcept { return scores_.size(); }
  [[nodiscard]] float score(item_index item) const noexcept {
    TANDEM_ASSERT(slot(item) < scores_.size());
    return scores_[slot(item)];
  }
  /// One score an item.
  [[nodiscard]] std::span<const float> scores() const& noexcept { return scores_; }
  [[nodiscard]] std::span<const float> scores() const&& = delete;

  /// The same scores for every history (batch/history_model.hpp). Complexity: O(n_items). Allocates: nothing.
  /// Errors: invalid_argument for an item out of range; not_finite for a weight.
  void score_history(std::span<const item_index> items, std::span<const float> weights, std::span<float> out) const {
    TANDEM_ASSERT(items.size() == weights.size() && out.size() == n_items());
    detail::require_history(items, weights, n_items());
    std::copy(scores_.begin(), scores_.end(), out.begin());
  }

  /// The best out.size() items, best first, ties by smaller index; returns how many were written.
  /// @param exclude  items to leave out, ascending.
  /// Complexity: O(n_items log out.size()) at worst. Allocates: nothing.
  std::size_t top_n(std::span<scored_item> out, std::span<const item_index> exclude = {}) const noexcept {
    best_items best(out);
    best.offer_all(item_index{0}, scores_, exclude);
    return best.finish();
  }

 private:
  std::vector<float> scores_;
};

}  // namespace batch
TANDEM_END
