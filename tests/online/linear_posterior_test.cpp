#include "tandem/online/linear_posterior.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using tandem::random_stream;
using tandem::online::estimate;
using tandem::online::linear_options;
using tandem::online::linear_posterior;
using tandem::online::linear_prior;

namespace {

using vector = std::vector<float>;

/// The formulas at the head of the header, in double, solved from scratch.
struct dense {
  Eigen::MatrixXd prior, data;      // A0, sum w x x'
  Eigen::VectorXd prior_b, data_b;  // A0 theta0, sum w r x

  explicit dense(std::size_t d, double regularization = 1)
      : dense(Eigen::MatrixXd(regularization * Eigen::MatrixXd::Identity(index(d), index(d))),
              Eigen::VectorXd::Zero(index(d))) {}
  dense(Eigen::MatrixXd precision, const Eigen::VectorXd& mean)
      : prior(std::move(precision)),
        data(Eigen::MatrixXd::Zero(mean.size(), mean.size())),
        prior_b(prior * mean),
        data_b(Eigen::VectorXd::Zero(mean.size())) {}

  static Eigen::Index index(std::size_t i) { return static_cast<Eigen::Index>(i); }
  static Eigen::VectorXd wide(const vector& x) {
    return Eigen::Map<const Eigen::VectorXf>(x.data(), index(x.size())).cast<double>();
  }
  void update(const vector& x, double r, double w = 1) {
    data += w * wide(x) * wide(x).transpose();
    data_b += w * r * wide(x);
  }
  /// gamma A + (1 - gamma) A0 leaves the prior whole
  void discount(double gamma) {
    data *= gamma;
    data_b *= gamma;
  }
  [[nodiscard]] Eigen::LLT<Eigen::MatrixXd> solver() const { return Eigen::LLT<Eigen::MatrixXd>(prior + data); }
  [[nodiscard]] Eigen::VectorXd theta() const { return solver().solve(prior_b + data_b); }
  [[nodiscard]] double variance(const vector& x) const { return wide(x).dot(solver().solve(wide(x))); }
};

vector normal_vector(random_stream& random, std::size_t d) {
  vector x(d);
  for (float& each : x) each = static_cast<float>(random.normal());
  return x;
}

/// How far a posterior is from the reference, relative to its own uncertainty and size.
double distance(const linear_posterior& posterior, const dense& reference, random_stream& random) {
  const Eigen::VectorXd theta = reference.theta();
  double worst = 0;
  for (int probe = 0; probe < 5; ++probe) {
    const vector x = normal_vector(random, posterior.dimension());
    const double variance = reference.variance(x);
    const double mean = theta.dot(dense::wide(x));
    const double size = std::sqrt(variance) + theta.norm() * dense::wide(x).norm();
    worst =
        std::max({worst, std::fabs(posterior.variance(x) / variance - 1), std::fabs(posterior.mean(x) - mean) / size});
  }
  return worst;
}

vector covariance(const linear_posterior& posterior) {
  vector out(posterior.dimension() * posterior.dimension());
  posterior.covariance(out);
  return out;
}

bool same(const linear_posterior& a, const linear_posterior& b) {
  for (std::size_t j = 0; j < a.dimension(); ++j) {
    if (a.theta(j) != b.theta(j)) return false;
  }
  return covariance(a) == covariance(b);
}

std::string refused_option(const linear_options& options) {
  try {
    linear_posterior posterior(options);
  } catch (const tandem::error& e) {
    CHECK(e.code() == tandem::errc::invalid_argument);
    return e.where().field;
  }
  return "nothing";
}

}  // namespace

TEST_CASE("before the first observation the variance is noise_variance / regularization") {
  const linear_posterior posterior({.dimension = 3, .regularization = 4, .noise_variance = 0.5F});
  CHECK(posterior.variance(vector{1, 0, 0}) == Approx(0.5 / 4));  // not 0.5 * 4
  CHECK(posterior.variance(vector{1, 2, 2}) == Approx(9 * 0.5 / 4));
  CHECK(posterior.mean(vector{1, 2, 2}) == 0);
}

TEST_CASE("one observation of one coefficient: by hand") {
  // A = 1 + 2 * 3^2 = 19, b = 2 * 5 * 3 = 30
  linear_posterior posterior(linear_options{});
  REQUIRE(posterior.update(vector{3}, 5, 2));
  CHECK(posterior.theta(0) == Approx(30.0 / 19));
  CHECK(posterior.variance(vector{1}) == Approx(1.0 / 19));
  const estimate e = posterior.predict(vector{-2});
  CHECK(e.mean == Approx(-60.0 / 19));
  CHECK(e.variance == Approx(4.0 / 19));
}

TEST_CASE("the posterior equals the formula solved in double, after thousands of updates") {
  for (const std::size_t d : {std::size_t{1}, std::size_t{2}, std::size_t{17}, std::size_t{64}}) {
    for (std::uint64_t seed = 0; seed < (d > 20 ? 3 : 20); ++seed) {
      random_stream random(seed, d);
      linear_posterior posterior({.dimension = d, .regularization = 0.3F});
      dense reference(d, 0.3F);
      const vector truth = normal_vector(random, d);
      for (int n = 1; n <= 3000; ++n) {
        const vector x = normal_vector(random, d);
        const auto reward = static_cast<float>(dense::wide(x).dot(dense::wide(truth)) + random.normal());
        const float weight = n % 3 == 0 ? static_cast<float>(2 * random.uniform()) : 1.0F;
        REQUIRE(posterior.update(x, reward, weight));
        reference.update(x, reward, weight);
        if (n == 1 || n == 10 || n == 100 || n == 3000) {
          INFO("d " << d << ", seed " << seed << ", after " << n);
          REQUIRE(distance(posterior, reference, random) < 2e-4);
        }
      }
    }
  }
}

TEST_CASE("features of sizes from 1e-3 to 1e3, correlated, and rewards in thousands") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::size_t d = 8;
    random_stream random(seed);
    linear_posterior posterior({.dimension = d});
    dense reference(d);
    for (int n = 0; n < 2000; ++n) {
      vector x = normal_vector(random, d);
      for (std::size_t j = 0; j < d; ++j) {
        x[j] = (x[j] + 3 * x[0]) * std::pow(10.0F, static_cast<float>(j % 7) - 3);
      }
      const auto reward = static_cast<float>(5000 * random.normal());
      REQUIRE(posterior.update(x, reward));
      reference.update(x, reward);
    }
    const Eigen::VectorXd theta = reference.theta();
    for (std::size_t j = 0; j < d; ++j) {  // each coefficient within its own uncertainty
      vector unit(d, 0);
      unit[j] = 1;
      const double variance = reference.variance(unit);
      CHECK(posterior.variance(unit) == Approx(variance).epsilon(0.02));
      CHECK(std::fabs(posterior.theta(j) - theta[dense::index(j)]) < 0.05 * 5000 * std::sqrt(variance));
    }
  }
}

TEST_CASE("enormous contexts one after the other leave a posterior that is positive definite and learns on") {
  for (const float size : {1e4F, 1e8F, 1e15F}) {
    random_stream random(1);
    linear_posterior posterior({.dimension = 5});
    for (int n = 0; n < 50; ++n) {
      vector x = normal_vector(random, 5);
      for (float& each : x) each *= size;
      posterior.update(x, 1);
    }
    const vector x(5, size);
    CHECK(posterior.variance(x) >= 0);
    CHECK(std::isfinite(posterior.mean(x)));
    for (int n = 0; n < 5000; ++n) REQUIRE(posterior.update(x, 3));
    CHECK(posterior.mean(x) == Approx(3).margin(0.1));
    CHECK(posterior.variance(x) == Approx(1.0 / 5000).epsilon(0.05));
  }
}

TEST_CASE("a million updates leave it positive definite and within 0.5 % of the formula") {
  const std::size_t d = 8;
  random_stream random(2);
  linear_posterior posterior({.dimension = d});
  dense reference(d);
  const vector truth = normal_vector(random, d);
  for (int n = 0; n < 1000000; ++n) {
    const vector x = normal_vector(random, d);
    const auto reward = static_cast<float>(dense::wide(x).dot(dense::wide(truth)) + 0.1 * random.normal());
    REQUIRE(posterior.update(x, reward));
    reference.update(x, reward);
  }
  CHECK(distance(posterior, reference, random) < 5e-3);
  const vector matrix = covariance(posterior);
  const Eigen::MatrixXd wide =
      Eigen::Map<const Eigen::Matrix<float, 8, 8, Eigen::RowMajor>>(matrix.data()).cast<double>();
  CHECK(Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(wide).eigenvalues().minCoeff() > 0);
}

TEST_CASE("ten million updates leave it positive definite and near the formula", "[.long]") {
  const std::size_t d = 4;
  random_stream random(3);
  linear_posterior posterior({.dimension = d});
  dense reference(d);
  for (int n = 0; n < 10000000; ++n) {
    const vector x = normal_vector(random, d);
    const auto reward = static_cast<float>(x[0] - x[1] + 0.1 * random.normal());
    posterior.update(x, reward);
    reference.update(x, reward);
  }
  const double off = distance(posterior, reference, random);
  WARN("after ten million updates: " << off);
  CHECK(off < 0.05);  // float32 cannot resolve a ten millionth step further
}

TEST_CASE("an observation taken back is as if it had not been") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::size_t d = 12;
    random_stream random(seed);
    linear_posterior posterior({.dimension = d});
    dense reference(d);
    std::vector<std::pair<vector, float>> taken_back;
    for (int n = 0; n < 300; ++n) {
      const vector x = normal_vector(random, d);
      const auto reward = static_cast<float>(random.normal());
      REQUIRE(posterior.update(x, reward, 2));
      if (n % 3 == 0) {
        taken_back.emplace_back(x, reward);
      } else {
        reference.update(x, reward, 2);
      }
    }
    for (const auto& [x, reward] : taken_back) REQUIRE(posterior.update(x, reward, -2));
    CHECK(distance(posterior, reference, random) < 1e-3);
  }
}

TEST_CASE("a sliding window of observations stays near the formula over many turns") {
  const std::size_t d = 6;
  random_stream random(8);
  linear_posterior posterior({.dimension = d});
  std::vector<vector> window;
  std::vector<float> rewards;
  for (int n = 0; n < 20000; ++n) {
    window.push_back(normal_vector(random, d));
    rewards.push_back(static_cast<float>(random.normal()));
    REQUIRE(posterior.update(window.back(), rewards.back()));
    if (window.size() <= 50) continue;
    REQUIRE(posterior.update(window[window.size() - 51], rewards[window.size() - 51], -1));
  }
  dense reference(d);
  for (std::size_t n = window.size() - 50; n < window.size(); ++n) reference.update(window[n], rewards[n]);
  const double off = distance(posterior, reference, random);
  INFO("off by " << off);
  CHECK(off < 0.02);
}

TEST_CASE("a reward that comes in parts is learned as if at once, whatever came between") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::size_t d = 9;
    random_stream random(seed);
    linear_posterior posterior({.dimension = d});
    dense reference(d);
    for (int n = 0; n < 100; ++n) {
      const vector x = normal_vector(random, d);
      const vector other = normal_vector(random, d);
      REQUIRE(posterior.update(x, 1, 0.5F));
      REQUIRE(posterior.update(other, -1));
      REQUIRE(posterior.revise(x, 2.5F, 0.5F));
      reference.update(x, 3.5, 0.5);
      reference.update(other, -1);
    }
    CHECK(distance(posterior, reference, random) < 1e-3);
  }
}

TEST_CASE("discounting equals the formula with its prior kept whole, when all of it is given back") {
  for (const float gamma : {0.9F, 0.5F, 0.01F}) {
    for (const std::size_t d : {std::size_t{1}, std::size_t{2}, std::size_t{17}}) {
      random_stream random(d);
      linear_posterior posterior({.dimension = d, .regularization = 2});
      dense reference(d, 2);
      for (int n = 0; n < 500; ++n) {
        const vector x = normal_vector(random, d);
        posterior.update(x, x[0]);
        reference.update(x, x[0]);
        posterior.discount(gamma);
        reference.discount(gamma);
      }
      CHECK(distance(posterior, reference, random) < 1e-4);
    }
  }
}

TEST_CASE("weak discounting stays between the formula's with nine tenths of the prior and with all of it") {
  for (const float gamma : {0.999F, 0.99F, 0.95F}) {
    const std::size_t d = 17;
    random_stream random(4);
    linear_posterior posterior({.dimension = d, .regularization = 5});
    dense whole(d, 5);
    dense least(d, 5 * 0.88);
    for (int n = 0; n < 3000; ++n) {
      const vector x = normal_vector(random, d);
      posterior.update(x, 1);
      whole.update(x, 1);
      least.update(x, 1);
      posterior.discount(gamma);
      whole.discount(gamma);
      least.discount(gamma);
      if (n % 100 == 99) {
        const vector probe = normal_vector(random, d);
        REQUIRE(posterior.variance(probe) > 0.999 * whole.variance(probe));
        REQUIRE(posterior.variance(probe) < 1.001 * least.variance(probe));
      }
    }
  }
}

TEST_CASE("a million discounts without an observation forget everything but the prior") {
  const std::size_t d = 3;
  const vector precision = {2, 0.5F, 0, 0.5F, 1, 0, 0, 0, 4};
  const vector mean = {1, -2, 3};
  linear_posterior posterior = linear_posterior::from_prior(mean, precision);
  const linear_posterior fresh = posterior;
  for (int n = 0; n < 1000; ++n) posterior.update(vector{1, 1, 1}, 50);
  for (int n = 0; n < 1000000; ++n) posterior.discount(0.999F);
  random_stream random(5);
  for (int probe = 0; probe < 10; ++probe) {
    const vector x = normal_vector(random, d);
    CHECK(posterior.variance(x) == Approx(fresh.variance(x)).epsilon(0.12));
    CHECK(posterior.mean(x) == Approx(fresh.mean(x)).margin(1e-3));
  }
}

TEST_CASE("with discount it follows a world that changes; without, it does not") {
  random_stream random(6);
  linear_posterior forgetting({.dimension = 2});
  linear_posterior keeping({.dimension = 2});
  for (int n = 0; n < 20000; ++n) {
    const vector x = normal_vector(random, 2);
    const float reward = n < 10000 ? x[0] : -x[0];
    forgetting.update(x, reward);
    forgetting.discount(0.99F);
    keeping.update(x, reward);
  }
  CHECK(forgetting.theta(0) == Approx(-1).margin(0.05));
  CHECK(keeping.theta(0) == Approx(0).margin(0.05));
}

TEST_CASE("from_prior starts at the prior, and updates as the formula does") {
  for (const std::size_t d : {std::size_t{1}, std::size_t{2}, std::size_t{17}, std::size_t{64}}) {
    random_stream random(7, d);
    Eigen::MatrixXd root = Eigen::MatrixXd::NullaryExpr(dense::index(d), dense::index(d),
                                                        [&](Eigen::Index, Eigen::Index) { return random.normal(); });
    const Eigen::MatrixXf precision =
        (root * root.transpose()).cast<float>() + Eigen::MatrixXf::Identity(dense::index(d), dense::index(d));
    const vector mean = normal_vector(random, d);
    linear_posterior posterior =
        linear_posterior::from_prior(mean, {precision.data(), static_cast<std::size_t>(precision.size())});
    dense reference(precision.cast<double>(), dense::wide(mean));
    CHECK(distance(posterior, reference, random) < 1e-4);
    for (int n = 0; n < 500; ++n) {
      const vector x = normal_vector(random, d);
      posterior.update(x, 2);
      reference.update(x, 2);
      if (n % 50 == 0) {
        posterior.discount(0.8F);
        reference.discount(0.8F);
      }
    }
    CHECK(distance(posterior, reference, random) < 1e-3);
    posterior.reset();
    CHECK(distance(posterior, dense(precision.cast<double>(), dense::wide(mean)), random) < 1e-4);
  }
}

TEST_CASE("reset and a discount of 0 go back to the prior") {
  linear_posterior posterior({.dimension = 4, .regularization = 3});
  const linear_posterior fresh = posterior;
  for (const bool by_discount : {false, true}) {
    for (int n = 0; n < 10; ++n) posterior.update(vector{1, 2, 3, 4}, 5);
    CHECK(!same(posterior, fresh));
    by_discount ? posterior.discount(0) : posterior.reset();
    CHECK(same(posterior, fresh));
  }
}

TEST_CASE("the noise variance scales the variance and nothing else") {
  linear_posterior one({.dimension = 2});
  linear_posterior quarter({.dimension = 2, .noise_variance = 0.25F});
  for (int n = 0; n < 5; ++n) {
    one.update(vector{1, 2}, 3);
    quarter.update(vector{1, 2}, 3);
  }
  CHECK(quarter.mean(vector{1, 0}) == one.mean(vector{1, 0}));
  CHECK(quarter.variance(vector{1, 0}) == Approx(0.25 * one.variance(vector{1, 0})));
  CHECK(covariance(quarter)[0] == Approx(0.25 * covariance(one)[0]));
}

TEST_CASE("weight w counts as w observations, and weight 0 as none") {
  linear_posterior thrice({.dimension = 2});
  linear_posterior weighted({.dimension = 2});
  for (int n = 0; n < 3; ++n) thrice.update(vector{1, 2}, 3);
  REQUIRE(weighted.update(vector{1, 2}, 3, 3));
  CHECK(weighted.mean(vector{1, 1}) == Approx(thrice.mean(vector{1, 1})));
  CHECK(weighted.variance(vector{1, 1}) == Approx(thrice.variance(vector{1, 1})));
  const linear_posterior before = weighted;
  REQUIRE(weighted.update(vector{5, 5}, 9, 0));
  CHECK(same(weighted, before));
}

TEST_CASE("what is not finite, too large to square, or takes back what is not there is refused and changes nothing") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  linear_posterior posterior({.dimension = 2});
  posterior.update(vector{1, 2}, 3);
  const linear_posterior before = posterior;
  for (const float odd : {nan, inf, -inf}) {
    CHECK(!posterior.update(vector{odd, 1}, 1));
    CHECK(!posterior.update(vector{1, 1}, odd));
    CHECK(!posterior.update(vector{0, 0}, odd));
    CHECK(!posterior.update(vector{1, 1}, 1, odd));
    CHECK(!std::isfinite(posterior.predict(vector{odd, 1}).variance));
  }
  CHECK(!posterior.update(vector{1, 1}, 1, -5));
  CHECK(!posterior.update(vector{1e30F, 1}, 1));
  CHECK(!posterior.revise(vector{1, nan}, 1));
  CHECK(!posterior.revise(vector{1, 1}, inf));
  CHECK(!posterior.update(vector{1, 1}, 3e38F));
  CHECK(same(posterior, before));
  CHECK(posterior.update(vector{0, 0}, 1));  // says nothing, but is not wrong
  CHECK(same(posterior, before));
}

TEST_CASE("options and priors of a linear posterior out of range are refused by name") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(refused_option({.dimension = 0}) == "dimension");
  CHECK(refused_option({.dimension = 65537}) == "dimension");
  for (const float odd : {0.0F, -1.0F, 1e13F, nan}) {
    CHECK(refused_option({.regularization = odd}) == "regularization");
    CHECK(refused_option({.noise_variance = odd}) == "noise_variance");
  }
  const auto prior_refused = [](const vector& mean, const vector& precision) {
    try {
      (void)linear_posterior::from_prior(mean, precision);
    } catch (const tandem::error& e) {
      return e.code() == tandem::errc::invalid_argument;
    }
    return false;
  };
  CHECK(!prior_refused({0, 0}, {1, 0, 0, 1}));
  CHECK(prior_refused({}, {}));
  CHECK(prior_refused({0, 0}, {1, 0, 0}));
  CHECK(prior_refused({0, 0}, {1, 2, 2, 1}));  // indefinite
  CHECK(prior_refused({0, 0}, {1, 1, 1, 1}));  // singular
  CHECK(prior_refused({0, nan}, {1, 0, 0, 1}));
  CHECK(prior_refused({0, 0}, {1, 0, nan, 1}));
}

TEST_CASE("learning, forgetting and predicting allocate nothing") {
  linear_posterior posterior({.dimension = 20});
  const vector x(20, 0.5F);
  const tandem_test::fail_new_after none(0);
  for (int n = 0; n < 100; ++n) {
    posterior.update(x, 1);
    posterior.discount(0.99F);
    (void)posterior.predict(x);
  }
}

TEST_CASE("copies of a posterior are values") {
  linear_posterior posterior({.dimension = 2});
  const linear_posterior before = posterior;
  posterior.update(vector{1, 0}, 1);
  CHECK(before.mean(vector{1, 0}) == 0);
  CHECK(posterior.mean(vector{1, 0}) == 0.5F);
}

TEST_CASE("a posterior that was saved goes on with the same bits over the prior that it had, and damage does no harm") {
  const auto prior = std::make_shared<const linear_prior>(3, 2.0F);
  const auto load = [&](tandem::byte_reader& in) { return linear_posterior::load(in, prior, 0.5F); };
  const auto step = [](linear_posterior& posterior, random_stream& random) {
    const vector x = {1, static_cast<float>(random.normal()), static_cast<float>(random.normal())};
    posterior.update(x, static_cast<float>(random.normal()));
    if (random.below(5) == 0) posterior.discount(0.97F);
  };
  const auto ask = [](const linear_posterior& posterior, random_stream& random) {
    const estimate e = posterior.predict(vector{1, static_cast<float>(random.normal()), 0});
    return std::pair(e.mean, e.variance);
  };
  tandem_test::check_goes_on([&] { return linear_posterior(prior, 0.5F); }, step, ask, load, 20, 100);
  linear_posterior lived(prior, 0.5F);
  random_stream random(3);
  for (int n = 0; n < 20; ++n) step(lived, random);
  tandem_test::check_damage(tandem_test::saved(lived), load, step);
  const auto other = std::make_shared<const linear_prior>(4, 2.0F);
  CHECK(tandem_test::is_refused(tandem_test::saved(lived),
                                [&](tandem::byte_reader& in) { return linear_posterior::load(in, other); }));
}
