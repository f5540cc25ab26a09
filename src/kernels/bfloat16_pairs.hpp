#pragma once
// Two rows of bfloat16 side by side, word j holding (x[j], y[j]): what AVX512-BF16 and AMX multiply and add.
//
// For bfloat16.cpp and amx.cpp; every function carries its target, and runs only where the CPU has it.

#include <cmath>
#include <cstddef>
#include <cstdint>

#if defined(__GNUC__) && !defined(__clang__)  // GCC 12 takes its own intrinsics for uses of something uninitialized
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#include "tandem/core/config.hpp"

#define TANDEM_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define TANDEM_BF16_INLINE __attribute__((always_inline)) TANDEM_BF16 inline

TANDEM_BEGIN
namespace detail {

/// Rows of a matrix that is being gathered.
struct bfloat16_rows {
  const std::uint16_t* rows;
  std::size_t stride;
  const std::uint32_t* index;  // null: one after the other
  const float* weight;         // null: all 1
  std::size_t n;

  /// The same rows from the first on.
  [[nodiscard]] bfloat16_rows without_unit_weights() const noexcept {
    bfloat16_rows out = *this;
    bool differ = false;
    for (std::size_t r = 0; weight != nullptr && r < n; ++r) differ |= weight[r] != 1;
    if (!differ) out.weight = nullptr;
    return out;
  }
  [[nodiscard]] const std::uint16_t* row(std::size_t r) const noexcept {
    return rows + (index != nullptr ? index[r] : r) * stride;
  }
};

/// Both halves of each word times its row's factor, rounded to bfloat16 (to the nearest, ties to even).
TANDEM_BF16_INLINE __m512i scale_pairs(__m512i pairs, __m512 x_factor, __m512 y_factor) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
  const auto round = [&](__m512 value) TANDEM_BF16 {
    const __m512i bits = _mm512_castps_si512(value);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    return _mm512_and_si512(_mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd), upper);
  };
  const __m512i x = round(_mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)), x_factor));
  const __m512i y = round(_mm512_mul_ps(_mm512_castsi512_ps(_mm512_and_si512(pairs, upper)), y_factor));
  return _mm512_or_si512(_mm512_srli_epi32(x, 16), y);
}

/// Rows r and r + 1 (zeros beyond the last), each times the root of its weight; zeros from k up to `step` words, a
/// multiple of 16.
TANDEM_BF16_INLINE void pack_pair(const bfloat16_rows& from, std::size_t r, std::size_t k, std::size_t step,
                                  std::uint32_t* to) {
  const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37,
                                       5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  const bool two = r + 1 < from.n;
  const std::uint16_t* const x = from.row(r);
  const std::uint16_t* const y = two ? from.row(r + 1) : x;
  const bool scales = from.weight != nullptr;
  const __m512 x_factor = _mm512_set1_ps(scales ? std::sqrt(from.weight[r]) : 1.0F);
  const __m512 y_factor = _mm512_set1_ps(scales && two ? std::sqrt(from.weight[r + 1]) : 1.0F);
  for (std::size_t j = 0; j < step; j += 32) {
    const __mmask32 there = k - j >= 32 ? ~0U : (1U << (k - j)) - 1;
    const __m512i a = _mm512_maskz_loadu_epi16(there, x + j);
    const __m512i b = _mm512_maskz_loadu_epi16(two ? there : 0U, y + j);
    __m512i pairs = _mm512_permutex2var_epi16(a, low, b);
    _mm512_storeu_si512(to + j, scales ? scale_pairs(pairs, x_factor, y_factor) : pairs);
    if (j + 16 == step) break;
    pairs = _mm512_permutex2var_epi16(a, high, b);
    _mm512_storeu_si512(to + j + 16, scales ? scale_pairs(pairs, x_factor, y_factor) : pairs);
  }
}

/// Packs the pairs from row `first` on, at most `count` of them; returns how many there were.
TANDEM_BF16_INLINE std::size_t pack_pairs(const bfloat16_rows& from, std::size_t first, std::size_t count,
                                          std::size_t k, std::size_t step, std::uint32_t* to) {
  constexpr std::size_t ahead = 8;
  std::size_t p = 0;
  for (; p < count && first + 2 * p < from.n; ++p) {
    for (std::size_t r = first + 2 * p + ahead; from.index != nullptr && r < first + 2 * p + ahead + 2; ++r) {
      for (std::size_t j = 0; r < from.n && j < k; j += 32) __builtin_prefetch(from.row(r) + j);
    }
    pack_pair(from, first + 2 * p, k, step, to + p * step);
  }
  return p;
}

}  // namespace detail
TANDEM_END
