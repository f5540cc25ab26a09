#include "tandem/online/hybrid_bandit.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/decision_loop.hpp"
#include "tandem/online/linear_bandit.hpp"

using namespace tandem::online;
using tandem::random_stream;
using vector = std::vector<float>;
using hybrid = hybrid_bandit<linear_ucb>;

namespace {

vector normal_vector(random_stream& random, std::size_t n) {
  vector x(n);
  for (float& each : x) each = static_cast<float>(random.normal());
  return x;
}
Eigen::Index index(std::size_t i) { return static_cast<Eigen::Index>(i); }

// The joint regression over (beta, theta_1, ..., theta_n), in double and whole.
struct joint {
  std::size_t d, crossed, k;
  std::vector<vector> features;
  Eigen::MatrixXd precision;
  Eigen::VectorXd b;

  joint(std::size_t dimension, std::size_t n_crossed, std::vector<vector> f, double shared, double own)
      : d(dimension), crossed(n_crossed), k(n_crossed * f[0].size()), features(std::move(f)) {
    const Eigen::Index n = index(k + d * features.size());
    precision = own * Eigen::MatrixXd::Identity(n, n);
    precision.topLeftCorner(index(k), index(k)) = shared * Eigen::MatrixXd::Identity(index(k), index(k));
    b = Eigen::VectorXd::Zero(n);
  }
  [[nodiscard]] Eigen::VectorXd row(std::size_t arm, const vector& x) const {
    Eigen::VectorXd out = Eigen::VectorXd::Zero(b.size());
    for (std::size_t c = 0; c < crossed; ++c) {
      for (std::size_t f = 0; f < features[arm].size(); ++f) {
        out(index(c * features[arm].size() + f)) = static_cast<double>(x[d - crossed + c] * features[arm][f]);
      }
    }
    for (std::size_t j = 0; j < d; ++j) out(index(k + arm * d + j)) = static_cast<double>(x[j]);
    return out;
  }
  void learn(std::size_t arm, const vector& x, double reward, double weight) {
    const Eigen::VectorXd r = row(arm, x);
    precision += weight * r * r.transpose();
    b += weight * reward * r;
  }
  [[nodiscard]] std::pair<double, double> predict(std::size_t arm, const vector& x) const {
    const Eigen::LLT<Eigen::MatrixXd> solver(precision);
    const Eigen::VectorXd r = row(arm, x);
    return {r.dot(solver.solve(b)), r.dot(solver.solve(r))};
  }
};

std::vector<estimate> predict(const hybrid& bandit, const vector& x) {
  hybrid::scratch memory;
  std::vector<estimate> out(bandit.arms().size());
  bandit.predict(x, out, memory);
  return out;
}

}  // namespace

TEST_CASE("the hybrid posterior equals the joint regression solved whole") {
  struct sizes {
    std::size_t d, crossed, features;
  };
  for (const sizes s : {sizes{1, 1, 1}, sizes{3, 1, 2}, sizes{5, 4, 3}, sizes{8, 3, 5}}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      random_stream random(seed, s.d);
      hybrid bandit({.dimension = s.d,
                     .crossed = s.crossed,
                     .features = s.features,
                     .shared_regularization = 0.7F,
                     .own_regularization = 3,
                     .noise_variance = 1});
      std::vector<vector> features;
      for (int a = 0; a < 6; ++a) features.push_back(normal_vector(random, s.features));
      for (const vector& f : features) bandit.add_arm(f);
      joint reference(s.d, s.crossed, features, 0.7, 3);
      for (int n = 0; n < 200; ++n) {
        const auto arm = static_cast<std::size_t>(random.below(5));  // the last one is never played
        const vector x = normal_vector(random, s.d);
        const auto reward = static_cast<float>(random.normal());
        const float weight = n % 3 == 0 ? 0.5F : 1.0F;
        REQUIRE(bandit.learn(bandit.arms()[arm], x, reward, weight));
        if (n % 5 == 0) {  // the reward comes in two parts
          const vector other = normal_vector(random, s.d);
          REQUIRE(bandit.learn(bandit.arms()[0], other, 1));
          reference.learn(0, other, 1, 1);
          REQUIRE(bandit.revise({bandit.arms()[arm], 1, {}, 0}, x, 2, weight));
        }
        reference.learn(arm, x, static_cast<double>(reward) + (n % 5 == 0 ? 2 : 0), static_cast<double>(weight));
      }
      const vector x = normal_vector(random, s.d);
      const std::vector<estimate> got = predict(bandit, x);
      for (std::size_t a = 0; a < 6; ++a) {
        const auto [mean, variance] = reference.predict(a, x);
        INFO("d " << s.d << ", crossed " << s.crossed << ", features " << s.features << ", arm " << a);
        CHECK(got[a].mean == Approx(mean).margin(2e-3));
        CHECK(got[a].variance == Approx(variance).epsilon(2e-3));
      }
    }
  }
}

TEST_CASE("a new arm is as good as its features say") {
  random_stream random(1);
  hybrid bandit({.dimension = 1, .features = 4, .own_regularization = 20});
  const vector truth = {1, -2, 0.5F, 0};
  const auto pays = [&](const vector& f) {
    float out = 0;
    for (std::size_t j = 0; j < 4; ++j) out += truth[j] * f[j];
    return out;
  };
  std::vector<vector> features;
  for (int a = 0; a < 60; ++a) {
    features.push_back(normal_vector(random, 4));
    bandit.add_arm(features.back());
  }
  const vector x = {1};
  for (int n = 0; n < 600; ++n) {
    const std::size_t a = static_cast<std::size_t>(n) % 60;
    bandit.learn(bandit.arms()[a], x, pays(features[a]) + static_cast<float>(random.normal(0, 0.3)));
  }
  for (int a = 0; a < 20; ++a) {
    const vector f = normal_vector(random, 4);
    bandit.add_arm(f);
    const estimate e = predict(bandit, x).back();
    CHECK(std::fabs(e.mean - pays(f)) < 4 * e.sd() + 0.15);
    CHECK(e.sd() < 0.3);
  }
}

TEST_CASE("where data is thin and arms resemble their features, the hybrid earns more than disjoint arms") {
  double with = 0;
  double without = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto run = [&](auto bandit, auto add) {
      random_stream world(seed, 7);
      std::vector<vector> features;
      const vector common = normal_vector(world, 12);
      for (int a = 0; a < 50; ++a) {
        features.push_back(normal_vector(world, 4));
        add(bandit, features.back());
      }
      double earned = 0;
      for (std::uint64_t n = 0; n < 2000; ++n) {
        vector x = normal_vector(world, 4);
        x[0] = 1;
        random_stream dice(seed, n);
        const choice c = bandit.choose(x, dice);
        const vector& f = features[tandem::raw(c.arm)];
        double odds = -2;
        for (std::size_t u = 0; u < 3; ++u) {
          for (std::size_t j = 0; j < 4; ++j) odds += 0.5 * static_cast<double>(common[u * 4 + j] * x[1 + u] * f[j]);
        }
        const double chance = 1 / (1 + std::exp(-odds));
        earned += chance;
        bandit.learn(c, x, world.uniform() < chance ? 1.0F : 0.0F);
      }
      return earned;
    };
    with +=
        run(hybrid({.dimension = 4, .crossed = 3, .features = 4, .policy = {.alpha = 0.5}, .own_regularization = 10}),
            [](auto& b, const vector& f) { b.add_arm(f); });
    without += run(lin_ucb({.dimension = 4, .policy = {.alpha = 0.5}, .noise_variance = 0}),
                   [](auto& b, const vector&) { b.add_arm(); });
  }
  INFO("hybrid " << with << ", disjoint " << without);
  CHECK(with > 1.07 * without);
}

TEST_CASE("a hybrid bandit refuses what it cannot learn, and changes nothing") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  hybrid bandit({.dimension = 3, .crossed = 2, .features = 2});
  bandit.add_arm(vector{1, 2});
  bandit.learn(arm_index{0}, vector{1, 2, 3}, 1);
  const estimate before = predict(bandit, {1, 1, 1})[0];
  CHECK(!bandit.learn(arm_index{5}, vector{1, 2, 3}, 1));
  CHECK(!bandit.learn(arm_index{0}, vector{1, nan, 3}, 1));
  CHECK(!bandit.learn(arm_index{0}, vector{nan, 1, 3}, 1));
  CHECK(!bandit.learn(arm_index{0}, vector{1, 2, 3}, nan));
  CHECK(!bandit.learn(arm_index{0}, vector{1, 2, 3}, 1, -1));
  CHECK(!bandit.revise({arm_index{0}, 1, {}, 0}, vector{1, 2, 3}, nan));
  CHECK(!bandit.revise({arm_index{0}, 1, {}, 0}, vector{1, nan, 3}, 1));
  CHECK(predict(bandit, {1, 1, 1})[0].mean == before.mean);
  CHECK(predict(bandit, {1, 1, 1})[0].variance == before.variance);
  CHECK_THROWS_AS(bandit.add_arm(vector{1}), tandem::error);
  CHECK_THROWS_AS(bandit.add_arm(vector{1, nan}), tandem::error);
  CHECK(bandit.remove_arm(arm_index{0}));
  CHECK(!bandit.learn(arm_index{0}, vector{1, 2, 3}, 1));
}

TEST_CASE("options of a hybrid bandit out of range are refused by name") {
  const auto refused = [](const hybrid::options_type& options) -> std::string {
    try {
      hybrid bandit(options);
    } catch (const tandem::error& e) {
      return e.where().field;
    }
    return "nothing";
  };
  CHECK(refused({.dimension = 4, .crossed = 4, .features = 8}) == "nothing");
  CHECK(refused({.dimension = 0}) == "dimension");
  CHECK(refused({.dimension = 2, .crossed = 3}) == "crossed");
  CHECK(refused({.dimension = 100, .crossed = 100, .features = 100}) == "features");
  CHECK(refused({.shared_regularization = 0}) == "shared_regularization");
  CHECK(refused({.own_regularization = -1}) == "regularization");
  CHECK(refused({.policy = {.alpha = -1}}) == "linear_ucb.alpha");
}

TEST_CASE("a hybrid bandit runs in a loop, and allocates nothing there") {
  hybrid bandit({.dimension = 3, .crossed = 2, .features = 2});
  for (int a = 0; a < 5; ++a) bandit.add_arm(vector{1, static_cast<float>(a)});
  decision_loop loop(bandit, {.default_reward = std::nullopt});
  const vector x = {1, 0.5F, -1};
  const auto round = [&](std::uint64_t n) {
    loop.decide(tandem::decision_id{n}, x, tandem::from_millis(0));
    loop.reward(tandem::decision_id{n}, 1, tandem::from_millis(0));
    loop.reward(tandem::decision_id{n}, 1, tandem::from_millis(0));
  };
  round(1);
  const tandem_test::fail_new_after none(0);
  for (std::uint64_t n = 2; n < 100; ++n) round(n);
  CHECK(loop.stats().version == 2 * 99);
}
