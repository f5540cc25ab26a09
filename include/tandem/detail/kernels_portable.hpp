#pragma once
// The kernels as plain loops: for hosts without tandem::kernels, and the "portable" level beside Highway's.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

#include "tandem/core/kernels.hpp"
#include "tandem/detail/ud_gaussian.hpp"

TANDEM_BEGIN
namespace detail {

inline float dot_portable(const float* x, const float* y, std::size_t n) {
  // eight partial sums: the compiler may keep them in vector registers without reordering any of them
  std::array<float, 8> part{};
  std::size_t j = 0;
  for (; j + 8 <= n; j += 8) {
    for (std::size_t l = 0; l < 8; ++l) part[l] += x[j + l] * y[j + l];
  }
  float sum = ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
  for (; j < n; ++j) sum += x[j] * y[j];
  return sum;
}

inline void axpy_portable(float a, const float* x, float* y, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) y[j] += a * x[j];
}

inline void score_rows_portable(const float* queries, std::size_t n_queries, const float* rows, std::size_t n,
                                std::size_t k, std::size_t stride, float* out) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t q = 0; q < n_queries; ++q) out[q * n + i] = dot_portable(queries + q * k, rows + i * stride, k);
  }
}

inline void screen_panels_portable(const std::int8_t* queries, const std::int32_t* offset, std::size_t n_queries,
                                   const std::uint8_t* panels, const float* scale, const float* bar,
                                   std::size_t n_panels, std::size_t k, std::uint16_t* reached) {
  constexpr std::size_t panel = 16;
  for (std::size_t p = 0; p < n_panels; ++p) {
    for (std::size_t q = 0; q < n_queries; ++q) {
      std::array<std::int32_t, panel> sum;
      sum.fill(offset[q]);
      for (std::size_t j = 0; j < k; j += 4) {
        const std::int8_t* x = queries + q * k + j;
        const std::uint8_t* rows = panels + (p * k + j) * panel;
        for (std::size_t l = 0; l < panel; ++l) {
          for (std::size_t f = 0; f < 4; ++f) sum[l] += x[f] * (rows[4 * l + f] - 128);
        }
      }
      unsigned bits = 0;
      for (std::size_t l = 0; l < panel; ++l) {
        const bool below = static_cast<float>(sum[l]) * scale[p * panel + l] < bar[q];
        bits |= (below ? 0U : 1U) << l;
      }
      reached[q * n_panels + p] = static_cast<std::uint16_t>(bits);
    }
  }
}

inline void gram_accumulate_portable(const float* rows, std::size_t stride, const std::uint32_t* index,
                                     const float* weight, std::size_t n, std::size_t k, float* gram) {
  const auto row = [&](std::size_t r) { return rows + (index != nullptr ? index[r] : r) * stride; };
  const auto w = [&](std::size_t r) { return weight != nullptr ? weight[r] : 1.0F; };
  std::size_t r = 0;
  for (; r + 4 <= n; r += 4) {  // four rows at a time: the Gramian is read and written once for them
    const float* x0 = row(r);
    const float* x1 = row(r + 1);
    const float* x2 = row(r + 2);
    const float* x3 = row(r + 3);
    for (std::size_t a = 0; a < k; ++a) {
      const float c0 = w(r) * x0[a];
      const float c1 = w(r + 1) * x1[a];
      const float c2 = w(r + 2) * x2[a];
      const float c3 = w(r + 3) * x3[a];
      float* to = gram + a * k;
      for (std::size_t b = 0; b <= a; ++b) to[b] += (c0 * x0[b] + c1 * x1[b]) + (c2 * x2[b] + c3 * x3[b]);
    }
  }
  for (; r < n; ++r) {
    for (std::size_t a = 0; a < k; ++a) axpy_portable(w(r) * row(r)[a], row(r), gram + a * k, a + 1);
  }
}

inline void dual_gram_accumulate_portable(const float* rows, std::size_t stride, const std::uint32_t* index,
                                          const float* scale, const float* factor, std::size_t n, std::size_t k,
                                          float* gram) {
  constexpr std::size_t width = 64;
  std::array<float, width> left;
  const auto row = [&](std::size_t r) { return rows + (index != nullptr ? index[r] : r) * stride; };
  for (std::size_t first = 0; first < k; first += width) {
    const std::size_t count = std::min(width, k - first);
    const float* const f = factor + first;
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t j = 0; j < count; ++j) left[j] = scale[r] * f[j] * f[j] * row(r)[first + j];
      for (std::size_t s = 0; s <= r; ++s)
        gram[r * n + s] += scale[s] * dot_portable(left.data(), row(s) + first, count);
    }
  }
}

inline void gather_dot_portable(const float* rows, std::size_t stride, const std::uint32_t* index, std::size_t n,
                                std::size_t k, const float* x, float* out) {
  for (std::size_t r = 0; r < n; ++r) out[r] = dot_portable(x, rows + (index != nullptr ? index[r] : r) * stride, k);
}

inline void gather_sum_portable(const float* rows, std::size_t stride, const std::uint32_t* index, const float* weight,
                                std::size_t n, std::size_t k, float* out) {
  for (std::size_t r = 0; r < n; ++r) {
    const float* row = rows + (index != nullptr ? index[r] : r) * stride;
    axpy_portable(weight != nullptr ? weight[r] : 1.0F, row, out, k);
  }
}

inline void round_to_bfloat16_portable(const float* x, std::size_t n, std::uint16_t* out) {
  for (std::size_t j = 0; j < n; ++j) {
    std::uint32_t bits;
    std::memcpy(&bits, x + j, sizeof bits);
    out[j] = static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16U & 1U)) >> 16U);
  }
}

inline float from_bfloat16(std::uint16_t upper) {
  const std::uint32_t bits = static_cast<std::uint32_t>(upper) << 16U;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline void gram_accumulate_bfloat16_portable(const std::uint16_t* rows, std::size_t stride, const std::uint32_t* index,
                                              const float* weight, std::size_t n, std::size_t k, float* gram) {
  for (std::size_t r = 0; r < n; ++r) {
    const std::uint16_t* x = rows + (index != nullptr ? index[r] : r) * stride;
    for (std::size_t a = 0; a < k; ++a) {
      const float c = (weight != nullptr ? weight[r] : 1.0F) * from_bfloat16(x[a]);
      for (std::size_t b = 0; b <= a; ++b) gram[a * k + b] += c * from_bfloat16(x[b]);
    }
  }
}

inline void gather_sum_bfloat16_portable(const std::uint16_t* rows, std::size_t stride, const std::uint32_t* index,
                                         const float* weight, std::size_t n, std::size_t k, float* out) {
  for (std::size_t r = 0; r < n; ++r) {
    const std::uint16_t* x = rows + (index != nullptr ? index[r] : r) * stride;
    const float w = weight != nullptr ? weight[r] : 1.0F;
    for (std::size_t j = 0; j < k; ++j) out[j] += w * from_bfloat16(x[j]);
  }
}

inline void rank_one_update_portable(float w, const float* x, std::size_t k, float* matrix) {
  for (std::size_t a = 0; a < k; ++a) axpy_portable(w * x[a], x, matrix + a * k, k);
}

inline void predict_panels_portable(const float* x, const float* panels, std::size_t n_panels, std::size_t d,
                                    float* mean, float* spread) {
  for (std::size_t p = 0; p < n_panels; ++p) {
    const float* element = panels + p * ud_lanes * ud_column(d);
    float* const m = mean + p * ud_lanes;
    float* const s = spread + p * ud_lanes;
    std::fill_n(m, ud_lanes, 0.0F);
    std::fill_n(s, ud_lanes, 0.0F);
    for (std::size_t j = 0; j < d; ++j) {
      const float* const theta = element;
      const float* const diagonal = element + ud_lanes;
      element += 2 * ud_lanes;
      std::array<float, ud_lanes> f;
      f.fill(x[j]);
      for (std::size_t i = 0; i < j; ++i, element += ud_lanes) {
        for (std::size_t l = 0; l < ud_lanes; ++l) f[l] += element[l] * x[i];
      }
      for (std::size_t l = 0; l < ud_lanes; ++l) {
        m[l] += theta[l] * x[j];
        s[l] += diagonal[l] * f[l] * f[l];
      }
    }
  }
}

inline bool update_panel_portable(float* panel, std::size_t d, std::size_t lane, const float* x, float reward,
                                  float weight, float* work, float* before) {
  ud_surprise found;
  const bool learned = ud_update<ud_lanes>(panel + lane, d, x, reward, weight, work, &found);
  before[0] = found.mean;
  before[1] = found.spread;
  return learned;
}

inline void multiply_portable(const float* matrix, const float* x, std::size_t k, float* y) {
  for (std::size_t a = 0; a < k; ++a) y[a] = dot_portable(matrix + a * k, x, k);
}

// A = L^T L with L lower triangular, eliminating the last variable first: then every inner loop runs along a row.
inline bool cholesky_solve_portable(float* matrix, float* x, std::size_t k) {
  for (std::size_t p = k; p-- > 0;) {
    float* row = matrix + p * k;
    if (!(row[p] > 0 && row[p] <= std::numeric_limits<float>::max())) return false;
    const float inverse = 1 / std::sqrt(row[p]);
    for (std::size_t j = 0; j < p; ++j) row[j] *= inverse;
    for (std::size_t i = 0; i < p; ++i) axpy_portable(-row[i], row, matrix + i * k, i + 1);
    row[p] = inverse;  // of L's diagonal
    x[p] *= inverse;
    axpy_portable(-x[p], row, x, p);
  }
  for (std::size_t p = 0; p < k; ++p) x[p] = (x[p] - dot_portable(matrix + p * k, x, p)) * matrix[p * k + p];
  return true;
}

inline std::uint32_t cholesky_solve_sixteen_portable(float* matrix, std::size_t stride, const std::size_t* order,
                                                     float* x, std::size_t x_stride, float*) {
  std::uint32_t solved = 0;
  for (std::size_t l = 0; l < 16; ++l) {
    if (cholesky_solve_portable(matrix + l * stride, x + l * x_stride, order[l])) solved |= std::uint32_t{1} << l;
  }
  return solved;
}

inline void spread_portable(const float* x, std::size_t n, float origin, float out[3]) {
  std::array<float, 8> sum{};
  std::array<float, 8> square{};
  std::array<float, 8> low;
  low.fill(std::numeric_limits<float>::infinity());
  for (std::size_t j = 0; j < n; ++j) {
    const float y = x[j] - origin;
    sum[j % 8] += y;
    square[j % 8] += y * y;
    low[j % 8] = x[j] < low[j % 8] ? x[j] : low[j % 8];
  }
  const auto total = [](const std::array<float, 8>& p) {
    return ((p[0] + p[4]) + (p[1] + p[5])) + ((p[2] + p[6]) + (p[3] + p[7]));
  };
  out[0] = total(sum);
  out[1] = total(square);
  out[2] = *std::min_element(low.begin(), low.end());
}

inline std::size_t next_above_portable(const float* x, std::size_t from, std::size_t n, float bar) {
  while (from < n && !(x[from] > bar)) ++from;
  return from;
}

inline void class_maxima_portable(const float* x, std::size_t n, std::size_t classes, float* out) {
  std::fill_n(out, classes, -std::numeric_limits<float>::infinity());
  for (std::size_t first = 0; first < n; first += classes) {
    for (std::size_t c = 0; c < std::min(classes, n - first); ++c) out[c] = std::max(out[c], x[first + c]);
  }
}

inline std::size_t count_equal_portable(const float* x, std::size_t n, float value) {
  std::size_t count = 0;
  for (std::size_t j = 0; j < n; ++j) count += x[j] == value ? 1U : 0U;
  return count;
}

inline constexpr kernel_table portable_kernels{dot_portable,
                                               axpy_portable,
                                               score_rows_portable,
                                               screen_panels_portable,
                                               gram_accumulate_portable,
                                               dual_gram_accumulate_portable,
                                               gather_dot_portable,
                                               gather_sum_portable,
                                               round_to_bfloat16_portable,
                                               gram_accumulate_bfloat16_portable,
                                               gather_sum_bfloat16_portable,
                                               rank_one_update_portable,
                                               multiply_portable,
                                               cholesky_solve_portable,
                                               cholesky_solve_sixteen_portable,
                                               0,
                                               predict_panels_portable,
                                               update_panel_portable,
                                               spread_portable,
                                               next_above_portable,
                                               class_maxima_portable,
                                               count_equal_portable,
                                               "portable"};

}  // namespace detail

#if !(defined(TANDEM_COMPILED_KERNELS) && TANDEM_COMPILED_KERNELS)
inline const kernel_table& kernels() noexcept { return detail::portable_kernels; }
inline std::span<const std::string_view> available_simd_levels() noexcept {
  static constexpr std::array<std::string_view, 1> levels{"portable"};
  return levels;
}
inline bool set_simd_level(std::string_view level) noexcept { return level == "portable"; }
#endif

TANDEM_END
