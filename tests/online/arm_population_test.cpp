#include "tandem/detail/arm_population.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/ud_gaussian.hpp"
#include "tandem/detail/ud_inverse.hpp"
#include "tandem/online/linear_posterior.hpp"

using tandem::random_stream;
using tandem::detail::arm_population;
using tandem::online::linear_posterior;
using vector = std::vector<float>;

namespace {

vector normal_vector(random_stream& random, std::size_t d) {
  vector x(d);
  for (float& each : x) each = static_cast<float>(random.normal());
  return x;
}

// the posterior that a population would give to an arm, by the observations themselves
linear_posterior under(const arm_population& population) {
  const std::size_t d = population.mean().size();
  const vector mean(population.mean().begin(), population.mean().end());
  vector precision(d * d);
  const double* from = population.precision().data();
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j <= i; ++j) precision[i * d + j] = static_cast<float>(*from++);
  }
  return linear_posterior::from_prior(mean, precision);
}

struct one_lane {
  vector panel;
  explicit one_lane(std::size_t d) : panel(tandem::detail::ud_lanes * tandem::detail::ud_column(d)) {}
  [[nodiscard]] tandem::detail::ud_surprise at(const vector& x) const {
    vector work(2 * x.size());
    return tandem::detail::ud_project<tandem::detail::ud_lanes>(panel.data(), x.size(), x.data(), work.data());
  }
};

// arms whose coefficients are mu + s * direction, s ~ N(0, 1): teaches each `n` rewards with noise of sd .5
struct line_of_arms {
  vector mu, direction;
  std::vector<vector> arms;

  line_of_arms(std::size_t n_arms, std::size_t d, random_stream& random)
      : mu(normal_vector(random, d)), direction(normal_vector(random, d)) {
    arms.reserve(n_arms);
    for (std::size_t a = 0; a < n_arms; ++a) arms.push_back(another(random));
  }
  [[nodiscard]] vector another(random_stream& random) const {
    vector out = mu;
    const auto s = static_cast<float>(random.normal());
    for (std::size_t j = 0; j < out.size(); ++j) out[j] += s * direction[j];
    return out;
  }
};

float along(const vector& theta, const vector& x) {
  float sum = 0;
  for (std::size_t j = 0; j < x.size(); ++j) sum += theta[j] * x[j];
  return sum;
}

}  // namespace

TEST_CASE("a matrix is inverted as U D U'") {
  for (const std::size_t d : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{30}}) {
    random_stream random(d);
    std::vector<double> full(d * d);
    for (std::size_t n = 0; n < 2 * d; ++n) {
      const vector x = normal_vector(random, d);
      for (std::size_t i = 0; i < d; ++i) {
        for (std::size_t j = 0; j < d; ++j) full[i * d + j] += double{x[i]} * double{x[j]};
      }
    }
    std::vector<double> a = full;
    std::vector<double> u(d * d);
    std::vector<double> work(d);
    REQUIRE(tandem::detail::ud_inverse(a.data(), u.data(), d));
    std::vector<double> inverse(d * (d + 1) / 2);
    tandem::detail::ud_add_inverse(a.data(), u.data(), d, 1, work.data(), inverse.data());
    const auto entry = [&](std::size_t i, std::size_t j) {
      return inverse[std::max(i, j) * (std::max(i, j) + 1) / 2 + std::min(i, j)];
    };
    std::vector<double> b(d, 1.0);
    tandem::detail::ud_solve(a.data(), u.data(), d, b.data(), work.data(), b.data());
    for (std::size_t i = 0; i < d; ++i) {
      double solved = 0;
      for (std::size_t k = 0; k < d; ++k) solved += full[i * d + k] * b[k];
      CHECK(solved == Approx(1).margin(1e-8));
      for (std::size_t j = 0; j < d; ++j) {
        double product = 0;
        for (std::size_t k = 0; k < d; ++k) product += full[i * d + k] * entry(k, j);
        CHECK(product == Approx(i == j ? 1.0 : 0.0).margin(1e-8));
      }
    }
  }
  std::vector<double> indefinite = {1, 2, 0, 1};
  std::vector<double> u(4);
  CHECK(!tandem::detail::ud_inverse(indefinite.data(), u.data(), 2));
}

TEST_CASE("an arm of a population knows what the same rewards say under the population's prior") {
  constexpr std::size_t d = 6;
  random_stream random(1);
  const line_of_arms truth(12, d, random);
  arm_population population(d, 2);
  population.resize(16);
  one_lane lane(d);
  std::vector<std::vector<vector>> seen(12);
  std::vector<std::vector<float>> paid(12);
  for (std::size_t a = 0; a < 12; ++a) {
    for (std::size_t n = 0; n < 3 + 5 * a; ++n) {
      seen[a].push_back(normal_vector(random, d));
      paid[a].push_back(along(truth.arms[a], seen[a].back()) + static_cast<float>(random.normal(0, 0.5)));
      population.observe(a, seen[a].back().data(), double{paid[a].back()} - 1, 1);
      population.revise(a, seen[a].back().data(), 1);
    }
  }
  for (int round = 0; round < 3; ++round) {
    for (std::size_t a = 0; a < 12; ++a) {
      population.write(a, lane.panel.data());
      linear_posterior alone = under(population);
      for (std::size_t n = 0; n < seen[a].size(); ++n) alone.update(seen[a][n], paid[a][n]);
      const vector probe = normal_vector(random, d);
      CHECK(lane.at(probe).mean == Approx(alone.mean(probe)).epsilon(2e-3).margin(2e-3));
      CHECK(lane.at(probe).spread == Approx(alone.variance(probe)).epsilon(5e-3));
      population.count(0.25);
    }
    population.conclude(0.25);
  }
}

TEST_CASE("a population learns where its arms lie") {
  constexpr std::size_t d = 5;
  random_stream random(2);
  const line_of_arms truth(60, d, random);
  arm_population population(d, 1);
  population.resize(64);
  one_lane lane(d);
  for (std::size_t a = 0; a < 60; ++a) {
    for (int n = 0; n < 40; ++n) {
      const vector x = normal_vector(random, d);
      population.observe(a, x.data(), double{along(truth.arms[a], x)} + random.normal(0, 0.5), 1);
    }
  }
  for (int round = 0; round < 30; ++round) {
    for (std::size_t a = 0; a < 60; ++a) {
      population.write(a, lane.panel.data());
      population.count(0.25);
    }
    population.conclude(0.25);
  }
  float length = 0;
  for (std::size_t j = 0; j < d; ++j) length += truth.direction[j] * truth.direction[j];
  for (std::size_t j = 0; j < d; ++j) {
    CHECK(population.mean()[j] == Approx(double{truth.mu[j]}).margin(0.4 * std::sqrt(double{length})));
  }
  vector across = normal_vector(random, d);  // of the direction's length, at a right angle to it
  const float share = along(across, truth.direction) / length;
  for (std::size_t j = 0; j < d; ++j) across[j] -= share * truth.direction[j];
  const float scale = std::sqrt(length / along(across, across));
  for (float& each : across) each *= scale;
  const linear_posterior likely = under(population);
  CHECK(0.25F * likely.variance(truth.direction) > 0.5F * length * length);
  CHECK(likely.variance(across) < 0.2F * likely.variance(truth.direction));
}

TEST_CASE("fewer than three arms, or arms told nothing, make no population") {
  arm_population population(3, 4);
  population.resize(16);
  one_lane lane(3);
  const vector x = {1, 2, 3};
  for (std::size_t a = 0; a < 2; ++a) {
    population.observe(a, x.data(), 5, 1);
    population.write(a, lane.panel.data());
    population.count(1);
  }
  population.conclude(1);
  CHECK(under(population).variance(x) == Approx(14.0 / 4));
  CHECK(under(population).mean(x) == 0);
  for (std::size_t a = 2; a < 12; ++a) {
    population.write(a, lane.panel.data());
    population.count(1);
  }
  population.conclude(1);
  CHECK(under(population).variance(x) == Approx(14.0 / 4).epsilon(1e-3));
}

TEST_CASE("what fades gives way to the population, and sums that rounding has spoilt are forgotten") {
  arm_population population(2, 1);
  population.resize(16);
  one_lane lane(2);
  const vector x = {1, 1};
  for (int n = 0; n < 100; ++n) population.observe(0, x.data(), 3, 1);
  population.write(0, lane.panel.data());
  const float known = lane.at(x).mean;
  CHECK(known > 2.9F);
  population.fade(0, 0.01);
  CHECK(population.kept(0) == Approx(0.01));
  population.write(0, lane.panel.data());
  CHECK(population.kept(0) == 1);
  CHECK(lane.at(x).mean == Approx(2));  // one observation is left, beside a prior of spread 2
  population.observe(0, x.data(), 3, -4);
  population.write(0, lane.panel.data());
  CHECK(lane.at(x).mean == 0);
  CHECK(lane.at(x).spread == Approx(2));
}
