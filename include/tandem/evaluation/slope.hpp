#pragma once
// Chooses how far to cut weights, by the log itself: the strongest cut whose estimate the weaker ones do not
// contradict.
//
// Cutting trades variance for bias. Variance shows in an interval's width, bias only in that intervals drift apart: as
// long as they all overlap, the narrowest is the best that can be told (SLOPE: Su, Srinath and Krishnamurthy, ICML
// 2020, after Lepski).

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/evaluation/off_policy.hpp"

TANDEM_BEGIN
namespace evaluation {

/// Index of the chosen estimate among several of one value, ordered by falling standard error (from least biased to
/// most biased): the last i with |v_i - v_j| <= half_i + (sqrt 6 - 1) half_j for it and all earlier ones, half = z *
/// standard_error at `confidence`.
/// Errors: invalid_argument for no estimates, standard errors that rise, or a confidence outside (0, 1).
[[nodiscard]] std::size_t slope(std::span<const off_policy_estimate> estimates, double confidence = 0.95);

/// One estimator at several limits side by side, and the choice among them: of clipped_inverse_propensity,
/// switch_doubly_robust or shrunk_doubly_robust.
///
/// The estimate's interval is the chosen one's and takes the choice as given: declare the rewards' range for one that
/// covers. Threads: thread-compatible. Allocates: at construction. Memory: one estimator a limit.
template <class Estimator>
class slope_selected {
 public:
  /// @param limits  those tried, in any order; at least one.   @param rewards  as in weight_limit.
  /// Errors: invalid_argument for no limits, or one out of its range.
  explicit slope_selected(std::vector<double> limits, std::optional<interval> rewards = std::nullopt)
      : limits_(std::move(limits)) {
    if (limits_.empty()) {
      throw error(errc::invalid_argument, "is empty", {.field = "limits"}, "give at least one limit to try");
    }
    for (const double limit : limits_) estimators_.emplace_back(weight_limit{limit, rewards});
  }

  /// What Estimator::add() takes. Complexity: O(limits). Errors: as Estimator::add(), and nothing is counted.
  template <class... Record>
  void add(const Record&... record) {
    for (Estimator& each : estimators_) each.add(record...);
  }

  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const { return chosen(confidence).first; }
  /// The limit that estimate() is made with. Errors: as estimate().
  [[nodiscard]] double limit(double confidence = 0.95) const { return chosen(confidence).second; }

 private:
  [[nodiscard]] std::pair<off_policy_estimate, double> chosen(double confidence) const {
    std::vector<off_policy_estimate> estimates;
    for (const Estimator& each : estimators_) estimates.push_back(each.estimate(confidence));
    std::vector<std::size_t> order(estimates.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return estimates[a].standard_error > estimates[b].standard_error;
    });
    std::vector<off_policy_estimate> falling;
    falling.reserve(order.size());
    for (const std::size_t i : order) falling.push_back(estimates[i]);
    const std::size_t at = order[slope(falling, confidence)];
    return {estimates[at], limits_[at]};
  }

  std::vector<double> limits_;
  std::vector<Estimator> estimators_;
};

inline std::size_t slope(std::span<const off_policy_estimate> estimates, double confidence) {
  require_confidence(confidence);
  if (estimates.empty()) throw error(errc::invalid_argument, "no estimates to choose among", {.field = "estimates"});
  const double z = normal_quantile(0.5 + confidence / 2);
  const double other = std::sqrt(6.0) - 1;
  for (std::size_t i = 1; i < estimates.size(); ++i) {
    if (!(estimates[i].standard_error <= estimates[i - 1].standard_error)) {
      throw error(errc::invalid_argument, "rises at estimate " + std::to_string(i), {.field = "standard_error"},
                  "order the estimates from the least biased to the most biased");
    }
    for (std::size_t j = 0; j < i; ++j) {
      const double apart = std::abs(estimates[i].value - estimates[j].value);
      if (apart > z * (estimates[i].standard_error + other * estimates[j].standard_error)) return i - 1;
    }
  }
  return estimates.size() - 1;
}

}  // namespace evaluation
TANDEM_END
