#include "tandem/online/apprentice.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/count_bandit.hpp"
#include "tandem/online/policy.hpp"

using namespace tandem::online;
using tandem::random_stream;

TEST_CASE("the host is served until the learner has earned its share, by the formula") {
  apprentice pupil({.share = 0.5, .min_rewards = 3, .discount = 0.9});
  const std::vector<double> learner = {0.2, 0.8};
  std::vector<double> out(2);
  CHECK(pupil.serve(learner, 0, out) == served_by::host);
  CHECK(out == std::vector<double>{1, 0});
  CHECK(pupil.learn(0.2, 1));
  CHECK(pupil.learn(0.4, 0));
  CHECK(pupil.learn(0.6, 2));
  CHECK(pupil.performance() == Approx((0.81 * 0.2 + 1.2) / (0.81 + 2)));
  CHECK(!pupil.graduated());
  CHECK(pupil.learn(1, 1));
  CHECK(pupil.graduated());
  CHECK(pupil.serve(learner, 0, out) == served_by::learner);
  CHECK(out == learner);
  CHECK(pupil.learn(0, 100));
  CHECK(pupil.graduated());
  pupil.restart();
  CHECK(!pupil.graduated());
  CHECK(pupil.performance() == 0);
}

TEST_CASE("a bandit graduates from a host that knows the best arm, and not from one that plays at random") {
  const std::vector<double> rates = {0.1, 0.2, 0.5};
  const auto graduates = [&](bool wise, std::uint64_t seed) {
    random_stream random(seed);
    count_bandit<epsilon_greedy> bandit;
    for (std::size_t a = 0; a < rates.size(); ++a) bandit.add_arm();
    apprentice pupil;
    std::vector<double> p(3);
    std::vector<double> out(3);
    for (int t = 0; t < 5000; ++t) {
      bandit.probabilities(p);
      const std::size_t host = wise ? (random.uniform() < 0.9 ? 2U : random.below(3)) : random.below(3);
      if (pupil.serve(p, host, out) == served_by::learner) return true;
      const double reward = random.uniform() < rates[host] ? 1 : 0;
      pupil.learn(p[host], reward);
      bandit.learn(bandit.arms()[host], reward);
    }
    return false;
  };
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    CHECK(graduates(true, seed));
    CHECK(!graduates(false, seed));  // a learner that is better than its host cannot show it
  }
}

TEST_CASE("an apprentice refuses what it cannot learn, and options out of range") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  apprentice pupil;
  for (const double odd : {nan, -0.1, std::numeric_limits<double>::infinity()}) {
    CHECK(!pupil.learn(odd, 1));
    CHECK(!pupil.learn(0.5, odd));
  }
  CHECK(!pupil.learn(1.1, 1));
  CHECK(pupil.performance() == 0);
  const auto refused = [](const apprentice_options& options) -> std::string {
    try {
      apprentice refusing(options);
    } catch (const tandem::error& e) {
      return e.where().field;
    }
    return "nothing";
  };
  CHECK(refused({.share = 0}) == "share");
  CHECK(refused({.share = nan}) == "share");
  CHECK(refused({.min_rewards = 0}) == "min_rewards");
  CHECK(refused({.discount = 1.1}) == "discount");
}
