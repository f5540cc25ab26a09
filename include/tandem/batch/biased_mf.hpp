#pragma once
// Explicit ratings: matrix factorization with biases, by alternating exact least squares.
//
// Minimises over p_u, q_i [rank] and biases b_u, b_i, with mu the mean rating,
//     sum over rated (u, i)  (r_ui - mu - b_u - b_i - <p_u, q_i>)^2
//   + sum_u n_u^nu (lambda ||p_u||^2 + lambda_b b_u^2)  +  sum_i n_i^nu (lambda ||q_i||^2 + lambda_b b_i^2)
// with n_u and n_i how many ratings the row has (Koren, Bell, Volinsky 2009, "Matrix factorization techniques for
// recommender systems"; nu = 1 is ALS-WR of Zhou, Wilkinson, Schreiber, Pan 2008). A bias and its vector are solved
// together, as one row of rank + 1 unknowns.
// Names elsewhere: rank = k, regularization = lambda, nu = 1 is scale_lam in cmfrec; rank = factors in Surprise's SVD.
// What is not rated counts for nothing here: to rank items by what was taken at all, use batch/ials.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/interactions.hpp"

TANDEM_BEGIN
namespace batch {

/// Options of fit_biased_mf(). A default-constructed object is a sensible start.
struct biased_mf_options {
  // ---- change the result ----------------------------------------------------------------------------------------
  /// Latent factors. Range [0, 1024]; 0 fits the biases alone. Memory grows as (users + items) * rank * 4 bytes, an
  /// epoch as 2 * ratings * rank^2 + (users + items) * rank^3 / 3.
  std::size_t rank = 32;
  /// lambda. Range (0, inf). With nu = 0 some hundred times larger than with nu = 1.
  float regularization = 0.1F;
  /// lambda_b, of the biases. Range (0, inf).
  float bias_regularization = 0.05F;
  /// How the penalty grows with a row's ratings: 0 = not at all, 1 = in proportion. Range [0, 1].
  float nu = 1.0F;
  /// Passes over users and items from random factors. Range [1, 10000].
  std::size_t epochs = 15;
  /// Standard deviation of a random vector's length: each factor is drawn with init_stddev / sqrt(rank).
  /// Range (0, inf).
  float init_stddev = 0.1F;
  /// Seed of the random factors. Same data, options, seed and SIMD level: same bits, any number of threads.
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// Trained biases and factors; a rating is predicted as mu + b_u + b_i + <p_u, q_i>.
///
/// A user is one vector, (b_u, p_u), of length rank() + 1.
/// Threads: immutable; any number of threads may call any member without a lock.
/// Lifetime: owns its factors; spans it returns stay valid until it is destroyed, assigned to or moved from.
/// Memory: (n_users + n_items) * (rank + 2) * 4 bytes.
class biased_mf_model {
 public:
  /// A model without users and items, that predicts 0.
  biased_mf_model() = default;

  [[nodiscard]] std::size_t n_users() const noexcept { return users_.size() / stride(); }
  [[nodiscard]] std::size_t n_items() const noexcept { return items_.size() / stride(); }
  [[nodiscard]] std::size_t rank() const noexcept { return options_.rank; }
  [[nodiscard]] const biased_mf_options& options() const noexcept { return options_; }

  /// mu, the mean of all ratings; 0 without ratings.
  [[nodiscard]] float mean() const noexcept { return mean_; }
  /// The lowest and the highest rating of the log; 0 without ratings.
  [[nodiscard]] float lowest() const noexcept { return lowest_; }
  [[nodiscard]] float highest() const noexcept { return highest_; }

  /// (b_u, p_u), length rank() + 1. All zero for a user without ratings in the log.
  [[nodiscard]] std::span<const float> user_vector(user_index user) const& noexcept {
    TANDEM_ASSERT(slot(user) < n_users());
    return {users_.data() + slot(user) * stride(), rank() + 1};
  }
  [[nodiscard]] std::span<const float> user_vector(user_index) const&& = delete;

  /// q_i, length rank(). All zero for an item without ratings in the log.
  [[nodiscard]] std::span<const float> item_factors(item_index item) const& noexcept {
    TANDEM_ASSERT(slot(item) < n_items());
    return {items_.data() + slot(item) * stride() + 1, rank()};
  }
  [[nodiscard]] std::span<const float> item_factors(item_index) const&& = delete;

  /// b_i.
  [[nodiscard]] float item_bias(item_index item) const noexcept {
    TANDEM_ASSERT(slot(item) < n_items());
    return items_[slot(item) * stride() + rank() + 1];
  }

  /// The rating that a user of the log would give, not clipped. Without ratings of the user: mu + b_i; of the item:
  /// mu + b_u. Complexity: O(rank). Allocates: nothing.
  [[nodiscard]] float predict(user_index user, item_index item) const noexcept;

  /// A rating as one that occurs: cut to [lowest(), highest()].
  [[nodiscard]] float clipped(float rating) const noexcept { return std::clamp(rating, lowest_, highest_); }

  /// out[i] = the predicted rating of item i, not clipped.
  /// @param user_vector  (b, p), length rank() + 1.   @param out  length n_items(); overwritten.
  /// Complexity: O(n_items * rank). Allocates: rank + 2 floats.
  void score(std::span<const float> user_vector, std::span<float> out) const;

  /// Solves a user's bias and vector from ratings: what training would give this user with the items held fixed.
  /// @param items    in any order; given twice, their ratings add up: hand in each once.
  /// @param ratings  same length; positive (others are passed over, as interactions does).
  /// @param out      length rank() + 1; overwritten. All zero without ratings.
  /// Complexity: O(|items| * rank^2 + rank^3). Allocates: (rank + 1)^2 floats, and a copy of the history.
  /// Errors: invalid_argument for an item out of range; not_finite for a rating, or a system that cannot be solved.
  void fold_in(std::span<const item_index> items, std::span<const float> ratings, std::span<float> out) const;

  /// The predicted ratings of all items for a history whose weights are ratings (batch/history_model.hpp): fold_in(),
  /// then score(). Complexity, errors: as those. Allocates: as fold_in(), and 2 * rank() + 3 floats.
  void score_history(std::span<const item_index> items, std::span<const float> ratings, std::span<float> out) const {
    std::vector<float> vector(rank() + 1);
    fold_in(items, ratings, vector);
    score(vector, out);
  }

 private:
  friend biased_mf_model fit_biased_mf(const interactions& log, const biased_mf_options& options, executor_ref executor,
                                       const progress& report);

  [[nodiscard]] std::size_t stride() const noexcept { return options_.rank + 2; }

  biased_mf_options options_ = {.rank = 0};
  float mean_ = 0;
  float lowest_ = 0;
  float highest_ = 0;
  std::vector<float> users_;  // rows b_u, p_u, 1
  std::vector<float> items_;  // rows 1, q_i, b_i: the inner product of two rows is a rating less mu
};

/// Fits a model to a log of ratings.
///
/// @param log     the weights are the ratings; interactions keeps positive ones only, so a scale that reaches 0 or
/// below
///                has to be moved up first, and predictions moved back down. Merge with merge_rule::latest.
/// @param report  called on the calling thread between blocks of at most 4,096 rows: done and total count rows
///                solved, (epochs + 1) * users + epochs * items in all.
/// The users are exact for the items returned: they equal fold_in() of each user's own ratings.
/// Complexity: biased_mf_options::rank. Allocates: the factors, and (rank + 1)^2 floats a task.
/// Threads: thread-safe. The result is the same, bit for bit, for every executor.
/// Errors: invalid_argument for an option, or a log with dislikes; cancelled; not_finite when a row cannot be
/// solved in float32.
[[nodiscard]] biased_mf_model fit_biased_mf(const interactions& log, const biased_mf_options& options,
                                            executor_ref executor = {}, const progress& report = {});

}  // namespace batch
TANDEM_END

#include "tandem/detail/biased_mf_impl.hpp"
