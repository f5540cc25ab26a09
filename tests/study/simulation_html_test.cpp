#include "tandem/study/simulation_html.hpp"

#include <string>
#include <string_view>

#include "html_check.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::study;
using html_check::has;
using html_check::unbalanced;

namespace {

simulation_result run_of(std::uint64_t taken, std::size_t days) {
  simulation_result r;
  r.pages = 100;
  r.shown = 1000;
  r.taken = taken;
  r.visits = 50;
  r.visits_with_taking = 20;
  r.user_weeks = 40;
  r.answers = 120;
  r.learned = taken;
  for (std::size_t k = 0; k < retention_days.size(); ++k) {
    if (retention_days[k] + 7 <= static_cast<double>(days)) r.retained[k] = {50 - k, 100};
  }
  r.weekly_shown.assign(days / 7 + 1, 100);
  r.weekly_taken.assign(days / 7 + 1, taken / 10);
  r.decide.add(20);
  r.learn.add(3);
  return r;
}

// takings of batch, real time and hybrid by seed
simulation_report report_of(std::size_t seeds, std::uint64_t step = 20, std::size_t days = 120) {
  simulation_report out;
  out.options.days = days;
  out.command = "tandem simulate --set a<b=1";
  for (std::size_t s = 0; s < seeds; ++s) {
    out.seeds.push_back(s);
    for (const contender c : all_contenders) {
      out.runs[c].push_back(run_of(40 + s + step * static_cast<std::uint64_t>(c), days));
    }
  }
  return out;
}

}  // namespace

TEST_CASE("the page of a simulation is well formed, in one file, without references to a network") {
  simulation_report report = report_of(3);
  report.sweep.push_back({sweep_settings()[1], report.runs});
  for (const std::string& html : {to_html(report), to_html(report_of(1)), to_html(report_of(3, 0, 10))}) {
    CHECK(unbalanced(html) == "");
    CHECK(html.rfind("<!doctype html>", 0) == 0);
    for (const char* reference : {"http://", "https://", "<script", "src=", "href=", "@import", "url("}) {
      CHECK(!has(html, reference));
    }
    CHECK(!has(html, "nan"));
    CHECK(!has(html, "–%"));  // a place in a chart that is no number
    CHECK(has(html, "a&lt;b=1"));
  }
}

TEST_CASE("the page of a simulation says what the intervals allow, and nothing more") {
  CHECK(has(to_html(report_of(3)), "66\u00a0% more than from batch"));
  CHECK(has(to_html(report_of(3, 0)), "about as much as from batch"));
  const std::string one = to_html(report_of(1));
  CHECK(has(one, "about as much as from batch"));
  CHECK(has(one, "One population has no interval"));
  CHECK(!has(one, "clearly"));
}

TEST_CASE("the page of a simulation shows arms over time, who stays, costs, the survey and all assumptions") {
  const std::string html = to_html(report_of(3));
  for (const char* part :
       {"week by week", "week 17", "Who stays", "90 days later", "How long it takes", "the survey: ×",
        "150,000 / 45,000 / 80,000", "processor time a 1,000 pages", "mood_strength", "Oracle"}) {
    INFO(part);
    CHECK(has(html, part));
  }
  CHECK(!has(html, "Where the hybrid does not win"));
  const std::string brief = to_html(report_of(3, 20, 10));
  CHECK(!has(brief, "week by week"));
  CHECK(!has(brief, "Who stays"));
}
