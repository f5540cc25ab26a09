#include "tandem/online/conservative_guard.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/count_bandit.hpp"
#include "tandem/online/sampler.hpp"

using namespace tandem::online;
using tandem::random_stream;

namespace {

struct outcome {
  bool always_kept = true;  // at least 1 - alpha of the baseline's expected reward, at every moment
  double earned = 0;        // a decision
  double of_learner = 0;    // share of decisions
};

/// Thompson sampling behind a guard; the baseline plays the last arm. Rewards come `delay` decisions late.
outcome run(conservative_options options, std::vector<double> rates, std::size_t delay, std::uint64_t seed) {
  conservative_guard guard(options);
  gaussian_thompson bandit;
  for (std::size_t a = 0; a < rates.size(); ++a) bandit.add_arm();
  random_stream random(seed);
  std::vector<double> learner(rates.size()), baseline(rates.size(), 0), p(rates.size());
  baseline.back() = 1;
  std::deque<std::tuple<served_by, choice, double>> pending;
  outcome out;
  double kept = 0;  // realised rewards of the learner, expected ones of the baseline, as the guarantee has it
  const int steps = 10000;
  for (int t = 1; t <= steps; ++t) {
    bandit.probabilities(learner);
    const served_by who = guard.decide(learner, baseline, p);
    REQUIRE(p == (who == served_by::learner ? learner : baseline));
    const draw drawn = sample(p, random);
    const double reward = random.uniform() < rates[drawn.index] ? 1 : 0;
    pending.emplace_back(who, choice{bandit.arms()[drawn.index], drawn.probability, {}, 0}, reward);
    out.earned += rates[drawn.index] / steps;
    kept += who == served_by::learner ? reward : rates.back();
    while (pending.size() > delay) {
      guard.learn(std::get<0>(pending.front()), std::get<2>(pending.front()));
      bandit.learn(std::get<1>(pending.front()), std::get<2>(pending.front()));
      pending.pop_front();
    }
    out.always_kept = out.always_kept && kept >= (1 - options.alpha) * rates.back() * t - 1e-9;
  }
  out.of_learner = static_cast<double>(guard.learner_decisions()) / steps;
  return out;
}

}  // namespace

TEST_CASE("a guard keeps 1 - alpha of a known baseline at every moment, without exception") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    for (const std::size_t delay : {std::size_t{0}, std::size_t{200}}) {
      const outcome bad = run({.alpha = 0.1, .baseline_reward = 0.4}, {0.05, 0.1, 0.02, 0.4}, delay, seed);
      CHECK(bad.always_kept);
      CHECK(bad.earned > 0.9 * 0.4 - 0.02);
      const outcome good = run({.alpha = 0.1, .baseline_reward = 0.4}, {0.1, 0.8, 0.2, 0.4}, delay, seed);
      CHECK(good.always_kept);
      CHECK(good.of_learner > 0.8);
      CHECK(good.earned > 0.6);  // it lets a better learner through
    }
  }
}

TEST_CASE("a guard keeps it when the baseline has to be estimated, and still lets a better learner through") {
  int broken = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const outcome bad = run({.alpha = 0.1}, {0.05, 0.1, 0.02, 0.4}, 0, seed);
    broken += bad.always_kept ? 0 : 1;
    const outcome good = run({.alpha = 0.1}, {0.1, 0.8, 0.2, 0.4}, 0, seed);
    broken += good.always_kept ? 0 : 1;
    CHECK(good.of_learner > 0.5);
  }
  CHECK(broken <= 3);  // 60 runs at 95 %
}

TEST_CASE("without a guard the same learner breaks the promise: the test above can fail") {
  const outcome free = run({.alpha = 1, .baseline_reward = 0.4}, {0.05, 0.1, 0.02, 0.4}, 0, 1);
  CHECK(free.of_learner == 1);
  conservative_guard guard({.alpha = 0.1, .baseline_reward = 0.4});
  std::vector<double> p(1);
  const std::vector<double> one = {1};
  int held = 0;
  for (int t = 0; t < 100; ++t) held += guard.decide(one, one, p) == served_by::baseline ? 1 : 0;
  CHECK(held == 90);  // alpha of all may be lost entirely
}

TEST_CASE("a lower bound from a model lets the learner start at once") {
  conservative_guard guard({.alpha = 0.1, .baseline_reward = 0.4});
  std::vector<double> p(2);
  const std::vector<double> learner = {0.5, 0.5};
  const std::vector<double> baseline = {0, 1};
  CHECK(guard.margin() == 0);
  CHECK(guard.decide(learner, baseline, p, std::numeric_limits<double>::quiet_NaN()) == served_by::baseline);
  CHECK(guard.margin() == Approx(0.04));
  CHECK(guard.decide(learner, baseline, p, 0.37) == served_by::learner);
  CHECK(p == learner);
  CHECK(guard.margin() == Approx(0.04 - 0.36));
  CHECK(guard.learn(served_by::learner, 1));
  CHECK(guard.margin() == Approx(0.04 - 0.36 + 1));
}

TEST_CASE("a guard refuses what it cannot learn, and options out of range") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  conservative_guard guard({});
  for (const double odd : {nan, -0.1, 1.1}) {
    CHECK(!guard.learn(served_by::learner, odd));
    CHECK(!guard.learn(served_by::baseline, odd));
  }
  CHECK(!guard.learn(served_by::host, 1));
  CHECK(!guard.learn(served_by::kill_switch, 1));
  CHECK(guard.baseline_bound() == 1);
  const auto refused = [](const conservative_options& options) -> std::string {
    try {
      conservative_guard refusing(options);
    } catch (const tandem::error& e) {
      return e.where().field;
    }
    return "nothing";
  };
  CHECK(refused({.alpha = 0}) == "alpha");
  CHECK(refused({.alpha = nan}) == "alpha");
  CHECK(refused({.highest = 0}) == "highest");
  CHECK(refused({.baseline_reward = 2}) == "baseline_reward");
  CHECK(refused({.confidence = 1}) == "confidence");
}

TEST_CASE("a guard decides and learns without allocating") {
  conservative_guard guard({});
  std::vector<double> p(3, 0);
  const std::vector<double> q = {0.2, 0.3, 0.5};
  const tandem_test::fail_new_after none(0);
  for (int n = 0; n < 100; ++n) guard.learn(guard.decide(q, q, p), 0.5);
}
