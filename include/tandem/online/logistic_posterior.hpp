#pragma once
// Bayesian logistic regression, one observation at a time: P(reward) = 1 / (1 + exp(-<theta, x>)).
//
// Online Laplace: before an observation theta is Gaussian; after it, again, around the new mode, with the curvature
// there. For one observation the mode lies on a line, so it is found exactly, by Newton's method in one dimension.
//
//   diagonal_logistic_posterior  a precision a coefficient: O(d) time and memory (Chapelle and Li 2011, algorithm 3)
//   logistic_posterior           the full covariance: O(d^2) a step, for d up to 256; its intervals can be believed,
//                                those of the diagonal are too narrow by about half (they forget what is correlated)
//
// predict() speaks of the logit <theta, x>, where the posterior is Gaussian and the order of arms is the same;
// probability() of the probability itself.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/detail/logistic.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/linear_posterior.hpp"

TANDEM_BEGIN
namespace online {

/// Options of both posteriors.
struct logistic_options {
  /// Length of a context vector, d. Range [1, 65536]; [1, 256] for logistic_posterior.
  std::size_t dimension = 1;
  /// Precision of every coefficient before the first observation. Range [1e-6, 1e6]. lambda in Chapelle and Li 2011.
  float regularization = 1;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(dimension >= 1 && dimension <= 65536, "dimension",
                               "give the length of a context vector, in [1, 65536]");
    tandem::detail::require_or(regularization >= 1e-6F && regularization <= 1e6F, "regularization",
                               "give a number in [1e-6, 1e6]");
  }
};

/// requires: update() learns and returns false, changing nothing, for what cannot be learned; predict() and
///           probability() as below, not finite for a context that is not, or has another length.
template <class M>
concept logistic_model = std::constructible_from<M, const logistic_options&> &&
    requires(M& m, const M& known, std::span<const float> x, float number) {
  { m.update(x, number, number) } -> std::same_as<bool>;
  { m.discount(number) } -> std::same_as<void>;
  { m.reset() } -> std::same_as<void>;
  { known.predict(x) } -> std::same_as<estimate>;
  { known.probability(x) } -> std::same_as<estimate>;
  { known.dimension() } -> std::convertible_to<std::size_t>;
};

namespace detail {

inline constexpr estimate no_estimate{std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::quiet_NaN()};

inline estimate on_probability(const estimate& logit) noexcept {
  if (!logit.finite()) return no_estimate;
  const tandem::detail::moments m = tandem::detail::logistic_moments(double{logit.mean}, double{logit.variance});
  return {static_cast<float>(m.mean), static_cast<float>(m.variance)};
}

/// What both posteriors refuse.
inline bool can_learn(std::span<const float> x, std::size_t dimension, float reward, float weight) noexcept {
  if (!(reward >= 0 && reward <= 1 && weight >= 0 && weight <= 1e6F) || x.size() != dimension) return false;
  return std::all_of(x.begin(), x.end(), [](float each) { return std::abs(each) <= 1e9F; });
}

}  // namespace detail

/// Independent Gaussian posteriors of the coefficients.
///
/// Threads: thread-compatible. Allocates: on construction and copy; 4 d floats. Numbers: float32 state, double sums;
/// the same bits everywhere but for exp.
/// Source: Chapelle and Li, NIPS 2011, algorithm 3, with batches of one.
class diagonal_logistic_posterior {
 public:
  /// Errors: invalid_argument as logistic_options::validate().
  explicit diagonal_logistic_posterior(const logistic_options& options) {
    options.validate();
    prior_mean_.assign(options.dimension, 0);
    prior_precision_.assign(options.dimension, options.regularization);
    mean_ = prior_mean_;
    precision_ = prior_precision_;
  }

  /// Starts from theta_i ~ N(mean_i, 1 / precision_i), e.g. what a batch fit found. @param mean, precision  length d.
  /// Errors: invalid_argument, unless the lengths agree, means are finite and precisions lie in [1e-6, 1e12].
  [[nodiscard]] static diagonal_logistic_posterior from_prior(std::span<const float> mean,
                                                              std::span<const float> precision) {
    diagonal_logistic_posterior out({.dimension = mean.size()});
    tandem::detail::require_or(precision.size() == mean.size(), "precision", "give as many precisions as means");
    for (std::size_t i = 0; i < mean.size(); ++i) {
      tandem::detail::require_or(std::isfinite(mean[i]), "mean", "give finite numbers");
      tandem::detail::require_or(precision[i] >= 1e-6F && precision[i] <= 1e12F, "precision",
                                 "give numbers in [1e-6, 1e12]");
    }
    out.prior_mean_.assign(mean.begin(), mean.end());
    out.prior_precision_.assign(precision.begin(), precision.end());
    out.reset();
    return out;
  }

  [[nodiscard]] std::size_t dimension() const noexcept { return mean_.size(); }

  /// Learns a reward in [0, 1], a fraction as so many coins, as often as `weight` says. Returns false, and changes
  /// nothing, when x has another length, a number is not finite (or x beyond 1e9), the reward not in [0, 1] or the
  /// weight not in [0, 1e6]. Complexity: O(d). Allocates: nothing.
  bool update(std::span<const float> x, float reward, float weight = 1) noexcept {
    if (!detail::can_learn(x, dimension(), reward, weight)) return false;
    const line on = along(x);
    const tandem::detail::laplace_step step =
        tandem::detail::online_laplace(on.mean, on.variance, double{reward}, double{weight});
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double xi{x[i]};
      mean_[i] = static_cast<float>(double{mean_[i]} + step.move * xi / double{precision_[i]});
      precision_[i] = static_cast<float>(double{precision_[i]} + step.curvature * xi * xi);
    }
    return true;
  }

  /// Mean and variance of the logit <theta, x>. Not finite when x is not or has another length. Complexity: O(d).
  [[nodiscard]] estimate predict(std::span<const float> x) const noexcept {
    if (x.size() != dimension()) return detail::no_estimate;
    const line on = along(x);
    return {static_cast<float>(on.mean), static_cast<float>(on.variance)};
  }
  /// Mean and variance of the probability of a reward, within 3e-4 (0.02 where the logit's sd passes 4).
  /// Complexity: O(d) and 21 exponentials.
  [[nodiscard]] estimate probability(std::span<const float> x) const noexcept {
    return detail::on_probability(predict(x));
  }

  /// The mean of coefficient j < d.
  [[nodiscard]] float theta(std::size_t j) const noexcept { return mean_[j]; }
  /// The precision of each coefficient, length d.
  [[nodiscard]] std::span<const float> precision() const& noexcept { return precision_; }
  std::span<const float> precision() const&& = delete;

  /// Forgets: the precision becomes gamma of itself and 1 - gamma of the prior's; the mean moves with it.
  /// @param gamma  in [0, 1]; 0 = reset(). Complexity: O(d). Allocates: nothing.
  void discount(float gamma) noexcept {
    TANDEM_ASSERT(gamma >= 0 && gamma <= 1);
    for (std::size_t i = 0; i < mean_.size(); ++i) {
      const float kept = gamma * precision_[i];
      const float given = (1 - gamma) * prior_precision_[i];
      mean_[i] = (kept * mean_[i] + given * prior_mean_[i]) / (kept + given);
      precision_[i] = kept + given;
    }
  }
  /// Back to the prior. Allocates: nothing.
  void reset() noexcept {
    std::copy(prior_mean_.begin(), prior_mean_.end(), mean_.begin());
    std::copy(prior_precision_.begin(), prior_precision_.end(), precision_.begin());
  }

 private:
  struct line {
    double mean = 0;
    double variance = 0;
  };
  [[nodiscard]] line along(std::span<const float> x) const noexcept {
    line out;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double xi{x[i]};
      out.mean += double{mean_[i]} * xi;
      out.variance += xi * xi / double{precision_[i]};
    }
    return out;
  }

  std::vector<float> mean_, precision_, prior_mean_, prior_precision_;
};

/// The Gaussian posterior of the coefficients with their covariance.
///
/// Kept as a linear_posterior: an observation enters it with the curvature as its weight, and as its reward the number
/// that moves the mean to the mode. So it keeps its square root form, its prior and its way of forgetting.
/// Threads: thread-compatible. Allocates: on construction and copy; d (d + 13) / 2 floats. Numbers: as linear_posterior.
class logistic_posterior {
 public:
  static constexpr std::size_t max_dimension = 256;

  /// Errors: invalid_argument as logistic_options::validate(), and for a dimension above max_dimension.
  explicit logistic_posterior(const logistic_options& options)
      : logistic_posterior(linear_posterior(
            linear_options{(options.validate(), require_size(options.dimension)), options.regularization, 1})) {}

  /// Starts from theta ~ N(mean, precision^-1). @param mean  length d.
  /// @param precision  d x d, row-major, symmetric positive definite. Complexity: O(d^3). Errors: invalid_argument.
  [[nodiscard]] static logistic_posterior from_prior(std::span<const float> mean, std::span<const float> precision) {
    (void)require_size(mean.size());
    return logistic_posterior(linear_posterior::from_prior(mean, precision));
  }

  [[nodiscard]] std::size_t dimension() const noexcept { return gaussian_.dimension(); }

  /// As diagonal_logistic_posterior::update(). Complexity: O(d^2). Allocates: nothing.
  bool update(std::span<const float> x, float reward, float weight = 1) noexcept {
    if (!detail::can_learn(x, dimension(), reward, weight)) return false;
    const estimate logit = gaussian_.predict(x);
    if (!logit.finite()) return false;
    const double variance{logit.variance};
    const tandem::detail::laplace_step step =
        tandem::detail::online_laplace(double{logit.mean}, variance, double{reward}, double{weight});
    const double curvature = std::max(step.curvature, 1e-12);
    const double target = double{logit.mean} + step.move * (1 + curvature * variance) / curvature;
    return gaussian_.update(x, static_cast<float>(target), static_cast<float>(curvature));
  }

  /// Mean and variance of the logit <theta, x>. Not finite when x is not or has another length. Complexity: O(d^2).
  [[nodiscard]] estimate predict(std::span<const float> x) const noexcept {
    return x.size() == dimension() ? gaussian_.predict(x) : detail::no_estimate;
  }
  /// As diagonal_logistic_posterior::probability(). Complexity: O(d^2) and 21 exponentials.
  [[nodiscard]] estimate probability(std::span<const float> x) const noexcept {
    return detail::on_probability(predict(x));
  }

  /// The mode of coefficient j < d.
  [[nodiscard]] float theta(std::size_t j) const noexcept { return gaussian_.theta(j); }
  /// The posterior as a Gaussian, e.g. for its covariance().
  [[nodiscard]] const linear_posterior& gaussian() const noexcept { return gaussian_; }

  /// As linear_posterior::discount().
  void discount(float gamma) noexcept { gaussian_.discount(gamma); }
  /// Back to the prior.
  void reset() { gaussian_.reset(); }

 private:
  explicit logistic_posterior(linear_posterior gaussian) : gaussian_(std::move(gaussian)) {}
  static std::size_t require_size(std::size_t dimension) {
    tandem::detail::require_or(dimension <= max_dimension, "dimension",
                               "give at most 256, or take diagonal_logistic_posterior");
    return dimension;
  }

  linear_posterior gaussian_;
};

}  // namespace online
TANDEM_END
