#include "tandem/study/simulation_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::study;

namespace {

// runs whose CTR are these shares of 1,000
contender_runs with_ctr(std::initializer_list<std::uint64_t> taken) {
  contender_runs out;
  for (const std::uint64_t each : taken) {
    out.emplace_back();
    out.back().shown = 1000;
    out.back().taken = each;
  }
  return out;
}

}  // namespace

TEST_CASE("t quantiles are those of the tables") {
  CHECK(student_quantile(1) == Approx(12.7062047).epsilon(1e-7));
  CHECK(student_quantile(2) == Approx(4.3026527).epsilon(1e-7));
  CHECK(student_quantile(3) == Approx(3.1824463).epsilon(1e-7));
  CHECK(student_quantile(4) == Approx(2.7764451).epsilon(1e-7));
  CHECK(student_quantile(19) == Approx(2.0930241).epsilon(1e-7));
  CHECK(student_quantile(100) == Approx(1.9839715).epsilon(1e-7));
  CHECK(student_quantile(7, 0.99) == Approx(3.4994833).epsilon(1e-7));
  CHECK(std::isnan(student_quantile(0)));
}

TEST_CASE("a mean over seeds has the t interval of its standard error; a single seed has none") {
  const std::vector<double> values{1, 2, 3, 4};
  const seed_estimate e = over_seeds(values);
  CHECK(e.mean == 2.5);
  const double half = 3.1824463 * std::sqrt(5.0 / 3 / 4);
  CHECK(e.range.low == Approx(2.5 - half));
  CHECK(e.range.high == Approx(2.5 + half));
  const seed_estimate one = over_seeds(std::span(values).first(1));
  CHECK(one.mean == 1);
  CHECK(std::isnan(one.range.low));
  CHECK(std::isnan(over_seeds({}).mean));
}

TEST_CASE("arms are compared within a seed") {
  // seeds differ much, the arms by the same in each
  const contender_runs a = with_ctr({110, 210, 310});
  const contender_runs b = with_ctr({100, 200, 300});
  const figure& ctr = figure_of("ctr");
  CHECK(estimate_of(ctr, a).range.width() > 0.4);
  const seed_estimate d = difference(ctr, a, b);
  CHECK(d.mean == Approx(0.01));
  CHECK(d.range.width() < 1e-9);
  const seed_estimate twice = ratio(ctr, with_ctr({200, 400}), with_ctr({100, 200}));
  CHECK(twice.mean == Approx(2));
  CHECK(twice.range.low == Approx(2));
  CHECK(std::isnan(ratio(ctr, a, with_ctr({0, 1, 2})).mean));
  CHECK(std::isnan(difference(ctr, a, {}).mean));
}

TEST_CASE("the hybrid wins or loses only where the interval says so") {
  CHECK(outcome_of({1.2, {1.1, 1.3}}) == outcome::wins);
  CHECK(outcome_of({1.2, {0.9, 1.5}}) == outcome::even);
  CHECK(outcome_of({0.8, {0.7, 0.9}}) == outcome::loses);
  CHECK(outcome_of(seed_estimate{}) == outcome::even);
}

TEST_CASE("figures have keys of their own, and the survey's values where they are known") {
  std::set<std::string_view> keys;
  for (const figure& each : figures()) CHECK(keys.insert(each.key).second);
  CHECK(figure_of("ctr").survey == std::array{.055, .078, .092});
  CHECK(figure_of("d30").survey == std::array{.60, .65, .75});
  CHECK(std::isnan(figure_of("d7").survey[0]));
}

TEST_CASE("figures are what their names say") {
  simulation_result r;
  r.pages = 30;
  r.shown = 300;
  r.taken = 15;
  r.visits = 10;
  r.visits_with_taking = 4;
  r.minutes = 25;
  r.satisfaction = 45;
  r.user_weeks = 5;
  r.retained[retention_at(7)] = {3, 4};
  r.retained[retention_at(30)] = {1, 2};
  r.answers = 2000;
  r.cpu_s = 3;
  r.start_rss_mb = 10;
  r.peak_rss_mb = 12;
  const auto value = [&](std::string_view key) { return figure_of(key).of(r); };
  CHECK(value("ctr") == 0.05);
  CHECK(value("taken_per_visit") == 1.5);
  CHECK(value("pages_per_visit") == 3);
  CHECK(value("minutes_per_visit") == 2.5);
  CHECK(value("interaction_rate") == 0.4);
  CHECK(value("d7") == 0.75);
  CHECK(value("d30") == 0.5);
  CHECK(std::isnan(value("d90")));
  CHECK(value("visits_per_week") == 2);
  CHECK(value("satisfaction") == 1.5);
  CHECK(value("cpu_s_per_thousand") == 1.5);
  CHECK(value("bytes_per_thousand") == Approx(1e6));
  for (const figure& each : figures()) {  // nothing happened: nothing, or not known
    const double none = each.of(simulation_result{});
    CHECK((none == 0 || (std::isnan(none) && each.table == "Loyalty")));
  }
}

TEST_CASE("every setting of the sweep can be made, and changes what it names") {
  const auto settings = sweep_settings();
  CHECK(settings.size() > 10);
  CHECK(settings.front().changes.empty());
  for (const sweep_setting& each : settings) {
    INFO(each.name);
    population_options o;
    CHECK_NOTHROW(o = with({}, each));
    CHECK_NOTHROW(o.validate());
    for (const auto& [name, value] : each.changes) {
      const auto field = std::ranges::find(population_fields(), name, &population_field::name);
      REQUIRE(field != population_fields().end());
      CHECK(get(o, *field) == value);
      CHECK(get(population_options{}, *field) != value);
    }
  }
}
