#include "tandem/study/report.hpp"

#include <cmath>
#include <vector>

#include "small_logs.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::study;

namespace {

// Four users with an event each a minute, in turn: 80 events, 40 judged.
event_log four_users() {
  std::vector<line> lines;
  for (std::size_t k = 0; k < 80; ++k) {
    lines.push_back({id('u', k % 4), id('i', k % 10), static_cast<std::int64_t>(60 * k)});
  }
  return log_of(lines);
}

replay_options all_events() {
  replay_options options;
  options.every = 1;
  options.repeat_items = true;
  return options;
}

protocol_report summarised(std::array<double, n_arms> rank_of_arm) {
  const event_log log = four_users();
  const replay_plan plan = plan_replay(log, all_events());
  const study_report facts = describe(log, plan, all_events(), 1);
  std::array<replay_result, n_arms> results;
  for (std::size_t a = 0; a < n_arms; ++a) {
    results[a] = result_of(plan, [&](std::size_t) { return rank_of_arm[a]; });
  }
  return summarise(log, plan, facts, std::move(results));
}

}  // namespace

TEST_CASE("measures are those of the ranks, with intervals that close in when every event is alike") {
  const protocol_report report = summarised({evaluation::missed, 9, 1, 3, 0});
  CHECK(report[arm::batch].all.ndcg.value == 0);
  CHECK(report[arm::batch_fold_in].all.ndcg.value == Approx(1 / std::log2(11)));
  CHECK(report[arm::batch_fold_in].all.hr.value == 1);
  CHECK(report[arm::batch_fold_in].all.mrr.value == Approx(0.1));
  CHECK(report[arm::realtime].all.ndcg.value == Approx(1 / std::log2(3)));
  CHECK(report[arm::hybrid].all.ndcg.value == 1);
  CHECK(report[arm::hybrid].all.ndcg.range.low == Approx(1));
  CHECK(report[arm::hybrid].all.ndcg.range.high == Approx(1));
}

TEST_CASE("the hybrid is compared with every other arm and with its best source, by ratio and by difference") {
  const protocol_report report = summarised({evaluation::missed, 9, 1, 3, 0});
  REQUIRE(report.comparisons.size() == 5);
  CHECK(report.comparisons[0].with == "batch");
  CHECK(std::isnan(report.comparisons[0].ratio.value));  // nothing found by batch: there is no ratio
  CHECK(report.comparisons[0].difference.value == Approx(1));
  CHECK(report.comparisons[1].with == "batch_fold_in");
  CHECK(report.comparisons[1].ratio.value == Approx(std::log2(11)));
  CHECK(report.comparisons[2].with == "realtime");
  CHECK(report.comparisons[2].ratio.value == Approx(std::log2(3)));
  CHECK(report.comparisons[3].with == "realtime_ranked");
  CHECK(report.comparisons[3].ratio.value == Approx(std::log2(5)));
  CHECK(report.comparisons[4].with == "best_source");
  CHECK(report.comparisons[4].ratio.value == Approx(1));
}

TEST_CASE("comparisons are paired: what users have in common cancels") {
  // Users differ much, the arms always by the same factor: each arm's interval is wide, the ratio's has no width.
  const event_log log = four_users();
  const replay_plan plan = plan_replay(log, all_events());
  const study_report facts = describe(log, plan, all_events(), 1);
  std::array<replay_result, n_arms> results;
  for (std::size_t a = 0; a < n_arms; ++a) {
    results[a] = result_of(plan, [&](std::size_t p) { return p % 4 == 0 ? (a == 4 ? 0.0 : 1.0) : evaluation::missed; });
  }
  const protocol_report report = summarise(log, plan, facts, std::move(results));
  CHECK(report[arm::hybrid].all.ndcg.range.width() > 0.2);
  // some resamples of four users hold no finder at all, and then there is no ratio; the difference always stands
  const comparison& with_realtime = report.comparisons[2];
  CHECK(with_realtime.difference.value == Approx(0.25 * (1 - 1 / std::log2(3))));
}

TEST_CASE("sources come best first, with the finds that only they had") {
  const protocol_report report = summarised({0, 0, 0, 0, 0});
  REQUIRE(report.sources.size() == 2);
  CHECK(report.sources[0].name == "neighbours");
  CHECK(report.sources[0].ndcg.value == 1);
  CHECK(report.sources[0].hr == 1);
  CHECK(report.sources[0].alone == Approx(1));
  CHECK(!report.sources[0].needs_model);
  CHECK(report.sources[1].name == "live_affinity");
  CHECK(report.sources[1].hr == 0);
  CHECK(report.sources[1].alone == 0);
  CHECK(report.sources[1].needs_model);
}

TEST_CASE("the facts of the log are counted") {
  const event_log log = four_users();
  const replay_plan plan = plan_replay(log, all_events());
  const study_report facts = describe(log, plan, all_events(), 9);
  CHECK(facts.events == 80);
  CHECK(facts.users == 4);
  CHECK(facts.items == 10);
  CHECK(facts.visits == 80);
  CHECK(facts.tied_events == 0);
  CHECK(facts.judged == 40);
  CHECK(facts.judged_users == 4);
  CHECK(facts.seed == 9);
  double shares = 0;
  for (const history_group& each : facts.history_groups) shares += each.share;
  CHECK(shares == Approx(1));
  CHECK(facts.history_groups[2].share == Approx(1));  // all judged events have 10 to 19 before them
}

TEST_CASE("a result of another plan is refused") {
  const event_log log = four_users();
  const replay_plan plan = plan_replay(log, all_events());
  const study_report facts = describe(log, plan, all_events(), 1);
  CHECK_THROWS_AS(summarise(log, plan, facts, {}), error);
}
