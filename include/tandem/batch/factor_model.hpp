#pragma once
// The immutable result of matrix factorization: one vector a user, one a item; a score is their inner product.
//
// Notation: X [n_users x rank], Y [n_items x rank], row-major float32; score(u, i) = <x_u, y_i>. The model carries the
// weights of the objective it was trained with (batch/ials.hpp), so that a user's vector can be solved exactly from any
// history at any time:
//   A_u x_u = sum_i w_i y_i,   A_u = alpha0 Y^T Y + sum_i w_i y_i y_i^T + regularizer(|history|) I   over the history.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/data/scored_item.hpp"

TANDEM_BEGIN
namespace batch {

/// The weights of the objective that a model was trained with.
struct factor_weights {
  float alpha0 = 0.1F;            ///< weight of every (user, item) pair, observed or not
  float regularization = 0.003F;  ///< lambda
  float nu = 1.0F;                ///< how regularization grows with a row's history
  bool dislikes = false;          ///< negative weights count, as dislikes: the log kept them
};

/// Trained user and item factors.
///
/// Threads: immutable; any number of threads may call any member without a lock.
/// Lifetime: owns its factors; spans it returns stay valid until it is destroyed, assigned to or moved from.
/// Memory: (n_users + n_items) * rank * 4 bytes, and rank^2 * 4 for the Gramian.
class factor_model {
 public:
  /// Its Gramian takes 1 GB.
  static constexpr std::size_t max_rank = 16384;

  /// A model without users and items, of rank 1.
  factor_model() : factor_model({}, {}, 1, {}) {}

  /// A model of the given factors, row-major.
  /// @param users,items  lengths n_users * rank and n_items * rank.
  /// Complexity: O(n_items * rank^2), for the Gramian. Allocates: the Gramian and one norm an item.
  /// Errors: invalid_argument for a rank of 0 or lengths that are not multiples of it; not_finite.
  [[nodiscard]] static factor_model from_factors(std::vector<float> users, std::vector<float> items, std::size_t rank,
                                                 const factor_weights& weights, executor_ref executor = {});

  [[nodiscard]] std::size_t n_users() const noexcept { return users_.size() / rank_; }
  [[nodiscard]] std::size_t n_items() const noexcept { return items_.size() / rank_; }
  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] const factor_weights& weights() const noexcept { return weights_; }

  /// The vector of a user, length rank(). All zero for a user without history in the log.
  [[nodiscard]] std::span<const float> user_factors(user_index user) const& noexcept {
    TANDEM_ASSERT(slot(user) < n_users());
    return {users_.data() + slot(user) * rank_, rank_};
  }
  [[nodiscard]] std::span<const float> user_factors(user_index) const&& = delete;

  /// The vector of an item, length rank(). All zero for an item without history in the log.
  [[nodiscard]] std::span<const float> item_factors(item_index item) const& noexcept {
    TANDEM_ASSERT(slot(item) < n_items());
    return {items_.data() + slot(item) * rank_, rank_};
  }
  [[nodiscard]] std::span<const float> item_factors(item_index) const&& = delete;

  /// X, row-major [n_users x rank].
  [[nodiscard]] std::span<const float> user_matrix() const& noexcept { return users_; }
  [[nodiscard]] std::span<const float> user_matrix() const&& = delete;

  /// Y, row-major [n_items x rank].
  [[nodiscard]] std::span<const float> item_matrix() const& noexcept { return items_; }
  [[nodiscard]] std::span<const float> item_matrix() const&& = delete;

  /// alpha0 Y^T Y, row-major [rank x rank], both triangles.
  [[nodiscard]] std::span<const float> gram() const& noexcept { return gram_; }
  [[nodiscard]] std::span<const float> gram() const&& = delete;

  /// lambda_u = regularization * (history + alpha0 * n_items)^nu: the ridge of a user with that many distinct items.
  [[nodiscard]] float regularizer(double history) const noexcept;

  /// out[i] = <user_vector, y_i> for every item.
  /// @param user_vector  length rank().   @param out  length n_items(); overwritten.
  /// Complexity: O(n_items * rank). Allocates: nothing.
  void score(std::span<const float> user_vector, std::span<float> out) const noexcept;

  /// <x_user, y_item>, the same bits as the entry of score() above. Complexity: O(rank). Allocates: nothing.
  [[nodiscard]] float score(user_index user, item_index item) const noexcept;

  /// The best out.size() items for a user's vector, best first, ties by smaller index.
  /// @param exclude  items to leave out, ascending; indices beyond n_items() do no harm.
  /// @return how many were written: fewer than out.size() when exclude leaves fewer.
  /// Complexity: O(n_items * rank + n_items log out.size()) at worst. Allocates: nothing.
  std::size_t top_n(std::span<const float> user_vector, std::span<scored_item> out,
                    std::span<const item_index> exclude = {}) const noexcept;

  /// The items whose vectors point most nearly the same way: cosine, best first, ties by smaller index.
  /// The item itself and items without history are left out. Returns how many were written.
  /// Complexity: as top_n(). Allocates: nothing.
  std::size_t similar_items(item_index item, std::span<scored_item> out) const noexcept;

  /// Solves a user's vector from a history: what training would give this user with the items held fixed.
  /// @param items    in any order; given twice, their weights add up. Empty gives the zero vector.
  /// @param weights  same length; those that are not positive are passed over, but for a model trained with dislikes:
  ///                 there, negative ones are dislikes.
  /// @param out      length rank(); overwritten.
  /// Complexity: O(|items| * rank^2 + rank^3). Allocates: rank^2 + rank floats; a copy of items that do not ascend.
  /// Errors: invalid_argument for an item out of range; not_finite for a weight, or a system that cannot be solved.
  void fold_in(std::span<const item_index> items, std::span<const float> weights, std::span<float> out) const;

  /// The scores of all items for a history (batch/history_model.hpp): fold_in(), then score().
  /// Complexity, errors: as those. Allocates: as fold_in(), and rank() floats.
  void score_history(std::span<const item_index> items, std::span<const float> weights, std::span<float> out) const {
    std::vector<float> vector(rank_);
    fold_in(items, weights, vector);
    score(vector, out);
  }

 private:
  factor_model(std::vector<float> users, std::vector<float> items, std::size_t rank, const factor_weights& weights)
      : rank_(rank), weights_(weights), users_(std::move(users)), items_(std::move(items)), gram_(rank * rank, 0.0F) {}

  std::size_t rank_;
  factor_weights weights_;
  std::vector<float> users_;
  std::vector<float> items_;
  std::vector<float> gram_;
  std::vector<float> item_norms_;
};

}  // namespace batch
TANDEM_END

#include "tandem/detail/factor_model_impl.hpp"
