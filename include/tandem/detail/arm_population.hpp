#pragma once
// Arms as draws from one population: the normal distribution of their coefficients, learned from all of them.
//
//   theta_a ~ N(mu, C)      reward = <theta_a, x> + noise      posterior of an arm: A_a = noise C^-1 + sum w x x'
//
// An arm keeps what its rewards say as two sums, so that another prior can be put beside them at any time. Empirical
// Bayes by EM (Laird and Ware, Biometrics 1982): mu and C become the mean and the scatter of the arms' coefficients as
// the posteriors have them. As there are few arms to tell d^2 / 2 numbers from, it is as if d more arms had been seen
// that have C's diagonal alone, and two that are as wide as was thought at first: they keep C from collapsing, and with
// it all exploration, while the arms are known from a few rewards each.

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/detail/ud_gaussian.hpp"
#include "tandem/detail/ud_inverse.hpp"

TANDEM_BEGIN
namespace detail {

/// The population and what each of its arms was told. An arm stands in a lane, as in linear_arms.
///
/// Threads: thread-compatible; a copy is a value. Allocates: on construction and in reserve(), resize().
class arm_population {
 public:
  arm_population() = default;
  /// mu = 0 and noise C^-1 = regularization * I, until three arms have been counted.
  arm_population(std::size_t dimension, double regularization)
      : d_(dimension),
        wide_(1 / regularization),
        mean_(d_),
        moment_(d_),
        precision_(triangle()),
        sum_(d_),
        scatter_(triangle()),
        a_(d_ * d_),
        u_(d_ * d_),
        theta_(d_),
        work_(d_) {
    for (std::size_t j = 0; j < d_; ++j) precision_[j * (j + 1) / 2 + j] = regularization;
  }

  void reserve(std::size_t lanes) {
    if (lanes > kept_.capacity()) {  // by halves, so that many arms cost no square
      sums_.reserve((lanes + lanes / 2) * stride());
      kept_.reserve(lanes + lanes / 2);
    }
  }
  void resize(std::size_t lanes) {
    sums_.resize(lanes * stride());
    kept_.resize(lanes, 1.0);
  }

  /// mu, and noise C^-1: the lower triangle, row by row without gaps.
  [[nodiscard]] std::span<const double> mean() const noexcept { return mean_; }
  [[nodiscard]] std::span<const double> precision() const noexcept { return precision_; }
  /// How much of the prior is left in the lane's Gaussian, which fades with what was learned.
  [[nodiscard]] double kept(std::size_t lane) const noexcept { return kept_[lane]; }

  /// The lane was told nothing.
  void clear(std::size_t lane) noexcept {
    std::fill_n(sums(lane), stride(), 0.0);
    kept_[lane] = 1;
  }
  /// Complexity: O(d^2), as all below without another.
  void observe(std::size_t lane, const float* x, double reward, double weight) noexcept {
    double* row = sums(lane);
    for (std::size_t i = 0; i < d_; row += ++i) {
      const double f = weight * double{x[i]};
      for (std::size_t j = 0; j <= i; ++j) row[j] += f * double{x[j]};
    }
    revise(lane, x, weight * reward);
  }
  /// What was observed at x was larger by amount / its weight. Complexity: O(d).
  void revise(std::size_t lane, const float* x, double amount) noexcept {
    double* const b = sums(lane) + triangle();
    for (std::size_t j = 0; j < d_; ++j) b[j] += amount * double{x[j]};
  }
  void fade(std::size_t lane, double gamma) noexcept {
    double* const all = sums(lane);
    for (std::size_t e = 0; e < stride(); ++e) all[e] *= gamma;
    kept_[lane] *= gamma;
  }

  /// Writes the lane's posterior under the population as it is known now, as ud_gaussian.hpp lays out a lane of a
  /// panel. Sums that rounding has made those of no observations are forgotten. Complexity: O(d^3).
  void write(std::size_t lane, float* out) noexcept;
  /// Counts the arm written last into the population to come. Complexity: O(d^3).
  void count(double noise) noexcept;
  /// The population becomes what the arms counted since the last call say. Complexity: O(d^3).
  void conclude(double noise) noexcept;

 private:
  static constexpr double wide_arms = 2;

  [[nodiscard]] std::size_t triangle() const noexcept { return d_ * (d_ + 1) / 2; }
  [[nodiscard]] std::size_t stride() const noexcept { return triangle() + d_; }
  [[nodiscard]] double* sums(std::size_t lane) noexcept { return sums_.data() + lane * stride(); }
  bool invert(const double* told) noexcept;
  void estimate(double noise) noexcept;

  std::size_t d_ = 0;
  double wide_ = 1;                                // variance of a coefficient before anything is known, by noise
  std::vector<double> mean_, moment_, precision_;  // mu, noise C^-1 mu, noise C^-1
  std::vector<double> sum_, scatter_;              // of E theta and E theta theta', over the arms counted
  double counted_ = 0;
  std::vector<double> a_, u_, theta_, work_;  // of write(): Delta, U and the mean; d
  std::vector<double> sums_;                  // a lane: sum w x x' as precision() stands, sum w r x
  std::vector<double> kept_;
};

inline bool arm_population::invert(const double* told) noexcept {
  const double* before = precision_.data();
  for (std::size_t i = 0; i < d_; ++i) {
    for (std::size_t j = 0; j <= i; ++j) a_[j * d_ + i] = *told++ + *before++;
  }
  return ud_inverse(a_.data(), u_.data(), d_);
}

inline void arm_population::write(std::size_t lane, float* out) noexcept {
  if (!invert(sums(lane))) {
    clear(lane);
    invert(sums(lane));
  }
  const double* const told = sums(lane) + triangle();
  for (std::size_t j = 0; j < d_; ++j) theta_[j] = moment_[j] + told[j];
  ud_solve(a_.data(), u_.data(), d_, theta_.data(), work_.data(), theta_.data());
  for (std::size_t j = 0; j < d_; ++j) {
    float* const column = out + ud_column(j) * ud_lanes;
    column[0] = static_cast<float>(theta_[j]);
    column[ud_lanes] = static_cast<float>(1 / a_[j * d_ + j]);
    for (std::size_t i = 0; i < j; ++i) column[(2 + i) * ud_lanes] = static_cast<float>(u_[i * d_ + j]);
  }
  kept_[lane] = 1;
}

inline void arm_population::count(double noise) noexcept {
  double* row = scatter_.data();
  for (std::size_t i = 0; i < d_; row += ++i) {
    for (std::size_t j = 0; j <= i; ++j) row[j] += theta_[i] * theta_[j];
    sum_[i] += theta_[i];
  }
  ud_add_inverse(a_.data(), u_.data(), d_, noise, work_.data(), scatter_.data());
  counted_ += 1;
}

inline void arm_population::conclude(double noise) noexcept {
  if (counted_ >= 3) estimate(noise);
  counted_ = 0;
  std::fill(sum_.begin(), sum_.end(), 0.0);
  std::fill(scatter_.begin(), scatter_.end(), 0.0);
}

inline void arm_population::estimate(double noise) noexcept {
  const double diagonal_arms = static_cast<double>(d_);
  const double all = counted_ + diagonal_arms + wide_arms;
  const double* row = scatter_.data();
  for (std::size_t i = 0; i < d_; row += ++i) {
    for (std::size_t j = 0; j <= i; ++j) a_[j * d_ + i] = (row[j] - sum_[i] * sum_[j] / counted_) / all;
    a_[i * d_ + i] = a_[i * d_ + i] * (1 + diagonal_arms / counted_) + wide_arms * wide_ * noise / all;
  }
  if (!ud_inverse(a_.data(), u_.data(), d_)) return;
  std::fill(precision_.begin(), precision_.end(), 0.0);
  ud_add_inverse(a_.data(), u_.data(), d_, noise, work_.data(), precision_.data());
  for (std::size_t j = 0; j < d_; ++j) mean_[j] = sum_[j] / counted_;
  ud_solve(a_.data(), u_.data(), d_, mean_.data(), work_.data(), moment_.data());
  for (std::size_t j = 0; j < d_; ++j) {  // a floor, so that what nobody was told stays within float32
    const double floor = 1e-6 / wide_;
    precision_[j * (j + 1) / 2 + j] += floor;
    moment_[j] = noise * moment_[j] + floor * mean_[j];
  }
}

}  // namespace detail
TANDEM_END
