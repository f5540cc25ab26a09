#pragma once
// A bandit whose arms share what is common to them: one block of coefficients over user x arm features, and a block an
// arm.
//
//   reward = <beta, u (x) f_a> + <theta_a, x> + noise        u = the last entries of x, f_a = the arm's features
//
// The joint posterior is exact and costs no joint matrix. Eliminating theta_a leaves, for each observation, one of beta
// alone: the part of z = u (x) f_a and of the reward that x does not explain for this arm, with weight
// w / (1 + w x' A_a^-1 x). So an arm keeps its own Gaussian and the regression of z on x under it, and all arms teach
// one linear_posterior. This is LinUCB with hybrid models (Li, Chu, Langford and Schapire, WWW 2010, algorithm 2), rank
// by rank.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/detail/ud_gaussian.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/linear_arms.hpp"
#include "tandem/online/linear_posterior.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/tuned.hpp"

TANDEM_BEGIN
namespace online {

/// Options of a hybrid_bandit.
template <class P>
struct hybrid_bandit_options {
  /// Length of a context vector, d; put a constant 1 in it unless rewards are centred. Range [1, 4096].
  std::size_t dimension = 1;
  /// How many of its last entries are crossed with the features of the arms: user factors, or 1 for a constant that
  /// stands last. Range [1, dimension].
  std::size_t crossed = 1;
  /// Features an arm, e.g. the rank of a factor model. crossed * features in [1, 4096].
  std::size_t features = 1;
  /// How estimates become probabilities.
  P policy = {};
  /// Precision before the first reward of what is common, and of what is an arm's own (which is mostly small, so that
  /// it may deserve more). Range [1e-12, 1e12] each.
  float shared_regularization = 1;
  float own_regularization = 1;
  /// See linear_arms_options; 0 = learned.
  float noise_variance = 0;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(dimension >= 1 && dimension <= 4096, "dimension", "give a number in [1, 4096]");
    tandem::detail::require_or(crossed >= 1 && crossed <= dimension, "crossed", "give a number in [1, dimension]");
    tandem::detail::require_or(features >= 1 && features <= 4096 && crossed * features <= 4096, "features",
                               "crossed * features in [1, 4096]");
    linear_arms_options{dimension, own_regularization, noise_variance}.validate();
    tandem::detail::require_or(shared_regularization >= 1e-12F && shared_regularization <= 1e12F,
                               "shared_regularization", "give a number in [1e-12, 1e12]");
    policy.validate();
  }
};

/// The bandit. A new arm is at once as good as its features say: what is common was learned from the others.
///
/// Threads: thread-compatible; choosing with a scratch of one's own is a pure read. Allocates: when arms are added,
/// else nothing. Memory an arm: 2 d (d + 3) + 4 d k bytes, k = crossed * features.
template <class P = any_policy>
requires policy<P> || learning_policy<P>
class hybrid_bandit {
 public:
  using options_type = hybrid_bandit_options<P>;
  /// What choosing writes to on its way: one a thread, of any life.
  struct scratch : detail::scratch_of<P> {
    std::vector<float> work;
    std::vector<estimate> estimates;
    std::vector<double> probabilities;
  };

  /// Errors: invalid_argument as options_type::validate().
  explicit hybrid_bandit(options_type options)
      : options_((options.validate(), std::move(options))),
        shared_({options_.crossed * options_.features, options_.shared_regularization}),
        prior_(options_.dimension, options_.own_regularization),
        own_{} {
    own_.work.resize(work_size());
  }

  /// @param features  of the arm, as many as options().features. Errors: invalid_argument when they are not,
  /// not_finite.
  arm_index add_arm(std::span<const float> features);
  /// Returns false when there is no such arm. Complexity: O(arms).
  bool remove_arm(arm_index arm) { return arms_.remove(arm); }

  /// The arms, in the order of every span below.
  [[nodiscard]] std::span<const arm_index> arms() const noexcept { return arms_.handles(); }
  [[nodiscard]] std::size_t dimension() const noexcept { return options_.dimension; }
  [[nodiscard]] const options_type& options() const noexcept { return options_; }
  /// What is known of the common coefficients, in order of u-major: entry c * features + f.
  [[nodiscard]] const linear_posterior& shared() const noexcept { return shared_; }
  /// Variance of one reward around its mean: given, or learned so far (1 before the first reward).
  [[nodiscard]] float noise_variance() const noexcept {
    if (options_.noise_variance > 0) return options_.noise_variance;
    return observed_ > 0 ? static_cast<float>(std::clamp(squares_ / observed_, 1e-30, 1e12)) : 1.0F;
  }

  /// What every arm is expected to pay. @param out  as long as arms(); overwritten. Not finite where x is not.
  /// Complexity: O(arms * (d^2 + d k + k^2)).
  void predict(std::span<const float> context, std::span<estimate> out, scratch& memory) const;

  /// Draws an arm for a context. With a context that is not finite all arms are as likely. Requires at least one arm.
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

  /// Learns what an arm earned; may come late and in any order. Returns false, and changes nothing, when there is no
  /// such arm, a number is not finite or the weight is negative. Complexity: O(d^2 + d k + k^2). Allocates: nothing.
  bool learn(const choice& chosen, std::span<const float> context, float reward, float weight = 1) noexcept {
    if (!learn(chosen.arm, context, reward, weight)) return false;
    detail::credit(options_.policy, chosen, double{reward}, double{weight});
    return true;
  }
  bool learn(arm_index arm, std::span<const float> context, float reward, float weight = 1) noexcept;
  /// Adds `change` to a reward that was learned: see linear_posterior::revise().
  bool revise(const choice& chosen, std::span<const float> context, float change, float weight = 1) noexcept;

 private:
  struct one_arm {
    std::vector<float> memory;    // the Gaussian of theta without beta | regression of z on x, d x k
    std::vector<float> features;  // f
  };
  struct parts {
    std::span<float> z;     // k: what x does not explain of u (x) f, for this arm
    std::span<float> gain;  // d, A_a^-1 x
    float mean = 0;         // <theta, x> without beta
    float spread = 0;       // x' A_a^-1 x
  };

  void weigh(std::span<const float> context, scratch& memory) const {
    memory.estimates.resize(arms_.size());
    memory.probabilities.resize(arms_.size());
    predict(context, memory.estimates, memory);
    detail::weigh(options_.policy, memory.estimates, memory.probabilities, memory);
  }
  [[nodiscard]] std::size_t n_shared() const noexcept { return options_.crossed * options_.features; }
  [[nodiscard]] std::size_t work_size() const noexcept { return n_shared() + 4 * options_.dimension; }
  [[nodiscard]] const float* regression(const one_arm& arm) const noexcept {
    return arm.memory.data() + tandem::detail::ud_column(options_.dimension);
  }
  [[nodiscard]] parts take_apart(const one_arm& arm, std::span<const float> context,
                                 std::span<float> work) const noexcept;

  options_type options_;
  linear_posterior shared_;
  linear_prior prior_;  // of one arm
  arm_table<one_arm> arms_;
  scratch own_;
  double squares_ = 0, observed_ = 0;
};

template <class P>
requires policy<P> || learning_policy<P> arm_index hybrid_bandit<P>::add_arm(std::span<const float> features) {
  if (features.size() != options_.features) {
    throw error(errc::invalid_argument, "there are " + std::to_string(features.size()), {"", 0, "features"},
                "give " + std::to_string(options_.features) + ", as the options say");
  }
  for (const float f : features) {
    if (!std::isfinite(f)) throw error(errc::not_finite, "is " + std::to_string(f), {"", 0, "features"});
  }
  one_arm arm{std::vector<float>(prior_.state().begin(), prior_.state().end()),
              std::vector<float>(features.begin(), features.end())};
  arm.memory.resize(arm.memory.size() + options_.dimension * n_shared());
  return arms_.add(std::move(arm));
}

// z - B'x, where row i of B is the regression of z on x_i; gain = A_a^-1 x = U D U'x
template <class P>
requires policy<P> || learning_policy<P>
typename hybrid_bandit<P>::parts hybrid_bandit<P>::take_apart(const one_arm& arm, std::span<const float> context,
                                                              std::span<float> work) const noexcept {
  const std::size_t d = options_.dimension;
  const std::size_t k = n_shared();
  parts out{work.first(k), work.subspan(k, d), 0, 0};
  const float* const u = context.data() + d - options_.crossed;
  for (std::size_t c = 0; c < options_.crossed; ++c) {
    for (std::size_t f = 0; f < options_.features; ++f) out.z[c * options_.features + f] = u[c] * arm.features[f];
  }
  for (std::size_t i = 0; i < d; ++i) kernels().axpy(-context[i], regression(arm) + i * k, out.z.data(), k);
  float* const projected = work.data() + k + d;  // f and g, 2 d
  const auto found = tandem::detail::ud_project<1>(arm.memory.data(), d, context.data(), projected);
  out.mean = found.mean;
  out.spread = found.spread;
  std::fill(out.gain.begin(), out.gain.end(), 0.0F);
  for (std::size_t j = 0; j < d; ++j) {
    const float g = projected[d + j];
    kernels().axpy(g, arm.memory.data() + tandem::detail::ud_column(j) + 2, out.gain.data(), j);
    out.gain[j] += g;
  }
  return out;
}

template <class P>
requires policy<P> || learning_policy<P>
void hybrid_bandit<P>::predict(std::span<const float> context, std::span<estimate> out, scratch& memory) const {
  TANDEM_ASSERT(out.size() == arms_.size());
  if (context.size() != options_.dimension) {
    constexpr float unknown = std::numeric_limits<float>::quiet_NaN();
    return std::fill(out.begin(), out.end(), estimate{unknown, unknown});
  }
  memory.work.resize(work_size());
  const float noise = noise_variance();
  for (std::size_t a = 0; a < out.size(); ++a) {
    const parts p = take_apart(arms_.values()[a], context, memory.work);
    const estimate common = shared_.predict(p.z);
    out[a] = {p.mean + common.mean, noise * (p.spread + common.variance)};
  }
}

template <class P>
requires policy<P> || learning_policy<P>
bool hybrid_bandit<P>::learn(arm_index arm, std::span<const float> context, float reward, float weight) noexcept {
  one_arm* const at = arms_.find(arm);
  if (at == nullptr || context.size() != options_.dimension || !(weight >= 0) || !std::isfinite(reward)) return false;
  const std::size_t d = options_.dimension;
  const parts p = take_apart(*at, context, own_.work);
  const float growth = 1 + weight * p.spread;
  const float own = tandem::detail::ud_step({p.mean, p.spread}, reward, weight);
  const estimate common = shared_.predict(p.z);
  if (!std::isfinite(own) || !common.finite()) return false;
  const double error = double{reward} - double{p.mean} - double{common.mean};
  if (!shared_.update(p.z, reward - p.mean, weight / growth)) return false;
  for (std::size_t i = 0; i < d; ++i) {
    kernels().axpy(weight * p.gain[i] / growth, p.z.data(),
                   at->memory.data() + tandem::detail::ud_column(d) + i * n_shared(), n_shared());
  }
  tandem::detail::ud_update<1>(at->memory.data(), d, context.data(), reward, weight, own_.work.data() + n_shared());
  if (weight > 0) {
    squares_ += error * error * double{weight} / (1 + double{weight} * (double{p.spread} + double{common.variance}));
    observed_ += 1;
  }
  return true;
}

// theta without beta moves as if its own reward had been another; what is left of the change is beta's. As the
// regression has moved since, so has what x leaves of z.
template <class P>
requires policy<P> || learning_policy<P>
bool hybrid_bandit<P>::revise(const choice& chosen, std::span<const float> context, float change,
                              float weight) noexcept {
  one_arm* const at = arms_.find(chosen.arm);
  if (at == nullptr || context.size() != options_.dimension || !(weight >= 0)) return false;
  const parts p = take_apart(*at, context, own_.work);
  if (!std::isfinite(change * weight) || !shared_.predict(p.z).finite() || !std::isfinite(p.spread)) return false;
  if (!shared_.revise(p.z, change, weight)) return false;
  detail::correct(options_.policy, chosen, double{change});
  return tandem::detail::ud_revise<1>(at->memory.data(), options_.dimension, context.data(), weight * change,
                                      own_.work.data() + n_shared());
}

}  // namespace online
TANDEM_END
