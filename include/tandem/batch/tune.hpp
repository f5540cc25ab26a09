#pragma once
// Finds options of iALS on held-out events: half of the trials spread over the ranges, half close in on the best.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tandem/batch/early_stopping.hpp"
#include "tandem/batch/time_folds.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace batch {

/// A range to search, both ends included; equal ends keep an option as it is.
struct tuning_range {
  float low = 0;
  float high = 0;
};

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

/// One setting that was tried.
struct tuning_trial {
  ials_options options;  ///< epochs: where its fits were best, on average over the folds
  double ndcg = 0;       ///< mean over the folds
};

/// All trials in order, and the best of them.
struct tuning_result {
  ials_options best;
  double ndcg = 0;
  std::vector<tuning_trial> trials;
};

/// A fold as tune_ials() takes it; both are referred to.
struct tuning_fold {
  const interactions& train;
  const validation& judge;
};

}  // namespace batch

namespace detail {

/// The trial's place in the unit cube: an additive recurrence (Roberts 2018), then a shrinking box around the best.
inline std::array<double, 3> tuning_place(std::size_t trial, const batch::tuning_options& options,
                                          const std::array<double, 3>& best) {
  constexpr std::array<double, 3> step{0.8191725133961645, 0.6710436067037893, 0.5497004779019703};
  random_stream random(options.seed, 1);
  std::array<double, 3> out{};
  for (std::size_t a = 0; a < 3; ++a) {
    const double spread = random.uniform() + static_cast<double>(trial + 1) * step[a];
    out[a] = spread - std::floor(spread);
    const std::size_t half = (options.trials + 1) / 2;
    if (trial < half) continue;
    const double radius = 0.25 / (1 + 4 * static_cast<double>(trial - half) / static_cast<double>(options.trials));
    out[a] = std::clamp(best[a] + radius * (2 * out[a] - 1), 0.0, 1.0);
  }
  return out;
}

inline float on_log_scale(const batch::tuning_range& r, double at) {
  const double low = std::log(static_cast<double>(r.low));
  const double high = std::log(static_cast<double>(r.high));
  return std::clamp(static_cast<float>(std::exp(low + at * (high - low))), r.low, r.high);
}

}  // namespace detail

namespace batch {

/// Tries settings of alpha0, regularization and nu; everything else is as in `start`. Deterministic: the same trials,
/// and the same bits, for every executor.
/// @param folds   at least one (batch/time_folds.hpp).
/// @param report  stage "tune", counting fits: trials * folds in all.
/// Complexity: trials * folds early-stopped fits. Threads: thread-safe. Errors: invalid_argument; those of fit_ials().
/// A setting whose equations have no finite solution counts as 0, and the search goes on.
[[nodiscard]] inline tuning_result tune_ials(std::span<const tuning_fold> folds, const ials_options& start,
                                             const tuning_options& options = {}, executor_ref executor = {},
                                             const progress& report = {}) {
  options.validate();
  start.validate();
  if (folds.empty()) throw error(errc::invalid_argument, "must have at least one fold", {{}, 0, "folds"});
  tuning_result out;
  std::array<double, 3> best_place{};
  std::size_t done = 0;
  const progress inside = [&](const progress_report&) {
    report_progress(report, {"tune", done, options.trials * folds.size()});
    return true;
  };
  for (std::size_t t = 0; t < options.trials; ++t) {
    const std::array<double, 3> at = detail::tuning_place(t, options, best_place);
    tuning_trial trial{start, 0};
    trial.options.alpha0 = detail::on_log_scale(options.alpha0, at[0]);
    trial.options.regularization = detail::on_log_scale(options.regularization, at[1]);
    trial.options.nu = std::lerp(options.nu.low, options.nu.high, static_cast<float>(at[2]));
    double epochs = 0;
    for (const tuning_fold& fold : folds) {
      try {
        const stopped_fit fit =
            fit_ials_until_stale(fold.train, fold.judge, trial.options, options.stopping, executor, inside);
        trial.ndcg += fit.ndcg / static_cast<double>(folds.size());
        epochs += static_cast<double>(fit.epochs) / static_cast<double>(folds.size());
      } catch (const error& failure) {
        if (failure.code() != errc::not_finite) throw;
      }
      ++done;
    }
    trial.options.epochs = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(epochs)));
    if (t == 0 || trial.ndcg > out.ndcg) {
      out.best = trial.options;
      out.ndcg = trial.ndcg;
      best_place = at;
    }
    out.trials.push_back(trial);
  }
  report_progress(report, {"tune", done, done});
  return out;
}

}  // namespace batch
TANDEM_END
