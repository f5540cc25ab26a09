#pragma once
// The best split of a node: every cut of a feature, with missing values on either side.

#include <algorithm>
#include <cstdint>

#include "tandem/detail/boosted_trees_histogram.hpp"

TANDEM_BEGIN
namespace detail {

/// A split of a node; without gain: none.
struct tree_split {
  double gain = 0;
  std::uint32_t feature = 0;
  std::uint32_t bin = 0;  // bins up to this one go left
  bool missing_right = false;
  gradient_sum left{};

  [[nodiscard]] bool exists() const noexcept { return gain > 0; }
};

/// What a split must satisfy, and in which units sums are.
struct split_rules {
  double lambda = 0;
  double gamma = 0;
  double min_child_weight = 0;
  gradient_units units{};

  [[nodiscard]] double first(const gradient_sum& sum) const noexcept {
    return static_cast<double>(sum.first) * units.first;
  }
  [[nodiscard]] double second(const gradient_sum& sum) const noexcept {
    return static_cast<double>(sum.second) * units.second;
  }
  /// G^2 / (H + lambda)
  [[nodiscard]] double score(const gradient_sum& sum) const noexcept {
    const double h = second(sum) + lambda;
    return h > 0 ? first(sum) * first(sum) / h : 0;
  }
  /// - G / (H + lambda)
  [[nodiscard]] double step(const gradient_sum& sum) const noexcept {
    const double h = second(sum) + lambda;
    return h > 0 ? -first(sum) / h : 0;
  }
  /// Whether rows with this sum can be split at all.
  [[nodiscard]] bool can_split(const gradient_sum& sum) const noexcept {
    return sum.second > 1 && second(sum) >= 2 * min_child_weight;
  }
};

/// Compares the splits of one node, feature by feature.
class split_search {
 public:
  split_search(const gradient_sum& total, const split_rules& rules) noexcept
      : total_(total),
        rules_(rules),
        total_first_(rules.first(total)),
        total_second_(rules.second(total)),
        parent_(rules.score(total)),
        // a gain below the rounding of its own terms is none
        best_numerator_(parent_ + std::max(rules.gamma, 1e-10 * parent_)) {}

  /// Tries every cut of a feature. @param cells  its bins, the last one of missing values.
  void scan(std::uint32_t feature, const gradient_sum* cells, std::size_t n_bins) noexcept {
    const gradient_sum missing = cells[n_bins - 1];
    gradient_sum left;
    if (missing.empty()) {
      for (std::uint32_t b = 0; b + 2 < n_bins; ++b) {
        if (cells[b].empty()) continue;  // the same split as the bin before
        left = left + cells[b];
        if (improves(left)) keep({0, feature, b, left.second < total_.second - left.second, left});
      }
      return;
    }
    for (std::uint32_t b = 0; b + 1 < n_bins; ++b) {  // the last one: numbers to the left, missing to the right
      if (cells[b].empty()) continue;
      left = left + cells[b];
      if (improves(left)) keep({0, feature, b, true, left});
      if (improves(left + missing)) keep({0, feature, b, false, left + missing});
    }
  }

  /// The best split seen; where its node has no missing values, they go to the heavier child.
  [[nodiscard]] tree_split best() const noexcept { return best_; }

 private:
  // score_L + score_R > the best so far, as fractions: no division, and a split equals itself exactly
  [[nodiscard]] bool improves(const gradient_sum& left) noexcept {
    const double gl = rules_.first(left);
    const double hl = rules_.second(left);
    const double gr = total_first_ - gl;
    const double hr = total_second_ - hl;
    const double dl = hl + rules_.lambda;
    const double dr = hr + rules_.lambda;
    numerator_ = gl * gl * dr + gr * gr * dl;
    denominator_ = dl * dr;
    return (numerator_ * best_denominator_ > best_numerator_ * denominator_) & (hl >= rules_.min_child_weight) &
           (hr >= rules_.min_child_weight) & (left.second > 0) & (left.second < total_.second);
  }

  void keep(tree_split split) noexcept {
    best_numerator_ = numerator_;
    best_denominator_ = denominator_;
    split.gain = numerator_ / denominator_ - parent_;
    best_ = split;
  }

  gradient_sum total_;
  const split_rules& rules_;
  double total_first_;
  double total_second_;
  double parent_;
  double numerator_ = 0;  // of the split tried last
  double denominator_ = 1;
  double best_numerator_;
  double best_denominator_ = 1;
  tree_split best_;
};

}  // namespace detail
TANDEM_END
