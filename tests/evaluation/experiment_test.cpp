#include "tandem/evaluation/experiment.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "evaluation/off_policy_world.hpp"
#include "support/catch.hpp"
#include "support/chi_square.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::evaluation;
using off_policy_world::thrown_by;

namespace {

std::string unit(std::size_t i) { return "user-" + std::to_string(i); }

}  // namespace

TEST_CASE("arms fill by their shares, and two experiments split units independently") {
  const experiment first({.name = "first", .shares = {0.5, 0.3, 0.2}});
  const experiment second({.name = "second", .shares = {0.5, 0.3, 0.2}});
  std::array<std::size_t, 9> counts{};
  for (std::size_t i = 0; i < 100000; ++i) ++counts[*first.arm(unit(i)) * 3 + *second.arm(unit(i))];
  std::array<double, 9> expected{};
  for (std::size_t i = 0; i < 9; ++i) {
    expected[i] = first.options().shares[i / 3] * second.options().shares[i % 3];
  }
  CHECK(tandem_test::chi_square_p(counts, expected) > 1e-3);
}

TEST_CASE("a unit keeps its arm: in another object, and when traffic grows") {
  const experiment tenth({.name = "checkout", .traffic = 0.1});
  const experiment half({.name = "checkout", .traffic = 0.5});
  const experiment all({.name = "checkout"});
  std::size_t in_tenth = 0;
  for (std::size_t i = 0; i < 20000; ++i) {
    const auto arm = tenth.arm(unit(i));
    in_tenth += arm.has_value();
    if (arm) REQUIRE(half.arm(unit(i)) == arm);
    if (half.arm(unit(i))) REQUIRE(all.arm(unit(i)) == half.arm(unit(i)));
    REQUIRE(experiment({.name = "checkout"}).arm(unit(i)) == all.arm(unit(i)));
  }
  CHECK(in_tenth == Approx(2000).margin(200));
  CHECK_FALSE(experiment({.name = "x", .traffic = 0}).arm("ada"));
  // pinned: a release that changes these moves users from arm to arm
  std::string arms;
  for (std::size_t i = 0; i < 24; ++i) arms += static_cast<char>('0' + *all.arm(unit(i)));
  CHECK(arms == "001100000011010000011000");
}

TEST_CASE("a sound split is called a mismatch at any n in at most 5 % of experiments") {
  int mismatches = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    random_stream random(seed, 9);
    sample_ratio_check check({.shares = {0.2, 0.8}});
    for (int i = 0; i < 5000; ++i) check.add(random.uniform() < 0.2 ? 0 : 1);
    mismatches += check.p_value() < 0.05;  // p is the least it has ever been
  }
  INFO(mismatches);
  CHECK(mismatches <= 50);
}

TEST_CASE("a broken split is found, sooner the more it is broken") {
  const auto found_after = [](double share) {
    random_stream random(3, 10);
    sample_ratio_check check;
    while (check.p_value() > 0.001 && check.n() < 2000000) check.add(random.uniform() < share ? 0 : 1);
    return check.n();
  };
  CHECK(found_after(0.45) < 10000);
  CHECK(found_after(0.49) < 200000);
  CHECK(found_after(0.45) < found_after(0.49));
}

// Plan 1/2, 1/2, concentration 2: Dirichlet(1, 1). Units 0, 0, 1: factor (1/2 / 1/2) (2/3 / 1/2) (1/4 / 1/2) = 2/3.
TEST_CASE("the sample-ratio Bayes factor agrees with values worked by hand") {
  sample_ratio_check check({.concentration = 2});
  CHECK(check.p_value() == 1);
  check.add(0);
  CHECK(check.p_value() == Approx(1));
  check.add(0);
  CHECK(check.p_value() == Approx(3.0 / 4));
  check.add(1);
  CHECK(check.p_value() == Approx(3.0 / 4));  // it keeps what it once said
  CHECK(check.counts() == std::vector<std::uint64_t>{2, 1});
}

TEST_CASE("a difference without a covariate is Welch's") {
  arm_outcomes treatment;
  arm_outcomes control;
  for (const double x : {1.0, 2.0, 6.0}) treatment.add(x);
  for (const double x : {0.0, 1.0}) control.add(x);
  const arm_difference d = difference(treatment, control);
  CHECK(d.value == Approx(2.5));
  CHECK(d.standard_error == Approx(std::sqrt(7.0 / 3 + 0.5 / 2)));  // variances 7 and 1/2
  CHECK(d.range.low == Approx(2.5 - 1.959963985 * d.standard_error));
  CHECK(d.always.low == Approx(asymptotic_interval(2.5, d.standard_error, 5).low));
  CHECK(d.n == 5);
  CHECK(d.theta == 0);
  CHECK(d.variance_left == 1);
}

TEST_CASE("CUPED cuts the variance by the squared correlation, stays unbiased and covers 93 to 97 %") {
  int covered = 0;
  double left = 0;
  double sum = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    random_stream random(seed, 11);
    arm_outcomes arms[2];
    for (int i = 0; i < 600; ++i) {
      const double before = 1e6 + random.normal();  // far from 0: sums of squares would cancel
      arms[i % 2].add(0.8 * (before - 1e6) + 0.6 * random.normal() + (i % 2 == 0 ? 0.1 : 0), before);
    }
    const arm_difference d = difference(arms[0], arms[1]);
    covered += d.range.contains(0.1);
    left += d.variance_left / 1000;
    sum += d.value / 1000;
  }
  INFO(covered);
  CHECK((covered >= 930 && covered <= 970));
  CHECK(left == Approx(0.36).margin(0.01));  // 1 - 0.8^2
  CHECK(sum == Approx(0.1).margin(0.006));
}

TEST_CASE(
    "A/A looked at 30 times: a normal interval finds a difference in about 29 % of runs, a sequence in under 5 %") {
  int naive = 0;
  int sequence = 0;
  constexpr int runs = 2000;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    random_stream random(seed, 12);
    arm_outcomes arms[2];
    bool naive_found = false;
    bool sequence_found = false;
    for (int look = 0; look < 30; ++look) {
      for (int i = 0; i < 400; ++i) arms[i % 2].add(random.uniform() < 0.2 ? 1 : 0);
      const arm_difference d = difference(arms[0], arms[1]);
      naive_found |= !d.range.contains(0);
      sequence_found |= !d.always.contains(0);
    }
    naive += naive_found;
    sequence += sequence_found;
  }
  const double naive_rate = static_cast<double>(naive) / runs;
  const double sequence_rate = static_cast<double>(sequence) / runs;
  INFO("naive " << naive_rate << " sequence " << sequence_rate);
  CHECK(naive_rate == Approx(0.29).margin(0.04));
  CHECK(sequence_rate <= 0.05);
}

TEST_CASE("experiments that cannot be are refused by name") {
  const double nan = std::nan("");
  CHECK(thrown_by([] { experiment({}); }).where().field == "name");
  for (const auto& shares : {std::vector<double>{}, {1}, {0.5, 0.6}, {1, 0}, {-0.5, 1.5}, {nan, 1}}) {
    CHECK(thrown_by([&] { experiment({.name = "x", .shares = shares}); }).where().field == "shares");
    CHECK(thrown_by([&] { sample_ratio_check({.shares = shares}); }).where().field == "shares");
  }
  for (const double traffic : {-0.1, 1.1, nan}) {
    CHECK(thrown_by([&] { experiment({.name = "x", .traffic = traffic}); }).where().field == "traffic");
  }
  CHECK(thrown_by([] { sample_ratio_check({.concentration = 0}); }).where().field == "concentration");
  sample_ratio_check check;
  const error e = thrown_by([&] { check.add(2); });
  CHECK(std::string(e.what()) == "field 'arm': is 2; there are 2 arms, counted from 0");
  CHECK(check.n() == 0);
  arm_outcomes arm;
  CHECK(thrown_by([&] { arm.add(nan); }).where().field == "outcome");
  CHECK(thrown_by([&] { arm.add(1, std::numeric_limits<double>::infinity()); }).where().field == "before");
  CHECK(arm.n() == 0);
  CHECK(thrown_by([&] { (void)difference(arm, arm); }).message() ==
        "a difference needs 2 units in each arm, there are 0 and 0");
  CHECK(thrown_by([&] { (void)difference(arm, arm, {.confidence = 0}); }).where().field == "confidence");
}
