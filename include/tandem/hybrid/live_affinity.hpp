#pragma once
// The batch posterior of a user, updated by what the user did since: taste that is never staler than the last event.

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/history.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Options of live affinity.
struct live_affinity_options {
  /// Weight lost per distinct item of age. 1 = the batch fold-in. Range (0, 1].
  double recency = 0.97;
  /// Distinct items used, newest first. Range [1, history::max_recent].
  std::size_t items = 100;

  /// Errors: invalid_argument, naming the option.
  void validate() const {
    tandem::detail::require(recency > 0 && recency <= 1, "live.recency", "(0, 1]");
    tandem::detail::require(items >= 1 && items <= online::history::max_recent, "live.items", "[1, 128]");
  }
};

/// Items a user is known by, with weights; no item twice.
struct taste {
  std::vector<std::uint32_t> items;
  std::vector<float> weights;
};

/// The latest distinct items that the model knows, at most options.items, weighing recency^k: k = 0 is the newest.
[[nodiscard]] inline taste recent_taste(const batch::factor_model& model, std::span<const online::past_event> recent,
                                        const live_affinity_options& options) {
  taste out;
  float w = 1;
  for (std::size_t k = recent.size(); k-- > 0 && out.items.size() < options.items;) {
    const std::uint32_t item = raw(recent[k].item);
    if (item >= model.n_items() || std::find(out.items.begin(), out.items.end(), item) != out.items.end()) continue;
    out.items.push_back(item);
    out.weights.push_back(w);
    w *= static_cast<float>(options.recency);
  }
  return out;
}

/// Every item the user ever had and did not dislike, if the model knows it, weighing 1 each: what a fold-in takes.
[[nodiscard]] inline taste whole_taste(const batch::factor_model& model, const online::history& past) {
  taste out;
  const auto disliked = past.disliked();
  past.for_each_item([&](item_index item) {
    if (raw(item) < model.n_items() && std::find(disliked.begin(), disliked.end(), item) == disliked.end()) {
      out.items.push_back(raw(item));
    }
  });
  out.weights.assign(out.items.size(), 1.0F);
  return out;
}

/// What is wanted of a posterior: its variance costs a second factorization.
enum class posterior_parts : std::uint8_t { mean, mean_and_variance };

/// Posterior of one user's vector x given the item factors Y fixed:
///   precision A = alpha0 Y'Y + sum_k w_k y_k y_k' + lambda_u I,  mean = A^-1 sum_k w_k y_k,
/// over the items k of the user's taste; lambda_u as in training for that many items (Rendle et al. 2021).
///
/// It is computed from the history when asked, not carried along: nothing to rebase at a refit and nothing to lose.
/// Complexity: O(items * rank^2 + rank^3 / 6). Allocates: 2 rank^2 floats. Threads: immutable once made.
class user_posterior {
 public:
  user_posterior(const batch::factor_model& model, const taste& known,
                 posterior_parts parts = posterior_parts::mean_and_variance) {
    if (known.items.empty()) return;
    const std::size_t rank = model.rank();
    matrix precision = Eigen::Map<const matrix>(model.gram().data(), index(rank), index(rank));
    kernels().gram_accumulate(model.item_matrix().data(), rank, known.items.data(), known.weights.data(),
                              known.items.size(), rank, precision.data());
    precision.diagonal().array() += static_cast<float>(model.regularizer(static_cast<double>(known.items.size())));
    if (parts == posterior_parts::mean_and_variance) {
      factor_.compute(precision);
      if (factor_.info() != Eigen::Success) return;
    }
    mean_.assign(rank, 0.0F);
    for (std::size_t k = 0; k < known.items.size(); ++k) {
      kernels().axpy(known.weights[k], model.item_factors(item_index{known.items[k]}).data(), mean_.data(), rank);
    }
    if (!kernels().cholesky_solve(precision.data(), mean_.data(), rank)) return;
    if (std::all_of(mean_.begin(), mean_.end(), [](float x) { return std::isfinite(x); })) {
      known_items_ = known.items.size();
    }
  }

  /// Items it was made from; 0 = there is no posterior to speak of (or float32 cannot solve for it).
  [[nodiscard]] std::size_t known_items() const noexcept { return known_items_; }
  /// The mean, length rank. Requires known_items() > 0.
  [[nodiscard]] std::span<const float> mean() const noexcept { return mean_; }
  /// y' A^-1 y: the variance of the score of an item with factors y, in units of the noise. O(rank^2).
  /// Requires known_items() > 0 and that it was made with posterior_parts::mean_and_variance.
  [[nodiscard]] float variance(std::span<const float> y) const {
    TANDEM_ASSERT(factor_.rows() == index(y.size()));
    Eigen::VectorXf z = Eigen::Map<const Eigen::VectorXf>(y.data(), index(y.size()));
    factor_.matrixL().solveInPlace(z);
    return z.squaredNorm();
  }

 private:
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  static Eigen::Index index(std::size_t n) noexcept { return static_cast<Eigen::Index>(n); }

  std::size_t known_items_ = 0;
  std::vector<float> mean_;
  Eigen::LLT<matrix> factor_;
};

}  // namespace hybrid
TANDEM_END
