#pragma once
// Bodies of evaluation/experiment.hpp.

#include <algorithm>
#include <utility>

#include "tandem/evaluation/experiment.hpp"

TANDEM_BEGIN
namespace evaluation {
namespace detail {

inline void require_shares(const std::vector<double>& shares) {
  double sum = 0;
  bool positive = true;
  for (const double share : shares) {
    positive = positive && share > 0;
    sum += share;
  }
  tandem::detail::require_or(shares.size() >= 2 && positive && std::abs(sum - 1) <= 1e-9, "shares",
                             "give two shares or more, each above 0, that sum to 1");
}

inline double unit_uniform(std::string_view unit, std::uint64_t seed) noexcept {
  return static_cast<double>(hash_text(unit, seed) >> 11) * 0x1.0p-53;
}

}  // namespace detail

inline void experiment_options::validate() const {
  tandem::detail::require_or(!name.empty(), "name", "give the experiment a name of its own");
  detail::require_shares(shares);
  tandem::detail::require_or(traffic >= 0 && traffic <= 1, "traffic", "give a number in [0, 1]");
}

inline experiment::experiment(experiment_options options)
    : options_((options.validate(), std::move(options))),
      arm_seed_(hash_text(options_.name, 1)),
      traffic_seed_(hash_text(options_.name, 2)) {}

inline std::optional<std::size_t> experiment::arm(std::string_view unit) const noexcept {
  if (!(detail::unit_uniform(unit, traffic_seed_) < options_.traffic)) return std::nullopt;
  double u = detail::unit_uniform(unit, arm_seed_);
  std::size_t arm = 0;
  while (arm + 1 < options_.shares.size() && u >= options_.shares[arm]) u -= options_.shares[arm++];
  return arm;
}

inline void sample_ratio_options::validate() const {
  detail::require_shares(shares);
  tandem::detail::require_or(concentration > 0 && concentration <= 1e12, "concentration", "give a number in (0, 1e12]");
}

inline sample_ratio_check::sample_ratio_check(sample_ratio_options options)
    : options_((options.validate(), std::move(options))), counts_(options_.shares.size()) {}

// What the Dirichlet mixture, given the units before, says of this one, against what the plan says.
inline void sample_ratio_check::add(std::size_t arm) {
  if (arm >= counts_.size()) {
    throw error(errc::invalid_argument, "is " + std::to_string(arm), {.field = "arm"},
                "there are " + std::to_string(counts_.size()) + " arms, counted from 0");
  }
  const double prior = options_.concentration * options_.shares[arm];
  const double predicted =
      (prior + static_cast<double>(counts_[arm])) / (options_.concentration + static_cast<double>(n_));
  log_factor_ += std::log(predicted / options_.shares[arm]);
  highest_ = std::max(highest_, log_factor_);
  ++counts_[arm];
  ++n_;
}

inline void arm_outcomes::add(double outcome, double before) {
  if (!std::isfinite(outcome)) throw error(errc::not_finite, "is " + std::to_string(outcome), {.field = "outcome"});
  if (!std::isfinite(before)) throw error(errc::not_finite, "is " + std::to_string(before), {.field = "before"});
  ++n_;
  const double share = 1 / static_cast<double>(n_);
  const double from_outcome = outcome - outcome_;
  const double from_before = before - before_;
  outcome_ += from_outcome * share;
  before_ += from_before * share;
  outcome_squares_ += from_outcome * (outcome - outcome_);
  before_squares_ += from_before * (before - before_);
  products_ += from_outcome * (before - before_);
}

inline double arm_outcomes::variance(double theta) const noexcept {
  const double squares = outcome_squares_ - 2 * theta * products_ + theta * theta * before_squares_;
  return std::max(0.0, squares) / (static_cast<double>(n_) - 1);
}

inline arm_difference difference(const arm_outcomes& treatment, const arm_outcomes& control,
                                 const asymptotic_options& options) {
  options.validate();
  if (treatment.n() < 2 || control.n() < 2) {
    throw error(errc::wrong_state, "a difference needs 2 units in each arm, there are " +
                                       std::to_string(treatment.n()) + " and " + std::to_string(control.n()));
  }
  const double spread = treatment.before_squares_ + control.before_squares_;
  arm_difference out;
  out.n = treatment.n() + control.n();
  out.theta = spread > 0 ? (treatment.products_ + control.products_) / spread : 0;
  out.unadjusted = treatment.mean() - control.mean();
  out.value = out.unadjusted - out.theta * (treatment.mean_before() - control.mean_before());
  const auto variance = [&](double theta) {
    return treatment.variance(theta) / static_cast<double>(treatment.n()) +
           control.variance(theta) / static_cast<double>(control.n());
  };
  out.standard_error = std::sqrt(variance(out.theta));
  if (variance(0) > 0) out.variance_left = variance(out.theta) / variance(0);
  out.range = normal_interval(out.value, out.standard_error, options.confidence);
  out.always = asymptotic_interval(out.value, out.standard_error, static_cast<double>(out.n), options.confidence,
                                   options.tuned_for);
  return out;
}

}  // namespace evaluation
TANDEM_END
