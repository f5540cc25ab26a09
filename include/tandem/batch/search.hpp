#pragma once
// Finds options of any learner on held-out events: half of the trials spread over the ranges, half close in on the
// best.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tandem/batch/validation.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace batch {

/// A range to search, both ends included; equal ends keep an option as it is.
struct tuning_range {
  float low = 0;
  float high = 0;
};

/// How trials spread over a range.
enum class tuning_scale : std::uint8_t {
  logarithmic,  ///< evenly over its orders of magnitude; both ends above 0
  linear,
};

/// One number of an options struct, and where to look for it.
template <class Options>
struct tuned_option {
  const char* name = "";  ///< as errors call it
  std::variant<float Options::*, std::size_t Options::*> member;
  tuning_range range;
  tuning_scale scale = tuning_scale::logarithmic;

  /// Errors: invalid_argument, naming the option, as "tuning.NAME".
  void validate() const {
    const bool above = scale == tuning_scale::linear || range.low > 0;
    const bool holds = above && std::isfinite(range.low) && range.low <= range.high && std::isfinite(range.high);
    detail::require(holds, (std::string("tuning.") + name).c_str(),
                    scale == tuning_scale::linear ? "(-inf, inf), low <= high" : "(0, inf), low <= high");
  }

  /// Sets it to what lies at `at`, in [0, 1], of the range; whole numbers are rounded.
  void set(Options& options, double at) const {
    float value = std::lerp(range.low, range.high, static_cast<float>(at));
    if (scale == tuning_scale::logarithmic) {
      const double low = std::log(static_cast<double>(range.low));
      const double high = std::log(static_cast<double>(range.high));
      value = std::clamp(static_cast<float>(std::exp(low + at * (high - low))), range.low, range.high);
    }
    if (const auto* real = std::get_if<float Options::*>(&member)) {
      options.** real = value;
    } else {
      options.*std::get<std::size_t Options::*>(member) =
          static_cast<std::size_t>(std::llround(std::clamp(value, 0.0F, 1e18F)));
    }
  }
};

/// Options of search() and tune().
struct search_options {
  /// Settings to try. Range [1, 10000]. 20 find settings within a per cent or so of the best, as a rule.
  std::size_t trials = 20;
  /// Of the trials; the fits keep the seed of their own options.
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option.
  void validate() const { detail::require(trials >= 1 && trials <= 10000, "tuning.trials", "[1, 10000]"); }
};

/// One setting that was tried.
template <class Options>
struct search_trial {
  Options options;  ///< epochs, where early stopping chose them: on average over the folds
  double ndcg = 0;  ///< mean over the folds
};

/// All trials in order, and the best of them (ties: the first).
template <class Options>
struct search_result {
  Options best;
  double ndcg = 0;
  std::vector<search_trial<Options>> trials;
};

/// A log to fit and what its model is judged by; both are referred to.
struct tuning_fold {
  const interactions& train;
  const validation& judge;
};

/// What one fit came to.
struct tuning_score {
  double ndcg = 0;
  std::size_t epochs = 0;  ///< after which it was best; 0 = all that the options ask for
};

/// Options that search() can vary at once.
inline constexpr std::size_t max_tuned_options = 6;

}  // namespace batch

namespace detail {

using unit_place = std::array<double, batch::max_tuned_options>;

/// Steps of the additive recurrence that spreads points evenly over the unit cube of n dimensions: powers of 1 / x,
/// x^(n + 1) = x + 1 (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences").
inline constexpr std::array<unit_place, batch::max_tuned_options> tuning_steps = {{
    {0.6180339887498949},
    {0.7548776662466927, 0.5698402909980532},
    {0.8191725133961645, 0.6710436067037893, 0.5497004779019703},
    {0.8566748838545029, 0.733891856627126, 0.6287067210378087, 0.5385972572236101},
    {0.8812714616335696, 0.7766393890897682, 0.6844301295853426, 0.6031687406857282, 0.5315553977157913},
    {0.8986537126286993, 0.8075784952213448, 0.7257334129697598, 0.6521830259439717, 0.5860866975779695,
     0.5266889867007359},
}};

/// The trial's place in the unit cube: spread out at first, then in a shrinking box around the best.
inline unit_place tuning_place(std::size_t trial, std::size_t dimensions, const batch::search_options& options,
                               const unit_place& best) {
  random_stream random(options.seed, 1);
  unit_place out{};
  for (std::size_t a = 0; a < dimensions; ++a) {
    const double spread = random.uniform() + static_cast<double>(trial + 1) * tuning_steps[dimensions - 1][a];
    out[a] = spread - std::floor(spread);
    const std::size_t half = (options.trials + 1) / 2;
    if (trial < half) continue;
    const double radius = 0.25 / (1 + 4 * static_cast<double>(trial - half) / static_cast<double>(options.trials));
    out[a] = std::clamp(best[a] + radius * (2 * out[a] - 1), 0.0, 1.0);
  }
  return out;
}

/// The options at a place of the ranges' cube.
template <class Options>
Options options_at(Options options, std::span<const batch::tuned_option<Options>> ranges, const unit_place& place) {
  for (std::size_t a = 0; a < ranges.size(); ++a) ranges[a].set(options, place[a]);
  return options;
}

/// Refuses a search that could not try its first or its last setting.
template <class Options>
void check_search(std::size_t n_folds, const Options& start, std::span<const batch::tuned_option<Options>> ranges,
                  const batch::search_options& options) {
  options.validate();
  require(!ranges.empty() && ranges.size() <= batch::max_tuned_options, "tuning.ranges", "[1, 6] options");
  for (const batch::tuned_option<Options>& each : ranges) each.validate();
  unit_place high;
  high.fill(1);
  options_at(start, ranges, unit_place{}).validate();
  options_at(start, ranges, high).validate();
  if (n_folds == 0) throw error(errc::invalid_argument, "must have at least one fold", {{}, 0, "folds"});
}

}  // namespace detail

namespace batch {

/// Tries settings of the options in `ranges`; everything else is as in `start`.
///
/// @param folds   at least one (batch/time_folds.hpp, batch/user_folds.hpp).
/// @param ranges  1 to max_tuned_options of them, within what Options::validate() takes.
/// @param judge   (const tuning_fold&, const Options&, const progress&) -> tuning_score; it hands the progress on to
///                its fit, so that the host can cancel.
/// @param report  stage "tune", counting fits: trials * folds in all.
/// Complexity: trials * folds calls of `judge`. Deterministic when `judge` is. Threads: as `judge`.
/// Errors: invalid_argument; those of `judge`, but for not_finite: a setting whose equations have no finite solution in
/// some fold counts as 0, and the search goes on. not_finite when no setting has one.
template <class Options, class Judge>
[[nodiscard]] search_result<Options> search(std::span<const tuning_fold> folds, const Options& start,
                                            std::type_identity_t<std::span<const tuned_option<Options>>> ranges,
                                            const search_options& options, const Judge& judge,
                                            const progress& report = {}) {
  detail::check_search<Options>(folds.size(), start, ranges, options);
  search_result<Options> out;
  detail::unit_place best_place{};
  std::size_t done = 0;
  bool succeeds = false;
  const progress inside = [&](const progress_report&) {
    report_progress(report, {"tune", done, options.trials * folds.size()});
    return true;
  };
  for (std::size_t t = 0; t < options.trials; ++t) {
    const detail::unit_place at = detail::tuning_place(t, ranges.size(), options, best_place);
    search_trial<Options> trial{detail::options_at<Options>(start, ranges, at), 0};
    double epochs = 0;
    bool fails = false;
    for (const tuning_fold& fold : folds) {
      try {
        const tuning_score score = judge(fold, trial.options, inside);
        trial.ndcg += score.ndcg / static_cast<double>(folds.size());
        epochs += static_cast<double>(score.epochs) / static_cast<double>(folds.size());
      } catch (const error& failure) {
        if (failure.code() != errc::not_finite) throw;
        fails = true;
      }
      ++done;
    }
    if (fails) trial.ndcg = epochs = 0;
    succeeds = succeeds || !fails;
    if constexpr (requires { trial.options.epochs; }) {
      if (epochs > 0) trial.options.epochs = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(epochs)));
    }
    if (t == 0 || trial.ndcg > out.ndcg) {
      out.best = trial.options;
      out.ndcg = trial.ndcg;
      best_place = at;
    }
    out.trials.push_back(std::move(trial));
  }
  if (!succeeds) {
    throw error(errc::not_finite, "no setting that was tried has a finite solution", {},
                "search larger regularization, or scale the interactions' weights down");
  }
  report_progress(report, {"tune", done, done});
  return out;
}

/// search() for a learner whose fit is a function: tune(folds, fit_ease, ease_options{}, ranges).
///
/// @param fit  (const interactions&, const Options&, executor_ref, const progress&) -> a history_model.
/// Deterministic, when the fit is: the same trials, and the same bits, for every executor. Complexity: trials * folds
/// fits and validations. Threads: thread-safe. Errors: as search(); those of the fit.
/// iALS has tune_ials() (batch/tune.hpp), which finds its epochs, too.
template <class Options, class Fit>
[[nodiscard]] search_result<Options> tune(std::span<const tuning_fold> folds, const Fit& fit, const Options& start,
                                          std::type_identity_t<std::span<const tuned_option<Options>>> ranges,
                                          const search_options& options = {}, executor_ref executor = {},
                                          const progress& report = {}) {
  const auto judge = [&](const tuning_fold& fold, const Options& tried, const progress& inside) {
    const auto model = fit(fold.train, tried, executor, inside);
    return tuning_score{fold.judge.ndcg(model, executor)};
  };
  return search<Options>(folds, start, ranges, options, judge, report);
}

}  // namespace batch
TANDEM_END
