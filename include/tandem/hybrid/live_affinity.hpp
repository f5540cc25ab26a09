#pragma once
// The batch posterior of a user, updated by what the user did since: taste that is never staler than the last event.

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/kernels.hpp"
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
    const auto require = [](bool holds, const char* field, const char* range) {
      if (!holds) throw error(errc::invalid_argument, std::string("must lie in ") + range, {{}, 0, field});
    };
    require(recency > 0 && recency <= 1, "live.recency", "(0, 1]");
    require(items >= 1 && items <= online::history::max_recent, "live.items", "[1, 128]");
  }
};

/// Posterior of one user's vector x given the item factors Y fixed:
///   precision A = alpha0 Y'Y + sum_k w_k y_k y_k' + lambda_u I,  mean = A^-1 sum_k w_k y_k,  w_k = recency^k,
/// over the user's distinct items k = 0 (newest), 1, …; lambda_u as in training for that many items (Rendle et al.
/// 2021).
///
/// It is computed from the history when asked, not carried along: nothing to rebase at a refit and nothing to lose.
/// Complexity: O(items * rank^2 + rank^3 / 6). Allocates: rank^2 floats. Threads: immutable once made.
class user_posterior {
 public:
  user_posterior(const batch::factor_model& model, std::span<const online::past_event> recent,
                 const live_affinity_options& options) {
    std::vector<std::uint32_t> index;
    std::vector<float> weight;
    distinct_items(model, recent, options, index, weight);
    if (index.empty()) return;

    const auto rank = static_cast<Eigen::Index>(model.rank());
    matrix precision = Eigen::Map<const matrix>(model.gram().data(), rank, rank);
    kernels().gram_accumulate(model.item_matrix().data(), model.rank(), index.data(), weight.data(), index.size(),
                              model.rank(), precision.data());
    precision.diagonal().array() += static_cast<float>(model.regularizer(static_cast<double>(index.size())));
    factor_.compute(precision);
    if (factor_.info() != Eigen::Success) return;
    mean_ = Eigen::VectorXf::Zero(rank);
    for (std::size_t k = 0; k < index.size(); ++k) {
      kernels().axpy(weight[k], model.item_factors(item_index{index[k]}).data(), mean_.data(), model.rank());
    }
    factor_.solveInPlace(mean_);
    if (mean_.allFinite()) known_items_ = index.size();
  }

  /// Items of the history the model knows; 0 = there is no posterior to speak of (or float32 cannot solve for it).
  [[nodiscard]] std::size_t known_items() const noexcept { return known_items_; }
  /// The mean, length rank. Requires known_items() > 0.
  [[nodiscard]] std::span<const float> mean() const noexcept {
    return {mean_.data(), static_cast<std::size_t>(mean_.size())};
  }
  /// y' A^-1 y: the variance of the score of an item with factors y, in units of the noise. O(rank^2).
  [[nodiscard]] float variance(std::span<const float> y) const {
    Eigen::VectorXf z = Eigen::Map<const Eigen::VectorXf>(y.data(), static_cast<Eigen::Index>(y.size()));
    factor_.matrixL().solveInPlace(z);
    return z.squaredNorm();
  }

 private:
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  static void distinct_items(const batch::factor_model& model, std::span<const online::past_event> recent,
                             const live_affinity_options& options, std::vector<std::uint32_t>& index,
                             std::vector<float>& weight) {
    float w = 1;
    for (std::size_t k = recent.size(); k-- > 0 && index.size() < options.items;) {
      const std::uint32_t item = raw(recent[k].item);
      if (item >= model.n_items() || std::find(index.begin(), index.end(), item) != index.end()) continue;
      index.push_back(item);
      weight.push_back(w);
      w *= static_cast<float>(options.recency);
    }
  }

  std::size_t known_items_ = 0;
  Eigen::VectorXf mean_;
  Eigen::LLT<matrix> factor_;
};

}  // namespace hybrid
TANDEM_END
