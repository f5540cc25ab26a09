#pragma once
// What the tests of the kernels compare with: the same in double precision, at every SIMD level of this machine.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/core/random.hpp"

using tandem::kernel_table;
using tandem::kernels;

inline const std::vector<std::size_t> ranks{1, 3, 4, 15, 16, 17, 31, 33, 64, 100};
inline const std::vector<std::size_t> counts{0, 1, 3, 4, 5, 33};
inline constexpr float canary = 12345.0F;

inline std::vector<float> random_floats(std::size_t n, std::uint64_t stream) {
  tandem::random_stream random(7, stream);
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(random.normal());
  return out;
}

/// Runs `f` once at each level, and puts the level in use back.
template <class F>
void at_each_level(F&& f) {
  const std::string before(tandem::simd_level());
  for (const std::string_view level : tandem::available_simd_levels()) {
    INFO("level " << level);
    REQUIRE(tandem::set_simd_level(level));
    f();
  }
  REQUIRE(tandem::set_simd_level(before));
}

inline double double_dot(const float* x, const float* y, std::size_t n) {
  double sum = 0;
  for (std::size_t j = 0; j < n; ++j) sum += static_cast<double>(x[j]) * static_cast<double>(y[j]);
  return sum;
}

/// Error allowed for a float32 sum of n products of unit normals.
inline double tolerance(std::size_t n) { return 1e-6 * (4 + static_cast<double>(n)); }

inline bool close(float value, double reference, std::size_t n) {
  return std::abs(static_cast<double>(value) - reference) <= tolerance(n);
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}
