#pragma once
// BPR: matrix factorization that ranks; what a user took should score above what they did not.
//
// Maximises over p_u, q_i [rank] and item biases b_i
//     sum over observed (u, i)  E_j [ ln sigma(s_ui - s_uj) ]  -  decay,    s_ui = <p_u, q_i> + b_i,
// where j is uniform over the items that u does not have (Rendle, Freudenthaler, Gantner, Schmidt-Thieme 2009, "BPR:
// Bayesian personalized ranking from implicit feedback"), by stochastic gradient steps: an epoch visits every observed
// pair once, in random order, with one negative j, and each vector it touches decays by learning_rate * regularization.
// Weights of interactions are not used: a pair is observed or not.
//
// Parallel, and still the same bits for any number of threads: users and items are dealt into at most 16 blocks, items
// anew in each epoch. In round r, user block b meets item block b + r only, and negatives come from that item block
// too, so no two blocks of a round share a vector (as in Gemulla et al. 2011, DSGD, for squared loss). Random numbers
// belong to (seed, epoch, blocks). The outcome is that of one thread going through the blocks one after the other.
// Names elsewhere: BayesianPersonalizedRanking in implicit: factors = rank, iterations = epochs, learning_rate and
// regularization as there; negatives there are drawn by popularity, here uniformly as in the paper.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/interactions.hpp"

TANDEM_BEGIN
namespace batch {

/// Options of fit_bpr(). A default-constructed object is a sensible start.
struct bpr_options {
  // ---- change the result ----------------------------------------------------------------------------------------
  /// Latent factors. Range [1, 1024]. Memory grows as (users + items) * rank * 4 bytes, an epoch as entries * rank.
  std::size_t rank = 64;
  /// Length of a step. Range (0, inf). Too large: not_finite, or worse rankings.
  float learning_rate = 0.02F;
  /// Decay of the vectors that a step touches; also the ridge of fold_in(). Range (0, inf).
  float regularization = 0.01F;
  /// Visits of each observed pair. Range [1, 100000].
  std::size_t epochs = 100;
  /// Standard deviation of a random vector's length: each factor is drawn with init_stddev / sqrt(rank).
  /// Range (0, inf).
  float init_stddev = 0.1F;
  /// Seed of the random factors and of the samples. Same data, options, seed and SIMD level: same bits, any number of
  /// threads.
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// Trained user and item factors with item biases; a score is <p_u, q_i> + b_i.
///
/// Threads: immutable; any number of threads may call any member without a lock.
/// Lifetime: owns its factors; spans it returns stay valid until it is destroyed, assigned to or moved from.
/// Memory: (n_users + n_items) * (rank + 1) * 4 bytes.
class bpr_model {
 public:
  /// A model without users and items, of rank 1.
  bpr_model() = default;

  /// A model of the given factors, row-major, each row with one number more at its end: 1 for users, b_i for items.
  /// @param users,items  lengths n_users * (rank + 1) and n_items * (rank + 1).
  /// @param regularization,seed  of fold_in().
  /// Complexity: O(users + items). Allocates: nothing.
  /// Errors: invalid_argument for a rank of 0, lengths that are not multiples of rank + 1, or users whose last number
  /// is not 1; for a regularization that is not positive; not_finite.
  [[nodiscard]] static bpr_model from_factors(std::vector<float> users, std::vector<float> items, std::size_t rank,
                                              float regularization, std::uint64_t seed);

  [[nodiscard]] std::size_t n_users() const noexcept { return users_.size() / (rank_ + 1); }
  [[nodiscard]] std::size_t n_items() const noexcept { return items_.size() / (rank_ + 1); }
  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }

  /// p_u, length rank(). All zero for a user without history in the log.
  [[nodiscard]] std::span<const float> user_factors(user_index user) const& noexcept {
    TANDEM_ASSERT(slot(user) < n_users());
    return {users_.data() + slot(user) * (rank_ + 1), rank_};
  }
  [[nodiscard]] std::span<const float> user_factors(user_index) const&& = delete;

  /// q_i, length rank().
  [[nodiscard]] std::span<const float> item_factors(item_index item) const& noexcept {
    TANDEM_ASSERT(slot(item) < n_items());
    return {items_.data() + slot(item) * (rank_ + 1), rank_};
  }
  [[nodiscard]] std::span<const float> item_factors(item_index) const&& = delete;

  /// b_i.
  [[nodiscard]] float item_bias(item_index item) const noexcept {
    TANDEM_ASSERT(slot(item) < n_items());
    return items_[slot(item) * (rank_ + 1) + rank_];
  }

  /// out[i] = <user_vector, q_i> + b_i for every item.
  /// @param user_vector  length rank().   @param out  length n_items(); overwritten.
  /// Complexity: O(n_items * rank). Allocates: rank + 1 floats.
  void score(std::span<const float> user_vector, std::span<float> out) const;

  /// Solves a user's vector from a history, with the items held fixed: the unique maximiser of
  ///     sum over i in the history of  1/n sum over its n negatives j of ln sigma(s_i - s_j)  -  ridge/2 |p|^2,
  /// ridge = regularization * |history|, by Newton's method. The negatives of an item, n = 16, fewer for histories of
  /// more than 1,024 items, are drawn from (seed, item); one that is in the history gives way to the next that is not.
  /// A user of the log gets another vector than training gave them, which stopped after some steps; docs/learners.md
  /// measures both.
  /// @param items    in any order, more than once or not; empty gives the zero vector.
  /// @param weights  same length; only those that are positive count, and all alike.
  /// @param out      length rank(); overwritten.
  /// Complexity: O(n * |items| * rank^2 + rank^3), about 5 times. Allocates: n * |items| + rank rows of rank floats.
  /// Errors: invalid_argument for an item out of range; not_finite for a weight, or a system that cannot be solved.
  void fold_in(std::span<const item_index> items, std::span<const float> weights, std::span<float> out) const;

  /// The scores of all items for a history (batch/history_model.hpp): fold_in(), then score(). Empty gives the biases.
  /// Complexity, errors: as those. Allocates: as fold_in().
  void score_history(std::span<const item_index> items, std::span<const float> weights, std::span<float> out) const {
    std::vector<float> vector(rank_);
    fold_in(items, weights, vector);
    score(vector, out);
  }

  /// The same scores as a factor_model of rank() + 1, the bias as the last factor, for whatever takes one. Its
  /// fold_in() is that of its `weights`, not this one. Complexity: O(n_items * rank^2). Allocates: a copy.
  [[nodiscard]] factor_model to_factor_model(const factor_weights& weights = {}, executor_ref executor = {}) const {
    return factor_model::from_factors(users_, items_, rank_ + 1, weights, executor);
  }

 private:
  std::size_t rank_ = 1;
  float regularization_ = 0.01F;
  std::uint64_t seed_ = 0;
  std::vector<float> users_;  // rows p_u, 1
  std::vector<float> items_;  // rows q_i, b_i
};

/// Fits a model to a log.
///
/// @param report  called on the calling thread after every round: done and total count rounds, 1 to 16 an epoch.
/// Users without history have a zero vector. A pair whose user has 16 drawn items in a row, all of them, is passed over
/// in that epoch.
/// Complexity: bpr_options::rank. Allocates: the factors, twice while they are finished, and 8 bytes an entry.
/// Threads: thread-safe. The result is the same, bit for bit, for every executor; up to 16 threads find work.
/// Errors: invalid_argument for an option, or a log with dislikes; cancelled; not_finite when the steps diverge.
[[nodiscard]] bpr_model fit_bpr(const interactions& log, const bpr_options& options, executor_ref executor = {},
                                const progress& report = {});

}  // namespace batch
TANDEM_END

#include "tandem/detail/bpr_impl.hpp"
