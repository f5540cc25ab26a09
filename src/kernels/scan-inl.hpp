// Scanning scores: how they spread, and where the next good one is.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.

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
    const auto any =
        hn::Or(hn::Or(hn::Gt(hn::LoadU(d, x + j), b), hn::Gt(hn::LoadU(d, x + j + lanes), b)),
               hn::Or(hn::Gt(hn::LoadU(d, x + j + 2 * lanes), b), hn::Gt(hn::LoadU(d, x + j + 3 * lanes), b)));
    if (!hn::AllFalse(d, any)) break;
  }
  for (; j + lanes <= n; j += lanes) {
    const intptr_t lane = hn::FindFirstTrue(d, hn::Gt(hn::LoadU(d, x + j), b));
    if (lane >= 0) return j + static_cast<size_t>(lane);
  }
  for (; j < n; ++j) {
    if (x[j] > bar) return j;
  }
  return n;
}

void class_maxima(const float* x, size_t n, size_t classes, float* out) {
  for (size_t c = 0; c < classes; ++c) out[c] = -HUGE_VALF;
  size_t first = 0;
  for (; first + classes <= n; first += classes) {
    for (size_t c = 0; c < classes; c += lanes) {
      hn::StoreU(hn::Max(hn::LoadU(d, out + c), hn::LoadU(d, x + first + c)), d, out + c);
    }
  }
  for (size_t j = first; j < n; ++j) out[j - first] = x[j] > out[j - first] ? x[j] : out[j - first];
}

size_t count_equal(const float* x, size_t n, float value) {
  const vec v = hn::Set(d, value);
  size_t count = 0;
  size_t j = 0;
  for (; j + lanes <= n; j += lanes) count += hn::CountTrue(d, hn::Eq(hn::LoadU(d, x + j), v));
  for (; j < n; ++j) count += x[j] == value ? 1 : 0;
  return count;
}
