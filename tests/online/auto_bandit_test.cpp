#include "tandem/online/auto_bandit.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "online/bandit_world.hpp"
#include "support/catch.hpp"
#include "support/chi_square.hpp"
#include "support/failing_new.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/linear_bandit.hpp"

using namespace tandem::online;
using tandem::random_stream;
using tandem_test::mean_share;
using tandem_test::probabilities;
using vector = std::vector<float>;

namespace {

std::string refused_option(const auto_bandit_options& options) {
  try {
    auto_bandit bandit(options);
  } catch (const tandem::error& e) {
    return e.where().field;
  }
  return "nothing";
}

// the share of the gap that a bandit earns where the coefficients of all arms lie in one plane
double shared_share(auto_bandit bandit, std::size_t arms, std::size_t d, int steps, std::uint64_t seed) {
  random_stream world(seed, 5);
  vector basis(2 * d);
  for (float& each : basis) each = static_cast<float>(world.normal(0, 0.5));
  std::vector<vector> theta(arms, vector(d));
  for (vector& each : theta) {
    bandit.add_arm();
    const auto a = static_cast<float>(world.normal());
    const auto b = static_cast<float>(world.normal());
    for (std::size_t j = 0; j < d; ++j) each[j] = a * basis[j] + b * basis[d + j];
  }
  double earned = 0;
  double best = 0;
  vector x(d);
  vector pays(arms);
  for (int t = 0; t < steps; ++t) {
    for (float& each : x) each = static_cast<float>(world.normal());
    for (std::size_t a = 0; a < arms; ++a) pays[a] = std::inner_product(x.begin(), x.end(), theta[a].begin(), 0.0F);
    const choice chosen = bandit.choose(x, world);
    const float paid = pays[tandem::raw(chosen.arm)];
    earned += static_cast<double>(paid);
    best += static_cast<double>(*std::max_element(pays.begin(), pays.end()));
    bandit.learn(chosen, x, paid + static_cast<float>(world.normal(0, 5)));
  }
  return earned / best;  // at random 0 is earned
}

}  // namespace

TEST_CASE("a bandit without a knob draws with the probabilities it logs") {
  auto_bandit bandit({.dimension = 3, .epsilon = 0.1});
  random_stream random(1);
  for (int a = 0; a < 6; ++a) bandit.add_arm();
  vector x(3);
  for (int n = 0; n < 300; ++n) {
    for (float& each : x) each = static_cast<float>(random.normal());
    bandit.learn(bandit.choose(x, random), x, random.uniform() < 0.5 ? 1.0F : 0.0F);
  }
  const std::vector<double> p = probabilities(bandit, x);
  CHECK(std::accumulate(p.begin(), p.end(), 0.0) == Approx(1));
  for (const double each : p) CHECK(each >= 0.1 / 6 - 1e-12);
  std::vector<std::size_t> counts(6);
  for (int n = 0; n < 100000; ++n) {
    const choice chosen = bandit.choose(x, random);
    REQUIRE(chosen.propensity == p[tandem::raw(chosen.arm)]);
    ++counts[tandem::raw(chosen.arm)];
  }
  CHECK(tandem_test::chi_square_p(counts, p) > 0.001);
}

TEST_CASE("with one discount and one strength it is LinUCB in units of the learned noise") {
  auto_bandit one({.dimension = 4, .learn_prior = false, .discounts = {1}, .strengths = {0.5}});
  lin_ucb same({.dimension = 4, .policy = {.alpha = 0.5}, .noise_variance = 0});
  random_stream random(2);
  for (int a = 0; a < 5; ++a) {
    one.add_arm();
    same.add_arm();
  }
  vector x(4);
  for (int n = 0; n < 300; ++n) {
    for (float& each : x) each = static_cast<float>(random.normal());
    random_stream dice(3, static_cast<std::uint64_t>(n));
    random_stream other(3, static_cast<std::uint64_t>(n));
    const choice a = one.choose(x, dice);
    const choice b = same.choose(x, other);
    REQUIRE(a.arm == b.arm);
    REQUIRE(a.propensity == b.propensity);
    const float reward = x[tandem::raw(a.arm) % 4];
    one.learn(a, x, reward);
    same.learn(b, x, reward);
  }
}

TEST_CASE("rewards of any scale give the same choices") {
  const auto run = [](float scale) {
    auto_bandit bandit({.dimension = 3});
    for (int a = 0; a < 4; ++a) bandit.add_arm();
    random_stream world(4);
    std::size_t same_as_best = 0;
    vector x(3);
    for (int n = 0; n < 2000; ++n) {
      for (float& each : x) each = static_cast<float>(world.normal());
      random_stream dice(5, static_cast<std::uint64_t>(n));
      const choice c = bandit.choose(x, dice);
      const std::size_t arm = tandem::raw(c.arm);
      const float reward = arm < 3 ? x[arm] : 0;
      same_as_best += reward > 0.5F;
      bandit.learn(c, x, scale * (reward + static_cast<float>(world.normal(0, 0.3))));
    }
    return same_as_best;
  };
  const std::size_t one = run(1);
  CHECK(one > 1100);
  CHECK(run(1000) == Approx(static_cast<double>(one)).epsilon(0.05));
  CHECK(run(0.001F) == Approx(static_cast<double>(one)).epsilon(0.05));
}

TEST_CASE("the trust goes to the model that forgets when the world has changed") {
  auto_bandit bandit({.dimension = 1, .discounts = {1, 0.9F}});
  bandit.add_arm();
  random_stream random(6);
  const vector x = {1};
  const auto rounds = [&](float mean, int n) {
    for (int i = 0; i < n; ++i) {
      bandit.learn(bandit.choose(x, random), x, static_cast<float>(random.normal(static_cast<double>(mean), 1)));
    }
  };
  rounds(0, 3000);
  const double calm = bandit.model_weights()[0];
  CHECK(calm > 0.6);
  rounds(3, 60);
  CHECK(bandit.model_weights()[0] < 0.01);
}

TEST_CASE("without a knob, in a world that stays and in one that switches") {
  const double still = mean_share([] { return auto_bandit({.dimension = 20}); }, 20, 20, 20000);
  const double switching = mean_share([] { return auto_bandit({.dimension = 20}); }, 20, 20, 20000, true);
  WARN("auto bandit: " << still << " of the gap, with a switch half way " << switching);
  CHECK(still > 0.87);
  CHECK(switching > 0.72);
}

TEST_CASE("arms that share what they respond to are known sooner than arms alone") {
  const auto share = [](bool learn_prior) {
    double out = 0;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      out += shared_share(auto_bandit({.dimension = 12, .learn_prior = learn_prior}), 60, 12, 2000, seed) / 4;
    }
    return out;
  };
  const double together = share(true);
  const double alone = share(false);
  WARN("auto bandit: " << together << " of the gap where arms share, " << alone << " without learning how arms are");
  CHECK(together > alone + 0.06);
}

TEST_CASE("with more features than a prior is learned for, arms are alone") {
  auto_bandit bandit({.dimension = max_population_dimension + 1});
  bandit.add_arm();
  CHECK(!bandit.models()[0].options().learn_prior);
}

TEST_CASE("what is not finite is refused by all models alike") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto_bandit bandit({.dimension = 2});
  for (int a = 0; a < 4; ++a) bandit.add_arm();
  random_stream random(7);
  const vector x = {1, 2};
  for (int n = 0; n < 50; ++n) bandit.learn(bandit.choose(x, random), x, 1);
  const std::vector<double> before = probabilities(bandit, x);
  const choice chosen = bandit.choose(x, random);
  CHECK(!bandit.learn(chosen, vector{nan, 1}, 1));
  CHECK(!bandit.learn(chosen, x, nan));
  CHECK(!bandit.learn(chosen, x, 1, nan));
  CHECK(!bandit.revise(chosen, x, nan));
  CHECK(!bandit.learn({arm_index{99}, 1, {}, 0}, x, 1));
  CHECK(probabilities(bandit, x) == before);
  for (const double p : probabilities(bandit, vector{nan, 1})) CHECK(p == Approx(0.25));
}

TEST_CASE("arms of an auto bandit come and go, and a failed allocation adds none") {
  auto_bandit bandit({.dimension = 2});
  for (int a = 0; a < 16; ++a) bandit.add_arm();
  for (long allowed = 0;; ++allowed) {
    try {
      const tandem_test::fail_new_after failing(allowed);
      bandit.add_arm();
      break;
    } catch (const std::bad_alloc&) {
      for (const linear_arms& each : bandit.models()) REQUIRE(each.size() == 16);
    }
  }
  CHECK(bandit.remove_arm(bandit.arms()[3]));
  CHECK(!bandit.remove_arm(arm_index{3}));
  CHECK(bandit.arms().size() == 16);
  for (const linear_arms& each : bandit.models()) {
    CHECK(std::equal(each.handles().begin(), each.handles().end(), bandit.arms().begin(), bandit.arms().end()));
  }
  CHECK(bandit.discount(bandit.arms()[0], 0));
}

TEST_CASE("options of an auto bandit out of range are refused by name") {
  CHECK(refused_option({.dimension = 4}) == "nothing");
  CHECK(refused_option({.dimension = 0}) == "dimension");
  CHECK(refused_option({.epsilon = 2}) == "linear_ucb.epsilon");
  CHECK(refused_option({.discounts = {}}) == "discounts");
  CHECK(refused_option({.discounts = {0}}) == "discount");
  CHECK(refused_option({.memory = 1.5}) == "memory");
  CHECK(refused_option({.trial = -0.1}) == "trial");
  CHECK(refused_option({.strengths = {}}) == "strengths");
  CHECK(refused_option({.strengths = {-1}}) == "linear_ucb.alpha");
}
