// Cholesky of sixteen small systems, one to a lane: A = L L^T in blocks of four rows by four columns.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.
//
// Rows 4 b to 4 b + 3 are strip b: for each column up to the diagonal block's last, four vectors, one a row. Beyond its
// own order a system is the identity: its own variables come first, so that they do not notice.

constexpr size_t sixteen = 16;
constexpr size_t sixteen_pays_to = lanes < 8 ? 32 : 64;  // measured in epochs; beyond, they leave the second cache

// a block of 4 x 4 for each lane
struct quad {
  vec at[4][4];
};

HWY_INLINE size_t strip_start(size_t b) { return 8 * b * (b + 1) * lanes; }  // 16 vectors for each block before

// to[l] = from_l[0..3] turned: to + q * stride, q < 4, are vectors of what the systems have at q
HWY_INLINE void put_across(const float* const* from, float* to, size_t stride) {
  const hn::RepartitionToWide<decltype(four)> two;
  for (size_t l = 0; l < lanes; l += 4) {
    const auto a = hn::LoadU(four, from[l]);
    const auto b = hn::LoadU(four, from[l + 1]);
    const auto c = hn::LoadU(four, from[l + 2]);
    const auto e = hn::LoadU(four, from[l + 3]);
    const auto ab_low = hn::BitCast(two, hn::InterleaveLower(four, a, b));
    const auto ab_high = hn::BitCast(two, hn::InterleaveUpper(four, a, b));
    const auto ce_low = hn::BitCast(two, hn::InterleaveLower(four, c, e));
    const auto ce_high = hn::BitCast(two, hn::InterleaveUpper(four, c, e));
    hn::Store(hn::BitCast(four, hn::InterleaveLower(two, ab_low, ce_low)), four, to + l);
    hn::Store(hn::BitCast(four, hn::InterleaveUpper(two, ab_low, ce_low)), four, to + stride + l);
    hn::Store(hn::BitCast(four, hn::InterleaveLower(two, ab_high, ce_high)), four, to + 2 * stride + l);
    hn::Store(hn::BitCast(four, hn::InterleaveUpper(two, ab_high, ce_high)), four, to + 3 * stride + l);
  }
}

constexpr float no_variables[4] = {};

// the systems' right sides, a vector a variable, zeros beyond their own orders; n is a multiple of 4
HWY_INLINE void put_right_sides(const float* x, size_t stride, const size_t* order, size_t n, float* HWY_RESTRICT to) {
  for (size_t i = 0; i < n; i += 4) {
    const float* from[lanes];
    for (size_t l = 0; l < lanes; ++l) from[l] = i < order[l] ? x + l * stride + i : no_variables;
    put_across(from, to + i * lanes, lanes);
  }
  for (size_t l = 0; l < lanes; ++l) {
    for (size_t i = order[l]; i < n; ++i) to[i * lanes + l] = 0;
  }
}

// the systems' lower triangles as strips, order[l] x order[l] from matrix + l * stride on; n is a multiple of 4
HWY_INLINE void put_strips(const float* matrix, size_t stride, const size_t* order, size_t n, float* HWY_RESTRICT to) {
  for (size_t i = 0; i < n; ++i) {
    const float* row[lanes];
    size_t step[lanes];
    for (size_t l = 0; l < lanes; ++l) {
      row[l] = i < order[l] ? matrix + l * stride + i * order[l] : no_variables;
      step[l] = i < order[l] ? 4 : 0;
    }
    float* strip = to + strip_start(i / 4) + i % 4 * lanes;
    for (size_t j = 0; j <= i; j += 4) {
      put_across(row, strip + 4 * j * lanes, 4 * lanes);
      for (size_t l = 0; l < lanes; ++l) row[l] += step[l];
    }
    for (size_t l = 0; l < lanes; ++l) {
      if (i >= order[l]) strip[4 * i * lanes + l] = 1;
    }
  }
}

// sum -= left right^T over `columns` columns of two strips, for C of the right one's rows
template <size_t C>
HWY_INLINE void subtract_products(const float* HWY_RESTRICT left, const float* HWY_RESTRICT right, size_t columns,
                                  vec (&sum)[4][C]) {
  for (size_t p = 0; p < columns; ++p) {
    vec r[C];
    HWY_UNROLL(4)
    for (size_t c = 0; c < C; ++c) r[c] = hn::Load(d, right + (4 * p + c) * lanes);
    HWY_UNROLL(4)
    for (size_t t = 0; t < 4; ++t) {
      const vec l = hn::Load(d, left + (4 * p + t) * lanes);
      HWY_UNROLL(4)
      for (size_t c = 0; c < C; ++c) sum[t][c] = hn::NegMulAdd(l, r[c], sum[t][c]);
    }
  }
}

#if HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_AVX2
constexpr size_t columns_at_once = 2;  // 8 sums, 2 of right, 1 of left: 16 registers
#else
constexpr size_t columns_at_once = 4;  // of 32
#endif

// block (a, b) of A less what the columns before b have of it
HWY_INLINE quad updated_block(const float* strip_a, const float* strip_b, size_t b) {
  constexpr size_t C = columns_at_once;
  quad q;
  for (size_t first = 0; first < 4; first += C) {
    vec sum[4][C];
    HWY_UNROLL(4)
    for (size_t t = 0; t < 4; ++t) {
      HWY_UNROLL(4)
      for (size_t c = 0; c < C; ++c) sum[t][c] = hn::Load(d, strip_a + (4 * (4 * b + first + c) + t) * lanes);
    }
    subtract_products<C>(strip_a, strip_b + first * lanes, 4 * b, sum);
    HWY_UNROLL(4)
    for (size_t t = 0; t < 4; ++t) {
      HWY_UNROLL(4)
      for (size_t c = 0; c < C; ++c) q.at[t][first + c] = sum[t][c];
    }
  }
  return q;
}

// the Cholesky factor of a diagonal block, its diagonal inverted; `least` is the least pivot so far, `finite` zero
// while all of them are
HWY_INLINE void factor_diagonal(quad& q, vec& least, vec& finite) {
  HWY_UNROLL(4)
  for (size_t c = 0; c < 4; ++c) {
    const vec pivot = q.at[c][c];
    least = hn::Min(pivot, least);
    finite = hn::Add(finite, hn::Sub(pivot, pivot));  // a NaN stays
    const vec inverse = hn::Div(hn::Set(d, 1), hn::Sqrt(pivot));
    q.at[c][c] = inverse;
    HWY_UNROLL(4)
    for (size_t t = c + 1; t < 4; ++t) q.at[t][c] = hn::Mul(q.at[t][c], inverse);
    HWY_UNROLL(4)
    for (size_t s = c + 1; s < 4; ++s) {
      HWY_UNROLL(4)
      for (size_t t = s; t < 4; ++t) q.at[t][s] = hn::NegMulAdd(q.at[t][c], q.at[s][c], q.at[t][s]);
    }
  }
}

// a block below a factored diagonal one becomes rows of L
HWY_INLINE void solve_block(quad& q, const float* diagonal) {
  HWY_UNROLL(4)
  for (size_t c = 0; c < 4; ++c) {
    const vec inverse = hn::Load(d, diagonal + (4 * c + c) * lanes);
    HWY_UNROLL(4)
    for (size_t t = 0; t < 4; ++t) q.at[t][c] = hn::Mul(q.at[t][c], inverse);
    HWY_UNROLL(4)
    for (size_t s = c + 1; s < 4; ++s) {
      const vec factor = hn::Load(d, diagonal + (4 * c + s) * lanes);
      HWY_UNROLL(4)
      for (size_t t = 0; t < 4; ++t) q.at[t][s] = hn::NegMulAdd(q.at[t][c], factor, q.at[t][s]);
    }
  }
}

HWY_INLINE void store_block(const quad& q, float* to) {
  HWY_UNROLL(4)
  for (size_t c = 0; c < 4; ++c) {
    HWY_UNROLL(4)
    for (size_t t = 0; t < 4; ++t) hn::Store(q.at[t][c], d, to + (4 * c + t) * lanes);
  }
}

// the variables of block b of L z = x, those before being known
HWY_INLINE void solve_forward(const float* strip, size_t b, float* HWY_RESTRICT x) {
  vec z[4];
  HWY_UNROLL(4)
  for (size_t t = 0; t < 4; ++t) z[t] = hn::Load(d, x + (4 * b + t) * lanes);
  for (size_t p = 0; p < 4 * b; ++p) {
    const vec known = hn::Load(d, x + p * lanes);
    HWY_UNROLL(4)
    for (size_t t = 0; t < 4; ++t) z[t] = hn::NegMulAdd(hn::Load(d, strip + (4 * p + t) * lanes), known, z[t]);
  }
  const float* diagonal = strip + 16 * b * lanes;
  HWY_UNROLL(4)
  for (size_t c = 0; c < 4; ++c) {
    z[c] = hn::Mul(z[c], hn::Load(d, diagonal + (4 * c + c) * lanes));
    HWY_UNROLL(4)
    for (size_t t = c + 1; t < 4; ++t) z[t] = hn::NegMulAdd(hn::Load(d, diagonal + (4 * c + t) * lanes), z[c], z[t]);
    hn::Store(z[c], d, x + (4 * b + c) * lanes);
  }
}

// the variables of block b of L^T x = z, and what they leave for those before
HWY_INLINE void solve_backward(const float* strip, size_t b, float* HWY_RESTRICT x) {
  vec z[4];
  HWY_UNROLL(4)
  for (size_t t = 0; t < 4; ++t) z[t] = hn::Load(d, x + (4 * b + t) * lanes);
  const float* diagonal = strip + 16 * b * lanes;
  HWY_UNROLL(4)
  for (size_t c = 4; c-- > 0;) {
    HWY_UNROLL(4)
    for (size_t t = c + 1; t < 4; ++t) z[c] = hn::NegMulAdd(hn::Load(d, diagonal + (4 * c + t) * lanes), z[t], z[c]);
    z[c] = hn::Mul(z[c], hn::Load(d, diagonal + (4 * c + c) * lanes));
    hn::Store(z[c], d, x + (4 * b + c) * lanes);
  }
  for (size_t p = 0; p < 4 * b; ++p) {
    vec left = hn::Load(d, x + p * lanes);
    HWY_UNROLL(4)
    for (size_t t = 0; t < 4; ++t) left = hn::NegMulAdd(hn::Load(d, strip + (4 * p + t) * lanes), z[t], left);
    hn::Store(left, d, x + p * lanes);
  }
}

// Factors `strips` and solves for x, a vector a variable. Bit l of the result: system l is positive definite.
HWY_INLINE std::uint32_t solve_strips(float* HWY_RESTRICT strips, float* HWY_RESTRICT x, size_t blocks) {
  vec least = hn::Set(d, FLT_MAX);
  vec finite = hn::Zero(d);
  for (size_t a = 0; a < blocks; ++a) {
    float* strip_a = strips + strip_start(a);
    for (size_t b = 0; b < a; ++b) {
      const float* strip_b = strips + strip_start(b);
      quad q = updated_block(strip_a, strip_b, b);
      solve_block(q, strip_b + 16 * b * lanes);
      store_block(q, strip_a + 16 * b * lanes);
    }
    quad q = updated_block(strip_a, strip_a, a);
    factor_diagonal(q, least, finite);
    store_block(q, strip_a + 16 * a * lanes);
    solve_forward(strip_a, a, x);
  }
  for (size_t b = blocks; b-- > 0;) solve_backward(strips + strip_start(b), b, x);
  HWY_ALIGN float extreme[2][lanes];
  hn::Store(least, d, extreme[0]);
  hn::Store(finite, d, extreme[1]);
  std::uint32_t solved = 0;
  for (size_t l = 0; l < lanes; ++l) {
    if (extreme[0][l] >= FLT_MIN && extreme[1][l] == 0) solved |= std::uint32_t{1} << l;
  }
  return solved;
}

std::uint32_t cholesky_solve_sixteen(float* matrix, size_t stride, const size_t* order, float* x, size_t x_stride,
                                     float* work) {
  work += (64 - reinterpret_cast<std::uintptr_t>(work) % 64) % 64 / sizeof(float);  // to whole lines
  std::uint32_t solved = 0;
  for (size_t first = 0; first < sixteen; first += lanes) {
    const size_t* const own = order + first;
    size_t n = 0;
    for (size_t l = 0; l < lanes; ++l) n = own[l] > n ? own[l] : n;
    n = (n + 3) / 4 * 4;
    float* const from = x + first * x_stride;
    float* const strips = work + n * lanes;
    put_right_sides(from, x_stride, own, n, work);
    put_strips(matrix + first * stride, stride, own, n, strips);
    solved |= solve_strips(strips, work, n / 4) << first;
    for (size_t l = 0; l < lanes; ++l) {
      for (size_t i = 0; i < own[l]; ++i) from[l * x_stride + i] = work[i * lanes + l];
    }
  }
  return solved;
}
