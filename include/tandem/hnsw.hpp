#pragma once
// Approximate best-of-all-items search over a graph of hnswlib, for catalogues of millions; opt in by linking
// tandem::hnsw.
//
// Items are the nodes of a layered graph of near neighbours (HNSW: Malkov and Yashunin 2016), "near" by the inner
// product itself (ip-NSW: Morozov and Babenko 2018). The other way, one more coordinate that turns inner products into
// distances (Bachrach et al. 2014), lost most answers where the lengths of vectors differ: docs/top_n.md has the
// figures, and says for which vectors a graph pays. For trained factors the exact batch::top_n_index is the faster one.
// hnswlib builds the graph; tandem walks it, with its own kernels.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "tandem/batch/factor_model.hpp"
#include "tandem/batch/top_n.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/scored_item.hpp"
#include "tandem/detail/hnsw_graph.hpp"

TANDEM_BEGIN
namespace batch {

/// Options of approximate_top_n. More of the first three finds more of the best items, and takes longer.
struct approximate_top_n_options {
  /// Links an item gets when it is added, and keeps at most in the upper layers; at most twice as many in the lowest.
  /// Range [2, 128]. M in the paper and in hnswlib.
  std::size_t links = 16;
  /// Items kept in sight while the links of a new one are chosen; fewer than `links` count as `links`. The time of
  /// building grows nearly in proportion; 200 found half a percent more. Range [1, 100000]. ef_construction in hnswlib,
  /// efConstruction in the paper.
  std::size_t ef_construction = 100;
  /// Items kept in sight by a search; it never keeps fewer than it is to answer. Range [1, 1000000]. ef in the paper
  /// and in hnswlib.
  std::size_t ef = 100;
  /// Seed of the layers that items reach. Same vectors, options, seed and SIMD level: same index, same answers.
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// An immutable graph over item vectors, with a copy of them: top_n_index with answers that may miss items.
///
/// Scores have the bits of factor_model::score(), and the list holds no item twice; what is approximate is which items
/// are found. How many are missed depends on the vectors: compare with top_n_index on yours before relying on it.
/// A query is answered by an exact scan, so that there are never fewer items than top_n_index finds, where the graph
/// does not serve: few items are allowed; a search has scored an eighth of the catalogue, or has nowhere left to go,
/// and is not done; or the query is all zeros, or it or a score is not finite.
///
/// Threads: immutable; any number of threads may call any member without a lock of theirs. Two short critical sections
/// a query hand out the marks of visited items.
/// Lifetime: owns what it needs; the model or rows it was built from may go. Copies share one graph.
/// Memory: see memory_bytes().
class approximate_top_n {
 public:
  /// An index without items, of rank 1.
  approximate_top_n() = default;

  /// An index of the model's items. Complexity, errors: as from_rows(); never not_finite.
  explicit approximate_top_n(const factor_model& model, const approximate_top_n_options& options = {},
                             const progress& report = {})
      : approximate_top_n(from_rows(model.item_matrix(), model.rank(), options, report)) {}

  /// An index of vectors, row-major [n x rank]; item i is row i. Items are added in the order of their indices, on the
  /// calling thread: only so the graph is always the same.
  /// @param report  called between blocks of at most 1,024 items, as "approximate_top_n".
  /// Complexity: about n log(n) * links * ef_construction * rank; minutes for a million items (docs/top_n.md).
  /// Allocates: the index; while it is built, some 80 bytes an item more.
  /// Errors: invalid_argument for options, a rank of 0, rows that are not whole, or more than 2^31 - 1 of them;
  /// not_finite, naming the row; wrong_state when hnswlib fails, with its message (out of memory); cancelled.
  [[nodiscard]] static approximate_top_n from_rows(std::span<const float> rows, std::size_t rank,
                                                   const approximate_top_n_options& options = {},
                                                   const progress& report = {});

  /// The same graph searched with another ef: more finds more and takes longer. Complexity: O(1). Allocates: nothing.
  /// Errors: invalid_argument.
  [[nodiscard]] approximate_top_n with_ef(std::size_t ef) const;

  [[nodiscard]] std::size_t size() const noexcept { return graph_ == nullptr ? 0 : graph_->size(); }
  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] const approximate_top_n_options& options() const noexcept { return options_; }
  /// What it holds on the heap, but for what the allocator adds, and for 2 bytes an item for each query that ran at the
  /// same time as others (the first one is counted): 4 rank + 8 links + 26 bytes an item, 4 links + 4 an item for each
  /// upper layer it reaches (one in `links` reaches the first, one in links^2 the second ...), and 3 MB of locks.
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return graph_ == nullptr ? 0 : graph_->memory_bytes(); }

  /// Good items for a query, most of the best out.size(), best first, ties by smaller index.
  /// @return how many were written: fewer than out.size() when fewer pass the filter.
  /// Complexity: about max(ef, out.size()) * links * rank, divided by the share of items that pass the filter; at
  /// worst O(size() * rank()). Allocates: 8 bytes for each item kept in sight or waiting, and marks of visited items
  /// where more queries run at once than ever before.
  /// Errors: invalid_argument for a query of another length than rank(); std::bad_alloc.
  std::size_t top_n(std::span<const float> query, std::span<scored_item> out, const item_filter& filter = {}) const;

  /// The same for many queries: the answers of top_n().
  /// @param queries  row-major [m x rank()].
  /// @param out      [m x n]: the answer to query q from out[q * n] on; what is not written keeps its value.
  /// @param counts   length m: how many were written for each.
  /// @param filters  one a query, or none at all.
  /// @param report   called on the calling thread between blocks of at most 1,024 queries, as "top_n".
  /// Complexity, allocation: m times those of top_n().
  /// Threads: calls of the executor share nothing but marks of visited items; the answers are the same for every one.
  /// Errors: invalid_argument for lengths that do not fit each other; cancelled; std::bad_alloc.
  void top_n_batch(std::span<const float> queries, std::span<scored_item> out, std::span<std::size_t> counts,
                   std::span<const item_filter> filters = {}, executor_ref executor = {},
                   const progress& report = {}) const;

 private:
  std::size_t rank_ = 1;
  approximate_top_n_options options_;
  std::shared_ptr<const detail::hnsw_graph> graph_;
};

}  // namespace batch
TANDEM_END

#include "tandem/detail/hnsw_impl.hpp"
