#pragma once
// A bandit that trusts nothing: EXP3-IX, whose regret is bounded even when an adversary picks the rewards.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/sampler.hpp"

TANDEM_BEGIN
namespace online {

/// Options of exp3_ix.
struct exp3_ix_options {
  /// Multiplies the learning rate of the theory, sqrt(ln K / (K t)), t the rewards learned so far. Range (0, 1000].
  double rate = 1;
  /// Each reward fades the losses of all arms by this factor, so that a world that changed is noticed: 1 = never. The
  /// rate then stays at that of t = 1 / (1 - discount). Range (0, 1].
  double discount = 1;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(rate > 0 && rate <= 1000, "rate", "give a number in (0, 1000]");
    tandem::detail::require_or(discount > 0 && discount <= 1, "discount", "give a number in (0, 1]");
  }
};

/// Exponential weights over arms, from rewards in [0, 1].
///
///   loss_i += (1 - reward) / (p_i + gamma), i the arm drawn with probability p_i     p_i ~ exp(-eta loss_i)
///
/// eta = 2 gamma = rate * sqrt(ln K / (K t)). The gamma in the denominator (implicit exploration) bounds the variance
/// without mixing in the uniform distribution. Probabilities are exact and never 0 but by underflow.
/// Threads: thread-compatible. Allocates: when arms are added, else nothing.
/// Source: Neu, NIPS 2015, algorithm 1 and corollary 1 (anytime).
class exp3_ix {
 public:
  static constexpr std::string_view name = "exp3_ix";
  using options_type = exp3_ix_options;

  /// Errors: invalid_argument as options_type::validate().
  explicit exp3_ix(const options_type& options = {}) : options_(options) { options_.validate(); }

  /// Adds an arm that will be drawn with probability 1 / arms, the others in proportion as before. Handles are never
  /// used twice. Complexity: O(arms).
  arm_index add_arm() {
    probabilities_.reserve(arms_.size() + 1);
    const double eta = rate(arms_.size() + 1);
    double sum = 0;
    const double least = least_loss();
    for (const double each : arms_.values()) sum += std::exp(-eta * (each - least));
    const double average = sum / static_cast<double>(std::max<std::size_t>(1, arms_.size()));
    return arms_.add(arms_.empty() || eta <= 0 ? least : least - std::log(average) / eta);
  }
  /// Returns false when there is no such arm; the others keep their proportions. Complexity: O(arms).
  bool remove_arm(arm_index arm) { return arms_.remove(arm); }

  /// The arms, in the order of every span below.
  [[nodiscard]] std::span<const arm_index> arms() const noexcept { return arms_.handles(); }
  [[nodiscard]] const options_type& options() const noexcept { return options_; }

  /// Draws an arm; `expected` is empty, since no posterior is kept. Requires at least one arm. Complexity: O(arms).
  /// Allocates: nothing.
  [[nodiscard]] choice choose(random_stream& random) {
    TANDEM_ASSERT(!arms_.empty());
    probabilities_.resize(arms_.size());
    probabilities(probabilities_);
    const draw drawn = sample(probabilities_, random);
    return {arms_.handles()[drawn.index], drawn.probability, {}};
  }

  /// The probability with which choose() draws each arm. @param out  as long as arms(); overwritten.
  void probabilities(std::span<double> out) const noexcept {
    TANDEM_ASSERT(out.size() == arms_.size());
    const double eta = rate(arms_.size());
    const double least = least_loss();
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = std::exp(-eta * (arms_.values()[i] - least));
      sum += out[i];
    }
    for (double& p : out) p /= sum;
  }

  /// Learns the reward of an arm drawn with `propensity`, the one that choose() gave: late rewards need their own.
  /// Returns false, and changes nothing, when there is no such arm, the reward does not lie in [0, 1] or the propensity
  /// in (0, 1]. Complexity: O(1), or O(arms) with discount. Allocates: nothing.
  bool learn(arm_index arm, double propensity, double reward) noexcept {
    double* const loss = arms_.find(arm);
    if (loss == nullptr || !(reward >= 0 && reward <= 1) || !(propensity > 0 && propensity <= 1)) return false;
    const double gamma = rate(arms_.size()) / 2;
    if (options_.discount < 1) {
      const double least = least_loss();  // fade differences, not sums: the least loss stays
      for (double& each : arms_.values()) each = least + options_.discount * (each - least);
    }
    *loss += (1 - reward) / (propensity + gamma);
    learned_ = options_.discount * learned_ + 1;
    return true;
  }
  /// The same for an arm that choose() drew.
  bool learn(const choice& chosen, double reward) noexcept { return learn(chosen.arm, chosen.propensity, reward); }

 private:
  [[nodiscard]] double rate(std::size_t arms) const noexcept {
    const auto k = static_cast<double>(arms);
    return arms < 2 ? 0 : options_.rate * std::sqrt(std::log(k) / (k * std::max(1.0, learned_)));
  }
  [[nodiscard]] double least_loss() const noexcept {
    return arms_.empty() ? 0 : *std::min_element(arms_.values().begin(), arms_.values().end());
  }

  options_type options_;
  arm_table<double> arms_;  // estimated losses
  std::vector<double> probabilities_;
  double learned_ = 0;  // rewards, discounted
};

}  // namespace online
TANDEM_END
