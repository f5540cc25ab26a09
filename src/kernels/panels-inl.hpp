// Scoring items packed in panels of 16: the items lie along the vectors, so nothing is summed across them.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.

constexpr size_t panel = 16;
static_assert(panel % lanes == 0);

HWY_INLINE vec load_16_bit(const std::int16_t* from) {
  const hn::Rebind<std::int16_t, tag> narrow;
  const hn::Rebind<std::int32_t, tag> wide;
  return hn::ConvertTo(d, hn::PromoteTo(wide, hn::LoadU(narrow, from)));
}

// One panel for Q queries, in vectors of items; even and odd factors go to sums of their own, to hide the latency.
template <size_t Q>
HWY_INLINE void score_panel(const float* HWY_RESTRICT queries, const std::int16_t* HWY_RESTRICT rows, size_t k,
                            size_t at, float* HWY_RESTRICT out) {
  vec even0 = hn::Zero(d);
  vec odd0 = even0;
  vec even1 = even0;
  vec odd1 = even0;
  size_t j = 0;
  for (; j + 2 <= k; j += 2) {
    const vec a = load_16_bit(rows + j * panel + at);
    const vec b = load_16_bit(rows + (j + 1) * panel + at);
    even0 = hn::MulAdd(hn::Set(d, queries[j]), a, even0);
    odd0 = hn::MulAdd(hn::Set(d, queries[j + 1]), b, odd0);
    if constexpr (Q == 2) {
      even1 = hn::MulAdd(hn::Set(d, queries[k + j]), a, even1);
      odd1 = hn::MulAdd(hn::Set(d, queries[k + j + 1]), b, odd1);
    }
  }
  if (j < k) {
    const vec a = load_16_bit(rows + j * panel + at);
    even0 = hn::MulAdd(hn::Set(d, queries[j]), a, even0);
    if constexpr (Q == 2) even1 = hn::MulAdd(hn::Set(d, queries[k + j]), a, even1);
  }
  hn::StoreU(hn::Add(even0, odd0), d, out + at);
  if constexpr (Q == 2) hn::StoreU(hn::Add(even1, odd1), d, out + panel + at);
}

void score_panels(const float* queries, size_t n_queries, const std::int16_t* panels, const float* scale, size_t n,
                  size_t k, float* out) {
  for (size_t first = 0; first < n; first += panel) {
    const std::int16_t* rows = panels + first * k;
    const size_t count = n - first < panel ? n - first : panel;
    for (size_t q = 0; q < n_queries; q += 2) {
      const size_t pair = q + 1 < n_queries ? 2 : 1;
      HWY_ALIGN float sums[2 * panel];
      for (size_t at = 0; at < panel; at += lanes) {
        pair == 2 ? score_panel<2>(queries + q * k, rows, k, at, sums)
                  : score_panel<1>(queries + q * k, rows, k, at, sums);
      }
      for (size_t p = 0; p < pair; ++p) {
        float* to = out + (q + p) * n + first;
        for (size_t i = 0; i < count; ++i) to[i] = sums[p * panel + i] * scale[first + i];
      }
    }
  }
}
