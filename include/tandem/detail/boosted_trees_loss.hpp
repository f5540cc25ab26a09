#pragma once
// What boosting minimises: the loss of rows at their margins, its gradient, and the diagonal of its Hessian.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "tandem/batch/boosted_trees.hpp"
#include "tandem/detail/boosted_trees_bins.hpp"

TANDEM_BEGIN
namespace detail {

/// First and second derivative of the loss with respect to a row's margin, times the row's weight.
struct gradient {
  float first = 0;
  float second = 0;
};

/// log(1 + e^x), without overflow.
[[nodiscard]] inline double softplus(double x) noexcept {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

[[nodiscard]] inline double softmax_target(float label, float weight, double label_sum) noexcept {
  return weight > 0 && label_sum > 0 ? static_cast<double>(label) * static_cast<double>(weight) / label_sum : 0.0;
}

/// The rows' labels and weights under a loss. Refers to the rows.
class tree_objective {
 public:
  /// Errors: as fit_boosted_trees(). @param where  what the place of an error begins with, e.g. "validation."
  tree_objective(const batch::labelled_rows& rows, batch::tree_loss loss, const std::string& where)
      : rows_(rows), loss_(loss) {
    require_lengths(where);
    require_numbers(where);
    if (loss == batch::tree_loss::softmax) prepare_groups(where);
    for (std::size_t r = 0; r < size(); ++r) total_ += loss == batch::tree_loss::softmax ? targets_[r] : weight(r);
  }

  [[nodiscard]] std::size_t size() const noexcept { return rows_.labels.size(); }
  /// Whether any row pulls its margin anywhere.
  [[nodiscard]] bool has_signal() const noexcept { return total_ > 0; }
  [[nodiscard]] double weight(std::size_t r) const noexcept {
    return rows_.weights.empty() ? 1.0 : static_cast<double>(rows_.weights[r]);
  }
  [[nodiscard]] double start(std::size_t r) const noexcept {
    return rows_.margins.empty() ? 0.0 : static_cast<double>(rows_.margins[r]);
  }

  /// The constant margin of least loss; 0 when rows bring their own, and for softmax, to which a constant is nothing.
  [[nodiscard]] double base() const noexcept {
    if (!rows_.margins.empty() || loss_ == batch::tree_loss::softmax || !has_signal()) return 0;
    double sum = 0;
    for (std::size_t r = 0; r < size(); ++r) sum += weight(r) * label(r);
    const double mean = sum / total_;
    if (loss_ == batch::tree_loss::squared) return mean;
    const double least = 0.5 / (static_cast<double>(size()) + 1);  // as if half a row had the other label
    const double p = std::clamp(mean, least, 1 - least);
    return std::log(p / (1 - p));
  }

  /// Complexity: O(rows). Rows of weight 0, and groups without a positive, have gradient 0.
  void gradients(std::span<const double> margins, std::span<gradient> out, executor_ref executor) const {
    for_each_part(executor, [&](std::size_t, std::size_t first, std::size_t last) {
      if (loss_ == batch::tree_loss::softmax) return softmax_gradients(first, last, margins, out);
      for (std::size_t r = first; r < last; ++r) {
        const double p = loss_ == batch::tree_loss::squared ? margins[r] : logistic(margins[r]);
        const double curvature = loss_ == batch::tree_loss::squared ? 1.0 : p * (1 - p);
        out[r] = {static_cast<float>(weight(r) * (p - label(r))), static_cast<float>(weight(r) * curvature)};
      }
    });
  }

  /// The mean loss by weight; 0 without signal. The same bits for every executor.
  [[nodiscard]] double mean_loss(std::span<const double> margins, executor_ref executor) const {
    std::vector<double> sums(n_parts(), 0.0);
    for_each_part(executor, [&](std::size_t part, std::size_t first, std::size_t last) {
      if (loss_ == batch::tree_loss::softmax) {
        sums[part] = softmax_loss(first, last, margins);
        return;
      }
      for (std::size_t r = first; r < last; ++r) {
        const double miss = margins[r] - label(r);
        sums[part] += weight(r) * (loss_ == batch::tree_loss::squared ? miss * miss / 2
                                                                      : softplus(margins[r]) - label(r) * margins[r]);
      }
    });
    double sum = 0;
    for (const double each : sums) sum += each;
    return has_signal() ? sum / total_ : 0;
  }

 private:
  [[nodiscard]] double label(std::size_t r) const noexcept { return static_cast<double>(rows_.labels[r]); }
  [[nodiscard]] bool takes_part(std::size_t r) const noexcept { return rows_.weights.empty() || rows_.weights[r] > 0; }

  /// Rows in chunks; whole groups when there are groups.
  [[nodiscard]] std::size_t n_parts() const noexcept {
    return parts_.empty() ? (size() + rows_a_chunk - 1) / rows_a_chunk : parts_.size() - 1;
  }
  template <class F>
  void for_each_part(executor_ref executor, const F& f) const {
    executor.parallel_for(n_parts(), [&](std::size_t part) {
      if (parts_.empty()) {
        f(part, part * rows_a_chunk, std::min(size(), (part + 1) * rows_a_chunk));
      } else {
        f(part, parts_[part], parts_[part + 1]);  // groups
      }
    });
  }

  /// Calls f(first row, last row, log of the sum of exp(margin), weight of its target) for groups that have a target.
  template <class F>
  void for_each_group(std::size_t first, std::size_t last, std::span<const double> margins, const F& f) const {
    for (std::size_t group = first; group < last; ++group) {
      const std::size_t begin = group_starts_[group];
      const std::size_t end = group_starts_[group + 1];
      double target = 0;
      double best = -std::numeric_limits<double>::infinity();
      for (std::size_t r = begin; r < end; ++r) {
        target += targets_[r];
        if (takes_part(r)) best = std::max(best, margins[r]);
      }
      if (!(target > 0)) continue;
      double sum = 0;
      for (std::size_t r = begin; r < end; ++r) sum += takes_part(r) ? std::exp(margins[r] - best) : 0;
      f(begin, end, best + std::log(sum), target);
    }
  }

  void softmax_gradients(std::size_t first, std::size_t last, std::span<const double> margins,
                         std::span<gradient> out) const {
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(group_starts_[first]),
              out.begin() + static_cast<std::ptrdiff_t>(group_starts_[last]), gradient{});
    for_each_group(first, last, margins, [&](std::size_t begin, std::size_t end, double log_sum, double target) {
      for (std::size_t r = begin; r < end; ++r) {
        if (!takes_part(r)) continue;
        const double p = std::exp(margins[r] - log_sum);
        out[r] = {static_cast<float>(target * p - targets_[r]), static_cast<float>(target * p * (1 - p))};
      }
    });
  }

  [[nodiscard]] double softmax_loss(std::size_t first, std::size_t last, std::span<const double> margins) const {
    double sum = 0;
    for_each_group(first, last, margins, [&](std::size_t begin, std::size_t end, double log_sum, double) {
      for (std::size_t r = begin; r < end; ++r) {
        if (targets_[r] > 0) sum += targets_[r] * (log_sum - margins[r]);
      }
    });
    return sum;
  }

  void require_lengths(const std::string& where) const {
    const auto require = [&](bool holds, const char* field, const char* message) {
      if (!holds) throw error(errc::invalid_argument, message, {{}, 0, where + field});
    };
    const std::size_t n = rows_.labels.size();
    require(rows_.features.n_features <= std::size_t{1} << 20, "features", "must have at most 2^20 columns");
    require(rows_.features.values.size() == n * rows_.features.n_features, "features",
            "must be one row of n_features values a label");
    require(n < std::numeric_limits<std::uint32_t>::max(), "labels", "must be fewer than 2^32 - 1");
    require(rows_.weights.empty() || rows_.weights.size() == n, "weights", "must be one a label, or none");
    require(rows_.margins.empty() || rows_.margins.size() == n, "margins", "must be one a label, or none");
    require(rows_.groups.empty() || loss_ == batch::tree_loss::softmax, "groups", "are for softmax only");
  }

  void require_numbers(const std::string& where) const {
    const auto refuse = [&](errc code, const char* field, std::size_t r, const char* message) {
      throw error(code, "of row " + std::to_string(r) + " " + message, {{}, 0, where + field});
    };
    for (std::size_t r = 0; r < size(); ++r) {
      const float y = rows_.labels[r];
      if (!std::isfinite(y)) refuse(errc::not_finite, "labels", r, "is not a finite number");
      if (loss_ != batch::tree_loss::squared && y < 0) refuse(errc::invalid_argument, "labels", r, "is negative");
      if (loss_ == batch::tree_loss::logistic && y > 1) refuse(errc::invalid_argument, "labels", r, "is above 1");
    }
    for (std::size_t r = 0; r < rows_.weights.size(); ++r) {
      if (!std::isfinite(rows_.weights[r])) refuse(errc::not_finite, "weights", r, "is not a finite number");
      if (rows_.weights[r] < 0) refuse(errc::invalid_argument, "weights", r, "is negative");
    }
    for (std::size_t r = 0; r < rows_.margins.size(); ++r) {
      if (!std::isfinite(rows_.margins[r])) refuse(errc::not_finite, "margins", r, "is not a finite number");
    }
  }

  /// Each row's share of its group's target, and parts of whole groups that have about as many rows as a chunk.
  void prepare_groups(const std::string& where) {
    group_starts_ = {0};
    for (const std::uint32_t rows : rows_.groups) group_starts_.push_back(group_starts_.back() + rows);
    if (group_starts_.back() != size()) {
      throw error(errc::invalid_argument, "are sizes that must add up to the number of labels",
                  {{}, 0, where + "groups"});
    }
    targets_.resize(size());
    parts_ = {0};
    for (std::size_t group = 0; group + 1 < group_starts_.size(); ++group) {
      const std::size_t begin = group_starts_[group];
      const std::size_t end = group_starts_[group + 1];
      double label_sum = 0;
      for (std::size_t r = begin; r < end; ++r) label_sum += takes_part(r) ? label(r) : 0;
      for (std::size_t r = begin; r < end; ++r) {
        targets_[r] = softmax_target(rows_.labels[r], static_cast<float>(weight(r)), label_sum);
      }
      if (end - group_starts_[parts_.back()] >= rows_a_chunk) parts_.push_back(group + 1);
    }
    if (parts_.back() + 1 != group_starts_.size()) parts_.push_back(group_starts_.size() - 1);
  }

  batch::labelled_rows rows_;
  batch::tree_loss loss_;
  double total_ = 0;
  std::vector<std::size_t> group_starts_;
  std::vector<double> targets_;
  std::vector<std::size_t> parts_;  // groups, not rows; empty without groups
};

}  // namespace detail
TANDEM_END
