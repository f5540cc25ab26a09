#include "tandem/online/exp3_ix.hpp"

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

namespace {

std::vector<double> probabilities(const exp3_ix& bandit) {
  std::vector<double> out(bandit.arms().size());
  bandit.probabilities(out);
  return out;
}

/// What a bandit earned less what the best fixed arm would have, over `steps`; rewards by step and arm.
template <class World>
double regret(exp3_ix bandit, std::size_t arms, int steps, std::uint64_t seed, World world) {
  random_stream random(seed);
  for (std::size_t a = 0; a < arms; ++a) bandit.add_arm();
  std::vector<double> each(arms, 0);
  double earned = 0;
  for (int t = 0; t < steps; ++t) {
    for (std::size_t a = 0; a < arms; ++a) each[a] += world(t, a);
    const choice chosen = bandit.choose(random);
    const double reward = world(t, tandem::slot(chosen.arm));
    earned += reward;
    bandit.learn(chosen, reward);
  }
  return *std::max_element(each.begin(), each.end()) - earned;
}

}  // namespace

TEST_CASE("EXP3-IX follows its formula") {
  exp3_ix bandit;
  const arm_index a = bandit.add_arm();
  bandit.add_arm();
  bandit.add_arm();
  CHECK(probabilities(bandit)[0] == Approx(1.0 / 3));
  double losses[3] = {0, 0, 0};
  double t = 0;
  const auto eta = [&] { return std::sqrt(std::log(3.0) / (3 * std::max(1.0, t))); };
  random_stream random(1);
  for (int n = 0; n < 200; ++n) {
    const choice chosen = bandit.choose(random);
    const double reward = random.uniform();
    double sum = 0;
    for (const double loss : losses) sum += std::exp(-eta() * loss);
    REQUIRE(chosen.propensity == Approx(std::exp(-eta() * losses[tandem::slot(chosen.arm)]) / sum));
    losses[tandem::slot(chosen.arm)] += (1 - reward) / (chosen.propensity + eta() / 2);
    REQUIRE(bandit.learn(chosen, reward));
    t += 1;
  }
  CHECK(a == bandit.arms()[0]);
}

TEST_CASE("EXP3-IX stays within its bound in worlds made against it") {
  const int steps = 20000;
  const std::size_t arms = 5;
  // corollary 1 with delta = 0.05, for the anytime rate
  const double k = static_cast<double>(arms);
  const double bound =
      4 * std::sqrt(k * steps * std::log(k)) + (2 * std::sqrt(k * steps / std::log(k)) + 1) * std::log(2 / 0.05);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto good_late = [&](int t, std::size_t a) { return (t < steps / 3 ? a == 0 : a == 3) ? 0.9 : 0.3; };
    const auto periodic = [](int t, std::size_t a) { return static_cast<std::size_t>(t) % 7 <= a ? 1.0 : 0.0; };
    const auto subtle = [&](int t, std::size_t a) {
      return random_stream(seed + 100, static_cast<std::uint64_t>(t) * 8 + a).uniform() < (a == 2 ? 0.55 : 0.45) ? 1.
                                                                                                                 : 0.;
    };
    CHECK(regret(exp3_ix(), arms, steps, seed, good_late) < bound);
    CHECK(regret(exp3_ix(), arms, steps, seed, periodic) < bound);
    CHECK(regret(exp3_ix(), arms, steps, seed, subtle) < 1200);  // at random: 1600
  }
}

TEST_CASE("EXP3-IX follows a change sooner with discount") {
  const auto world = [](int t, std::size_t a) { return (t < 10000 ? a == 0 : a == 1) ? 0.8 : 0.2; };
  const double keeping = regret(exp3_ix(), 3, 20000, 1, world);
  const double forgetting = regret(exp3_ix({.rate = 2, .discount = 0.999}), 3, 20000, 1, world);
  CHECK(6000 + forgetting < 0.7 * (6000 + keeping));  // against the best of each half
}

TEST_CASE("arms of EXP3-IX come and go, and the others keep their proportions") {
  exp3_ix bandit;
  for (int a = 0; a < 3; ++a) bandit.add_arm();
  random_stream random(2);
  for (int n = 0; n < 300; ++n) {
    const choice chosen = bandit.choose(random);
    bandit.learn(chosen, chosen.arm == bandit.arms()[0] ? 1 : 0.5);
  }
  const arm_index fresh = bandit.add_arm();
  CHECK(probabilities(bandit)[3] == Approx(0.25));
  CHECK(bandit.remove_arm(fresh));
  CHECK(!bandit.remove_arm(fresh));
  CHECK(!bandit.learn(fresh, 0.5, 1));
  const std::vector<double> p = probabilities(bandit);
  CHECK(bandit.remove_arm(bandit.arms()[1]));
  const std::vector<double> q = probabilities(bandit);
  CHECK((q[0] > 0.5 && q[0] < 1));
  CHECK((p[0] > p[1] && p[0] > p[2]));
  exp3_ix one;
  const arm_index only = one.add_arm();
  CHECK(probabilities(one) == std::vector<double>{1});
  CHECK(one.learn(only, 1, 0));
  one.add_arm();
  CHECK(probabilities(one)[1] == Approx(0.5));
}

TEST_CASE("EXP3-IX refuses what it cannot learn, and options out of range") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  exp3_ix bandit({.discount = 0.9});
  const arm_index a = bandit.add_arm();
  bandit.add_arm();
  const std::vector<double> before = probabilities(bandit);
  for (const double odd : {-0.1, 1.1, nan}) {
    CHECK(!bandit.learn(a, 0.5, odd));
    CHECK(!bandit.learn(a, odd, 0.5));
  }
  CHECK(!bandit.learn(a, 0, 0.5));
  CHECK(probabilities(bandit) == before);
  const auto refused = [](const exp3_ix_options& options) -> std::string {
    try {
      exp3_ix refusing(options);
    } catch (const tandem::error& e) {
      return e.where().field;
    }
    return "nothing";
  };
  CHECK(refused({.rate = 0}) == "rate");
  CHECK(refused({.rate = nan}) == "rate");
  CHECK(refused({.discount = 0}) == "discount");
  CHECK(refused({.discount = 1.01}) == "discount");
}

TEST_CASE("a million losses do not make EXP3-IX lose its numbers") {
  exp3_ix bandit({.rate = 1000});
  for (int a = 0; a < 4; ++a) bandit.add_arm();
  for (int n = 0; n < 1000000; ++n) bandit.learn(bandit.arms()[static_cast<std::size_t>(n % 3)], 1e-6, 0);
  const std::vector<double> p = probabilities(bandit);
  CHECK(p[3] == Approx(1));
}

TEST_CASE("EXP3-IX: choosing and learning allocate nothing") {
  exp3_ix bandit({.discount = 0.99});
  for (int a = 0; a < 40; ++a) bandit.add_arm();
  random_stream random(3);
  const tandem_test::fail_new_after none(0);
  for (int n = 0; n < 100; ++n) bandit.learn(bandit.choose(random), 0.5);
}
