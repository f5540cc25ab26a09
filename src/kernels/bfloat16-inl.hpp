// Rows in bfloat16, the upper half of a float: read into float32 and used there.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.

constexpr hn::Rebind<std::uint16_t, tag> half_tag{};
constexpr hn::RebindToUnsigned<tag> bits_tag{};

HWY_INLINE vec widen(hn::Vec<decltype(half_tag)> upper) {
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(bits_tag, upper)));
}

// the last n < lanes of a row, the rest zero
HWY_INLINE vec load_tail(const std::uint16_t* from, size_t n) {
  HWY_ALIGN std::uint16_t padded[lanes] = {};
  for (size_t j = 0; j < n; ++j) padded[j] = from[j];
  return widen(hn::Load(half_tag, padded));
}

void round_to_bfloat16(const float* x, size_t n, std::uint16_t* out) {
  size_t j = 0;
  for (; j + lanes <= n; j += lanes) {
    const auto bits = hn::BitCast(bits_tag, hn::LoadU(d, x + j));
    const auto even = hn::And(hn::ShiftRight<16>(bits), hn::Set(bits_tag, 1));
    const auto upper = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(bits_tag, 0x7FFF)), even));
    hn::StoreU(hn::TruncateTo(half_tag, upper), half_tag, out + j);
  }
  tandem::detail::round_to_bfloat16_portable(x + j, n - j, out + j);
}

// copies a row to `right` and w times it to `left`, zeros up to `step`; `left` may be `right` where w is 1
HWY_INLINE void pack_row(const std::uint16_t* x, float w, size_t k, size_t step, float* left, float* right) {
  const vec vw = hn::Set(d, w);
  for (size_t j = 0; j < step; j += lanes) {
    const vec v = j + lanes <= k ? widen(hn::LoadU(half_tag, x + j)) : load_tail(x + j, k - j);
    hn::Store(v, d, right + j);
    if (left != right) hn::Store(hn::Mul(vw, v), d, left + j);
  }
}

void gram_accumulate_bfloat16(const std::uint16_t* rows, size_t stride, const std::uint32_t* index, const float* weight,
                              size_t n, size_t k, float* gram) {
  if (k == 0) return;
  const size_t step = (k + lanes - 1) / lanes * lanes;
  if (step > panel_floats) {
    return tandem::detail::gram_accumulate_bfloat16_portable(rows, stride, index, weight, n, k, gram);
  }
  const auto pack = [&](size_t r, float* left, float* right) HWY_ATTR {
    const std::uint16_t* x = rows + (index != nullptr ? index[r] : r) * stride;
    pack_row(x, weight != nullptr ? weight[r] : 1.0F, k, step, left, right);
  };
  const auto ask = [&](size_t r) HWY_ATTR {
    if (index == nullptr) return;
    for (size_t j = 0; j < k; j += 32) hwy::Prefetch(rows + index[r] * stride + j);
  };
  add_rows(n, k, step, !all_one(weight, weight != nullptr ? n : 0), gram, pack, ask);
}

void gather_sum_bfloat16(const std::uint16_t* rows, size_t stride, const std::uint32_t* index, const float* weight,
                         size_t n, size_t k, float* out) {
  for (size_t j = 0; j < k; j += 2 * lanes) {
    const size_t left = k - j;
    const bool both = left >= 2 * lanes;
    vec low = left >= lanes ? hn::LoadU(d, out + j) : load_tail(out + j, left);
    vec high = both ? hn::LoadU(d, out + j + lanes) : hn::Zero(d);
    if (left > lanes && !both) high = load_tail(out + j + lanes, left - lanes);
    for (size_t r = 0; r < n; ++r) {
      const std::uint16_t* x = rows + (index != nullptr ? index[r] : r) * stride + j;
      const vec w = hn::Set(d, weight != nullptr ? weight[r] : 1.0F);
      low = hn::MulAdd(w, left >= lanes ? widen(hn::LoadU(half_tag, x)) : load_tail(x, left), low);
      if (both) high = hn::MulAdd(w, widen(hn::LoadU(half_tag, x + lanes)), high);
      if (left > lanes && !both) high = hn::MulAdd(w, load_tail(x + lanes, left - lanes), high);
    }
    left >= lanes ? hn::StoreU(low, d, out + j) : store_tail(low, out + j, left);
    if (both) hn::StoreU(high, d, out + j + lanes);
    if (left > lanes && !both) store_tail(high, out + j + lanes, left - lanes);
  }
}
