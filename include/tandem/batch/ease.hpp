#pragma once
// EASE: a linear item-to-item model whose weights have a closed form; no latent factors, no epochs, no seed.
//
// Minimises over B [n_items x n_items], with a diagonal of zeros,
//     || X - X B ||^2  +  sum_i lambda_i || row i of B ||^2,   lambda_i = lambda + dropout / (1 - dropout) G_ii,
// where X [n_users x n_items] holds the interactions' weights and G = X^T X. With P = (G + diag(lambda_i))^-1,
//     B_ij = -P_ij / P_jj   (i != j)
// (Steck 2019, "Embarrassingly shallow autoencoders for sparse data", with dropout = 0; dropout is p in Steck 2020,
// "Autoencoders that don't overfit towards the identity", where it penalises items the more, the more often they are
// taken). A user's scores are x B for any x: everybody is folded in.
// Names elsewhere: EASE^R; DenseSLIM and, with dropout, EDLAE in irspack; regularization = lambda, `reg` there.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/batch/item_weights.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/interactions.hpp"

TANDEM_BEGIN
namespace batch {

/// Options of fit_ease().
struct ease_options {
  // ---- change the result ----------------------------------------------------------------------------------------
  /// lambda. Range (0, inf). Grows with the number of users; published: 500 (MovieLens 20M), 1000 (Netflix), 200 (MSD).
  float regularization = 500;
  /// How much harder popular items are held back. Range [0, 1). 0 is EASE of 2019.
  float dropout = 0;
  // ---- do not change the result -----------------------------------------------------------------------------------
  /// The most that fit_ease() may allocate, in bytes; a larger fit is refused before anything is allocated. Range
  /// [1, 2^64). n items take 4 n^2 bytes and, while fitting, some 2 KB an item more: 30,000 items 3.7 GB.
  std::uint64_t max_bytes = 4'000'000'000;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// B, dense.
///
/// Threads: immutable; any number of threads may call any member without a lock.
/// Lifetime: owns its weights; spans it returns stay valid until it is destroyed, assigned to or moved from.
/// Memory: 4 n_items^2 bytes.
class ease_model {
 public:
  /// No items.
  ease_model() = default;

  /// A model of the given weights, row-major. Complexity: O(n_items^2). Allocates: nothing.
  /// @param weights  length n_items^2; the diagonal is zero.
  /// Errors: invalid_argument for another length or diagonal; not_finite.
  [[nodiscard]] static ease_model from_weights(std::vector<float> weights, std::size_t n_items);

  [[nodiscard]] std::size_t n_items() const noexcept { return n_items_; }

  /// Row i of B, length n_items(): what having the item says about every other one.
  [[nodiscard]] std::span<const float> row_of(item_index item) const& noexcept {
    TANDEM_ASSERT(slot(item) < n_items_);
    return {weights_.data() + slot(item) * n_items_, n_items_};
  }
  [[nodiscard]] std::span<const float> row_of(item_index) const&& = delete;

  /// B, row-major [n_items x n_items].
  [[nodiscard]] std::span<const float> weights() const& noexcept { return weights_; }
  [[nodiscard]] std::span<const float> weights() const&& = delete;

  /// The scores of all items for a history (batch/history_model.hpp): x B. Empty gives zeros.
  /// Complexity: O(|items| * n_items). Allocates: a copy of the history.
  /// Errors: invalid_argument for an item out of range; not_finite for a weight.
  void score_history(std::span<const item_index> items, std::span<const float> weights, std::span<float> out) const;

  /// The same model with at most `per_item` entries a row, those furthest from zero (ties: smaller index), for serving:
  /// n_items * per_item * 8 bytes instead of n_items^2 * 4. Quality suffers: docs/learners.md has figures.
  /// Complexity: O(n_items^2). Allocates: the result, twice. The same bits for every executor.
  [[nodiscard]] item_weights truncated(std::size_t per_item, executor_ref executor = {}) const;

 private:
  std::size_t n_items_ = 0;
  std::vector<float> weights_;
};

/// Fits a model to a log.
///
/// @param report  called on the calling thread between blocks of at most 4,096 items of X^T X and of 256 items of its
///                inverse: done and total count items, 2 * n_items in all.
/// Items without history have a row and a column of zeros.
/// Complexity: sum over users of |history|^2 for G, n_items^3 for its inverse. Allocates: ease_options::max_bytes.
/// Threads: thread-safe. The result is the same, bit for bit, for every executor.
/// Errors: invalid_argument for an option, a log with dislikes, and for more items than max_bytes allows, with what
/// they would take; cancelled; not_finite when G is beyond float32, or the regularization too small to invert it in
/// float32.
[[nodiscard]] ease_model fit_ease(const interactions& log, const ease_options& options, executor_ref executor = {},
                                  const progress& report = {});

}  // namespace batch
TANDEM_END

#include "tandem/detail/ease_impl.hpp"
