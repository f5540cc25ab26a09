#pragma once
// Thompson sampling without context: a Beta posterior an arm, for rewards in [0, 1].

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/best_arm.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/sampler.hpp"

TANDEM_BEGIN
namespace online {

/// Options of a beta_bandit.
struct beta_bandit_options {
  /// What a new arm has earned before its first play. Both in [0.1, 1e9]; {1, 1} = every rate is as likely.
  beta_counts prior = {};
  /// Each observation fades all older ones, of every arm, by this factor, towards the prior: 1 = never forget.
  /// Range (0, 1]. gamma in Raj and Kalyani 2017.
  double discount = 1;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(prior.alpha >= 0.1 && prior.alpha <= 1e9, "prior.alpha", "give a number in [0.1, 1e9]");
    tandem::detail::require_or(prior.beta >= 0.1 && prior.beta <= 1e9, "prior.beta", "give a number in [0.1, 1e9]");
    tandem::detail::require_or(discount > 0 && discount <= 1, "discount", "give a number in (0, 1]");
  }
};

/// Draws each arm with the probability that it is the best. Sources: Thompson 1933; Chapelle and Li, NIPS 2011.
///
/// Threads: thread-compatible; it keeps scratch, so one call at a time. Allocates: when arms are added, else nothing.
class beta_bandit {
 public:
  using options_type = beta_bandit_options;

  /// Errors: invalid_argument as options_type::validate().
  explicit beta_bandit(const options_type& options = {}) : options_(options) { options_.validate(); }

  /// Adds an arm that knows the prior. Handles are never used twice.
  arm_index add_arm() { return add_arm(options_.prior); }
  /// Adds an arm that starts from what is known. Errors: invalid_argument.
  arm_index add_arm(const beta_counts& known) {
    options_type{known, 1}.validate();
    probabilities_.reserve(arms_.size() + 1);
    fresh_ = false;
    return arms_.add(known);
  }
  /// Returns false when there is no such arm. Complexity: O(arms).
  bool remove_arm(arm_index arm) {
    fresh_ = false;
    return arms_.remove(arm);
  }

  /// The arms, in the order of every span below.
  [[nodiscard]] std::span<const arm_index> arms() const noexcept { return arms_.handles(); }
  /// What an arm has earned; null when there is no such arm.
  [[nodiscard]] const beta_counts* counts(arm_index arm) const noexcept { return arms_.find(arm); }
  [[nodiscard]] const options_type& options() const noexcept { return options_; }

  /// Draws an arm. Requires at least one. Complexity: that of probability_best() after learning, else O(arms).
  /// Allocates: nothing.
  [[nodiscard]] choice choose(random_stream& random) {
    TANDEM_ASSERT(!arms_.empty());
    weigh();
    const draw drawn = sample(probabilities_, random);
    return {arms_.handles()[drawn.index], drawn.probability, expected(arms_.values()[drawn.index])};
  }

  /// The probability with which choose() draws each arm. @param out  as long as arms(); overwritten.
  void probabilities(std::span<double> out) {
    TANDEM_ASSERT(out.size() == arms_.size());
    weigh();
    std::copy(probabilities_.begin(), probabilities_.end(), out.begin());
  }

  /// Learns what an arm earned. Returns false, and changes nothing, when there is no such arm or the reward does not
  /// lie in [0, 1]. Complexity: O(1), or O(arms) with discount. Allocates: nothing.
  bool learn(arm_index arm, double reward) noexcept {
    beta_counts* const earned = arms_.find(arm);
    if (earned == nullptr || !(reward >= 0 && reward <= 1)) return false;
    if (options_.discount < 1) {
      for (beta_counts& each : arms_.values()) {
        each.alpha += (1 - options_.discount) * (options_.prior.alpha - each.alpha);
        each.beta += (1 - options_.discount) * (options_.prior.beta - each.beta);
      }
    }
    earned->alpha += reward;
    earned->beta += 1 - reward;
    fresh_ = false;
    return true;
  }

 private:
  static estimate expected(const beta_counts& c) noexcept {
    const double n = c.alpha + c.beta;
    return {static_cast<float>(c.mean()), static_cast<float>(c.mean() * (1 - c.mean()) / (n + 1))};
  }
  void weigh() {
    if (fresh_) return;
    probabilities_.resize(arms_.size());
    probability_best(arms_.values(), probabilities_);
    fresh_ = true;
  }

  options_type options_;
  arm_table<beta_counts> arms_;
  std::vector<double> probabilities_;
  bool fresh_ = false;  // probabilities_ fit the counts
};

}  // namespace online
TANDEM_END
