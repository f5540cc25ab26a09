#pragma once
// Bandits without context that count: how often an arm was played, and what it earned.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/sampler.hpp"
#include "tandem/online/tuned.hpp"

TANDEM_BEGIN
namespace online {

/// How often an arm was played and what it earned in all; fractions after discounts and weights.
struct play_counts {
  double plays = 0;  ///< >= 0
  double sum = 0;    ///< of rewards

  /// 0 without plays.
  [[nodiscard]] double mean() const noexcept { return plays > 0 ? sum / plays : 0.0; }
};

/// requires: p.index(arm, plays) is what the arm could plausibly earn, given the plays of all arms together; infinity
///           for an arm never played. The highest index is played; ties share; p.epsilon of the time any arm.
template <class P>
concept index_policy = requires(const P& p, const play_counts& arm, double plays) {
  { p.index(arm, plays) } -> std::same_as<double>;
  { p.epsilon } -> std::convertible_to<double>;
  { p.validate() } -> std::same_as<void>;
};

/// mean + range * sqrt(exploration * ln(plays of all) / plays of the arm); arms never played come first.
/// Deterministic but for ties and epsilon: a log drawn with epsilon = 0 cannot judge other policies.
/// Source: Auer, Cesa-Bianchi, Fischer 2002 (UCB1; exploration is their 2); under discount Garivier and Moulines 2011.
/// Complexity: O(1) an arm. Allocates: nothing. Threads: immutable.
struct ucb1 {
  static constexpr std::string_view name = "ucb1";
  /// The 2 of the paper. Smaller is bolder: 0.5 still suits rewards of small variance. Range [0, inf).
  double exploration = 2;
  /// Highest reward less lowest. Range (0, inf).
  double range = 1;
  /// Probability of any arm, all alike. Range [0, 1].
  double epsilon = 0;

  [[nodiscard]] double index(const play_counts& arm, double plays) const noexcept {
    if (!(arm.plays > 0)) return std::numeric_limits<double>::infinity();
    return arm.mean() + range * std::sqrt(exploration * std::log(std::max(plays, 1.0)) / arm.plays);
  }
  void validate() const {
    detail::require(exploration >= 0 && std::isfinite(exploration), "ucb1.exploration", "give a number >= 0");
    detail::require(range > 0 && std::isfinite(range), "ucb1.range", "give a number > 0");
    detail::require(epsilon >= 0 && epsilon <= 1, "ucb1.epsilon", "give a number in [0, 1]");
  }
};

/// The largest q with plays of the arm * kl(mean, q) <= ln t + c ln ln t, kl of two coins, t the plays of all arms;
/// arms never played come first. Rewards must lie in [0, 1]. Tighter than UCB1 everywhere, most of all for rare
/// rewards. Source: Garivier and Cappe, COLT 2011 (c there, who advise 0 in practice). Complexity: some 5 logarithms an
/// arm. Allocates: nothing. Threads: immutable.
struct kl_ucb {
  static constexpr std::string_view name = "kl_ucb";
  static constexpr bool unit_rewards = true;
  /// Range [0, inf); 3 is what the proof needs.
  double c = 0;
  /// Probability of any arm, all alike. Range [0, 1].
  double epsilon = 0;

  [[nodiscard]] double index(const play_counts& arm, double plays) const noexcept;
  void validate() const {
    detail::require(c >= 0 && std::isfinite(c), "kl_ucb.c", "give a number >= 0");
    detail::require(epsilon >= 0 && epsilon <= 1, "kl_ucb.epsilon", "give a number in [0, 1]");
  }
};

/// Options of a count_bandit.
template <class P>
struct count_bandit_options {
  /// How counts become probabilities: ucb1, kl_ucb, or a policy over estimates (policy.hpp, tuned.hpp).
  P policy = {};
  /// What an arm is expected to earn before its first play. Finite, within +-1e12.
  double prior_mean = 0;
  /// How uncertain that is. Range [1e-12, 1e12]. Index policies do not look at it.
  double prior_variance = 1;
  /// Variance of one reward around its arm's mean; at most 0.25 for rewards in [0, 1]. Range [1e-12, 1e12].
  double noise_variance = 0.25;
  /// Each observation fades all older ones, of every arm, by this factor: 1 = never forget. Range (0, 1]. gamma in
  /// Garivier and Moulines 2011.
  double discount = 1;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    const auto positive = [](double x) { return x >= 1e-12 && x <= 1e12; };
    tandem::detail::require_or(std::abs(prior_mean) <= 1e12, "prior_mean", "give a number in [-1e12, 1e12]");
    tandem::detail::require_or(positive(prior_variance), "prior_variance", "give a number in [1e-12, 1e12]");
    tandem::detail::require_or(positive(noise_variance), "noise_variance", "give a number in [1e-12, 1e12]");
    tandem::detail::require_or(discount > 0 && discount <= 1, "discount", "give a number in (0, 1]");
    policy.validate();
  }
};

/// A bandit over arms that are alike but for what they earned.
///
/// With a policy over estimates an arm's mean has the normal posterior of prior and noise: thompson is then Gaussian
/// Thompson sampling (Agrawal and Goyal 2013 set both variances to 1).
/// Threads: thread-compatible; it keeps scratch, so one call at a time. Allocates: when arms are added, else nothing.
template <class P>
requires index_policy<P> || policy<P> || learning_policy<P>
class count_bandit {
 public:
  using options_type = count_bandit_options<P>;

  /// Errors: invalid_argument as options_type::validate().
  explicit count_bandit(options_type options = {}) : options_(std::move(options)) { options_.validate(); }

  /// Adds an arm never played. Handles are never used twice.
  arm_index add_arm() { return add_arm(play_counts{}); }
  /// Adds an arm that starts from what it earned elsewhere. Errors: invalid_argument unless plays lies in [0, 1e15] and
  /// its mean is a reward that learn() takes.
  arm_index add_arm(const play_counts& known) {
    const bool some = known.plays > 0 && takes(known.mean());
    tandem::detail::require_or(some ? known.plays <= 1e15 : known.plays == 0 && known.sum == 0, "known",
                               "give plays in [0, 1e15], and a sum of rewards that can be learned");
    probabilities_.reserve(arms_.size() + 1);
    estimates_.reserve(arms_.size() + 1);
    fresh_ = false;
    return arms_.add(known);
  }
  /// Returns false when there is no such arm. Complexity: O(arms).
  bool remove_arm(arm_index arm) {
    fresh_ = false;
    return arms_.remove(arm);
  }
  /// Forgets what one arm earned, e.g. when a change_detector says so. Returns false when there is no such arm.
  bool reset_arm(arm_index arm) noexcept {
    play_counts* const earned = arms_.find(arm);
    if (earned == nullptr) return false;
    *earned = {};
    fresh_ = false;
    return true;
  }

  /// The arms, in the order of every span below.
  [[nodiscard]] std::span<const arm_index> arms() const noexcept { return arms_.handles(); }
  /// What an arm has earned; null when there is no such arm.
  [[nodiscard]] const play_counts* counts(arm_index arm) const noexcept { return arms_.find(arm); }
  [[nodiscard]] const options_type& options() const noexcept { return options_; }

  /// Draws an arm. Requires at least one. Complexity: the policy's after learning, else O(arms). Allocates: nothing.
  [[nodiscard]] choice choose(random_stream& random) {
    TANDEM_ASSERT(!arms_.empty());
    weigh();
    const draw drawn = sample(probabilities_, random);
    choice out{arms_.handles()[drawn.index], drawn.probability, expected(arms_.values()[drawn.index])};
    if constexpr (learning_policy<P>) out.part = options_.policy.attribute(drawn.index, random, scratch_.policy);
    return out;
  }

  /// The probability with which choose() draws each arm. @param out  as long as arms(); overwritten.
  void probabilities(std::span<double> out) {
    TANDEM_ASSERT(out.size() == arms_.size());
    weigh();
    std::copy(probabilities_.begin(), probabilities_.end(), out.begin());
  }

  /// Learns what an arm earned; may come late and in any order. Returns false, and changes nothing, when there is no
  /// such arm, the reward does not lie within +-1e12 (kl_ucb: in [0, 1]) or the weight in [0, 1e12].
  /// @param weight  how often it counts: below 1 for what may not have been seen (click_model.hpp).
  /// Complexity: O(1), or O(arms) with discount. Allocates: nothing.
  bool learn(arm_index arm, double reward, double weight = 1) noexcept {
    play_counts* const earned = arms_.find(arm);
    if (earned == nullptr || !takes(reward) || !(weight >= 0 && weight <= 1e12)) return false;
    if (options_.discount < 1) {
      for (play_counts& each : arms_.values()) {
        each = {each.plays * options_.discount, each.sum * options_.discount};
      }
    }
    earned->plays += weight;
    earned->sum += weight * reward;
    fresh_ = false;
    return true;
  }

  /// The same for an arm that choose() drew; a policy that learns learns from it too.
  bool learn(const choice& chosen, double reward, double weight = 1) noexcept {
    if (!learn(chosen.arm, reward, weight)) return false;
    detail::credit(options_.policy, chosen, reward, weight);
    return true;
  }

 private:
  static bool takes(double reward) noexcept {
    if constexpr (requires { P::unit_rewards; }) return reward >= 0 && reward <= 1;
    return std::abs(reward) <= 1e12;
  }
  [[nodiscard]] estimate expected(const play_counts& c) const noexcept {
    const double precision = 1 / options_.prior_variance + c.plays / options_.noise_variance;
    const double mean = options_.prior_mean / options_.prior_variance + c.sum / options_.noise_variance;
    return {static_cast<float>(mean / precision), static_cast<float>(1 / precision)};
  }

  void weigh() {
    if (fresh_) return;
    probabilities_.resize(arms_.size());
    if constexpr (index_policy<P>) {
      weigh_indices();
    } else {
      estimates_.clear();
      for (const play_counts& each : arms_.values()) estimates_.push_back(expected(each));
      detail::weigh(options_.policy, estimates_, probabilities_, scratch_);
    }
    fresh_ = true;
  }

  void weigh_indices() {
    double plays = 0;
    for (const play_counts& each : arms_.values()) plays += each.plays;
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < arms_.size(); ++i) {
      probabilities_[i] = options_.policy.index(arms_.values()[i], plays);
      best = std::max(best, probabilities_[i]);
    }
    const auto ties = static_cast<double>(std::count(probabilities_.begin(), probabilities_.end(), best));
    const double floor = options_.policy.epsilon / static_cast<double>(arms_.size());
    for (double& p : probabilities_) p = floor + (p == best ? (1 - options_.policy.epsilon) / ties : 0.0);
  }

  options_type options_;
  arm_table<play_counts> arms_;
  std::vector<double> probabilities_;
  std::vector<estimate> estimates_;
  detail::scratch_of<P> scratch_;
  bool fresh_ = false;  // probabilities_ fit the counts
};

/// UCB1: `ucb1_bandit bandit;`
using ucb1_bandit = count_bandit<ucb1>;
/// KL-UCB, for rewards in [0, 1].
using kl_ucb_bandit = count_bandit<kl_ucb>;
/// Gaussian Thompson sampling, for rewards of any range: set noise_variance to theirs.
using gaussian_thompson = count_bandit<thompson>;

// kl(p, q) is convex in q, so Newton's method from above stays above. It starts at the lower of two bounds that the
// root cannot pass: Pinsker's, and kl >= -entropy(p) - (1 - p) ln(1 - q).
inline double kl_ucb::index(const play_counts& arm, double plays) const noexcept {
  if (!(arm.plays > 0)) return std::numeric_limits<double>::infinity();
  const double p = std::clamp(arm.mean(), 0.0, 1.0);
  const double log_t = std::log(std::max(plays, 1.0));
  const double budget = (log_t + (c > 0 ? c * std::log(std::max(log_t, 1.0)) : 0.0)) / arm.plays;
  if (p >= 1 || budget <= 0) return p;
  const auto x_log = [](double x, double y) { return x > 0 ? x * std::log(x / y) : 0.0; };
  const double entropy = -x_log(p, 1) - x_log(1 - p, 1);
  double q = std::min(p + std::sqrt(budget / 2), -std::expm1(-(budget + entropy) / (1 - p)));
  for (int step = 0; step < 50 && q > p && q < 1; ++step) {
    const double over = x_log(p, q) + x_log(1 - p, 1 - q) - budget;
    const double change = over * q * (1 - q) / (q - p);
    q -= change;
    if (std::abs(change) <= 1e-13) break;
  }
  return std::clamp(q, p, 1.0);
}

}  // namespace online
TANDEM_END
