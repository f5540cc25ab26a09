// Gramians of few long rows by inner products: the rows are packed as columns, and go the way of all Gramians.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.

constexpr hn::FixedTag<float, 4> four{};

// to[t * step + l] = factor[t] * scale[l] * row[l][t], t < 4, l < 4
HWY_INLINE void turn_four(const float* const* row, const float* scale, const float* factor, size_t step,
                          float* HWY_RESTRICT to) {
  const hn::RepartitionToWide<decltype(four)> two;
  const auto a = hn::LoadU(four, row[0]);
  const auto b = hn::LoadU(four, row[1]);
  const auto c = hn::LoadU(four, row[2]);
  const auto e = hn::LoadU(four, row[3]);
  const auto ab_low = hn::BitCast(two, hn::InterleaveLower(four, a, b));
  const auto ab_high = hn::BitCast(two, hn::InterleaveUpper(four, a, b));
  const auto ce_low = hn::BitCast(two, hn::InterleaveLower(four, c, e));
  const auto ce_high = hn::BitCast(two, hn::InterleaveUpper(four, c, e));
  const auto s = hn::LoadU(four, scale);
  const auto put = [&](size_t t, hn::Vec<decltype(two)> column) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::Mul(hn::BitCast(four, column), s), hn::Set(four, factor[t])), four, to + t * step);
  };
  put(0, hn::InterleaveLower(two, ab_low, ce_low));
  put(1, hn::InterleaveUpper(two, ab_low, ce_low));
  put(2, hn::InterleaveLower(two, ab_high, ce_high));
  put(3, hn::InterleaveUpper(two, ab_high, ce_high));
}

// columns [first, first + count) of n rows become `count` rows of `step` floats, zeros beyond n
HWY_INLINE void pack_columns(const float* rows, size_t stride, const std::uint32_t* index, const float* scale,
                             const float* factor, size_t n, size_t first, size_t count, size_t step, float* to) {
  for (size_t r = 0; r < step; r += 4) {
    const float* row[4];
    float s[4];
    for (size_t l = 0; l < 4; ++l) {  // past the end the last row stands in, times zero
      row[l] = gathered(rows, stride, index, r + l < n ? r + l : n - 1) + first;
      s[l] = r + l < n ? scale[r + l] : 0.0F;
    }
    size_t j = 0;
    for (; j + 4 <= count; j += 4) {
      turn_four(row, s, factor + first + j, step, to + j * step + r);
      for (const float*& at : row) at += 4;
    }
    for (; j < count; ++j) {
      for (size_t l = 0; l < 4; ++l) to[j * step + r + l] = s[l] * factor[first + j] * *row[l]++;
    }
  }
}

void dual_gram_accumulate(const float* rows, size_t stride, const std::uint32_t* index, const float* scale,
                          const float* factor, size_t n, size_t k, float* gram) {
  const size_t step = (n + lanes - 1) / lanes * lanes;
  if (n == 0) return;
  if (step > panel_floats) {  // far beyond where it pays
    return tandem::detail::dual_gram_accumulate_portable(rows, stride, index, scale, factor, n, k, gram);
  }
  HWY_ALIGN float columns[panel_floats];
  const size_t panel = panel_floats / step;
  for (size_t first = 0; first < k; first += panel) {
    const size_t count = k - first < panel ? k - first : panel;
    pack_columns(rows, stride, index, scale, factor, n, first, count, step, columns);
    add_panel(columns, columns, step, count, n, gram);
  }
}
