#pragma once
// The inverse of a large symmetric positive definite matrix, in its own memory: swept block by block.
//
// Sweeping the block K of variables turns the symmetric matrix A into
//     A_KK <- -A_KK^-1,   A_iK <- A_iK A_KK^-1,   A_ij <- A_ij - A_iK A_KK^-1 A_Kj   (i, j outside K),
// and when every block has been swept, A has become -A^-1 (Goodnight 1979, "A tutorial on the SWEEP operator"). That is
// n^3 operations, as many as Cholesky's factor, its inverse and their product take together, but all of them in one
// kind of step, a product of a tall panel with itself, which needs no second matrix and splits over threads.

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "tandem/core/executor.hpp"
#include "tandem/core/function_ref.hpp"
#include "tandem/core/kernels.hpp"

TANDEM_BEGIN
namespace detail {

/// Variables swept at once; the panels beside the matrix hold 2 * n * sweep_block floats.
inline constexpr std::size_t sweep_block = 256;

/// Replaces a k x k matrix (both triangles) by its inverse, in double. False when it is not positive definite.
[[nodiscard]] inline bool invert_small(std::span<double> a, std::size_t k) {
  std::vector<double> column(k);
  for (std::size_t p = 0; p < k; ++p) {
    const double pivot = a[p * k + p];
    if (!(pivot > 0)) return false;
    // the lower triangle holds the matrix; column p of it lies below the diagonal, row p before it
    for (std::size_t i = 0; i < k; ++i) column[i] = i < p ? a[p * k + i] : a[i * k + p];
    for (std::size_t i = 0; i < k; ++i) {
      if (i == p) continue;
      const double factor = column[i] / pivot;
      double* row = a.data() + i * k;
      for (std::size_t j = 0; j <= i; ++j) row[j] -= factor * column[j];
    }
    for (std::size_t i = 0; i < k; ++i) (i < p ? a[p * k + i] : a[i * k + p]) = column[i] / pivot;
    a[p * k + p] = -1 / pivot;
  }
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j <= i; ++j) a[i * k + j] = a[j * k + i] = -a[i * k + j];
  }
  return true;
}

/// A matrix that is being swept: the lower triangle of n x n floats, row-major, and the panels of one block.
class sweep {
 public:
  sweep(std::span<float> matrix, std::size_t n)
      : matrix_(matrix), n_(n), panel_(n * std::min(n, sweep_block)), scaled_(panel_.size()) {}

  /// Sweeps variables [first, first + width). False, with the matrix unspecified, when a pivot is not positive.
  [[nodiscard]] bool block(std::size_t first, std::size_t width, executor_ref executor) {
    std::vector<float> inverse;
    if (!invert_corner(first, width, inverse)) return false;
    const std::size_t n_tiles = (n_ + tile_rows - 1) / tile_rows;
    executor.parallel_for(n_tiles, [&](std::size_t t) { scale_panel(t * tile_rows, first, width, inverse); });
    // the longest rows first, so that no thread is left with them at the end
    executor.parallel_for(n_tiles, [&](std::size_t t) { update((n_tiles - 1 - t) * tile_rows, width); });
    executor.parallel_for(n_tiles, [&](std::size_t t) { put_panel(t * tile_rows, first, width); });
    for (std::size_t a = 0; a < width; ++a) {
      for (std::size_t b = 0; b <= a; ++b) matrix_[(first + a) * n_ + first + b] = -inverse[a * width + b];
    }
    return true;
  }

 private:
  static constexpr std::size_t tile_rows = 64;
  static constexpr std::size_t tile_columns = 256;

  [[nodiscard]] bool invert_corner(std::size_t first, std::size_t width, std::vector<float>& inverse) const {
    std::vector<double> corner(width * width);
    for (std::size_t a = 0; a < width; ++a) {
      for (std::size_t b = 0; b <= a; ++b) corner[a * width + b] = matrix_[(first + a) * n_ + first + b];
    }
    if (!invert_small(corner, width)) return false;
    inverse.resize(corner.size());
    std::transform(corner.begin(), corner.end(), inverse.begin(), [](double x) { return static_cast<float>(x); });
    return true;
  }

  /// Rows [from, from + tile_rows) of the panel A_iK and of A_iK A_KK^-1; zero for rows of the block itself.
  void scale_panel(std::size_t from, std::size_t first, std::size_t width, std::span<const float> inverse) {
    const std::size_t to = std::min(n_, from + tile_rows);
    for (std::size_t i = from; i < to; ++i) {
      float* row = panel_.data() + i * width;
      if (i >= first + width) {
        std::copy_n(matrix_.data() + i * n_ + first, width, row);
      } else if (i < first) {
        for (std::size_t b = 0; b < width; ++b) row[b] = matrix_[(first + b) * n_ + i];
      } else {
        std::fill_n(row, width, 0.0F);
      }
    }
    const float* rows = panel_.data() + from * width;
    kernels().score_rows(rows, to - from, inverse.data(), width, width, width, scaled_.data() + from * width);
  }

  /// A_ij -= <scaled_i, panel_j> for rows i of the tile and j <= i.
  void update(std::size_t from, std::size_t width) {
    const std::size_t to = std::min(n_, from + tile_rows);
    std::vector<float> tile(tile_rows * tile_columns);
    for (std::size_t column = 0; column < to; column += tile_columns) {
      const std::size_t count = std::min(tile_columns, to - column);
      kernels().score_rows(scaled_.data() + from * width, to - from, panel_.data() + column * width, count, width,
                           width, tile.data());
      for (std::size_t i = std::max(from, column); i < to; ++i) {
        kernels().axpy(-1.0F, tile.data() + (i - from) * count, matrix_.data() + i * n_ + column,
                       std::min(count, i + 1 - column));
      }
    }
  }

  /// A_iK <- scaled_i for the tile's rows outside the block.
  void put_panel(std::size_t from, std::size_t first, std::size_t width) {
    for (std::size_t i = from; i < std::min(n_, from + tile_rows); ++i) {
      const float* row = scaled_.data() + i * width;
      if (i >= first + width) {
        std::copy_n(row, width, matrix_.data() + i * n_ + first);
      } else if (i < first) {
        for (std::size_t b = 0; b < width; ++b) matrix_[(first + b) * n_ + i] = row[b];
      }
    }
  }

  std::span<float> matrix_;
  std::size_t n_;
  std::vector<float> panel_;   // n x width, row-major
  std::vector<float> scaled_;  // the same, times the inverse of the corner
};

/// Replaces A, the lower triangle of `matrix` (n x n, row-major; what lies above it is neither read nor written), by
/// -A^-1. Calls swept(m) on the calling thread when m more variables have been swept; it may throw.
/// @return false, with the matrix unspecified, when A is not positive definite in float32.
/// Complexity: n^3 operations. Allocates: 2 * n * sweep_block floats. The same bits for every executor.
[[nodiscard]] inline bool negated_inverse(std::span<float> matrix, std::size_t n, executor_ref executor,
                                          function_ref<void(std::size_t)> swept) {
  sweep state(matrix, n);
  for (std::size_t first = 0; first < n; first += sweep_block) {
    const std::size_t width = std::min(sweep_block, n - first);
    if (!state.block(first, width, executor)) return false;
    swept(width);
  }
  return true;
}

}  // namespace detail
TANDEM_END
