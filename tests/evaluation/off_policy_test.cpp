#include "tandem/evaluation/off_policy.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "evaluation/off_policy_world.hpp"
#include "support/catch.hpp"
#include "tandem/core/function_ref.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::evaluation;
using namespace off_policy_world;

namespace {

struct three_estimates {
  off_policy_estimate ips, snips, dr;
};

three_estimates estimate_all(const std::vector<record>& log, double confidence = 0.95) {
  inverse_propensity ips;
  self_normalized snips;
  doubly_robust dr;
  for (const record& r : log) {
    ips.add(r.logged);
    snips.add(r.logged);
    dr.add(r.logged, r.guessed);
  }
  return {ips.estimate(confidence), snips.estimate(confidence), dr.estimate(confidence)};
}

template <class Estimator>
errc refusal(const logged_reward& bad) {
  Estimator estimator;
  try {
    if constexpr (std::is_same_v<Estimator, doubly_robust>) {
      estimator.add(bad, {});
    } else {
      estimator.add(bad);
    }
  } catch (const error& e) {
    CHECK_FALSE(e.where().field.empty());
    return e.code();
  }
  FAIL("nothing was thrown");
  return errc::io_error;
}

errc refusal_to_estimate(function_ref<void()> f) {
  try {
    f();
  } catch (const error& e) {
    return e.code();
  }
  FAIL("nothing was thrown");
  return errc::io_error;
}

}  // namespace

// Three records with w = 2, 1/2, 1 and r = 1, 0, 3.
// IPS: terms 2, 0, 3: mean 5/3; sum of squared distances 1/9 + 25/9 + 16/9 = 42/9; variance of the mean 42/9 / 2 / 3 =
// 7/9. SNIPS: 5 / 3.5 = 10/7; sum w^2 (r - v)^2 = 4 * 9/49 + 1/4 * 100/49 + 121/49 = 182/49; error sqrt(182/49) / 3.5.
// DR with q = 1, 1, 1 of the action taken and 1, 2, 0 expected: terms 1 + 0, 2 - 1/2, 0 + 2: mean 4.5 / 3 = 1.5.
// Effective sample size: 3.5^2 / (4 + 1/4 + 1) = 12.25 / 5.25 = 7/3.
TEST_CASE("the estimators agree with values worked by hand") {
  const std::vector<logged_reward> log = {{1, .25, .5}, {0, .5, .25}, {3, 1, 1}};
  const std::vector<predicted_reward> model = {{1, 1}, {1, 2}, {1, 0}};
  inverse_propensity ips;
  self_normalized snips;
  doubly_robust dr;
  for (std::size_t i = 0; i < log.size(); ++i) {
    ips.add(log[i]);
    snips.add(log[i]);
    dr.add(log[i], model[i]);
  }
  const off_policy_estimate e = ips.estimate();
  CHECK(e.value == Approx(5.0 / 3));
  CHECK(e.standard_error == Approx(std::sqrt(7.0 / 9)));
  CHECK(e.range.low == Approx(5.0 / 3 - 1.959963985 * std::sqrt(7.0 / 9)));
  CHECK(e.range.high == Approx(5.0 / 3 + 1.959963985 * std::sqrt(7.0 / 9)));
  CHECK(e.n == 3);
  CHECK(e.effective_sample_size == Approx(7.0 / 3));
  CHECK(e.largest_weight == 2);
  CHECK(e.mean_weight == Approx(3.5 / 3));
  CHECK(snips.estimate().value == Approx(10.0 / 7));
  CHECK(snips.estimate().standard_error == Approx(std::sqrt(182.0 / 49) / 3.5));
  CHECK(dr.estimate().value == Approx(1.5));
  CHECK(dr.estimate().effective_sample_size == Approx(7.0 / 3));
}

TEST_CASE("IPS and DR are unbiased, SNIPS nearly, and 95 % intervals cover 93 to 97 % of 1,000 logs") {
  const double truth = value_of(target);
  constexpr int trials = 1000;
  std::array<double, 3> sum{};
  std::array<double, 3> squares{};
  std::array<int, 3> covered{};
  int doubtful = 0;
  for (std::uint64_t seed = 0; seed < trials; ++seed) {
    const three_estimates e = estimate_all(make_log(seed, 1000));
    const std::array<const off_policy_estimate*, 3> each = {&e.ips, &e.snips, &e.dr};
    for (std::size_t i = 0; i < 3; ++i) {
      sum[i] += each[i]->value;
      squares[i] += (each[i]->value - truth) * (each[i]->value - truth);
      covered[i] += each[i]->range.contains(truth);
    }
    doubtful += e.ips.support_doubtful();
  }
  for (std::size_t i = 0; i < 3; ++i) {
    INFO("estimator " << i << " bias " << sum[i] / trials - truth << " rmse " << std::sqrt(squares[i] / trials)
                      << " covered " << covered[i]);
    const double error_of_mean = std::sqrt(squares[i] / trials / trials);
    CHECK(std::abs(sum[i] / trials - truth) < 4 * error_of_mean);
    CHECK((covered[i] >= 930 && covered[i] <= 970));
  }
  CHECK(doubtful == 0);            // support is complete here
  CHECK(squares[1] < squares[0]);  // dividing by the weights' sum helps
  CHECK(squares[2] < squares[0]);  // and so does a rough model
}

TEST_CASE("intervals at another confidence cover as often as they say") {
  const double truth = value_of(target);
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    covered += estimate_all(make_log(seed, 500), 0.8).dr.range.contains(truth);
  }
  INFO(covered);
  CHECK((covered >= 760 && covered <= 840));
}

TEST_CASE("on the logging policy's own log IPS and SNIPS are the plain mean") {
  inverse_propensity ips;
  self_normalized snips;
  double sum = 0;
  for (const record& r : make_log(3, 500)) {
    const logged_reward own = {r.logged.reward, r.logged.propensity, r.logged.propensity};
    ips.add(own);
    snips.add(own);
    sum += r.logged.reward;
  }
  CHECK(ips.estimate().value == Approx(sum / 500));
  CHECK(snips.estimate().value == Approx(sum / 500));
  CHECK(ips.estimate().effective_sample_size == Approx(500));
  CHECK(ips.estimate().largest_weight == 1);
  CHECK_FALSE(ips.estimate().support_doubtful());
}

TEST_CASE("DR with an exact model of a reward without noise has no error beyond the contexts'") {
  doubly_robust dr;
  double sum = 0;
  for (const record& r : make_log(4, 300)) {
    logged_reward certain = r.logged;
    certain.reward = r.exact.taken;
    dr.add(certain, r.exact);
    sum += r.exact.expected;
  }
  CHECK(dr.estimate().value == Approx(sum / 300).epsilon(1e-12));
}

TEST_CASE("DR with a model that says 0 is IPS") {
  inverse_propensity ips;
  doubly_robust dr;
  for (const record& r : make_log(5, 300)) {
    ips.add(r.logged);
    dr.add(r.logged, {});
  }
  CHECK(dr.estimate().value == ips.estimate().value);
  CHECK(dr.estimate().range == ips.estimate().range);
}

TEST_CASE("DR stays right when the model is wrong, and so does not when the propensities are") {
  const double truth = value_of(target);
  doubly_robust honest;
  doubly_robust dishonest;
  for (const record& r : make_log(6, 200000)) {
    honest.add(r.logged, r.guessed);
    logged_reward claimed = r.logged;
    claimed.propensity = 1.0 / n_actions;  // the log pretends to have been drawn evenly
    dishonest.add(claimed, r.guessed);
  }
  CHECK(honest.estimate(0.9999).range.contains(truth));
  CHECK_FALSE(honest.estimate().support_doubtful());
  CHECK_FALSE(dishonest.estimate(0.9999).range.contains(truth));
  CHECK(dishonest.estimate().support_doubtful());
}

TEST_CASE("SNIPS moves with the reward's zero and scale, and keeps its interval's width") {
  for (const double shift : {-3.0, 1e3, 1e9}) {
    self_normalized plain;
    self_normalized moved;
    for (const record& r : make_log(7, 400)) {
      plain.add(r.logged);
      moved.add({2 * r.logged.reward + shift, r.logged.propensity, r.logged.target});
    }
    CHECK(moved.estimate().value - shift == Approx(2 * plain.estimate().value).epsilon(1e-6));
    CHECK(moved.estimate().standard_error == Approx(2 * plain.estimate().standard_error).epsilon(1e-6));
  }
}

TEST_CASE("SNIPS stays within the rewards seen") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const off_policy_estimate e = estimate_all(make_log(seed, 5)).snips;
    CHECK((e.value >= 0 && e.value <= 1));
  }
}

TEST_CASE("weights that average far from 1 are pointed out when the target does what was never logged") {
  inverse_propensity ips;
  for (const record& r : make_log(8, 5000)) {
    // as if a fifth of the target's probability lay on an action the log cannot hold
    ips.add({r.logged.reward, r.logged.propensity, 0.8 * r.logged.target});
  }
  CHECK(ips.estimate().mean_weight == Approx(0.8).margin(0.1));
  CHECK(ips.estimate().support_doubtful());
}

TEST_CASE("records that cannot be true are refused, named, and not counted") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double p : {0.0, -0.1, 1.0000001, nan, infinity}) {
    CHECK(refusal<inverse_propensity>({.reward = 1, .propensity = p, .target = 1}) == errc::invalid_argument);
    CHECK(refusal<self_normalized>({.reward = 1, .propensity = p, .target = 1}) == errc::invalid_argument);
    CHECK(refusal<doubly_robust>({.reward = 1, .propensity = p, .target = 1}) == errc::invalid_argument);
  }
  for (const double t : {-0.1, 1.1, nan}) {
    CHECK(refusal<inverse_propensity>({.reward = 1, .propensity = 1, .target = t}) == errc::invalid_argument);
  }
  for (const double r : {nan, infinity, -infinity}) {
    CHECK(refusal<inverse_propensity>({.reward = r, .propensity = 1, .target = 1}) == errc::not_finite);
    CHECK(refusal<self_normalized>({.reward = r, .propensity = 1, .target = 1}) == errc::not_finite);
  }
  CHECK(refusal<inverse_propensity>({.reward = 1, .propensity = 1e-320, .target = 1}) == errc::not_finite);

  doubly_robust dr;
  dr.add({1, .5, .5}, {.5, .5});
  dr.add({0, .5, .5}, {.5, .5});
  CHECK(refusal_to_estimate([&] { dr.add({1, .5, .5}, {nan, .5}); }) == errc::not_finite);
  CHECK(refusal_to_estimate([&] { dr.add({1, .5, .5}, {.5, infinity}); }) == errc::not_finite);
  CHECK(refusal_to_estimate([&] { dr.add({1, 0, .5}, {.5, .5}); }) == errc::invalid_argument);
  CHECK(dr.estimate().n == 2);
  CHECK(dr.estimate().value == Approx(.5));
}

TEST_CASE("without overlap, or with too few records, there is no estimate") {
  inverse_propensity ips;
  self_normalized snips;
  CHECK(refusal_to_estimate([&] { (void)ips.estimate(); }) == errc::wrong_state);
  ips.add({1, .5, .5});
  CHECK(refusal_to_estimate([&] { (void)ips.estimate(); }) == errc::wrong_state);

  for (int i = 0; i < 100; ++i) snips.add({.reward = 1, .propensity = .5, .target = 0});
  try {
    (void)snips.estimate();
    FAIL("nothing was thrown");
  } catch (const error& e) {
    CHECK(e.code() == errc::wrong_state);
    CHECK(std::string(e.what()).find("no overlap") != std::string::npos);
  }
  snips.add({.reward = .25, .propensity = .5, .target = .5});
  CHECK(snips.estimate().value == .25);
  CHECK(snips.estimate().effective_sample_size == Approx(1));
}

TEST_CASE("a confidence outside (0, 1) is refused") {
  inverse_propensity ips;
  ips.add({1, .5, .5});
  ips.add({0, .5, .5});
  for (const double c : {0.0, 1.0, 95.0, std::nan("")}) {
    CHECK(refusal_to_estimate([&] { (void)ips.estimate(c); }) == errc::invalid_argument);
  }
}

TEST_CASE("clipped IPS by hand: what is cut, and what it can have stood for") {
  clipped_inverse_propensity clipped({.limit = 1});
  clipped_inverse_propensity bounded({.limit = 1, .rewards = interval{0, 3}});
  for (const logged_reward& each : {logged_reward{1, .25, .5}, {0, .5, .25}, {3, 1, 1}}) {  // w = 2, 1/2, 1
    clipped.add(each);
    bounded.add(each);
  }
  const off_policy_estimate e = clipped.estimate();  // terms 1, 0, 3
  CHECK(e.value == Approx(4.0 / 3));
  CHECK(e.standard_error == Approx(std::sqrt(7.0 / 9)));
  CHECK(e.cut_weight == Approx(1 - 2.5 / 3));
  CHECK(e.largest_weight == 2);
  const off_policy_estimate b = bounded.estimate();  // with all the weight at most 1, 0 + 3/2, 3
  CHECK(b.value == e.value);
  CHECK(b.range.low == Approx(e.range.low));
  CHECK(b.range.high == Approx(5.5 / 3 + 1.959963985 * std::sqrt((.6944444 + .1111111 + 1.3611111) / 6)));
}

TEST_CASE("a limit that nothing reaches leaves IPS") {
  inverse_propensity ips;
  clipped_inverse_propensity clipped({.limit = 1e9});
  for (const record& r : make_log(9, 300)) {
    ips.add(r.logged);
    clipped.add(r.logged);
  }
  CHECK(clipped.estimate().value == ips.estimate().value);
  CHECK(clipped.estimate().range == ips.estimate().range);
}

TEST_CASE("clipped IPS with declared rewards covers at least what was asked; without, bias makes it miss") {
  const double truth = value_of(target);
  int bounded_covers = 0;
  int plain_covers = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    clipped_inverse_propensity bounded({.limit = 2, .rewards = interval{0, 1}});
    clipped_inverse_propensity plain({.limit = 2});
    for (const record& r : make_log(seed, 1000)) {
      bounded.add(r.logged);
      plain.add(r.logged);
    }
    bounded_covers += bounded.estimate().range.contains(truth);
    plain_covers += plain.estimate().range.contains(truth);
  }
  INFO(bounded_covers << " and " << plain_covers);
  CHECK(bounded_covers >= 950);
  CHECK(plain_covers < 500);
}

TEST_CASE("declared rewards cover even what the log cannot have seen") {
  clipped_inverse_propensity bounded({.limit = 10, .rewards = interval{0, 1}});
  for (const record& r : make_log(10, 50000)) {
    // three fifths of the target's probability lie on an action that was never logged and always pays
    bounded.add({r.logged.reward, r.logged.propensity, 0.4 * r.logged.target});
  }
  CHECK(bounded.estimate().range.contains(0.4 * value_of(target) + 0.6));
  CHECK(bounded.estimate().range.contains(0.4 * value_of(target)));
  CHECK(bounded.estimate().cut_weight == Approx(0.6).margin(0.02));
}

TEST_CASE("the propensity self-check finds the number of actions, and overlap the share that is shared") {
  inverse_propensity ips;
  random_stream random(12);
  for (int i = 0; i < 100000; ++i) {
    const bool first = random.uniform() < 0.75;  // two actions; the target takes but the second
    ips.add({.reward = 1, .propensity = first ? 0.75 : 0.25, .target = first ? 0.0 : 1.0});
  }
  const off_policy_estimate e = ips.estimate();
  CHECK(std::abs(e.mean_inverse_propensity - 2) < 4 * e.mean_inverse_propensity_error);
  CHECK(e.overlap == Approx(0.25).margin(0.01));
  CHECK_NOTHROW(e.require_support());
}

TEST_CASE("who wants no doubtful number is refused one") {
  inverse_propensity ips;
  for (int i = 0; i < 1000; ++i) ips.add({.reward = 1, .propensity = .5, .target = i % 2 == 0 ? .5 : .4});
  const error e = thrown_by([&] { ips.estimate().require_support(); });
  CHECK(e.code() == errc::wrong_state);
  CHECK(e.where().field == "mean_weight");
  CHECK(e.message() ==
        "the weights average 0.900000 +- 0.003164, not 1: the policy in question does what was never "
        "logged, or the propensities are wrong");
}

TEST_CASE("limits out of range, and rewards out of the declared one, are refused by name") {
  const double nan = std::nan("");
  for (const double limit : {0.0, -1.0, nan}) {
    CHECK(thrown_by([&] { clipped_inverse_propensity({.limit = limit}); }).where().field == "limit");
  }
  for (const interval& rewards : {interval{1, 1}, interval{2, 1}, interval{nan, 1}}) {
    CHECK(thrown_by([&] { clipped_inverse_propensity({.rewards = rewards}); }).where().field == "rewards");
  }
  clipped_inverse_propensity clipped({.rewards = interval{0, 1}});
  const error e = thrown_by([&] { clipped.add({.reward = 1.5, .propensity = 1, .target = 1}); });
  CHECK(e.code() == errc::invalid_argument);
  CHECK(std::string(e.what()) ==
        "field 'reward': is 1.500000; it must lie in the declared range, [0.000000, 1.000000]");
  CHECK(thrown_by([&] { clipped.add({.reward = nan, .propensity = 1, .target = 1}); }).code() == errc::not_finite);
  CHECK(thrown_by([&] { (void)clipped.estimate(); }).message() == "an estimate needs at least 2 records, there are 0");
}
