#pragma once
// One policy through one file: live on classes, by rejection and by estimates on a log.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bandit_data.hpp"
#include "bandit_policies.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/evaluation/off_policy.hpp"

namespace tandem_cli {

/// What all policies of one repetition share: the order of the rows, how late rewards come, and chance.
struct run_settings {
  std::vector<std::uint32_t> order;
  std::size_t delay = 0;   ///< decisions between one and its reward
  std::uint64_t seed = 0;  ///< of decisions
};

/// How rounds went.
struct run_outcome {
  std::uint64_t rounds = 0;  ///< decisions whose rewards count
  double mean = 0;           ///< reward a round
  double error = 0;          ///< its standard error, rounds taken as independent
  double last_tenth = 0;     ///< the mean over the last tenth of the rounds
  double microseconds = 0;   ///< processor time a decision, learning included
};

/// The order of rows: as they are, or shuffled by a seed.
[[nodiscard]] std::vector<std::uint32_t> order_of(std::size_t rows, bool shuffle, std::uint64_t seed);

/// Chooses a class for every row and is paid 1 for the right one. Errors: cancelled.
[[nodiscard]] run_outcome run_live(const classified_rows& rows, any_bandit& bandit, const run_settings& settings,
                                   const tandem::progress& report);

/// Chooses an arm for every record and is paid what the log says where it chose the same one: an unbiased sample of
/// what it would have done, for records independent of each other (Li, Chu, Langford and Wang, WSDM 2011). When the
/// logged propensities differ, a record of propensity p counts with probability (least propensity) / p. Errors:
/// cancelled.
[[nodiscard]] run_outcome run_rejection(const logged_rows& rows, any_bandit& bandit, const run_settings& settings,
                                        const tandem::progress& report);

/// Two estimates.
struct estimated {
  tandem::evaluation::off_policy_estimate self_normalized, doubly_robust;
};

/// What a policy that learns from every record of the log would have earned at each, given the records before it. The
/// model of DR is a ridge regression an arm over the records before, too. Errors: cancelled; as the estimators'.
[[nodiscard]] estimated run_estimates(const logged_rows& rows, any_bandit& bandit, const run_settings& settings,
                                      const tandem::progress& report);

}  // namespace tandem_cli
