// Gramians of bfloat16 rows with AVX512-BF16, which multiplies and adds 32 pairs in one instruction (vdpbf16ps).
//
// Highway 1.0.3 has no such operation. The functions here carry their own target attribute and run only where
// use_bfloat16() found the CPU to have it; on other compilers and architectures there is nothing in this file.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "levels.hpp"
#include "tandem/detail/kernels_portable.hpp"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "bfloat16_pairs.hpp"

TANDEM_BEGIN
namespace detail {
namespace {

constexpr std::size_t panel_words = 4096;
constexpr std::size_t tile_rows = 8;
constexpr std::size_t tile_vectors = 3;  // 24 sums, 3 vectors and 1 word repeated: 28 of 32 registers

TANDEM_BF16_INLINE __m512 multiply_add(__m512 sum, __m512i x, __m512i y) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(y));
}

/// out[t][j] += sum_p left[p][t] . right[p][j], t < rows <= tile_rows, j < 16 N, words p apart by `step`; only the
/// lanes of `last` in the last vector.
template <std::size_t N>
TANDEM_BF16 void tile(const std::uint32_t* left, const std::uint32_t* right, std::size_t step, std::size_t n,
                      float* out, std::size_t stride, std::size_t rows, __mmask16 last) {
  __m512 sums[tile_rows][N];
#pragma GCC unroll 8
  for (std::size_t t = 0; t < tile_rows; ++t) {
#pragma GCC unroll 3
    for (std::size_t v = 0; v < N; ++v) sums[t][v] = _mm512_setzero_ps();
  }
  for (std::size_t p = 0; p < n; ++p) {
    __m512i y[N];
#pragma GCC unroll 3
    for (std::size_t v = 0; v < N; ++v) y[v] = _mm512_loadu_si512(right + p * step + 16 * v);
#pragma GCC unroll 8
    for (std::size_t t = 0; t < tile_rows; ++t) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(left[p * step + t]));
#pragma GCC unroll 3
      for (std::size_t v = 0; v < N; ++v) sums[t][v] = multiply_add(sums[t][v], x, y[v]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t t = 0; t < tile_rows; ++t) {
    if (t >= rows) break;
#pragma GCC unroll 3
    for (std::size_t v = 0; v < N; ++v) {
      const __mmask16 lanes = v + 1 == N ? last : 0xFFFF;
      float* const to = out + t * stride + 16 * v;
      _mm512_mask_storeu_ps(to, lanes, _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, to), sums[t][v]));
    }
  }
}

/// gram += the Gramian of n packed pairs, the lower triangle.
TANDEM_BF16 void add_pairs(const std::uint32_t* pairs, std::size_t step, std::size_t n, std::size_t k, float* gram) {
  for (std::size_t a = 0; a < k; a += tile_rows) {
    const std::size_t rows = k - a < tile_rows ? k - a : tile_rows;
    const std::size_t vectors = a / 16 + 1;
    for (std::size_t v = 0; v < vectors;) {
      const std::size_t now = vectors - v == 4 ? 2 : vectors - v < tile_vectors ? vectors - v : tile_vectors;
      const std::size_t b = 16 * v;
      const std::size_t end = b + 16 * now;
      const auto last = static_cast<__mmask16>(end <= k ? 0xFFFFU : 0xFFFFU >> (end - k));
      float* const out = gram + a * k + b;
      switch (now) {
        case 1: tile<1>(pairs + a, pairs + b, step, n, out, k, rows, last); break;
        case 2: tile<2>(pairs + a, pairs + b, step, n, out, k, rows, last); break;
        default: tile<3>(pairs + a, pairs + b, step, n, out, k, rows, last); break;
      }
      v += now;
    }
  }
}

TANDEM_BF16 void gram_accumulate_bfloat16(const std::uint16_t* rows, std::size_t stride, const std::uint32_t* index,
                                          const float* weight, std::size_t n, std::size_t k, float* gram) {
  if (k == 0) return;
  const std::size_t step = (k + 15) / 16 * 16;
  if (step > panel_words) return gram_accumulate_bfloat16_portable(rows, stride, index, weight, n, k, gram);
  alignas(64) std::uint32_t pairs[panel_words];
  const bfloat16_rows from = bfloat16_rows{rows, stride, index, weight, n}.without_unit_weights();
  const std::size_t panel = panel_words / step;
  for (std::size_t first = 0; first < n; first += 2 * panel) {
    add_pairs(pairs, step, pack_pairs(from, first, panel, k, step, pairs), k, gram);
  }
}

}  // namespace

bool use_bfloat16(kernel_table& table) noexcept {
  __builtin_cpu_init();
  if (std::string_view(table.name) != "avx512vnni" || !__builtin_cpu_supports("avx512bf16")) return false;
  table.gram_accumulate_bfloat16 = gram_accumulate_bfloat16;
  table.name = "avx512bf16";
  return true;
}

}  // namespace detail
TANDEM_END

#else

TANDEM_BEGIN
namespace detail {
bool use_bfloat16(kernel_table&) noexcept { return false; }
}  // namespace detail
TANDEM_END

#endif
