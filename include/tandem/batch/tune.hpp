#pragma once
// Finds options of iALS on held-out events (batch/search.hpp); each trial ends where held-out events say so.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tandem/batch/early_stopping.hpp"
#include "tandem/batch/search.hpp"
#include "tandem/batch/time_folds.hpp"
#include "tandem/batch/user_folds.hpp"

TANDEM_BEGIN
namespace batch {

/// Options of tune_ials().
struct tuning_options {
  /// Fits to try. Range [1, 10000]. 20 find settings within a per cent or so of the best, as a rule.
  std::size_t trials = 20;
  /// alpha0 and regularization are searched on a logarithmic scale. Ranges inside those of ials_options.
  tuning_range alpha0{0.01F, 1.0F};
  tuning_range regularization{0.0003F, 0.1F};
  tuning_range nu{1.0F, 1.0F};
  /// Epochs are found by early stopping, at most ials_options::epochs.
  stopping_options stopping{};
  /// Of the trials; the fits keep ials_options::seed.
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option.
  void validate() const {
    const auto positive = [](const tuning_range& r) { return r.low > 0 && r.low <= r.high && std::isfinite(r.high); };
    detail::require(trials >= 1 && trials <= 10000, "tuning.trials", "[1, 10000]");
    detail::require(positive(alpha0), "tuning.alpha0", "(0, inf), low <= high");
    detail::require(positive(regularization), "tuning.regularization", "(0, inf), low <= high");
    detail::require(nu.low >= 0 && nu.low <= nu.high && nu.high <= 1, "tuning.nu", "[0, 1], low <= high");
    stopping.validate();
  }
};

using tuning_trial = search_trial<ials_options>;
using tuning_result = search_result<ials_options>;

/// Tries settings of alpha0, regularization and nu; everything else is as in `start`. Deterministic: the same trials,
/// and the same bits, for every executor.
/// @param folds   at least one (batch/time_folds.hpp, batch/user_folds.hpp).
/// @param report  stage "tune", counting fits: trials * folds in all.
/// Complexity: trials * folds early-stopped fits. Threads: thread-safe. Errors: invalid_argument; those of fit_ials().
/// A setting whose equations have no finite solution counts as 0, and the search goes on.
[[nodiscard]] inline tuning_result tune_ials(std::span<const tuning_fold> folds, const ials_options& start,
                                             const tuning_options& options = {}, executor_ref executor = {},
                                             const progress& report = {}) {
  options.validate();
  start.validate();
  const std::array<tuned_option<ials_options>, 3> ranges = {{
      {"alpha0", &ials_options::alpha0, options.alpha0},
      {"regularization", &ials_options::regularization, options.regularization},
      {"nu", &ials_options::nu, options.nu, tuning_scale::linear},
  }};
  const auto judge = [&](const tuning_fold& fold, const ials_options& tried, const progress& inside) {
    const stopped_fit fit = fit_ials_until_stale(fold.train, fold.judge, tried, options.stopping, executor, inside);
    return tuning_score{fit.ndcg, fit.epochs};
  };
  return search<ials_options>(folds, start, ranges, {options.trials, options.seed}, judge, report);
}

}  // namespace batch
TANDEM_END
