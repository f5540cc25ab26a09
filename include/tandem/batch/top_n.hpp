#pragma once
// Exact best-of-all-items search, faster than scoring every item: the index of a catalogue of vectors.
//
// Finds, for a query x, the items with the largest inner products <x, y_i> ("maximum inner product search"). Items are
// held in descending order of |y_i|. A scan reads 8-bit copies of them, which bound every score from above
// (detail/rounded_rows.hpp has the proof), and computes a score in float32 only where the bound reaches the n-th best
// found so far; it ends where |x| |y_i| no longer does (Cauchy and Schwarz; as in LEMP: Teflioudi, Gemulla, Mykytiuk
// 2015). Nothing is approximate: items, order and every bit of the scores are those of factor_model::top_n().
// Elsewhere: faiss::IndexFlatIP, recommend() of implicit.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/scored_item.hpp"
#include "tandem/detail/aligned_buffer.hpp"
#include "tandem/detail/rounded_rows.hpp"

TANDEM_BEGIN
namespace detail {
class top_n_scan;
}

namespace batch {

/// Options of top_n_index. They change time and memory, never an answer.
struct top_n_options {
  /// Hold 8-bit copies of the items and scan those first: for 1 byte a factor, 2 to 20 times as fast. Of ranks above
  /// 1024, whose integer sums have no exact float32, no copies are held.
  bool rounded = true;
};

/// Which items may be answered. Both lists hold; a default-constructed filter lets all pass.
struct item_filter {
  /// Items to leave out, ascending; indices beyond the catalogue do no harm.
  std::span<const item_index> exclude = {};
  /// Bit i % 64 of allow[i / 64] set: item i may be answered. Empty: all may. Items beyond its end may not.
  std::span<const std::uint64_t> allow = {};

  [[nodiscard]] bool passes(item_index item) const noexcept {
    return is_allowed(item) && !std::binary_search(exclude.begin(), exclude.end(), item);
  }
  [[nodiscard]] bool is_allowed(item_index item) const noexcept {
    return allow.empty() || (slot(item) / 64 < allow.size() && (allow[slot(item) / 64] >> slot(item) % 64 & 1) != 0);
  }
};

/// An immutable index over item vectors, with a copy of them.
///
/// Threads: immutable; any number of threads may call any member without a lock.
/// Lifetime: owns what it needs; the model or rows it was built from may go.
/// Memory: 5 bytes a factor (rounded up to 4 factors for one of them) and 8.25 an item; 4 bytes a factor and 4.25 an
/// item without 8-bit copies. See memory_bytes().
class top_n_index {
 public:
  /// An index without items, of rank 1.
  top_n_index() = default;

  /// An index of the model's items.
  /// Complexity, errors: as from_rows(); never not_finite.
  explicit top_n_index(const factor_model& model, const top_n_options& options = {}, executor_ref executor = {},
                       const progress& report = {})
      : top_n_index(from_rows(model.item_matrix(), model.rank(), options, executor, report)) {}

  /// An index of vectors, row-major [n x rank]; item i is row i.
  /// @param report  called on the calling thread between blocks of at most 65,536 items, as "top_n_index".
  /// Complexity: O(n * rank + n log n). Allocates: the index, and 12 bytes an item while it is built.
  /// Errors: invalid_argument for a rank of 0, rows that are not whole, or more than 2^32 - 1 of them;
  /// not_finite, naming the row; cancelled.
  [[nodiscard]] static top_n_index from_rows(std::span<const float> rows, std::size_t rank,
                                             const top_n_options& options = {}, executor_ref executor = {},
                                             const progress& report = {});

  [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }
  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  /// Whether it holds 8-bit copies.
  [[nodiscard]] bool has_rounded_items() const noexcept { return !scale_.empty(); }
  /// What it holds on the heap.
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

  /// The best out.size() items for a query, best first, ties by smaller index: what factor_model::top_n() answers.
  /// A query with NaN or infinite factors, or scores beyond float32, is answered as there: NaN scores are passed over.
  /// @return how many were written: fewer than out.size() when fewer pass.
  /// Complexity: O(size() * rank()) at worst; how much less depends on the vectors (docs/top_n.md).
  /// Allocates: nothing; takes 20 KB of stack. Errors: invalid_argument for a query of another length than rank().
  std::size_t top_n(std::span<const float> query, std::span<scored_item> out, const item_filter& filter = {}) const;

  /// The same for many queries, eight to a pass over the items: the answers of top_n(), in less time.
  /// @param queries  row-major [m x rank()].
  /// @param out      [m x n]: the best n of query q from out[q * n] on; what is not written keeps its value.
  /// @param counts   length m: how many were written for each.
  /// @param filters  one a query, or none at all.
  /// @param report   called on the calling thread between blocks of at most 1,024 queries, as "top_n".
  /// Complexity: m times that of top_n(), at worst. Allocates: nothing.
  /// Threads: calls of the executor share nothing; the answers are the same for every one.
  /// Errors: invalid_argument for lengths that do not fit each other; cancelled.
  void top_n_batch(std::span<const float> queries, std::span<scored_item> out, std::span<std::size_t> counts,
                   std::span<const item_filter> filters = {}, executor_ref executor = {},
                   const progress& report = {}) const;

 private:
  friend class detail::top_n_scan;

  top_n_index(std::size_t n, std::size_t rank, bool rounded);
  // Copies the items of panel p, which places begins with, and rounds them; returns their eps.
  double fill_panel(std::size_t p, std::span<const float> rows,
                    std::span<const std::pair<float, std::uint32_t>> places);

  std::size_t rank_ = 1;
  double eps_ = 0;                               // of all 8-bit copies: detail/rounded_rows.hpp
  std::vector<std::uint32_t> order_;             // of the item at each place, by descending norm
  std::vector<float> norms_;                     // the largest of each panel
  detail::aligned_buffer<float> rows_;           // [size() x rank()], in that order
  detail::aligned_buffer<std::uint8_t> panels_;  // 8-bit copies, as kernels().screen_panels() wants them
  std::vector<float> scale_;                     // of each 8-bit copy
};

}  // namespace batch
TANDEM_END

#include "tandem/detail/top_n_impl.hpp"
