// Every SIMD level of this machine against a double-precision reference.

#include "tandem/core/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "kernels_reference.hpp"
#include "support/catch.hpp"

TEST_CASE("levels start with portable and can be chosen by name only", "[kernels]") {
  const auto levels = tandem::available_simd_levels();
  REQUIRE(!levels.empty());
  CHECK(levels[0] == "portable");
  const std::string before(tandem::simd_level());
  for (const std::string_view level : levels) {
    CHECK(tandem::set_simd_level(level));
    CHECK(tandem::simd_level() == level);
  }
  REQUIRE(tandem::set_simd_level(before));
  CHECK_FALSE(tandem::set_simd_level("avx9000"));
  CHECK_FALSE(tandem::set_simd_level(""));
  CHECK(tandem::simd_level() == before);
}

TEST_CASE("dot, axpy and rank_one_update match the reference and stay inside", "[kernels]") {
  at_each_level([] {
    for (const std::size_t n : ranks) {
      INFO("n " << n);
      const std::vector<float> x = random_floats(n, 1);
      const std::vector<float> y = random_floats(n, 2);
      CHECK(close(kernels().dot(x.data(), y.data(), n), double_dot(x.data(), y.data(), n), n));

      std::vector<float> sum = y;
      sum.push_back(canary);
      kernels().axpy(-1.5F, x.data(), sum.data(), n);
      for (std::size_t j = 0; j < n; ++j) {
        CHECK(close(sum[j], static_cast<double>(y[j]) - 1.5 * static_cast<double>(x[j]), 1));
      }
      CHECK(sum[n] == canary);

      const std::vector<float> before = random_floats(n * n, 3);
      std::vector<float> matrix = before;
      matrix.push_back(canary);
      kernels().rank_one_update(0.5F, x.data(), n, matrix.data());
      for (std::size_t j = 0; j < n * n; ++j) {
        const double expected =
            static_cast<double>(before[j]) + 0.5 * static_cast<double>(x[j / n]) * static_cast<double>(x[j % n]);
        CHECK(close(matrix[j], expected, 1));
      }
      CHECK(matrix[n * n] == canary);
    }
    CHECK(kernels().dot(nullptr, nullptr, 0) == 0);
  });
}

TEST_CASE("score_rows and multiply match the reference", "[kernels]") {
  at_each_level([] {
    for (const std::size_t k : ranks) {
      for (const std::size_t n : counts) {
        for (const std::size_t n_queries : {1U, 2U, 3U, 4U, 7U}) {
          INFO("k " << k << ", n " << n << ", queries " << n_queries);
          const std::size_t stride = k + 3;
          const std::vector<float> queries = random_floats(n_queries * k, 4);
          const std::vector<float> rows = random_floats(n * stride, 5);
          std::vector<float> out(n_queries * n + 1, canary);
          kernels().score_rows(queries.data(), n_queries, rows.data(), n, k, stride, out.data());
          bool all = true;
          for (std::size_t q = 0; q < n_queries; ++q) {
            for (std::size_t i = 0; i < n; ++i) {
              all = all && close(out[q * n + i], double_dot(&queries[q * k], &rows[i * stride], k), k);
            }
          }
          CHECK(all);
          CHECK(out[n_queries * n] == canary);
        }
      }
      const std::vector<float> matrix = random_floats(k * k, 6);
      const std::vector<float> x = random_floats(k, 7);
      std::vector<float> y(k);
      kernels().multiply(matrix.data(), x.data(), k, y.data());
      for (std::size_t a = 0; a < k; ++a) CHECK(close(y[a], double_dot(&matrix[a * k], x.data(), k), k));
    }
  });
}

TEST_CASE("a score's bits do not depend on what is scored beside it", "[kernels]") {
  at_each_level([] {
    for (const std::size_t k : ranks) {
      INFO("k " << k);
      constexpr std::size_t n = 300;
      const std::vector<float> queries = random_floats(5 * k, 8);
      const std::vector<float> rows = random_floats(n * k, 9);
      std::vector<float> together(5 * n);
      kernels().score_rows(queries.data(), 5, rows.data(), n, k, k, together.data());
      std::vector<float> alone(5 * n);
      for (std::size_t q = 0; q < 5; ++q) {
        for (std::size_t i = 0; i < n; ++i) {
          kernels().score_rows(&queries[q * k], 1, &rows[i * k], 1, k, k, &alone[q * n + i]);
        }
      }
      CHECK(same_bits(together, alone));
    }
  });
}

TEST_CASE("gather_dot gives the bits of score_rows for rows in any order", "[kernels]") {
  at_each_level([] {
    for (const std::size_t k : ranks) {
      constexpr std::size_t n_rows = 50;
      const std::size_t stride = k + 2;
      const std::vector<float> query = random_floats(k, 17);
      const std::vector<float> rows = random_floats(n_rows * stride, 18);
      std::vector<float> all(n_rows);
      kernels().score_rows(query.data(), 1, rows.data(), n_rows, k, stride, all.data());
      for (const std::size_t n : counts) {
        INFO("k " << k << ", n " << n);
        std::vector<std::uint32_t> index;
        tandem::random_stream random(9, n);
        for (std::size_t i = 0; i < n; ++i) index.push_back(static_cast<std::uint32_t>(random.below(n_rows)));
        std::vector<float> out(n + 1, canary);
        kernels().gather_dot(rows.data(), stride, index.data(), n, k, query.data(), out.data());
        std::vector<float> expected;
        for (const std::uint32_t i : index) expected.push_back(all[i]);
        expected.push_back(canary);
        CHECK(same_bits(out, expected));
      }
    }
  });
}

namespace {

/// Panels of 8-bit rows, the extremes among them, with queries, and the sums of screen_panels in 64-bit integers.
struct screen_case {
  std::size_t k, n_panels, n_queries;
  std::vector<std::uint8_t> panels;
  std::vector<std::int8_t> queries;
  std::vector<std::int32_t> offset;
  std::vector<float> scale;

  screen_case(std::uint64_t seed, std::size_t k_, std::size_t n_panels_, std::size_t n_queries_)
      : k(k_), n_panels(n_panels_), n_queries(n_queries_) {
    tandem::random_stream random(seed, 19);
    const bool extreme = random.below(4) == 0;  // all products of largest size: nothing may saturate or overflow
    const auto number = [&](std::uint64_t sign) {
      return extreme ? (sign == 0 ? -127 : 127) : static_cast<int>(random.below(255)) - 127;
    };
    for (std::size_t e = 0; e < n_panels * 16 * k; ++e) {
      panels.push_back(static_cast<std::uint8_t>(number(e / k % 2) + 128));
    }
    for (std::size_t e = 0; e < n_queries * k; ++e) {
      queries.push_back(static_cast<std::int8_t>(number(seed % 2)));
    }
    for (std::size_t q = 0; q < n_queries; ++q) offset.push_back(static_cast<std::int32_t>(random.below(1 << 17)));
    for (std::size_t i = 0; i < n_panels * 16; ++i) {
      scale.push_back(static_cast<float>(std::exp2(random.uniform() * 200 - 110)));
    }
  }

  std::int64_t sum(std::size_t q, std::size_t i) const {
    std::int64_t sum = offset[q];
    for (std::size_t j = 0; j < k; ++j) {
      const int y = panels[(i / 16 * k / 4 + j / 4) * 64 + 4 * (i % 16) + j % 4] - 128;
      sum += std::int64_t{queries[q * k + j]} * y;
    }
    return sum;
  }
};

}  // namespace

TEST_CASE("screen_panels finds exactly the items that reach the bar", "[kernels]") {
  at_each_level([] {
    std::uint64_t seed = 0;
    for (const std::size_t k : {4U, 8U, 12U, 64U, 100U, 1024U}) {
      for (const std::size_t n_panels : {0U, 1U, 2U, 7U, 8U, 9U, 20U}) {
        for (const std::size_t n_queries : {1U, 2U, 3U, 4U, 7U, 8U}) {
          const screen_case c(++seed, k, n_panels, n_queries);
          INFO("k " << k << ", panels " << n_panels << ", queries " << n_queries << ", seed " << seed);
          std::vector<float> bar;
          tandem::random_stream random(seed, 20);
          for (std::size_t q = 0; q < n_queries; ++q) {
            // a value of the panels, so that equality happens; and what is no finite number
            const std::size_t i = n_panels == 0 ? 0 : random.below(n_panels * 16);
            const float value = n_panels == 0 ? 0.0F : static_cast<float>(c.sum(q, i)) * c.scale[i];
            const std::uint64_t kind = random.below(8);
            bar.push_back(kind == 0 ? -HUGE_VALF : kind == 1 ? HUGE_VALF : kind == 2 ? std::nanf("") : value);
          }
          std::vector<std::uint16_t> reached(n_queries * n_panels + 1, 0xABCD);
          kernels().screen_panels(c.queries.data(), c.offset.data(), n_queries, c.panels.data(), c.scale.data(),
                                  bar.data(), n_panels, k, reached.data());
          CHECK(reached.back() == 0xABCD);
          bool all = true;
          for (std::size_t b = 0; b < n_queries * n_panels; ++b) {
            for (std::size_t l = 0; l < 16; ++l) {
              const std::size_t i = b % n_panels * 16 + l;
              const float value = static_cast<float>(c.sum(b / n_panels, i)) * c.scale[i];
              all = all && ((reached[b] >> l & 1) != 0) == !(value < bar[b / n_panels]);
            }
          }
          CHECK(all);
        }
      }
    }
  });
}

TEST_CASE("gather_dot and gather_sum match the reference with and without index and weight", "[kernels]") {
  at_each_level([] {
    for (const std::size_t k : ranks) {
      for (const std::size_t n : counts) {
        INFO("k " << k << ", n " << n);
        const std::size_t stride = k + 3;
        const std::vector<float> rows = random_floats(40 * stride, 1);
        const std::vector<float> weight = random_floats(n, 2);
        const std::vector<float> x = random_floats(k, 3);
        std::vector<std::uint32_t> index(n);
        for (std::size_t r = 0; r < n; ++r) index[r] = static_cast<std::uint32_t>((r * 17 + 5) % 40);
        for (const bool gathers : {false, true}) {
          const auto row = [&](std::size_t r) { return rows.data() + (gathers ? index[r] : r) * stride; };
          std::vector<float> dots(n + 1, canary);
          kernels().gather_dot(rows.data(), stride, gathers ? index.data() : nullptr, n, k, x.data(), dots.data());
          for (std::size_t r = 0; r < n; ++r) CHECK(close(dots[r], double_dot(x.data(), row(r), k), k));
          CHECK(dots[n] == canary);
          std::vector<float> sum(k + 1, 0.5F);
          sum[k] = canary;
          kernels().gather_sum(rows.data(), stride, gathers ? index.data() : nullptr, gathers ? weight.data() : nullptr,
                               n, k, sum.data());
          for (std::size_t j = 0; j < k; ++j) {
            double expected = 0.5;
            for (std::size_t r = 0; r < n; ++r) {
              expected += (gathers ? static_cast<double>(weight[r]) : 1.0) * static_cast<double>(row(r)[j]);
            }
            CHECK(close(sum[j], expected, n));
          }
          CHECK(sum[k] == canary);
        }
      }
    }
  });
}

TEST_CASE("cholesky_solve solves positive definite systems from the lower triangle alone", "[kernels]") {
  at_each_level([] {
    for (const std::size_t k : {1U, 2U, 3U, 15U, 16U, 17U, 31U, 32U, 33U, 48U, 64U, 100U, 130U}) {
      INFO("k " << k);
      std::vector<double> a(k * k, 0.0);
      const std::vector<float> rows = random_floats(2 * k * k, 14);
      for (std::size_t i = 0; i < k; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
          for (std::size_t r = 0; r < 2 * k; ++r) {
            a[i * k + j] += static_cast<double>(rows[r * k + i]) * static_cast<double>(rows[r * k + j]);
          }
          a[j * k + i] = a[i * k + j];
        }
        a[i * k + i] += 1;
      }
      const std::vector<float> truth = random_floats(k, 15);
      std::vector<float> x(k + 1, canary);
      std::vector<float> lower(k * k + 1, canary);  // rubbish above the diagonal
      for (std::size_t i = 0; i < k; ++i) {
        double b = 0;
        for (std::size_t j = 0; j < k; ++j) b += a[i * k + j] * static_cast<double>(truth[j]);
        x[i] = static_cast<float>(b);
        for (std::size_t j = 0; j <= i; ++j) lower[i * k + j] = static_cast<float>(a[i * k + j]);
      }
      REQUIRE(kernels().cholesky_solve(lower.data(), x.data(), k));
      double worst = 0;
      for (std::size_t j = 0; j < k; ++j) worst = std::max(worst, std::abs(static_cast<double>(x[j] - truth[j])));
      CHECK(worst < 2e-4);
      CHECK(x[k] == canary);
      CHECK(lower[k * k] == canary);
    }
  });
}

TEST_CASE("cholesky_solve refuses what is not positive definite", "[kernels]") {
  at_each_level([] {
    for (const std::size_t k : ranks) {
      for (const float bad : {0.0F, -1.0F, std::nanf(""), HUGE_VALF}) {
        for (const std::size_t at : {std::size_t{0}, k / 2, k - 1}) {
          INFO("k " << k << ", diagonal " << bad << " at " << at);
          std::vector<float> matrix(k * k, 0.0F);
          for (std::size_t j = 0; j < k; ++j) matrix[j * k + j] = j == at ? bad : 2.0F;
          std::vector<float> x(k, 1.0F);
          CHECK_FALSE(kernels().cholesky_solve(matrix.data(), x.data(), k));
        }
      }
    }
  });
}

TEST_CASE("spread gives sum, squares and the smallest of any length", "[kernels]") {
  at_each_level([] {
    for (const std::size_t n : {0U, 1U, 3U, 7U, 8U, 15U, 16U, 33U, 100U}) {
      INFO("n " << n);
      const std::vector<float> x = random_floats(n, 16);
      double sum = 0;
      double squares = 0;
      float smallest = HUGE_VALF;
      for (const float each : x) {
        const double y = static_cast<double>(each) - 0.5;
        sum += y;
        squares += y * y;
        smallest = std::min(smallest, each);
      }
      float out[3];
      kernels().spread(x.data(), n, 0.5F, out);
      CHECK(close(out[0], sum, n));
      CHECK(close(out[1], squares, 4 * n));
      CHECK(out[2] == smallest);
    }
  });
}

TEST_CASE("next_above finds the first larger value and no NaN", "[kernels]") {
  at_each_level([] {
    for (const std::size_t n : {0U, 1U, 15U, 64U, 65U, 200U}) {
      for (std::size_t at = 0; at <= n; at += 3) {
        for (std::size_t from = 0; from <= at; from += 5) {
          std::vector<float> x(n, 1.0F);  // equal to the bar: not above it
          if (at + 8 < n) x[at + 8] = std::nanf("");
          if (at + 16 < n) x[at + 16] = std::nanf("");
          if (at < n) x[at] = 1.5F;
          if (at + 1 < n) x[at + 1] = 2.0F;
          CHECK(kernels().next_above(x.data(), from, n, 1.0F) == at);
        }
      }
    }
  });
}

TEST_CASE("class_maxima gives the largest number of each class", "[kernels]") {
  at_each_level([] {
    tandem::random_stream random(5);
    for (const std::size_t n : {0U, 1U, 15U, 48U, 49U, 200U, 1000U}) {
      for (const std::size_t classes : {16U, 48U, 64U, 512U}) {
        std::vector<float> x(n);
        for (float& each : x) each = random.below(5) == 0 ? -HUGE_VALF : static_cast<float>(random.normal());
        std::vector<float> maxima(classes + 1, 7.0F);
        kernels().class_maxima(x.data(), n, classes, maxima.data());
        CHECK(maxima.back() == 7.0F);  // nothing is written past the end
        for (std::size_t c = 0; c < classes; ++c) {
          float largest = -HUGE_VALF;
          for (std::size_t j = c; j < n; j += classes) largest = std::max(largest, x[j]);
          REQUIRE(maxima[c] == largest);
        }
      }
    }
  });
}

TEST_CASE("count_equal counts exactly", "[kernels]") {
  at_each_level([] {
    for (const std::size_t n : {0U, 1U, 7U, 16U, 33U, 100U}) {
      std::vector<float> x(n);
      for (std::size_t j = 0; j < n; ++j) x[j] = j % 3 == 0 ? 2.5F : std::nanf("");
      CHECK(kernels().count_equal(x.data(), n, 2.5F) == (n + 2) / 3);
      CHECK(kernels().count_equal(x.data(), n, 0.0F) == 0);
    }
  });
}
