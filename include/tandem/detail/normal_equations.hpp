#pragma once
// The linear algebra that training and fold-in share: a Gramian of many rows, and the system of one row.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/kernels.hpp"

TANDEM_BEGIN
namespace detail {

[[nodiscard]] inline bool all_finite(std::span<const float> values) noexcept {
  // x - x is 0 for every number and NaN for the rest, and a sum of them keeps a NaN
  float sum = 0;
  for (const float x : values) sum += x - x;
  return sum == 0;
}

/// Copies the lower triangle of a k x k matrix over its upper one.
inline void mirror_lower(std::span<float> matrix, std::size_t k) noexcept {
  for (std::size_t a = 0; a < k; ++a) {
    for (std::size_t b = 0; b < a; ++b) matrix[b * k + a] = matrix[a * k + b];
  }
}

/// scale times a Gramian of n rows, k x k, both triangles; add(first, count, out) adds the lower triangle of rows
/// [first, first + count). Summed in at most 64 blocks that depend on n only, then block after block in double: the
/// same bits for every executor.
template <class Add>
std::vector<float> sum_of_blocks(std::size_t n, std::size_t k, float scale, executor_ref executor, const Add& add) {
  constexpr std::size_t max_blocks = 64;
  constexpr std::size_t min_rows = 512;
  const std::size_t block = std::max(min_rows, (n + max_blocks - 1) / max_blocks);
  const std::size_t n_blocks = (n + block - 1) / block;
  std::vector<float> parts(n_blocks * k * k, 0.0F);
  executor.parallel_for(
      n_blocks, [&](std::size_t b) { add(b * block, std::min(block, n - b * block), parts.data() + b * k * k); });
  std::vector<float> gram(k * k);
  for (std::size_t a = 0; a < k; ++a) {
    for (std::size_t j = a * k; j <= a * k + a; ++j) {
      double sum = 0;
      for (std::size_t b = 0; b < n_blocks; ++b) sum += static_cast<double>(parts[b * k * k + j]);
      gram[j] = static_cast<float>(static_cast<double>(scale) * sum);
    }
  }
  mirror_lower(gram, k);
  return gram;
}

/// scale * sum_r x_r x_r^T over n rows with stride k, both triangles.
inline std::vector<float> gram_of_rows(const float* rows, std::size_t n, std::size_t k, float scale,
                                       executor_ref executor) {
  return sum_of_blocks(n, k, scale, executor, [&](std::size_t first, std::size_t count, float* out) {
    kernels().gram_accumulate(rows + first * k, k, nullptr, nullptr, count, k, out);
  });
}

/// x = ridge prior, an empty prior being zero.
inline void pull(float ridge, std::span<const float> prior, std::span<float> x) noexcept {
  if (prior.empty()) return std::fill(x.begin(), x.end(), 0.0F);
  for (std::size_t j = 0; j < x.size(); ++j) x[j] = ridge * prior[j];
}

/// A row's events by what they do to its equations, in iALS's terms: an event liked asks for 1, one disliked for 0,
/// each with its confidence.
struct row_history {
  std::span<const std::uint32_t> index;
  std::span<const float> confidence;  ///< of each, positive
  std::span<const float> pull;        ///< confidence times what it asks for
  [[nodiscard]] std::size_t size() const noexcept { return index.size(); }
};

/// Splits signed weights; the spans refer to them or to this.
class signed_weights {
 public:
  [[nodiscard]] row_history split(std::span<const std::uint32_t> index, std::span<const float> weight, bool dislikes) {
    if (!dislikes) return {index, weight, weight};
    confidence_.resize(weight.size());
    pull_.resize(weight.size());
    for (std::size_t r = 0; r < weight.size(); ++r) {
      confidence_[r] = std::abs(weight[r]);
      pull_[r] = std::max(0.0F, weight[r]);
    }
    return {index, confidence_, pull_};
  }

 private:
  std::vector<float> confidence_, pull_;
};

/// Memory for one system of rank k; one a task.
struct normal_scratch {
  explicit normal_scratch(std::size_t k) : matrix(k * k) {}
  std::vector<float> matrix;
  signed_weights weights;
};

/// Solves (gram + sum_r |weight[r]| y_r y_r^T + ridge I) x = sum_r max(0, weight[r]) y_r + ridge prior, where y_r is
/// row index[r] of `rows` (stride k) and an empty prior is zero. Returns false when the system is not positive definite
/// in float32, or x is not finite.
[[nodiscard]] inline bool solve_row(std::span<const float> gram, const float* rows,
                                    std::span<const std::uint32_t> index, std::span<const float> weight, float ridge,
                                    normal_scratch& scratch, std::span<float> x, std::span<const float> prior = {},
                                    bool dislikes = false) {
  const std::size_t k = x.size();
  const kernel_table& kernel = kernels();
  const row_history row = scratch.weights.split(index, weight, dislikes);
  for (std::size_t a = 0; a < k; ++a) {
    std::copy_n(gram.data() + a * k, a + 1, scratch.matrix.data() + a * k);
    scratch.matrix[a * k + a] += ridge;
  }
  kernel.gram_accumulate(rows, k, index.data(), row.confidence.data(), index.size(), k, scratch.matrix.data());
  pull(ridge, prior, x);
  kernel.gather_sum(rows, k, index.data(), row.pull.data(), index.size(), k, x.data());
  return kernel.cholesky_solve(scratch.matrix.data(), x.data(), k) && all_finite(x);
}

}  // namespace detail
TANDEM_END
