#pragma once
// A Gaussian over d coefficients that learns from one linear observation at a time, its covariance kept as U D U'.
//
// U is unit upper triangular, D diagonal and positive: half the memory of the matrix, and no update can lose positive
// definiteness, because D only ever shrinks by a factor in (0, 1]. Update: Bierman, Factorization Methods for Discrete
// Sequential Estimation, 1977, ch. 5. Weight w counts as an observation of variance 1/w; a negative one takes an
// observation back (Agee and Turner 1972).
//
// Layout, element e at memory[e * Stride]: for each column j in turn theta_j, D_j, U_0j ... U_(j-1)j. Stride 1 is one
// Gaussian alone, 16 one of sixteen side by side, as kernel_table::predict_panels reads them.

#include <cmath>
#include <cstddef>
#include <limits>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

/// Gaussians side by side in a panel.
inline constexpr std::size_t ud_lanes = 16;

/// Elements of one Gaussian: where column j begins, and for j = d their number.
[[nodiscard]] constexpr std::size_t ud_column(std::size_t j) noexcept { return j * (j + 3) / 2; }

/// What an observation found before it was learned.
struct ud_surprise {
  float mean = 0;    ///< <theta, x>
  float spread = 0;  ///< x' U D U' x
};

/// f = U'x and g = D f into work, 2 * d floats; returns mean and f'g.
template <std::size_t Stride>
[[nodiscard]] inline ud_surprise ud_project(const float* memory, std::size_t d, const float* x, float* work) noexcept {
  ud_surprise out;
  for (std::size_t j = 0; j < d; ++j) {
    const float* const column = memory + ud_column(j) * Stride;
    float f = x[j];
    for (std::size_t i = 0; i < j; ++i) f += column[(2 + i) * Stride] * x[i];
    work[j] = f;
    work[d + j] = column[Stride] * f;
    out.mean += column[0] * x[j];
    out.spread += f * work[d + j];
  }
  return out;
}

/// How far theta moves a unit of b = U D U'x for an observation: the error by the innovation's variance, in units of
/// the noise. Not a number when the observation cannot be learned: a number is not finite, squares overflow, or
/// more is taken back than is there.
[[nodiscard]] inline float ud_step(const ud_surprise& before, float reward, float weight) noexcept {
  constexpr float never = std::numeric_limits<float>::quiet_NaN();
  const float growth = 1 + weight * before.spread;
  const float step = weight * (reward - before.mean) / growth;
  if (!(growth > 1e-4F) || !std::isfinite(growth) || !std::isfinite(before.spread)) return never;
  return std::fabs(step) * std::sqrt(before.spread) < 1e30F ? step : never;
}

/// Learns reward = <theta, x> + noise, `weight` times. Returns false, and changes nothing, when ud_step() is not
/// finite. @param work  3 * d floats.
template <std::size_t Stride>
inline bool ud_update(float* memory, std::size_t d, const float* x, float reward, float weight, float* work,
                      ud_surprise* before = nullptr) noexcept {
  float* const f = work;
  float* const g = work + d;
  float* const b = work + 2 * d;
  const ud_surprise found = ud_project<Stride>(memory, d, x, work);
  if (before != nullptr) *before = found;
  const float step = ud_step(found, reward, weight);
  if (!std::isfinite(step)) return false;
  float growth = 1;  // 1 + weight * (the part of x'Px in the columns so far)
  for (std::size_t j = 0; j < d; ++j) {
    float* const column = memory + ud_column(j) * Stride;
    const float grown = growth + weight * f[j] * g[j];
    const float p = -weight * f[j] / growth;
    column[Stride] *= growth / grown;
    for (std::size_t i = 0; i < j; ++i) {
      float& u = column[(2 + i) * Stride];
      const float old = u;
      u += b[i] * p;
      b[i] += old * g[j];
    }
    b[j] = g[j];
    growth = grown;
  }
  for (std::size_t j = 0; j < d; ++j) memory[ud_column(j) * Stride] += step * b[j];
  return true;
}

/// theta += amount * U D U'x: what learning a reward larger by `amount` would have done. @param work  2 * d floats.
template <std::size_t Stride>
inline bool ud_revise(float* memory, std::size_t d, const float* x, float amount, float* work) noexcept {
  const ud_surprise found = ud_project<Stride>(memory, d, x, work);
  if (!(std::fabs(amount) * std::sqrt(found.spread) < 1e30F)) return false;
  for (std::size_t j = 0; j < d; ++j) {
    const float* const column = memory + ud_column(j) * Stride;
    const float moved = amount * work[d + j];
    memory[ud_column(j) * Stride] += moved;
    for (std::size_t i = 0; i < j; ++i) memory[ud_column(i) * Stride] += column[(2 + i) * Stride] * moved;
  }
  return true;
}

}  // namespace detail
TANDEM_END
