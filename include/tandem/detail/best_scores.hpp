#pragma once
// Of one source's scores: the best of them, and how they are spread.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/kernels.hpp"

TANDEM_BEGIN
namespace hybrid::detail {

struct spread {
  float shift = 0;  // value = (score - shift) * factor, or log(score * factor + 1e-5) for shares
  float factor = 0;
  float lowest = 0;
  bool sound = true;  // false: some score is not finite, or absurd
};

// A number that at least n of `scores` reach, or -infinity: the n-th largest of the maxima of at least 2 n classes, so
// that some 1.4 n scores reach it. Classes go by remainder: items that are alike often have subscripts that are near.
inline float reached_by(std::span<const float> scores, std::size_t n, std::vector<float>& maxima) {
  maxima.resize((2 * n + 15) / 16 * 16);
  kernels().class_maxima(scores.data(), scores.size(), maxima.size(), maxima.data());
  const auto nth = maxima.begin() + static_cast<std::ptrdiff_t>(n - 1);
  std::nth_element(maxima.begin(), nth, maxima.end(), std::greater<>());
  return *nth;
}

// calls f(i) for every score above `bar`, in order, until it returns false
template <class F>
void for_each_above(std::span<const float> scores, float bar, F&& f) {
  const kernel_table& k = kernels();
  const std::size_t end = scores.size();
  for (std::size_t i = k.next_above(scores.data(), 0, end, bar); i < end;
       i = k.next_above(scores.data(), i + 1, end, bar)) {
    if (!f(i)) return;
  }
}

// keeps the first n, best first, ties by smaller index
inline void keep_best(std::size_t n, std::vector<std::pair<float, std::uint32_t>>& best) {
  const auto better = [](const auto& a, const auto& b) {
    return a.first > b.first || (a.first == b.first && a.second < b.second);
  };
  const std::size_t kept = std::min(n, best.size());
  std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(kept), best.end(), better);
  best.resize(kept);
}

// the `n` best of `scores` above `floor`, best first, ties by smaller index
inline void best_of(std::span<const float> scores, std::size_t n, float floor, std::vector<float>& maxima,
                    std::vector<std::pair<float, std::uint32_t>>& best) {
  best.clear();
  if (n == 0) return;
  const float reached = reached_by(scores, n, maxima);
  const float bar = std::max(floor, reached);
  for_each_above(scores, bar, [&](std::size_t i) {
    best.emplace_back(scores[i], static_cast<std::uint32_t>(i));
    return true;
  });
  if (best.size() < n && bar > floor) {  // the rest equal the bar: the first of them
    for_each_above(scores, std::nextafter(bar, floor), [&](std::size_t i) {
      if (scores[i] == bar) best.emplace_back(bar, static_cast<std::uint32_t>(i));
      return best.size() < n;
    });
  }
  keep_best(n, best);
}

// the same of the `items` that have a positive score, above a floor of 0
inline void best_of_few(std::span<const float> scores, std::span<const std::uint32_t> items, std::size_t n,
                        std::vector<std::pair<float, std::uint32_t>>& best) {
  best.clear();
  for (const std::uint32_t item : items) {
    if (scores[item] > 0) best.emplace_back(scores[item], item);
  }
  keep_best(n, best);
}

// sums differences from one of the scores, so that a mean far from zero costs no digits
inline spread spread_of(std::span<const float> scores) {
  const float origin = scores.empty() ? 0.0F : scores.back();
  std::array<float, 3> sums{};
  kernels().spread(scores.data(), scores.size(), origin, sums.data());
  const double total{sums[0]};
  const double squares{sums[1]};
  spread out;
  out.lowest = sums[2];
  out.sound = squares <= 1e35;  // neither NaN nor infinity got in
  const double n = static_cast<double>(scores.size());
  const double mean = total / n;
  const double variance = squares / n - mean * mean;
  out.shift = static_cast<float>(double{origin} + mean);
  out.factor = static_cast<float>(variance > 1e-20 ? 1 / std::sqrt(variance) : 1);
  return out;
}

// NaN, infinities and numbers whose squares would not add up count as 0
inline float sane(float score) noexcept { return std::abs(score) <= 1e15F ? score : 0.0F; }

// the spread of a source's scores, with scores that are not numbers made 0 first
inline spread sane_spread_of(std::span<float> scores) {
  const spread first = spread_of(scores);
  if (first.sound) return first;
  for (float& x : scores) x = sane(x);
  return spread_of(scores);
}

// the same of a row that has 0 but for some positive scores; not sound where they are absurd
inline spread spread_of_few(std::span<const float> scores, std::span<const std::uint32_t> items) {
  double total = 0;
  double squares = 0;
  float most = 0;
  for (const std::uint32_t item : items) {
    const float x = scores[item];
    total += double{x};
    squares += double{x} * double{x};
    most = std::max(most, x);
  }
  const double n = static_cast<double>(scores.size());
  const double mean = total / n;
  const double variance = squares / n - mean * mean;
  spread out;
  out.shift = static_cast<float>(mean);
  out.factor = static_cast<float>(variance > 1e-20 ? 1 / std::sqrt(variance) : 1);
  out.sound = sane(most) == most && squares <= 1e35;
  return out;
}

}  // namespace hybrid::detail
TANDEM_END
