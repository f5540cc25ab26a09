#include "tandem/evaluation/bounded_off_policy.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "evaluation/off_policy_world.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::evaluation;
using namespace off_policy_world;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr interval weights_here = {0.14, 5};  // of the world: .1 / .7 and .5 / .1

template <class Estimator>
off_policy_estimate estimate_from(Estimator estimator, const std::vector<record>& log, double confidence = 0.95) {
  for (const record& r : log) estimator.add(r.logged);
  return estimator.estimate(confidence);
}

int covered_of_1000(const off_policy_bounds& bounds, std::size_t n) {
  const double truth = value_of(target);
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    covered += estimate_from(empirical_likelihood(bounds), make_log(seed, n)).range.contains(truth);
  }
  return covered;
}

// The least mean of w r by projected steps over reweightings q of the log and one record more, within the budget and
// with sum q = sum q w = 1: the dual of two multipliers, searched on a grid around the optimum. Slow, and independent
// of the closed form: the minimum over q on the sphere is at q = p - s * (residual of w r on (1, w)) for some s.
double lowest_by_regression(const std::vector<record>& log, double extreme, double reward, double budget) {
  std::vector<double> w = {extreme};
  std::vector<double> wr = {extreme * reward};
  for (const record& r : log) {
    w.push_back(r.logged.target / r.logged.propensity);
    wr.push_back(w.back() * r.logged.reward);
  }
  const double n = static_cast<double>(w.size());
  double mean_w = 0;
  double mean_wr = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    mean_w += w[i] / n;
    mean_wr += wr[i] / n;
  }
  double sww = 0;
  double swr = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    sww += (w[i] - mean_w) * (w[i] - mean_w);
    swr += (w[i] - mean_w) * (wr[i] - mean_wr);
  }
  std::vector<double> toward(w.size());    // makes the weights average 1
  std::vector<double> residual(w.size());  // changes neither constraint
  double spent = 0;
  double rr = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    toward[i] = (1 - mean_w) * (w[i] - mean_w) * n / sww;
    residual[i] = wr[i] - mean_wr - swr / sww * (w[i] - mean_w);
    spent += toward[i] * toward[i];
    rr += residual[i] * residual[i];
  }
  if (spent > budget) return infinity;
  const double step = std::sqrt((budget - spent) / rr);
  double q_sum = 0;
  double q_w = 0;
  double value = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double q = (1 + toward[i] - step * residual[i]) / n;
    q_sum += q;
    q_w += q * w[i];
    value += q * wr[i];
  }
  REQUIRE(q_sum == Approx(1));
  REQUIRE(q_w == Approx(1));
  return value;
}

}  // namespace

TEST_CASE("the empirical Bernstein interval is that of its formula and covers short logs") {
  bernstein_inverse_propensity bernstein({.weights = {0, 5}});
  inverse_propensity ips;
  for (const record& r : make_log(1, 4000)) {
    bernstein.add(r.logged);
    ips.add(r.logged);
  }
  const off_policy_estimate e = bernstein.estimate(0.9);
  const double n = 4000;
  const double odds = std::log(40);
  const double variance = e.standard_error * e.standard_error * n;
  const double half = std::sqrt(2 * variance * odds / n) + 7 * 5 * odds / (3 * (n - 1));
  CHECK(e.value == ips.estimate().value);
  CHECK(e.range.low == Approx(e.value - half));
  CHECK(e.range.high == Approx(e.value + half));

  const double truth = value_of(target);
  for (const std::size_t length : {20U, 200U, 2000U}) {
    int covered = 0;
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      const off_policy_estimate each =
          estimate_from(bernstein_inverse_propensity({.weights = {0, 5}}), make_log(seed, length));
      covered += each.range.contains(truth);
      CHECK((each.range.low >= 0 && each.range.high <= 1));
    }
    INFO(length << ": " << covered);
    CHECK(covered >= 475);
  }
}

TEST_CASE("empirical likelihood is the optimum over reweightings of the log") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const std::vector<record> log = make_log(seed, 60);
    const off_policy_bounds bounds{.weights = {0, 8}};
    const off_policy_estimate e = estimate_from(empirical_likelihood(bounds), log);
    double mean = 0;
    double square = 0;
    for (const record& r : log) {
      const double w = r.logged.target / r.logged.propensity;
      mean += w;
      square += w * w;
    }
    const double extreme = mean < 60 ? 8 : 0;
    mean = (mean + extreme) / 61;
    square = (square + extreme * extreme) / 61;
    const double student = 2.000298;  // t with 60 degrees of freedom, two-sided 95 %, from a table
    const double budget = 61 * (mean - 1) * (mean - 1) / (square - mean * mean) + student * student;
    const double low = std::min(lowest_by_regression(log, 0, 0, budget), lowest_by_regression(log, 8, 0, budget));
    CHECK(e.range.low == Approx(std::max(0.0, low)).epsilon(1e-4));
    CHECK((e.range.contains(e.value) && e.range.low >= 0 && e.range.high <= 1));
  }
}

TEST_CASE("Cressie-Read intervals cover 93 to 97 % of 1,000 logs, and at least 95 % without a largest weight") {
  const int bounded = covered_of_1000({.weights = weights_here}, 1000);
  const int unbounded = covered_of_1000({}, 1000);
  INFO(bounded << " and " << unbounded);
  CHECK((bounded >= 930 && bounded <= 970));
  CHECK(unbounded >= 950);  // any weight might still come: cautious
}

TEST_CASE("empirical likelihood is narrower than IPS and moves with the rewards' range") {
  double likelihood_width = 0;
  double ips_width = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<record> log = make_log(seed, 1000);
    const off_policy_estimate e = estimate_from(empirical_likelihood(), log);
    likelihood_width += estimate_from(empirical_likelihood({.weights = weights_here}), log).range.width();
    ips_width += estimate_from(inverse_propensity(), log).range.width();
    empirical_likelihood moved({.rewards = {-20, -10}});
    for (const record& r : log) moved.add({-20 + 10 * r.logged.reward, r.logged.propensity, r.logged.target});
    const off_policy_estimate m = moved.estimate();
    CHECK(m.value == Approx(-20 + 10 * e.value));
    CHECK(m.range.low == Approx(-20 + 10 * e.range.low));
    CHECK(m.range.high == Approx(-20 + 10 * e.range.high));
  }
  CHECK(likelihood_width < 0.9 * ips_width);
}

TEST_CASE("on the policy's own log empirical likelihood is the mean, and its interval nearly the normal one") {
  empirical_likelihood likelihood;
  double sum = 0;
  for (const record& r : make_log(3, 5000)) {
    likelihood.add({r.logged.reward, r.logged.propensity, r.logged.propensity});
    sum += r.logged.reward;
  }
  const off_policy_estimate e = likelihood.estimate();
  const double mean = sum / 5000;
  CHECK(e.value == Approx(mean));
  CHECK(e.standard_error == Approx(std::sqrt(mean * (1 - mean) / 5000)).epsilon(0.02));
}

TEST_CASE(
    "an off-policy sequence misses at any n in at most 5 % of logs, where a normal interval misses in many more") {
  const double truth = value_of(target);
  constexpr int logs = 300;
  int missed = 0;
  int naive = 0;
  for (std::uint64_t seed = 0; seed < logs; ++seed) {
    off_policy_sequence sequence({.candidates = 256});
    inverse_propensity ips;
    bool miss = false;
    bool miss_naive = false;
    for (const record& r : make_log(seed, 3000)) {
      sequence.add(r.logged);
      ips.add(r.logged);
      miss |= !sequence.range().contains(truth);
      if (sequence.n() >= 100) miss_naive |= !ips.estimate().range.contains(truth);
    }
    CHECK_FALSE((sequence.contradictory() && !miss));
    missed += miss;
    naive += miss_naive;
  }
  INFO("sequence " << missed << " naive " << naive << " of " << logs);
  CHECK(missed <= logs / 20);
  CHECK(naive > logs / 5);
}

TEST_CASE("an off-policy sequence shrinks, and needs no largest weight") {
  off_policy_sequence sequence({.values = {-1, 1}});
  random_stream random(4);
  for (int i = 0; i < 100000; ++i) {
    // an action of probability 1/1000 that the target takes always: weights of 0 or 1000
    const bool rare = random.uniform() < 1e-3;
    const double reward = random.uniform() < 0.8 ? 1 : -1;
    sequence.add({.reward = reward, .propensity = rare ? 1e-3 : 0.999, .target = rare ? 1.0 : 0.0});
  }
  CHECK(sequence.range().contains(0.6));
  CHECK(sequence.range().width() < 1);
  CHECK(sequence.estimate().range == sequence.range());
  CHECK(sequence.estimate().largest_weight == Approx(1000));
  CHECK_FALSE(sequence.contradictory());
}

TEST_CASE("what lies outside the declared bounds is refused by name and not counted") {
  CHECK(thrown_by([] { bernstein_inverse_propensity({}); }).where().field == "weights");
  CHECK(thrown_by([] { empirical_likelihood({.weights = {0, 1}}); }).where().field == "weights");
  CHECK(thrown_by([] { empirical_likelihood({.weights = {1, 2}}); }).where().field == "weights");
  CHECK(thrown_by([] { empirical_likelihood({.rewards = {1, 0}}); }).where().field == "rewards");
  CHECK(thrown_by([] { empirical_likelihood({.rewards = {0, std::nan("")}}); }).where().field == "rewards");
  CHECK(thrown_by([] { off_policy_sequence({.values = {1, 1}}); }).where().field == "values");
  CHECK(thrown_by([] { off_policy_sequence({.confidence = 2}); }).where().field == "confidence");

  bernstein_inverse_propensity bernstein({.weights = {0, 2}});
  empirical_likelihood likelihood({.weights = {0, 2}});
  off_policy_sequence sequence;
  const auto check = [](auto& estimator) {
    const error reward = thrown_by([&] { estimator.add({1.25, .5, .5}); });
    CHECK(std::string(reward.what()) ==
          "field 'reward': is 1.250000; it must lie in the declared range, [0.000000, 1.000000]");
    CHECK(thrown_by([&] { estimator.add({std::nan(""), .5, .5}); }).code() == errc::not_finite);
    CHECK(thrown_by([&] { estimator.add({1, 0, .5}); }).where().field == "propensity");
    CHECK(thrown_by([&] { estimator.add({1, .5, 1.5}); }).where().field == "target");
    CHECK(thrown_by([&] { (void)estimator.estimate(); }).code() == errc::wrong_state);  // nothing was counted
    for (int i = 0; i < 5; ++i) estimator.add({1, .5, 0});
    const error overlap = thrown_by([&] { (void)estimator.estimate(); });
    CHECK(overlap.message() == "no overlap: the policy in question would take none of the 5 logged actions");
  };
  check(bernstein);
  check(likelihood);
  check(sequence);
  CHECK(thrown_by([&] { bernstein.add({1, .25, 1}); }).where().field == "target / propensity");
  CHECK(thrown_by([&] { likelihood.add({1, .25, 1}); }).where().field == "target / propensity");
}
