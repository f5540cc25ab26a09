#include "tandem/online/logistic_bandit.hpp"

#include <algorithm>
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

TEMPLATE_TEST_CASE("logistic arms that know nothing are drawn alike, and an arm that paid is preferred", "",
                   logistic_ts, full_logistic_ts) {
  TestType bandit({.dimension = 2, .policy = {.scale = 0.5}});
  const arm_index a = bandit.add_arm();
  const arm_index b = bandit.add_arm();
  const vector x = {1, 0.5F};
  CHECK(probabilities(bandit, x)[0] == Approx(0.5));
  for (int n = 0; n < 30; ++n) {
    CHECK(bandit.learn(a, x, 0));
    CHECK(bandit.learn(b, x, 1));
  }
  CHECK(probabilities(bandit, x)[1] > 0.999);
  random_stream random(1);
  const choice chosen = bandit.choose(x, random);
  CHECK(chosen.arm == b);
  CHECK(chosen.expected.mean == bandit.posterior(b)->predict(x).mean);
  CHECK(bandit.reset_arm(b));
  CHECK(bandit.posterior(b)->predict(x).mean == 0);
}

TEST_CASE("on either scale the order of arms is the same") {
  random_stream random(2);
  logistic_bandit<greedy> logits({.dimension = 3});
  logistic_bandit<greedy> rates({.dimension = 3, .scale = logistic_scale::probability});
  for (int a = 0; a < 5; ++a) {
    logits.add_arm();
    rates.add_arm();
  }
  vector x(3);
  for (int n = 0; n < 2000; ++n) {
    for (float& each : x) each = static_cast<float>(random.normal());
    const arm_index arm = logits.arms()[random.below(5)];
    const float reward = random.uniform() < 0.3 ? 1.0F : 0.0F;
    logits.learn(arm, x, reward);
    rates.learn(arm, x, reward);
  }
  int same = 0;
  for (int n = 0; n < 100; ++n) {
    for (float& each : x) each = static_cast<float>(random.normal());
    same += probabilities(logits, x) == probabilities(rates, x) ? 1 : 0;
    const float mean = rates.choose(x, random).expected.mean;
    CHECK((mean > 0 && mean < 1));
  }
  CHECK(same > 90);  // the mean of a probability also depends on the variance
}

TEST_CASE("removing a logistic arm leaves the others as they were, and late rewards for it are refused") {
  logistic_ts bandit({.dimension = 2, .policy = {.scale = 0.3}});
  std::vector<arm_index> arms;
  for (int a = 0; a < 4; ++a) arms.push_back(bandit.add_arm());
  const vector x = {1, 1};
  for (std::size_t a = 0; a < 4; ++a) bandit.learn(arms[a], x, static_cast<float>(a) / 3);
  const float third = bandit.posterior(arms[2])->predict(x).mean;
  CHECK(bandit.remove_arm(arms[1]));
  CHECK(!bandit.remove_arm(arms[1]));
  CHECK(!bandit.reset_arm(arms[1]));
  CHECK(!bandit.learn(arms[1], x, 1));
  CHECK(bandit.posterior(arms[1]) == nullptr);
  CHECK(bandit.posterior(arms[2])->predict(x).mean == third);
  CHECK(bandit.arms().size() == 3);
  CHECK(bandit.add_arm() != arms[1]);
  CHECK_THROWS_AS(bandit.add_arm(diagonal_logistic_posterior({.dimension = 3})), tandem::error);
  CHECK(bandit.arms().size() == 4);
}

TEMPLATE_TEST_CASE("contexts that are not finite or too short draw all logistic arms alike and teach nothing", "",
                   logistic_ts, full_logistic_ts) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  TestType bandit({.dimension = 2});
  for (int a = 0; a < 4; ++a) bandit.add_arm();
  const vector x = {1, 2};
  random_stream random(3);
  for (int n = 0; n < 50; ++n) bandit.learn(bandit.choose(x, random), x, 1);
  const std::vector<double> before = probabilities(bandit, x);
  const choice chosen = bandit.choose(x, random);
  for (const vector& odd : {vector{nan, 1}, vector{1}, vector{1, 2, 3}, vector{}}) {
    CHECK(!bandit.learn(chosen, odd, 1));
    for (const double p : probabilities(bandit, odd)) CHECK(p == Approx(0.25));
  }
  CHECK(!bandit.learn(chosen, x, 2));
  CHECK(!bandit.learn(chosen, x, nan));
  CHECK(!bandit.learn(chosen, x, 1, -1));
  CHECK(probabilities(bandit, x) == before);
}

TEST_CASE("options of a logistic bandit out of range are refused by name") {
  const auto refused = [](const logistic_bandit_options<thompson>& options) -> std::string {
    try {
      full_logistic_ts bandit(options);
    } catch (const tandem::error& e) {
      return e.where().field;
    }
    return "nothing";
  };
  CHECK(refused({.dimension = 4}) == "nothing");
  CHECK(refused({.dimension = 0}) == "dimension");
  CHECK(refused({.dimension = 300}) == "dimension");
  CHECK(refused({.policy = {.scale = -1}}) == "thompson.scale");
  CHECK(refused({.scale = static_cast<logistic_scale>(7)}) == "scale");
  CHECK(refused({.regularization = 0}) == "regularization");
  CHECK(refused({.discount = 1.5F}) == "discount");
}

TEST_CASE("logistic bandits: choosing and learning allocate nothing") {
  const auto check = [](auto bandit) {
    for (int a = 0; a < 30; ++a) bandit.add_arm();
    const vector x(10, 0.3F);
    random_stream random(4);
    (void)bandit.choose(x, random);
    const tandem_test::fail_new_after none(0);
    for (int n = 0; n < 50; ++n) bandit.learn(bandit.choose(x, random), x, 1);
  };
  check(logistic_ts({.dimension = 10}));
  check(full_logistic_ts({.dimension = 10, .discount = 0.99F}));
  check(logistic_bandit<inverse_gap>({.dimension = 10, .scale = logistic_scale::probability}));
  check(logistic_bandit<tuned<thompson>>({.dimension = 10}));
}

TEST_CASE("logistic Thompson sampling earns 0.85 of the gap between chance and knowledge") {
  const double diagonal =
      mean_share([] { return logistic_ts({.dimension = 20, .policy = {.scale = 0.5}}); }, 20, 20, 20000);
  WARN("diagonal logistic Thompson 0.5: " << diagonal << " of the gap, 20 arms, 20 features, 20000 steps, 5 seeds");
  CHECK(diagonal > 0.85);
  const double full =
      mean_share([] { return full_logistic_ts({.dimension = 20, .policy = {.scale = 0.5}}); }, 20, 20, 20000);
  WARN("full logistic Thompson 0.5: " << full << " of the gap");
  CHECK(full > 0.85);
}

TEST_CASE("logistic bandits: forgetting pays when the arms change half way") {
  const auto share = [](float discount) {
    return mean_share([&] { return logistic_ts({.dimension = 20, .policy = {.scale = 0.5}, .discount = discount}); },
                      20, 20, 20000, true);
  };
  const double forgetting = share(0.998F);
  const double keeping = share(1);
  WARN("switch half way: " << forgetting << " with discount 0.998, " << keeping << " without");
  CHECK(forgetting > keeping + 0.05);
}
