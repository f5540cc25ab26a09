// The kernels that sum Gramians, and those of bfloat16 rows.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels_reference.hpp"
#include "support/catch.hpp"

namespace {

using halves = std::vector<std::uint16_t>;

halves rounded(const std::vector<float>& x) {
  halves out(x.size());
  kernels().round_to_bfloat16(x.data(), x.size(), out.data());
  return out;
}

std::vector<float> widened(const halves& upper) {
  std::vector<float> out(upper.size());
  for (std::size_t j = 0; j < upper.size(); ++j) {
    const std::uint32_t bits = static_cast<std::uint32_t>(upper[j]) << 16U;
    std::memcpy(&out[j], &bits, sizeof bits);
  }
  return out;
}

std::vector<std::uint32_t> some_rows(std::size_t n, std::size_t n_rows) {
  tandem::random_stream random(8, n);
  std::vector<std::uint32_t> out(n);
  for (std::uint32_t& r : out) r = static_cast<std::uint32_t>(random.below(n_rows));
  return out;
}

/// Whether the lower triangle of `gram` is that of `before` and the Gramian of rows, within `relative` of the products'
/// sizes.
bool is_gramian(const std::vector<float>& gram, const std::vector<float>& before, const std::vector<const float*>& rows,
                const std::vector<float>& weight, std::size_t k, double relative) {
  bool all = true;
  for (std::size_t a = 0; a < k; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      auto expected = static_cast<double>(before[a * k + b]);
      double size = std::abs(expected);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const double term =
            static_cast<double>(weight[r]) * static_cast<double>(rows[r][a]) * static_cast<double>(rows[r][b]);
        expected += term;
        size += std::abs(term);
      }
      all = all && std::abs(static_cast<double>(gram[a * k + b]) - expected) <= relative * size + 1e-12;
    }
  }
  return all;
}

}  // namespace

TEST_CASE("gram_accumulate matches the reference with and without index and weight", "[kernels]") {
  at_each_level([] {
    constexpr std::size_t n_rows = 400;
    for (const std::size_t k : ranks) {
      const std::size_t stride = k + 1;
      const std::vector<float> rows = random_floats(n_rows * stride, 10);
      for (const std::size_t n : {0U, 1U, 3U, 4U, 5U, 33U, 300U}) {
        std::vector<std::uint32_t> index;
        tandem::random_stream random(8, n);
        for (std::size_t r = 0; r < n; ++r) index.push_back(static_cast<std::uint32_t>(random.below(n_rows)));
        const std::vector<float> weight = random_floats(n, 11);  // of both signs
        const std::vector<float> before = random_floats(k * k, 12);
        for (const int kind : {0, 1, 2, 3}) {
          INFO("k " << k << ", n " << n << ", index " << (kind & 1) << ", weight " << (kind & 2));
          std::vector<float> gram = before;
          gram.push_back(canary);
          kernels().gram_accumulate(rows.data(), stride, (kind & 1) != 0 ? index.data() : nullptr,
                                    (kind & 2) != 0 ? weight.data() : nullptr, n, k, gram.data());
          bool all = true;
          for (std::size_t a = 0; a < k; ++a) {
            for (std::size_t b = 0; b <= a; ++b) {
              auto expected = static_cast<double>(before[a * k + b]);
              for (std::size_t r = 0; r < n; ++r) {
                const float* x = rows.data() + ((kind & 1) != 0 ? index[r] : r) * stride;
                const double w = (kind & 2) != 0 ? static_cast<double>(weight[r]) : 1.0;
                expected += w * static_cast<double>(x[a]) * static_cast<double>(x[b]);
              }
              all = all && close(gram[a * k + b], expected, n);
            }
          }
          CHECK(all);
          CHECK(gram[k * k] == canary);
        }
      }
    }
  });
}

TEST_CASE("gram_accumulate takes ranks beyond its panel", "[kernels]") {
  at_each_level([] {
    constexpr std::size_t k = 4097;
    const std::vector<float> x = random_floats(2 * k, 13);
    std::vector<float> gram(k * k, 0.0F);
    kernels().gram_accumulate(x.data(), k, nullptr, nullptr, 2, k, gram.data());
    bool all = true;
    for (std::size_t a = 0; a < k; a += 7) {
      for (std::size_t b = 0; b <= a; b += 5) {
        const double expected = static_cast<double>(x[a]) * static_cast<double>(x[b]) +
                                static_cast<double>(x[k + a]) * static_cast<double>(x[k + b]);
        all = all && close(gram[a * k + b], expected, 2);
      }
    }
    CHECK(all);
  });
}

TEST_CASE("round_to_bfloat16 rounds to the nearest, ties to even, the same at each level", "[kernels]") {
  at_each_level([] {
    // 1 + 2^-8 lies between 1 and 1 + 2^-7: a tie, to the even 1; 1 + 3 * 2^-8 a tie to the even 1 + 2^-6
    const std::vector<float> x{1.0F,  -1.0F,     1.00390625F, 1.01171875F, 1.004F, -1.004F,  0.0F,
                               -0.0F, 3.140625F, 1e-40F,      3e38F,       -1e-3F, 65280.0F, 65281.0F,
                               0.1F,  0.2F,      0.3F,        123.456F,    -7.7F};
    const halves got = rounded(x);
    const std::vector<float> back = widened(got);
    CHECK(back[0] == 1.0F);
    CHECK(back[1] == -1.0F);
    CHECK(back[2] == 1.0F);
    CHECK(back[3] == 1.015625F);
    CHECK(back[4] == 1.0078125F);
    CHECK(back[5] == -1.0078125F);
    CHECK(back[6] == 0.0F);
    CHECK(back[8] == 3.140625F);
    for (std::size_t n = 0; n <= x.size(); ++n) {  // any length, nothing beyond
      halves out(n + 1, 0xABCD);
      kernels().round_to_bfloat16(x.data(), n, out.data());
      CHECK(std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n), got.begin()));
      CHECK(out[n] == 0xABCD);
    }
    const std::vector<float> many = random_floats(1000, 3);
    const std::vector<float> near = widened(rounded(many));
    bool all = true;
    for (std::size_t j = 0; j < many.size(); ++j) all = all && std::abs(near[j] - many[j]) <= std::abs(many[j]) / 256;
    CHECK(all);
  });
}

TEST_CASE("gram_accumulate_bfloat16 matches the reference with and without index and weight", "[kernels]") {
  at_each_level([] {
    constexpr std::size_t n_rows = 400;
    for (const std::size_t k : {1U, 3U, 4U, 15U, 16U, 17U, 31U, 32U, 33U, 48U, 64U, 80U, 100U, 128U}) {
      const std::size_t stride = k + 1;
      const halves rows = rounded(random_floats(n_rows * stride, 10));
      const std::vector<float> exact = widened(rows);
      for (const std::size_t n : {0U, 1U, 2U, 5U, 33U, 300U}) {
        const std::vector<std::uint32_t> index = some_rows(n, n_rows);
        std::vector<float> weight = random_floats(n, 11);
        for (float& w : weight) w = w > 0 ? 4.0F : 0.25F;  // of whole roots: rounding them once more changes nothing
        const std::vector<float> before = random_floats(k * k, 12);
        for (const int kind : {0, 1, 2, 3}) {
          INFO("k " << k << ", n " << n << ", index " << (kind & 1) << ", weight " << (kind & 2));
          std::vector<float> gram = before;
          gram.push_back(canary);
          kernels().gram_accumulate_bfloat16(rows.data(), stride, (kind & 1) != 0 ? index.data() : nullptr,
                                             (kind & 2) != 0 ? weight.data() : nullptr, n, k, gram.data());
          std::vector<const float*> at(n);
          for (std::size_t r = 0; r < n; ++r) at[r] = exact.data() + ((kind & 1) != 0 ? index[r] : r) * stride;
          const std::vector<float> w = (kind & 2) != 0 ? weight : std::vector<float>(n, 1.0F);
          CHECK(is_gramian(gram, before, at, w, k, 1e-5));
          CHECK(gram[k * k] == canary);
        }
      }
    }
  });
}

TEST_CASE("gram_accumulate_bfloat16 takes any weight, with one rounding more at the most", "[kernels]") {
  at_each_level([] {
    const halves rows = rounded(random_floats(9 * 20, 14));
    const std::vector<float> exact = widened(rows);
    std::vector<const float*> at(9);
    for (std::size_t r = 0; r < 9; ++r) at[r] = exact.data() + r * 20;
    std::vector<float> weight = random_floats(9, 15);
    for (float& w : weight) w = std::abs(w);
    weight[4] = 0;
    std::vector<float> gram(20 * 20, 0.0F);
    kernels().gram_accumulate_bfloat16(rows.data(), 20, nullptr, weight.data(), 9, 20, gram.data());
    CHECK(is_gramian(gram, std::vector<float>(20 * 20, 0.0F), at, weight, 20, 1.0 / 128));
  });
}

TEST_CASE("Gramians of no columns are nothing", "[kernels]") {
  at_each_level([] {
    const float x = 1;
    const std::uint16_t h = 0x3F80;
    float gram = canary;
    kernels().gram_accumulate(&x, 1, nullptr, nullptr, 1, 0, &gram);
    kernels().gram_accumulate_bfloat16(&h, 1, nullptr, nullptr, 1, 0, &gram);
    CHECK(gram == canary);
    kernels().dual_gram_accumulate(&x, 1, nullptr, &x, &x, 1, 0, &gram);
    CHECK(gram == canary);
  });
}

TEST_CASE("gram_accumulate_bfloat16 counts weights of 1 as none, to the bit", "[kernels]") {
  at_each_level([] {
    const halves rows = rounded(random_floats(90 * 64, 4));
    const std::vector<float> ones(90, 1.0F);
    std::vector<float> plain(64 * 64, 0.0F);
    std::vector<float> weighted = plain;
    kernels().gram_accumulate_bfloat16(rows.data(), 64, nullptr, nullptr, 90, 64, plain.data());
    kernels().gram_accumulate_bfloat16(rows.data(), 64, nullptr, ones.data(), 90, 64, weighted.data());
    CHECK(same_bits(plain, weighted));
  });
}

TEST_CASE("gather_sum_bfloat16 matches the reference", "[kernels]") {
  at_each_level([] {
    for (const std::size_t k : ranks) {
      const std::size_t stride = k + 3;
      const halves rows = rounded(random_floats(40 * stride, 1));
      const std::vector<float> exact = widened(rows);
      for (const std::size_t n : counts) {
        const std::vector<std::uint32_t> index = some_rows(n, 40);
        const std::vector<float> weight = random_floats(n, 2);
        for (const bool gathers : {false, true}) {
          INFO("k " << k << ", n " << n << ", gathers " << gathers);
          std::vector<float> sum(k + 1, 0.5F);
          sum[k] = canary;
          kernels().gather_sum_bfloat16(rows.data(), stride, gathers ? index.data() : nullptr,
                                        gathers ? weight.data() : nullptr, n, k, sum.data());
          for (std::size_t j = 0; j < k; ++j) {
            double expected = 0.5;
            for (std::size_t r = 0; r < n; ++r) {
              expected += (gathers ? static_cast<double>(weight[r]) : 1.0) *
                          static_cast<double>(exact[(gathers ? index[r] : r) * stride + j]);
            }
            CHECK(close(sum[j], expected, n));
          }
          CHECK(sum[k] == canary);
        }
      }
    }
  });
}

TEST_CASE("dual_gram_accumulate matches the reference", "[kernels]") {
  at_each_level([] {
    for (const std::size_t k : ranks) {
      const std::size_t stride = k + 1;
      const std::vector<float> rows = random_floats(60 * stride, 5);
      const std::vector<float> factor = random_floats(k, 6);
      for (const std::size_t n : {0U, 1U, 2U, 4U, 5U, 16U, 17U, 48U, 70U}) {
        const std::vector<std::uint32_t> index = some_rows(n, 60);
        const std::vector<float> scale = random_floats(n, 7);
        for (const bool gathers : {false, true}) {
          if (!gathers && n > 60) continue;
          INFO("k " << k << ", n " << n << ", gathers " << gathers);
          const auto at = [&](std::size_t r, std::size_t j) {
            return static_cast<double>(scale[r]) * static_cast<double>(factor[j]) *
                   static_cast<double>(rows[(gathers ? index[r] : r) * stride + j]);
          };
          std::vector<float> gram(n * n + 1, 0.25F);
          gram[n * n] = canary;
          kernels().dual_gram_accumulate(rows.data(), stride, gathers ? index.data() : nullptr, scale.data(),
                                         factor.data(), n, k, gram.data());
          bool all = true;
          for (std::size_t r = 0; r < n; ++r) {
            for (std::size_t s = 0; s <= r; ++s) {
              double expected = 0.25;
              double size = 0.25;
              for (std::size_t j = 0; j < k; ++j) {
                expected += at(r, j) * at(s, j);
                size += std::abs(at(r, j) * at(s, j));
              }
              all = all && std::abs(static_cast<double>(gram[r * n + s]) - expected) <= 4e-6 * size;
            }
          }
          CHECK(all);
          CHECK(gram[n * n] == canary);
        }
      }
    }
  });
}

TEST_CASE("dual_gram_accumulate takes more rows than its panel has room for", "[kernels]") {
  at_each_level([] {
    constexpr std::size_t n = 4100;
    const std::vector<float> rows = random_floats(n * 3, 8);
    const std::vector<float> ones(n, 1.0F);
    std::vector<float> gram(n * n, 0.0F);
    kernels().dual_gram_accumulate(rows.data(), 3, nullptr, ones.data(), ones.data(), n, 3, gram.data());
    bool all = true;
    for (std::size_t r = 0; r < n; r += 97) {
      for (std::size_t s = 0; s <= r; s += 31)
        all = all && close(gram[r * n + s], double_dot(&rows[r * 3], &rows[s * 3], 3), 3);
    }
    CHECK(all);
  });
}
