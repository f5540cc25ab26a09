#pragma once
// Experiments on live traffic: who sees what, whether the split is what it should be, and what the difference is.
//
//   experiment          gives each unit (user, session) an arm, the same one whenever asked, without a table
//   sample_ratio_check  sees, as early as it likes, that arms do not fill as planned: then nothing else can be trusted
//   arm_outcomes        what an arm's units did; difference() compares two, with CUPED where a covariate is known
//
// Outcomes are one number a unit, not an event: units are independent of each other, their events are not.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/hash.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/evaluation/confidence_sequence.hpp"
#include "tandem/evaluation/interval.hpp"

TANDEM_BEGIN
namespace evaluation {

/// Options of an experiment.
struct experiment_options {
  /// Units fall apart differently under every name. Not empty.
  std::string name = {};
  /// Each arm's share of the units in the experiment. At least two, all > 0, sum 1 (to 1e-9).
  std::vector<double> shares = {0.5, 0.5};
  /// Share of all units that are in the experiment. Range [0, 1]. Raising it later moves no unit from arm to arm;
  /// changing shares does.
  double traffic = 1;

  /// Errors: invalid_argument, naming the option.
  void validate() const;
};

/// Sticky assignment: the arm is a function of the experiment's name and the unit's id, on every machine and forever.
/// Threads: immutable. Allocates: at construction.
class experiment {
 public:
  /// Errors: invalid_argument for an option out of its range.
  explicit experiment(experiment_options options);

  /// The unit's arm, an index into shares; nothing for a unit outside the traffic.
  /// Complexity: O(length of the id + arms). Allocates: nothing.
  [[nodiscard]] std::optional<std::size_t> arm(std::string_view unit) const noexcept;
  [[nodiscard]] const experiment_options& options() const noexcept { return options_; }

 private:
  experiment_options options_;
  std::uint64_t arm_seed_;
  std::uint64_t traffic_seed_;
};

/// Options of sample_ratio_check.
struct sample_ratio_options {
  /// Each arm's planned share: at least two, all > 0, sum 1 (to 1e-9).
  std::vector<double> shares = {0.5, 0.5};
  /// How near the plan the alternatives lie that the check looks for: shares off by about sqrt(share / concentration).
  /// Range (0, 1e12]. Small shifts are found sooner with more.
  double concentration = 10000;

  /// Errors: invalid_argument, naming the option.
  void validate() const;
};

/// Sample-ratio mismatch, valid at every n: looked at after each unit, p_value() falls below alpha in at most a share
/// alpha of sound experiments. Below 0.001 look for the fault (redirects, bots, crashes of one arm, lost events) before
/// anything else.
///
/// The Bayes factor of shares drawn from Dirichlet(concentration * plan) against the plan is a martingale when the plan
/// is kept; p = 1 / its largest value yet.
/// Threads: thread-compatible. Allocates: at construction. Source: Lindon and Malek, Anytime-Valid Inference for
/// Multinomial Count Data, NeurIPS 2022.
class sample_ratio_check {
 public:
  /// Errors: invalid_argument for an option out of its range.
  explicit sample_ratio_check(sample_ratio_options options = {});

  /// One more unit (once each, at its first assignment). Complexity: O(1). Errors: invalid_argument for no such arm.
  void add(std::size_t arm);

  [[nodiscard]] double p_value() const noexcept { return std::exp(-highest_); }
  [[nodiscard]] std::uint64_t n() const noexcept { return n_; }
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }

 private:
  sample_ratio_options options_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t n_ = 0;
  double log_factor_ = 0;
  double highest_ = 0;
};

struct arm_difference;

/// What came of the units of one arm, and what was known of them before; sums only.
/// Threads: thread-compatible. Allocates: nothing.
class arm_outcomes {
 public:
  /// @param before  a number known before the unit was assigned (its outcome in the weeks before, say): what it
  /// foretells
  ///                of the outcome is no effect of the arm.
  /// Errors (the unit is not counted): not_finite.
  void add(double outcome, double before = 0);

  [[nodiscard]] std::uint64_t n() const noexcept { return n_; }
  [[nodiscard]] double mean() const noexcept { return outcome_; }
  [[nodiscard]] double mean_before() const noexcept { return before_; }

 private:
  friend arm_difference difference(const arm_outcomes&, const arm_outcomes&, const asymptotic_options&);
  /// Variance of outcome - theta * before.
  [[nodiscard]] double variance(double theta) const noexcept;

  std::uint64_t n_ = 0;
  double outcome_ = 0, before_ = 0;                                 // means
  double outcome_squares_ = 0, before_squares_ = 0, products_ = 0;  // sums about them
};

/// How two arms differ in mean outcome.
struct arm_difference {
  double value = 0;  ///< treatment - control, adjusted for what was known before
  double standard_error = 0;
  interval range;         ///< normal: for one look, at a time fixed beforehand
  interval always;        ///< asymptotic confidence sequence: for as many looks as one likes, stopping when one likes
  std::uint64_t n = 0;    ///< units of both arms
  double unadjusted = 0;  ///< treatment - control, as they are
  double theta = 0;       ///< slope of the outcome on what was known before, pooled within arms
  double variance_left = 1;  ///< squared standard error, as a share of the unadjusted one's
};

/// Welch's difference of means with CUPED: outcomes less theta times what was known before. Without a covariate (all
/// equal) it is the plain difference.
/// Errors: wrong_state for fewer than two units in an arm; invalid_argument for an option out of its range.
/// Source: Deng, Xu, Kohavi and Walker, WSDM 2013 (theta there); `always` as asymptotic_interval().
[[nodiscard]] arm_difference difference(const arm_outcomes& treatment, const arm_outcomes& control,
                                        const asymptotic_options& options = {});

}  // namespace evaluation
TANDEM_END

#include "tandem/detail/experiment_impl.hpp"
