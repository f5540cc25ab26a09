#pragma once
// Champion and challenger: a challenger gets a share of the decisions, and takes over when it is shown to earn more.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/evaluation/confidence_sequence.hpp"

TANDEM_BEGIN
namespace online {

/// Options of a challenge.
struct challenge_options {
  /// The challenger's share of decisions. Range (0, 0.5].
  double share = 0.1;
  /// How sure the verdict must be, however often it is looked at. Range (0, 1).
  double confidence = 0.95;
  /// No verdict before so many rewards: the sequence holds only as n grows. Range [100, 1e12].
  std::uint64_t min_observations = 1000;
  /// The number of rewards at which it is to be sharpest. Range [1, 1e15].
  double tuned_for = 20000;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(share > 0 && share <= 0.5, "share", "give a number in (0, 0.5]");
    tandem::detail::require_or(confidence > 0 && confidence < 1, "confidence", "give a number in (0, 1)");
    tandem::detail::require_or(min_observations >= 100 && min_observations <= 1000000000000ULL, "min_observations",
                               "give a number in [100, 1e12]");
    tandem::detail::require_or(tuned_for >= 1 && tuned_for <= 1e15, "tuned_for", "give a number in [1, 1e15]");
  }
};

/// What a challenge has shown.
enum class challenge_verdict : std::uint8_t { undecided, promote, reject };

/// Draws from (1 - share) * champion + share * challenger, and compares what each would earn on every decision:
///
///   difference = (challenger(a) - champion(a)) / propensity(a) * (reward - c)
///
/// is unbiased whoever drew a; c, the mean of the rewards before, changes only its variance. Decisions on which the two
/// agree cost nothing and say nothing. The verdict is `promote` when the confidence sequence of the mean difference
/// lies above 0, `reject` when below, and stays.
/// Threads: thread-compatible. Allocates: nothing.
/// Source: inverse propensity scoring; VW's AutoML promotes champions by a confidence sequence too.
class challenge {
 public:
  /// Errors: invalid_argument as challenge_options::validate().
  explicit challenge(const challenge_options& options = {})
      : options_((options.validate(), options)), sequence_(sequence_options(options)) {}

  /// out = the mixture to draw from: exact propensities. Before a verdict both serve; after it the winner alone.
  /// @param champion, challenger, out  of one length. Complexity: O(n).
  void probabilities(std::span<const double> champion, std::span<const double> challenger,
                     std::span<double> out) const noexcept {
    TANDEM_ASSERT(champion.size() == out.size() && challenger.size() == out.size());
    const double share = verdict_ == challenge_verdict::undecided ? options_.share
                         : verdict_ == challenge_verdict::promote ? 1.0
                                                                  : 0.0;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = (1 - share) * champion[i] + share * challenger[i];
  }

  /// Learns the reward of a decision made before the verdict; may come late. Each of the three as they were for the
  /// item drawn when it was drawn. Returns false, and changes nothing, when the propensity is not in (0, 1], another
  /// probability not in [0, 1], or the reward not within +-1e12.
  bool learn(double champion, double challenger, double propensity, double reward) {
    const auto probability = [](double p) { return p >= 0 && p <= 1; };
    if (!probability(champion) || !probability(challenger) || !(propensity > 0 && propensity <= 1)) return false;
    if (!(std::abs(reward) <= 1e12)) return false;
    if (verdict_ != challenge_verdict::undecided) return true;
    sequence_.add((challenger - champion) / propensity * (reward - mean_));
    mean_ += (reward - mean_) / static_cast<double>(sequence_.n());
    if (sequence_.n() < options_.min_observations) return true;
    const evaluation::interval range = sequence_.range();
    if (range.low > 0) verdict_ = challenge_verdict::promote;
    if (range.high < 0) verdict_ = challenge_verdict::reject;
    return true;
  }

  [[nodiscard]] challenge_verdict verdict() const noexcept { return verdict_; }
  /// Where the challenger's mean reward less the champion's lies, at any time with probability `confidence`; not to be
  /// believed before min_observations.
  [[nodiscard]] evaluation::interval difference() const noexcept { return sequence_.range(); }
  [[nodiscard]] std::uint64_t n() const noexcept { return sequence_.n(); }
  /// A new challenge under the same options.
  void restart() { *this = challenge(options_); }

 private:
  static evaluation::asymptotic_options sequence_options(const challenge_options& o) {
    return {.confidence = o.confidence, .tuned_for = o.tuned_for};
  }

  challenge_options options_;
  evaluation::asymptotic_sequence sequence_;
  double mean_ = 0;
  challenge_verdict verdict_ = challenge_verdict::undecided;
};

}  // namespace online
TANDEM_END
