#include "tandem/online/drift.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "tandem/core/random.hpp"

using namespace tandem::online;
using tandem::random_stream;

static_assert(change_detector<adwin> && change_detector<page_hinkley>);

namespace {

/// Steps at which a detector announced a change of a coin's bias, which is `before` until `when` and `after` then.
template <class D>
std::vector<int> alarms(D detector, double before, double after, int when, int steps, std::uint64_t seed) {
  random_stream random(seed);
  std::vector<int> out;
  for (int t = 0; t < steps; ++t) {
    if (detector.add(random.uniform() < (t < when ? before : after) ? 1 : 0)) out.push_back(t);
  }
  return out;
}

}  // namespace

TEST_CASE("the window of adwin is the latest numbers: their mean and variance, though only buckets are kept") {
  random_stream random(1);
  adwin detector({.delta = 1e-9, .clock = 7});
  std::deque<double> all;
  for (int t = 0; t < 20000; ++t) {
    const double x = random.normal(t < 12000 ? 0 : 1, 0.3);
    all.push_back(x);
    detector.add(x);
    if (t % 501 != 0) continue;
    while (all.size() > detector.width()) all.pop_front();
    double mean = 0;
    for (const double each : all) mean += each / static_cast<double>(all.size());
    double variance = 0;
    for (const double each : all) variance += (each - mean) * (each - mean) / static_cast<double>(all.size());
    REQUIRE(detector.width() == all.size());
    REQUIRE(detector.mean() == Approx(mean).margin(1e-9));
    REQUIRE(detector.variance() == Approx(variance).margin(1e-9));
  }
  CHECK(detector.width() > 7000);
  CHECK(detector.width() < 8200);  // what came before the change is gone
}

TEST_CASE("adwin sees a change soon, and keeps what came after it") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<int> large = alarms(adwin(), 0.2, 0.8, 3000, 3200, seed);
    REQUIRE(!large.empty());
    CHECK(large.back() >= 3000);
    CHECK(std::find_if(large.begin(), large.end(), [](int t) { return t >= 3000; }) != large.end());
    CHECK(*std::find_if(large.begin(), large.end(), [](int t) { return t >= 3000; }) < 3100);
    const std::vector<int> small = alarms(adwin(), 0.5, 0.6, 3000, 6000, seed);
    CHECK(std::count_if(small.begin(), small.end(), [](int t) { return t >= 3000; }) > 0);
  }
}

TEST_CASE("without a change adwin seldom cuts: in fewer of 200 streams of 10,000 than its bound allows") {
  int cut = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) cut += alarms(adwin(), 0.3, 0.3, 0, 10000, seed).empty() ? 0 : 1;
  INFO(cut << " of 200");
  CHECK(cut <= 10);
}

TEST_CASE("adwin with clock 1 is never later than with clock 32") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto first = [&](std::uint32_t clock) {
      const std::vector<int> at = alarms(adwin({.clock = clock}), 0.1, 0.7, 1000, 2000, seed);
      return *std::find_if(at.begin(), at.end(), [](int t) { return t >= 1000; });
    };
    CHECK(first(1) <= first(32));
  }
}

TEST_CASE("Page-Hinkley follows its sums, in both directions") {
  const page_hinkley_options options{.threshold = 3, .delta = 0.05, .alpha = 0.99, .min_observations = 5};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_stream random(seed);
    page_hinkley detector(options);
    std::vector<double> xs;  // since the last alarm
    int found = 0;
    for (int t = 0; t < 400; ++t) {
      const double x = random.normal(t % 200 < 100 ? 0 : 1.5, 0.2);
      xs.push_back(x);
      double mean = 0, up = 0, down = 0, lowest = 1e300, highest = -1e300;
      for (std::size_t i = 0; i < xs.size(); ++i) {
        mean = (mean * static_cast<double>(i) + xs[i]) / static_cast<double>(i + 1);
        up = options.alpha * up + xs[i] - mean - options.delta;
        down = options.alpha * down + xs[i] - mean + options.delta;
        lowest = std::min(lowest, up);
        highest = std::max(highest, down);
      }
      const bool expected = xs.size() >= 5 && (up - lowest > 3 || highest - down > 3);
      REQUIRE(detector.add(x) == expected);
      if (expected) {
        ++found;
        xs.clear();
      }
    }
    CHECK(found >= 3);
  }
}

TEST_CASE("Page-Hinkley heeds the direction asked for") {
  const auto first = [](shift_direction direction, double after) {
    const page_hinkley detector({.threshold = 20, .direction = direction});
    const std::vector<int> at = alarms(detector, 0.5, after, 1000, 1500, 3);
    return at.empty() ? -1 : at.front();
  };
  CHECK(first(shift_direction::up, 0.9) > 1000);
  CHECK(first(shift_direction::down, 0.9) == -1);
  CHECK(first(shift_direction::down, 0.1) > 1000);
  CHECK(first(shift_direction::up, 0.1) == -1);
  CHECK(first(shift_direction::both, 0.1) == first(shift_direction::down, 0.1));
}

TEMPLATE_TEST_CASE("a detector ignores what is not finite, and reset forgets all", "", adwin, page_hinkley) {
  TestType detector;
  TestType other;
  for (int t = 0; t < 500; ++t) {
    const double x = t % 3 == 0 ? 1 : 0;
    detector.add(x);
    other.add(x);
    for (const double odd :
         {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -1e200}) {
      CHECK(!detector.add(odd));
    }
  }
  CHECK(detector.mean() == other.mean());
  detector.reset();
  CHECK(detector.mean() == 0);
  detector.add(0.25);
  CHECK(detector.mean() == 0.25);
}

TEST_CASE("options of detectors out of range are refused by name") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [](const auto& options) -> std::string {
    try {
      options.validate();
    } catch (const tandem::error& e) {
      return e.where().field;
    }
    return "nothing";
  };
  CHECK(refused(adwin_options{}) == "nothing");
  CHECK(refused(adwin_options{.delta = 0}) == "delta");
  CHECK(refused(adwin_options{.delta = nan}) == "delta");
  CHECK(refused(adwin_options{.clock = 0}) == "clock");
  CHECK(refused(adwin_options{.min_length = 0}) == "min_length");
  CHECK(refused(page_hinkley_options{}) == "nothing");
  CHECK(refused(page_hinkley_options{.threshold = 0}) == "threshold");
  CHECK(refused(page_hinkley_options{.delta = nan}) == "delta");
  CHECK(refused(page_hinkley_options{.alpha = 0}) == "alpha");
  CHECK(refused(page_hinkley_options{.direction = static_cast<shift_direction>(9)}) == "direction");
  CHECK_THROWS_AS(adwin({.clock = 0}), tandem::error);
  CHECK_THROWS_AS(page_hinkley({.alpha = 2}), tandem::error);
}

TEST_CASE("a million numbers cost adwin no memory") {
  adwin detector;
  random_stream random(5);
  const tandem_test::fail_new_after none(0);
  for (int t = 0; t < 1000000; ++t) detector.add(random.uniform());
  CHECK(detector.width() > 100000);
  CHECK(detector.mean() == Approx(0.5).margin(0.01));
}
