#pragma once
// Bayesian linear regression, one observation at a time: reward = <theta, x> + noise.
//
//   precision    A = A0 + sum w x x'            A0 = lambda I, or a prior's own
//   mean         theta = A^-1 (A0 theta0 + sum w r x)
//   uncertainty  var <theta, x> = noise_variance * x' A^-1 x
//
// Kept as a square root of the covariance, A^-1 = R' R, updated by Potter's formula (Battin 1964; Bierman 1977, ch. 2):
// it cannot lose positive definiteness however many updates come, float32 carries it as far as float64 would carry
// A^-1, and x' A^-1 x = |R x|^2 is one matrix-vector product.

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/detail/require.hpp"
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

/// The Gaussian posterior of the coefficients of a linear reward.
///
/// Threads: thread-compatible. Allocates: on construction, copy and reset; d * (d + 4) floats.
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

  [[nodiscard]] std::size_t dimension() const noexcept { return dimension_; }

  /// Learns one observation, as often as `weight` says. Returns false, and changes nothing, when a number is not finite
  /// (or so large that squares overflow) or the weight is negative.
  /// @param x  length d.
  /// Complexity: O(d^2). Allocates: nothing.
  bool update(std::span<const float> x, float reward, float weight = 1) noexcept {
    TANDEM_ASSERT(x.size() == dimension_);
    return weight >= 0 && absorb(x.data(), reward, weight);
  }

  /// Expected reward of a context of length d. Complexity: O(d). Allocates: nothing.
  [[nodiscard]] float mean(std::span<const float> x) const noexcept {
    TANDEM_ASSERT(x.size() == dimension_);
    return kernels().dot(theta_ptr(), x.data(), dimension_);
  }

  /// Variance of mean(x). Complexity: O(d^2). Allocates: nothing.
  [[nodiscard]] float variance(std::span<const float> x) const noexcept;

  /// Both. Not finite when x is not. Complexity: O(d^2). Allocates: nothing.
  [[nodiscard]] estimate predict(std::span<const float> x) const noexcept { return {mean(x), variance(x)}; }

  /// The posterior mean of the coefficients, length d.
  [[nodiscard]] std::span<const float> theta() const& noexcept { return {theta_ptr(), dimension_}; }
  std::span<const float> theta() const&& = delete;

  /// Writes noise_variance * A^-1, d x d, row-major. Complexity: O(d^3). Allocates: nothing.
  void covariance(std::span<float> out) const noexcept;

  /// Forgets: A becomes gamma * A + (1 - gamma) * A0, so that old observations fade and the prior stays.
  ///
  /// The prior is given back a few directions a call, in turn, and each never falls below about 0.9 of its full weight;
  /// with gamma <= 0.9 all are given back in every call.
  /// @param gamma  in [0, 1]; 0 = reset(). About 1 / (1 - gamma) observations count.
  /// Complexity: O(d^2 * min(d, 1 + 10 d (1 - gamma))). Allocates: nothing for gamma >= 1e-6.
  void discount(float gamma) noexcept;

  /// Back to the prior. Complexity: O(d^2), or O(d^3) with a prior of its own.
  void reset();

 private:
  struct prior {
    std::vector<float> mean;    // d
    std::vector<float> factor;  // d x d, rows f with sum f f' = precision
  };

  linear_posterior(std::size_t dimension, float regularization, float noise_variance, std::shared_ptr<const prior> own)
      : dimension_(dimension),
        regularization_(regularization),
        noise_variance_(noise_variance),
        prior_(std::move(own)),
        memory_(dimension * (dimension + 4)) {
    reset();
  }

  // memory_: root (d x d, rows r with sum r r' = A^-1) | theta | two work vectors | weight left of each prior direction
  float* root() noexcept { return memory_.data(); }
  [[nodiscard]] const float* root() const noexcept { return memory_.data(); }
  float* theta_ptr() noexcept { return memory_.data() + dimension_ * dimension_; }
  [[nodiscard]] const float* theta_ptr() const noexcept { return memory_.data() + dimension_ * dimension_; }
  float* work(std::size_t which) noexcept { return theta_ptr() + (1 + which) * dimension_; }
  float* kept() noexcept { return work(2); }

  bool absorb(const float* x, float reward, float weight) noexcept;
  void restore_prior(std::size_t direction) noexcept;

  std::size_t dimension_;
  float regularization_;
  float noise_variance_;
  std::shared_ptr<const prior> prior_;  // null: theta0 = 0, A0 = regularization I
  std::vector<float> memory_;
  std::size_t next_ = 0;  // the prior direction to give back next
};

inline void linear_options::validate() const {
  tandem::detail::require_or(dimension >= 1 && dimension <= 65536, "dimension",
                             "give the length of a context vector, in [1, 65536]");
  tandem::detail::require_or(regularization >= 1e-12F && regularization <= 1e12F, "regularization",
                             "give a number in [1e-12, 1e12]");
  tandem::detail::require_or(noise_variance > 0 && noise_variance <= 1e12F, "noise_variance",
                             "give a number in (0, 1e12]");
}

inline linear_posterior::linear_posterior(const linear_options& options)
    : linear_posterior((options.validate(), options.dimension), options.regularization, options.noise_variance,
                       nullptr) {}

inline linear_posterior linear_posterior::from_prior(std::span<const float> mean, std::span<const float> precision,
                                                     float noise_variance) {
  const std::size_t d = mean.size();
  linear_options{.dimension = d, .noise_variance = noise_variance}.validate();
  if (precision.size() != d * d) {
    throw error(errc::invalid_argument, "the precision has " + std::to_string(precision.size()) + " entries",
                {"", 0, "precision"}, "give a " + std::to_string(d) + " x " + std::to_string(d) + " matrix");
  }
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto n = static_cast<Eigen::Index>(d);
  const Eigen::LLT<Eigen::MatrixXd> chol(Eigen::Map<const matrix>(precision.data(), n, n).cast<double>());
  auto own = std::make_shared<prior>(prior{std::vector<float>(mean.begin(), mean.end()), std::vector<float>(d * d)});
  Eigen::Map<matrix> factor(own->factor.data(), n, n);
  factor = Eigen::MatrixXd(chol.matrixU()).cast<float>();
  const bool finite = std::all_of(mean.begin(), mean.end(), [](float m) { return std::isfinite(m); });
  if (chol.info() != Eigen::Success || !factor.allFinite() || !finite || factor.diagonal().minCoeff() < 1e-6F) {
    throw error(errc::invalid_argument, "the prior is not a finite mean and a positive definite precision",
                {"", 0, "precision"}, "add at least 1e-12 to its diagonal");
  }
  return linear_posterior(d, 0, noise_variance, std::move(own));
}

inline void linear_posterior::reset() {
  std::fill(memory_.begin(), memory_.end(), 0.0F);
  std::fill_n(kept(), dimension_, 1.0F);
  if (prior_ == nullptr) {
    for (std::size_t a = 0; a < dimension_; ++a) root()[a * dimension_ + a] = 1 / std::sqrt(regularization_);
    return;
  }
  // precision = U'U, so the root is the transpose of U^-1
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto n = static_cast<Eigen::Index>(dimension_);
  const Eigen::MatrixXd upper = Eigen::Map<const matrix>(prior_->factor.data(), n, n).cast<double>();
  const Eigen::MatrixXd inverse = upper.triangularView<Eigen::Upper>().solve(Eigen::MatrixXd::Identity(n, n));
  Eigen::Map<matrix>(root(), n, n) = inverse.transpose().cast<float>();
  std::copy(prior_->mean.begin(), prior_->mean.end(), theta_ptr());
}

inline float linear_posterior::variance(std::span<const float> x) const noexcept {
  TANDEM_ASSERT(x.size() == dimension_);
  constexpr std::size_t block = 128;
  std::array<float, block> part;
  const kernel_table& k = kernels();
  float sum = 0;
  for (std::size_t a = 0; a < dimension_; a += block) {
    const std::size_t rows = std::min(block, dimension_ - a);
    k.score_rows(x.data(), 1, root() + a * dimension_, rows, dimension_, dimension_, part.data());
    sum += k.dot(part.data(), part.data(), rows);
  }
  return noise_variance_ * sum;
}

inline void linear_posterior::covariance(std::span<float> out) const noexcept {
  TANDEM_ASSERT(out.size() == dimension_ * dimension_);
  std::fill(out.begin(), out.end(), 0.0F);
  for (std::size_t a = 0; a < dimension_; ++a) {
    kernels().rank_one_update(noise_variance_, root() + a * dimension_, dimension_, out.data());
  }
}

// With v = R x and u = R'v = A^-1 x: R becomes R - b v u', b = w / (s (1 + s)), s = sqrt(1 + w v'v).
inline bool linear_posterior::absorb(const float* x, float reward, float weight) noexcept {
  const kernel_table& k = kernels();
  const std::size_t d = dimension_;
  float* const v = work(0);
  float* const u = work(1);
  const float surprise = reward - k.dot(theta_ptr(), x, d);
  k.multiply(root(), x, d, v);
  const float growth = 1 + weight * k.dot(v, v, d);
  std::fill_n(u, d, 0.0F);  // x may live here: it is not needed any more
  for (std::size_t a = 0; a < d; ++a) k.axpy(v[a], root() + a * d, u, d);
  const float step = weight * surprise / growth;
  if (!std::isfinite(growth) || !std::isfinite(step * step * k.dot(u, u, d))) return false;
  k.axpy(step, u, theta_ptr(), d);
  const float s = std::sqrt(growth);
  const float shrink = weight / (s * (1 + s));
  for (std::size_t a = 0; a < d; ++a) k.axpy(-shrink * v[a], u, root() + a * d, d);
  return true;
}

inline void linear_posterior::discount(float gamma) noexcept {
  TANDEM_ASSERT(gamma >= 0 && gamma <= 1);
  if (gamma < 1e-6F) return reset();
  const std::size_t d = dimension_;
  const float stretch = 1 / std::sqrt(gamma);
  for (std::size_t j = 0; j < d * d; ++j) root()[j] *= stretch;
  for (std::size_t i = 0; i < d; ++i) kept()[i] *= gamma;
  const float due = std::ceil(10 * static_cast<float>(d) * (1 - gamma));
  for (std::size_t n = std::min(d, static_cast<std::size_t>(due)); n > 0; --n) {
    restore_prior(next_);
    next_ = (next_ + 1) % d;
  }
}

// The prior is d observations without noise-free rest: x = a row of its factor, reward = what its mean says there.
inline void linear_posterior::restore_prior(std::size_t direction) noexcept {
  const std::size_t d = dimension_;
  float* const x = work(1);
  float reward = 0;
  if (prior_ == nullptr) {
    std::fill_n(x, d, 0.0F);
    x[direction] = std::sqrt(regularization_);
  } else {
    std::copy_n(prior_->factor.data() + direction * d, d, x);
    reward = kernels().dot(x, prior_->mean.data(), d);
  }
  if (absorb(x, reward, 1 - kept()[direction])) kept()[direction] = 1;
}

}  // namespace online
TANDEM_END
