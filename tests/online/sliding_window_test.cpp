#include "tandem/online/sliding_window.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
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

lin_ucb three_arms() {
  lin_ucb out({.dimension = 4, .policy = {.alpha = 0.3}});
  for (int a = 0; a < 3; ++a) out.add_arm();
  return out;
}

}  // namespace

TEST_CASE("a window knows its latest rewards as if there had never been others") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    random_stream random(seed);
    sliding_window<lin_ucb> window(three_arms(), 60);
    std::vector<std::pair<arm_index, std::pair<vector, float>>> all;
    for (int n = 0; n < 3000; ++n) {
      vector x(4);
      for (float& each : x) each = static_cast<float>(random.normal());
      const arm_index arm{static_cast<std::uint32_t>(random.below(3))};
      const auto reward = static_cast<float>(random.normal());
      REQUIRE(window.learn({arm, 1, {}, 0}, x, reward));
      all.emplace_back(arm, std::pair(x, reward));
    }
    lin_ucb latest = three_arms();
    for (std::size_t n = all.size() - 60; n < all.size(); ++n) {
      latest.learn(all[n].first, all[n].second.first, all[n].second.second);
    }
    const vector probe = {1, -1, 0.5F, 2};
    for (const arm_index arm : latest.arms()) {
      const estimate expected = latest.posterior(arm)->predict(probe);
      const estimate got = window.bandit().posterior(arm)->predict(probe);
      CHECK(got.mean == Approx(expected.mean).margin(0.02 * expected.sd() + 1e-3));
      CHECK(got.variance == Approx(expected.variance).epsilon(0.02));
    }
  }
}

TEST_CASE("rewards of an arm that is gone leave the window with it, and what cannot be learned does not enter") {
  sliding_window<lin_ucb> window(three_arms(), 10);
  const vector x = {1, 0, 0, 0};
  for (int n = 0; n < 10; ++n) window.learn({arm_index{0}, 1, {}, 0}, x, 1);
  CHECK(window.remove_arm(arm_index{0}));
  for (int n = 0; n < 10; ++n) CHECK(window.learn({arm_index{1}, 1, {}, 0}, x, 1));
  CHECK(window.learned() == 20);
  CHECK(window.bandit().posterior(arm_index{1})->mean(x) == Approx(10.0 / 11));
  CHECK(!window.learn({arm_index{0}, 1, {}, 0}, x, 1));
  CHECK(!window.learn({arm_index{1}, 1, {}, 0}, x, 1, -1));
  CHECK(!window.learn({arm_index{1}, 1, {}, 0}, x, std::numeric_limits<float>::infinity()));
  CHECK_THROWS_AS(sliding_window<lin_ucb>(three_arms(), 0), tandem::error);
  CHECK_THROWS_AS(sliding_window(lin_ucb({.dimension = 2, .discount = 0.99F}), 10), tandem::error);
}

TEST_CASE("an arm that was not played for a window's length knows nothing, after however many turns") {
  for (const std::size_t length : {std::size_t{100}, std::size_t{1000}}) {
    sliding_window<lin_ucb> window(three_arms(), length);
    const vector x = {1, 0.5F, -1, 2};
    for (std::size_t n = 0; n < 300000; ++n) {
      const arm_index arm{n / (3 * length) % 2 == 0 ? 0U : 1U};  // in turn, each for three windows
      REQUIRE(window.learn({arm, 1, {}, 0}, x, 1));
      if (n % (3 * length) != 3 * length - 1) continue;
      const arm_index idle{1 - tandem::raw(arm)};
      REQUIRE(window.bandit().posterior(idle)->mean(x) == Approx(0).margin(0.05));
      REQUIRE(window.bandit().posterior(idle)->variance(x) == Approx(6.25).epsilon(0.05));
    }
  }
}

TEST_CASE("a window follows a switch that a bandit without one does not") {
  double with = 0;
  double without = 0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto run = [&](auto bandit) {
      random_stream random(seed);
      double earned = 0;
      for (int t = 0; t < 4000; ++t) {
        const vector x = {1, 0, 0, 0};
        const choice c = bandit.choose(x, random);
        const double mean = tandem::raw(c.arm) == (t < 2000 ? 0U : 2U) ? 0.7 : 0.3;
        if (t >= 2000) earned += mean;
        bandit.learn(c, x, random.uniform() < mean ? 1.0F : 0.0F);
      }
      return earned;
    };
    with += run(sliding_window<lin_ucb>(three_arms(), 400));
    without += run(three_arms());
  }
  CHECK(with > 1.15 * without);
}

TEST_CASE("a window runs in a loop and allocates nothing there") {
  tuned_lin_ucb bandit({.dimension = 2});
  for (int a = 0; a < 4; ++a) bandit.add_arm();
  decision_loop loop(sliding_window(bandit, 20), {.learn = learn_when::at_window_end, .capacity = 64});
  const vector x = {1, 0.5F};
  const auto round = [&](std::uint64_t n) {
    const tandem::timestamp now = tandem::from_millis(static_cast<std::int64_t>(n) * 100'000'000);
    loop.decide(tandem::decision_id{n}, x, now);
    loop.reward(tandem::decision_id{n}, 1, now);
    loop.advance(now);
  };
  round(1);
  const tandem_test::fail_new_after none(0);
  for (std::uint64_t n = 2; n < 200; ++n) round(n);
  CHECK(loop.stats().version == 198);
}
