#pragma once
// How sure a mean, a difference or a ratio is: percentile bootstrap intervals, resampled by cluster.
//
// Events of one user resemble each other; an interval that takes them as independent is too narrow. So whole clusters
// (users) are drawn with replacement, as many as there are, and the statistic is computed again from their sums. Both
// arms of a comparison are drawn together: what is common to them cancels (Efron 1979; Field and Welsh 2007 on
// clusters).

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/random.hpp"
#include "tandem/evaluation/interval.hpp"

TANDEM_BEGIN
namespace evaluation {

/// Options of the bootstrap.
struct bootstrap_options {
  /// What the interval should cover. Range (0, 1).
  double confidence = 0.95;
  /// Times the data is drawn again. Range [2, 1000000]. More make the interval's ends steadier, not narrower.
  std::size_t resamples = 2000;
  /// Seed of the draws. Same data, options and seed: same bits, any number of threads.
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    require_confidence(confidence);
    if (resamples < 2 || resamples > 1000000) {
      throw error(errc::invalid_argument, "is " + std::to_string(resamples), {.field = "resamples"},
                  "give a count in [2, 1000000]");
    }
  }
};

/// A statistic of all the data, and its interval.
struct bootstrap_estimate {
  double value = 0;
  interval range;
  std::size_t n = 0;         ///< values (pairs of values)
  std::size_t clusters = 0;  ///< what was drawn; with fewer than about 30 the interval covers less than it says
};

// Of all three:
// @param cluster  one label a value, e.g. raw(user); empty = every value is its own cluster.
// Complexity: O(n log n + resamples * clusters), 10 to 20 ns a draw. Allocates: O(n + resamples).
// Errors: invalid_argument for no values, lengths that differ, or options out of range; not_finite for a value that is.

/// The mean over values.
[[nodiscard]] bootstrap_estimate bootstrap_mean(std::span<const double> values,
                                                std::span<const std::uint32_t> cluster = {},
                                                const bootstrap_options& options = {}, executor_ref executor = {});

/// mean(a) - mean(b), where a[i] and b[i] are two arms' results for the same case.
[[nodiscard]] bootstrap_estimate bootstrap_difference(std::span<const double> a, std::span<const double> b,
                                                      std::span<const std::uint32_t> cluster = {},
                                                      const bootstrap_options& options = {},
                                                      executor_ref executor = {});

/// mean(a) / mean(b), where a[i] and b[i] are two arms' results for the same case.
/// Errors: not_finite too when b, or a resample of it, adds up to 0: too little of b for a ratio.
[[nodiscard]] bootstrap_estimate bootstrap_ratio(std::span<const double> a, std::span<const double> b,
                                                 std::span<const std::uint32_t> cluster = {},
                                                 const bootstrap_options& options = {}, executor_ref executor = {});

namespace detail {

/// Sums over a cluster, or over several.
struct cluster_sum {
  double a = 0;
  double b = 0;
  double n = 0;

  cluster_sum& operator+=(const cluster_sum& other) noexcept {
    a += other.a;
    b += other.b;
    n += other.n;
    return *this;
  }
};

/// One sum a cluster, ascending by label. Errors: as bootstrap_mean().
inline std::vector<cluster_sum> sum_by_cluster(std::span<const double> a, std::span<const double> b,
                                               std::span<const std::uint32_t> cluster) {
  if (a.empty()) throw error(errc::invalid_argument, "no values to resample");
  if (b.size() != a.size() || (!cluster.empty() && cluster.size() != a.size())) {
    throw error(errc::invalid_argument, "values and cluster labels differ in number: " + std::to_string(a.size()) +
                                            ", " + std::to_string(b.size()) + ", " + std::to_string(cluster.size()));
  }
  std::vector<std::uint32_t> labels(cluster.begin(), cluster.end());
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  std::vector<cluster_sum> sums(cluster.empty() ? a.size() : labels.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const cluster_sum one{a[i], b[i], 1};
    if (!std::isfinite(one.a) || !std::isfinite(one.b)) {
      throw error(errc::not_finite, "value " + std::to_string(i) + " is not finite");
    }
    const auto at =
        cluster.empty()
            ? i
            : static_cast<std::size_t>(std::lower_bound(labels.begin(), labels.end(), cluster[i]) - labels.begin());
    sums[at] += one;
  }
  return sums;
}

/// The p-quantile of ascending values, interpolated between neighbours (type 7 of Hyndman and Fan 1996).
inline double quantile(std::span<const double> ascending, double p) noexcept {
  const double at = p * static_cast<double>(ascending.size() - 1);
  const std::size_t below = std::min(static_cast<std::size_t>(at), ascending.size() - 2);
  return ascending[below] + (at - static_cast<double>(below)) * (ascending[below + 1] - ascending[below]);
}

/// The percentile bootstrap of `statistic`, a function of sums.
template <class Statistic>
bootstrap_estimate bootstrap(std::span<const double> a, std::span<const double> b,
                             std::span<const std::uint32_t> cluster, const bootstrap_options& options,
                             executor_ref executor, Statistic statistic) {
  options.validate();
  const std::vector<cluster_sum> sums = sum_by_cluster(a, b, cluster);
  cluster_sum all;
  for (const cluster_sum& each : sums) all += each;
  std::vector<double> drawn(options.resamples);
  executor.parallel_for(options.resamples, [&](std::size_t r) {
    random_stream random(options.seed, r);
    cluster_sum total;
    for (std::size_t c = 0; c < sums.size(); ++c) total += sums[random.below(sums.size())];
    drawn[r] = statistic(total);
  });
  bootstrap_estimate out{statistic(all), {}, a.size(), sums.size()};
  if (!std::isfinite(out.value) ||
      !std::all_of(drawn.begin(), drawn.end(), [](double x) { return std::isfinite(x); })) {
    throw error(errc::not_finite, "the statistic of the data, or of a resample, is not finite", {},
                "compare by difference, or gather more data");
  }
  std::sort(drawn.begin(), drawn.end());
  const double tail = (1 - options.confidence) / 2;
  out.range = {quantile(drawn, tail), quantile(drawn, 1 - tail)};
  return out;
}

}  // namespace detail

inline bootstrap_estimate bootstrap_mean(std::span<const double> values, std::span<const std::uint32_t> cluster,
                                         const bootstrap_options& options, executor_ref executor) {
  return detail::bootstrap(values, values, cluster, options, executor,
                           [](const detail::cluster_sum& s) { return s.a / s.n; });
}

inline bootstrap_estimate bootstrap_difference(std::span<const double> a, std::span<const double> b,
                                               std::span<const std::uint32_t> cluster, const bootstrap_options& options,
                                               executor_ref executor) {
  return detail::bootstrap(a, b, cluster, options, executor,
                           [](const detail::cluster_sum& s) { return (s.a - s.b) / s.n; });
}

inline bootstrap_estimate bootstrap_ratio(std::span<const double> a, std::span<const double> b,
                                          std::span<const std::uint32_t> cluster, const bootstrap_options& options,
                                          executor_ref executor) {
  return detail::bootstrap(a, b, cluster, options, executor, [](const detail::cluster_sum& s) { return s.a / s.b; });
}

}  // namespace evaluation
TANDEM_END
