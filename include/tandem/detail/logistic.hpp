#pragma once
// The logistic function of one Gaussian: the step of online Laplace, and mean and variance on the probability scale.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

inline double logistic(double z) noexcept { return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z)); }

struct laplace_step {
  double move = 0;       // the mode lies at mean + move * covariance * x
  double curvature = 0;  // what the observation adds to the precision along x
};

// Prior <theta, x> ~ N(mean, variance), and `weight` coins of this bias came up with the rate y. The mode of the
// posterior lies on one line, where move = weight (y - logistic(mean + move * variance)): the right side falls, so
// there is one root, between -weight (1 - y) and weight y. Newton, or halving where Newton would leave the bracket.
inline laplace_step online_laplace(double mean, double variance, double y, double weight) noexcept {
  double low = -weight * (1 - y);
  double high = weight * y;
  double move = weight * (y - logistic(mean));
  for (int step = 0; step < 100; ++step) {
    const double p = logistic(mean + move * variance);
    const double over = move - weight * (y - p);
    (over > 0 ? high : low) = move;
    double next = move - over / (1 + weight * variance * p * (1 - p));
    if (!(next > low && next < high)) next = (low + high) / 2;
    const bool done = std::abs(next - move) <= 1e-12 * (1 + std::abs(move));
    move = next;
    if (done) break;
  }
  const double p = logistic(mean + move * variance);
  return {move, weight * p * (1 - p)};
}

struct moments {
  double mean = 0;
  double variance = 0;
};

// Mean and variance of logistic(z), z ~ N(mean, variance): the trapezoid rule over 5 standard deviations either side,
// within 3e-4 for a standard deviation up to 4, within 0.02 up to 10.
inline moments logistic_moments(double mean, double variance) noexcept {
  // exp(-t^2 / 2), t = 0, 0.5, ..., 5
  constexpr std::array<double, 11> density = {1.0,
                                              0.88249690258459546,
                                              0.60653065971263342,
                                              0.32465246735834974,
                                              0.13533528323661270,
                                              0.043936933623407427,
                                              0.011108996538242306,
                                              0.0021874911181828851,
                                              0.00033546262790251185,
                                              0.000040065297392951046,
                                              0.0000037266531720786710};
  const double sd = std::sqrt(std::max(variance, 0.0));
  const double middle = logistic(mean);
  double mass = density[0];
  double first = 0;  // around logistic(mean), so that a small variance is not a difference of large numbers
  double second = 0;
  for (std::size_t i = 1; i < density.size(); ++i) {
    const double t = 0.5 * static_cast<double>(i);
    const double above = logistic(mean + t * sd) - middle;
    const double below = logistic(mean - t * sd) - middle;
    mass += 2 * density[i];
    first += density[i] * (above + below);
    second += density[i] * (above * above + below * below);
  }
  first /= mass;
  return {middle + first, std::max(0.0, second / mass - first * first)};
}

}  // namespace detail
TANDEM_END
