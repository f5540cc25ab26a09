#include "tandem/evaluation/doubly_robust.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "evaluation/off_policy_world.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::evaluation;
using namespace off_policy_world;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class Estimator>
off_policy_estimate estimate_from(Estimator estimator, const std::vector<record>& log) {
  for (const record& r : log) estimator.add(r.logged, r.guessed);
  return estimator.estimate();
}

// SNDR and its error from the whole log at once.
std::array<double, 2> sndr_in_two_passes(const std::vector<record>& log) {
  double e = 0;
  double wd = 0;
  double w = 0;
  for (const record& r : log) {
    const double weight = r.logged.target / r.logged.propensity;
    e += r.guessed.expected;
    w += weight;
    wd += weight * (r.logged.reward - r.guessed.taken);
  }
  const double n = static_cast<double>(log.size());
  double squares = 0;
  for (const record& r : log) {
    const double weight = r.logged.target / r.logged.propensity;
    const double influence = r.guessed.expected - e / n + weight * n / w * (r.logged.reward - r.guessed.taken - wd / w);
    squares += influence * influence;
  }
  return {e / n + wd / w, std::sqrt(squares) / n};
}

}  // namespace

TEST_CASE("SNDR's sums give what two passes over the log do, wherever the rewards' zero lies") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const double shift : {0.0, 1e6}) {
      std::vector<record> log = make_log(seed, 200);
      for (record& r : log) {
        r.logged.reward += shift;
        r.guessed.expected += shift / 2;
      }
      const auto [value, error] = sndr_in_two_passes(log);
      const off_policy_estimate e = estimate_from(self_normalized_doubly_robust{}, log);
      CHECK(e.value == Approx(value).epsilon(1e-9));
      CHECK(e.standard_error == Approx(error).epsilon(1e-6));
    }
  }
}

TEST_CASE("SNDR is nearly unbiased and its 95 % intervals cover 93 to 97 % of 1,000 logs") {
  const double truth = value_of(target);
  int covered = 0;
  double sum = 0;
  double squares = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const off_policy_estimate e = estimate_from(self_normalized_doubly_robust{}, make_log(seed, 1000));
    covered += e.range.contains(truth);
    sum += e.value;
    squares += (e.value - truth) * (e.value - truth);
  }
  INFO("covered " << covered);
  CHECK((covered >= 930 && covered <= 970));
  CHECK(std::abs(sum / 1000 - truth) < 4 * std::sqrt(squares) / 1000);
}

TEST_CASE("Switch-DR and DRos with declared rewards cover at least 95 %, however hard they cut") {
  const double truth = value_of(target);
  for (const double limit : {0.5, 2.0, 100.0}) {
    int switched = 0;
    int shrunk = 0;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
      const std::vector<record> log = make_log(seed, 500);
      const weight_limit at{.limit = limit, .rewards = interval{0, 1}};
      switched += estimate_from(switch_doubly_robust(at), log).range.contains(truth);
      shrunk += estimate_from(shrunk_doubly_robust(at), log).range.contains(truth);
    }
    INFO("limit " << limit << ": " << switched << " and " << shrunk);
    CHECK(switched >= 930);  // at 100 nothing is cut: the plain interval, 95 % +- 2
    CHECK(shrunk >= 930);
    if (limit < 100) CHECK((switched >= 950 && shrunk >= 950));
  }
}

TEST_CASE("without a limit both are DR, with the strictest the model alone") {
  const std::vector<record> log = make_log(2, 400);
  const off_policy_estimate dr = estimate_from(doubly_robust{}, log);
  CHECK(estimate_from(switch_doubly_robust({.limit = infinity}), log).value == dr.value);
  CHECK(estimate_from(shrunk_doubly_robust({.limit = infinity}), log).value == dr.value);
  CHECK(estimate_from(shrunk_doubly_robust({.limit = 1e12}), log).value == Approx(dr.value));
  double model = 0;
  for (const record& r : log) model += r.guessed.expected / 400;
  CHECK(estimate_from(switch_doubly_robust({.limit = 1e-9}), log).value == Approx(model));
  CHECK(estimate_from(shrunk_doubly_robust({.limit = 1e-9}), log).value == Approx(model).margin(1e-6));
  CHECK(estimate_from(switch_doubly_robust({.limit = 1e-9}), log).cut_weight == 1);
}

TEST_CASE("cutting lowers the error on a short log with large weights") {
  const double truth = value_of(target);
  double plain = 0;
  double shrunk = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const std::vector<record> log = make_log(seed, 50);
    plain += std::pow(estimate_from(doubly_robust{}, log).value - truth, 2);
    shrunk += std::pow(estimate_from(shrunk_doubly_robust({.limit = 20}), log).value - truth, 2);
  }
  CHECK(shrunk < 0.9 * plain);
}

TEST_CASE("predictions that cannot be are refused by name, by each estimator, and not counted") {
  const double nan = std::nan("");
  const auto check = [&](auto estimator) {
    estimator.add({1, .5, .5}, {.5, .5});
    estimator.add({0, .5, .5}, {.5, .5});
    CHECK(thrown_by([&] { estimator.add({1, .5, .5}, {nan, .5}); }).where().field == "taken");
    CHECK(thrown_by([&] { estimator.add({1, .5, .5}, {.5, infinity}); }).where().field == "expected");
    CHECK(thrown_by([&] { estimator.add({nan, .5, .5}, {.5, .5}); }).code() == errc::not_finite);
    CHECK(thrown_by([&] { estimator.add({1, 0, .5}, {.5, .5}); }).where().field == "propensity");
    CHECK(thrown_by([&] { estimator.add({1, .5, 2}, {.5, .5}); }).where().field == "target");
    CHECK(estimator.estimate().n == 2);
  };
  check(doubly_robust{});
  check(self_normalized_doubly_robust{});
  check(switch_doubly_robust{});
  check(shrunk_doubly_robust{});
  switch_doubly_robust bounded({.rewards = interval{0, 1}});
  CHECK(thrown_by([&] { bounded.add({2, .5, .5}, {.5, .5}); }).where().field == "reward");
  CHECK(thrown_by([&] { bounded.add({1, .5, .5}, {-.5, .5}); }).where().field == "taken");
  CHECK(thrown_by([&] { bounded.add({1, .5, .5}, {.5, 1.5}); }).where().field == "expected");
}
