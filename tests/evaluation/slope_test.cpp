#include "tandem/evaluation/slope.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "evaluation/off_policy_world.hpp"
#include "support/catch.hpp"
#include "tandem/evaluation/doubly_robust.hpp"

using namespace tandem;
using namespace tandem::evaluation;
using namespace off_policy_world;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<off_policy_estimate> estimates(std::initializer_list<std::pair<double, double>> values_and_errors) {
  std::vector<off_policy_estimate> out;
  for (const auto& each : values_and_errors) {
    out.emplace_back();
    out.back().value = each.first;
    out.back().standard_error = each.second;
  }
  return out;
}

}  // namespace

TEST_CASE("slope stops at the last estimate that agrees with all before it") {
  CHECK(slope(estimates({{0, 1}})) == 0);
  CHECK(slope(estimates({{0, 1}, {0.5, 0.5}, {0.2, 0.1}})) == 2);
  CHECK(slope(estimates({{0, 1}, {0.5, 0.5}, {9, 0.1}})) == 1);
  CHECK(slope(estimates({{0, 1}, {9, 0.5}, {0, 0.1}})) == 0);  // what comes after a contradiction is not looked at
  const double edge = 1.959963984540054 * (0.5 + std::sqrt(6.0) - 1);
  CHECK(slope(estimates({{0, 1}, {edge - 1e-9, 0.5}})) == 1);
  CHECK(slope(estimates({{0, 1}, {edge + 1e-9, 0.5}})) == 0);
  CHECK(slope(estimates({{0, 1}, {edge - 1e-9, 0.5}}), 0.5) == 0);  // the surer, the more is let pass
}

TEST_CASE(
    "slope over clipping limits has at most three times the error of the best limit, on short logs and long ones") {
  const double truth = value_of(target);
  const std::vector<double> limits = {infinity, 4, 2, 1, 0.5};
  for (const std::size_t n : {40U, 4000U}) {
    std::vector<double> squares(limits.size());
    double selected = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      std::vector<shrunk_doubly_robust> alone;
      for (const double limit : limits) alone.emplace_back(weight_limit{limit});
      slope_selected<shrunk_doubly_robust> choice(limits);
      for (const record& r : make_log(seed, n)) {
        for (auto& each : alone) each.add(r.logged, r.guessed);
        choice.add(r.logged, r.guessed);
      }
      for (std::size_t i = 0; i < limits.size(); ++i) {
        squares[i] += std::pow(alone[i].estimate().value - truth, 2);
      }
      selected += std::pow(choice.estimate().value - truth, 2);
    }
    const auto extremes = std::minmax_element(squares.begin(), squares.end());
    INFO(n << ": selected " << selected << " best " << *extremes.first << " worst " << *extremes.second);
    CHECK(selected < 9 * *extremes.first);
    CHECK(selected < *extremes.second / 1.5);
  }
}

TEST_CASE("what is chosen is one of the estimators, whatever the order of limits, and cuts less on a longer log") {
  const auto limit_after = [](std::vector<double> limits, std::size_t n) {
    slope_selected<clipped_inverse_propensity> choice(std::move(limits));
    clipped_inverse_propensity same({.limit = infinity});
    for (const record& r : make_log(5, n)) choice.add(r.logged);
    const double limit = choice.limit();
    same = clipped_inverse_propensity({.limit = limit});
    for (const record& r : make_log(5, n)) same.add(r.logged);
    CHECK(choice.estimate().value == same.estimate().value);
    CHECK(choice.estimate().range == same.estimate().range);
    return limit;
  };
  CHECK(limit_after({infinity, 3, 1}, 2000) == limit_after({1, infinity, 3}, 2000));
  CHECK(limit_after({8, 3, 1}, 20000) > limit_after({8, 3, 1}, 15));
}

TEST_CASE("nothing to choose among, or no order, is refused by name") {
  CHECK(thrown_by([] { (void)slope({}); }).where().field == "estimates");
  CHECK(thrown_by([] { (void)slope(estimates({{0, 1}, {0, 2}})); }).where().field == "standard_error");
  CHECK(thrown_by([] { (void)slope(estimates({{0, 1}, {0, std::nan("")}})); }).where().field == "standard_error");
  CHECK(thrown_by([] { (void)slope(estimates({{0, 1}}), 1); }).where().field == "confidence");
  CHECK(thrown_by([] { slope_selected<clipped_inverse_propensity>({}); }).where().field == "limits");
  CHECK(thrown_by([] { slope_selected<clipped_inverse_propensity>({1, 0}); }).where().field == "limit");
  slope_selected<clipped_inverse_propensity> choice({1, 2});
  CHECK(thrown_by([&] { choice.add(logged_reward{1, 0, 1}); }).where().field == "propensity");
  CHECK(thrown_by([&] { (void)choice.estimate(); }).code() == errc::wrong_state);
}
