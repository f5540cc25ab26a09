// The kernels in Highway: this file is compiled once for every instruction set, each into a namespace of its own.
//
// Raw pointers and sizes only; no Eigen, and no header of the library is first read inside a target's region.

// Highway 1.0.3 refuses to build its dispatch when the compiler's own flags already go beyond it (AVX-512 with VNNI),
// and away from x86 we do not dispatch: then the one target of the flags is compiled.
#if !defined(HWY_COMPILE_ONLY_STATIC) && (defined(__AVX512VNNI__) || !(defined(__x86_64__) || defined(_M_X64)))
#define HWY_COMPILE_ONLY_STATIC
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "highway.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h, as Highway requires
#include <hwy/highway.h>

#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "levels.hpp"

// Targets below SSE4 gain nothing over the portable loops; vectors of unknown length are not supported.
#undef TANDEM_TARGET
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SSSE3 && !HWY_HAVE_SCALABLE
#define TANDEM_TARGET 1
#else
#define TANDEM_TARGET 0
#endif

HWY_BEFORE_NAMESPACE();
namespace tandem_kernels {
namespace HWY_NAMESPACE {
#if TANDEM_TARGET
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using std::size_t;
using tag = hn::ScalableTag<float>;
using vec = hn::Vec<tag>;

constexpr tag d{};
constexpr size_t lanes = HWY_LANES(float);

// the last n < lanes floats of a row, the rest zero; never reads past them
HWY_INLINE vec load_tail(const float* from, size_t n) {
  HWY_ALIGN float padded[lanes] = {};
  for (size_t j = 0; j < n; ++j) padded[j] = from[j];
  return hn::Load(d, padded);
}

HWY_INLINE void store_tail(vec v, float* to, size_t n) {
  HWY_ALIGN float padded[lanes];
  hn::Store(v, d, padded);
  for (size_t j = 0; j < n; ++j) to[j] = padded[j];
}

// ---- inner products -----------------------------------------------------------------------------------------------

// out[0..3] = the sums of the lanes of a, b, c, e, all added in the same order
HWY_INLINE void sum_four(vec a, vec b, vec c, vec e, float* HWY_RESTRICT out) {
  const hn::RepartitionToWide<tag> wide;
  const auto ab = hn::BitCast(wide, hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)));
  const auto ce = hn::BitCast(wide, hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e)));
  HWY_ALIGN float blocks[lanes];
  hn::Store(
      hn::Add(hn::BitCast(d, hn::InterleaveLower(wide, ab, ce)), hn::BitCast(d, hn::InterleaveUpper(wide, ab, ce))), d,
      blocks);
  const hn::FixedTag<float, 4> d4;
  auto sum = hn::Load(d4, blocks);
  for (size_t l = 4; l < lanes; l += 4) sum = hn::Add(sum, hn::Load(d4, blocks + l));
  hn::StoreU(sum, d4, out);
}

// out[0..3] = <x, row_0>, ..., <x, row_3>
HWY_INLINE void dot_four(const float* HWY_RESTRICT x, const float* const* HWY_RESTRICT row, size_t k,
                         float* HWY_RESTRICT out) {
  vec s0 = hn::Zero(d);
  vec s1 = s0;
  vec s2 = s0;
  vec s3 = s0;
  size_t j = 0;
  for (; j + lanes <= k; j += lanes) {
    const vec v = hn::LoadU(d, x + j);
    s0 = hn::MulAdd(v, hn::LoadU(d, row[0] + j), s0);
    s1 = hn::MulAdd(v, hn::LoadU(d, row[1] + j), s1);
    s2 = hn::MulAdd(v, hn::LoadU(d, row[2] + j), s2);
    s3 = hn::MulAdd(v, hn::LoadU(d, row[3] + j), s3);
  }
  if (const size_t rest = k - j; rest != 0) {
    const vec v = load_tail(x + j, rest);
    s0 = hn::MulAdd(v, load_tail(row[0] + j, rest), s0);
    s1 = hn::MulAdd(v, load_tail(row[1] + j, rest), s1);
    s2 = hn::MulAdd(v, load_tail(row[2] + j, rest), s2);
    s3 = hn::MulAdd(v, load_tail(row[3] + j, rest), s3);
  }
  sum_four(s0, s1, s2, s3, out);
}

// the same for two vectors at once: every row is loaded once for both; the same bits as dot_four
HWY_INLINE void dot_two_by_four(const float* HWY_RESTRICT x, const float* HWY_RESTRICT y,
                                const float* const* HWY_RESTRICT row, size_t k, float* HWY_RESTRICT out_x,
                                float* HWY_RESTRICT out_y) {
  vec s0 = hn::Zero(d);
  vec s1 = s0;
  vec s2 = s0;
  vec s3 = s0;
  vec t0 = s0;
  vec t1 = s0;
  vec t2 = s0;
  vec t3 = s0;
  const auto add = [&](vec v, vec w, vec r0, vec r1, vec r2, vec r3) HWY_ATTR {
    s0 = hn::MulAdd(v, r0, s0);
    s1 = hn::MulAdd(v, r1, s1);
    s2 = hn::MulAdd(v, r2, s2);
    s3 = hn::MulAdd(v, r3, s3);
    t0 = hn::MulAdd(w, r0, t0);
    t1 = hn::MulAdd(w, r1, t1);
    t2 = hn::MulAdd(w, r2, t2);
    t3 = hn::MulAdd(w, r3, t3);
  };
  size_t j = 0;
  for (; j + lanes <= k; j += lanes) {
    add(hn::LoadU(d, x + j), hn::LoadU(d, y + j), hn::LoadU(d, row[0] + j), hn::LoadU(d, row[1] + j),
        hn::LoadU(d, row[2] + j), hn::LoadU(d, row[3] + j));
  }
  if (const size_t rest = k - j; rest != 0) {
    add(load_tail(x + j, rest), load_tail(y + j, rest), load_tail(row[0] + j, rest), load_tail(row[1] + j, rest),
        load_tail(row[2] + j, rest), load_tail(row[3] + j, rest));
  }
  sum_four(s0, s1, s2, s3, out_x);
  sum_four(t0, t1, t2, t3, out_y);
}

HWY_INLINE void copy_up_to_four(const float* from, float* to, size_t n) {
  for (size_t i = 0; i < (n < 4 ? n : 4); ++i) to[i] = from[i];
}

void score_rows(const float* queries, size_t n_queries, const float* rows, size_t n, size_t k, size_t stride,
                float* out) {
  const size_t block = k < 1024 ? 4096 / (k + 1) / 4 * 4 + 4 : 4;  // rows that stay in the first cache for all queries
  for (size_t first = 0; first < n; first += block) {
    const size_t last = n - first < block ? n : first + block;
    for (size_t q = 0; q < n_queries; q += 2) {
      const bool pair = q + 1 < n_queries;
      for (size_t i = first; i < last; i += 4) {
        // past the end the last row stands in: a row's score must not depend on its neighbours
        const float* row[4];
        for (size_t l = 0; l < 4; ++l) row[l] = rows + (i + l < last ? i + l : last - 1) * stride;
        float x[4];
        float y[4];
        if (pair) {
          dot_two_by_four(queries + q * k, queries + (q + 1) * k, row, k, x, y);
          copy_up_to_four(y, out + (q + 1) * n + i, last - i);
        } else {
          dot_four(queries + q * k, row, k, x);
        }
        copy_up_to_four(x, out + q * n + i, last - i);
      }
    }
  }
}

float dot(const float* x, const float* y, size_t n) {
  vec s0 = hn::Zero(d);
  vec s1 = s0;
  vec s2 = s0;
  vec s3 = s0;
  size_t j = 0;
  for (; j + 4 * lanes <= n; j += 4 * lanes) {
    s0 = hn::MulAdd(hn::LoadU(d, x + j), hn::LoadU(d, y + j), s0);
    s1 = hn::MulAdd(hn::LoadU(d, x + j + lanes), hn::LoadU(d, y + j + lanes), s1);
    s2 = hn::MulAdd(hn::LoadU(d, x + j + 2 * lanes), hn::LoadU(d, y + j + 2 * lanes), s2);
    s3 = hn::MulAdd(hn::LoadU(d, x + j + 3 * lanes), hn::LoadU(d, y + j + 3 * lanes), s3);
  }
  for (; j + lanes <= n; j += lanes) s0 = hn::MulAdd(hn::LoadU(d, x + j), hn::LoadU(d, y + j), s0);
  if (j < n) s1 = hn::MulAdd(load_tail(x + j, n - j), load_tail(y + j, n - j), s1);
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
}

void multiply(const float* matrix, const float* x, size_t k, float* y) { score_rows(x, 1, matrix, k, k, k, y); }

// ---- y += a x -----------------------------------------------------------------------------------------------------

void axpy(float a, const float* x, float* y, size_t n) {
  const vec va = hn::Set(d, a);
  size_t j = 0;
  for (; j + lanes <= n; j += lanes) {
    hn::StoreU(hn::MulAdd(va, hn::LoadU(d, x + j), hn::LoadU(d, y + j)), d, y + j);
  }
  if (j < n) store_tail(hn::MulAdd(va, load_tail(x + j, n - j), load_tail(y + j, n - j)), y + j, n - j);
}

void rank_one_update(float w, const float* x, size_t k, float* matrix) {
  for (size_t a = 0; a < k; ++a) axpy(w * x[a], x, matrix + a * k, k);
}

// ---- Gramians: out += left^T right, lower triangle, in tiles of four rows by up to four vectors --------------------

#if HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_AVX2
constexpr size_t tile_vectors = 3;  // 12 sums, 3 of right, 1 of left: 16 registers
#else
constexpr size_t tile_vectors = 4;  // of 32
#endif
constexpr size_t tile_rows = 4;

// up to four vectors side by side
struct strip {
  vec a, b, c, e;
};

HWY_INLINE strip zero_strip() { return {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)}; }

template <size_t N>
HWY_INLINE strip load_strip(const float* from) {
  strip s = zero_strip();
  s.a = hn::LoadU(d, from);
  if constexpr (N > 1) s.b = hn::LoadU(d, from + lanes);
  if constexpr (N > 2) s.c = hn::LoadU(d, from + 2 * lanes);
  if constexpr (N > 3) s.e = hn::LoadU(d, from + 3 * lanes);
  return s;
}

template <size_t N>
HWY_INLINE void mul_add_strip(float factor, const strip& x, strip& sum) {
  const vec f = hn::Set(d, factor);
  sum.a = hn::MulAdd(f, x.a, sum.a);
  if constexpr (N > 1) sum.b = hn::MulAdd(f, x.b, sum.b);
  if constexpr (N > 2) sum.c = hn::MulAdd(f, x.c, sum.c);
  if constexpr (N > 3) sum.e = hn::MulAdd(f, x.e, sum.e);
}

HWY_INLINE void add_to(float* out, vec v) { hn::StoreU(hn::Add(hn::LoadU(d, out), v), d, out); }
HWY_INLINE void subtract_from(float* out, vec v) { hn::StoreU(hn::Sub(hn::LoadU(d, out), v), d, out); }

enum class sign { plus, minus };

template <size_t N, sign Sign>
HWY_INLINE void flush_strip(const strip& s, float* out) {
  const auto put = [](float* to, vec v) HWY_ATTR { Sign == sign::plus ? add_to(to, v) : subtract_from(to, v); };
  put(out, s.a);
  if constexpr (N > 1) put(out + lanes, s.b);
  if constexpr (N > 2) put(out + 2 * lanes, s.c);
  if constexpr (N > 3) put(out + 3 * lanes, s.e);
}

// out[t][j] += or -= sum_{r<n} left[r][t] right[r][j], t < 4, j < N * lanes; rows r apart by `step`, rows t by `stride`
template <size_t N, sign Sign>
HWY_INLINE void tile(const float* HWY_RESTRICT left, const float* HWY_RESTRICT right, size_t step, size_t n,
                     float* HWY_RESTRICT out, size_t stride) {
  strip s0 = zero_strip();
  strip s1 = s0;
  strip s2 = s0;
  strip s3 = s0;
  for (size_t r = 0; r < n; ++r) {
    const strip x = load_strip<N>(right + r * step);
    mul_add_strip<N>(left[r * step], x, s0);
    mul_add_strip<N>(left[r * step + 1], x, s1);
    mul_add_strip<N>(left[r * step + 2], x, s2);
    mul_add_strip<N>(left[r * step + 3], x, s3);
  }
  flush_strip<N, Sign>(s0, out);
  flush_strip<N, Sign>(s1, out + stride);
  flush_strip<N, Sign>(s2, out + 2 * stride);
  flush_strip<N, Sign>(s3, out + 3 * stride);
}

template <sign Sign>
HWY_INLINE void any_tile(size_t vectors, const float* left, const float* right, size_t step, size_t n, float* out,
                         size_t stride) {
  switch (vectors) {
    case 1: return tile<1, Sign>(left, right, step, n, out, stride);
    case 2: return tile<2, Sign>(left, right, step, n, out, stride);
    case 3: return tile<3, Sign>(left, right, step, n, out, stride);
    default: return tile<tile_vectors, Sign>(left, right, step, n, out, stride);
  }
}

// Rows [a, a + 4) of the triangle whose rows are whole vectors: writes up to the end of the diagonal's vector.
template <sign Sign>
HWY_INLINE void triangle_rows(size_t a, const float* left, const float* right, size_t step, size_t n, float* out,
                              size_t stride) {
  size_t vectors = a / lanes + 1;
  size_t b = 0;
  while (vectors > 0) {
    // never one vector alone at the end: too few sums to hide the latency of adding
    const size_t now = vectors == tile_vectors + 1 ? 2 : vectors < tile_vectors ? vectors : tile_vectors;
    any_tile<Sign>(now, left + a, right + b, step, n, out + b, stride);
    b += now * lanes;
    vectors -= now;
  }
}

// gram += sum_{r<n} left_r right_r^T for rows padded with zeros to `step`, a multiple of lanes, step >= k
void add_panel(const float* left, const float* right, size_t step, size_t n, size_t k, float* gram) {
  const size_t whole = k % lanes == 0 ? k : k / lanes * lanes;  // rows whose vectors all lie inside the matrix
  size_t a = 0;
  for (; a + tile_rows <= whole; a += tile_rows) triangle_rows<sign::plus>(a, left, right, step, n, gram + a * k, k);
  for (; a < k; a += tile_rows) {
    // the rest goes through a tile of its own
    for (size_t b = 0; b <= a; b += lanes) {
      HWY_ALIGN float part[tile_rows * lanes] = {};
      tile<1, sign::plus>(left + a, right + b, step, n, part, lanes);
      for (size_t t = 0; t < tile_rows && a + t < k; ++t) {
        for (size_t j = 0; j < lanes && b + j <= a + t; ++j) gram[(a + t) * k + b + j] += part[t * lanes + j];
      }
    }
  }
}

constexpr size_t panel_floats = 4096;

// copies x (k floats) to `right` and w x to `left`, zeros up to `step`
HWY_INLINE void pack_row(const float* HWY_RESTRICT x, float w, size_t k, size_t step, float* HWY_RESTRICT left,
                         float* HWY_RESTRICT right) {
  const vec vw = hn::Set(d, w);
  size_t j = 0;
  for (; j + lanes <= k; j += lanes) {
    const vec v = hn::LoadU(d, x + j);
    hn::Store(v, d, right + j);
    hn::Store(hn::Mul(vw, v), d, left + j);
  }
  if (j < step) {
    const vec v = load_tail(x + j, k - j);
    hn::Store(v, d, right + j);
    hn::Store(hn::Mul(vw, v), d, left + j);
  }
}

void gram_accumulate(const float* rows, size_t stride, const std::uint32_t* index, const float* weight, size_t n,
                     size_t k, float* gram) {
  const size_t step = (k + lanes - 1) / lanes * lanes;
  if (step > panel_floats) {  // beyond any rank in use
    for (size_t r = 0; r < n; ++r) {
      const float* x = rows + (index != nullptr ? index[r] : r) * stride;
      for (size_t a = 0; a < k; ++a) axpy((weight != nullptr ? weight[r] : 1.0F) * x[a], x, gram + a * k, a + 1);
    }
    return;
  }
  HWY_ALIGN float left[panel_floats];
  HWY_ALIGN float right[panel_floats];
  const size_t panel = panel_floats / step;
  for (size_t first = 0; first < n; first += panel) {
    const size_t count = n - first < panel ? n - first : panel;
    for (size_t r = 0; r < count; ++r) {
      const float* x = rows + (index != nullptr ? index[first + r] : first + r) * stride;
      pack_row(x, weight != nullptr ? weight[first + r] : 1.0F, k, step, left + r * step, right + r * step);
    }
    add_panel(left, right, step, count, k, gram);
  }
}

// ---- Cholesky: A = L^T L, last variable first, so that every inner loop runs along a row ---------------------------

constexpr size_t block_rows = 16;

// Eliminates the last variable, then the one before, of a block of n <= block_rows rows, `stride` apart, and of its
// right-hand side x. The diagonal of L is stored inverted. Reads and writes whole vectors: block_rows floats a row.
HWY_INLINE bool eliminate(float* HWY_RESTRICT rows, size_t stride, size_t n, float* HWY_RESTRICT x) {
  HWY_ALIGN float right[block_rows] = {};
  for (size_t j = 0; j < n; ++j) right[j] = x[j];
  for (size_t p = n; p-- > 0;) {
    float* row = rows + p * stride;
    if (!(row[p] > 0 && row[p] <= FLT_MAX)) return false;
    const float inverse = 1 / std::sqrt(row[p]);
    x[p] = right[p] * inverse;
    // what the vectors hold at and beyond the pivot is not read again
    for (size_t j = 0; j < p; j += lanes) {
      const vec v = hn::Mul(hn::LoadU(d, row + j), hn::Set(d, inverse));
      hn::StoreU(v, d, row + j);
      hn::Store(hn::NegMulAdd(hn::Set(d, x[p]), v, hn::Load(d, right + j)), d, right + j);
    }
    for (size_t i = p; i-- > 0;) {
      const vec factor = hn::Set(d, row[i]);
      for (size_t j = 0; j <= i; j += lanes) {
        float* to = rows + i * stride + j;
        hn::StoreU(hn::NegMulAdd(factor, hn::LoadU(d, row + j), hn::LoadU(d, to)), d, to);
      }
    }
    row[p] = inverse;
  }
  return true;
}

// eliminate() for rows and columns [first, last) of the matrix
HWY_INLINE bool factor_block(float* matrix, float* x, size_t k, size_t first, size_t last) {
  const size_t n = last - first;
  float* corner = matrix + first * k + first;
  if (n == block_rows) return eliminate(corner, k, n, x + first);
  HWY_ALIGN float rows[block_rows * block_rows] = {};
  for (size_t p = 0; p < n; ++p) {
    for (size_t j = 0; j <= p; ++j) rows[p * block_rows + j] = corner[p * k + j];
  }
  const bool done = eliminate(rows, block_rows, n, x + first);
  for (size_t p = 0; p < n; ++p) {
    for (size_t j = 0; j <= p; ++j) corner[p * k + j] = rows[p * block_rows + j];
  }
  return done;
}

// The same for the columns before `first`, a multiple of lanes: rows [first, last) become rows of L there.
HWY_INLINE void factor_rows(float* matrix, size_t k, size_t first, size_t last) {
  for (size_t j = 0; j < first; j += lanes) {
    for (size_t p = last; p-- > first;) {
      vec v = hn::LoadU(d, matrix + p * k + j);
      for (size_t t = last; --t > p;) {
        v = hn::NegMulAdd(hn::Set(d, matrix[t * k + p]), hn::LoadU(d, matrix + t * k + j), v);
      }
      hn::StoreU(hn::Mul(v, hn::Set(d, matrix[p * k + p])), d, matrix + p * k + j);
    }
  }
}

bool cholesky_solve(float* matrix, float* x, size_t k) {
  // the first block takes what is over, so that all the others start at a multiple of the vector length
  const size_t over = k % block_rows;
  for (size_t last = k; last > 0;) {
    const size_t first = last == k && over != 0 ? last - over : last - block_rows;
    if (!factor_block(matrix, x, k, first, last)) return false;
    factor_rows(matrix, k, first, last);
    const float* rows = matrix + first * k;
    for (size_t a = 0; a < first; a += tile_rows) {
      triangle_rows<sign::minus>(a, rows, rows, k, last - first, matrix + a * k, k);
    }
    for (size_t p = first; p < last; ++p) axpy(-x[p], matrix + p * k, x, first);
    last = first;
  }
  // L x = z, block by block: the columns before the block are final, then one variable after the other
  for (size_t first = 0; first < k;) {
    const size_t last = k - first < block_rows ? k : first + block_rows;
    float known[block_rows];
    score_rows(x, 1, matrix + first * k, last - first, first, k, known);
    for (size_t p = first; p < last; ++p) {
      x[p] = (x[p] - known[p - first]) * matrix[p * k + p];
      for (size_t i = p + 1; i < last; ++i) known[i - first] += matrix[i * k + p] * x[p];
    }
    first = last;
  }
  return true;
}

// ---- scanning scores ----------------------------------------------------------------------------------------------

HWY_INLINE float sum_lanes(vec v) {
  HWY_ALIGN float part[lanes];
  hn::Store(v, d, part);
  float sum = 0;
  for (size_t l = 0; l < lanes; ++l) sum += part[l];
  return sum;
}

void spread(const float* x, size_t n, float origin, float out[3]) {
  const vec o = hn::Set(d, origin);
  vec sum0 = hn::Zero(d);
  vec sum1 = sum0;
  vec square0 = sum0;
  vec square1 = sum0;
  vec low = hn::Set(d, HUGE_VALF);
  size_t j = 0;
  for (; j + 2 * lanes <= n; j += 2 * lanes) {
    const vec a = hn::LoadU(d, x + j);
    const vec b = hn::LoadU(d, x + j + lanes);
    const vec y = hn::Sub(a, o);
    const vec z = hn::Sub(b, o);
    sum0 = hn::Add(sum0, y);
    sum1 = hn::Add(sum1, z);
    square0 = hn::MulAdd(y, y, square0);
    square1 = hn::MulAdd(z, z, square1);
    low = hn::Min(low, hn::Min(a, b));
  }
  out[0] = sum_lanes(hn::Add(sum0, sum1));
  out[1] = sum_lanes(hn::Add(square0, square1));
  HWY_ALIGN float lows[lanes];
  hn::Store(low, d, lows);
  out[2] = HUGE_VALF;
  for (size_t l = 0; l < lanes; ++l) out[2] = lows[l] < out[2] ? lows[l] : out[2];
  for (; j < n; ++j) {
    const float y = x[j] - origin;
    out[0] += y;
    out[1] += y * y;
    out[2] = x[j] < out[2] ? x[j] : out[2];
  }
}

size_t next_above(const float* x, size_t from, size_t n, float bar) {
  const vec b = hn::Set(d, bar);
  size_t j = from;
  for (; j + 4 * lanes <= n; j += 4 * lanes) {  // four vectors a step: most hold nothing
    const vec high = hn::Max(hn::Max(hn::LoadU(d, x + j), hn::LoadU(d, x + j + lanes)),
                             hn::Max(hn::LoadU(d, x + j + 2 * lanes), hn::LoadU(d, x + j + 3 * lanes)));
    if (!hn::AllFalse(d, hn::Gt(high, b))) break;
  }
  for (; j < n; ++j) {
    if (x[j] > bar) return j;
  }
  return n;
}

size_t count_equal(const float* x, size_t n, float value) {
  const vec v = hn::Set(d, value);
  size_t count = 0;
  size_t j = 0;
  for (; j + lanes <= n; j += lanes) count += hn::CountTrue(d, hn::Eq(hn::LoadU(d, x + j), v));
  for (; j < n; ++j) count += x[j] == value ? 1 : 0;
  return count;
}

}  // namespace

#if HWY_TARGET == HWY_SSE4
#define TANDEM_LEVEL "sse4"
#elif HWY_TARGET == HWY_AVX2
#define TANDEM_LEVEL "avx2"
#elif HWY_ARCH_X86
#define TANDEM_LEVEL "avx512"
#else
#define TANDEM_LEVEL "simd"
#endif

// a constant, not a function: nothing of a target may run before the CPU is known to have it
constexpr tandem::kernel_table table{dot,         axpy,           score_rows, gram_accumulate, rank_one_update,
                                     multiply,    cholesky_solve, spread,     next_above,      count_equal,
                                     TANDEM_LEVEL};
#undef TANDEM_LEVEL
#endif  // TANDEM_TARGET
}  // namespace HWY_NAMESPACE
}  // namespace tandem_kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
TANDEM_BEGIN
namespace detail {

level_list highway_levels() noexcept {
  level_list list;
  const auto supported = hwy::SupportedTargets();
  const auto add = [&](auto target, const kernel_table& table) {
    if ((supported & target) != 0) list.tables[list.size++] = table;
  };
#if HWY_ARCH_X86
#if HWY_TARGETS & HWY_SSE4
  add(HWY_SSE4, tandem_kernels::N_SSE4::table);
#endif
#if HWY_TARGETS & HWY_AVX2
  add(HWY_AVX2, tandem_kernels::N_AVX2::table);
#endif
#if HWY_TARGETS & HWY_AVX3
  add(HWY_AVX3, tandem_kernels::N_AVX3::table);
#endif
#if HWY_TARGETS & HWY_AVX3_DL
  add(HWY_AVX3_DL, tandem_kernels::N_AVX3_DL::table);
#endif
#if defined(HWY_AVX3_ZEN4) && (HWY_TARGETS & HWY_AVX3_ZEN4)
  add(HWY_AVX3_ZEN4, tandem_kernels::N_AVX3_ZEN4::table);
#endif
#if defined(HWY_AVX3_SPR) && (HWY_TARGETS & HWY_AVX3_SPR)
  add(HWY_AVX3_SPR, tandem_kernels::N_AVX3_SPR::table);
#endif
#elif TANDEM_TARGET
  add(HWY_STATIC_TARGET, tandem_kernels::HWY_NAMESPACE::table);
#endif
  return list;
}

}  // namespace detail
TANDEM_END
#endif  // HWY_ONCE
