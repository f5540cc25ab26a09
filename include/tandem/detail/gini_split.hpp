#pragma once
// The best split of labelled rows by one feature: least Gini impurity, missing values tried on both sides.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

/// Labels of rows, counted, and the sum of squared counts kept beside: n - squares / n is n times their impurity.
struct label_counts {
  std::vector<std::int64_t> count;
  std::int64_t n = 0;
  std::int64_t squares = 0;

  explicit label_counts(std::size_t n_labels) : count(n_labels, 0) {}
  void add(std::uint32_t label) noexcept {
    squares += 2 * count[label]++ + 1;
    ++n;
  }
  void remove(std::uint32_t label) noexcept {
    squares -= 2 * count[label]-- - 1;
    --n;
  }
  /// Larger is purer.
  [[nodiscard]] double purity() const noexcept {
    return n > 0 ? static_cast<double>(squares) / static_cast<double>(n) : 0;
  }
};

/// A split of a node's rows; purity below that of the node = none found.
struct gini_split {
  double purity = -1;
  float threshold = 0;
  bool missing_left = false;
};

/// x to so many significant digits; below, if that is no float.
[[nodiscard]] inline float rounded(double x, int digits, float below) noexcept {
  std::array<char, 32> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), x, std::chars_format::general, digits);
  float value = 0;
  return std::from_chars(text.data(), written.ptr, value).ec == std::errc() ? value : below;
}

/// The number of fewest digits in (below, at]: any does as a threshold, and this one is read most easily.
[[nodiscard]] inline float short_threshold(float below, float at) noexcept {
  for (int digits = 1; digits <= 9; ++digits) {
    for (const double x : {(double{below} + double{at}) / 2, double{at}}) {
      const float value = rounded(x, digits, below);
      if (value > below && value <= at) return value;
    }
  }
  return at;
}

/// One feature of the rows of a node, ready to be swept.
class gini_sweep {
 public:
  /// @param value  value(r) of row r; NaN = missing.
  template <class Value>
  gini_sweep(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> labels, std::size_t n_labels,
             std::size_t min_leaf, const Value& value)
      : labels_(labels), min_leaf_(static_cast<std::int64_t>(min_leaf)), missing_(n_labels), n_labels_(n_labels) {
    known_.reserve(rows.size());
    for (const std::uint32_t r : rows) {
      if (std::isnan(value(r))) {
        missing_.add(labels[r]);
      } else {
        known_.emplace_back(value(r), r);
      }
    }
    std::sort(known_.begin(), known_.end());
  }

  /// Ties go to the smaller threshold, then to the larger side for the missing.
  [[nodiscard]] gini_split best() const {
    gini_split best;
    label_counts left(n_labels_);
    label_counts right(n_labels_);
    for (const auto& each : known_) right.add(labels_[each.second]);
    label_counts left_and_missing = missing_;
    label_counts right_and_missing = missing_;
    for (const auto& each : known_) right_and_missing.add(labels_[each.second]);
    if (missing_.n > 0) offer(right, missing_, {-1, std::numeric_limits<float>::infinity(), false}, best);
    for (std::size_t r = 0; r + 1 < known_.size(); ++r) {
      const std::uint32_t label = labels_[known_[r].second];
      left.add(label);
      left_and_missing.add(label);
      right.remove(label);
      right_and_missing.remove(label);
      if (!(known_[r].first < known_[r + 1].first)) continue;
      gini_split split{-1, known_[r + 1].first, left.n >= right.n};
      for (int side = 0; side < 2; ++side) {
        if (split.missing_left) {
          offer(left_and_missing, right, split, best);
        } else {
          offer(left, right_and_missing, split, best);
        }
        split.missing_left = !split.missing_left;
      }
    }
    if (std::isfinite(best.threshold)) best.threshold = short_threshold(value_below(best.threshold), best.threshold);
    return best;
  }

 private:
  void offer(const label_counts& left, const label_counts& right, gini_split split, gini_split& best) const noexcept {
    if (left.n < min_leaf_ || right.n < min_leaf_) return;
    split.purity = left.purity() + right.purity();
    if (split.purity > best.purity) best = split;
  }

  /// The largest known value below a threshold.
  [[nodiscard]] float value_below(float threshold) const noexcept {
    const auto at = std::lower_bound(known_.begin(), known_.end(), threshold,
                                     [](const auto& each, float x) { return each.first < x; });
    return at == known_.begin() ? threshold : std::prev(at)->first;
  }

  std::span<const std::uint32_t> labels_;
  std::int64_t min_leaf_;
  label_counts missing_;
  std::size_t n_labels_;
  std::vector<std::pair<float, std::uint32_t>> known_;
};

}  // namespace detail
TANDEM_END
