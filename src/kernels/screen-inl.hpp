// Screening items packed in panels of 16 by 8-bit inner products: integers, so every level finds the same ones.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.

constexpr size_t panel = 16;
static_assert(panel % lanes == 0);

#if HWY_ARCH_X86  // elsewhere the lanes of a widened product add up in another order

// One step of a panel is 64 bytes, 4 factors of 16 items; widened to 16 bits, a vector holds `lanes / 2` items.
constexpr size_t parts = 2 * panel / lanes;

using tag_16 = hn::Repartition<std::int16_t, tag>;
using tag_32 = hn::Repartition<std::int32_t, tag>;
using vec_32 = hn::Vec<tag_32>;

// the 4 factors at `from`, over and over
HWY_INLINE hn::Vec<tag_16> repeat_factors(const std::int8_t* from) {
  const hn::Rebind<std::int8_t, tag_16> narrow;
  const hn::Repartition<std::int32_t, decltype(narrow)> words;
  std::int32_t word;
  hwy::CopyBytes<4>(from, &word);
  return hn::PromoteTo(tag_16(), hn::BitCast(narrow, hn::Set(words, word)));
}

// sums[p][l] and its neighbour hold the two halves of an item's sum: a product is at most 127 * 255, a pair of them
// 64,770, and 512 pairs 33.2 million, far from overflow
template <size_t Q>
HWY_INLINE void multiply_panel(const std::int8_t* HWY_RESTRICT queries, const std::uint8_t* HWY_RESTRICT rows, size_t k,
                               vec_32 (&sums)[Q][parts]) {
  const hn::Rebind<std::uint8_t, tag_16> narrow;
  for (size_t q = 0; q < Q; ++q) {
    for (size_t p = 0; p < parts; ++p) sums[q][p] = hn::Zero(tag_32());
  }
  vec_32 unused = hn::Zero(tag_32());
  for (size_t j = 0; j < k; j += 4) {
    hn::Vec<tag_16> x[Q];
    for (size_t q = 0; q < Q; ++q) x[q] = repeat_factors(queries + q * k + j);
    for (size_t p = 0; p < parts; ++p) {
      const auto y = hn::PromoteTo(tag_16(), hn::LoadU(narrow, rows + j * panel + 2 * p * lanes));
      for (size_t q = 0; q < Q; ++q) {
        sums[q][p] = hn::ReorderWidenMulAccumulate(tag_32(), x[q], y, sums[q][p], unused);
      }
    }
  }
}

HWY_INLINE std::uint16_t reached_of(const vec_32 (&sums)[parts], std::int32_t offset, const float* scale, float bar) {
  const auto shift = hn::Set(tag_32(), offset);
  const vec b = hn::Set(d, bar);
  unsigned below = 0;
  for (size_t p = 0; p < parts; p += 2) {
    const auto sum =
        hn::Add(hn::ConcatEven(tag_32(), sums[p + 1], sums[p]), hn::ConcatOdd(tag_32(), sums[p + 1], sums[p]));
    const vec value = hn::ConvertTo(d, hn::Add(sum, shift));
    std::uint8_t bits[8] = {};
    hn::StoreMaskBits(d, hn::Lt(hn::Mul(value, hn::LoadU(d, scale + p / 2 * lanes)), b), bits);
    below |= (bits[0] | (static_cast<unsigned>(bits[1]) << 8)) << (p / 2 * lanes);
  }
  return static_cast<std::uint16_t>(~below);
}

template <size_t Q>
HWY_INLINE void screen_for(const std::int8_t* queries, const std::int32_t* offset, const std::uint8_t* panels,
                           const float* scale, const float* bar, size_t n_panels, size_t k, std::uint16_t* reached) {
  std::int32_t shift[Q];  // items are stored with 128 added
  for (size_t q = 0; q < Q; ++q) {
    std::int32_t sum = 0;
    for (size_t j = 0; j < k; ++j) sum += queries[q * k + j];
    shift[q] = offset[q] - 128 * sum;
  }
  for (size_t p = 0; p < n_panels; ++p) {
    vec_32 sums[Q][parts];
    multiply_panel<Q>(queries, panels + p * k * panel, k, sums);
    for (size_t q = 0; q < Q; ++q) {
      reached[q * n_panels + p] = reached_of(sums[q], shift[q], scale + p * panel, bar[q]);
    }
  }
}

void screen_panels(const std::int8_t* queries, const std::int32_t* offset, size_t n_queries, const std::uint8_t* panels,
                   const float* scale, const float* bar, size_t n_panels, size_t k, std::uint16_t* reached) {
  size_t q = 0;
  for (; q + 2 <= n_queries; q += 2) {
    screen_for<2>(queries + q * k, offset + q, panels, scale, bar + q, n_panels, k, reached + q * n_panels);
  }
  if (q < n_queries) {
    screen_for<1>(queries + q * k, offset + q, panels, scale, bar + q, n_panels, k, reached + q * n_panels);
  }
}

#else

using tandem::detail::screen_panels_portable;
constexpr auto screen_panels = screen_panels_portable;

#endif
