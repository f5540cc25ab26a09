#include "tandem/online/logistic_posterior.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "tandem/core/random.hpp"

using namespace tandem::online;
using tandem::random_stream;
using tandem::detail::logistic;
using vector = std::vector<float>;

static_assert(logistic_model<logistic_posterior> && logistic_model<diagonal_logistic_posterior>);

namespace {

vector some_context(std::size_t d, random_stream& random) {
  vector x(d);
  for (float& each : x) each = static_cast<float>(random.normal());
  x[0] = 1;
  return x;
}

/// Online Laplace in doubles, by Newton's method in all dimensions at once; the covariance cut to its diagonal if
/// asked.
struct slow_laplace {
  Eigen::VectorXd mean;
  Eigen::MatrixXd precision;
  bool diagonal = false;

  void update(const vector& x, double y, double weight) {
    const auto d = static_cast<Eigen::Index>(x.size());
    const Eigen::VectorXd z = Eigen::Map<const Eigen::VectorXf>(x.data(), d).cast<double>();
    const auto objective = [&](const Eigen::VectorXd& at) {
      const double logit = z.dot(at);
      const double loss = weight * (std::log1p(std::exp(-std::abs(logit))) + std::max(logit, 0.0) - y * logit);
      return 0.5 * (at - mean).dot(precision * (at - mean)) + loss;
    };
    Eigen::VectorXd theta = mean;
    for (int step = 0; step < 200; ++step) {
      const double p = logistic(z.dot(theta));
      const Eigen::VectorXd gradient = precision * (theta - mean) + weight * (p - y) * z;
      const Eigen::MatrixXd hessian = precision + weight * p * (1 - p) * z * z.transpose();
      const Eigen::VectorXd direction = hessian.ldlt().solve(gradient);
      double length = 1;
      while (length > 1e-6 && objective(theta - length * direction) > objective(theta)) length /= 2;
      theta -= length * direction;
    }
    const double p = logistic(z.dot(theta));
    mean = theta;
    precision += weight * p * (1 - p) * z * z.transpose();
    if (diagonal) precision = Eigen::MatrixXd(precision.diagonal().asDiagonal());
  }
};

template <class Posterior>
std::string refused(const logistic_options& options) {
  try {
    Posterior posterior(options);
  } catch (const tandem::error& e) {
    return e.where().field;
  }
  return "nothing";
}

}  // namespace

TEMPLATE_TEST_CASE("each update goes to the mode and takes the curvature there", "", logistic_posterior,
                   diagonal_logistic_posterior) {
  constexpr bool diagonal = std::is_same_v<TestType, diagonal_logistic_posterior>;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_stream random(seed);
    const std::size_t d = 1 + random.below(7);
    const auto n = static_cast<Eigen::Index>(d);
    TestType fast({.dimension = d, .regularization = 0.3F});
    slow_laplace slow{Eigen::VectorXd::Zero(n), 0.3 * Eigen::MatrixXd::Identity(n, n), diagonal};
    for (int step = 0; step < 40; ++step) {
      vector x = some_context(d, random);
      if (step % 10 == 9) {
        for (float& each : x) each *= 20;  // saturated
      }
      const float y = step % 5 == 0 ? 0.25F : static_cast<float>(random.below(2));
      const float weight = step % 7 == 0 ? 3.0F : 1.0F;
      REQUIRE(fast.update(x, y, weight));
      slow.update(x, double{y}, double{weight});
      const vector probe = some_context(d, random);
      const Eigen::VectorXd z = Eigen::Map<const Eigen::VectorXf>(probe.data(), n).cast<double>();
      INFO("seed " << seed << ", step " << step);
      REQUIRE(fast.predict(probe).mean == Approx(z.dot(slow.mean)).epsilon(2e-3).margin(2e-3));
      REQUIRE(fast.predict(probe).variance == Approx(z.dot(slow.precision.ldlt().solve(z))).epsilon(5e-3));
    }
  }
}

TEST_CASE("mean and variance on the probability scale are those of a fine quadrature") {
  double worst_near = 0;
  double worst_far = 0;
  for (double mean = -8; mean <= 8; mean += 0.5) {
    for (const double sd : {0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 7.0, 10.0}) {
      double mass = 0;
      double first = 0;
      double second = 0;
      for (double t = -8; t <= 8; t += 0.001) {
        const double w = std::exp(-t * t / 2);
        const double p = logistic(mean + t * sd);
        mass += w;
        first += w * p;
        second += w * p * p;
      }
      const tandem::detail::moments m = tandem::detail::logistic_moments(mean, sd * sd);
      const double variance = second / mass - (first / mass) * (first / mass);
      double& worst = sd <= 4 ? worst_near : worst_far;
      worst = std::max({worst, std::abs(m.mean - first / mass), std::abs(m.variance - variance)});
      if (sd > 0 && sd <= 0.5) CHECK(m.variance == Approx(variance).epsilon(1e-3));  // rare rewards too
    }
  }
  INFO(worst_near << " near, " << worst_far << " far");
  CHECK(worst_near < 3e-4);
  CHECK(worst_far < 0.02);
}

TEMPLATE_TEST_CASE("it recovers the coefficients; intervals of the full covariance cover them", "", logistic_posterior,
                   diagonal_logistic_posterior) {
  constexpr bool diagonal = std::is_same_v<TestType, diagonal_logistic_posterior>;
  constexpr std::size_t d = 8;
  double squares = 0;
  int covered = 0;
  int asked = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    random_stream random(seed, 7);
    vector theta(d);
    for (float& each : theta) each = static_cast<float>(random.normal());
    TestType posterior({.dimension = d});
    const auto logit = [&](const vector& x) {
      double z = 0;
      for (std::size_t i = 0; i < d; ++i) z += double{theta[i]} * double{x[i]};
      return z;
    };
    for (int n = 0; n < 4000; ++n) {
      const vector x = some_context(d, random);
      posterior.update(x, random.uniform() < logistic(logit(x)) ? 1.0F : 0.0F);
    }
    for (int n = 0; n < 100; ++n) {
      const vector x = some_context(d, random);
      const estimate e = posterior.predict(x);
      squares += (double{e.mean} - logit(x)) * (double{e.mean} - logit(x));
      covered += std::abs(double{e.mean} - logit(x)) < 1.96 * e.sd() ? 1 : 0;
      ++asked;
    }
  }
  const double share = covered / static_cast<double>(asked);
  INFO(share << " covered, mean square error " << squares / asked);
  CHECK(squares / asked < (diagonal ? 0.3 : 0.1));  // logits have variance 8
  CHECK(share > (diagonal ? 0.5 : 0.9));
  CHECK(share < 0.999);
}

TEMPLATE_TEST_CASE("what cannot be learned changes nothing; what cannot be judged is not finite", "",
                   logistic_posterior, diagonal_logistic_posterior) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  TestType posterior({.dimension = 2});
  const vector x = {1, -0.5F};
  REQUIRE(posterior.update(x, 1));
  const estimate before = posterior.predict(x);
  for (const float odd : {nan, inf, -inf}) {
    CHECK(!posterior.update(vector{1, odd}, 1));
    CHECK(!posterior.update(x, odd));
    CHECK(!posterior.update(x, 1, odd));
    CHECK(!posterior.predict(vector{odd, 1}).finite());
    CHECK(!posterior.probability(vector{odd, 1}).finite());
  }
  CHECK(!posterior.update(vector{1, 1e10F}, 1));
  CHECK(!posterior.update(x, 1.01F));
  CHECK(!posterior.update(x, -0.01F));
  CHECK(!posterior.update(x, 1, -1));
  CHECK(!posterior.update(vector{1}, 1));
  CHECK(!posterior.update(vector{1, 2, 3}, 1));
  CHECK(!posterior.predict(vector{1}).finite());
  CHECK(!posterior.probability(vector{1, 2, 3}).finite());
  CHECK(posterior.predict(x).mean == before.mean);
  CHECK(posterior.predict(x).variance == before.variance);
}

TEMPLATE_TEST_CASE("100,000 updates of the most certain kind stay finite", "", logistic_posterior,
                   diagonal_logistic_posterior) {
  TestType posterior({.dimension = 3, .regularization = 1e-6F});
  random_stream random(9);
  for (int n = 0; n < 100000; ++n) {
    vector x = some_context(3, random);
    if (n % 100 == 0) x[1] *= 1e6F;
    posterior.update(x, x[1] > 0 ? 1.0F : 0.0F, n % 1000 == 0 ? 1000.0F : 1.0F);
  }
  const estimate e = posterior.probability(vector{1, 2, 0});
  REQUIRE(e.finite());
  CHECK(e.mean > 0.9F);
  CHECK(e.variance >= 0);
}

TEMPLATE_TEST_CASE("discount leads back to the prior, as does reset", "", logistic_posterior,
                   diagonal_logistic_posterior) {
  TestType posterior({.dimension = 2, .regularization = 4});
  const vector x = {1, 1};
  for (int n = 0; n < 50; ++n) posterior.update(x, 1);
  const estimate learned = posterior.predict(x);
  CHECK(learned.mean > 1);
  CHECK(learned.variance < 0.4F);
  TestType faded = posterior;
  for (int n = 0; n < 400; ++n) faded.discount(0.95F);
  CHECK(faded.predict(x).mean == Approx(0).margin(0.01));
  CHECK(faded.predict(x).variance == Approx(0.5).epsilon(0.15));
  posterior.reset();
  CHECK(posterior.predict(x).mean == 0);
  CHECK(posterior.predict(x).variance == Approx(0.5));
}

TEST_CASE("logistic posteriors start from a prior and forget towards it") {
  const vector mean = {0.5F, -1};
  auto diagonal = diagonal_logistic_posterior::from_prior(mean, vector{2, 8});
  auto full = logistic_posterior::from_prior(mean, vector{2, 0, 0, 8});
  const vector x = {2, 1};
  CHECK(diagonal.predict(x).mean == Approx(0));
  CHECK(diagonal.predict(x).variance == Approx(4.0 / 2 + 1.0 / 8));
  CHECK(full.predict(x).mean == Approx(0).margin(1e-6));
  CHECK(full.predict(x).variance == Approx(4.0 / 2 + 1.0 / 8));
  diagonal.update(x, 1);
  diagonal.discount(0);
  CHECK(diagonal.predict(vector{1, 0}).mean == Approx(0.5));
  CHECK_THROWS_AS(diagonal_logistic_posterior::from_prior(mean, vector{1}), tandem::error);
  CHECK_THROWS_AS(diagonal_logistic_posterior::from_prior(mean, vector{1, 0}), tandem::error);
  CHECK_THROWS_AS(diagonal_logistic_posterior::from_prior(vector{NAN, 0}, vector{1, 1}), tandem::error);
  CHECK_THROWS_AS(logistic_posterior::from_prior(vector(257, 0.0F), vector(257 * 257, 1.0F)), tandem::error);
}

TEST_CASE("options of logistic posteriors out of range are refused by name") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(refused<diagonal_logistic_posterior>({.dimension = 4096}) == "nothing");
  CHECK(refused<diagonal_logistic_posterior>({.dimension = 0}) == "dimension");
  CHECK(refused<diagonal_logistic_posterior>({.regularization = nan}) == "regularization");
  CHECK(refused<logistic_posterior>({.dimension = 256}) == "nothing");
  CHECK(refused<logistic_posterior>({.dimension = 257}) == "dimension");
  CHECK(refused<logistic_posterior>({.regularization = 0}) == "regularization");
}

TEST_CASE("logistic posteriors allocate nothing when they learn") {
  logistic_posterior full({.dimension = 20});
  diagonal_logistic_posterior diagonal({.dimension = 20});
  const vector x(20, 0.1F);
  const tandem_test::fail_new_after none(0);
  for (int n = 0; n < 20; ++n) {
    CHECK((full.update(x, 1) && diagonal.update(x, 0)));
    full.discount(0.99F);
    diagonal.discount(0.99F);
    full.reset();
    diagonal.reset();
  }
}
