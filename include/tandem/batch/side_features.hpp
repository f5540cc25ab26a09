#pragma once
// iALS that knows features: what is known of an item or user besides events is the prior of its vector.
//
// The objective of batch/ials.hpp, but the penalty pulls a row towards what its features promise instead of to zero:
//     lambda_i ||y_i - p_i||^2,   p_i = W^T f_i + c,   f_i [n_features] given, W [n_features x rank] and c [rank]
//     learned
//   + shrinkage * mean(lambda) * ||W||^2
// with lambda_i = lambda (|users of i| + alpha0 n_users)^nu as there; the same for users. Each epoch alternates between
// the rows (as ever, with lambda_i p_i added to their right side), and W and c: a ridge regression of the rows that
// have history on their features, weighted by lambda_i.
// A regression prior of latent factors: Agarwal and Chen 2009, "Regression-based latent factor models"; for implicit
// feedback Fang and Si 2011, "Matrix co-factorization for recommendation with rich side information"; feature-aware
// iALS in irspack 0.5.
//
// What it is for: an item without events has a vector at once, feature_model::predict_item(), and one with a few is
// pulled towards it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/feature_matrix.hpp"
#include "tandem/data/interactions.hpp"

TANDEM_BEGIN
namespace batch {

/// What is known of users and items. The matrices must outlive the call that is given them.
struct side_features {
  const tandem::feature_matrix* users = nullptr;  ///< a row a user of the log; null = nothing known
  const tandem::feature_matrix* items = nullptr;  ///< a row an item of the log; null = nothing known
  /// How strongly W is pulled to zero, in rows: a feature that this many average rows have keeps half of what they
  /// promise. Range (0, inf). Raise it when features are many and rare.
  float shrinkage = 10.0F;

  /// Errors: invalid_argument, naming the field: shrinkage out of its range, or a matrix whose rows are not those of
  /// the log.
  void validate(std::size_t n_users, std::size_t n_items) const;
};

/// From features to a vector: p = W^T f + c.
/// Threads: immutable. Memory: (n_features + 1) * rank * 4 bytes.
class feature_map {
 public:
  /// Maps everything to the zero vector of a rank.
  explicit feature_map(std::size_t rank = 1, std::size_t n_features = 0)
      : rank_(rank), weights_((n_features + 1) * rank, 0.0F) {}

  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] std::size_t n_features() const noexcept { return weights_.size() / rank_ - 1; }

  /// Row `feature` of W, length rank(): what having it adds to a vector.
  [[nodiscard]] std::span<const float> weights(std::size_t feature) const& noexcept {
    TANDEM_ASSERT(feature < n_features());
    return {weights_.data() + feature * rank_, rank_};
  }
  [[nodiscard]] std::span<const float> weights(std::size_t) const&& = delete;

  /// c, length rank(): the vector of a row without features.
  [[nodiscard]] std::span<const float> intercept() const& noexcept {
    return {weights_.data() + n_features() * rank_, rank_};
  }
  [[nodiscard]] std::span<const float> intercept() const&& = delete;

  /// The vector that features promise.
  /// @param features  columns in any order, each once; none gives the intercept.   @param out  length rank().
  /// Complexity: O(features * rank). Allocates: nothing.
  /// Errors: invalid_argument for a column out of range, or columns and values of different lengths; not_finite for a
  /// value, or a vector that is not finite.
  void predict(const feature_row& features, std::span<float> out) const;

 private:
  friend class feature_priors;

  std::size_t rank_;
  std::vector<float> weights_;  // W, then c
};

/// Factors, and where the features of users and items lead to.
///
/// Rows of factors() without history are the predictions of their features; where nothing is known of a side they are
/// zero, as in fit_ials().
/// Threads: immutable.
class feature_model {
 public:
  /// A model without users and items, of rank 1.
  feature_model() = default;
  feature_model(factor_model factors, feature_map users, feature_map items)
      : factors_(std::move(factors)), users_(std::move(users)), items_(std::move(items)) {}

  /// The factors, for everything that a factor model can do.
  [[nodiscard]] const factor_model& factors() const& noexcept { return factors_; }
  [[nodiscard]] factor_model factors() && { return std::move(factors_); }
  [[nodiscard]] const feature_map& user_map() const& noexcept { return users_; }
  [[nodiscard]] const feature_map& user_map() const&& = delete;
  [[nodiscard]] const feature_map& item_map() const& noexcept { return items_; }
  [[nodiscard]] const feature_map& item_map() const&& = delete;

  /// The vector of an item that has no events yet; its score for a user is the inner product with the user's vector.
  /// Arguments, errors: feature_map::predict().
  void predict_item(const feature_row& features, std::span<float> out) const { items_.predict(features, out); }
  /// The vector of a user who has no events yet.
  void predict_user(const feature_row& features, std::span<float> out) const { users_.predict(features, out); }

  /// Solves a user's vector from a history and features: factor_model::fold_in(), pulled towards predict_user(). For a
  /// user of the log it gives the user's own vector. An empty history gives predict_user().
  /// Complexity, errors: as those two.
  void fold_in(std::span<const item_index> items, std::span<const float> weights, const feature_row& features,
               std::span<float> out) const;

 private:
  factor_model factors_;
  feature_map users_;
  feature_map items_;
};

/// Fits a model to a log and to features. With no features it gives the factors of fit_ials(), bit for bit.
///
/// The user factors are exact for the item factors and the user map returned.
/// @param warm_start  as in fit_ials(); the maps are learned anew, from its factors.
/// Complexity: fit_ials(), and for each epoch and factor a conjugate gradient over the entries of the features (at
/// most 500 steps, until the residual has fallen to 1e-9; a few dozen as a rule). Allocates: as fit_ials(), twice the
/// factors of sides with features, and 12 bytes a row and 32 a feature for as many factors as are solved at once.
/// Threads, progress, errors: as fit_ials(), and side_features::validate().
[[nodiscard]] feature_model fit_feature_ials(const interactions& log, const side_features& features,
                                             const ials_options& options, executor_ref executor = {},
                                             const progress& report = {}, const factor_model* warm_start = nullptr);

}  // namespace batch
TANDEM_END

#include "tandem/detail/side_features_impl.hpp"
