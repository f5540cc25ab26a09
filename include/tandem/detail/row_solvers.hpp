#pragma once
// One row of an alternating fit: its vector while the other side is held fixed, exactly or nearly.
//
// All solve A x = b, A = gram + ridge I + sum_r w_r y_r y_r^T, b = sum_r pull_r y_r + ridge prior, over the row's
// history, w_r being the confidence of an event: the ridge pulls x towards its prior, which is zero when none is given.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/detail/normal_equations.hpp"

TANDEM_BEGIN
namespace detail {

/// The side that is held: its vectors, and alpha0 times their Gramian.
struct fixed_side {
  std::span<const float> rows;           // n x k
  std::vector<std::uint16_t> rounded{};  // the same in bfloat16, for the systems of k x k; empty = `rows` for these too
  std::vector<float> gram;               // k x k, both triangles
  std::vector<float> spectrum{};         // the Gramian's diagonal, if the rows are rotated so that it is diagonal
  std::size_t k = 0;
};

/// Memory for any of the solvers; one a task.
struct row_scratch {
  explicit row_scratch(std::size_t k) : matrix(k * k), a(k), b(k), c(k), turned(k), inverse(k), root_of_inverse(k) {}

  /// inverse = 1 / (spectrum + ridge). Rows of one length share their ridge.
  void invert(std::span<const float> spectrum, float ridge) noexcept {
    if (ridge == inverted) return;
    inverted = ridge;
    for (std::size_t j = 0; j < spectrum.size(); ++j) inverse[j] = 1 / (spectrum[j] + ridge);
    for (std::size_t j = 0; j < spectrum.size(); ++j) root_of_inverse[j] = std::sqrt(inverse[j]);
  }

  std::vector<float> matrix;                    // the system
  std::vector<float> a, b, c;                   // of length k
  std::vector<float> turned;                    // the result in another basis, of length k
  std::vector<float> inverse, root_of_inverse;  // of a short row's D, of length k
  float inverted = -1;                          // the ridge in them
  std::vector<float> score, coefficient;        // one a row of the history
  signed_weights weights;
};

/// gram += sum_r w_r y_r y_r^T, the lower triangle, over n of the held rows.
inline void add_history(const fixed_side& fixed, const std::uint32_t* index, const float* weight, std::size_t n,
                        float* gram) noexcept {
  const std::size_t k = fixed.k;
  if (fixed.rounded.empty()) return kernels().gram_accumulate(fixed.rows.data(), k, index, weight, n, k, gram);
  kernels().gram_accumulate_bfloat16(fixed.rounded.data(), k, index, weight, n, k, gram);
}

/// x += sum_r weight[r] y_r.
inline void add_sum(const fixed_side& fixed, const row_history& row, const float* weight, std::span<float> x) noexcept {
  const std::size_t k = fixed.k;
  const std::uint32_t* const index = row.index.data();
  if (fixed.rounded.empty()) {
    return kernels().gather_sum(fixed.rows.data(), k, index, weight, row.size(), k, x.data());
  }
  kernels().gather_sum_bfloat16(fixed.rounded.data(), k, index, weight, row.size(), k, x.data());
}

/// x = ridge prior + sum_r pull_r y_r, the right side of every system.
inline void right_side(const fixed_side& fixed, const row_history& row, float ridge, std::span<const float> prior,
                       std::span<float> x) noexcept {
  pull(ridge, prior, x);
  add_sum(fixed, row, row.pull.data(), x);
}

/// matrix = gram + ridge I, the lower triangle.
inline void start_system(const fixed_side& fixed, float ridge, float* matrix) noexcept {
  if (fixed.spectrum.empty()) {
    std::copy(fixed.gram.begin(), fixed.gram.end(), matrix);
  } else {
    std::fill_n(matrix, fixed.k * fixed.k, 0.0F);
    for (std::size_t a = 0; a < fixed.k; ++a) matrix[a * fixed.k + a] = fixed.spectrum[a];
  }
  for (std::size_t a = 0; a < fixed.k; ++a) matrix[a * fixed.k + a] += ridge;
}

/// The k x k system: the lower triangle of A into `matrix`, b into x.
inline void form_full(const fixed_side& fixed, const row_history& row, float ridge, std::span<const float> prior,
                      float* matrix, std::span<float> x) noexcept {
  start_system(fixed, ridge, matrix);
  add_history(fixed, row.index.data(), row.confidence.data(), row.size(), matrix);
  right_side(fixed, row, ridge, prior, x);
}

/// The k x k system by Cholesky.
[[nodiscard]] inline bool solve_full(const fixed_side& fixed, const row_history& row, float ridge, row_scratch& s,
                                     std::span<float> x, std::span<const float> prior = {}) noexcept {
  form_full(fixed, row, ridge, prior, s.matrix.data(), x);
  return kernels().cholesky_solve(s.matrix.data(), x.data(), fixed.k) && all_finite(x);
}

/// The same for a history too long for one task: its Gramian is summed by all.
[[nodiscard]] inline bool solve_long(const fixed_side& fixed, const row_history& row, float ridge,
                                     executor_ref executor, row_scratch& s, std::span<float> x,
                                     std::span<const float> prior = {}) {
  const std::size_t k = fixed.k;
  const std::vector<float> gram =
      sum_of_blocks(row.size(), k, 1, executor, [&](std::size_t first, std::size_t count, float* out) {
        add_history(fixed, row.index.data() + first, row.confidence.data() + first, count, out);
      });
  for (std::size_t j = 0; j < k * k; ++j) s.matrix[j] = fixed.gram[j] + gram[j];
  for (std::size_t a = 0; a < k; ++a) s.matrix[a * k + a] += ridge;
  right_side(fixed, row, ridge, prior, x);
  return kernels().cholesky_solve(s.matrix.data(), x.data(), k) && all_finite(x);
}

/// A history of n < k as an n x n system (Woodbury): with D = diag(spectrum) + ridge I and Z = W^1/2 Y,
///   x = D^-1 (ridge prior + Z^T (I + Z D^-1 Z^T)^-1 (W^-1/2 pull - Z D^-1 ridge prior)),
/// which costs n^2 k + n^3 / 3 instead of n k^2 + k^3 / 3. Its condition is no worse than that of A.
/// The lower triangle of the system into `matrix`, its right side into u, W^1/2 into `root`.
inline void form_short(const fixed_side& fixed, const row_history& row, float ridge, row_scratch& s,
                       std::span<const float> prior, float* matrix, float* u, float* root) {
  const std::size_t k = fixed.k;
  const std::size_t n = row.size();
  const float* const rows = fixed.rows.data();
  s.invert(fixed.spectrum, ridge);
  for (std::size_t r = 0; r < n; ++r) root[r] = std::sqrt(row.confidence[r]);
  for (std::size_t r = 0; r < n; ++r) u[r] = row.pull[r] > 0 ? root[r] : 0;
  if (!prior.empty()) {
    pull(ridge, prior, s.a);
    for (std::size_t j = 0; j < k; ++j) s.a[j] *= s.inverse[j];
    kernels().gather_dot(rows, k, row.index.data(), n, k, s.a.data(), matrix);
    for (std::size_t r = 0; r < n; ++r) u[r] -= root[r] * matrix[r];
  }
  std::fill_n(matrix, n * n, 0.0F);
  for (std::size_t r = 0; r < n; ++r) matrix[r * n + r] = 1;
  kernels().dual_gram_accumulate(rows, k, row.index.data(), root, s.root_of_inverse.data(), n, k, matrix);
}

/// x from the solution u of that system, which is overwritten.
inline void finish_short(const fixed_side& fixed, std::span<const std::uint32_t> index, float ridge, row_scratch& s,
                         std::span<const float> prior, float* u, const float* root, std::span<float> x) noexcept {
  const std::size_t k = fixed.k;
  s.invert(fixed.spectrum, ridge);
  for (std::size_t r = 0; r < index.size(); ++r) u[r] *= root[r];
  pull(ridge, prior, x);
  kernels().gather_sum(fixed.rows.data(), k, index.data(), u, index.size(), k, x.data());
  for (std::size_t j = 0; j < k; ++j) x[j] *= s.inverse[j];
}

/// The n x n system by Cholesky.
[[nodiscard]] inline bool solve_short(const fixed_side& fixed, const row_history& row, float ridge, row_scratch& s,
                                      std::span<float> x, std::span<const float> prior = {}) {
  s.score.resize(row.size());
  s.coefficient.resize(row.size());
  float* const u = s.coefficient.data();
  form_short(fixed, row, ridge, s, prior, s.matrix.data(), u, s.score.data());
  if (!kernels().cholesky_solve(s.matrix.data(), u, row.size())) return false;
  finish_short(fixed, row.index, ridge, s, prior, u, s.score.data(), x);
  return all_finite(x);
}

/// Where n^2 k beats n k^2 by more than the detour costs.
[[nodiscard]] inline bool is_short(std::size_t history, std::size_t k) noexcept { return 4 * history <= 3 * k; }

/// y = A p for the conjugate gradient, without forming A.
inline void apply_system(const fixed_side& fixed, const row_history& row, float ridge, row_scratch& s,
                         std::span<const float> p, std::span<float> y) noexcept {
  const std::size_t k = fixed.k;
  kernels().multiply(fixed.gram.data(), p.data(), k, y.data());
  kernels().axpy(ridge, p.data(), y.data(), k);
  kernels().gather_dot(fixed.rows.data(), k, row.index.data(), row.size(), k, p.data(), s.score.data());
  for (std::size_t r = 0; r < row.size(); ++r) s.score[r] *= row.confidence[r];
  kernels().gather_sum(fixed.rows.data(), k, row.index.data(), s.score.data(), row.size(), k, y.data());
}

/// `steps` steps of conjugate gradient from the x given (Takacs, Pilaszy and Tikk 2011).
[[nodiscard]] inline bool solve_by_gradient(const fixed_side& fixed, const row_history& row, float ridge,
                                            std::size_t steps, row_scratch& s, std::span<float> x,
                                            std::span<const float> prior = {}) {
  const std::size_t k = fixed.k;
  s.score.resize(row.size());
  std::span<float> left(s.a);
  std::span<float> direction(s.b);
  std::span<float> image(s.c);
  apply_system(fixed, row, ridge, s, x, image);
  right_side(fixed, row, ridge, prior, left);
  kernels().axpy(-1, image.data(), left.data(), k);
  std::copy(left.begin(), left.end(), direction.begin());
  float norm = kernels().dot(left.data(), left.data(), k);
  for (std::size_t step = 0; step < steps && norm > 1e-20F; ++step) {
    apply_system(fixed, row, ridge, s, direction, image);
    const float length = norm / kernels().dot(direction.data(), image.data(), k);
    kernels().axpy(length, direction.data(), x.data(), k);
    kernels().axpy(-length, image.data(), left.data(), k);
    const float now = kernels().dot(left.data(), left.data(), k);
    for (std::size_t j = 0; j < k; ++j) direction[j] = left[j] + now / norm * direction[j];
    norm = now;
  }
  return std::isfinite(norm) && all_finite(x);
}

/// One pass of block coordinate descent from the x given, `block` factors at a time (iALS++: Rendle, Krichene, Zhang
/// and Koren 2021).
[[nodiscard]] inline bool solve_by_blocks(const fixed_side& fixed, const row_history& row, float ridge,
                                          std::size_t block, row_scratch& s, std::span<float> x,
                                          std::span<const float> prior = {}) {
  const std::size_t k = fixed.k;
  const std::size_t n = row.size();
  s.score.resize(n);
  s.coefficient.resize(n);
  const float* const rows = fixed.rows.data();
  kernels().gather_dot(rows, k, row.index.data(), n, k, x.data(), s.score.data());
  for (std::size_t first = 0; first < k; first += block) {
    const std::size_t width = std::min(block, k - first);
    std::span<float> step(s.a.data(), width);
    kernels().score_rows(x.data(), 1, fixed.gram.data() + first * k, width, k, k, step.data());
    for (std::size_t j = 0; j < width; ++j) {
      step[j] = -(step[j] + ridge * (prior.empty() ? x[first + j] : x[first + j] - prior[first + j]));
    }
    for (std::size_t r = 0; r < n; ++r) s.coefficient[r] = row.pull[r] - row.confidence[r] * s.score[r];
    kernels().gather_sum(rows + first, k, row.index.data(), s.coefficient.data(), n, width, step.data());
    for (std::size_t a = 0; a < width; ++a) {
      std::copy_n(fixed.gram.data() + (first + a) * k + first, a + 1, s.matrix.data() + a * width);
      s.matrix[a * width + a] += ridge;
    }
    kernels().gram_accumulate(rows + first, k, row.index.data(), row.confidence.data(), n, width, s.matrix.data());
    if (!kernels().cholesky_solve(s.matrix.data(), step.data(), width)) return false;
    for (std::size_t j = 0; j < width; ++j) x[first + j] += step[j];
    if (first + width == k) break;
    kernels().gather_dot(rows + first, k, row.index.data(), n, width, step.data(), s.coefficient.data());
    for (std::size_t r = 0; r < n; ++r) s.score[r] += s.coefficient[r];
  }
  return all_finite(x);
}

}  // namespace detail
TANDEM_END
