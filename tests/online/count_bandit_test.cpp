#include "tandem/online/count_bandit.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "online/coin_world.hpp"
#include "support/catch.hpp"
#include "support/chi_square.hpp"
#include "support/failing_new.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/tuned.hpp"

using namespace tandem::online;
using tandem::random_stream;
using tandem_test::probabilities;

static_assert(index_policy<ucb1> && index_policy<kl_ucb> && !index_policy<thompson>);

namespace {

template <class Bandit>
double share_of_gap(Bandit bandit, const std::vector<double>& rates, int steps, bool reverses, std::uint64_t seed) {
  return tandem_test::share_of_gap(std::move(bandit), rates, steps, reverses, seed,
                                   [](auto& b, const choice& c, double reward) { b.learn(c, reward); });
}

double kl(double p, double q) {
  const auto part = [](double x, double y) { return x > 0 ? x * std::log(x / y) : 0.0; };
  return part(p, q) + part(1 - p, 1 - q);
}

/// The largest q with n kl(p, q) <= budget, by bisection.
double slow_kl_index(double p, double n, double budget) {
  double low = p;
  double high = 1;
  for (int step = 0; step < 200; ++step) {
    const double middle = (low + high) / 2;
    (n * kl(p, middle) <= budget ? low : high) = middle;
  }
  return low;
}

const std::vector<double> ten_rates = {0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.05, 0.04, 0.12};

}  // namespace

TEST_CASE("the index of KL-UCB is the largest mean within its budget, found by bisection") {
  random_stream random(1);
  for (int repeat = 0; repeat < 20000; ++repeat) {
    const double n = std::ceil(std::exp(random.uniform() * 14));
    const double rare = std::exp(-10 * random.uniform());
    const double hits = std::min(n, std::floor(n * (repeat % 3 == 0 ? rare : random.uniform())));
    const play_counts arm{n, repeat % 7 == 0 ? n : repeat % 11 == 0 ? 0 : hits};
    const double all = n * (1 + 50 * random.uniform());
    const double c = repeat % 2 == 0 ? 0 : 3;
    const double budget = std::log(all) + c * std::log(std::max(std::log(all), 1.0));
    INFO(arm.mean() << " of " << n << ", all " << all << ", c " << c);
    REQUIRE(kl_ucb{c}.index(arm, all) == Approx(slow_kl_index(arm.mean(), n, budget)).margin(2e-7).epsilon(1e-9));
  }
}

TEST_CASE("UCB1 follows its formula, and KL-UCB is never more optimistic") {
  CHECK(ucb1{}.index({10, 4}, 100) == Approx(0.4 + std::sqrt(2 * std::log(100.0) / 10)));
  CHECK(ucb1{.exploration = 0.5, .range = 10}.index({10, 4}, 100) ==
        Approx(0.4 + 10 * std::sqrt(0.5 * std::log(100.0) / 10)));
  random_stream random(2);
  for (int repeat = 0; repeat < 1000; ++repeat) {
    const double n = 1 + static_cast<double>(random.below(1000));
    const play_counts arm{n, n * random.uniform()};
    CHECK(kl_ucb{}.index(arm, 5 * n) <= ucb1{.exploration = 0.5}.index(arm, 5 * n) + 1e-9);
  }
}

TEST_CASE("arms never played come first and share; then the highest index, ties share") {
  ucb1_bandit bandit;
  const arm_index a = bandit.add_arm();
  const arm_index b = bandit.add_arm();
  const arm_index c = bandit.add_arm();
  CHECK(probabilities(bandit)[0] == Approx(1.0 / 3));
  bandit.learn(b, 1);
  CHECK(probabilities(bandit) == std::vector<double>{0.5, 0, 0.5});
  bandit.learn(a, 1);
  CHECK(probabilities(bandit) == std::vector<double>{0, 0, 1});
  bandit.learn(c, 0);
  CHECK(probabilities(bandit) == std::vector<double>{0.5, 0.5, 0});
  bandit.reset_arm(c);
  CHECK(probabilities(bandit) == std::vector<double>{0, 0, 1});
}

TEST_CASE("epsilon keeps every arm possible under the index policies") {
  const auto check = [](auto bandit) {
    for (int a = 0; a < 4; ++a) bandit.add_arm();
    for (const arm_index a : bandit.arms()) bandit.learn(a, a == bandit.arms()[2] ? 1 : 0);
    const std::vector<double> p = probabilities(bandit);
    CHECK(p[0] == Approx(0.05));
    CHECK(p[2] == Approx(0.85));
  };
  check(ucb1_bandit({.policy = {.epsilon = 0.2}}));
  check(kl_ucb_bandit({.policy = {.epsilon = 0.2}}));
}

TEST_CASE("the Gaussian posterior is that of the formulas") {
  gaussian_thompson bandit({.prior_mean = 2, .prior_variance = 4, .noise_variance = 9});
  const arm_index a = bandit.add_arm();
  random_stream random(3);
  CHECK(bandit.choose(random).expected.mean == Approx(2));
  CHECK(bandit.choose(random).expected.variance == Approx(4));
  bandit.learn(a, 5);
  bandit.learn(a, 11, 2);
  const estimate e = bandit.choose(random).expected;
  CHECK(e.variance == Approx(1 / (1.0 / 4 + 3.0 / 9)));
  CHECK(e.mean == Approx((2.0 / 4 + 27.0 / 9) / (1.0 / 4 + 3.0 / 9)));
}

TEST_CASE("Gaussian Thompson of two arms draws by the normal distribution of their difference") {
  gaussian_thompson bandit({.noise_variance = 1});
  bandit.add_arm({99, 50});
  bandit.add_arm({24, 15});
  const double gap = 15.0 / 25 - 50.0 / 100;
  CHECK(probabilities(bandit)[1] ==
        Approx(tandem_test::normal_cdf(gap / std::sqrt(1.0 / 25 + 1.0 / 100))).margin(2e-6));
}

TEST_CASE("every count bandit finds the best of ten arms") {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const double kl_share = share_of_gap(kl_ucb_bandit(), ten_rates, 20000, false, seed);
    const double ucb_share = share_of_gap(ucb1_bandit(), ten_rates, 20000, false, seed);
    CHECK(kl_share > 0.6);
    CHECK(kl_share > ucb_share + 0.2);  // Garivier and Cappe's point: rare rewards
    CHECK(share_of_gap(ucb1_bandit({.policy = {.exploration = 0.1}}), ten_rates, 20000, false, seed) > 0.6);
    CHECK(share_of_gap(gaussian_thompson({.noise_variance = 0.06}), ten_rates, 20000, false, seed) > 0.6);
    CHECK(share_of_gap(count_bandit<tuned<thompson>>(), ten_rates, 20000, false, seed) > 0.5);
  }
}

TEST_CASE("count bandits: with discount they leave what was true long ago") {
  const auto earned = [](auto options) {
    count_bandit<decltype(options.policy)> bandit(options);
    random_stream random(1);
    const arm_index was_worse = bandit.add_arm({20000, 4000});
    bandit.add_arm({20000, 16000});
    double sum = 0;
    for (int t = 0; t < 10000; ++t) {
      const choice chosen = bandit.choose(random);
      const double rate = chosen.arm == was_worse ? 0.8 : 0.2;
      sum += rate;
      bandit.learn(chosen, random.uniform() < rate ? 1 : 0);
    }
    return sum / 10000;
  };
  const auto check = [&](auto options) {
    CHECK(earned(options) < 0.4);
    options.discount = 0.995;
    CHECK(earned(options) > 0.65);
  };
  check(count_bandit_options<ucb1>{.policy = {.exploration = 0.5}});
  check(count_bandit_options<kl_ucb>{});
  check(count_bandit_options<thompson>{});
}

TEST_CASE("count bandits: discount fades every arm, and an arm that has faded away is played again") {
  ucb1_bandit bandit({.discount = 0.5});
  const arm_index a = bandit.add_arm();
  const arm_index b = bandit.add_arm({8, 4});
  bandit.learn(a, 1);
  CHECK(bandit.counts(b)->plays == 4);
  CHECK(bandit.counts(b)->mean() == 0.5);
  for (int n = 0; n < 3000; ++n) bandit.learn(a, 1);
  CHECK(bandit.counts(b)->plays == 0);
  CHECK(probabilities(bandit)[1] == 1);
}

TEST_CASE("count arms come and go") {
  kl_ucb_bandit bandit;
  const arm_index a = bandit.add_arm({10, 5});
  const arm_index b = bandit.add_arm({10, 9});
  CHECK(probabilities(bandit)[1] == 1);
  CHECK(bandit.remove_arm(b));
  CHECK(!bandit.remove_arm(b));
  CHECK(!bandit.reset_arm(b));
  CHECK(!bandit.learn(b, 1));
  CHECK(bandit.counts(b) == nullptr);
  CHECK(probabilities(bandit) == std::vector<double>{1});
  CHECK(bandit.arms()[0] == a);
  CHECK(bandit.add_arm() != b);
}

TEST_CASE("rewards and weights that a count bandit cannot take change nothing") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  gaussian_thompson free({.discount = 0.9});
  kl_ucb_bandit unit({.discount = 0.9});
  const arm_index a = free.add_arm({4, 2});
  const arm_index u = unit.add_arm({4, 2});
  for (const double odd : {nan, inf, -inf, 1e13}) {
    CHECK(!free.learn(a, odd));
    CHECK(!free.learn(a, 1, odd));
    CHECK(!unit.learn(u, odd));
  }
  CHECK(!free.learn(a, 1, -1));
  CHECK(!unit.learn(u, 1.01));
  CHECK(!unit.learn(u, -0.01));
  CHECK(free.counts(a)->plays == 4);
  CHECK(unit.counts(u)->plays == 4);
  CHECK(free.learn(a, -1000));
  for (const play_counts& odd : {play_counts{-1, 0}, play_counts{0, 1}, play_counts{nan, 1}, play_counts{2, 3}}) {
    CHECK_THROWS_AS(unit.add_arm(odd), tandem::error);
  }
}

TEST_CASE("options of a count bandit out of range are refused by name") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [](const auto& options) -> std::string {
    try {
      options.validate();
    } catch (const tandem::error& e) {
      return e.where().field;
    }
    return "nothing";
  };
  using gauss = count_bandit_options<thompson>;
  CHECK(refused(gauss{}) == "nothing");
  CHECK(refused(gauss{.policy = {.scale = -1}}) == "thompson.scale");
  CHECK(refused(gauss{.prior_mean = nan}) == "prior_mean");
  CHECK(refused(gauss{.prior_variance = 0}) == "prior_variance");
  CHECK(refused(gauss{.noise_variance = nan}) == "noise_variance");
  CHECK(refused(gauss{.discount = 0}) == "discount");
  CHECK(refused(count_bandit_options<ucb1>{.policy = {.exploration = -1}}) == "ucb1.exploration");
  CHECK(refused(count_bandit_options<ucb1>{.policy = {.range = 0}}) == "ucb1.range");
  CHECK(refused(count_bandit_options<ucb1>{.policy = {.epsilon = 2}}) == "ucb1.epsilon");
  CHECK(refused(count_bandit_options<kl_ucb>{.policy = {.c = nan}}) == "kl_ucb.c");
  CHECK(refused(count_bandit_options<kl_ucb>{.policy = {.epsilon = -1}}) == "kl_ucb.epsilon");
}

TEST_CASE("count bandits: choosing and learning allocate nothing") {
  const auto check = [](auto bandit) {
    for (int a = 0; a < 40; ++a) bandit.add_arm();
    random_stream random(4);
    (void)bandit.choose(random);
    const tandem_test::fail_new_after none(0);
    for (int n = 0; n < 100; ++n) bandit.learn(bandit.choose(random), 1);
  };
  check(ucb1_bandit({.discount = 0.99}));
  check(kl_ucb_bandit());
  check(gaussian_thompson());
  check(count_bandit<softmax>());
  check(count_bandit<tuned<thompson>>());
}
