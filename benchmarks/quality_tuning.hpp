#pragma once
// Settings chosen on inner splits of a training log: a grid, the library's own tuner for iALS, and the weight of a
// blend.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <span>
#include <vector>

#include "quality_support.hpp"
#include "tandem/batch/tune.hpp"

namespace quality {

/// What was chosen, and its figure on the inner splits it was chosen by (a little too good for that).
template <class Options>
struct chosen {
  Options options;
  double inner = 0;
};

/// The options with the best mean of `measure` over the inner splits; fit(log, options) gives a model.
template <class Options, class Fit>
chosen<Options> choose(std::span<const judged_split> inner, const std::vector<Options>& settings, const Fit& fit,
                       double measures::*measure, executor_ref executor) {
  chosen<Options> out;
  for (std::size_t s = 0; s < settings.size(); ++s) {
    double sum = 0;
    for (const judged_split& split : inner) sum += judge(split, fit(split.train, settings[s]), executor).*measure;
    sum /= static_cast<double>(inner.size());
    if (s == 0 || sum > out.inner) out = {settings[s], sum};
  }
  return out;
}

/// tune_ials() on the inner splits, by NDCG@at.
inline chosen<batch::ials_options> tune(std::span<const judged_split> inner, const batch::ials_options& start,
                                        const batch::tuning_options& tuning, std::size_t at, executor_ref executor) {
  std::vector<batch::validation> judges;
  judges.reserve(inner.size());
  std::vector<batch::tuning_fold> folds;
  for (const judged_split& split : inner) {
    judges.emplace_back(split.given, split.targets, batch::validation_options{.at = at});
    folds.push_back({split.train, judges.back()});
  }
  const batch::tuning_result result = batch::tune_ials(folds, start, tuning, executor);
  return {result.best, result.ndcg};
}

/// Few trials around what was best at a smaller rank: the best settings move little with it.
inline batch::tuning_options close_to(const batch::ials_options& smaller) {
  const auto near = [](float x) { return batch::tuning_range{x / 2, x * 2}; };
  return {.trials = 12, .alpha0 = near(smaller.alpha0), .regularization = near(smaller.regularization)};
}

/// z-scores of two models' scores over all items, per user: z(first) + weight z(second).
template <batch::history_model First, batch::history_model Second>
class blend {
 public:
  blend(const First& first, const Second& second, float weight) : first_(first), second_(second), weight_(weight) {}

  [[nodiscard]] std::size_t n_items() const { return first_.n_items(); }
  void score_history(std::span<const item_index> items, std::span<const float> weights, std::span<float> out) const {
    std::vector<float> second(out.size());
    first_.score_history(items, weights, out);
    second_.score_history(items, weights, second);
    standardize(out);
    standardize(second);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += weight_ * second[i];
  }

 private:
  static void standardize(std::span<float> scores) {
    const auto n = static_cast<double>(scores.size());
    double mean = 0;
    double variance = 0;
    for (const float s : scores) mean += static_cast<double>(s) / n;
    for (const float s : scores) variance += (static_cast<double>(s) - mean) * (static_cast<double>(s) - mean) / n;
    const double scale = variance > 0 ? 1 / std::sqrt(variance) : 0;
    for (float& s : scores) s = static_cast<float>((static_cast<double>(s) - mean) * scale);
  }

  const First& first_;
  const Second& second_;
  float weight_;
};

/// The weight of a blend with the best mean of `measure`; fit_first(log) and fit_second(log) give the models.
template <class First, class Second>
chosen<float> choose_weight(std::span<const judged_split> inner, const First& fit_first, const Second& fit_second,
                            double measures::*measure, executor_ref executor) {
  constexpr float weights[] = {0, 0.05F, 0.1F, 0.15F, 0.2F, 0.25F, 0.3F, 0.4F, 0.5F, 0.7F, 1, 2};
  std::vector<double> sums(std::size(weights), 0.0);
  for (const judged_split& split : inner) {
    const auto first = fit_first(split.train);
    const auto second = fit_second(split.train);
    for (std::size_t w = 0; w < sums.size(); ++w) {
      sums[w] += judge(split, blend(first, second, weights[w]), executor).*measure;
    }
  }
  const auto best = static_cast<std::size_t>(std::max_element(sums.begin(), sums.end()) - sums.begin());
  return {weights[best], sums[best] / static_cast<double>(inner.size())};
}

}  // namespace quality
