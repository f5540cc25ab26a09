#pragma once
// A user's vector for fixed items, from pairs that should be in order: ridge logistic regression by Newton's method.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "tandem/core/kernels.hpp"

TANDEM_BEGIN
namespace detail {

/// Pairs (better, worse) as rows d = q_better - q_worse of length k, and the difference of their biases.
struct ordered_pairs {
  std::vector<float> rows;
  std::vector<float> offset;
  float weight = 1;  ///< of every pair
};

/// The minimiser of  weight * sum_r ln(1 + exp(-m_r)) + ridge / 2 |x|^2,  m_r = <d_r, x> + offset_r.
class pairwise_newton {
 public:
  pairwise_newton(const ordered_pairs& pairs, std::size_t k, float ridge)
      : pairs_(pairs), k_(k), ridge_(ridge), margin_(pairs.offset.size()), weight_(margin_.size()) {}

  /// Solves into x. False when a step's system cannot be solved in float32.
  [[nodiscard]] bool solve(std::span<float> x) {
    constexpr int max_steps = 50;
    std::fill(x.begin(), x.end(), 0.0F);
    std::vector<float> step(k_);
    std::vector<float> moved(k_);
    double loss = loss_at(x);
    for (int s = 0; s < max_steps; ++s) {
      if (!newton_step(x, step)) return false;
      // halve the step until the loss falls; when it does not, float32 has no better x
      bool better = false;
      const double before = loss;
      for (float length = 1; length > 1e-4F && !better; length /= 2) {
        for (std::size_t j = 0; j < k_; ++j) moved[j] = x[j] + length * step[j];
        const double there = loss_at(moved);
        better = there < loss;
        if (better) loss = there;
      }
      if (!better) return true;
      std::copy(moved.begin(), moved.end(), x.begin());
      if (before - loss <= 1e-6 * before) return true;
    }
    return true;
  }

 private:
  /// The loss at x; leaves the margins in margin_.
  [[nodiscard]] double loss_at(std::span<const float> x) {
    kernels().score_rows(x.data(), 1, pairs_.rows.data(), margin_.size(), k_, k_, margin_.data());
    double sum = 0;
    for (std::size_t r = 0; r < margin_.size(); ++r) {
      margin_[r] += pairs_.offset[r];
      const auto m = static_cast<double>(margin_[r]);
      sum += std::max(-m, 0.0) + std::log1p(std::exp(-std::abs(m)));
    }
    double square = 0;
    for (const float each : x) square += static_cast<double>(each) * static_cast<double>(each);
    return static_cast<double>(pairs_.weight) * sum + static_cast<double>(ridge_) / 2 * square;
  }

  /// -(Hessian)^-1 gradient at x, whose margins are in margin_.
  [[nodiscard]] bool newton_step(std::span<const float> x, std::span<float> step) {
    const kernel_table& kernel = kernels();
    for (std::size_t j = 0; j < k_; ++j) step[j] = -ridge_ * x[j];
    for (std::size_t r = 0; r < margin_.size(); ++r) {
      const float wrong = 1 / (1 + std::exp(margin_[r]));  // sigma(-m)
      kernel.axpy(pairs_.weight * wrong, pairs_.rows.data() + r * k_, step.data(), k_);
      weight_[r] = pairs_.weight * wrong * (1 - wrong);
    }
    hessian_.assign(k_ * k_, 0.0F);
    for (std::size_t j = 0; j < k_; ++j) hessian_[j * k_ + j] = ridge_;
    kernel.gram_accumulate(pairs_.rows.data(), k_, nullptr, weight_.data(), margin_.size(), k_, hessian_.data());
    return kernel.cholesky_solve(hessian_.data(), step.data(), k_);
  }

  const ordered_pairs& pairs_;
  std::size_t k_;
  float ridge_;
  std::vector<float> margin_;
  std::vector<float> weight_;  // of d_r d_r^T in the Hessian
  std::vector<float> hessian_;
};

}  // namespace detail
TANDEM_END
