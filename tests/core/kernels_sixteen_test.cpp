// The kernel that solves sixteen small systems at once.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels_reference.hpp"
#include "support/catch.hpp"

namespace {

constexpr std::size_t width = 16;
constexpr std::size_t largest = 67;

/// Sixteen systems laid out for the kernel, and what their solutions are.
struct systems {
  std::vector<std::size_t> order;
  std::size_t stride = largest * largest + 7;
  std::size_t x_stride = 68;
  std::vector<float> matrix, x, truth;

  explicit systems(std::vector<std::size_t> orders, std::uint64_t seed = 1)
      : order(std::move(orders)),
        matrix(width * stride, std::numeric_limits<float>::quiet_NaN()),  // rubbish above the diagonal
        x(width * x_stride, canary),
        truth(random_floats(width * x_stride, seed)) {
    for (std::size_t l = 0; l < width; ++l) fill(l, seed * 100 + l);
  }

  void fill(std::size_t l, std::uint64_t stream) {
    const std::size_t n = order[l];
    const std::vector<float> rows = random_floats(2 * n * n, stream);
    for (std::size_t i = 0; i < n; ++i) {
      double b = 0;
      for (std::size_t j = 0; j < n; ++j) {
        double a = i == j ? 1 : 0;
        for (std::size_t r = 0; r < 2 * n; ++r) a += double{rows[r * n + i]} * double{rows[r * n + j]};
        b += a * double{truth[l * x_stride + j]};
        if (j <= i) matrix[l * stride + i * n + j] = static_cast<float>(a);
      }
      x[l * x_stride + i] = static_cast<float>(b);
    }
  }

  /// Moves system l of `from` to lane `to` of this.
  void take(std::size_t to, const systems& from, std::size_t l) {
    order[to] = from.order[l];
    std::copy_n(from.matrix.data() + l * stride, stride, matrix.data() + to * stride);
    std::copy_n(from.x.data() + l * x_stride, x_stride, x.data() + to * x_stride);
  }

  std::uint32_t solve() {
    const std::size_t n = (*std::max_element(order.begin(), order.end()) + 3) / 4 * 4;
    std::vector<float> work(8 * n * (n + 6) + 16, std::numeric_limits<float>::quiet_NaN());
    work.push_back(canary);
    const std::uint32_t solved =
        kernels().cholesky_solve_sixteen(matrix.data(), stride, order.data(), x.data(), x_stride, work.data());
    CHECK(work.back() == canary);
    return solved;
  }

  [[nodiscard]] std::vector<float> solution(std::size_t l) const {
    const float* const from = x.data() + l * x_stride;
    return {from, from + order[l]};
  }
};

std::vector<std::size_t> mixed_orders(std::uint64_t seed) {
  tandem::random_stream random(11, seed);
  const std::size_t most = seed % 3 == 0 ? 5 : seed % 3 == 1 ? 24 : largest;
  std::vector<std::size_t> out(width);
  for (std::size_t& n : out) n = random.below(most + 1);  // some are empty
  return out;
}

}  // namespace

TEST_CASE("cholesky_solve_sixteen solves systems of their own orders from their lower triangles", "[kernels]") {
  at_each_level([] {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      INFO("seed " << seed);
      systems s(mixed_orders(seed), seed);
      REQUIRE(s.solve() == 0xFFFF);
      double worst = 0;
      for (std::size_t l = 0; l < width; ++l) {
        for (std::size_t j = 0; j < s.x_stride; ++j) {
          const std::size_t at = l * s.x_stride + j;
          if (j < s.order[l]) worst = std::max(worst, std::abs(double{s.x[at]} - double{s.truth[at]}));
          if (j >= s.order[l]) REQUIRE(s.x[at] == canary);
        }
      }
      CHECK(worst < 2e-4);
    }
  });
}

TEST_CASE("every small order is solved", "[kernels]") {
  at_each_level([] {
    for (std::size_t n = 0; n <= 35; ++n) {
      INFO("order " << n);
      systems s(std::vector<std::size_t>(width, n), n);
      REQUIRE(s.solve() == 0xFFFF);
      for (std::size_t l = 0; l < width; ++l) {
        for (std::size_t j = 0; j < n; ++j) {
          REQUIRE(s.x[l * s.x_stride + j] == Approx(s.truth[l * s.x_stride + j]).margin(2e-4));
        }
      }
    }
  });
}

TEST_CASE("the bits of a system's solution do not depend on its lane or on those beside it", "[kernels]") {
  at_each_level([] {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      const systems given(mixed_orders(seed), seed);
      systems together = given;
      REQUIRE(together.solve() == 0xFFFF);
      for (std::size_t l = 0; l < width; ++l) {
        INFO("seed " << seed << ", system " << l << " of order " << given.order[l]);
        systems alone(std::vector<std::size_t>(width, 0));
        const std::size_t lane = (5 * l + seed) % width;
        alone.take(lane, given, l);
        REQUIRE(alone.solve() == 0xFFFF);
        CHECK(same_bits(alone.solution(lane), together.solution(l)));
      }
    }
  });
}

TEST_CASE("cholesky_solve_sixteen refuses what is not positive definite, and it alone", "[kernels]") {
  at_each_level([] {
    for (const std::size_t n : {1U, 4U, 7U, 16U, 33U}) {
      const systems given(std::vector<std::size_t>(width, n), n);
      systems expected = given;
      REQUIRE(expected.solve() == 0xFFFF);
      for (const float bad : {0.0F, -1.0F, std::nanf(""), HUGE_VALF}) {
        for (const std::size_t at : {std::size_t{0}, n / 2, n - 1}) {
          INFO("order " << n << ", diagonal " << bad << " at " << at);
          const std::size_t lane = (n + at) % width;
          systems s = given;
          for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j <= i; ++j) s.matrix[lane * s.stride + i * n + j] = i == j ? 2.0F : 0.0F;
          }
          s.matrix[lane * s.stride + at * n + at] = bad;
          CHECK(s.solve() == (0xFFFFU & ~(1U << lane)));
          for (std::size_t l = 0; l < width; ++l) {
            if (l != lane) REQUIRE(same_bits(s.solution(l), expected.solution(l)));
          }
        }
      }
    }
  });
}
