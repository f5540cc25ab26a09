#include "tandem/online/response_rate.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <tuple>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using tandem::online::response_rate;

namespace {
item_index item(std::size_t i) { return static_cast<item_index>(i); }
}  // namespace

TEST_CASE("mean and variance are those of the Beta posterior") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    random_stream random(seed);
    const double strength = 1 + random.uniform() * 50;
    response_rate rate(strength);
    constexpr std::size_t n = 30;
    std::vector<double> shown(n);
    std::vector<double> taken(n);
    double all_shown = 0;
    double all_taken = 0;
    for (int e = 0; e < 2000; ++e) {
      const std::size_t i = random.below(random.below(n) + 1);
      rate.shown(item(i));
      shown[i] += 1;
      all_shown += 1;
      if (random.uniform() < 0.2) {
        const double reward = static_cast<double>(random.below(5)) / 4;
        rate.taken(item(i), reward);
        taken[i] += reward;
        all_taken += reward;
      }
    }
    CHECK(rate.total_shown() == all_shown);
    CHECK(rate.total_taken() == Approx(all_taken));
    const double prior = (all_taken + 1) / (all_shown + 10);
    std::vector<float> means(n + 5);
    rate.means(means);
    for (std::size_t i = 0; i < n + 5; ++i) {
      const double a = strength * prior + (i < n ? taken[i] : 0);
      const double b = strength * (1 - prior) + (i < n ? shown[i] - taken[i] : 0);
      CHECK(rate.mean(item(i)) == Approx(a / (a + b)));
      CHECK(static_cast<double>(means[i]) == Approx(a / (a + b)));
      CHECK(rate.variance(item(i)) == Approx(a * b / ((a + b) * (a + b) * (a + b + 1))));
    }
  }
}

TEST_CASE("an item never shown is thought average, and the more uncertain") {
  response_rate rate;
  for (int e = 0; e < 1000; ++e) {
    rate.shown(item(0));
    if (e % 10 == 0) rate.taken(item(0), 1);
  }
  CHECK(rate.mean(item(1)) == Approx(0.1).epsilon(0.01));
  CHECK(rate.variance(item(1)) > 10 * rate.variance(item(0)));
}

TEST_CASE("rewards are clamped to [0, 1] and a rate stays one") {
  response_rate rate;
  rate.shown(item(0));
  rate.taken(item(0), -3);
  CHECK(rate.total_taken() == 0);
  rate.taken(item(0), 7);
  CHECK(rate.total_taken() == 1);
  for (int e = 0; e < 100; ++e) rate.taken(item(1), 1);  // taken more often than shown
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(rate.mean(item(i)) >= 0);
    CHECK(rate.mean(item(i)) <= 1);
    CHECK(rate.variance(item(i)) >= 0);
  }
}

TEST_CASE("counts do not stop where single precision does") {
  response_rate rate;
  for (int e = 0; e < (1 << 24) + 1000; ++e) rate.shown(item(0));
  for (int e = 0; e < (1 << 23); ++e) rate.taken(item(0), 1);
  const double shown = (1 << 24) + 1000;
  CHECK(rate.mean(item(0)) * (shown + 20) == Approx((1 << 23) + 10).epsilon(1e-6));
}

TEST_CASE("a copy of the rates stays as it was") {
  response_rate live;
  for (std::size_t i = 0; i < 1000; ++i) live.shown(item(i));
  const response_rate frozen = live;
  for (std::size_t i = 0; i < 2000; ++i) {
    live.shown(item(i));
    live.taken(item(i), 1);
  }
  const response_rate same = [] {
    response_rate r;
    for (std::size_t i = 0; i < 1000; ++i) r.shown(item(i));
    return r;
  }();
  for (std::size_t i = 0; i < 2000; ++i) {
    CHECK(frozen.mean(item(i)) == same.mean(item(i)));
    CHECK(frozen.variance(item(i)) == same.variance(item(i)));
  }
}

TEST_CASE("the strength of the prior must be positive") {
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    try {
      response_rate rate(bad);
      FAIL("accepted " << bad);
    } catch (const error& e) {
      CHECK(e.code() == errc::invalid_argument);
    }
  }
}

TEST_CASE("rates that were saved go on as if they never were") {
  const auto step = [](response_rate& rates, random_stream& random) {
    const item_index item{static_cast<std::uint32_t>(random.below(600))};
    if (random.below(3) == 0) {
      rates.taken(item, random.uniform() * 1.2 - 0.1);
    } else {
      rates.shown(item);
    }
  };
  const auto ask = [](const response_rate& rates, random_stream& random) {
    std::vector<float> means(700);
    rates.means(means);
    const item_index item{static_cast<std::uint32_t>(random.below(700))};
    return std::tuple(means, rates.mean(item), rates.variance(item), rates.total_shown(), rates.total_taken());
  };
  const auto load = [](byte_reader& in) { return response_rate::load(in, 600); };
  tandem_test::check_goes_on([] { return response_rate(7); }, step, ask, load);

  response_rate small;
  for (std::uint32_t i = 0; i < 4; ++i) small.shown(item_index{i});
  small.taken(item_index{2}, 0.25);
  tandem_test::check_damage(
      tandem_test::saved(small), load,
      [&](response_rate& rates, random_stream& random) {
        for (int k = 0; k < 10; ++k) step(rates, random);
        (void)ask(rates, random);
      },
      2000);
  CHECK(tandem_test::is_refused(tandem_test::saved(small), [](byte_reader& in) { return response_rate::load(in, 3); }));
}

TEST_CASE("a part's rates are those of the Beta posterior around the item's rate over all") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_stream random(seed);
    response_rate all(20);
    response_rate part(10);
    constexpr std::size_t n = 12;
    std::vector<double> shown(n);
    std::vector<double> taken(n);
    for (int e = 0; e < 1500; ++e) {
      const item_index i = item(random.below(random.below(n) + 1));
      const bool here = random.below(4) == 0;
      all.shown(i);
      if (here) part.shown(i);
      if (here) shown[slot(i)] += 1;
      if (random.uniform() >= (here ? 0.05 : 0.3)) continue;
      all.taken(i, 1);
      if (here) part.taken(i, 1);
      if (here) taken[slot(i)] += 1;
    }
    const double average = (all.total_taken() + 1) / (all.total_shown() + 10);
    const double ratio = (part.total_taken() / average + 100) / (part.total_shown() + 100);
    CHECK(ratio < 1);
    std::vector<float> means(n + 3);
    part.means(all, means);
    for (std::size_t i = 0; i < n + 3; ++i) {
      const double guess = ratio * all.mean(item(i));
      const double expected = ((i < n ? taken[i] : 0) + 10 * guess) / ((i < n ? shown[i] : 0) + 10);
      CHECK(part.mean(item(i), all) == Approx(expected));
      CHECK(static_cast<double>(means[i]) == Approx(expected));
      CHECK(part.variance(item(i), all) == Approx(expected * (1 - expected) / ((i < n ? shown[i] : 0) + 11)));
    }
  }
}

TEST_CASE("a part that nothing is known of does as all together do") {
  response_rate all;
  for (int e = 0; e < 500; ++e) {
    all.shown(item(static_cast<std::size_t>(e % 3)));
    if (e % 3 == 1) all.taken(item(1), 1);
  }
  const response_rate fresh;
  std::vector<float> here(5);
  std::vector<float> there(5);
  fresh.means(all, here);
  all.means(there);
  CHECK(here == there);
  CHECK(fresh.mean(item(1), all) == Approx(all.mean(item(1))));
}
