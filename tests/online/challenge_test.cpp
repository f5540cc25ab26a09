#include "tandem/online/challenge.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/sampler.hpp"

using namespace tandem::online;
using tandem::random_stream;

namespace {

struct result {
  challenge_verdict verdict = challenge_verdict::undecided;
  std::uint64_t n = 0;
  double low = 0, high = 0;
};

/// Two policies over three arms; the challenge is looked at after every reward.
result run(const std::vector<double>& champion, const std::vector<double>& challenger, int steps, std::uint64_t seed) {
  const std::vector<double> rates = {0.1, 0.2, 0.3};
  challenge trial({.share = 0.2});
  random_stream random(seed);
  std::vector<double> p(3);
  for (int t = 0; t < steps && trial.verdict() == challenge_verdict::undecided; ++t) {
    trial.probabilities(champion, challenger, p);
    const draw drawn = sample(p, random);
    const double reward = random.uniform() < rates[drawn.index] ? 1 : 0;
    REQUIRE(trial.learn(champion[drawn.index], challenger[drawn.index], drawn.probability, reward));
  }
  return {trial.verdict(), trial.n(), trial.difference().low, trial.difference().high};
}

}  // namespace

TEST_CASE("a better challenger is promoted, a worse one rejected, sooner the larger the difference") {
  const std::vector<double> good = {0.1, 0.1, 0.8};
  const std::vector<double> middling = {0.2, 0.4, 0.4};
  const std::vector<double> bad = {0.8, 0.1, 0.1};
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const result up = run(bad, good, 100000, seed);
    CHECK(up.verdict == challenge_verdict::promote);
    CHECK(up.n < 20000);
    CHECK(run(good, bad, 100000, seed).verdict == challenge_verdict::reject);
    CHECK(run(middling, good, 200000, seed).verdict == challenge_verdict::promote);
  }
}

TEST_CASE("between equals that draw differently, looked at after every reward, verdicts are rarer than 5 in 100") {
  // both earn 0.2
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    wrong += run({0.1, 0.8, 0.1}, {0.45, 0.1, 0.45}, 5000, seed).verdict == challenge_verdict::undecided ? 0 : 1;
  }
  INFO(wrong << " of 200");
  CHECK(wrong <= 15);
}

TEST_CASE("policies that agree are never told apart, and cost nothing") {
  const result same = run({0.2, 0.3, 0.5}, {0.2, 0.3, 0.5}, 3000, 1);
  CHECK(same.verdict == challenge_verdict::undecided);
}

TEST_CASE("the mixture's propensities are exact; after the verdict the winner serves alone") {
  challenge trial({.share = 0.25, .min_observations = 100});
  const std::vector<double> champion = {1, 0};
  const std::vector<double> challenger = {0, 1};
  std::vector<double> p(2);
  trial.probabilities(champion, challenger, p);
  CHECK(p == std::vector<double>{0.75, 0.25});
  for (int n = 0; n < 5000; ++n) n % 4 == 0 ? trial.learn(0, 1, 0.25, 1) : trial.learn(1, 0, 0.75, 0);
  CHECK(trial.verdict() == challenge_verdict::promote);
  trial.probabilities(champion, challenger, p);
  CHECK(p == challenger);
  const std::uint64_t n = trial.n();
  CHECK(trial.learn(1, 0, 0.75, 1));  // late: taken, and without effect
  CHECK(trial.n() == n);
  trial.restart();
  CHECK(trial.verdict() == challenge_verdict::undecided);
  CHECK(trial.n() == 0);
}

TEST_CASE("a challenge refuses what it cannot learn, and options out of range") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  challenge trial;
  for (const double odd : {nan, -0.1, 1.1}) {
    CHECK(!trial.learn(odd, 0.5, 0.5, 1));
    CHECK(!trial.learn(0.5, odd, 0.5, 1));
    CHECK(!trial.learn(0.5, 0.5, odd, 1));
  }
  CHECK(!trial.learn(0.5, 0.5, 0, 1));
  CHECK(!trial.learn(0.5, 0.5, 0.5, nan));
  CHECK(!trial.learn(0.5, 0.5, 0.5, std::numeric_limits<double>::infinity()));
  CHECK(trial.n() == 0);
  const auto refused = [](const challenge_options& options) -> std::string {
    try {
      challenge refusing(options);
    } catch (const tandem::error& e) {
      return e.where().field;
    }
    return "nothing";
  };
  CHECK(refused({.share = 0}) == "share");
  CHECK(refused({.share = 0.6}) == "share");
  CHECK(refused({.confidence = nan}) == "confidence");
  CHECK(refused({.min_observations = 10}) == "min_observations");
  CHECK(refused({.tuned_for = 0}) == "tuned_for");
}
