#pragma once
// Contextual bandits over logistic posteriors, one an arm: logistic Thompson sampling, or any other policy.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/linear_bandit.hpp"
#include "tandem/online/logistic_posterior.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/tuned.hpp"

TANDEM_BEGIN
namespace online {

/// What the estimates that a policy sees speak of.
enum class logistic_scale : std::uint8_t {
  logit,        ///< <theta, x>: exact and cheap; right for thompson, linear_ucb and greedy, which need only an order
  probability,  ///< of a reward: for policies that weigh gaps, such as inverse_gap and softmax
};

/// Options of a logistic_bandit.
template <class P>
struct logistic_bandit_options {
  /// Length of a context vector; put a constant 1 in it. Range [1, 65536]; [1, 256] with full covariance.
  std::size_t dimension = 1;
  /// How estimates become probabilities.
  P policy = {};
  /// What these estimates speak of.
  logistic_scale scale = logistic_scale::logit;
  /// See logistic_options.
  float regularization = 1;
  /// Each observation of an arm fades its older ones by this factor: 1 = never forget, 0.995 = about 200 count.
  /// Range (0, 1].
  float discount = 1;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    logistic_options{dimension, regularization}.validate();
    tandem::detail::require_or(discount > 0 && discount <= 1, "discount", "give a number in (0, 1]");
    tandem::detail::require_or(scale <= logistic_scale::probability, "scale", "give logit or probability");
    policy.validate();
  }
};

/// A bandit for rewards that are taken or not: a linear_bandit whose arms hold logistic posteriors.
///
/// @tparam Model  diagonal_logistic_posterior or logistic_posterior.
/// Threads: thread-compatible; choosing with a scratch of one's own is a pure read. Allocates: when arms are added,
/// else nothing. In a decision_loop it learns at the window's end: a reward that is learned cannot be corrected.
template <class P = any_policy, logistic_model Model = diagonal_logistic_posterior>
requires policy<P> || learning_policy<P>
class logistic_bandit {
 public:
  using options_type = logistic_bandit_options<P>;
  /// What choosing writes to on its way: one a thread, of any life.
  struct scratch : detail::scratch_of<P> {
    std::vector<estimate> estimates;
    std::vector<double> probabilities;
  };

  /// Errors: invalid_argument as options_type::validate(), and for a dimension that the model does not take.
  explicit logistic_bandit(options_type options)
      : options_((options.validate(), std::move(options))),
        fresh_(logistic_options{options_.dimension, options_.regularization}) {}

  /// Adds an arm that knows nothing. Handles are never used twice.
  arm_index add_arm() { return add_arm(fresh_); }
  /// Adds an arm that starts from what is known, e.g. Model::from_prior(). Errors: invalid_argument.
  arm_index add_arm(Model prior) {
    if (prior.dimension() != options_.dimension) {
      throw error(errc::invalid_argument, "the prior has dimension " + std::to_string(prior.dimension()),
                  {"", 0, "prior"}, "give one of dimension " + std::to_string(options_.dimension));
    }
    own_.estimates.reserve(arms_.size() + 1);
    own_.probabilities.reserve(arms_.size() + 1);
    return arms_.add(std::move(prior));
  }
  /// Returns false when there is no such arm. Complexity: O(arms).
  bool remove_arm(arm_index arm) { return arms_.remove(arm); }
  /// Back to the arm's prior, e.g. when a change_detector says so. Returns false when there is no such arm.
  bool reset_arm(arm_index arm) {
    Model* const posterior = arms_.find(arm);
    if (posterior != nullptr) posterior->reset();
    return posterior != nullptr;
  }

  /// The arms, in the order of every span below.
  [[nodiscard]] std::span<const arm_index> arms() const noexcept { return arms_.handles(); }
  /// What is known of an arm; null when there is no such arm.
  [[nodiscard]] const Model* posterior(arm_index arm) const noexcept { return arms_.find(arm); }
  [[nodiscard]] std::size_t dimension() const noexcept { return options_.dimension; }
  [[nodiscard]] const options_type& options() const noexcept { return options_; }

  /// Draws an arm for a context. With a context that is not finite, or has another length, all arms are as likely.
  /// `expected` is on the scale of the options. Requires at least one arm.
  /// Complexity: O(arms * d), or d^2 with full covariance, and the policy's. Allocates: nothing.
  [[nodiscard]] choice choose(std::span<const float> context, random_stream& random, scratch& memory) const {
    TANDEM_ASSERT(!arms_.empty());
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
  /// when there is no such arm or Model::update() refuses: a reward outside [0, 1], a context not finite or of another
  /// length. Complexity: O(d), or d^2 with full covariance. Allocates: nothing.
  bool learn(arm_index arm, std::span<const float> context, float reward, float weight = 1) noexcept {
    Model* const posterior = arms_.find(arm);
    if (posterior == nullptr || !posterior->update(context, reward, weight)) return false;
    if (options_.discount < 1) posterior->discount(options_.discount);
    return true;
  }

  /// The same for an arm that choose() drew; a policy that learns learns from it too.
  bool learn(const choice& chosen, std::span<const float> context, float reward, float weight = 1) noexcept {
    if (!learn(chosen.arm, context, reward, weight)) return false;
    detail::credit(options_.policy, chosen, double{reward}, double{weight});
    return true;
  }

 private:
  void weigh(std::span<const float> context, scratch& memory) const {
    memory.estimates.clear();
    const bool logits = options_.scale == logistic_scale::logit;
    for (const Model& each : arms_.values()) {
      memory.estimates.push_back(logits ? each.predict(context) : each.probability(context));
    }
    memory.probabilities.resize(arms_.size());
    detail::weigh(options_.policy, memory.estimates, memory.probabilities, memory);
  }

  options_type options_;
  Model fresh_;
  arm_table<Model> arms_;
  scratch own_;
};

/// Logistic Thompson sampling (Chapelle and Li 2011; scale is their alpha): `logistic_ts bandit({.dimension = 8});`
using logistic_ts = logistic_bandit<thompson>;
/// The same with full covariance, for dimensions up to 256.
using full_logistic_ts = logistic_bandit<thompson, logistic_posterior>;

}  // namespace online
TANDEM_END
