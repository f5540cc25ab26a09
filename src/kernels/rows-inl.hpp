// Along rows: inner products, scores, y += a x.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.

// the last n < lanes floats of a row, the rest zero; never reads past them
HWY_INLINE vec load_tail(const float* from, size_t n) {
#if !HWY_MEM_OPS_MIGHT_FAULT
  return hn::MaskedLoad(hn::FirstN(d, n), d, from);
#else
  HWY_ALIGN float padded[lanes] = {};
  for (size_t j = 0; j < n; ++j) padded[j] = from[j];
  return hn::Load(d, padded);
#endif
}

HWY_INLINE void store_tail(vec v, float* to, size_t n) {
#if !HWY_MEM_OPS_MIGHT_FAULT
  hn::BlendedStore(v, hn::FirstN(d, n), d, to);
#else
  HWY_ALIGN float padded[lanes];
  hn::Store(v, d, padded);
  for (size_t j = 0; j < n; ++j) to[j] = padded[j];
#endif
}

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

void score_indexed(const float* query, const float* rows, const std::uint32_t* index, size_t n, size_t k, size_t stride,
                   float* out) {
  for (size_t i = 0; i < n; i += 4) {
    const float* row[4];
    for (size_t l = 0; l < 4; ++l) row[l] = rows + index[i + l < n ? i + l : n - 1] * stride;
    float sums[4];
    dot_four(query, row, k, sums);
    copy_up_to_four(sums, out + i, n - i);
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
