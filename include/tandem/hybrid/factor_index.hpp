#pragma once
// Scores that are inner products with item factors: the best of them, their mean and spread, without scoring all items.

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/batch/top_n.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Mean and variance of the scores of all items.
struct score_moments {
  double mean = 0;
  double variance = 0;
};

/// The items of a factor model, for scoring them by directions. Threads: immutable. Memory: that of a top_n_index, and
/// 8 bytes for each pair of factors.
class factor_index {
 public:
  /// Complexity: O(n_items * rank^2 + n_items log n_items).
  explicit factor_index(const batch::factor_model& model) : top_(model) {
    const auto k = static_cast<Eigen::Index>(model.rank());
    const auto n = static_cast<Eigen::Index>(model.n_items());
    mean_ = Eigen::VectorXd::Zero(k);
    covariance_ = Eigen::MatrixXd::Zero(k, k);
    if (n == 0) return;
    constexpr Eigen::Index block = 256;
    using rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Eigen::Map<const rows> items(model.item_matrix().data(), n, k);
    for (Eigen::Index i = 0; i < n; i += block) {
      mean_ += items.middleRows(i, std::min(block, n - i)).cast<double>().colwise().sum().transpose();
    }
    mean_ /= static_cast<double>(n);
    for (Eigen::Index i = 0; i < n; i += block) {
      const Eigen::MatrixXd centred =
          items.middleRows(i, std::min(block, n - i)).cast<double>().rowwise() - mean_.transpose();
      covariance_.selfadjointView<Eigen::Lower>().rankUpdate(centred.transpose());
    }
    covariance_ /= static_cast<double>(n);
  }

  /// For finding the best items.
  [[nodiscard]] const batch::top_n_index& top() const noexcept { return top_; }

  /// Of the scores <direction, item> over `n_items`, of which those beyond the model's have 0.
  /// Complexity: O(rank^2). Allocates: rank numbers.
  [[nodiscard]] score_moments moments(std::span<const float> direction, std::size_t n_items) const {
    const Eigen::VectorXd x =
        Eigen::Map<const Eigen::VectorXf>(direction.data(), static_cast<Eigen::Index>(direction.size())).cast<double>();
    const double mean = x.dot(mean_);
    const double variance = std::max(0.0, x.dot(covariance_.selfadjointView<Eigen::Lower>() * x));
    const double share = static_cast<double>(std::min(top_.size(), n_items)) / static_cast<double>(n_items);
    return {share * mean, share * (variance + (1 - share) * mean * mean)};
  }

 private:
  batch::top_n_index top_;
  Eigen::VectorXd mean_;        // of the items
  Eigen::MatrixXd covariance_;  // of the items; the lower triangle
};

}  // namespace hybrid
TANDEM_END
