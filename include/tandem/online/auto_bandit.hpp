#pragma once
// A contextual bandit without a knob: how strongly to explore and how fast to forget are learned beside the arms.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/linear_arms.hpp"
#include "tandem/online/linear_posterior.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/sampler.hpp"
#include "tandem/online/tuned.hpp"

TANDEM_BEGIN
namespace online {

/// Options of an auto_bandit. All but the dimension are there for hosts that know better.
struct auto_bandit_options {
  /// Length of a context vector; put a constant 1 in it unless rewards are centred. Range [1, 65536].
  std::size_t dimension = 1;
  /// Probability of any arm, all alike, whatever is known: a few percent make the log fit to judge other policies.
  /// Range [0, 1].
  double epsilon = 0;
  /// See linear_options; with learn_prior only what is expected of arms before any is known.
  float regularization = 1;
  /// Whether each model learns from all arms what arms are like: see linear_arms_options. With more than
  /// max_population_dimension features none does.
  bool learn_prior = true;
  /// How fast to forget: a model for each of these discounts (see linear_arms_options). Not empty; each in (0, 1].
  std::vector<float> discounts = {1, 0.995F};
  /// How much of what a model's predictions were worth still counts a reward later. Range [0, 1].
  double memory = 0.995;
  /// Strengths of exploration: optimism in standard deviations of an arm's mean. Not empty; each >= 0.
  std::vector<double> strengths = {0.25, 0.5, 1, 2};
  /// The part of all draws that the strengths share alike, whatever they have earned: see tuned. Range [0, 1].
  double trial = 0.05;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(!discounts.empty(), "discounts", "give at least one");
    tandem::detail::require_or(!strengths.empty(), "strengths", "give at least one");
    tandem::detail::require_or(trial >= 0 && trial <= 1, "trial", "give a number in [0, 1]");
    tandem::detail::require_or(memory >= 0 && memory <= 1, "memory", "give a number in [0, 1]");
    for (const float each : discounts) linear_arms_options{dimension, regularization, 0, each}.validate();
    for (const double each : strengths) linear_ucb{each, epsilon}.validate();
  }
};

/// LinUCB over several models of the arms that differ in how they forget, averaged by how well each has predicted; and
/// over several strengths of optimism, chosen among by what each has earned.
///
/// The noise of rewards is learned, so rewards may have any scale; and so is the prior of an arm, so that arms share
/// what is common to them, and the strengths mean much the same whatever the arms and features. Averaging: the models'
/// weights are w_k <- w_k^memory * N(reward; mean_k, variance_k), dynamic model averaging (Raftery, Karny and Ettler,
/// Technometrics 2010). Strengths: tuned, whose candidates here share the models. Propensities are exact: a mixture of
/// the strengths' own.
///
/// Threads: thread-compatible; choosing with a scratch of one's own is a pure read. Allocates: when arms are added,
/// else nothing. Memory: linear_arms for each discount.
class auto_bandit {
 public:
  using options_type = auto_bandit_options;
  /// What choosing writes to on its way: one a thread, of any life.
  struct scratch {
    linear_arms::scratch arms;
    tuned<linear_ucb>::scratch policy;
    std::vector<estimate> one, all;
    std::vector<double> probabilities;
  };

  /// Errors: invalid_argument as options_type::validate().
  explicit auto_bandit(options_type options)
      : options_((options.validate(), std::move(options))),
        policy_(tuned<linear_ucb>::with_trial(strengths(), options_.trial)) {
    const bool learns = options_.learn_prior && options_.dimension <= max_population_dimension;
    for (const float each : options_.discounts) {
      models_.emplace_back(linear_arms_options{options_.dimension, options_.regularization, 0, each, learns});
    }
    weights_.assign(models_.size(), 1 / static_cast<double>(models_.size()));
    log_weights_.resize(models_.size());
  }

  /// Adds an arm that knows nothing, or only what arms are like. Handles are never used twice. Errors: std::bad_alloc,
  /// and no arm was added.
  arm_index add_arm() {
    reserve_one();
    arm_index out{};
    for (linear_arms& each : models_) out = each.add();
    return out;
  }
  /// Adds an arm that starts from what is known, and keeps to that: it learns no prior from the others. Errors:
  /// invalid_argument; std::bad_alloc, and no arm was added.
  arm_index add_arm(const linear_posterior& known);
  /// Returns false when there is no such arm.
  bool remove_arm(arm_index arm) noexcept {
    bool out = false;
    for (linear_arms& each : models_) out = each.remove(arm);
    return out;
  }

  /// The arms, in the order of every span below.
  [[nodiscard]] std::span<const arm_index> arms() const noexcept { return models_.front().handles(); }
  [[nodiscard]] std::size_t dimension() const noexcept { return options_.dimension; }
  [[nodiscard]] const options_type& options() const noexcept { return options_; }
  /// The models, one for each of options().discounts; how far each is trusted; and the strengths with their weights.
  [[nodiscard]] std::span<const linear_arms> models() const noexcept { return models_; }
  [[nodiscard]] std::span<const double> model_weights() const noexcept { return weights_; }
  [[nodiscard]] const tuned<linear_ucb>& policy() const noexcept { return policy_; }

  /// Draws an arm for a context. With a context that is not finite, or of another length, all arms are as likely.
  /// Requires at least one arm. Complexity: O(discounts * arms * d^2 + strengths * arms).
  [[nodiscard]] choice choose(std::span<const float> context, random_stream& random, scratch& memory) const {
    TANDEM_ASSERT(!arms().empty());
    weigh(context, memory);
    const draw drawn = sample(memory.probabilities, random);
    return {arms()[drawn.index], drawn.probability, memory.all[drawn.index],
            policy_.attribute(drawn.index, random, memory.policy)};
  }
  /// The same, one call at a time.
  [[nodiscard]] choice choose(std::span<const float> context, random_stream& random) {
    return choose(context, random, own_);
  }
  /// The probability with which choose() draws each arm. @param out  as long as arms(); overwritten.
  void probabilities(std::span<const float> context, std::span<double> out) {
    TANDEM_ASSERT(out.size() == arms().size());
    weigh(context, own_);
    std::copy(own_.probabilities.begin(), own_.probabilities.end(), out.begin());
  }

  /// Learns what a choice earned; may come late and in any order. Returns false, and changes nothing, when there is no
  /// such arm or a number is not finite. Complexity: O(discounts * d^2), in one call of d / 4 O(discounts * d^3).
  /// Allocates: nothing.
  bool learn(const choice& chosen, std::span<const float> context, float reward, float weight = 1) noexcept;
  /// Adds `change` to a reward that was learned: see linear_posterior::revise(); models that forget are moved a little
  /// too far. False when one of them refuses, at the edge of float32.
  bool revise(const choice& chosen, std::span<const float> context, float change, float weight = 1) noexcept {
    bool out = true;
    for (linear_arms& each : models_) out = each.revise(chosen.arm, context, change, weight) && out;
    if (out) policy_.revise(chosen.part, change);
    return out;
  }
  /// Forgets what one arm has learned, down to gamma of it; 0 = all. Returns false when there is no such arm.
  bool discount(arm_index arm, float gamma) noexcept {
    bool out = false;
    for (linear_arms& each : models_) out = each.discount(arm, gamma);
    return out;
  }

 private:
  [[nodiscard]] std::vector<linear_ucb> strengths() const {
    std::vector<linear_ucb> out;
    for (const double each : options_.strengths) out.push_back({each, options_.epsilon});
    return out;
  }
  void reserve_one() {  // or a handle of one model would be another arm's in the next
    for (linear_arms& each : models_) each.reserve(1);
  }
  void weigh(std::span<const float> context, scratch& memory) const;

  options_type options_;
  tuned<linear_ucb> policy_;
  std::vector<linear_arms> models_;
  std::vector<double> weights_;      // of the models; sum 1
  std::vector<double> log_weights_;  // of learn()
  scratch own_;
};

inline arm_index auto_bandit::add_arm(const linear_posterior& known) {
  reserve_one();
  arm_index out{};
  for (linear_arms& each : models_) out = each.add(known);
  return out;
}

inline void auto_bandit::weigh(std::span<const float> context, scratch& memory) const {
  const std::size_t n = arms().size();
  memory.one.resize(n);
  memory.probabilities.resize(n);
  memory.all.assign(n, estimate{});
  for (std::size_t k = 0; k < models_.size(); ++k) {
    models_[k].predict(context, memory.arms, memory.one);
    const auto weight = static_cast<float>(weights_[k]);
    for (std::size_t a = 0; a < n; ++a) {
      memory.all[a].mean += weight * memory.one[a].mean;
      memory.all[a].variance += weight * memory.one[a].variance;
    }
  }
  policy_.probabilities(memory.all, memory.probabilities, memory.policy);
}

inline bool auto_bandit::learn(const choice& chosen, std::span<const float> context, float reward,
                               float weight) noexcept {
  double best = -1e300;
  for (std::size_t k = 0; k < models_.size(); ++k) {
    const double noise = double{models_[k].noise_variance()};
    const std::optional<prediction_error> missed = models_[k].update(chosen.arm, context, reward, weight);
    if (!missed && k == 0) return false;
    log_weights_[k] = std::log(std::max(weights_[k], 1e-300));
    if (missed && weight > 0) {  // a model that alone refuses, at the edge of float32, keeps its weight
      const double variance = noise * (1 / double{weight} + double{missed->spread});
      const double misfit = double{missed->error} * double{missed->error} / variance;
      log_weights_[k] = options_.memory * log_weights_[k] - 0.5 * (std::log(variance) + std::min(misfit, 1e12));
    }
    best = std::max(best, log_weights_[k]);
  }
  double sum = 0;
  for (std::size_t k = 0; k < models_.size(); ++k) sum += weights_[k] = std::exp(log_weights_[k] - best);
  for (double& w : weights_) w /= sum;
  if (weight > 0) policy_.learn(chosen.part, reward);
  return true;
}

}  // namespace online
TANDEM_END
