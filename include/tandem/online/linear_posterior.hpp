#pragma once
// Bayesian linear regression, one observation at a time: reward = <theta, x> + noise.
//
//   precision    A = A0 + sum w x x'            A0 = lambda I, or a prior's own
//   mean         theta = A^-1 (A0 theta0 + sum w r x)
//   uncertainty  var <theta, x> = noise_variance * x' A^-1 x
//
// The covariance is kept as A^-1 = U D U', in half the memory of the matrix (detail/ud_gaussian.hpp): it cannot lose
// positive definiteness however many updates come, nothing has to be rebuilt, and float32 carries it as far as float64
// would carry A^-1.

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/detail/ud_gaussian.hpp"
#include "tandem/online/estimate.hpp"

TANDEM_BEGIN
namespace online {

/// Options of a linear_posterior without a prior of its own.
struct linear_options {
  /// Length of a context vector, d. Range [1, 65536].
  std::size_t dimension = 1;
  /// Precision of every coefficient before the first observation: an unseen direction has variance
  /// noise_variance / regularization. Range [1e-12, 1e12]. lambda in Li et al. 2010 (who set 1), l2_lambda in MABWiser.
  float regularization = 1;
  /// Variance of one reward around its mean; only scales variance(). Range (0, 1e12].
  float noise_variance = 1;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// What is known of a linear reward's coefficients before the first observation: theta ~ N(mean, noise * A0^-1).
///
/// Threads: immutable; many posteriors share one. Allocates: on construction.
class linear_prior {
 public:
  /// Mean 0, A0 = regularization * I. Errors: invalid_argument as linear_options::validate().
  linear_prior(std::size_t dimension, float regularization);
  /// @param mean       length d.
  /// @param precision  A0, d x d, row-major, symmetric positive definite; the lower triangle is read.
  /// Complexity: O(d^3). Errors: invalid_argument.
  linear_prior(std::span<const float> mean, std::span<const float> precision);

  [[nodiscard]] std::size_t dimension() const noexcept { return dimension_; }
  /// The Gaussian itself, as detail/ud_gaussian.hpp lays it out.
  [[nodiscard]] std::span<const float> state() const noexcept { return state_; }
  /// The prior is worth d observations: writes the context of one, of length d, and returns its reward.
  float direction(std::size_t which, float* x) const noexcept;

 private:
  std::size_t dimension_;
  float root_ = 0;             // of the regularization, when factor_ is empty
  std::vector<float> factor_;  // d x d, rows f with sum f f' = A0
  std::vector<float> state_;
};

/// The Gaussian posterior of the coefficients of a linear reward.
///
/// Threads: thread-compatible. Allocates: on construction, copy and reset; d * (d + 13) / 2 floats.
/// Numbers: float32; the same bits at one SIMD level.
class linear_posterior {
 public:
  /// Errors: invalid_argument as linear_options::validate().
  explicit linear_posterior(const linear_options& options);

  /// Starts from theta ~ N(mean, noise_variance * precision^-1), e.g. the posterior of a batch model.
  /// @param mean       length d.
  /// @param precision  d x d, row-major, symmetric positive definite; the lower triangle is read.
  /// Complexity: O(d^3). Allocates: d * (2 d + 5) floats. Errors: invalid_argument.
  [[nodiscard]] static linear_posterior from_prior(std::span<const float> mean, std::span<const float> precision,
                                                   float noise_variance = 1);

  /// Starts from a prior that others share. Errors: invalid_argument when it is null, or noise_variance out of range.
  explicit linear_posterior(std::shared_ptr<const linear_prior> prior, float noise_variance = 1);

  [[nodiscard]] std::size_t dimension() const noexcept { return prior_->dimension(); }
  [[nodiscard]] const std::shared_ptr<const linear_prior>& prior() const noexcept { return prior_; }

  /// Learns one observation, as often as `weight` says; a negative weight takes observations back: after update(x, r,
  /// w), update(x, r, -w) is as if it had not been, up to rounding. Returns false, and changes nothing, when a number
  /// is not finite (or so large that squares overflow), or more would be taken back than is there.
  /// @param x  length d.
  /// Complexity: O(d^2). Allocates: nothing.
  bool update(std::span<const float> x, float reward, float weight = 1) noexcept {
    TANDEM_ASSERT(x.size() == dimension());
    return tandem::detail::ud_update<1>(memory_.data(), dimension(), x.data(), reward, weight, work());
  }

  /// Moves what has been learned at x to a reward larger by `change`: a reward that arrives in parts. Exact whatever
  /// was learned in between, if nothing was forgotten: what has faded is moved as if it had not. Returns false, and
  /// changes nothing, when a number is not finite. Complexity: O(d^2).
  bool revise(std::span<const float> x, float change, float weight = 1) noexcept {
    TANDEM_ASSERT(x.size() == dimension());
    return tandem::detail::ud_revise<1>(memory_.data(), dimension(), x.data(), weight * change, work());
  }

  /// Expected reward of a context of length d. Complexity: O(d). Allocates: nothing.
  [[nodiscard]] float mean(std::span<const float> x) const noexcept;

  /// Variance of mean(x). Complexity: O(d^2). Allocates: nothing.
  [[nodiscard]] float variance(std::span<const float> x) const noexcept;

  /// Both. Not finite when x is not. Complexity: O(d^2). Allocates: nothing.
  [[nodiscard]] estimate predict(std::span<const float> x) const noexcept { return {mean(x), variance(x)}; }

  /// Coefficient j of the posterior mean, j < d.
  [[nodiscard]] float theta(std::size_t j) const noexcept { return memory_[tandem::detail::ud_column(j)]; }

  /// Writes noise_variance * A^-1, d x d, row-major. Complexity: O(d^3). Allocates: nothing.
  void covariance(std::span<float> out) const noexcept;

  /// Forgets: A becomes gamma * A + (1 - gamma) * A0, so that old observations fade and the prior stays.
  ///
  /// The prior is given back a few directions a call, in turn, and each never falls below about 0.9 of its full weight;
  /// with gamma <= 0.9 all are given back in every call.
  /// @param gamma  in [0, 1]; 0 = reset(). About 1 / (1 - gamma) observations count.
  /// Complexity: O(d^2 * min(d, 1 + 10 d (1 - gamma))). Allocates: nothing.
  void discount(float gamma) noexcept;

  /// Back to the prior. Complexity: O(d^2).
  void reset() noexcept;

  /// Writes what it has learned, without its prior and noise.
  void save(byte_writer& out) const;
  /// The posterior that save() wrote, over the prior that it had: it goes on with the same bits. Errors: bad_format;
  /// those of the constructor.
  [[nodiscard]] static linear_posterior load(byte_reader& in, std::shared_ptr<const linear_prior> prior,
                                             float noise_variance = 1);

 private:
  friend class linear_arms;  // holds many of them in another layout

  [[nodiscard]] float* work() noexcept { return memory_.data() + tandem::detail::ud_column(dimension()); }

  std::shared_ptr<const linear_prior> prior_;
  float noise_variance_;
  std::vector<float> memory_;  // the Gaussian | 3 work vectors | a context | weight left of each prior direction
  std::size_t next_ = 0;       // the prior direction to give back next
};

namespace detail {

/// Divides one Gaussian's covariance by gamma and gives back what its prior lost, a few directions a call.
/// @param kept  weight left of each direction, in [0, 1], length d.   @param next  the direction to begin with.
/// @param learn  learn(x, reward, weight): learns an observation into the Gaussian; false when it cannot be.
template <std::size_t Stride, class Learn>
void ud_discount(float* memory, float gamma, const linear_prior& prior, float* kept, std::size_t& next, float* x,
                 Learn learn) noexcept {
  const std::size_t d = prior.dimension();
  for (std::size_t j = 0; j < d; ++j) memory[(tandem::detail::ud_column(j) + 1) * Stride] /= gamma;
  for (std::size_t i = 0; i < d; ++i) kept[i] *= gamma;
  const float due = std::ceil(10 * static_cast<float>(d) * (1 - gamma));
  for (std::size_t n = std::min(d, static_cast<std::size_t>(due)); n > 0; --n) {
    const float reward = prior.direction(next, x);
    if (learn(x, reward, 1 - kept[next])) kept[next] = 1;
    next = (next + 1) % d;
  }
}

}  // namespace detail

inline void linear_options::validate() const {
  tandem::detail::require_or(dimension >= 1 && dimension <= 65536, "dimension",
                             "give the length of a context vector, in [1, 65536]");
  tandem::detail::require_or(regularization >= 1e-12F && regularization <= 1e12F, "regularization",
                             "give a number in [1e-12, 1e12]");
  tandem::detail::require_or(noise_variance > 0 && noise_variance <= 1e12F, "noise_variance",
                             "give a number in (0, 1e12]");
}

inline linear_prior::linear_prior(std::size_t dimension, float regularization)
    : dimension_(dimension), root_(std::sqrt(regularization)) {
  linear_options{.dimension = dimension, .regularization = regularization}.validate();
  state_.assign(tandem::detail::ud_column(dimension), 0.0F);
  for (std::size_t j = 0; j < dimension; ++j) state_[tandem::detail::ud_column(j) + 1] = 1 / regularization;
}

// A0 = C C' with C lower triangular, so A0^-1 = U D U' with U = (C diag(C)^-1)^-T and D = diag(C)^-2.
inline linear_prior::linear_prior(std::span<const float> mean, std::span<const float> precision)
    : dimension_(mean.size()) {
  const std::size_t d = mean.size();
  linear_options{.dimension = d}.validate();
  if (precision.size() != d * d) {
    throw error(errc::invalid_argument, "the precision has " + std::to_string(precision.size()) + " entries",
                {"", 0, "precision"}, "give a " + std::to_string(d) + " x " + std::to_string(d) + " matrix");
  }
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto n = static_cast<Eigen::Index>(d);
  const Eigen::LLT<Eigen::MatrixXd> chol(Eigen::Map<const matrix>(precision.data(), n, n).cast<double>());
  const Eigen::MatrixXd lower = chol.matrixL();
  const bool finite = std::all_of(mean.begin(), mean.end(), [](float m) { return std::isfinite(m); });
  if (chol.info() != Eigen::Success || !lower.allFinite() || !finite || lower.diagonal().minCoeff() < 1e-6) {
    throw error(errc::invalid_argument, "the prior is not a finite mean and a positive definite precision",
                {"", 0, "precision"}, "add at least 1e-12 to its diagonal");
  }
  factor_.resize(d * d);
  Eigen::Map<matrix>(factor_.data(), n, n) = lower.transpose().cast<float>();
  const Eigen::MatrixXd unit = lower * lower.diagonal().cwiseInverse().asDiagonal();
  const Eigen::MatrixXd inverse = unit.triangularView<Eigen::UnitLower>().solve(Eigen::MatrixXd::Identity(n, n));
  state_.resize(tandem::detail::ud_column(d));
  for (std::size_t j = 0; j < d; ++j) {
    float* const column = state_.data() + tandem::detail::ud_column(j);
    const auto col = static_cast<Eigen::Index>(j);
    column[0] = mean[j];
    column[1] = static_cast<float>(1 / (lower(col, col) * lower(col, col)));
    for (std::size_t i = 0; i < j; ++i) column[2 + i] = static_cast<float>(inverse(col, static_cast<Eigen::Index>(i)));
  }
}

inline float linear_prior::direction(std::size_t which, float* x) const noexcept {
  if (factor_.empty()) {
    std::fill_n(x, dimension_, 0.0F);
    x[which] = root_;
    return 0;
  }
  float reward = 0;
  for (std::size_t j = 0; j < dimension_; ++j) {
    x[j] = factor_[which * dimension_ + j];
    reward += x[j] * state_[tandem::detail::ud_column(j)];
  }
  return reward;
}

inline linear_posterior::linear_posterior(std::shared_ptr<const linear_prior> prior, float noise_variance)
    : prior_(std::move(prior)), noise_variance_(noise_variance) {
  tandem::detail::require_or(prior_ != nullptr, "prior", "give one");
  tandem::detail::require_or(noise_variance > 0 && noise_variance <= 1e12F, "noise_variance",
                             "give a number in (0, 1e12]");
  memory_.resize(tandem::detail::ud_column(dimension()) + 5 * dimension());
  reset();
}

inline linear_posterior::linear_posterior(const linear_options& options)
    : linear_posterior(
          (options.validate(), std::make_shared<const linear_prior>(options.dimension, options.regularization)),
          options.noise_variance) {}

inline linear_posterior linear_posterior::from_prior(std::span<const float> mean, std::span<const float> precision,
                                                     float noise_variance) {
  return linear_posterior(std::make_shared<const linear_prior>(mean, precision), noise_variance);
}

inline void linear_posterior::reset() noexcept {
  std::copy(prior_->state().begin(), prior_->state().end(), memory_.begin());
  std::fill(memory_.end() - static_cast<std::ptrdiff_t>(dimension()), memory_.end(), 1.0F);
  next_ = 0;
}

inline float linear_posterior::mean(std::span<const float> x) const noexcept {
  TANDEM_ASSERT(x.size() == dimension());
  float sum = 0;
  for (std::size_t j = 0; j < x.size(); ++j) sum += theta(j) * x[j];
  return sum;
}

inline float linear_posterior::variance(std::span<const float> x) const noexcept {
  TANDEM_ASSERT(x.size() == dimension());
  const kernel_table& k = kernels();
  float sum = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const float* const column = memory_.data() + tandem::detail::ud_column(j);
    const float f = x[j] + k.dot(column + 2, x.data(), j);
    sum += column[1] * f * f;
  }
  return noise_variance_ * sum;
}

// sum over columns u of U, each with its D: noise * D * u u'
inline void linear_posterior::covariance(std::span<float> out) const noexcept {
  const std::size_t d = dimension();
  TANDEM_ASSERT(out.size() == d * d);
  std::fill(out.begin(), out.end(), 0.0F);
  for (std::size_t j = 0; j < d; ++j) {
    const float* const column = memory_.data() + tandem::detail::ud_column(j);
    const auto u = [&](std::size_t i) { return i < j ? column[2 + i] : 1.0F; };
    for (std::size_t a = 0; a <= j; ++a) {
      for (std::size_t b = 0; b <= j; ++b) out[a * d + b] += noise_variance_ * column[1] * u(a) * u(b);
    }
  }
}

inline void linear_posterior::discount(float gamma) noexcept {
  TANDEM_ASSERT(gamma >= 0 && gamma <= 1);
  if (gamma < 1e-6F) return reset();
  float* const x = work() + 3 * dimension();
  detail::ud_discount<1>(memory_.data(), gamma, *prior_, x + dimension(), next_, x,
                         [&](const float* direction, float reward, float weight) {
                           return tandem::detail::ud_update<1>(memory_.data(), dimension(), direction, reward, weight,
                                                               work());
                         });
}

inline void linear_posterior::save(byte_writer& out) const {
  const std::span<const float> all(memory_);
  out.section("linear_posterior");
  out.put(all.first(tandem::detail::ud_column(dimension())));
  out.values(all.last(dimension()));
  out.count(next_);
}

inline linear_posterior linear_posterior::load(byte_reader& in, std::shared_ptr<const linear_prior> prior,
                                               float noise_variance) {
  in.section("linear_posterior");
  linear_posterior out(std::move(prior), noise_variance);
  const std::size_t d = out.dimension();
  const auto gaussian = in.get_vector<float>(tandem::detail::ud_column(d));
  in.check(gaussian.size() == tandem::detail::ud_column(d), "another dimension");
  in.check(std::ranges::all_of(gaussian, [](float each) { return std::isfinite(each); }),
           "a number that is not finite");
  for (std::size_t j = 0; j < d; ++j) in.check(gaussian[tandem::detail::ud_column(j) + 1] >= 0, "a negative variance");
  std::copy(gaussian.begin(), gaussian.end(), out.memory_.begin());
  const std::span<float> kept = std::span(out.memory_).last(d);
  in.values(kept);
  in.check(std::ranges::all_of(kept, [](float each) { return each >= 0 && each <= 1; }), "a weight outside [0, 1]");
  out.next_ = in.count(d - 1);
  return out;
}

}  // namespace online
TANDEM_END
