#pragma once
// A sparse matrix from items to items that scores by adding up rows: what item-kNN fits, and EASE cut down for serving.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/detail/history.hpp"
#include "tandem/detail/normal_equations.hpp"

TANDEM_BEGIN
namespace batch {

/// W [n_items x n_items], sparse: score(j) of a history = sum over its items i of w_i W_ij.
///
/// Threads: immutable; any number of threads may call any member without a lock.
/// Lifetime: owns its weights; spans it returns stay valid until it is destroyed, assigned to or moved from.
/// Memory: 8 bytes an entry and 8 an item.
class item_weights {
 public:
  /// One row: the items it speaks for, ascending, and how much; of equal length.
  struct row {
    std::span<const std::uint32_t> index;
    std::span<const float> weight;
    [[nodiscard]] std::size_t size() const noexcept { return index.size(); }
  };

  /// No items.
  item_weights() : start_(1, 0) {}

  /// Takes over a matrix compressed by rows: row i holds index[start[i]] ... index[start[i + 1] - 1], ascending.
  /// Complexity: O(entries). Allocates: nothing.
  /// Errors: invalid_argument for a start that does not ascend from 0 to the number of entries, lengths that differ, or
  /// an index out of range or order; not_finite for a weight.
  [[nodiscard]] static item_weights from_rows(std::vector<std::size_t> start, std::vector<std::uint32_t> index,
                                              std::vector<float> weight);

  [[nodiscard]] std::size_t n_items() const noexcept { return start_.size() - 1; }
  /// Stored entries.
  [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }

  /// Row i of W: what having the item says about others.
  [[nodiscard]] row row_of(item_index item) const& noexcept {
    TANDEM_ASSERT(slot(item) < n_items());
    const std::size_t first = start_[slot(item)];
    const std::size_t n = start_[slot(item) + 1] - first;
    return {{index_.data() + first, n}, {weight_.data() + first, n}};
  }
  [[nodiscard]] row row_of(item_index) const&& = delete;

  /// The scores of all items for a history (batch/history_model.hpp). Empty gives zeros.
  /// Complexity: O(n_items + entries of the history's rows). Allocates: a copy of the history.
  /// Errors: invalid_argument for an item out of range; not_finite for a weight.
  void score_history(std::span<const item_index> items, std::span<const float> weights, std::span<float> out) const {
    TANDEM_ASSERT(items.size() == weights.size() && out.size() == n_items());
    const detail::gathered_history history = detail::gather_history(items, weights, n_items());
    std::fill(out.begin(), out.end(), 0.0F);
    for (std::size_t h = 0; h < history.index.size(); ++h) {
      const row from = row_of(item_index{history.index[h]});
      for (std::size_t e = 0; e < from.size(); ++e) out[from.index[e]] += history.weight[h] * from.weight[e];
    }
  }

 private:
  std::vector<std::size_t> start_;  // n_items + 1
  std::vector<std::uint32_t> index_;
  std::vector<float> weight_;
};

inline item_weights item_weights::from_rows(std::vector<std::size_t> start, std::vector<std::uint32_t> index,
                                            std::vector<float> weight) {
  const auto fail = [](const std::string& message) { throw error(errc::invalid_argument, message); };
  if (index.size() != weight.size()) fail("the entries have an index or a weight too many");
  if (start.empty() || start.front() != 0 || start.back() != index.size()) {
    fail("the rows' starts must go from 0 to the number of entries, " + std::to_string(index.size()));
  }
  for (std::size_t i = 0; i + 1 < start.size(); ++i) {
    if (start[i] > start[i + 1] || start[i + 1] > index.size()) {
      fail("row " + std::to_string(i) + " starts behind its end");
    }
    for (std::size_t e = start[i]; e < start[i + 1]; ++e) {
      const bool ascends = e == start[i] || index[e - 1] < index[e];
      if (!ascends || index[e] + std::size_t{1} >= start.size()) {
        fail("row " + std::to_string(i) + " has item " + std::to_string(index[e]) + " out of range or order");
      }
    }
  }
  if (!detail::all_finite(weight)) throw error(errc::not_finite, "the weights between items must be finite");
  item_weights out;
  out.start_ = std::move(start);
  out.index_ = std::move(index);
  out.weight_ = std::move(weight);
  return out;
}

}  // namespace batch
TANDEM_END
