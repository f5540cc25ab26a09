#pragma once
// Vectors rounded to 8 bits, with a bound on how far an inner product computed in float32 lies above the rounded one.
//
// An item y is a v + e: v integers in [-127, 127], a its scale, |e| <= a eps (eps: the largest such ratio of all
// items). A query x is b w + f likewise. Then, by Cauchy and Schwarz,
//   <x, y> = a b <w, v> + <b w, e> + <f, y>  <=  a b (<w, v> + |w| eps) + |f| |y|.
// A float32 sum of k products, in any order, fused or not, is off by at most gamma |x| |y| + tau: gamma = (k + 16) u /
// (1
// - that), u = 2^-24 (Higham 2002, section 3.1), and tau for products and inputs too small for float32's normal
// numbers. So the kernel's score of y is less than T, and y is no candidate, whenever
//   float(<w, v> + ceil(|w| eps)) * a  <  (T - (|f| + gamma |x|) |y| - tau) / b,
// gamma taken 8 u larger to pay for this very comparison in float32: times b, its left side is at most 1.5 |x| |y| in
// size for k <= 1024, so rounding the product and a bar of that size costs less than 4 u. The rest is done in double.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

inline constexpr std::size_t panel_size = 16;            ///< items packed together
inline constexpr std::size_t largest_8_bit_rank = 1024;  ///< beyond it an integer sum has no exact float32

/// Factors as the panels hold them: filled up with zeros to a multiple of 4.
[[nodiscard]] constexpr std::size_t padded_rank(std::size_t rank) noexcept { return (rank + 3) / 4 * 4; }

[[nodiscard]] inline double norm_of(std::span<const float> x) noexcept {
  double sum = 0;
  for (const float each : x) sum += double{each} * double{each};
  return std::sqrt(sum);
}

/// The smallest float32 not below x >= 0, or infinity.
[[nodiscard]] inline float round_up(double x) noexcept {
  if (x > double{std::numeric_limits<float>::max()}) return std::numeric_limits<float>::infinity();
  const auto y = static_cast<float>(x);
  return double{y} < x ? std::nextafter(y, std::numeric_limits<float>::infinity()) : y;
}

/// The largest magnitude.
[[nodiscard]] inline float largest_of(std::span<const float> x) noexcept {
  float largest = 0;
  for (const float each : x) largest = std::max(largest, std::abs(each));
  return largest;
}

/// Rounds row `lane` of a panel: writes its 8-bit factors, 128 added, and its scale, at least 2^-120, so that the
/// kernel's product never falls below float32's normal numbers. Returns |row - scale * rounded| / scale.
[[nodiscard]] inline double pack_row(std::span<const float> row, std::size_t lane, std::uint8_t* panel, float& scale) {
  scale = std::max(round_up(double{largest_of(row)} / 127), 0x1p-120F);
  const double inverse = 1 / double{scale};
  double error = 0;
  for (std::size_t j = 0; j < row.size(); ++j) {
    const double exact = double{row[j]} * inverse;        // at most 127, but for the last bits
    const int rounded = static_cast<int>(exact + 128.5);  // to the nearest, 128 added: in [1, 255]
    error += (exact + 128 - rounded) * (exact + 128 - rounded);
    panel[j / 4 * 4 * panel_size + 4 * lane + j % 4] = static_cast<std::uint8_t>(rounded);
  }
  return std::sqrt(error);
}

/// What a query is to the bound above.
struct query_bound {
  double norm = 0;          ///< |x|
  double gamma = 0;         ///< relative error of a float32 sum, and of the comparison
  double tau = 0;           ///< absolute error of a float32 sum
  double unit = 0;          ///< b
  double rest = 0;          ///< |f|
  std::int32_t offset = 0;  ///< ceil(|w| eps)
  bool is_rounded = false;  ///< false: the last three are not known, and nothing may be screened

  /// No item of this norm or less scores as much as the return value, unless a sum overflows: then it is infinite.
  [[nodiscard]] double score_limit(double item_norm) const noexcept {
    const double limit = norm * item_norm * (1 + gamma) + tau;
    return limit < double{std::numeric_limits<float>::max()} ? limit : std::numeric_limits<double>::infinity();
  }

  /// The kernel's bar for a panel whose items have at most this norm: what stays below it scores less than `target`.
  [[nodiscard]] float bar(float target, double item_norm) const noexcept {
    constexpr double most = std::numeric_limits<float>::max();
    const double bar = (double{target} - (rest + gamma * norm) * item_norm - tau) / unit;
    return bar < -most ? -std::numeric_limits<float>::infinity() : static_cast<float>(std::min(bar, most));
  }
};

/// The bound of a query over items of at most `largest_norm`, by which a scan without rounding can end early.
[[nodiscard]] inline query_bound bound_of(std::span<const float> x, double largest_norm) noexcept {
  query_bound q;
  const double ku = (static_cast<double>(x.size()) + 24) * 0x1p-24;
  q.norm = norm_of(x);
  q.gamma = ku < 0.5 ? ku / (1 - ku) : std::numeric_limits<double>::infinity();
  q.tau = 0x1p-120 * (static_cast<double>(x.size()) + q.norm + largest_norm);
  return q;
}

/// Rounds a query to w, length padded_rank(), and completes its bound, where that can be: for up to largest_8_bit_rank
/// finite factors that are not all 0, with no score out of float32's range.
inline void round_query(std::span<const float> x, double largest_norm, double eps, std::int8_t* w, query_bound& q) {
  q.unit = double{largest_of(x)} / 127;
  q.is_rounded = x.size() <= largest_8_bit_rank && std::isfinite(q.norm) && q.unit > 0 &&
                 std::isfinite(q.score_limit(largest_norm));
  if (!q.is_rounded) return;
  double squares = 0;
  double error = 0;
  const double inverse = 1 / q.unit;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const double exact = double{x[j]} * inverse;
    const int rounded = static_cast<int>(exact + 128.5) - 128;
    squares += static_cast<double>(rounded * rounded);
    error += (exact - rounded) * (exact - rounded);
    w[j] = static_cast<std::int8_t>(rounded);
  }
  std::fill(w + x.size(), w + padded_rank(x.size()), std::int8_t{0});
  q.rest = q.unit * std::sqrt(error);
  q.offset = static_cast<std::int32_t>(std::ceil(std::sqrt(squares) * eps));
}

}  // namespace detail
TANDEM_END
