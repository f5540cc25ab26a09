#pragma once
// The inverse of a positive definite matrix as U D U', from which a Gaussian of ud_gaussian.hpp can be written.

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

/// A^-1 = U Delta^-1 U', U unit upper triangular, Delta diagonal: A = L Delta L' with U the inverse of L'.
///
/// @param a  the upper triangle of A, row-major d x d; overwritten, Delta on its diagonal.
/// @param u  becomes U, row-major d x d, zeros below the diagonal.
/// Returns false, with both unspecified, when A is not positive definite. Complexity: O(d^3).
inline bool ud_inverse(double* a, double* u, std::size_t d) noexcept {
  for (std::size_t k = 0; k < d; ++k) {
    const double* const row = a + k * d;
    if (!(row[k] > 1e-300 && row[k] < 1e300)) return false;
    for (std::size_t i = k + 1; i < d; ++i) {
      const double f = row[i] / row[k];
      double* const below = a + i * d;
      for (std::size_t j = i; j < d; ++j) below[j] -= f * row[j];
    }
  }
  for (std::size_t k = d; k-- > 0;) {
    double* const row = u + k * d;
    std::fill(row, row + d, 0.0);
    row[k] = 1;
    for (std::size_t i = k + 1; i < d; ++i) {
      const double f = a[k * d + i] / a[k * d + k];
      const double* const below = u + i * d;
      for (std::size_t j = i; j < d; ++j) row[j] -= f * below[j];
    }
  }
  return true;
}

/// out += scale * U Delta^-1 U', the lower triangle of A^-1, row by row without gaps. @param column  d doubles of work.
inline void ud_add_inverse(const double* a, const double* u, std::size_t d, double scale, double* column,
                           double* out) noexcept {
  for (std::size_t j = 0; j < d; ++j) {
    for (std::size_t i = 0; i <= j; ++i) column[i] = u[i * d + j];
    const double weight = scale / a[j * d + j];
    double* row = out;
    for (std::size_t i = 0; i <= j; row += ++i) {
      const double f = weight * column[i];
      for (std::size_t k = 0; k <= i; ++k) row[k] += f * column[k];
    }
  }
}

/// out = U Delta^-1 U' b; may be b. @param work  d doubles.
inline void ud_solve(const double* a, const double* u, std::size_t d, const double* b, double* work,
                     double* out) noexcept {
  std::fill(work, work + d, 0.0);
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = i; j < d; ++j) work[j] += u[i * d + j] * b[i];
  }
  for (std::size_t j = 0; j < d; ++j) work[j] /= a[j * d + j];
  for (std::size_t i = 0; i < d; ++i) {
    out[i] = 0;
    for (std::size_t j = i; j < d; ++j) out[i] += u[i * d + j] * work[j];
  }
}

}  // namespace detail
TANDEM_END
