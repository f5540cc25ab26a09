#pragma once
// Bodies of evaluation/slate_off_policy.hpp.

#include "tandem/evaluation/slate_off_policy.hpp"

TANDEM_BEGIN
namespace evaluation {
namespace detail {

inline void require_places(std::span<const logged_reward> places) {
  if (places.empty()) throw error(errc::invalid_argument, "a slate without places", {.field = "places"});
}

// Sum over places of visit(place, weight of the places above, weight up to it); the last weight is counted.
template <class Visit>
double cascade_term(weight_summary& weights, std::span<const logged_reward> places, Visit visit) {
  require_places(places);
  double term = 0;
  double weight = 1;
  double propensity = 1;
  for (std::size_t k = 0; k < places.size(); ++k) {
    const double above = weight;
    weight *= weight_summary::weight_of(places[k]);
    propensity *= places[k].propensity;
    require_finite(weight, "target / propensity");
    term += visit(k, above, weight);
  }
  weights.count(weight, std::max(propensity, 1e-300));  // a product over many places may underflow
  return term;
}

}  // namespace detail

inline void slate_inverse_propensity::add(std::span<const logged_reward> places) {
  double rewards = 0;
  const double weight = detail::cascade_term(weights_, places, [&](std::size_t k, double, double up_to) {
    rewards += places[k].reward;
    return k + 1 == places.size() ? up_to : 0;
  });
  terms_.add(weight * rewards);
}

inline off_policy_estimate slate_inverse_propensity::estimate(double confidence) const {
  return detail::finish(weights_.report(), terms_.mean(), terms_.standard_error(), confidence);
}

inline void cascade_inverse_propensity::add(std::span<const logged_reward> places) {
  terms_.add(detail::cascade_term(weights_, places,
                                  [&](std::size_t k, double, double up_to) { return up_to * places[k].reward; }));
}

inline off_policy_estimate cascade_inverse_propensity::estimate(double confidence) const {
  return detail::finish(weights_.report(), terms_.mean(), terms_.standard_error(), confidence);
}

inline void cascade_doubly_robust::add(std::span<const logged_reward> places,
                                       std::span<const predicted_reward> predicted) {
  if (predicted.size() != places.size()) {
    throw error(errc::invalid_argument, "has " + std::to_string(predicted.size()) + " entries", {.field = "predicted"},
                "give one for each of the " + std::to_string(places.size()) + " places");
  }
  for (const predicted_reward& each : predicted) detail::require_finite(each);
  terms_.add(detail::cascade_term(weights_, places, [&](std::size_t k, double above, double up_to) {
    return up_to * (places[k].reward - predicted[k].taken) + above * predicted[k].expected;
  }));
}

inline off_policy_estimate cascade_doubly_robust::estimate(double confidence) const {
  return detail::finish(weights_.report(), terms_.mean(), terms_.standard_error(), confidence);
}

inline void independent_inverse_propensity::add(std::span<const logged_reward> places) {
  detail::require_places(places);
  double term = 0;
  double weights = 0;
  double inverse = 0;
  for (const logged_reward& place : places) {
    const double weight = detail::weight_summary::weight_of(place);
    term += weight * place.reward;
    weights += weight;
    inverse += 1 / place.propensity;
  }
  const double count = static_cast<double>(places.size());
  weights_.count(weights / count, count / inverse);
  terms_.add(term);
}

inline off_policy_estimate independent_inverse_propensity::estimate(double confidence) const {
  return detail::finish(weights_.report(), terms_.mean(), terms_.standard_error(), confidence);
}

}  // namespace evaluation
TANDEM_END
