#pragma once
// Distribution functions and the Kolmogorov-Smirnov statistic, to judge samples by.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace tandem_test {

inline double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

/// P(X <= x) of a gamma variate with scale 1: the series x^a e^-x / Gamma(a+1) * sum x^n / ((a+1)...(a+n)).
inline double gamma_cdf(double shape, double x) {
  if (x <= 0) return 0;
  double term = std::exp(shape * std::log(x) - x - std::lgamma(shape + 1));
  double sum = term;
  for (double n = 1; n < 10000 && term > 1e-17 * sum; ++n) {
    term *= x / (shape + n);
    sum += term;
  }
  return std::min(sum, 1.0);
}

/// P(X <= x) of a beta variate, by the series x^a (1-x)^b / (a B(a,b)) * sum (a+b)...(a+b+n-1) / ((a+1)...(a+n)) x^n,
/// from the side where it converges fast.
inline double beta_cdf(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > 0.5) return 1 - beta_cdf(b, a, 1 - x);
  const double log_beta = std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b);
  double term = std::exp(a * std::log(x) + b * std::log1p(-x) - log_beta) / a;
  double sum = term;
  for (double n = 0; n < 10000 && term > 1e-17 * sum; ++n) {
    term *= x * (a + b + n) / (a + 1 + n);
    sum += term;
  }
  return std::min(sum, 1.0);
}

/// sqrt(n) times the largest distance between the sample's distribution function and `cdf`. For a sample of that
/// distribution it exceeds 1.95 with probability 1e-3 and 2.7 with probability 1e-6.
template <class Cdf>
double kolmogorov_smirnov(std::vector<double> sample, Cdf cdf) {
  std::sort(sample.begin(), sample.end());
  const auto n = static_cast<double>(sample.size());
  double largest = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double p = cdf(sample[i]);
    const auto rank = static_cast<double>(i);
    largest = std::max({largest, p - rank / n, (rank + 1) / n - p});
  }
  return std::sqrt(n) * largest;
}

}  // namespace tandem_test
