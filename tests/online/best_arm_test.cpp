#include "tandem/online/best_arm.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "support/catch.hpp"
#include "support/distributions.hpp"
#include "tandem/core/random.hpp"

using tandem::random_stream;
using tandem::online::beta_counts;
using tandem::online::estimate;
using tandem::online::max_best_arms;
using tandem::online::probability_best;

namespace {

template <class Arm>
std::vector<double> best(const std::vector<Arm>& arms) {
  std::vector<double> out(arms.size(), -1);
  probability_best(arms, out);
  return out;
}

/// The definition, arm by arm, on 1500 steps of the arm's own sd.
std::vector<double> by_definition(const std::vector<estimate>& arms) {
  constexpr int steps = 1500;
  std::vector<double> out(arms.size(), 0);
  for (std::size_t i = 0; i < arms.size(); ++i) {
    for (int g = 0; g <= steps; ++g) {
      const double z = 18.0 * g / steps - 9;
      const double x = arms[i].mean + arms[i].sd() * z;
      double p = std::exp(-0.5 * z * z) * 18.0 / steps / std::sqrt(2 * std::acos(-1.0));
      for (std::size_t j = 0; j < arms.size(); ++j) {
        if (j != i) p *= tandem_test::normal_cdf((x - arms[j].mean) / arms[j].sd());
      }
      out[i] += p;
    }
  }
  return out;
}

/// The definition on a dense grid of quantiles of each arm.
std::vector<double> by_definition(const std::vector<beta_counts>& arms) {
  constexpr int steps = 1500;
  std::vector<double> out(arms.size(), 0);
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const auto [a, b] = arms[i];
    const double norm = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b);
    const double width = std::sqrt(1 / a + 1 / b);
    for (int g = 0; g <= steps; ++g) {  // log odds, where the density is smooth
      const double y = std::log(a / b) + width * (30.0 * g / steps - 15);
      const double x = 1 / (1 + std::exp(-y));
      double p = std::exp(norm + a * std::log(x) + b * (std::log(x) - y)) * width * 30.0 / steps;
      if (p < 1e-15) continue;
      for (std::size_t j = 0; j < arms.size(); ++j) {
        if (j != i) p *= tandem_test::beta_cdf(arms[j].alpha, arms[j].beta, x);
      }
      out[i] += p;
    }
  }
  return out;
}

template <class T>
double largest_difference(const std::vector<T>& x, const std::vector<T>& y) {
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::fabs(x[i] - y[i]));
  return largest;
}

double sum(const std::vector<double>& p) { return std::accumulate(p.begin(), p.end(), 0.0); }

}  // namespace

TEST_CASE("two normal arms: the probability is that of their difference") {
  random_stream random(1);
  for (int repeat = 0; repeat < 200; ++repeat) {
    const double spread = std::pow(10, 8 * random.uniform() - 4);  // sds up to 10^4 apart
    const std::vector<estimate> arms = {{static_cast<float>(random.normal()), 1},
                                        {static_cast<float>(random.normal()), static_cast<float>(spread * spread)}};
    const double difference = static_cast<double>(arms[0].mean) - static_cast<double>(arms[1].mean);
    const double expected = tandem_test::normal_cdf(difference / std::hypot(arms[0].sd(), arms[1].sd()));
    const std::vector<double> p = best(arms);
    REQUIRE(p[0] == Approx(expected).margin(1e-6));
    REQUIRE(sum(p) == Approx(1).margin(1e-12));
  }
}

TEST_CASE("many normal arms: within 1e-6 of the definition") {
  random_stream random(2);
  for (const double ratio : {1.0, 3.0, 30.0}) {
    for (const std::size_t n : {std::size_t{3}, std::size_t{20}, std::size_t{60}}) {
      for (int repeat = 0; repeat < 3; ++repeat) {
        std::vector<estimate> arms(n);
        for (estimate& each : arms) {
          const double sd = std::exp(-random.uniform() * std::log(ratio));
          each = {static_cast<float>(0.5 * random.normal()), static_cast<float>(sd * sd)};
        }
        REQUIRE(largest_difference(best(arms), by_definition(arms)) < 1e-6);
      }
    }
  }
}

TEST_CASE("normal arms: as often the best as in a million draws") {
  const std::vector<estimate> arms = {{0.1F, 0.01F}, {0.12F, 0.0004F}, {0.05F, 0.04F}, {0.13F, 1e-6F}, {-0.2F, 0.09F}};
  const std::vector<double> p = best(arms);
  std::vector<double> wins(arms.size(), 0);
  random_stream random(3);
  for (int n = 0; n < 1000000; ++n) {
    std::size_t winner = 0;
    double highest = -1e300;
    for (std::size_t i = 0; i < arms.size(); ++i) {
      const double x = random.normal(arms[i].mean, arms[i].sd());
      if (x > highest) winner = i;
      highest = std::max(highest, x);
    }
    wins[winner] += 1e-6;
  }
  for (std::size_t i = 0; i < arms.size(); ++i) {
    CHECK(std::fabs(wins[i] - p[i]) < 4 * std::sqrt(p[i] * (1 - p[i]) * 1e-6) + 1e-6);
  }
}

TEST_CASE("256 normal arms alike share alike") {
  const std::vector<double> p = best(std::vector<estimate>(256, {0.3F, 0.01F}));
  for (const double each : p) REQUIRE(each == Approx(1.0 / 256).epsilon(1e-9));
}

TEST_CASE("a normal arm known exactly wins when all others stay below it") {
  // two share what is left when neither of the others exceeds 0.5
  const std::vector<estimate> arms = {{0.5F, 0}, {0.4F, 1}, {0.5F, 0}, {0.3F, 0.04F}, {0.4F, 0}};
  const double below = tandem_test::normal_cdf((0.5 - 0.4) / 1) * tandem_test::normal_cdf((0.5 - 0.3) / 0.2);
  const std::vector<double> p = best(arms);
  CHECK(p[0] == Approx(below / 2).margin(1e-6));
  CHECK(p[2] == p[0]);
  CHECK(p[4] == 0);
  CHECK(sum(p) == Approx(1).margin(1e-12));
}

TEST_CASE("normal arms all known exactly: the best share") {
  CHECK(best(std::vector<estimate>{{1, 0}, {3, 0}, {3, 0}}) == std::vector<double>{0, 0.5, 0.5});
  CHECK(best(std::vector<estimate>{{-2, 0}}) == std::vector<double>{1});
  std::vector<double> p(2);
  probability_best(std::vector<estimate>{{1, 4}, {0.9F, 9}}, p, 0);  // scale 0: as if known exactly
  CHECK(p == std::vector<double>{1, 0});
}

TEST_CASE("extreme means and variances keep probabilities within [0, 1] and their sum at 1") {
  random_stream random(4);
  for (int repeat = 0; repeat < 2000; ++repeat) {
    std::vector<estimate> arms(1 + random.below(12));
    for (estimate& each : arms) {
      const double size = std::pow(10, 36 * random.uniform() - 18);
      each.mean = static_cast<float>(size * random.normal());
      each.variance = random.below(4) == 0 ? 0.0F : static_cast<float>(std::pow(10, 70 * random.uniform() - 35));
    }
    const std::vector<double> p = best(arms);
    for (const double each : p) REQUIRE((each >= 0 && each <= 1));
    REQUIRE(sum(p) == Approx(1).margin(1e-9));
  }
}

TEST_CASE("an estimate that is not finite is never the best beside one that is") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(best(std::vector<estimate>{{nan, 1}, {0, 1}, {inf, 1}, {0, inf}, {0, nan}}) ==
        std::vector<double>{0, 1, 0, 0, 0});
  CHECK(best(std::vector<estimate>{{nan, 1}, {inf, 1}}) == std::vector<double>{0.5, 0.5});
  CHECK(best(std::vector<estimate>{{0, -1}, {-1, -5}}) == std::vector<double>{1, 0});
}

TEST_CASE("no arms, no probabilities") {
  CHECK(best(std::vector<estimate>{}).empty());
  CHECK(best(std::vector<beta_counts>{}).empty());
}

TEST_CASE("with more arms than its support, only the most promising take part") {
  random_stream random(5);
  std::vector<estimate> arms(1000);
  for (estimate& each : arms) each = {static_cast<float>(random.normal()), 1};
  std::vector<double> p(1000);
  for (const std::size_t support : {std::size_t{1}, std::size_t{7}, max_best_arms}) {
    probability_best(arms, p, 1, support);
    CHECK(static_cast<std::size_t>(std::count_if(p.begin(), p.end(), [](double x) { return x > 0; })) == support);
    CHECK(sum(p) == Approx(1).margin(1e-12));
    const auto highest =
        std::max_element(arms.begin(), arms.end(), [](const auto& x, const auto& y) { return x.mean < y.mean; });
    CHECK(std::max_element(p.begin(), p.end()) - p.begin() == highest - arms.begin());
  }
}

TEST_CASE("two beta arms: the closed form for whole counts") {
  // Beta(1, 1) above Beta(a, 1), whose rate is below x with probability x^a: the chance is 1 / (1 + a)
  for (const double a : {1.0, 2.0, 7.0, 50.0}) {
    const std::vector<double> p = best(std::vector<beta_counts>{{1, 1}, {a, 1}});
    CHECK(p[0] == Approx(1 / (1 + a)).margin(1e-6));
    CHECK(sum(p) == Approx(1).margin(1e-12));
  }
}

TEST_CASE("many beta arms: within 1e-6 of the definition") {
  random_stream random(6);
  for (const double most : {5.0, 50.0, 500.0}) {
    for (const std::size_t n : {std::size_t{2}, std::size_t{8}}) {
      for (int repeat = 0; repeat < 3; ++repeat) {
        std::vector<beta_counts> arms(n);
        for (beta_counts& each : arms) {
          const double plays = std::exp(random.uniform() * std::log(most));
          const double rate = 0.02 + 0.3 * random.uniform();
          each = {1 + plays * rate, 1 + plays * (1 - rate)};
        }
        REQUIRE(largest_difference(best(arms), by_definition(arms)) < 1e-6);
      }
    }
  }
}

TEST_CASE("beta arms: as often the best as in a million draws, priors below 1 too") {
  const std::vector<beta_counts> arms = {{0.1, 0.1}, {0.5, 3}, {20, 70}, {1, 1}, {300, 900}, {0.3, 100}};
  const std::vector<double> p = best(arms);
  std::vector<double> wins(arms.size(), 0);
  random_stream random(7);
  for (int n = 0; n < 1000000; ++n) {
    std::size_t winner = 0;
    double highest = -1;
    for (std::size_t i = 0; i < arms.size(); ++i) {
      const double x = random.beta(arms[i].alpha, arms[i].beta);
      if (x > highest) winner = i;
      highest = std::max(highest, x);
    }
    wins[winner] += 1e-6;
  }
  for (std::size_t i = 0; i < arms.size(); ++i) {
    CHECK(std::fabs(wins[i] - p[i]) < 4 * std::sqrt(p[i] * (1 - p[i]) * 1e-6) + 1e-6);
  }
}

TEST_CASE("beta arms with a million plays are told apart as normal ones are") {
  const std::vector<beta_counts> arms = {{50000, 950000}, {50200, 949800}, {1, 1e6}};
  const auto as_normal = [](const beta_counts& c) {
    const double n = c.alpha + c.beta;
    return estimate{static_cast<float>(c.mean()), static_cast<float>(c.mean() * (1 - c.mean()) / n)};
  };
  CHECK(best(arms)[0] == Approx(best(std::vector<estimate>{as_normal(arms[0]), as_normal(arms[1])})[0]).margin(1e-3));
  CHECK(best(arms)[2] == 0);
}

TEST_CASE("beta counts out of range count as the nearest in range") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double odd : {nan, 0.0, -5.0, 1e300, std::numeric_limits<double>::infinity()}) {
    const std::vector<double> p = best(std::vector<beta_counts>{{odd, 2}, {3, odd}, {1, 1}});
    for (const double each : p) CHECK((each >= 0 && each <= 1));
    CHECK(sum(p) == Approx(1).margin(1e-9));
  }
}
