// Gaussians side by side, sixteen to a panel: what all of them expect of one context, and one of them learning.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.

constexpr size_t gaussian_lanes = tandem::detail::ud_lanes;

// Lanes [first, first + lanes of a vector) of one panel.
HWY_INLINE void predict_lanes(const float* HWY_RESTRICT x, const float* HWY_RESTRICT element, size_t k,
                              float* HWY_RESTRICT mean, float* HWY_RESTRICT spread) {
  vec m = hn::Zero(d);
  vec s = hn::Zero(d);
  for (size_t j = 0; j < k; ++j) {
    const vec theta = hn::LoadU(d, element);
    const vec diagonal = hn::LoadU(d, element + gaussian_lanes);
    element += 2 * gaussian_lanes;
    vec f0 = hn::Set(d, x[j]);
    m = hn::MulAdd(theta, f0, m);
    vec f1 = hn::Zero(d);
    size_t i = 0;
    for (; i + 2 <= j; i += 2, element += 2 * gaussian_lanes) {
      f0 = hn::MulAdd(hn::LoadU(d, element), hn::Set(d, x[i]), f0);
      f1 = hn::MulAdd(hn::LoadU(d, element + gaussian_lanes), hn::Set(d, x[i + 1]), f1);
    }
    if (i < j) {
      f0 = hn::MulAdd(hn::LoadU(d, element), hn::Set(d, x[i]), f0);
      element += gaussian_lanes;
    }
    const vec f = hn::Add(f0, f1);
    s = hn::MulAdd(hn::Mul(diagonal, f), f, s);
  }
  hn::StoreU(m, d, mean);
  hn::StoreU(s, d, spread);
}

void predict_panels(const float* x, const float* panels, size_t n_panels, size_t k, float* mean, float* spread) {
  const size_t step = gaussian_lanes * tandem::detail::ud_column(k);
  for (size_t p = 0; p < n_panels; ++p) {
    for (size_t l = 0; l < gaussian_lanes; l += lanes) {
      predict_lanes(x, panels + p * step + l, k, mean + p * gaussian_lanes + l, spread + p * gaussian_lanes + l);
    }
  }
}

// The vector that holds the lane learns as a whole, from a context that is 0 in every other lane: that moves no bit.
bool update_panel(float* gaussians, size_t k, size_t lane, const float* x, float reward, float weight, float* work,
                  float* before) {
  const size_t first = lane / lanes * lanes;
  float* const base = gaussians + first;
  float* HWY_RESTRICT const f = work;
  float* HWY_RESTRICT const g = work + k * lanes;
  float* HWY_RESTRICT const b = work + 2 * k * lanes;
  const auto mine = hn::Eq(hn::Iota(d, 0.0F), hn::Set(d, static_cast<float>(lane - first)));
  vec mean = hn::Zero(d);
  vec spread = hn::Zero(d);
  const float* element = base;
  for (size_t j = 0; j < k; ++j) {
    const vec theta = hn::LoadU(d, element);
    const vec diagonal = hn::LoadU(d, element + gaussian_lanes);
    element += 2 * gaussian_lanes;
    vec f0 = hn::Set(d, x[j]);
    mean = hn::MulAdd(theta, f0, mean);
    for (size_t i = 0; i < j; ++i, element += gaussian_lanes) {
      f0 = hn::MulAdd(hn::LoadU(d, element), hn::Set(d, x[i]), f0);
    }
    f0 = hn::IfThenElseZero(mine, f0);
    const vec g0 = hn::Mul(diagonal, f0);
    spread = hn::MulAdd(f0, g0, spread);
    hn::StoreU(f0, d, f + j * lanes);
    hn::StoreU(g0, d, g + j * lanes);
  }
  float all[lanes];
  hn::StoreU(mean, d, all);
  before[0] = all[lane - first];
  hn::StoreU(spread, d, all);
  before[1] = all[lane - first];
  const float step = tandem::detail::ud_step({before[0], before[1]}, reward, weight);
  if (!std::isfinite(step)) return false;
  const vec w = hn::Set(d, weight);
  vec growth = hn::Set(d, 1.0F);
  float* column = base;
  for (size_t j = 0; j < k; ++j) {
    const vec fj = hn::LoadU(d, f + j * lanes);
    const vec gj = hn::LoadU(d, g + j * lanes);
    const vec grown = hn::MulAdd(hn::Mul(w, fj), gj, growth);
    const vec p = hn::Neg(hn::Div(hn::Mul(w, fj), growth));
    hn::StoreU(hn::Mul(hn::LoadU(d, column + gaussian_lanes), hn::Div(growth, grown)), d, column + gaussian_lanes);
    column += 2 * gaussian_lanes;
    for (size_t i = 0; i < j; ++i, column += gaussian_lanes) {
      const vec u = hn::LoadU(d, column);
      const vec bi = hn::LoadU(d, b + i * lanes);
      hn::StoreU(hn::MulAdd(bi, p, u), d, column);
      hn::StoreU(hn::MulAdd(u, gj, bi), d, b + i * lanes);
    }
    hn::StoreU(gj, d, b + j * lanes);
    growth = grown;
  }
  const vec move = hn::Set(d, step);
  for (size_t j = 0; j < k; ++j) {
    float* const theta = base + tandem::detail::ud_column(j) * gaussian_lanes;
    hn::StoreU(hn::MulAdd(move, hn::LoadU(d, b + j * lanes), hn::LoadU(d, theta)), d, theta);
  }
  return true;
}
