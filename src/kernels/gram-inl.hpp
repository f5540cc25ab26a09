// Gramians: out += left^T right, lower triangle, in tiles of four rows by up to four vectors.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.

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

// The same for eight rows and one vector: as many sums as it takes to hide the latency of adding.
template <sign Sign>
HWY_INLINE void tall_tile(const float* HWY_RESTRICT left, const float* HWY_RESTRICT right, size_t step, size_t n,
                          float* HWY_RESTRICT out, size_t stride) {
  vec sum[8];
  HWY_UNROLL(8)
  for (size_t t = 0; t < 8; ++t) sum[t] = hn::Zero(d);
  for (size_t r = 0; r < n; ++r) {
    const vec x = hn::LoadU(d, right + r * step);
    HWY_UNROLL(8)
    for (size_t t = 0; t < 8; ++t) sum[t] = hn::MulAdd(hn::Set(d, left[r * step + t]), x, sum[t]);
  }
  HWY_UNROLL(8)
  for (size_t t = 0; t < 8; ++t) flush_strip<1, Sign>({sum[t], sum[t], sum[t], sum[t]}, out + t * stride);
}

// both[t] and both[t + 1] side by side, lane by lane, in every pair of lanes
HWY_INLINE vec repeat_pair(const float* both) {
  const hn::RepartitionToWide<hn::RebindToUnsigned<tag>> wide;
  std::uint64_t bits;
  std::memcpy(&bits, both, sizeof bits);
  return hn::BitCast(d, hn::Set(wide, bits));
}

// The diagonal's block of the triangle, as many rows as a vector has lanes. Its first half of rows ends before the
// vector's middle: two of them share one, lane by lane.
template <sign Sign>
HWY_INLINE void diagonal_tile(const float* HWY_RESTRICT left, const float* HWY_RESTRICT right, size_t step, size_t n,
                              float* HWY_RESTRICT out, size_t stride) {
  constexpr size_t half = lanes / 2;
  constexpr size_t pairs = half / 2;
  const hn::Half<tag> dh;
  const hn::RebindToSigned<tag> di;
  const auto twice = hn::IndicesFromVec(d, hn::ShiftRight<1>(hn::Iota(di, 0)));
  vec narrow[pairs];
  vec wide[half];
  HWY_UNROLL(4)
  for (size_t t = 0; t < pairs; ++t) narrow[t] = hn::Zero(d);
  HWY_UNROLL(8)
  for (size_t t = 0; t < half; ++t) wide[t] = hn::Zero(d);
  for (size_t r = 0; r < n; ++r) {
    const vec x = hn::LoadU(d, right + r * step);
    const vec y = hn::TableLookupLanes(x, twice);
    HWY_UNROLL(4)
    for (size_t t = 0; t < pairs; ++t) narrow[t] = hn::MulAdd(repeat_pair(left + r * step + 2 * t), y, narrow[t]);
    HWY_UNROLL(8)
    for (size_t t = 0; t < half; ++t) wide[t] = hn::MulAdd(hn::Set(d, left[r * step + half + t]), x, wide[t]);
  }
  const auto put = [&](size_t t, hn::Vec<decltype(dh)> v) HWY_ATTR {
    const auto before = hn::LoadU(dh, out + t * stride);
    hn::StoreU(Sign == sign::plus ? hn::Add(before, v) : hn::Sub(before, v), dh, out + t * stride);
  };
  HWY_UNROLL(4)
  for (size_t t = 0; t < pairs; ++t) {
    put(2 * t, hn::LowerHalf(dh, hn::ConcatEven(d, narrow[t], narrow[t])));
    put(2 * t + 1, hn::LowerHalf(dh, hn::ConcatOdd(d, narrow[t], narrow[t])));
  }
  HWY_UNROLL(8)
  for (size_t t = 0; t < half; ++t) {
    flush_strip<1, Sign>({wide[t], wide[t], wide[t], wide[t]}, out + (half + t) * stride);
  }
}

// Rows [a, a + lanes) of the triangle, a being a multiple of lanes: writes up to the end of the diagonal's vector.
template <sign Sign>
HWY_INLINE void triangle_rows(size_t a, const float* left, const float* right, size_t step, size_t n, float* out,
                              size_t stride) {
  constexpr bool splits = lanes >= 8;  // shorter vectors have nothing to share
  size_t b = 0;
  for (size_t vectors = a / lanes + (splits ? 0 : 1); vectors > 0;) {
    // never one vector alone at the end: too few sums to hide the latency of adding
    const size_t now = vectors == tile_vectors + 1 ? 2 : vectors < tile_vectors ? vectors : tile_vectors;
    const size_t rows = splits && now == 1 ? 8 : tile_rows;
    for (size_t t = 0; t < lanes; t += rows) {
      float* const to = out + t * stride + b;
      if (rows == 8) tall_tile<Sign>(left + a + t, right + b, step, n, to, stride);
      if (rows != 8) any_tile<Sign>(now, left + a + t, right + b, step, n, to, stride);
    }
    b += now * lanes;
    vectors -= now;
  }
  if constexpr (splits) diagonal_tile<Sign>(left + a, right + a, step, n, out + a, stride);
}

// gram += sum_{r<n} left_r right_r^T for rows padded with zeros to `step`, a multiple of lanes, step >= k
void add_panel(const float* left, const float* right, size_t step, size_t n, size_t k, float* gram) {
  const size_t whole = k / lanes * lanes;  // rows whose vectors all lie inside the matrix
  size_t a = 0;
  for (; a < whole; a += lanes) triangle_rows<sign::plus>(a, left, right, step, n, gram + a * k, k);
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
constexpr size_t ahead = 8;  // rows asked for before they are packed

// copies x (k floats) to `right` and w x to `left`, zeros up to `step`; `left` may be `right` where w is 1
HWY_INLINE void pack_row(const float* x, float w, size_t k, size_t step, float* left, float* right) {
  const vec vw = hn::Set(d, w);
  size_t j = 0;
  for (; j + lanes <= k; j += lanes) {
    const vec v = hn::LoadU(d, x + j);
    hn::Store(v, d, right + j);
    if (left != right) hn::Store(hn::Mul(vw, v), d, left + j);
  }
  if (j < step) {
    const vec v = load_tail(x + j, k - j);
    hn::Store(v, d, right + j);
    if (left != right) hn::Store(hn::Mul(vw, v), d, left + j);
  }
}

HWY_INLINE bool all_one(const float* weight, size_t n) {
  bool differ = false;
  for (size_t r = 0; r < n; ++r) differ |= weight[r] != 1;
  return weight == nullptr || !differ;
}

// gram += the Gramian of n rows that `pack` lays out, panel by panel: pack(r, left, right) writes row r and the same
// times its weight, padded with zeros to `step`; ask(r) asks for row r to be brought near.
template <class Pack, class Ask>
HWY_INLINE void add_rows(size_t n, size_t k, size_t step, bool weighted, float* gram, const Pack& pack,
                         const Ask& ask) {
  HWY_ALIGN float scaled[panel_floats];
  HWY_ALIGN float right[panel_floats];
  float* const left = weighted ? scaled : right;
  const size_t panel = panel_floats / step;
  for (size_t first = 0; first < n; first += panel) {
    const size_t count = n - first < panel ? n - first : panel;
    for (size_t r = 0; r < count; ++r) {
      if (first + r + ahead < n) ask(first + r + ahead);
      pack(first + r, left + r * step, right + r * step);
    }
    add_panel(left, right, step, count, k, gram);
  }
}

void gram_accumulate(const float* rows, size_t stride, const std::uint32_t* index, const float* weight, size_t n,
                     size_t k, float* gram) {
  if (k == 0) return;
  const size_t step = (k + lanes - 1) / lanes * lanes;
  const auto weight_of = [weight](size_t r) HWY_ATTR { return weight != nullptr ? weight[r] : 1.0F; };
  if (step > panel_floats) {  // beyond any rank in use
    for (size_t r = 0; r < n; ++r) {
      const float* x = gathered(rows, stride, index, r);
      for (size_t a = 0; a < k; ++a) axpy(weight_of(r) * x[a], x, gram + a * k, a + 1);
    }
    return;
  }
  const auto pack = [&](size_t r, float* left, float* right)
                        HWY_ATTR { pack_row(gathered(rows, stride, index, r), weight_of(r), k, step, left, right); };
  const auto ask = [&](size_t r) HWY_ATTR {
    if (index == nullptr) return;
    for (size_t j = 0; j < k; j += 16) hwy::Prefetch(rows + index[r] * stride + j);
  };
  add_rows(n, k, step, !all_one(weight, weight != nullptr ? n : 0), gram, pack, ask);
}
