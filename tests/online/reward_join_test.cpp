#include "tandem/online/reward_join.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem::online;
using tandem::from_millis;
using tandem::random_stream;

TEST_CASE("each rule joins as it says, for any order of arrival") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    random_stream random(seed);
    std::vector<std::pair<std::int64_t, double>> events(1 + random.below(6));
    for (std::size_t i = 0; i < events.size(); ++i) {
      events[i] = {static_cast<std::int64_t>(random.below(1000) * 10 + i) - 5000, random.normal()};
    }
    double sum = 0;
    double highest = -1e300;
    for (const auto& [time, reward] : events) {
      sum += reward;
      highest = std::max(highest, reward);
    }
    const double earliest = std::min_element(events.begin(), events.end())->second;
    for (std::size_t i = events.size(); i > 1; --i) std::swap(events[i - 1], events[random.below(i)]);
    reward_join whole;
    reward_join left;
    reward_join right;
    for (std::size_t i = 0; i < events.size(); ++i) {
      CHECK(whole.add(events[i].second, from_millis(events[i].first)));
      (i % 2 == 0 ? left : right).add(events[i].second, from_millis(events[i].first));
    }
    CHECK(left.add(right));
    for (const reward_join& join : {whole, left}) {
      CHECK(join.count == events.size());
      CHECK(join.value(join_rule::sum) == Approx(sum).margin(1e-12));
      CHECK(join.value(join_rule::mean) == Approx(sum / static_cast<double>(events.size())).margin(1e-12));
      CHECK(join.value(join_rule::earliest) == earliest);
      CHECK(join.value(join_rule::max) == highest);
    }
  }
}

TEST_CASE("without rewards the default is learned; a reward of 0 is a reward") {
  reward_join join;
  for (const join_rule rule : {join_rule::sum, join_rule::mean, join_rule::earliest, join_rule::max}) {
    CHECK(join.value(rule, -0.5) == -0.5);
  }
  CHECK(join.add(0, from_millis(-1)));
  CHECK(join.value(join_rule::max, -0.5) == 0);
  CHECK(join.value(join_rule::earliest, -0.5) == 0);
}

TEST_CASE("at equal times the first to arrive is the earliest") {
  reward_join join;
  join.add(2, from_millis(5));
  join.add(3, from_millis(5));
  CHECK(join.value(join_rule::earliest) == 2);
  join.add(4, from_millis(4));
  CHECK(join.value(join_rule::earliest) == 4);
}

TEST_CASE("a reward that is not finite, or makes the sum so, is refused and changes nothing") {
  reward_join join;
  join.add(1e308, from_millis(0));
  const double inf = std::numeric_limits<double>::infinity();
  for (const double odd : {std::numeric_limits<double>::quiet_NaN(), inf, -inf, 1e308}) {
    CHECK(!join.add(odd, from_millis(-10)));
  }
  CHECK(join.count == 1);
  CHECK(join.value(join_rule::earliest) == 1e308);
  CHECK(join.value(join_rule::max) == 1e308);
}
