#include "tandem/evaluation/confidence_sequence.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/function_ref.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::evaluation;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// The capital against the mean m after these observations of [0, 1], from the definition, in logarithms.
double log_capital(const std::vector<double>& x, double m) {
  double capital = 0;
  for (int k = 0; k < 8; ++k) {
    double log_part = 0;
    for (const double each : x) log_part += std::log(1 + std::pow(4, -k) / (2 * m) * (each - m));
    capital += std::exp(log_part) / 8;
  }
  return std::log(capital);
}

// The lowest mean that was not refuted after any of the first 1, 2, ... observations.
double lower_bound_by_bisection(const std::vector<double>& x, double error) {
  double best = 0;
  std::vector<double> seen;
  for (const double each : x) {
    seen.push_back(each);
    double low = 1e-9;
    double high = 1;
    if (log_capital(seen, low) < -std::log(error)) continue;
    for (int step = 0; step < 40; ++step) {
      const double m = (low + high) / 2;
      (log_capital(seen, m) >= -std::log(error) ? low : high) = m;
    }
    best = std::max(best, low);
  }
  return best;
}

// Share of `streams` whose sequence misses the truth at some n, judged at every n.
template <class Make, class Draw>
double ever_missed(Make make, Draw draw, double truth, int streams, int length) {
  int missed = 0;
  for (int s = 0; s < streams; ++s) {
    auto sequence = make();
    random_stream random(static_cast<std::uint64_t>(s), 3);
    bool miss = false;
    for (int i = 0; i < length && !miss; ++i) {
      sequence.add(draw(random));
      miss = !sequence.range().contains(truth);
    }
    missed += miss;
  }
  return static_cast<double>(missed) / streams;
}

error refusal(function_ref<void()> f) {
  try {
    f();
  } catch (const error& e) {
    return e;
  }
  FAIL("nothing was thrown");
  return {errc::io_error, ""};
}

}  // namespace

TEST_CASE("a betting sequence is where the bets of its definition leave the mean") {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    random_stream random(seed);
    std::vector<double> x;
    std::vector<double> mirrored;
    betting_sequence sequence({.candidates = 20000});
    for (int i = 0; i < 150; ++i) {
      x.push_back(random.beta(2, 5));
      mirrored.push_back(1 - x.back());
      sequence.add(x.back());
    }
    const double low = lower_bound_by_bisection(x, 0.025);
    const double high = 1 - lower_bound_by_bisection(mirrored, 0.025);
    CHECK(sequence.range().low <= low + 1e-12);  // rounded outward, by a candidate's distance at most
    CHECK(sequence.range().low == Approx(low).margin(2e-4));
    CHECK(sequence.range().high >= high - 1e-12);
    CHECK(sequence.range().high == Approx(high).margin(2e-4));
  }
}

TEST_CASE("betting sequences miss at any n in at most 5 % of streams, whatever the distribution") {
  const auto make = [] { return betting_sequence({.candidates = 256}); };
  constexpr int streams = 600;
  constexpr int length = 2000;
  const double rare = ever_missed(
      make, [](random_stream& r) { return r.uniform() < 0.02 ? 1.0 : 0.0; }, 0.02, streams, length);
  const double even = ever_missed(
      make, [](random_stream& r) { return r.uniform() < 0.5 ? 1.0 : 0.0; }, 0.5, streams, length);
  const double smooth = ever_missed(
      make, [](random_stream& r) { return r.beta(2, 5); }, 2.0 / 7, streams, length);
  const double constant = ever_missed(
      make, [](random_stream&) { return 0.3; }, 0.3, 1, length);
  INFO("rare " << rare << " even " << even << " smooth " << smooth);
  CHECK(rare <= 0.05);
  CHECK(even <= 0.05);
  CHECK(smooth <= 0.05);
  CHECK(constant == 0);
}

TEST_CASE("asymptotic sequences miss at any n from 100 on in at most 5 % of streams") {
  int missed = 0;
  int naive = 0;
  constexpr int streams = 600;
  for (std::uint64_t s = 0; s < streams; ++s) {
    asymptotic_sequence sequence({.tuned_for = 1000});
    random_stream random(s, 4);
    bool miss = false;
    bool miss_naive = false;
    evaluation::detail::running_moments moments;
    for (int i = 0; i < 3000; ++i) {
      const double x = random.gamma(2);
      sequence.add(x);
      moments.add(x);
      if (i < 100) continue;
      miss |= !sequence.range().contains(2);
      miss_naive |= !normal_interval(moments.mean(), moments.standard_error()).contains(2);
    }
    missed += miss;
    naive += miss_naive;
  }
  INFO("asymptotic " << missed << " naive " << naive << " of " << streams);
  CHECK(missed <= streams / 20);
  CHECK(naive > streams / 4);  // why a sequence is needed: the ordinary interval, looked at each time
}

TEST_CASE("a betting sequence shrinks around the mean, moves with the range and never grows") {
  random_stream random(11);
  betting_sequence unit;
  betting_sequence scaled({.values = {-3, 7}});
  interval before = unit.range();
  CHECK(before == interval{0, 1});
  CHECK(scaled.range() == interval{-3, 7});
  for (int i = 0; i < 20000; ++i) {
    const double x = random.uniform() < 0.1 ? 1 : 0;
    unit.add(x);
    scaled.add(-3 + 10 * x);
    REQUIRE(unit.range().low >= before.low);
    REQUIRE(unit.range().high <= before.high);
    before = unit.range();
  }
  CHECK(unit.n() == 20000);
  CHECK(unit.range().contains(0.1));
  CHECK(unit.range().width() < 0.025);  // a normal interval, at one n: 0.0083
  CHECK(scaled.range().low == Approx(-3 + 10 * unit.range().low));
  CHECK(scaled.range().high == Approx(-3 + 10 * unit.range().high));
  CHECK_FALSE(unit.contradictory());
}

TEST_CASE("a mean that changes is pointed out, and the range stays one") {
  betting_sequence sequence;
  for (int i = 0; i < 2000; ++i) sequence.add(0.1);
  const interval first = sequence.range();
  for (int i = 0; i < 200000 && !sequence.contradictory(); ++i) sequence.add(0.9);
  CHECK(sequence.contradictory());
  CHECK(sequence.range().low <= sequence.range().high);
  CHECK(sequence.range().low >= first.low);
}

// At n = tuned_for, n rho^2 = -2 ln alpha + ln(1 - 2 ln alpha), whatever n is.
TEST_CASE("the asymptotic half width is that of the formula") {
  const double minus_two_log = -2 * std::log(0.05);
  const double nr = minus_two_log + std::log(minus_two_log + 1);
  const double half = 0.1 * std::sqrt(2 * (nr + 1) / nr * std::log(std::sqrt(nr + 1) / 0.05));
  const interval at = asymptotic_interval(3, 0.1, 5000);
  CHECK(at.high - 3 == Approx(half).epsilon(1e-12));
  CHECK(3 - at.low == Approx(half).epsilon(1e-12));
  CHECK(half / 0.1 == Approx(3.03).margin(0.01));  // against 1.96 of the ordinary interval
  // narrowest, in units of the standard error, near where it was tuned for
  CHECK(asymptotic_interval(0, 1, 5000).width() < asymptotic_interval(0, 1, 500).width());
  CHECK(asymptotic_interval(0, 1, 5000).width() < asymptotic_interval(0, 1, 50000).width());
  CHECK(asymptotic_sequence().range() == interval{-infinity, infinity});
}

TEST_CASE("observations and options that cannot be are refused by name and not counted") {
  betting_sequence betting({.values = {0, 2}});
  for (const double x : {-0.001, 2.001, std::nan(""), infinity}) {
    const error e = refusal([&] { betting.add(x); });
    CHECK(e.code() == errc::invalid_argument);
    CHECK(e.where().field == "x");
    CHECK(e.remedy() == "observations must lie in the declared range, [0.000000, 2.000000]");
  }
  CHECK(betting.n() == 0);
  asymptotic_sequence asymptotic;
  for (const double x : {std::nan(""), infinity}) {
    CHECK(refusal([&] { asymptotic.add(x); }).code() == errc::not_finite);
  }
  CHECK(asymptotic.n() == 0);
  CHECK(refusal([] { betting_sequence({.confidence = 1}); }).where().field == "confidence");
  CHECK(refusal([] { betting_sequence({.values = {1, 1}}); }).where().field == "values");
  CHECK(refusal([] { betting_sequence({.values = {0, infinity}}); }).where().field == "values");
  CHECK(refusal([] { betting_sequence({.values = {-1e308, 1e308}}); }).where().field == "values");
  CHECK(refusal([] { betting_sequence({.candidates = 7}); }).where().field == "candidates");
  CHECK(refusal([] { asymptotic_sequence({.tuned_for = 0}); }).where().field == "tuned_for");
  CHECK(refusal([] { asymptotic_sequence({.confidence = 0}); }).where().field == "confidence");
}
