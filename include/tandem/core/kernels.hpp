#pragma once
// The innermost loops as a table of function pointers, chosen once for this CPU.
//
// Raw pointers only: nothing of Eigen or the standard library crosses this line, so the compiled half may be built
// with other flags than the host. With tandem::kernels linked, the table is filled by Highway for the best instruction
// set at run time; without it, by portable loops. Results are the same bits for one level, and may differ in the last
// bits between levels.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// Pointers to the innermost loops. Requires of all: no overlap of inputs and outputs; any alignment; any length.
/// Threads: every function is pure but for its output. Allocates: nothing.
struct kernel_table {
  /// Returns sum_j x[j] * y[j], j < n.
  float (*dot)(const float* x, const float* y, std::size_t n);

  /// y[j] += a * x[j], j < n.
  void (*axpy)(float a, const float* x, float* y, std::size_t n);

  /// out[q * n + i] = sum_j queries[q * k + j] * rows[i * stride + j], q < n_queries, i < n, j < k.
  /// One pass over the rows for all queries: with few queries the cost is that of reading the rows.
  /// The bits of a sum depend on its query, its row and k only, not on what is scored beside it.
  void (*score_rows)(const float* queries, std::size_t n_queries, const float* rows, std::size_t n, std::size_t k,
                     std::size_t stride, float* out);

  /// Which of the rows packed 16 to a panel in 8 bits (batch/top_n.hpp) may reach a bar: bit l of
  /// reached[q * n_panels + p] is set unless float(offset[q] + z) * scale[16 p + l] < bar[q], where
  ///   z = sum_j queries[q * k + j] * (panels[(p * k / 4 + j / 4) * 64 + 4 l + j % 4] - 128),  j < k.
  /// One pass over the panels for all queries. The bits are the same at every level.
  /// Requires: k a multiple of 4, at most 1024; queries in [-127, 127]; |offset| < 2^17, so that the sum has an exact
  /// float32; panels in [1, 255].
  void (*screen_panels)(const std::int8_t* queries, const std::int32_t* offset, std::size_t n_queries,
                        const std::uint8_t* panels, const float* scale, const float* bar, std::size_t n_panels,
                        std::size_t k, std::uint16_t* reached);

  /// gram[a * k + b] += sum_r weight[r] * x_r[a] * x_r[b] for b <= a (the lower triangle; entries above it are left
  /// unspecified), x_r = rows + index[r] * stride, r < n. `index` null: x_r = rows + r * stride. `weight` null: all 1.
  /// The order of summation depends on n and k only.
  void (*gram_accumulate)(const float* rows, std::size_t stride, const std::uint32_t* index, const float* weight,
                          std::size_t n, std::size_t k, float* gram);

  /// gram[r * n + s] += sum_j y_r[j] * y_s[j] for s <= r (the lower triangle; entries above it are left unspecified), j
  /// < k, y_r[j] = scale[r] * factor[j] * x_r[j], r < n, rows as in gram_accumulate. The order of summation depends on
  /// n and k only.
  void (*dual_gram_accumulate)(const float* rows, std::size_t stride, const std::uint32_t* index, const float* scale,
                               const float* factor, std::size_t n, std::size_t k, float* gram);

  /// out[r] = <x, x_r>, r < n, rows as in gram_accumulate, with the bits that score_rows gives; x of length k.
  void (*gather_dot)(const float* rows, std::size_t stride, const std::uint32_t* index, std::size_t n, std::size_t k,
                     const float* x, float* out);

  /// out[j] += sum_r weight[r] * x_r[j], j < k, rows and weights as in gram_accumulate.
  /// The order of summation depends on n only.
  void (*gather_sum)(const float* rows, std::size_t stride, const std::uint32_t* index, const float* weight,
                     std::size_t n, std::size_t k, float* out);

  /// out[j] = the upper half of x[j]'s bits, rounded to the nearest (ties to even): bfloat16, as the functions below
  /// read it. Requires: x finite.
  void (*round_to_bfloat16)(const float* x, std::size_t n, std::uint16_t* out);

  /// gram_accumulate for rows in bfloat16; products are summed in float32. Where the CPU multiplies bfloat16, a row is
  /// multiplied by the root of its weight and rounded once more, unless all weights are 1. Requires: weight >= 0.
  void (*gram_accumulate_bfloat16)(const std::uint16_t* rows, std::size_t stride, const std::uint32_t* index,
                                   const float* weight, std::size_t n, std::size_t k, float* gram);

  /// gather_sum for rows in bfloat16; sums and weights are float32.
  void (*gather_sum_bfloat16)(const std::uint16_t* rows, std::size_t stride, const std::uint32_t* index,
                              const float* weight, std::size_t n, std::size_t k, float* out);

  /// matrix[a * k + b] += w * x[a] * x[b] for all a, b < k (both triangles).
  void (*rank_one_update)(float w, const float* x, std::size_t k, float* matrix);

  /// y[a] = sum_b matrix[a * k + b] * x[b], a < k, for a full row-major k x k matrix.
  void (*multiply)(const float* matrix, const float* x, std::size_t k, float* y);

  /// Solves A x = b for a symmetric positive definite A by Cholesky. `matrix` holds the lower triangle of A, row-major
  /// k x k, and is overwritten; x holds b and becomes the solution. Returns false, with x unspecified, when A is not
  /// positive definite in float32.
  bool (*cholesky_solve)(float* matrix, float* x, std::size_t k);

  /// Sixteen such systems of their own orders at once, for small ones: system l has order[l] variables, perhaps none,
  /// its lower triangle from matrix + l * stride on and its b from x + l * x_stride on. Bit l of the result says
  /// whether system l was positive definite and x_l is its solution, else x_l is unspecified. The bits of a solution
  /// depend on its system only, not on those beside it; they are not those of cholesky_solve.
  /// Requires: stride >= order[l]^2 + 3, all of it initialized; x_stride a multiple of 4, at least order[l]; work of
  /// 8 n (n + 6) + 16 floats, n being the largest order[l] rounded up to a multiple of 4. Overwrites the matrices.
  std::uint32_t (*cholesky_solve_sixteen)(float* matrix, std::size_t stride, const std::size_t* order, float* x,
                                          std::size_t x_stride, float* work);

  /// Up to which order cholesky_solve_sixteen beats sixteen times cholesky_solve, forming the systems included.
  std::size_t sixteen_pays_to;

  /// Sixteen Gaussians of d coefficients to a panel, their covariances as U D U' (detail/ud_gaussian.hpp has the
  /// layout): mean[16 p + l] = <theta, x> and spread[16 p + l] = x' U D U' x of lane l of panel p, p < n_panels; x of
  /// length d.
  void (*predict_panels)(const float* x, const float* panels, std::size_t n_panels, std::size_t d, float* mean,
                         float* spread);

  /// One lane of such a panel learns `weight` observations of `reward` at x, of length d; the others keep their bits.
  /// before = {mean, spread} at x. Returns false, and changes nothing, when the observation cannot be learned
  /// (detail::ud_step). Requires: lane < 16; other lanes finite; work of 48 * d floats.
  bool (*update_panel)(float* panel, std::size_t d, std::size_t lane, const float* x, float reward, float weight,
                       float* work, float* before);

  /// out = {sum of (x[j] - origin), sum of (x[j] - origin)^2, smallest x[j]}, j < n; the last is infinity for n = 0.
  void (*spread)(const float* x, std::size_t n, float origin, float out[3]);

  /// The smallest j in [from, n) with x[j] > bar, or n.
  std::size_t (*next_above)(const float* x, std::size_t from, std::size_t n, float bar);

  /// out[c] = the largest x[j] with j % classes == c, c < classes, j < n; -infinity where there is none. `classes` is a
  /// multiple of 16. Requires: no NaN.
  void (*class_maxima)(const float* x, std::size_t n, std::size_t classes, float* out);

  /// How many x[j] equal `value`, j < n.
  std::size_t (*count_equal)(const float* x, std::size_t n, float value);

  /// The level's name: "portable", "sse4", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx".
  const char* name;
};

#if defined(TANDEM_COMPILED_KERNELS) && TANDEM_COMPILED_KERNELS

/// The table in use: chosen on first call, the best this CPU has but for "amx", or the level named by the environment
/// variable TANDEM_SIMD if it is available. Threads: thread-safe. Never fails.
[[nodiscard]] const kernel_table& kernels() noexcept;

/// The levels this CPU and build have, slowest ("portable") first.
[[nodiscard]] std::span<const std::string_view> available_simd_levels() noexcept;

/// Forces a level for the whole process. Returns false, and changes nothing, when the level is not available, or the
/// system refuses it: "amx" asks Linux for tiles, which makes all later signal frames of the process 8 KB larger.
/// Threads: not while other threads compute.
bool set_simd_level(std::string_view level) noexcept;

#else
// header-only: portable loops, defined in detail/kernels_portable.hpp
[[nodiscard]] inline const kernel_table& kernels() noexcept;
[[nodiscard]] inline std::span<const std::string_view> available_simd_levels() noexcept;
inline bool set_simd_level(std::string_view level) noexcept;
#endif

/// The name of the level in use.
[[nodiscard]] inline std::string_view simd_level() noexcept { return kernels().name; }

TANDEM_END

#if !(defined(TANDEM_COMPILED_KERNELS) && TANDEM_COMPILED_KERNELS)
#include "tandem/detail/kernels_portable.hpp"
#endif
