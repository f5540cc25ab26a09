// Screening 8-bit panels with AVX-512 VNNI, which multiplies and adds 64 bytes in one instruction (vpdpbusd).
//
// Highway 1.0.3 has no such operation. The functions here carry their own target attribute and run only where
// use_vnni() found the CPU to have it; on other compilers and architectures there is nothing in this file.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "levels.hpp"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <immintrin.h>
#define TANDEM_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define TANDEM_VNNI_INLINE __attribute__((always_inline)) TANDEM_VNNI inline

TANDEM_BEGIN
namespace detail {
namespace {

constexpr std::size_t panel = 16;  // items: one of 16 lanes each
constexpr std::size_t step = 64;   // bytes: 4 factors of a panel

TANDEM_VNNI_INLINE __m512i repeat_factors(const std::int8_t* from) {
  std::int32_t word;
  std::memcpy(&word, from, sizeof word);
  return _mm512_set1_epi32(word);
}

/// One panel for Q queries, with A sums of each to hide the latency; reading panels one after the other, not several
/// side by side, is what keeps the memory's prefetcher ahead. vpdpbusd adds four products of at most 255 * 127 to 32
/// bits and does not saturate; 256 steps stay below 2^26.
template <std::size_t Q, std::size_t A>
TANDEM_VNNI_INLINE void screen_panel(const std::int8_t* queries, const std::int32_t* shift, const std::uint8_t* rows,
                                     const float* scale, const float* bar, std::size_t stride, std::size_t k,
                                     std::uint16_t* reached) {
  __m512i sums[Q][A];
#pragma GCC unroll 4
  for (std::size_t q = 0; q < Q; ++q) {
    sums[q][0] = _mm512_set1_epi32(shift[q]);
#pragma GCC unroll 4
    for (std::size_t a = 1; a < A; ++a) sums[q][a] = _mm512_setzero_si512();
  }
  std::size_t j = 0;
  for (; j + 4 * A <= k; j += 4 * A) {
#pragma GCC unroll 4
    for (std::size_t a = 0; a < A; ++a) {
      const __m512i y = _mm512_loadu_si512(rows + (j / 4 + a) * step);
#pragma GCC unroll 4
      for (std::size_t q = 0; q < Q; ++q) {
        sums[q][a] = _mm512_dpbusd_epi32(sums[q][a], y, repeat_factors(queries + q * k + j + 4 * a));
      }
    }
  }
  for (; j < k; j += 4) {
    const __m512i y = _mm512_loadu_si512(rows + j / 4 * step);
#pragma GCC unroll 4
    for (std::size_t q = 0; q < Q; ++q) {
      sums[q][0] = _mm512_dpbusd_epi32(sums[q][0], y, repeat_factors(queries + q * k + j));
    }
  }
#pragma GCC unroll 4
  for (std::size_t q = 0; q < Q; ++q) {
#pragma GCC unroll 4
    for (std::size_t a = 1; a < A; ++a) sums[q][0] = _mm512_add_epi32(sums[q][0], sums[q][a]);
    // the masked form: GCC 12 takes the plain one for a use of something uninitialized
    const __m512 sum = _mm512_maskz_cvtepi32_ps(0xFFFF, sums[q][0]);
    const __mmask16 bits =
        _mm512_cmp_ps_mask(_mm512_mul_ps(sum, _mm512_loadu_ps(scale)), _mm512_set1_ps(bar[q]), _CMP_NLT_UQ);
    reached[q * stride] = static_cast<std::uint16_t>(bits);
  }
}

template <std::size_t Q, std::size_t A>
TANDEM_VNNI void screen_for(const std::int8_t* queries, const std::int32_t* offset, const std::uint8_t* panels,
                            const float* scale, const float* bar, std::size_t n_panels, std::size_t k,
                            std::uint16_t* reached) {
  std::int32_t shift[Q];  // items are stored with 128 added
  for (std::size_t q = 0; q < Q; ++q) {
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < k; ++j) sum += queries[q * k + j];
    shift[q] = offset[q] - 128 * sum;
  }
  for (std::size_t p = 0; p < n_panels; ++p) {
    screen_panel<Q, A>(queries, shift, panels + p * k * panel, scale + p * panel, bar, n_panels, k, reached + p);
  }
}

TANDEM_VNNI void screen_panels(const std::int8_t* queries, const std::int32_t* offset, std::size_t n_queries,
                               const std::uint8_t* panels, const float* scale, const float* bar, std::size_t n_panels,
                               std::size_t k, std::uint16_t* reached) {
  std::size_t q = 0;
  for (; q + 4 <= n_queries; q += 4) {
    screen_for<4, 2>(queries + q * k, offset + q, panels, scale, bar + q, n_panels, k, reached + q * n_panels);
  }
  for (; q + 2 <= n_queries; q += 2) {
    screen_for<2, 4>(queries + q * k, offset + q, panels, scale, bar + q, n_panels, k, reached + q * n_panels);
  }
  if (q < n_queries) {
    screen_for<1, 4>(queries + q * k, offset + q, panels, scale, bar + q, n_panels, k, reached + q * n_panels);
  }
}

}  // namespace

bool use_vnni(kernel_table& table) noexcept {
  __builtin_cpu_init();
  if (std::string_view(table.name) != "avx512" || !__builtin_cpu_supports("avx512vnni")) return false;
  table.screen_panels = screen_panels;
  table.name = "avx512vnni";
  return true;
}

}  // namespace detail
TANDEM_END

#else

TANDEM_BEGIN
namespace detail {
bool use_vnni(kernel_table&) noexcept { return false; }
}  // namespace detail
TANDEM_END

#endif
