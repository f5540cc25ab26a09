#include "tandem/study/simulation.hpp"

#include <algorithm>
#include <string>

#include "study/failure_text.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::study;

namespace {

population_options small(std::uint64_t seed = 0) {
  population_options o;
  o.seed = seed;
  o.users = 150;
  o.items = 120;
  o.days = 50;
  o.warm_up_days = 7;
  o.shelf_days = 40;
  return o;
}

// satisfaction changes nothing: whoever serves, the same people come at the same times
population_options indifferent() {
  population_options o = small();
  o.churn_gain = o.gap_gain = o.page_gain = 0;
  o.item_seconds = 0;
  return o;
}

// shows the first items on offer, or what it was told to
class stubborn final : public recommender {
 public:
  std::vector<std::uint32_t> always;
  std::vector<std::uint32_t> there;
  std::vector<taking> heard;
  std::vector<timestamp> nights, asked_at;
  bool in_order = true;

  void launch(std::uint32_t item) override { there.push_back(item); }
  void retire(std::uint32_t item) override { there.erase(std::ranges::find(there, item)); }
  void night(timestamp time) override {
    tell(time);
    nights.push_back(time);
  }
  void advance(timestamp time) override { tell(time); }
  void show(const page_request& asked, std::vector<std::uint32_t>& page) override {
    asked_at.push_back(asked.time);
    std::ranges::sort(there);
    REQUIRE(std::ranges::equal(there, asked.on_offer));
    page = always;
    if (page.empty()) page.assign(there.begin(), there.begin() + static_cast<std::ptrdiff_t>(asked.count));
  }
  void taken(const taking& what) override { heard.push_back(what); }

 private:
  void tell(timestamp time) {
    in_order = in_order && time >= last_;
    last_ = time;
  }
  timestamp last_{};
};

simulation_result with_chance(const population_options& o) {
  const population world(o);
  random_recommender chance(o.seed);
  return simulate(world, chance);
}

simulation_result with_oracle(const population_options& o) {
  const population world(o);
  oracle_recommender oracle(world);
  return simulate(world, oracle);
}

void check_same(const simulation_result& a, const simulation_result& b) {
  CHECK(a.pages == b.pages);
  CHECK(a.shown == b.shown);
  CHECK(a.taken == b.taken);
  CHECK(a.visits == b.visits);
  CHECK(a.visits_with_taking == b.visits_with_taking);
  CHECK(a.minutes == b.minutes);
  CHECK(a.satisfaction == b.satisfaction);
  CHECK(a.lost == b.lost);
  CHECK(a.weekly_taken == b.weekly_taken);
  CHECK(a.learned == b.learned);
  for (std::size_t k = 0; k < a.retained.size(); ++k) CHECK(a.retained[k].some == b.retained[k].some);
}

double ctr(const simulation_result& r) { return static_cast<double>(r.taken) / static_cast<double>(r.shown); }

}  // namespace

TEST_CASE("two simulations of one recommender are the same, bit for bit; another seed is another") {
  const simulation_result a = with_oracle(small());
  check_same(a, with_oracle(small()));
  CHECK(a.minutes != with_oracle(small(1)).minutes);
}

TEST_CASE("where satisfaction has no effect, chance and oracle get the same visits") {
  const simulation_result chance = with_chance(indifferent());
  const simulation_result oracle = with_oracle(indifferent());
  CHECK(chance.visits > 500);
  CHECK(chance.visits == oracle.visits);
  CHECK(chance.pages == oracle.pages);
  CHECK(chance.lost == oracle.lost);
  CHECK(chance.minutes == oracle.minutes);
  CHECK(chance.satisfaction < oracle.satisfaction);
  for (std::size_t k = 0; k < chance.retained.size(); ++k) {
    CHECK(chance.retained[k].some == oracle.retained[k].some);
    CHECK(chance.retained[k].of == oracle.retained[k].of);
  }
}

TEST_CASE("showing the best gives the most takings, and people who stay") {
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    const simulation_result chance = with_chance(small(seed));
    const simulation_result oracle = with_oracle(small(seed));
    CHECK(ctr(oracle) > 1.5 * ctr(chance));
    CHECK(oracle.lost < chance.lost);
    CHECK(oracle.visits > chance.visits);
    CHECK(oracle.retained[retention_at(30)].some > chance.retained[retention_at(30)].some);
    CHECK(oracle.pages * chance.visits > chance.pages * oracle.visits);
  }
}

TEST_CASE("with place bias the same pages earn less") {
  population_options o = indifferent();
  for (channel_habits& each : o.channels) each.attention = 0;
  const double all = ctr(with_chance(o));
  for (channel_habits& each : o.channels) each.attention = 2;
  CHECK(ctr(with_chance(o)) < 0.4 * all);
}

TEST_CASE("a recommender hears of items, nights and takings in the order of time") {
  const population world(small());
  stubborn subject;
  const simulation_result r = simulate(world, subject);
  CHECK(subject.in_order);
  CHECK(subject.nights.size() == 49);
  CHECK(subject.nights.front() == time_of(1.125));
  CHECK(subject.heard.size() == r.learned);
  CHECK(subject.asked_at.size() == r.answers);
  CHECK(r.decide.size() == r.answers);
  CHECK(r.learn.size() == r.learned);
  CHECK(std::ranges::any_of(subject.heard, [](const taking& t) { return t.from_page; }));
  CHECK(std::ranges::any_of(subject.heard, [](const taking& t) { return !t.from_page; }));
}

TEST_CASE("what comes before the end of the warm-up is not counted") {
  population_options o = small();
  const simulation_result counted = with_chance(o);
  o.warm_up_days = 0;
  const simulation_result all = with_chance(o);
  CHECK(counted.pages < all.pages);
  CHECK(all.pages == all.answers);
  CHECK(counted.answers == all.answers);
  std::uint64_t weekly = 0;
  for (const std::uint64_t shown : all.weekly_shown) weekly += shown;
  CHECK(weekly == all.shown);
  o.warm_up_days = 50;
  const simulation_result none = with_chance(o);
  CHECK(none.pages == 0);
  CHECK(none.user_weeks == 0);
  CHECK(none.retained[0].of == all.retained[0].of);
}

TEST_CASE("a page that must not be shown ends the simulation, and says why") {
  const population world(small());
  const auto last = static_cast<std::uint32_t>(world.items().size());
  stubborn subject;
  subject.always = {last};
  CHECK(holds(failure_text([&] { (void)simulate(world, subject); }), {"not on offer"}));
  stubborn twice;
  twice.always = {0, 0};
  CHECK(holds(failure_text([&] { (void)simulate(world, twice); }), {"twice"}));
  stubborn many;
  many.always.resize(11);
  CHECK(holds(failure_text([&] { (void)simulate(world, many); }), {"more items"}));
}

TEST_CASE("a simulation reports its days and can be cancelled") {
  const population world(small());
  random_recommender chance(0);
  std::size_t reports = 0;
  CHECK_THROWS_AS(simulate(world, chance,
                           [&](const progress_report& r) {
                             CHECK(r.stage == "simulate");
                             CHECK(r.total == 50);
                             return ++reports < 10;
                           }),
                  error);
  CHECK(reports == 10);
}

TEST_CASE("a catalogue smaller than a page is shown whole, and a visit that has seen it sees empty pages") {
  population_options o = small();
  o.items = 10;
  o.shelf_days = 1e7;
  o.page_size = 20;
  const simulation_result r = with_chance(o);
  CHECK(r.shown > 0);
  CHECK(r.shown < r.pages * 10);
  CHECK(with_oracle(o).shown > 0);
}
