#include "tandem/online/beta_bandit.hpp"

#include <algorithm>
#include <cstddef>
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

using namespace tandem::online;
using tandem::random_stream;
using tandem_test::probabilities;

namespace {

double share_of_gap(beta_bandit bandit, const std::vector<double>& rates, int steps, bool reverses,
                    std::uint64_t seed) {
  return tandem_test::share_of_gap(std::move(bandit), rates, steps, reverses, seed,
                                   [](auto& b, const choice& c, double reward) { b.learn(c.arm, reward); });
}

}  // namespace

TEST_CASE("arms alike are drawn alike; rewards count up") {
  beta_bandit bandit;
  const arm_index a = bandit.add_arm();
  bandit.add_arm();
  CHECK(probabilities(bandit)[0] == Approx(0.5));
  CHECK(bandit.learn(a, 1));
  CHECK(bandit.learn(a, 0));
  CHECK(bandit.learn(a, 0.25));
  CHECK(bandit.counts(a)->alpha == 2.25);
  CHECK(bandit.counts(a)->beta == 2.75);
}

TEST_CASE("a beta bandit draws with the probabilities it logs, before and after learning") {
  beta_bandit bandit({.prior = {0.5, 2}});
  random_stream random(1);
  for (int a = 0; a < 6; ++a) bandit.add_arm();
  for (int round = 0; round < 2; ++round) {
    const std::vector<double> p = probabilities(bandit);
    std::vector<std::size_t> counts(6, 0);
    for (int n = 0; n < 100000; ++n) {
      const choice chosen = bandit.choose(random);
      REQUIRE(chosen.propensity == p[tandem::raw(chosen.arm)]);
      ++counts[tandem::raw(chosen.arm)];
    }
    CHECK(tandem_test::chi_square_p(counts, p) > 0.001);
    for (std::size_t a = 0; a < 6; ++a) {
      for (int n = 0; n < 20; ++n)
        bandit.learn(bandit.arms()[a], random.uniform() < 0.1 + 0.05 * static_cast<double>(a));
    }
  }
}

TEST_CASE("a beta bandit finds the best of ten arms") {
  const std::vector<double> rates = {0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.05, 0.04, 0.12};
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    CHECK(share_of_gap(beta_bandit(), rates, 5000, false, seed) > 0.6);
  }
}

TEST_CASE("beta bandit: with discount it follows arms that change") {
  const std::vector<double> rates = {0.4,
                                     0.6};  // after the change the old best must fall below what was known of the other
  const double keeping = share_of_gap(beta_bandit(), rates, 10000, true, 1);
  const double forgetting = share_of_gap(beta_bandit({.discount = 0.995}), rates, 10000, true, 1);
  CHECK(forgetting > keeping + 0.1);
}

TEST_CASE("beta bandit: discount fades every arm towards the prior") {
  beta_bandit bandit({.prior = {2, 3}, .discount = 0.5});
  const arm_index a = bandit.add_arm();
  const arm_index b = bandit.add_arm({10, 3});
  REQUIRE(bandit.learn(a, 1));
  CHECK(bandit.counts(a)->alpha == 3);
  CHECK(bandit.counts(b)->alpha == 6);  // half way from 10 to 2
  for (int n = 0; n < 200; ++n) bandit.learn(a, 1);
  CHECK(bandit.counts(b)->alpha == Approx(2));
  CHECK(bandit.counts(a)->alpha == Approx(2 + 1 / (1 - 0.5)));
  CHECK(bandit.counts(a)->beta == Approx(3));
}

TEST_CASE("beta arms come and go") {
  beta_bandit bandit;
  const arm_index a = bandit.add_arm();
  const arm_index b = bandit.add_arm();
  (void)probabilities(bandit);
  const arm_index c = bandit.add_arm({50, 1});
  CHECK(probabilities(bandit)[2] > 0.9);
  CHECK(bandit.remove_arm(c));
  CHECK(!bandit.remove_arm(c));
  CHECK(!bandit.learn(c, 1));
  CHECK(bandit.counts(c) == nullptr);
  CHECK(probabilities(bandit)[0] == Approx(0.5));
  CHECK(bandit.arms()[0] == a);
  CHECK(bandit.arms()[1] == b);
}

TEST_CASE("rewards outside [0, 1] are refused and change nothing") {
  beta_bandit bandit({.discount = 0.9});
  const arm_index a = bandit.add_arm({4, 5});
  for (const double odd :
       {-0.01, 1.01, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CHECK(!bandit.learn(a, odd));
  }
  CHECK(bandit.counts(a)->alpha == 4);
  CHECK(bandit.counts(a)->beta == 5);
}

TEST_CASE("options of a beta bandit out of range are refused by name") {
  const auto refused = [](const beta_bandit_options& options) -> std::string {
    try {
      beta_bandit bandit(options);
    } catch (const tandem::error& e) {
      return e.where().field;
    }
    return "nothing";
  };
  CHECK(refused({.prior = {0, 1}}) == "prior.alpha");
  CHECK(refused({.prior = {1, std::numeric_limits<double>::quiet_NaN()}}) == "prior.beta");
  CHECK(refused({.discount = 0}) == "discount");
  CHECK(refused({.discount = 1.1}) == "discount");
  CHECK_THROWS_AS(beta_bandit().add_arm({-1, 1}), tandem::error);
}

TEST_CASE("beta bandit: choosing and learning allocate nothing") {
  beta_bandit bandit({.discount = 0.99});
  for (int a = 0; a < 40; ++a) bandit.add_arm();
  random_stream random(2);
  const tandem_test::fail_new_after none(0);
  for (int n = 0; n < 20; ++n) bandit.learn(bandit.choose(random).arm, 1);
}
