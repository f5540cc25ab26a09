#pragma once
// The mean of values that each have an error, and how much they differ beyond their errors.

#include <algorithm>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

/// A random-effects mean, by the method of moments (DerSimonian and Laird, 1986).
class random_effects {
 public:
  /// What another value of the same kind is likely to be.
  struct prediction {
    double mean = 0, variance = 0;
  };

  /// @param variance  of the value's error, > 0.
  void add(double value, double variance) { values_.emplace_back(value, variance); }

  /// The next value; `unknown` while there are fewer than three. Its variance is at least 1e-6 of unknown's.
  [[nodiscard]] prediction next(const prediction& unknown) const noexcept {
    if (values_.size() < 3) return unknown;
    const sums fixed = weighed(0);
    double scatter = 0;  // about the mean, in the values' own variances: Q in the paper
    for (const auto& [x, v] : values_) scatter += (x - fixed.mean) * (x - fixed.mean) / v;
    const double freedom = static_cast<double>(values_.size() - 1);
    const double between = std::max(0.0, (scatter - freedom) / (fixed.weight - fixed.squares / fixed.weight));
    const sums random = weighed(between);
    return {random.mean, std::max(between + 1 / random.weight, 1e-6 * unknown.variance)};
  }

 private:
  struct sums {
    double weight = 0, squares = 0, mean = 0;
  };

  [[nodiscard]] sums weighed(double between) const noexcept {
    sums out;
    for (const auto& [x, v] : values_) {
      const double w = 1 / (v + between);
      out.weight += w;
      out.squares += w * w;
      out.mean += w * x;
    }
    out.mean /= out.weight;
    return out;
  }

  std::vector<std::pair<double, double>> values_;  // value, variance of its error
};

}  // namespace detail
TANDEM_END
