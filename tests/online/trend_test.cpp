#include "tandem/online/trend.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <tuple>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using tandem::online::trend;

namespace {

constexpr double forever = std::numeric_limits<double>::infinity();

item_index item(std::size_t i) { return static_cast<item_index>(i); }

// The sum of the definition, in double, carried from event to event of each item.
class plain_sum {
 public:
  plain_sum(std::size_t n_items, double half_life) : half_life_(half_life), count_(n_items), at_(n_items) {}

  void add(std::size_t i, double tick, double weight) {
    count_[i] = count(i, tick) + weight;
    at_[i] = tick;
  }
  double count(std::size_t i, double tick) const {
    return count_[i] == 0 ? 0 : count_[i] * std::exp2(-(tick - at_[i]) / half_life_);
  }

 private:
  double half_life_;
  std::vector<double> count_;
  std::vector<double> at_;
};

void check_against_sum(double half_life, std::uint64_t seed, double first, double step, std::size_t n_events) {
  constexpr std::size_t n_items = 40;
  random_stream random(seed);
  trend decayed(half_life);
  plain_sum expected(n_items, half_life);
  double tick = first;
  for (std::size_t e = 0; e < n_events; ++e) {
    tick += step * random.uniform() * 2;
    if (random.uniform() < 1e-4) tick += step * 2000;  // silence
    const std::size_t i = random.below(random.below(n_items) + 1);
    const float weight = random.uniform() < 0.5 ? 1.0F : static_cast<float>(random.uniform() * 5);
    decayed.add(item(i), tick, weight);
    expected.add(i, tick, static_cast<double>(weight));
    if (e % (n_events / 8) != n_events / 8 - 1) continue;
    const double later = tick + step * 10;
    for (std::size_t k = 0; k < n_items; ++k) {
      REQUIRE(decayed.count(item(k), later) == Approx(expected.count(k, later)).epsilon(2e-4).margin(1e-15));
    }
  }
}

}  // namespace

TEST_CASE("decayed counts equal the sum of the definition over a million ticks") {
  for (const double half_life : {3.0, 200.0, 2000.0, 20000.0, forever}) check_against_sum(half_life, 1, 0, 1, 1000000);
}

TEST_CASE("decayed counts equal the sum of the definition for many seeds and half-lives") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    random_stream random(seed, 1);
    check_against_sum(std::exp2(random.uniform() * 16 - 2), seed, 0, 1, 2000);
  }
}

TEST_CASE("a tick may be a millisecond, after 1970 or before it") {
  constexpr double day = 86400e3;
  for (const double first : {1.7e12, -1.2e12, 0.0}) check_against_sum(7 * day, 5, first, day / 100, 20000);
}

TEST_CASE("an event that comes late counts as much as if it had come in time") {
  trend decayed(10);
  decayed.add(item(0), 100);
  decayed.add(item(1), 80);
  decayed.add(item(2), 100 - 1e5);
  CHECK(decayed.count(item(1), 100) == Approx(0.25));
  CHECK(decayed.count(item(2), 100) == 0);
}

TEST_CASE("every view of a trend says the same") {
  trend decayed(50);
  random_stream random(8);
  for (int e = 0; e < 30000; ++e) decayed.add(item(random.below(1500)), e);
  std::vector<float> scores(2000, -1.0F);
  decayed.scores(scores);
  double total = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    CHECK(scores[i] == decayed.relative(item(i)));
    total += static_cast<double>(scores[i]);
  }
  CHECK(decayed.total() == Approx(total).epsilon(1e-4));
  CHECK(scores[1999] == 0);
  std::size_t next = 0;
  decayed.for_each([&](std::size_t i, float score) {
    CHECK(i == next++);
    CHECK(score == scores[i]);
  });
  std::vector<float> few(10, -1.0F);
  decayed.scores(few);
  for (std::size_t i = 0; i < few.size(); ++i) CHECK(few[i] == scores[i]);
}

TEST_CASE("an infinite half-life counts events") {
  trend plain(forever);
  for (int e = 0; e < 5000; ++e) plain.add(item(static_cast<std::size_t>(e % 7)), e);
  CHECK(plain.count(item(0), 1e12) == 715);
  CHECK(plain.relative(item(6)) == 714);
  CHECK(plain.total() == 5000);
}

TEST_CASE("a copy of a trend stays as it was while the trend goes on") {
  trend live(30);
  random_stream random(9);
  for (int e = 0; e < 3000; ++e) live.add(item(random.below(1200)), e);
  const trend frozen = live;
  std::vector<float> before(1200);
  frozen.scores(before);
  const double total = frozen.total();
  for (int e = 3000; e < 40000; ++e) live.add(item(random.below(3000)), e);  // rescales, and grows
  std::vector<float> after(1200);
  frozen.scores(after);
  CHECK(after == before);
  CHECK(frozen.total() == total);
  CHECK(frozen.relative(item(2000)) == 0);
}

TEST_CASE("a half-life must be positive") {
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    try {
      trend made(bad);
      FAIL("accepted " << bad);
    } catch (const error& e) {
      CHECK(e.code() == errc::invalid_argument);
    }
  }
}

TEST_CASE("a trend that was saved goes on as if it never was") {
  for (const double half_life : {3.0, 1000.0, std::numeric_limits<double>::infinity()}) {
    const auto step = [](trend& counts, random_stream& random) {
      const double tick = 1e12 + static_cast<double>(random.below(200));
      counts.add(item_index{static_cast<std::uint32_t>(random.below(700))}, tick, static_cast<float>(random.uniform()));
    };
    const auto ask = [](const trend& counts, random_stream& random) {
      std::vector<float> scores(800);
      counts.scores(scores);
      const item_index item{static_cast<std::uint32_t>(random.below(800))};
      return std::tuple(scores, counts.count(item, 1e12 + 300), counts.total(), counts.half_life());
    };
    const auto load = [](byte_reader& in) { return trend::load(in, 700); };
    tandem_test::check_goes_on([&] { return trend(half_life); }, step, ask, load, 20);

    trend small(half_life);
    for (std::uint32_t i = 0; i < 4; ++i) small.add(item_index{i}, i);
    tandem_test::check_damage(
        tandem_test::saved(small), load,
        [&](trend& counts, random_stream& random) {
          for (int k = 0; k < 10; ++k) step(counts, random);
          (void)ask(counts, random);
        },
        1000);
    CHECK(tandem_test::is_refused(tandem_test::saved(small), [](byte_reader& in) { return trend::load(in, 3); }));
  }
}

TEST_CASE("a trend has the highest count of each block of items, also after dislikes, rescaling and loading") {
  random_stream random(11);
  for (const double half_life : {3.0, 1e9}) {
    online::trend told(half_life);
    const auto check = [](const online::trend& of) {
      for (std::size_t b = 0; b < of.n_blocks(); ++b) CHECK(of.peak(b) == std::ranges::max(of.block(b)));
    };
    for (double tick = 0; tick < 400; ++tick) {
      told.add(item_index{static_cast<std::uint32_t>(random.below(2000))}, tick, random.below(5) == 0 ? -1.0F : 2.0F);
      if (random.below(20) == 0) check(told);
    }
    check(tandem_test::read_from(tandem_test::saved(told), [](byte_reader& in) { return online::trend::load(in); }));
  }
}
