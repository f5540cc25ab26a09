#pragma once
// What another policy would have earned with whole slates: several items a decision, a reward for each place.
//
// The fewer places a reward is taken to depend on, the smaller the weights:
//
//   slate_inverse_propensity        SIPS: on the whole slate. Always right; weights are products over all places
//   cascade_inverse_propensity      RIPS: on the places above and its own. What a reader from the top does
//   cascade_doubly_robust           Cascade-DR: RIPS with a model of the reward
//   independent_inverse_propensity  IIPS: on its own place alone. Smallest weights, boldest assumption
//
// The value is the expected sum of a slate's rewards. A slate counts as one record: n, weights and checks are of
// slates.

#include <span>

#include "tandem/evaluation/doubly_robust.hpp"
#include "tandem/evaluation/off_policy.hpp"

TANDEM_BEGIN
namespace evaluation {

/// SIPS: the mean of (product of all w) * (sum of rewards) (Swaminathan et al. 2017, as "IPS").
/// Threads: thread-compatible. Allocates: nothing.
class slate_inverse_propensity {
 public:
  /// @param places  from the top; propensity and target of each item given the items above, as tandem logs them.
  /// Complexity: O(places). Errors (the slate is not counted): invalid_argument without places; as
  /// inverse_propensity::add() for each.
  void add(std::span<const logged_reward> places);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  detail::running_moments terms_;
};

/// RIPS: the mean of sum over k of r_k * (product of w_1 ... w_k) (McInerney et al., KDD 2020). Unbiased when no reward
/// depends on what stands below it. Weights reported are those of the whole slate.
/// Threads: thread-compatible. Allocates: nothing.
class cascade_inverse_propensity {
 public:
  /// As slate_inverse_propensity::add().
  void add(std::span<const logged_reward> places);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  detail::running_moments terms_;
};

/// Cascade-DR: the mean of sum over k of W_k (r_k - taken_k) + W_(k-1) expected_k, W_k = w_1 ... w_k (Kiyohara et al.,
/// WSDM 2022). Unbiased as RIPS, whatever the model; least noise when it predicts the sum of rewards from place k down.
/// Threads: thread-compatible. Allocates: nothing.
class cascade_doubly_robust {
 public:
  /// @param predicted  one a place: taken for its item, expected over the items that target might put there.
  /// Errors: as slate_inverse_propensity::add(); invalid_argument for another number of predictions; not_finite for one
  /// that is.
  void add(std::span<const logged_reward> places, std::span<const predicted_reward> predicted);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  detail::running_moments terms_;
};

/// IIPS: the mean of sum over k of w_k r_k (Li et al., KDD 2018). Unbiased when a reward depends on its own place
/// alone.
///
/// propensity and target of a place are here the probabilities that the item stands there *whatever stands above*,
/// which is not what tandem logs for places below the first. Weights reported are the means over a slate's places.
/// Threads: thread-compatible. Allocates: nothing.
class independent_inverse_propensity {
 public:
  /// Errors: as slate_inverse_propensity::add().
  void add(std::span<const logged_reward> places);
  /// Errors: as inverse_propensity::estimate().
  [[nodiscard]] off_policy_estimate estimate(double confidence = 0.95) const;

 private:
  detail::weight_summary weights_;
  detail::running_moments terms_;
};

}  // namespace evaluation
TANDEM_END

#include "tandem/detail/slate_off_policy_impl.hpp"
