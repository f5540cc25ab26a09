#include "tandem/online/reward_shaping.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "tandem/core/random.hpp"

using namespace tandem::online;
using namespace std::chrono_literals;
using tandem::duration;
using tandem::random_stream;

namespace {

reward_shaping_options shop() {
  return {.actions = {{.action = "view", .weight = 0.1, .cap = 0.3, .window = 10min},
                      {.action = "click", .weight = 1, .cap = 1, .window = 30min},
                      {.action = "purchase", .weight = 0.05, .window = 24h},
                      {.action = "return visit", .weight = 2, .cap = 2, .window = 168h},
                      {.action = "complaint", .weight = -3, .window = 168h}},
          .lowest = -3,
          .highest = 7};
}

std::string refused(reward_shaping_options options) {
  try {
    reward_shaper shaper(std::move(options));
  } catch (const tandem::error& e) {
    CHECK(e.code() == tandem::errc::invalid_argument);
    return e.where().field;
  }
  return "nothing";
}

}  // namespace

TEST_CASE("actions earn their weights, up to their caps, within their windows") {
  const reward_shaper shaper(shop());
  shaped_reward earned;
  CHECK(shaper.total(earned) == 0);
  CHECK(shaper.add(earned, "view", 1min) == shaping_outcome::counted);
  CHECK(shaper.add(earned, "click", 2min) == shaping_outcome::counted);
  CHECK(shaper.total(earned) == Approx(1.1));
  CHECK(shaper.add(earned, "click", 3min) == shaping_outcome::capped);
  CHECK(shaper.total(earned) == Approx(1.1));
  CHECK(shaper.add(earned, "purchase", 24h, 40) == shaping_outcome::counted);  // 40 spent
  CHECK(shaper.total(earned) == Approx(3.1));
  CHECK(shaper.unit(earned) == Approx(0.61));
  CHECK(shaper.add(earned, "purchase", 24h + 1ms, 40) == shaping_outcome::out_of_window);
  CHECK(shaper.add(earned, "view", -1ms) == shaping_outcome::out_of_window);
  CHECK(shaper.add(earned, "buy", 1min) == shaping_outcome::unknown_action);
  CHECK(shaper.add(earned, "purchase", 1min, std::numeric_limits<double>::quiet_NaN()) == shaping_outcome::not_finite);
  CHECK(shaper.add(earned, "purchase", 1min, std::numeric_limits<double>::infinity()) == shaping_outcome::not_finite);
  CHECK(shaper.total(earned) == Approx(3.1));
  CHECK(shaper.add(earned, "complaint", 1h) == shaping_outcome::counted);
  CHECK(shaper.total(earned) == Approx(0.1));
  CHECK(shaper.longest_window() == 168h);
}

TEST_CASE("the total is cut to its range") {
  const reward_shaper shaper(shop());
  shaped_reward earned;
  shaper.add(earned, "purchase", 1h, 1e6);
  CHECK(shaper.total(earned) == 7);
  CHECK(shaper.unit(earned) == 1);
  shaped_reward bad;
  for (int n = 0; n < 5; ++n) shaper.add(bad, "complaint", 1h);
  CHECK(shaper.total(bad) == -3);
  CHECK(shaper.unit(bad) == 0);
}

TEST_CASE("the order of arrival does not matter, and the total is the formula's") {
  const reward_shaper shaper(shop());
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    random_stream random(seed);
    std::vector<std::pair<std::size_t, double>> events(random.below(12));
    std::vector<double> sums(shop().actions.size(), 0);
    for (auto& [action, value] : events) {
      action = random.below(sums.size());
      value = random.uniform() * 3;
      sums[action] += value;
    }
    double expected = 0;
    for (std::size_t a = 0; a < sums.size(); ++a) {
      const action_reward& each = shaper.options().actions[a];
      expected += std::clamp(each.weight * sums[a], -each.cap, each.cap);
    }
    shaped_reward there;
    shaped_reward back;
    for (const auto& [action, value] : events) shaper.add(there, shaper.options().actions[action].action, 1min, value);
    std::reverse(events.begin(), events.end());
    for (const auto& [action, value] : events) shaper.add(back, shaper.options().actions[action].action, 1min, value);
    REQUIRE(shaper.total(there) == Approx(std::clamp(expected, -3.0, 7.0)).margin(1e-12));
    REQUIRE(shaper.total(back) == Approx(shaper.total(there)).margin(1e-12));
  }
}

TEST_CASE("options of a reward shaper out of range are refused by name") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(refused(shop()) == "nothing");
  CHECK(refused({}) == "nothing");
  CHECK(refused({.lowest = nan}) == "lowest");
  CHECK(refused({.lowest = 1, .highest = 1}) == "highest");
  CHECK(refused({.highest = std::numeric_limits<double>::infinity()}) == "highest");
  CHECK(refused({.actions = std::vector<action_reward>(17)}) == "actions");
  CHECK(refused({.actions = {{.action = ""}}}) == "actions[0].action");
  CHECK(refused({.actions = {{.action = "a"}, {.action = "a"}}}) == "actions[1].action");
  CHECK(refused({.actions = {{.action = "a", .weight = nan}}}) == "actions[0].weight");
  CHECK(refused({.actions = {{.action = "a", .cap = 0}}}) == "actions[0].cap");
  CHECK(refused({.actions = {{.action = "a", .window = duration{0}}}}) == "actions[0].window");
}

TEST_CASE("shaping allocates nothing") {
  const reward_shaper shaper(shop());
  shaped_reward earned;
  const tandem_test::fail_new_after none(0);
  CHECK(shaper.add(earned, "return visit", 100h) == shaping_outcome::counted);
  CHECK(shaper.total(earned) == 2);
}
