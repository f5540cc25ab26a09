#include "tandem/study/simulation_arms.hpp"

#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::study;

namespace {

population_options small() {
  population_options o;
  o.users = 80;
  o.items = 80;
  o.days = 25;
  o.warm_up_days = 5;
  o.gap_days = 2;
  o.shelf_days = 60;
  return o;
}

engine_options quick() {
  engine_options o;
  o.rank = 8;
  return o;
}

double ctr(const simulation_result& r) { return static_cast<double>(r.taken) / static_cast<double>(r.shown); }

}  // namespace

TEST_CASE("an arm meets the same people twice and does the same") {
  const population world(small());
  const simulation_result a = simulate(contender::hybrid, world, quick());
  const simulation_result b = simulate(contender::hybrid, world, quick());
  CHECK(a.pages > 500);
  CHECK(a.pages == b.pages);
  CHECK(a.taken == b.taken);
  CHECK(a.weekly_taken == b.weekly_taken);
  CHECK(a.satisfaction == b.satisfaction);
}

TEST_CASE("where satisfaction has no effect, all arms get the same visits and pages") {
  population_options o = small();
  o.churn_gain = o.gap_gain = o.page_gain = 0;
  o.item_seconds = 0;
  const population world(o);
  const simulation_result chance = simulate(contender::random, world);
  for (const contender each : all_contenders) {
    INFO(name(each));
    const simulation_result r = simulate(each, world, quick());
    CHECK(r.visits == chance.visits);
    CHECK(r.pages == chance.pages);
    CHECK(r.lost == chance.lost);
    CHECK(r.retained[0].some == chance.retained[0].some);
  }
}

TEST_CASE("the arms earn more than chance and less than the oracle") {
  population_options o = small();
  o.users = 200;
  const population world(o);
  const double chance = ctr(simulate(contender::random, world));
  const double oracle = ctr(simulate(contender::oracle, world));
  for (const contender each : {contender::batch, contender::realtime, contender::hybrid}) {
    INFO(name(each));
    const double earned = ctr(simulate(each, world, quick()));
    CHECK(earned > 1.1 * chance);
    CHECK(earned < oracle);
  }
}

TEST_CASE("an engine hears every taking, those of a page as rewards, and refits every night") {
  const population world(small());
  engine_recommender subject(world, quick(), true);
  const simulation_result r = simulate(world, subject);
  const engine_stats seen = subject.subject().stats();
  CHECK(seen.events == r.learned);
  CHECK(seen.decisions == r.answers);
  std::uint64_t from_pages = 0;
  for (const std::uint64_t each : r.weekly_taken) from_pages += each;
  CHECK(seen.rewards == from_pages);
  CHECK(seen.late_rewards == 0);
  CHECK(seen.rejected == 0);
  CHECK(seen.refits == 24);
  engine_recommender never(world, options_of(arm::realtime, quick()), false);
  CHECK(simulate(world, never).refit_s < 1);
  CHECK(never.subject().stats().refits == 0);
}
