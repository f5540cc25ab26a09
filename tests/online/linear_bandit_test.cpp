#include "tandem/online/linear_bandit.hpp"

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

using namespace tandem::online;
using tandem::random_stream;
using tandem_test::mean_share;
using tandem_test::probabilities;
using vector = std::vector<float>;

namespace {

double sum(const std::vector<double>& p) { return std::accumulate(p.begin(), p.end(), 0.0); }

}  // namespace

TEST_CASE("arms that know nothing are drawn alike, and an arm that paid is preferred") {
  lin_ucb bandit({.dimension = 2, .policy = {.alpha = 0.1}});
  const arm_index a = bandit.add_arm();
  const arm_index b = bandit.add_arm();
  const vector x = {1, 0.5F};
  CHECK(probabilities(bandit, x) == std::vector<double>{0.5, 0.5});
  for (int n = 0; n < 10; ++n) {
    CHECK(bandit.learn(a, x, 0));
    CHECK(bandit.learn(b, x, 1));
  }
  CHECK(probabilities(bandit, x) == std::vector<double>{0, 1});
  random_stream random(1);
  const choice chosen = bandit.choose(x, random);
  CHECK(chosen.arm == b);
  CHECK(chosen.propensity == 1);
  CHECK(chosen.expected.mean == Approx(bandit.posterior(b)->mean(x)));
  CHECK(chosen.expected.variance == Approx(bandit.posterior(b)->variance(x)));
}

TEST_CASE("a linear bandit draws with the probabilities it logs") {
  linear_bandit<> bandit({.dimension = 3, .policy = thompson{0.5}});
  random_stream random(2);
  for (int a = 0; a < 8; ++a) bandit.add_arm();
  vector x(3);
  for (int n = 0; n < 200; ++n) {
    for (float& each : x) each = static_cast<float>(random.normal());
    bandit.learn(bandit.choose(x, random), x, static_cast<float>(random.uniform()));
  }
  const std::vector<double> p = probabilities(bandit, x);
  std::vector<std::size_t> counts(8, 0);
  for (int n = 0; n < 50000; ++n) {
    const choice chosen = bandit.choose(x, random);
    REQUIRE(chosen.propensity == p[tandem::raw(chosen.arm)]);
    ++counts[tandem::raw(chosen.arm)];
  }
  CHECK(tandem_test::chi_square_p(counts, p) > 0.001);
}

TEST_CASE("removing an arm leaves the others as they were, and late rewards for it are refused") {
  lin_ts bandit({.dimension = 2, .policy = {.scale = 0.3}});
  std::vector<arm_index> arms;
  for (int a = 0; a < 4; ++a) arms.push_back(bandit.add_arm());
  const vector x = {1, 1};
  for (std::size_t a = 0; a < 4; ++a) bandit.learn(arms[a], x, static_cast<float>(a));
  const float third = bandit.posterior(arms[2])->mean(x);
  CHECK(bandit.remove_arm(arms[1]));
  CHECK(!bandit.remove_arm(arms[1]));
  CHECK(!bandit.learn(arms[1], x, 1));
  CHECK(!bandit.posterior(arms[1]));
  CHECK(bandit.posterior(arms[2])->mean(x) == third);
  CHECK(bandit.arms().size() == 3);
  CHECK(sum(probabilities(bandit, x)) == Approx(1));
  CHECK(bandit.add_arm() != arms[1]);
}

TEST_CASE("an arm may start from a prior") {
  lin_ucb bandit({.dimension = 2, .policy = {.alpha = 0}});
  bandit.add_arm();
  const arm_index known = bandit.add_arm(linear_posterior::from_prior(vector{0, 2}, vector{10, 0, 0, 10}));
  CHECK(probabilities(bandit, vector{0, 1}) == std::vector<double>{0, 1});
  CHECK(bandit.posterior(known)->variance(vector{1, 0}) == Approx(0.1));
  CHECK_THROWS_AS(bandit.add_arm(linear_posterior({.dimension = 3})), tandem::error);
  CHECK(bandit.arms().size() == 2);
}

TEST_CASE("what is not finite is refused and changes nothing; such a context draws all arms alike") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  tuned_lin_ucb bandit({.dimension = 2});
  for (int a = 0; a < 4; ++a) bandit.add_arm();
  const vector x = {1, 2};
  random_stream random(3);
  for (int n = 0; n < 50; ++n) bandit.learn(bandit.choose(x, random), x, 1);
  const std::vector<double> before = probabilities(bandit, x);
  const choice chosen = bandit.choose(x, random);
  for (const float odd : {nan, inf, -inf}) {
    CHECK(!bandit.learn(chosen, vector{odd, 1}, 1));
    CHECK(!bandit.learn(chosen, x, odd));
    CHECK(!bandit.learn(chosen, x, 1, odd));
    for (const double p : probabilities(bandit, vector{odd, 1})) CHECK(p == Approx(0.25));
    CHECK(bandit.choose(vector{odd, 1}, random).propensity == Approx(0.25));
  }
  CHECK(!bandit.learn(chosen, x, 1, -1000));
  CHECK(probabilities(bandit, x) == before);
}

TEST_CASE("linear bandits: the same seed and calls, the same choices") {
  const auto run = [](std::uint64_t seed) {
    tuned_lin_ts bandit({.dimension = 4});
    for (int a = 0; a < 6; ++a) bandit.add_arm();
    random_stream random(seed);
    std::vector<unsigned> chosen;
    vector x(4);
    for (int n = 0; n < 300; ++n) {
      for (float& each : x) each = static_cast<float>(random.normal());
      const choice c = bandit.choose(x, random);
      chosen.push_back(tandem::raw(c.arm));
      bandit.learn(c, x, static_cast<float>(random.uniform()));
    }
    return chosen;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}

TEST_CASE("linear bandits: choosing and learning allocate nothing") {
  const auto check = [](auto bandit) {
    for (int a = 0; a < 30; ++a) bandit.add_arm();
    const vector x(10, 0.3F);
    random_stream random(4);
    (void)bandit.choose(x, random);
    const tandem_test::fail_new_after none(0);
    for (int n = 0; n < 50; ++n) bandit.learn(bandit.choose(x, random), x, 1);
  };
  check(lin_ucb({.dimension = 10}));
  check(lin_ts({.dimension = 10, .discount = 0.99F}));
  check(linear_bandit<>({.dimension = 10, .policy = softmax{}}));
  check(tuned_lin_ucb({.dimension = 10}));
}

TEST_CASE("options of a linear bandit out of range are refused by name") {
  const auto refused = [](const linear_bandit_options<linear_ucb>& options) -> std::string {
    try {
      lin_ucb bandit(options);
    } catch (const tandem::error& e) {
      return e.where().field;
    }
    return "nothing";
  };
  CHECK(refused({.dimension = 4}) == "nothing");
  CHECK(refused({.dimension = 0}) == "dimension");
  CHECK(refused({.policy = {.alpha = -1}}) == "linear_ucb.alpha");
  CHECK(refused({.regularization = 0}) == "regularization");
  CHECK(refused({.discount = 0}) == "discount");
  CHECK(refused({.discount = 1.5F}) == "discount");
}

// ---- quality, in the logistic world
// ------------------------------------------------------------------------------------

TEST_CASE("LinUCB with alpha 0.1 earns 0.85 of the gap between chance and knowledge") {
  const auto lin = [](double alpha) {
    return [alpha] { return lin_ucb({.dimension = 20, .policy = {.alpha = alpha}}); };
  };
  const double share = mean_share(lin(0.1), 20, 20, 20000);
  WARN("LinUCB 0.1: " << share << " of the gap, 20 arms, 20 features, 20000 steps, 5 seeds");
  CHECK(share > 0.85);
  CHECK(share > mean_share(lin(0.02), 20, 20, 20000));  // too little optimism costs
}

TEST_CASE("without a knob, LinUCB earns nearly what the best alpha does") {
  const double share = mean_share([] { return tuned_lin_ucb({.dimension = 20}); }, 20, 20, 20000);
  WARN("tuned LinUCB: " << share << " of the gap");
  CHECK(share > 0.85);
}

TEST_CASE("forgetting pays when the arms change half way") {
  const auto lin = [](float discount) {
    return [discount] { return lin_ucb({.dimension = 20, .policy = {.alpha = 0.1}, .discount = discount}); };
  };
  const double forgetting = mean_share(lin(0.995F), 20, 20, 20000, true);
  const double keeping = mean_share(lin(1), 20, 20, 20000, true);
  WARN("switch half way: " << forgetting << " with discount 0.995, " << keeping << " without");
  CHECK(forgetting > keeping + 0.1);
}

TEST_CASE("linear Thompson sampling learns, and greedy learns less") {
  const auto ts = [] { return lin_ts({.dimension = 10, .policy = {.scale = 0.1}}); };
  const auto blind = [] { return linear_bandit<>({.dimension = 10, .policy = greedy{}}); };
  const double share = mean_share(ts, 10, 10, 5000);
  CHECK(share > 0.8);
  CHECK(share > mean_share(blind, 10, 10, 5000));
}
