#include "tandem/online/drift_watch.hpp"

#include <cstddef>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/decision_loop.hpp"
#include "tandem/online/linear_bandit.hpp"

using namespace tandem::online;
using tandem::random_stream;
using vector = std::vector<float>;

namespace {

using watched = drift_watch<lin_ucb>;

watched with_arms(int n, const watched::options_type& options = {}) {
  watched out(lin_ucb({.dimension = 2, .policy = {.alpha = 0.2, .epsilon = 0.3}, .noise_variance = 0}), options);
  for (int a = 0; a < n; ++a) out.add_arm();
  return out;
}

// plays n rounds in which arm a pays means[a] on average; noise .3
void play(watched& bandit, const std::vector<double>& means, int n, random_stream& random) {
  for (int t = 0; t < n; ++t) {
    const vector x = {1, static_cast<float>(random.normal(0, 0.1))};
    const choice c = bandit.choose(x, random);
    bandit.learn(c, x, static_cast<float>(random.normal(means[tandem::raw(c.arm)], 0.3)));
  }
}

}  // namespace

TEST_CASE("the arm that changed is found, forgets, and is reported; the others go on") {
  random_stream random(1);
  watched bandit = with_arms(3);
  play(bandit, {0.6, 0.2, 0.4}, 3000, random);
  CHECK(bandit.changes() == 0);
  const vector x = {1, 0};
  const float others = bandit.bandit().posterior(arm_index{1})->variance(x);
  play(bandit, {-0.4, 0.2, 0.4}, 400, random);
  REQUIRE(bandit.changes() >= 1);
  CHECK(bandit.change(0).arm == arm_index{0});
  CHECK(bandit.change(0).reward > 3000);
  CHECK(bandit.change(0).reward < 3200);
  CHECK(bandit.bandit().posterior(arm_index{1})->variance(x) < 1.2F * others);
  play(bandit, {-0.4, 0.2, 0.4}, 500, random);
  CHECK(bandit.bandit().posterior(arm_index{0})->mean(x) < 0.1F);  // played only now and then, but it has seen it
}

TEST_CASE("a world that stays gives few alarms") {
  std::size_t alarms = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_stream random(seed);
    watched bandit = with_arms(4);
    play(bandit, {0.1, 0.2, 0.3, 0.4}, 5000, random);
    alarms += bandit.changes();
  }
  CHECK(alarms <= 10);
}

TEST_CASE("watching pays where one arm collapses") {
  double with = 0;
  double without = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto run = [&](auto bandit) {
      random_stream random(seed);
      double earned = 0;
      for (int t = 0; t < 6000; ++t) {
        const vector x = {1};
        const choice c = bandit.choose(x, random);
        const double mean = c.arm == arm_index{0} ? (t < 4000 ? 0.8 : 0.0) : 0.4;
        if (t >= 4000) earned += mean;
        bandit.learn(c, x, random.uniform() < mean ? 1.0F : 0.0F);
      }
      return earned;
    };
    lin_ucb plain({.dimension = 1, .policy = {.alpha = 0.5}, .noise_variance = 0});
    for (int a = 0; a < 2; ++a) plain.add_arm();
    without += run(plain);
    with += run(watched(plain));
  }
  INFO("with " << with << ", without " << without);
  CHECK(with > 1.3 * without);
}

TEST_CASE(
    "a watched bandit keeps its arms and detectors together, refuses what its bandit does, and allocates nothing") {
  watched bandit = with_arms(3);
  CHECK(bandit.remove_arm(arm_index{1}));
  CHECK(!bandit.remove_arm(arm_index{1}));
  CHECK(bandit.add_arm() == arm_index{3});
  const vector x = {1, 2};
  CHECK(!bandit.learn({arm_index{1}, 1, {}, 0}, x, 1));
  CHECK(!bandit.learn({arm_index{0}, 1, {}, 0}, x, std::numeric_limits<float>::quiet_NaN()));
  random_stream random(3);
  (void)bandit.choose(x, random);
  {
    const tandem_test::fail_new_after none(0);
    for (int n = 0; n < 200; ++n) CHECK(bandit.learn(bandit.choose(x, random), x, 1));
  }
  CHECK_THROWS_AS(with_arms(1, {.scale = 0}), tandem::error);
  CHECK_THROWS_AS(with_arms(1, {.keep = 1}), tandem::error);
  decision_loop loop(bandit, {.learn = learn_when::at_window_end});
  CHECK(loop.decide(tandem::decision_id{1}, x, tandem::from_millis(0)).ok());
  CHECK(loop.reward(tandem::decision_id{1}, 1, tandem::from_millis(0)) == reward_status::joined);
}
