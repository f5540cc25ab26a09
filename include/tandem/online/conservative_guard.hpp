#pragma once
// A guard that lets a learner explore only with what it has in hand: at every moment at least 1 - alpha of what the
// baseline would have earned.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/evaluation/confidence_sequence.hpp"
#include "tandem/online/serving.hpp"

TANDEM_BEGIN
namespace online {

/// Options of a conservative_guard.
struct conservative_options {
  /// The share of the baseline's cumulative reward that may be lost. Range (0, 1]. alpha in the papers.
  double alpha = 0.1;
  /// Rewards lie in [0, highest]. Range (0, 1e12].
  double highest = 1;
  /// Mean reward of a decision of the baseline, when the host knows it; else it is bounded from what it earns here.
  std::optional<double> baseline_reward = {};
  /// With which the bound holds, for all time. Range (0, 1).
  double confidence = 0.95;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(alpha > 0 && alpha <= 1, "alpha", "give a number in (0, 1]");
    tandem::detail::require_or(highest > 0 && highest <= 1e12, "highest", "give a number in (0, 1e12]");
    tandem::detail::require_or(!baseline_reward || (*baseline_reward >= 0 && *baseline_reward <= highest),
                               "baseline_reward", "give a number in [0, highest]");
    tandem::detail::require_or(confidence > 0 && confidence < 1, "confidence", "give a number in (0, 1)");
  }
};

/// Serves the learner where, if this decision earned no more than learner_low,
///
///   reward of the learner's decisions + u * baseline's decisions >= (1 - alpha) * u * all decisions
///
/// would still hold, and the baseline elsewhere; u is the baseline's mean reward, or an upper bound of it. Decisions of
/// the learner whose reward has not come count as 0. With learner_low = 0 the inequality holds after every decision
/// without exception, if u does (probability `confidence`); a bound from a model lets it explore sooner and is as good
/// as the model.
///
/// The papers count the lower bounds of arms where this counts what was earned: no model is needed, and rewards may be
/// late. Threads: thread-compatible. Allocates: at construction. Deterministic.
/// Sources: Wu, Shariff, Lattimore, Szepesvari, ICML 2016; Kazerouni, Ghavamzadeh, Abbasi-Yadkori, Van Roy, NIPS 2017.
class conservative_guard {
 public:
  /// Errors: invalid_argument as conservative_options::validate().
  explicit conservative_guard(const conservative_options& options)
      : options_((options.validate(), options)),
        baseline_({.confidence = options.confidence, .values = {0, options.highest}}) {}

  /// Decides who serves and counts the decision; out becomes the learner's or the baseline's probabilities, never a
  /// mixture, so the propensity of what is drawn is out[drawn].
  /// @param learner, baseline, out  of one length.
  /// @param learner_low  lower bound of the expected reward under `learner`; NaN and less than 0 count as 0.
  /// Complexity: O(n). Allocates: nothing.
  [[nodiscard]] served_by decide(std::span<const double> learner, std::span<const double> baseline,
                                 std::span<double> out, double learner_low = 0) noexcept {
    TANDEM_ASSERT(learner.size() == out.size() && baseline.size() == out.size());
    const double hoped = learner_low > 0 ? std::min(learner_low, options_.highest) : 0.0;
    const bool safe = margin_with(1, hoped) >= 0;
    const std::span<const double> from = safe ? learner : baseline;
    std::copy(from.begin(), from.end(), out.begin());
    (safe ? learner_n_ : baseline_n_) += 1;
    return safe ? served_by::learner : served_by::baseline;
  }

  /// Learns the reward of a decision, once; may come late. Returns false, and changes nothing, when it does not lie in
  /// [0, highest] or `who` is neither learner nor baseline. Complexity: O(1) for the learner, else betting_sequence's.
  bool learn(served_by who, double reward) {
    if (!(reward >= 0 && reward <= options_.highest)) return false;
    if (who == served_by::learner) {
      learner_sum_ += reward;
    } else if (who == served_by::baseline) {
      if (!options_.baseline_reward) baseline_.add(reward);
    } else {
      return false;
    }
    return true;
  }

  /// Mean reward of the baseline, or its upper bound.
  [[nodiscard]] double baseline_bound() const noexcept {
    return options_.baseline_reward ? *options_.baseline_reward : baseline_.range().high;
  }
  /// What may be lost, in reward, before the baseline must serve.
  [[nodiscard]] double margin() const noexcept { return margin_with(0, 0); }
  [[nodiscard]] std::uint64_t learner_decisions() const noexcept { return static_cast<std::uint64_t>(learner_n_); }
  [[nodiscard]] std::uint64_t baseline_decisions() const noexcept { return static_cast<std::uint64_t>(baseline_n_); }

 private:
  [[nodiscard]] double margin_with(double more, double reward) const noexcept {
    const double u = baseline_bound();
    return learner_sum_ + reward + options_.alpha * u * baseline_n_ - (1 - options_.alpha) * u * (learner_n_ + more);
  }

  conservative_options options_;
  evaluation::betting_sequence baseline_;
  double learner_n_ = 0, learner_sum_ = 0, baseline_n_ = 0;
};

}  // namespace online
TANDEM_END
