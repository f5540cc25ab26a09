// The Gramian in tiles, on a stand-in for AMX: few machines have tiles, and what is left is where each tile goes.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/core/random.hpp"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "amx_gram.hpp"

namespace {

using namespace tandem;

float as_float(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// Eight registers of 16 rows of 16 words, and AMX's three operations on them as its manual defines them.
struct stand_in_tiles {
  static std::uint32_t (&tile(int t))[16][16] {
    static std::uint32_t all[8][16][16];
    return all[t];
  }
  template <int T>
  static void load(const void* from, std::size_t row_bytes) {
    for (std::size_t r = 0; r < 16; ++r) std::memcpy(tile(T)[r], static_cast<const char*>(from) + r * row_bytes, 64);
  }
  template <int T>
  static void store(void* to, std::size_t row_bytes) {
    for (std::size_t r = 0; r < 16; ++r) std::memcpy(static_cast<char*>(to) + r * row_bytes, tile(T)[r], 64);
  }
  template <int Sum, int Left, int Right>
  static void multiply_add() {
    for (std::size_t m = 0; m < 16; ++m) {
      for (std::size_t n = 0; n < 16; ++n) {
        float sum = as_float(tile(Sum)[m][n]);
        for (std::size_t p = 0; p < 16; ++p) {
          const std::uint32_t x = tile(Left)[m][p];
          const std::uint32_t y = tile(Right)[p][n];
          sum += as_float(x << 16U) * as_float(y << 16U) + as_float(x & 0xFFFF0000U) * as_float(y & 0xFFFF0000U);
        }
        std::memcpy(&tile(Sum)[m][n], &sum, sizeof sum);
      }
    }
  }
};

bool packs_pairs() {
  const auto levels = available_simd_levels();
  return std::find(levels.begin(), levels.end(), "avx512bf16") != levels.end();
}

}  // namespace

TEST_CASE("a Gramian in tiles is the Gramian, for any number of rows and tiles", "[simd]") {
  if (!packs_pairs()) {
    WARN("skipped: this machine has no AVX512-BF16, with which pairs are packed");
    return;
  }
  for (const std::size_t k : {16U, 32U, 48U, 64U, 80U, 128U, 512U}) {
    for (const std::size_t n : {1U, 2U, 31U, 32U, 33U, 64U, 300U}) {
      if (k == 512 && n > 64) continue;
      for (const int kind : {0, 1, 2, 3}) {
        const bool weighted = (kind & 1) != 0;
        const bool gathers = (kind & 2) != 0 || n > 200;
        INFO("k " << k << ", n " << n << ", weighted " << weighted << ", gathers " << gathers);
        const std::size_t stride = k + 8;
        random_stream random(k, n);
        std::vector<float> exact(200 * stride);
        for (float& x : exact) x = static_cast<float>(random.below(17)) - 8;  // sums of products are exact
        std::vector<std::uint16_t> rows(exact.size());
        kernels().round_to_bfloat16(exact.data(), exact.size(), rows.data());
        std::vector<std::uint32_t> index(n);
        for (std::uint32_t& r : index) r = static_cast<std::uint32_t>(random.below(200));
        std::vector<float> weight(n);
        for (float& w : weight) w = random.below(2) == 0 ? 4.0F : 0.25F;  // of whole roots
        std::vector<float> gram(k * k + 1, 2.0F);
        detail::gram_in_tiles<stand_in_tiles>(
            {rows.data(), stride, gathers ? index.data() : nullptr, weighted ? weight.data() : nullptr, n}, k,
            gram.data());
        bool all = true;
        for (std::size_t a = 0; a < k; ++a) {
          for (std::size_t b = 0; b <= a; ++b) {
            float expected = 2;
            for (std::size_t r = 0; r < n; ++r) {
              const float* x = exact.data() + (gathers ? index[r] : r) * stride;
              expected += (weighted ? weight[r] : 1) * x[a] * x[b];
            }
            all = all && gram[a * k + b] == expected;
          }
        }
        CHECK(all);
        CHECK(gram[k * k] == 2.0F);
      }
    }
  }
}
#endif
