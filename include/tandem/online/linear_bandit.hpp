#pragma once
// Contextual bandits over linear posteriors, one a arm: LinUCB, linear Thompson sampling, or any other policy.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/linear_posterior.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/sampler.hpp"
#include "tandem/online/tuned.hpp"

TANDEM_BEGIN
namespace online {

/// A policy that learns which of its parts to follow: see tuned.
template <class P>
concept learning_policy = requires(P& p, std::span<const estimate> candidates, std::span<double> out, std::size_t which,
                                   random_stream& random, double reward) {
  p.probabilities(candidates, out);
  { p.attribute(which, random) } -> std::convertible_to<std::size_t>;
  p.learn(which, reward);
  p.validate();
};

/// Options of a linear_bandit.
template <class P>
struct linear_bandit_options {
  /// Length of a context vector; put a constant 1 in it unless rewards are centred. Range [1, 65536].
  std::size_t dimension = 1;
  /// How estimates become probabilities.
  P policy = {};
  /// See linear_options.
  float regularization = 1;
  float noise_variance = 1;
  /// Each observation of an arm fades its older ones by this factor: 1 = never forget, 0.995 = about 200 count.
  /// Range (0, 1].
  float discount = 1;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    linear_options{dimension, regularization, noise_variance}.validate();
    if (!(discount > 0 && discount <= 1)) {
      throw error(errc::invalid_argument, "out of range", {"", 0, "discount"}, "give a number in (0, 1]");
    }
    policy.validate();
  }
};

/// A bandit whose arms share nothing: each has its own posterior over one context vector (Li et al. 2010, algorithm 1).
///
/// Threads: thread-compatible; it keeps scratch, so one call at a time. Allocates: when arms are added, else nothing.
template <class P = any_policy>
requires policy<P> || learning_policy<P>
class linear_bandit {
 public:
  using options_type = linear_bandit_options<P>;

  /// Errors: invalid_argument as options_type::validate().
  explicit linear_bandit(options_type options) : options_(std::move(options)) { options_.validate(); }

  /// Adds an arm that knows nothing. Handles are never used twice.
  arm_index add_arm() {
    const options_type& o = options_;
    return add_arm(linear_posterior(linear_options{o.dimension, o.regularization, o.noise_variance}));
  }
  /// Adds an arm that starts from what is known, e.g. linear_posterior::from_prior(). Errors: invalid_argument.
  arm_index add_arm(linear_posterior prior) {
    if (prior.dimension() != options_.dimension) {
      throw error(errc::invalid_argument, "the prior has dimension " + std::to_string(prior.dimension()),
                  {"", 0, "prior"}, "give one of dimension " + std::to_string(options_.dimension));
    }
    estimates_.reserve(arms_.size() + 1);
    probabilities_.reserve(arms_.size() + 1);
    return arms_.add(std::move(prior));
  }
  /// Returns false when there is no such arm. Complexity: O(arms).
  bool remove_arm(arm_index arm) { return arms_.remove(arm); }

  /// The arms, in the order of every span below.
  [[nodiscard]] std::span<const arm_index> arms() const noexcept { return arms_.handles(); }
  /// What is known of an arm; null when there is no such arm.
  [[nodiscard]] const linear_posterior* posterior(arm_index arm) const noexcept { return arms_.find(arm); }
  [[nodiscard]] const options_type& options() const noexcept { return options_; }

  /// Draws an arm for a context. With a context that is not finite all arms are as likely.
  /// Requires at least one arm. Complexity: O(arms * d^2) and the policy's. Allocates: nothing.
  [[nodiscard]] choice choose(std::span<const float> context, random_stream& random) {
    TANDEM_ASSERT(!arms_.empty());
    weigh(context);
    const draw drawn = sample(probabilities_, random);
    choice out{arms_.handles()[drawn.index], drawn.probability, estimates_[drawn.index]};
    if constexpr (learning_policy<P>) out.part = options_.policy.attribute(drawn.index, random);
    return out;
  }

  /// The probability with which choose() draws each arm. @param out  as long as arms(); overwritten.
  void probabilities(std::span<const float> context, std::span<double> out) {
    TANDEM_ASSERT(out.size() == arms_.size());
    weigh(context);
    std::copy(probabilities_.begin(), probabilities_.end(), out.begin());
  }

  /// Learns the reward an arm earned in a context; may come late and in any order. Returns false, and changes nothing,
  /// when there is no such arm or a number is not finite. Complexity: O(d^2) without discount. Allocates: nothing.
  bool learn(arm_index arm, std::span<const float> context, float reward, float weight = 1) noexcept {
    linear_posterior* const posterior = arms_.find(arm);
    if (posterior == nullptr || !posterior->update(context, reward, weight)) return false;
    if (options_.discount < 1) posterior->discount(options_.discount);
    return true;
  }

  /// The same for an arm that choose() drew; a policy that learns learns from it too.
  bool learn(const choice& chosen, std::span<const float> context, float reward, float weight = 1) noexcept {
    if (!learn(chosen.arm, context, reward, weight)) return false;
    if constexpr (learning_policy<P>) options_.policy.learn(chosen.part, reward);
    return true;
  }

 private:
  void weigh(std::span<const float> context) {
    estimates_.clear();
    for (const linear_posterior& each : arms_.values()) estimates_.push_back(each.predict(context));
    probabilities_.resize(arms_.size());
    options_.policy.probabilities(estimates_, probabilities_);
  }

  options_type options_;
  arm_table<linear_posterior> arms_;
  std::vector<estimate> estimates_;
  std::vector<double> probabilities_;
};

/// LinUCB with disjoint models: `lin_ucb bandit({.dimension = 8, .policy = {.alpha = 0.1}});`
using lin_ucb = linear_bandit<linear_ucb>;
/// Linear Thompson sampling: `lin_ts bandit({.dimension = 8, .policy = {.scale = 0.1}});`
using lin_ts = linear_bandit<thompson>;
/// LinUCB that finds its alpha while it runs; learn from choices.
using tuned_lin_ucb = linear_bandit<tuned<linear_ucb>>;
/// Linear Thompson sampling that finds its scale while it runs; learn from choices.
using tuned_lin_ts = linear_bandit<tuned<thompson>>;

}  // namespace online
TANDEM_END
