#pragma once
// iALS: matrix factorization of implicit feedback by alternating exact least squares.
//
// Minimises over X [n_users x rank] and Y [n_items x rank]
//     sum over observed (u, i)  w_ui (1 - <x_u, y_i>)^2  +  alpha0 sum over all (u, i)  <x_u, y_i>^2
//   + lambda ( sum_u (|items of u| + alpha0 n_items)^nu ||x_u||^2 + sum_i (|users of i| + alpha0 n_users)^nu ||y_i||^2
//   )
// where a pair disliked, w_ui < 0, counts |w_ui| <x_u, y_i>^2 instead of the first term (negative confidence in
// implicit) (Hu, Koren, Volinsky 2008, in the form of Rendle, Krichene, Zhang, Koren 2021, "Revisiting the performance
// of iALS"). Names elsewhere: rank = d there, `factors` in implicit; alpha0 as there, 1 with weights rescaled in
// implicit; regularization = lambda; nu = 0 is the flat penalty of implicit.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "tandem/batch/factor_model.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/interactions.hpp"

TANDEM_BEGIN
namespace batch {

/// How a row's equations are solved, the other side held.
enum class ials_solver : std::uint8_t {
  cholesky,            ///< exactly
  conjugate_gradient,  ///< `steps` steps from the row's last vector; the solver of implicit
  block,               ///< one pass over blocks of factors from the row's last vector: iALS++
};

/// What the held side's vectors are stored in while systems of rank x rank are summed from them.
enum class ials_precision : std::uint8_t {
  float32,
  bfloat16,  ///< 8 bits of fraction; sums and solutions stay in float32
};

/// Options of fit_ials(). A default-constructed object is a sensible start.
struct ials_options {
  // ---- change the result ----------------------------------------------------------------------------------------
  /// Latent factors. Range [1, 1024]. Memory grows as (users + items) * rank * 4 bytes, an epoch as
  /// 2 * entries * rank^2 + (users + items) * rank^3 / 3.
  std::size_t rank = 64;
  /// Weight of every pair, observed or not: how strongly a missing event counts as dislike. 0 = 500 / items, at most 1:
  /// what a user did not have weighs as 500 events in all, however large the catalogue. Range [0, inf).
  /// Published: .1 (MovieLens 20M), .3 (MovieLens 1M), .02 (MSD).
  float alpha0 = 0;
  /// lambda. Range (0, inf). Published: .003 (MovieLens 20M), .007 (MovieLens 1M), .002 (MSD).
  float regularization = 0.01F;
  /// How the penalty grows with a row's history: 0 = not at all, 1 = in proportion. Range [0, 1].
  float nu = 1.0F;
  /// Passes over users and items from random factors. Range [1, 10000]. Seven or eight are enough as a rule.
  std::size_t epochs = 8;
  /// Passes when fit_ials() is given an earlier model. Range [1, 10000].
  std::size_t warm_epochs = 4;
  /// Standard deviation of a random vector's length: each factor is drawn with init_stddev / sqrt(rank).
  /// Range (0, inf).
  float init_stddev = 0.1F;
  /// How rows are solved. `cholesky` converges in the fewest epochs, and is the fastest up to rank 128 as a rule;
  /// the others pay for large ranks.
  ials_solver solver = ials_solver::cholesky;
  /// Steps of the conjugate gradient. Range [1, 1000].
  std::size_t steps = 3;
  /// Factors solved at once by `block`. Range [1, rank]; more count as rank.
  std::size_t block = 64;
  /// bfloat16 halves what is read, and nearly doubles the rate of products where the CPU has AVX512-BF16 (levels
  /// "avx512bf16" and "amx" of core/kernels.hpp). The last pass over users, and every one that a watch sees, is in
  /// float32 all the same; so are histories of up to 3/4 rank events where those are many. For `cholesky` only.
  ials_precision precision = ials_precision::float32;
  /// Seed of the random factors. Same data, options, seed and SIMD level: same bits, any number of threads.
  std::uint64_t seed = 0;

  /// The same with an alpha0, for so many items.
  [[nodiscard]] ials_options for_items(std::size_t n_items) const noexcept;
  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// A fit between two epochs.
struct ials_epoch {
  std::size_t epoch = 0;  ///< that was just finished, from 1
  std::span<const float> users, items;
  std::size_t rank = 1;
  factor_weights weights;

  /// The model as it is now. Complexity: O((n_users + n_items) * rank + n_items * rank^2). Allocates: a model.
  [[nodiscard]] factor_model model(executor_ref executor = {}) const {
    return factor_model::from_factors({users.begin(), users.end()}, {items.begin(), items.end()}, rank, weights,
                                      executor);
  }
};

/// Called after every epoch, on the calling thread; returns false to end the fit there. Empty = nobody asks.
using ials_watch = std::function<bool(const ials_epoch&)>;

/// Fits a model to a log. With `cholesky` the user factors are exact for the item factors returned: they equal
/// fold_in() of each user's own row, but for rounding.
///
/// @param warm_start  an earlier model of the same rank, or null: its items keep their factors by index; items it does
///                    not have start from the seed and their index, whatever else is in the log.
/// @param report      called on the calling thread between blocks of at most 4,096 rows: done and total count rows
///                    solved, (epochs + 1) * users + epochs * items in all.
/// @param watch       sees the model after every epoch, and may end the fit.
/// Rows without history are all zero.
/// Complexity: ials_options::rank. Allocates: the factors, and 64 rank x rank blocks for the Gramian.
/// Threads: thread-safe. The result is the same, bit for bit, for every executor.
/// Errors: invalid_argument for an option, or for a warm start of another rank; cancelled; not_finite when a factor is
/// no longer a number (weights or rank too large for the regularization).
[[nodiscard]] factor_model fit_ials(const interactions& log, const ials_options& options, executor_ref executor = {},
                                    const progress& report = {}, const factor_model* warm_start = nullptr,
                                    const ials_watch& watch = {});

}  // namespace batch
TANDEM_END

#include "tandem/detail/ials_impl.hpp"
