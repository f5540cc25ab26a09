#pragma once
// Counter-based random numbers: a pure function of (seed, stream, counter), with distributions of our own, since those
// of std:: differ between standard libraries. Integers and uniforms are the same bits everywhere; normal, gamma and
// beta to the last bit of the platform's log, sin and pow.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <tuple>
#include <utility>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// Mixes 64 bits so that every input bit moves every output bit (the finaliser of SplitMix64, Steele et al. 2014).
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

namespace detail {

/// Philox4x32-10: ten rounds that mix a counter under a key.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> x,
                                                                std::array<std::uint32_t, 2> key) noexcept {
  const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  const auto high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * x[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * x[2];
    x = {high(p1) ^ x[1] ^ key[0], low(p1), high(p0) ^ x[3] ^ key[1], low(p0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return x;
}

}  // namespace detail

/// A generator whose n-th number depends only on (seed, stream, n): Philox4x32-10 (Salmon et al., SC 2011).
///
/// Give each decision, row or thread a stream of its own; results then do not depend on who runs first.
/// Models std::uniform_random_bit_generator. Threads: thread-compatible; a value, cheap to copy. Allocates: nothing.
class random_stream {
 public:
  using result_type = std::uint64_t;

  explicit constexpr random_stream(std::uint64_t seed, std::uint64_t stream = 0) noexcept
      : seed_(seed), stream_(stream) {}

  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return ~result_type{0}; }

  /// The next 64 random bits.
  constexpr result_type operator()() noexcept {
    if (used_ == 2) {
      block_ = block(seed_, stream_, counter_++);
      used_ = 0;
    }
    return block_[used_++];
  }

  /// Uniform in [0, 1), 53 random bits.
  double uniform() noexcept { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

  /// Uniform in (0, 1), never 0.
  double uniform_open() noexcept { return (static_cast<double>((*this)() >> 12) + 0.5) * 0x1.0p-52; }

  /// Uniform integer in [0, n), without bias (Lemire 2019). Requires n > 0.
  std::uint64_t below(std::uint64_t n) noexcept {
    TANDEM_ASSERT(n > 0);
    auto [high, low] = multiply((*this)(), n);
    if (low < n) {  // rare for small n: only then can the word be one of those that would bring a bias
      const std::uint64_t threshold = (0 - n) % n;
      while (low < threshold) std::tie(high, low) = multiply((*this)(), n);
    }
    return high;
  }

  /// Normal with the given mean and standard deviation (Box-Muller, both halves used).
  double normal(double mean = 0, double sd = 1) noexcept {
    if (has_spare_) {
      has_spare_ = false;
      return mean + sd * spare_;
    }
    const double radius = std::sqrt(-2 * std::log(uniform_open()));
    const double angle = 2 * std::numbers::pi * uniform();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return mean + sd * radius * std::cos(angle);
  }

  /// Gamma with the given shape > 0, finite, and scale 1; may be 0 for shapes below 0.1 (Marsaglia and Tsang 2000;
  /// shape < 1 by their boost).
  double gamma(double shape) noexcept {
    TANDEM_ASSERT(shape > 0);
    if (shape < 1) return gamma(shape + 1) * std::pow(uniform_open(), 1 / shape);
    const double d = shape - 1.0 / 3;
    const double c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double x = normal();
      const double root = 1 + c * x;
      if (root <= 0) continue;
      const double v = root * root * root;
      if (std::log(uniform_open()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
    }
  }

  /// Beta with parameters a, b > 0, as a ratio of gammas; in logarithms below 1, where gammas vanish.
  double beta(double a, double b) noexcept {
    if (a < 1 || b < 1) {
      const double x = log_gamma(a);
      const double y = log_gamma(b);
      return 1 / (1 + std::exp(y - x));
    }
    const double x = gamma(a);
    const double y = gamma(b);
    return x / (x + y);
  }

 private:
  // the logarithm of a gamma variate
  double log_gamma(double shape) noexcept {
    if (shape >= 1) return std::log(gamma(shape));
    const double x = std::log(gamma(shape + 1));
    return x + std::log(uniform_open()) / std::max(shape, 1e-300);
  }

  static constexpr std::pair<std::uint64_t, std::uint64_t> multiply(std::uint64_t a, std::uint64_t b) noexcept {
    const std::uint64_t a0 = a & 0xffffffffU;
    const std::uint64_t a1 = a >> 32;
    const std::uint64_t b0 = b & 0xffffffffU;
    const std::uint64_t b1 = b >> 32;
    const std::uint64_t middle = a1 * b0 + ((a0 * b0) >> 32);
    const std::uint64_t cross = a0 * b1 + (middle & 0xffffffffU);
    return {a1 * b1 + (middle >> 32) + (cross >> 32), (cross << 32) | ((a0 * b0) & 0xffffffffU)};
  }

  static constexpr std::array<std::uint64_t, 2> block(std::uint64_t seed, std::uint64_t stream,
                                                      std::uint64_t counter) noexcept {
    const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
    const auto high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
    const auto x =
        detail::philox4x32({low(counter), high(counter), low(stream), high(stream)}, {low(seed), high(seed)});
    return {x[0] | (std::uint64_t{x[1]} << 32), x[2] | (std::uint64_t{x[3]} << 32)};
  }

  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t counter_ = 0;
  std::array<std::uint64_t, 2> block_{};
  unsigned used_ = 2;
  bool has_spare_ = false;
  double spare_ = 0;
};

TANDEM_END
