#pragma once
// Contextual bandits over linear posteriors, one an arm: LinUCB, linear Thompson sampling, or any other policy.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/linear_arms.hpp"
#include "tandem/online/linear_posterior.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/tuned.hpp"

TANDEM_BEGIN
namespace online {

/// Options of a linear_bandit.
template <class P>
struct linear_bandit_options {
  /// Length of a context vector; put a constant 1 in it unless rewards are centred. Range [1, 65536].
  std::size_t dimension = 1;
  /// How estimates become probabilities.
  P policy = {};
  /// See linear_arms_options.
  float regularization = 1;
  float noise_variance = 1;
  float discount = 1;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    arms().validate();
    policy.validate();
  }
  [[nodiscard]] linear_arms_options arms() const noexcept {
    return {dimension, regularization, noise_variance, discount};
  }
};

/// A bandit whose arms share nothing: each has its own posterior over one context vector (Li et al. 2010, algorithm 1).
///
/// Threads: thread-compatible; choosing with a scratch of one's own is a pure read. Allocates: when arms are added,
/// else nothing.
template <class P = any_policy>
requires policy<P> || learning_policy<P>
class linear_bandit {
 public:
  using options_type = linear_bandit_options<P>;
  /// What choosing writes to on its way: one a thread, of any life.
  struct scratch : detail::scratch_of<P> {
    linear_arms::scratch arms;
    std::vector<estimate> estimates;
    std::vector<double> probabilities;
  };

  /// Errors: invalid_argument as options_type::validate().
  explicit linear_bandit(options_type options)
      : options_((options.validate(), std::move(options))), arms_(options_.arms()) {}

  /// Adds an arm that knows nothing. Handles are never used twice.
  arm_index add_arm() { return arms_.add(); }
  /// Adds an arm that starts from what is known, e.g. linear_posterior::from_prior(). Errors: invalid_argument.
  arm_index add_arm(const linear_posterior& known) { return arms_.add(known); }
  /// Returns false when there is no such arm.
  bool remove_arm(arm_index arm) noexcept { return arms_.remove(arm); }

  /// The arms, in the order of every span below.
  [[nodiscard]] std::span<const arm_index> arms() const noexcept { return arms_.handles(); }
  [[nodiscard]] std::size_t dimension() const noexcept { return options_.dimension; }
  /// What is known of an arm: a copy; nothing when there is no such arm.
  [[nodiscard]] std::optional<linear_posterior> posterior(arm_index arm) const { return arms_.posterior(arm); }
  [[nodiscard]] const linear_arms& posteriors() const noexcept { return arms_; }
  [[nodiscard]] const options_type& options() const noexcept { return options_; }

  /// Draws an arm for a context. With a context that is not finite, or of another length, all arms are as likely.
  /// Requires at least one arm. Complexity: O(arms * d^2) and the policy's.
  [[nodiscard]] choice choose(std::span<const float> context, random_stream& random, scratch& memory) const {
    TANDEM_ASSERT(arms_.size() > 0);
    weigh(context, memory);
    return detail::draw_arm(options_.policy, arms(), memory.estimates, memory.probabilities, random, memory);
  }
  /// The same, one call at a time.
  [[nodiscard]] choice choose(std::span<const float> context, random_stream& random) {
    return choose(context, random, own_);
  }

  /// The probability with which choose() draws each arm. @param out  as long as arms(); overwritten.
  void probabilities(std::span<const float> context, std::span<double> out) {
    TANDEM_ASSERT(out.size() == arms_.size());
    weigh(context, own_);
    std::copy(own_.probabilities.begin(), own_.probabilities.end(), out.begin());
  }

  /// Learns the reward an arm earned in a context; may come late and in any order. Returns false, and changes nothing,
  /// when there is no such arm, a number is not finite or the context has another length. A negative weight takes back
  /// what was learned: see linear_posterior::update(). Complexity: O(d^2) without discount. Allocates: nothing.
  bool learn(arm_index arm, std::span<const float> context, float reward, float weight = 1) noexcept {
    return arms_.update(arm, context, reward, weight).has_value();
  }
  /// The same for an arm that choose() drew; a policy that learns learns from it too.
  bool learn(const choice& chosen, std::span<const float> context, float reward, float weight = 1) noexcept {
    if (!learn(chosen.arm, context, reward, weight)) return false;
    detail::credit(options_.policy, chosen, double{reward}, double{weight});
    return true;
  }
  /// Adds `change` to a reward that was learned: see linear_posterior::revise().
  bool revise(const choice& chosen, std::span<const float> context, float change, float weight = 1) noexcept {
    if (!arms_.revise(chosen.arm, context, change, weight)) return false;
    detail::correct(options_.policy, chosen, double{change});
    return true;
  }
  /// Forgets what one arm has learned, down to gamma of it; 0 = all. Returns false when there is no such arm.
  bool discount(arm_index arm, float gamma) noexcept { return arms_.discount(arm, gamma); }

 private:
  void weigh(std::span<const float> context, scratch& memory) const {
    memory.estimates.resize(arms_.size());
    memory.probabilities.resize(arms_.size());
    arms_.predict(context, memory.arms, memory.estimates);
    detail::weigh(options_.policy, memory.estimates, memory.probabilities, memory);
  }

  options_type options_;
  linear_arms arms_;
  scratch own_;
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
