#pragma once
// Apprentice mode: the host's own choice is served while the learner learns from it, until it would have earned enough.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/serving.hpp"

TANDEM_BEGIN
namespace online {

/// Options of an apprentice.
struct apprentice_options {
  /// The share of the host's reward that the learner must reach by imitation. Range (0, 1].
  double share = 0.8;
  /// No graduation before so many rewards above 0 were learned. Range [1, 1e9].
  std::uint64_t min_rewards = 200;
  /// Each decision fades those before it by this factor: the learner of long ago was another. Range (0, 1].
  double discount = 0.9999;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(share > 0 && share <= 1, "share", "give a number in (0, 1]");
    tandem::detail::require_or(min_rewards >= 1 && min_rewards <= 1000000000, "min_rewards",
                               "give a number in [1, 1000000000]");
    tandem::detail::require_or(discount > 0 && discount <= 1, "discount", "give a number in (0, 1]");
  }
};

/// Measures how well the learner imitates a host that is served with probability 1.
///
///   performance = sum of P_learner(host's choice) * reward / sum of reward, over decisions
///
/// Where the two agree the learner would have earned the same; elsewhere nothing is known, and nothing is credited. So
/// a learner that is better than the host cannot show it here: graduate it into a challenge (challenge.hpp) or behind a
/// conservative_guard. Rewards must not be negative.
/// Threads: thread-compatible. Allocates: nothing. Source: the apprentice mode of the Decision Service (Agarwal et al.
/// 2016) and of Azure Personalizer, which counts hits instead of probabilities.
class apprentice {
 public:
  /// Errors: invalid_argument as apprentice_options::validate().
  explicit apprentice(const apprentice_options& options = {}) : options_(options) { options_.validate(); }

  /// The host's choice while this is an apprentice, else the learner's probabilities. @param out  as long as learner;
  /// overwritten. Requires host_choice < out.size(). Returns who serves. Complexity: O(n).
  [[nodiscard]] served_by serve(std::span<const double> learner, std::size_t host_choice,
                                std::span<double> out) const noexcept {
    TANDEM_ASSERT(learner.size() == out.size());
    if (!graduated_) return serve_host(host_choice, out);
    std::copy(learner.begin(), learner.end(), out.begin());
    return served_by::learner;
  }

  /// Learns from a decision that the host's choice served. Returns false, and changes nothing, when the probability is
  /// not in [0, 1] or the reward not in [0, 1e12].
  /// @param learner_probability  what the learner gave the host's choice when the decision was made.
  bool learn(double learner_probability, double reward) noexcept {
    if (!(learner_probability >= 0 && learner_probability <= 1) || !(reward >= 0 && reward <= 1e12)) return false;
    imitated_ = options_.discount * imitated_ + learner_probability * reward;
    earned_ = options_.discount * earned_ + reward;
    if (reward > 0) ++rewards_;
    graduated_ = graduated_ || (rewards_ >= options_.min_rewards && performance() >= options_.share);
    return true;
  }

  /// In [0, 1]; 0 before the first reward.
  [[nodiscard]] double performance() const noexcept { return earned_ > 0 ? imitated_ / earned_ : 0.0; }
  /// Stays true once it is, until restart().
  [[nodiscard]] bool graduated() const noexcept { return graduated_; }
  /// An apprentice again, who has shown nothing.
  void restart() noexcept {
    imitated_ = earned_ = 0;
    rewards_ = 0;
    graduated_ = false;
  }

 private:
  apprentice_options options_;
  double imitated_ = 0, earned_ = 0;
  std::uint64_t rewards_ = 0;
  bool graduated_ = false;
};

}  // namespace online
TANDEM_END
