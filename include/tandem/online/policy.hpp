#pragma once
// Policies: pure functions from estimates with uncertainty to a probability for every candidate.
//
// No policy draws: sampler.hpp does, from exactly these numbers, so that the probability logged with a decision is the
// one with which it was drawn, whatever approximation went into computing it.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/online/best_arm.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/sampler.hpp"

TANDEM_BEGIN
namespace online {

/// requires: p.probabilities(candidates, out), out as long as candidates, overwrites out with numbers >= 0 that sum to
/// 1
///           (up to rounding), a pure function of the candidates. Candidates that are not finite get what the worst one
///           gets; when none is finite all get the same. Without candidates it does nothing.
///           p.validate() throws invalid_argument naming the option out of its range.
template <class P>
concept policy = requires(const P& p, std::span<const estimate> candidates, std::span<double> out) {
  { p.probabilities(candidates, out) } -> std::same_as<void>;
  { p.validate() } -> std::same_as<void>;
};

namespace detail {

/// mean + alpha * sd, or minus infinity for an estimate that is not finite.
inline double optimistic(const estimate& e, double alpha) noexcept {
  return e.finite() ? e.mean + alpha * e.sd() : -std::numeric_limits<double>::infinity();
}

/// out = epsilon / n for all, and the rest shared by those of the highest optimistic score.
inline void share_best(std::span<const estimate> candidates, double alpha, double epsilon, std::span<double> out) {
  TANDEM_ASSERT(out.size() == candidates.size());
  double best = -std::numeric_limits<double>::infinity();
  std::size_t ties = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    out[i] = optimistic(candidates[i], alpha);
    if (out[i] > best) {
      best = out[i];
      ties = 0;
    }
    if (out[i] == best) ++ties;
  }
  const double floor = epsilon / static_cast<double>(candidates.size());
  const double share = (1 - epsilon) / static_cast<double>(ties);
  for (double& p : out) p = floor + (p == best ? share : 0.0);
}

inline void require(bool holds, const char* option, const char* range) {
  if (!holds) throw error(errc::invalid_argument, "out of range", {"", 0, option}, range);
}

}  // namespace detail

/// The highest mean; ties share. Explores nothing.
/// Complexity: O(n). Allocates: nothing. Threads: immutable.
struct greedy {
  static constexpr std::string_view name = "greedy";

  void probabilities(std::span<const estimate> candidates, std::span<double> out) const {
    detail::share_best(candidates, 0, 0, out);
  }
  void validate() const {}
};

/// The highest mean (ties share), and with probability epsilon any candidate, all alike.
/// Complexity: O(n). Allocates: nothing. Threads: immutable. Source: Sutton and Barto 2018, 2.2; VW --epsilon.
struct epsilon_greedy {
  static constexpr std::string_view name = "epsilon_greedy";
  /// Probability of ignoring the means. Range [0, 1].
  double epsilon = 0.05;

  void probabilities(std::span<const estimate> candidates, std::span<double> out) const {
    detail::share_best(candidates, 0, epsilon, out);
  }
  void validate() const {
    detail::require(epsilon >= 0 && epsilon <= 1, "epsilon_greedy.epsilon", "give a number in [0, 1]");
  }
};

/// Probability in proportion to exp(mean / temperature).
/// Complexity: O(n). Allocates: nothing. Threads: immutable. Source: Sutton and Barto 2018, 2.8; VW --softmax has
/// lambda = 1 / temperature.
struct softmax {
  static constexpr std::string_view name = "softmax";
  /// In the unit of the means: towards 0 greedy, towards infinity uniform. Range (0, inf).
  double temperature = 0.1;

  void probabilities(std::span<const estimate> candidates, std::span<double> out) const;
  void validate() const {
    detail::require(temperature > 0 && std::isfinite(temperature), "softmax.temperature", "give a number > 0");
  }
};

/// The highest mean + alpha * sd (ties share), mixed with epsilon of the uniform distribution: without that, what is
/// not chosen has probability 0 and the log cannot be used to evaluate any other policy. Complexity: O(n). Allocates:
/// nothing. Threads: immutable. Source: Li, Chu, Langford, Schapire, WWW 2010 (alpha there).
struct linear_ucb {
  static constexpr std::string_view name = "linear_ucb";
  /// Optimism, in standard deviations. Range [0, inf).
  double alpha = 0.1;
  /// Range [0, 1].
  double epsilon = 0;

  void probabilities(std::span<const estimate> candidates, std::span<double> out) const {
    detail::share_best(candidates, alpha, epsilon, out);
  }
  void validate() const {
    detail::require(alpha >= 0 && std::isfinite(alpha), "linear_ucb.alpha", "give a number >= 0");
    detail::require(epsilon >= 0 && epsilon <= 1, "linear_ucb.epsilon", "give a number in [0, 1]");
  }
};

/// Inverse gap weighting: 1 / (n + gamma * (best mean - mean)) for all but the best, which takes the rest (ties share
/// it). Complexity: O(n). Allocates: nothing. Threads: immutable. Source: Abe and Long 1999; Foster and Rakhlin, ICML
/// 2020 (gamma there); VW --squarecb.
struct inverse_gap {
  static constexpr std::string_view name = "inverse_gap";
  /// How sharply probability falls with the gap, in 1 / unit of the means: 0 = uniform. Range [0, inf).
  double gamma = 100;

  void probabilities(std::span<const estimate> candidates, std::span<double> out) const;
  void validate() const {
    detail::require(gamma >= 0 && std::isfinite(gamma), "inverse_gap.gamma", "give a number >= 0");
  }
};

/// The probability that the candidate is the best when each mean is drawn from N(mean, (scale * sd)^2), independently.
///
/// Only the `support` candidates of the highest mean + 3 * scale * sd can be drawn; more have probability 0.
/// Numbers: by quadrature, within 1e-6 of the true probability (see probability_best()).
/// Complexity: O(n log support + support * nodes), some 30 nodes when the sds are alike. Allocates: nothing.
/// Threads: immutable. Source: Thompson 1933; Chapelle and Li, NIPS 2011 (scale is their alpha).
struct thompson {
  static constexpr std::string_view name = "thompson";
  /// Multiplies the standard deviations. 0 = greedy. Range [0, inf).
  double scale = 1;
  /// The most candidates that can be drawn. Range [1, max_best_arms].
  std::size_t support = max_best_arms;

  void probabilities(std::span<const estimate> candidates, std::span<double> out) const {
    probability_best(candidates, out, scale, support);
  }
  void validate() const {
    detail::require(scale >= 0 && std::isfinite(scale), "thompson.scale", "give a number >= 0");
    detail::require(support >= 1 && support <= max_best_arms, "thompson.support", "give a number in [1, 256]");
  }
};

/// Any of the policies above, chosen at run time. Default: thompson.
/// Complexity, Allocates, Threads: as the kind it holds.
class any_policy {
 public:
  using variant = std::variant<thompson, greedy, epsilon_greedy, softmax, linear_ucb, inverse_gap>;

  any_policy() = default;
  template <class Kind>
  requires std::constructible_from<variant, Kind> &&(!std::same_as<std::remove_cvref_t<Kind>, any_policy>)
      any_policy(Kind kind)  // NOLINT(google-explicit-constructor): a kind is a policy
      : kind_(std::move(kind)) {}

  void probabilities(std::span<const estimate> candidates, std::span<double> out) const {
    std::visit([&](const auto& each) { each.probabilities(candidates, out); }, kind_);
  }
  void validate() const {
    std::visit([](const auto& each) { each.validate(); }, kind_);
  }
  [[nodiscard]] std::string_view name() const {
    return std::visit([](const auto& each) { return each.name; }, kind_);
  }
  /// The kind itself, for std::visit and std::get_if.
  [[nodiscard]] const variant& kind() const noexcept { return kind_; }

 private:
  variant kind_;
};

inline void softmax::probabilities(std::span<const estimate> candidates, std::span<double> out) const {
  TANDEM_ASSERT(out.size() == candidates.size());
  double best = -std::numeric_limits<double>::infinity();
  for (const estimate& e : candidates) best = std::max(best, detail::optimistic(e, 0));
  double sum = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const double gap = std::isfinite(best) ? best - detail::optimistic(candidates[i], 0) : 0.0;
    out[i] = std::exp(-gap / temperature);
    sum += out[i];
  }
  for (double& p : out) p /= sum;
}

inline void inverse_gap::probabilities(std::span<const estimate> candidates, std::span<double> out) const {
  detail::share_best(candidates, 0, 0, out);
  double best = -std::numeric_limits<double>::infinity();
  for (const estimate& e : candidates) best = std::max(best, detail::optimistic(e, 0));
  if (!std::isfinite(best)) return;  // none is finite: uniform already
  const auto n = static_cast<double>(candidates.size());
  double rest = 1;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (out[i] > 0) continue;
    rest -= 1 / (n + gamma * (best - detail::optimistic(candidates[i], 0)));
  }
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    out[i] = out[i] > 0 ? out[i] * rest : 1 / (n + gamma * (best - detail::optimistic(candidates[i], 0)));
  }
}

}  // namespace online
TANDEM_END
