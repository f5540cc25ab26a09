#pragma once
// Eigenvectors of a Gramian by one-sided Jacobi rotations, which only ever run along rows.
//
// Ours, and not Eigen's solver, for two reasons: that one adds five seconds to the compile time of every host, and this
// one starts from the basis of the epoch before, which is nearly right.

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

inline double dot_in_double(const double* x, const double* y, std::size_t n) noexcept {
  std::array<double, 8> part{};
  std::size_t j = 0;
  for (; j + 8 <= n; j += 8) {
    for (std::size_t l = 0; l < 8; ++l) part[l] += x[j + l] * y[j + l];
  }
  double sum = ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
  for (; j < n; ++j) sum += x[j] * y[j];
  return sum;
}

/// (x, y) <- (c x - s y, s x + c y)
inline void rotate(double* x, double* y, std::size_t n, double c, double s) noexcept {
  for (std::size_t j = 0; j < n; ++j) {
    const double a = x[j];
    const double b = y[j];
    x[j] = c * a - s * b;
    y[j] = s * a + c * b;
  }
}

/// An orthonormal basis in which a symmetric matrix is diagonal.
struct eigenbasis {
  std::size_t k = 0;
  std::vector<double> vectors;  // k rows, each an eigenvector
  std::vector<double> values;   // not ordered

  explicit eigenbasis(std::size_t rank) : k(rank), vectors(rank * rank, 0.0), values(rank, 0.0) {
    for (std::size_t a = 0; a < k; ++a) vectors[a * k + a] = 1;
  }

  /// Turns the basis into one of `matrix`, positive semidefinite, k x k, both triangles. The nearer it is already, the
  /// sooner it ends. Complexity: O(k^3) a sweep; five to ten sweeps from the start, two or three from a near basis.
  void fit(std::span<const float> matrix) {
    std::vector<double> image(k * k, 0.0);  // vectors * matrix: its rows become orthogonal, with the values as lengths
    for (std::size_t a = 0; a < k; ++a) {
      for (std::size_t j = 0; j < k; ++j) {
        const double v = vectors[a * k + j];
        for (std::size_t b = 0; b < k; ++b) image[a * k + b] += v * static_cast<double>(matrix[j * k + b]);
      }
    }
    constexpr int max_sweeps = 30;
    for (int sweep = 0; sweep < max_sweeps && !sweep_once(image); ++sweep) {
    }
    for (std::size_t a = 0; a < k; ++a) {
      values[a] = std::sqrt(dot_in_double(image.data() + a * k, image.data() + a * k, k));
    }
  }

 private:
  // rotates every pair of rows that is not orthogonal; true if there was none
  bool sweep_once(std::vector<double>& image) {
    double largest = 0;
    for (std::size_t a = 0; a < k; ++a) {
      largest = std::max(largest, dot_in_double(image.data() + a * k, image.data() + a * k, k));
    }
    bool orthogonal = true;
    for (std::size_t p = 0; p + 1 < k; ++p) {
      for (std::size_t q = p + 1; q < k; ++q) {
        double* const x = image.data() + p * k;
        double* const y = image.data() + q * k;
        const double xx = dot_in_double(x, x, k);
        const double yy = dot_in_double(y, y, k);
        const double xy = dot_in_double(x, y, k);
        if (std::abs(xy) <= 1e-9 * std::sqrt(xx * yy) || std::abs(xy) <= 1e-18 * largest) continue;
        orthogonal = false;
        const double zeta = (yy - xx) / (2 * xy);
        const double t = std::copysign(1.0, zeta) / (std::abs(zeta) + std::sqrt(1 + zeta * zeta));
        const double c = 1 / std::sqrt(1 + t * t);
        rotate(x, y, k, c, c * t);
        rotate(vectors.data() + p * k, vectors.data() + q * k, k, c, c * t);
      }
    }
    return orthogonal;
  }
};

}  // namespace detail
TANDEM_END
