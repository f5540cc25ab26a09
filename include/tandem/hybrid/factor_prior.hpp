#pragma once
// What a factor model knows of an item, as the start of a bandit's arm: with its variance, so that what the model is
// unsure of is explored, and what it is sure of is not learned again.
//
//   theta_i ~ N(y_i, noise * (trust * A_i)^-1),  A_i = alpha0 X'X + sum over its users w x_u x_u' + lambda_i I
//
// A_i is the normal matrix that iALS solved for the item's vector y_i; contexts of the arm are user vectors x_u. An
// offset without a variance would be worth less: Li et al. (WWW 2010) saw a warm start hurt for that.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/data/interactions.hpp"
#include "tandem/detail/normal_equations.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/linear_posterior.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Starts of arms over user vectors, from one model and the log that it was fitted to.
///
/// Lifetime: model and log must outlive it. Threads: immutable. Memory: 4 rank^2 bytes.
class factor_prior {
 public:
  /// @param trust  how many rewards of the bandit one pair of the log is worth. A pair says that something was taken
  /// once,
  ///               a reward may be another thing: less than 1 is careful. Range [1e-6, 1e6].
  /// Complexity: O(n_users * rank^2). Errors: invalid_argument when the log has other users or items than the model.
  factor_prior(const batch::factor_model& model, const interactions& log, float trust = 0.1F,
               executor_ref executor = {})
      : model_(&model), log_(&log), trust_(trust) {
    tandem::detail::require_or(trust >= 1e-6F && trust <= 1e6F, "trust", "give a number in [1e-6, 1e6]");
    if (log.n_users() != model.n_users() || log.n_items() != model.n_items()) {
      throw error(errc::invalid_argument,
                  "the log has " + std::to_string(log.n_users()) + " users and " + std::to_string(log.n_items()) +
                      " items, the model " + std::to_string(model.n_users()) + " and " +
                      std::to_string(model.n_items()),
                  {"", 0, "log"}, "give the log that the model was fitted to");
    }
    gram_ = tandem::detail::gram_of_rows(model.user_matrix().data(), model.n_users(), model.rank(),
                                         model.weights().alpha0, executor);
  }

  /// What is known of an item: mean its vector, an item nobody had knows the regularization and that most do not take
  /// it. For add_arm() of a bandit of dimension rank(). Complexity: O(users of the item * rank^2 + rank^3). Allocates.
  /// Errors: invalid_argument when the model has no such item.
  [[nodiscard]] online::linear_posterior item(item_index item) const {
    if (slot(item) >= model_->n_items()) {
      throw error(errc::invalid_argument, "is " + std::to_string(raw(item)), {"", 0, "item"},
                  "the model has " + std::to_string(model_->n_items()) + " items");
    }
    const std::size_t k = model_->rank();
    const auto row = log_->users_of(item);
    std::vector<float> precision = gram_;
    std::vector<float> weight(row.weight.begin(), row.weight.end());
    for (float& w : weight) w = std::fabs(w);  // a dislike is as sure as a like
    kernels().gram_accumulate(model_->user_matrix().data(), k, row.index.data(), weight.data(), weight.size(), k,
                              precision.data());
    const float ridge =
        tandem::detail::ridge_of(model_->weights(), static_cast<double>(row.index.size()), model_->n_users());
    for (std::size_t a = 0; a < k; ++a) {
      precision[a * k + a] += ridge;
      for (std::size_t b = 0; b <= a; ++b) precision[a * k + b] *= trust_;
    }
    return online::linear_posterior::from_prior(model_->item_factors(item), precision);
  }

  [[nodiscard]] std::size_t rank() const noexcept { return model_->rank(); }

 private:
  const batch::factor_model* model_;
  const interactions* log_;
  float trust_;
  std::vector<float> gram_;
};

}  // namespace hybrid
TANDEM_END
