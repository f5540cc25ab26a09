#pragma once
// A weighted ridge regression on sparse features, by conjugate gradients that never form the normal matrix.
//
// Minimises  sum_r weight_r (t_r - <w, f_r> - c)^2 + penalty ||w||^2  over w [n_features] and c.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "tandem/data/feature_matrix.hpp"

TANDEM_BEGIN
namespace detail {

class feature_ridge {
 public:
  /// @param weights  one a row, not negative.   @param penalty  positive.
  feature_ridge(const feature_matrix& features, std::vector<double> weights, double penalty)
      : features_(&features),
        weights_(std::move(weights)),
        penalty_(penalty),
        inverse_diagonal_(features.n_features() + 1, penalty) {
    inverse_diagonal_.back() = 0;
    for (std::size_t r = 0; r < features.n_rows(); ++r) {
      const feature_row row = features.row(r);
      for (std::size_t e = 0; e < row.size(); ++e) {
        inverse_diagonal_[row.index[e]] += weights_[r] * double{row.value[e]} * double{row.value[e]};
      }
      inverse_diagonal_.back() += weights_[r];
    }
    for (double& d : inverse_diagonal_) d = d > 0 ? 1 / d : 0;  // an intercept of no rows stays zero
  }

  [[nodiscard]] std::size_t n_unknowns() const noexcept { return inverse_diagonal_.size(); }

  /// @param target  target(r) of row r; asked only for rows of positive weight.
  /// @param x       w, then c: where to start from, and the solution.
  template <class Target>
  void solve(const Target& target, std::span<double> x) const {
    constexpr int max_steps = 500;
    constexpr double enough = 1e-18;  // of the squared residual
    std::vector<double> residual(x.size());
    transposed([&](std::size_t r) { return double{target(r)}; }, residual);
    const double full = norm(residual);
    std::vector<double> image(x.size());
    apply(x, image);
    for (std::size_t j = 0; j < x.size(); ++j) residual[j] -= image[j];
    double now = norm(residual);
    std::vector<double> direction(x.size());
    for (std::size_t j = 0; j < x.size(); ++j) direction[j] = inverse_diagonal_[j] * residual[j];
    for (int step = 0; step < max_steps && now > enough * full; ++step) {
      apply(direction, image);
      double curvature = 0;
      for (std::size_t j = 0; j < x.size(); ++j) curvature += direction[j] * image[j];
      if (!(curvature > 0)) return;
      const double length = now / curvature;
      for (std::size_t j = 0; j < x.size(); ++j) {
        x[j] += length * direction[j];
        residual[j] -= length * image[j];
      }
      const double before = std::exchange(now, norm(residual));
      for (std::size_t j = 0; j < x.size(); ++j) {
        direction[j] = inverse_diagonal_[j] * residual[j] + now / before * direction[j];
      }
    }
  }

 private:
  /// The squared length of a residual under the preconditioner, the inverse diagonal.
  [[nodiscard]] double norm(std::span<const double> residual) const noexcept {
    double sum = 0;
    for (std::size_t j = 0; j < residual.size(); ++j) sum += inverse_diagonal_[j] * residual[j] * residual[j];
    return sum;
  }

  /// out = sum_r weight_r value(r) (f_r, 1)
  template <class Value>
  void transposed(const Value& value, std::span<double> out) const noexcept {
    std::fill(out.begin(), out.end(), 0.0);
    for (std::size_t r = 0; r < weights_.size(); ++r) {
      if (!(weights_[r] > 0)) continue;
      const double scaled = weights_[r] * value(r);
      const feature_row row = features_->row(r);
      for (std::size_t e = 0; e < row.size(); ++e) out[row.index[e]] += scaled * double{row.value[e]};
      out.back() += scaled;
    }
  }

  /// out = (sum_r weight_r (f_r, 1) (f_r, 1)^T + penalty I_w) x
  void apply(std::span<const double> x, std::span<double> out) const noexcept {
    const auto predicted = [&](std::size_t r) {
      const feature_row row = features_->row(r);
      double sum = x.back();
      for (std::size_t e = 0; e < row.size(); ++e) sum += x[row.index[e]] * double{row.value[e]};
      return sum;
    };
    transposed(predicted, out);
    for (std::size_t j = 0; j + 1 < x.size(); ++j) out[j] += penalty_ * x[j];
  }

  const feature_matrix* features_;
  std::vector<double> weights_;
  double penalty_;
  std::vector<double> inverse_diagonal_;
};

}  // namespace detail
TANDEM_END
