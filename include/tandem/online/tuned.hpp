#pragma once
// Exploration without a knob: several strengths of one policy share the posteriors, and what each has earned decides
// how often it is followed.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/best_arm.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/sampler.hpp"

TANDEM_BEGIN
namespace online {

/// A policy that learns which of its parts to follow: see tuned, below.
template <class P>
concept learning_policy = requires(P& p, const P& fixed, typename P::scratch& memory,
                                   std::span<const estimate> candidates, std::span<double> out, std::size_t which,
                                   random_stream& random, double reward) {
  fixed.probabilities(candidates, out, memory);
  { fixed.attribute(which, random, memory) } -> std::convertible_to<std::size_t>;
  p.learn(which, reward);
  p.revise(which, reward);
  fixed.validate();
};

namespace detail {

template <class P>
struct scratch_of {};  // a pure policy needs none
template <learning_policy P>
struct scratch_of<P> {
  typename P::scratch policy;
};

/// The probabilities that a policy gives, whether it learns or not.
template <class P>
void weigh(const P& policy, std::span<const estimate> candidates, std::span<double> out, scratch_of<P>& memory) {
  if constexpr (learning_policy<P>) {
    policy.probabilities(candidates, out, memory.policy);
  } else {
    policy.probabilities(candidates, out);
  }
}

/// Draws an arm from what weigh() gave, and the part of the policy that is credited with it.
template <class P>
choice draw_arm(const P& policy, std::span<const arm_index> arms, std::span<const estimate> candidates,
                std::span<const double> probabilities, random_stream& random, scratch_of<P>& memory) {
  const draw drawn = sample(probabilities, random);
  choice out{arms[drawn.index], drawn.probability, candidates[drawn.index]};
  if constexpr (learning_policy<P>) out.part = policy.attribute(drawn.index, random, memory.policy);
  return out;
}

/// Tells a policy that learns what a choice earned; a weight that takes back, or none, teaches it nothing.
template <class P>
void credit(P& policy, const choice& chosen, double reward, double weight) noexcept {
  if constexpr (learning_policy<P>) {
    if (weight > 0) policy.learn(chosen.part, reward);
  }
}

/// Tells it that the choice earned `change` more.
template <class P>
void correct(P& policy, const choice& chosen, double change) noexcept {
  if constexpr (learning_policy<P>) policy.revise(chosen.part, change);
}

}  // namespace detail

/// The strengths a tuned policy starts from: a geometric series over what was best in worlds from easy to hard.
[[nodiscard]] inline std::vector<linear_ucb> default_strengths(linear_ucb like) {
  std::vector<linear_ucb> out;
  for (const double alpha : {0.01, 0.02, 0.05, 0.1, 0.2, 0.4}) out.push_back({alpha, like.epsilon});
  return out;
}
[[nodiscard]] inline std::vector<thompson> default_strengths(thompson like) {
  std::vector<thompson> out;
  for (const double scale : {0.01, 0.02, 0.05, 0.1, 0.2, 0.4}) out.push_back({scale, like.support});
  return out;
}

/// A mixture of policies that learns its weights: a bandit over them, by Thompson sampling on the mean reward each
/// earned, with twice its standard deviation. Twice, because what a policy earns depends on when it was followed: one
/// that explores pays first, and all of them know more afterwards.
///
/// The probability of a candidate is sum_m weight_m * p_m(candidate): as exact as the policies' own. Weights are
/// computed afresh whenever 1/64 more rewards have come. Threads: thread-compatible; probabilities are a pure read into
/// a scratch of the caller's. Allocates: when that has not seen as many candidates.
template <policy P>
class tuned {
 public:
  static constexpr std::string_view name = "tuned";
  /// What every part said last, and who is responsible for the draw.
  struct scratch {
    std::vector<double> each, responsible;
    std::size_t n = 0;
  };

  tuned() : tuned(default_strengths(P{})) {}
  /// Errors: invalid_argument when `policies` is empty.
  explicit tuned(std::vector<P> policies) : policies_(std::move(policies)), earned_(policies_.size()) {
    if (policies_.empty()) throw error(errc::invalid_argument, "no policy to choose from", {"", 0, "policies"});
    weights_.assign(policies_.size(), 1 / static_cast<double>(policies_.size()));
    beliefs_.resize(policies_.size());
  }
  /// @param trial  the part of all draws that the policies share alike, whatever they have earned, in [0, 1]: what one
  /// that explores finds out pays later, and whoever is followed then. Errors: invalid_argument, also when out of
  /// range.
  [[nodiscard]] static tuned with_trial(std::vector<P> policies, double trial) {
    detail::require(trial >= 0 && trial <= 1, "trial", "give a number in [0, 1]");
    tuned out(std::move(policies));
    out.trial_ = trial;
    return out;
  }

  /// Complexity: that of every policy together.
  void probabilities(std::span<const estimate> candidates, std::span<double> out, scratch& memory) const {
    memory.n = candidates.size();
    memory.each.resize(policies_.size() * memory.n);
    std::fill(out.begin(), out.end(), 0.0);
    for (std::size_t m = 0; m < policies_.size(); ++m) {
      const std::span<double> mine(memory.each.data() + m * memory.n, memory.n);
      policies_[m].probabilities(candidates, mine);
      for (std::size_t i = 0; i < memory.n; ++i) out[i] += weights_[m] * mine[i];
    }
  }

  /// Draws the policy that the candidate, drawn from the latest probabilities() into `memory`, is to be credited to.
  [[nodiscard]] std::size_t attribute(std::size_t candidate, random_stream& random, scratch& memory) const {
    memory.responsible.resize(policies_.size());
    double sum = 0;
    for (std::size_t m = 0; m < policies_.size(); ++m) {
      memory.responsible[m] = weights_[m] * memory.each[m * memory.n + candidate];
      sum += memory.responsible[m];
    }
    for (double& r : memory.responsible) r /= sum;
    return sample(memory.responsible, random).index;
  }

  /// Learns what a policy earned; the reward is finite. One that does not exist learns nothing. Complexity: O(1)
  /// amortised.
  void learn(std::size_t which, double reward) noexcept {
    if (which >= policies_.size()) return;
    earned_[which].n += 1;
    earned_[which].sum += reward;
    n_rewards_ += 1;
    const double before = reward - mean_;
    mean_ += before / n_rewards_;
    squares_ += before * (reward - mean_);
    if (n_rewards_ >= due_) weigh();
  }

  /// Adds to a reward that was learned.
  void revise(std::size_t which, double change) noexcept {
    if (which >= policies_.size()) return;
    earned_[which].sum += change;
    if (n_rewards_ > 0) mean_ += change / n_rewards_;
  }

  [[nodiscard]] std::span<const P> policies() const noexcept { return policies_; }
  /// How often each policy is followed; sums to 1.
  [[nodiscard]] std::span<const double> weights() const noexcept { return weights_; }

  void validate() const {
    for (const P& each : policies_) each.validate();
  }

 private:
  struct account {
    double n = 0;
    double sum = 0;
  };

  void weigh() noexcept {
    const double variance = squares_ / n_rewards_;
    for (std::size_t m = 0; m < policies_.size(); ++m) {
      const account& a = earned_[m];  // beside one play's worth of the common mean
      beliefs_[m] = {static_cast<float>((a.sum + mean_) / (a.n + 1)), static_cast<float>(4 * variance / (a.n + 1))};
    }
    probability_best(beliefs_, weights_);
    const double least = trial_ / static_cast<double>(weights_.size());
    for (double& each : weights_) each = least + (1 - trial_) * each;
    due_ = n_rewards_ + 1 + n_rewards_ / 64;
  }

  std::vector<P> policies_;
  std::vector<account> earned_;
  std::vector<double> weights_;
  std::vector<estimate> beliefs_;
  double trial_ = 0;
  double n_rewards_ = 0, mean_ = 0, squares_ = 0, due_ = 2;
};

}  // namespace online
TANDEM_END
