#include "tandem/study/population.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>

#include "study/failure_text.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::study;

namespace {

population_options small() {
  population_options o;
  o.users = 200;
  o.items = 100;
  o.days = 60;
  return o;
}

// all places of a page are looked at, whatever the channel
population_options attentive() {
  population_options o = small();
  for (channel_habits& each : o.channels) each.attention = 0;
  return o;
}

std::vector<std::uint32_t> first_items(std::size_t n) {
  std::vector<std::uint32_t> out(n);
  std::iota(out.begin(), out.end(), 0U);
  return out;
}

double likeness(std::span<const float> a, std::span<const float> b) {
  return double{std::inner_product(a.begin(), a.end(), b.begin(), 0.0F)};
}

// what f is on average over visits of everybody
template <class F>
double on_average(const population& world, F f) {
  double sum = 0;
  for (std::uint32_t u = 0; u < world.n_users(); ++u) {
    visitor who = world.meet(u);
    world.begin_visit(who, who.arrival_day);
    sum += f(who);
  }
  return sum / static_cast<double>(world.n_users());
}

}  // namespace

TEST_CASE("every assumption can be set by its name, within its range and no further") {
  std::set<std::string_view> names;
  for (const population_field& field : population_fields()) {
    INFO(field.name);
    CHECK(names.insert(field.name).second);
    population_options o;
    CHECK(get(o, field) >= field.low);
    CHECK(get(o, field) <= field.high);
    set(o, field.name, field.high);
    CHECK(get(o, field) == field.high);
    for (const population_field& other : population_fields()) {  // and nothing else moves
      if (other.name != field.name) CHECK(get(o, other) == get(population_options{}, other));
    }
    CHECK_THROWS_AS(set(o, field.name, field.high + 1), error);
    CHECK_THROWS_AS(set(o, field.name, std::nan("")), error);
    CHECK(get(o, field) == field.high);
  }
}

TEST_CASE("an assumption that is not there, or no whole number where one is asked for, is refused") {
  population_options o;
  CHECK(holds(failure_text([&] { set(o, "moods", 1); }), {"'moods'", "mood_strength"}));
  CHECK(holds(failure_text([&] { set(o, "users", 1.5); }), {"users", "whole number"}));
  o.churn_a_day = 1.5;
  CHECK(holds(failure_text([&] { const population world(o); }), {"churn_a_day", "[0, 1]"}));
  o = {};
  for (channel_habits& each : o.channels) each.share = 0;
  CHECK(holds(failure_text([&] { const population world(o); }), {"web.share"}));
}

TEST_CASE("a seed gives one world, another seed another") {
  population_options o = small();
  const population a(o);
  const population b(o);
  o.seed = 1;
  const population c(o);
  REQUIRE(a.items().size() == b.items().size());
  CHECK(std::ranges::equal(a.place(7), b.place(7)));
  CHECK(a.items()[7].launch_day == b.items()[7].launch_day);
  CHECK(a.meet(3).arrival_day == b.meet(3).arrival_day);
  CHECK(a.meet(3).taste == b.meet(3).taste);
  CHECK_FALSE(std::ranges::equal(a.place(7), c.place(7)));
  CHECK_FALSE(a.meet(3).taste == c.meet(3).taste);
}

TEST_CASE("one person who is shown one page in one state answers alike, whoever else was there before") {
  const population world(small());
  const std::vector<std::uint32_t> page = first_items(10);
  std::vector<std::uint32_t> taken, again;
  for (std::uint32_t u = 0; u < 50; ++u) {
    visitor who = world.meet(u);
    world.begin_visit(who, 20);
    visitor copy = who;
    world.look(who, page, 20, taken);
    visitor other = world.meet(u + 100);
    world.begin_visit(other, 20);
    world.look(other, page, 20, again);
    world.look(copy, page, 20, again);
    CHECK(taken == again);
    CHECK(who.satisfaction == copy.satisfaction);
    CHECK(world.wants_another_page(who) == world.wants_another_page(copy));
    CHECK(world.next_visit(who, 20) == world.next_visit(copy, 20));
  }
}

TEST_CASE("whether an item is taken does not depend on what stands beside it, where every place is looked at") {
  const population world(attentive());
  std::vector<std::uint32_t> page = first_items(10);
  std::vector<std::uint32_t> taken, turned;
  for (std::uint32_t u = 0; u < 100; ++u) {
    visitor who = world.meet(u);
    world.begin_visit(who, 20);
    visitor copy = who;
    world.look(who, page, 20, taken);
    std::ranges::reverse(page);
    world.look(copy, page, 20, turned);
    std::ranges::sort(taken);
    std::ranges::sort(turned);
    CHECK(taken == turned);
  }
}

TEST_CASE("items are taken as often as their appeal says") {
  population_options o = attentive();
  o.users = 20000;
  const population world(o);
  double expected = 0;
  const double taken = on_average(world, [&](visitor& who) {
    const std::vector<std::uint32_t> page{who.user % 100};
    expected += 1 / (1 + std::exp(-(o.take_base + world.appeal(who, page[0], who.arrival_day))));
    std::vector<std::uint32_t> out;
    world.look(who, page, who.arrival_day, out);
    return static_cast<double>(out.size());
  });
  expected /= 20000;
  CHECK(expected > 0.03);
  CHECK(taken == Approx(expected).margin(4 * std::sqrt(expected / 20000)));
}

TEST_CASE("the same items are taken less in lower places, as attention says") {
  population_options o = small();
  o.users = 20000;
  o.take_base = 20;  // all that is looked at is taken
  const population world(o);
  const std::vector<std::uint32_t> page = first_items(10);
  std::array<double, 10> by_place{};
  std::array<double, 10> expected{};
  on_average(world, [&](visitor& who) {
    std::vector<std::uint32_t> out;
    world.look(who, page, who.arrival_day, out);
    for (const std::uint32_t item : out) by_place[item] += 1;
    for (std::size_t k = 0; k < 10; ++k) expected[k] += world.attention(who.where, k);
    return 0.0;
  });
  CHECK(by_place[0] == 20000);
  for (std::size_t k = 1; k < 10; ++k) {
    CHECK(by_place[k] < by_place[k - 1]);
    CHECK(by_place[k] == Approx(expected[k]).margin(4 * std::sqrt(20000 / 4)));
  }
  CHECK(world.attention(channel::mail, 9) < world.attention(channel::web, 9));
}

TEST_CASE("the satisfied stay, come back sooner and look at more pages") {
  const population world(small());
  const auto at = [&](double satisfaction) {
    std::array<double, 3> out{};  // share that leaves, mean gap of the others, share that asks for more
    double stayed = 0;
    for (std::uint32_t u = 0; u < 200; ++u) {
      visitor who = world.meet(u);
      world.begin_visit(who, 0);
      who.where = channel::web;
      who.satisfaction = satisfaction;
      for (who.visit = 1; who.visit <= 50; ++who.visit) {
        const double next = world.next_visit(who, 0);
        if (std::isinf(next)) {
          out[0] += 1;
        } else {
          out[1] += next;
          stayed += 1;
        }
        out[2] += world.wants_another_page(who) ? 1 : 0;
      }
    }
    return std::array{out[0] / 10000, out[1] / stayed, out[2] / 10000};
  };
  const auto low = at(-1);
  const auto high = at(2);
  CHECK(high[0] < 0.5 * low[0]);
  CHECK(high[1] < 0.7 * low[1]);
  CHECK(high[2] > low[2] + 0.2);
}

TEST_CASE("where gains are 0, satisfaction changes nothing") {
  population_options o = small();
  o.churn_gain = o.gap_gain = o.page_gain = 0;
  const population world(o);
  for (std::uint32_t u = 0; u < 100; ++u) {
    visitor sad = world.meet(u);
    world.begin_visit(sad, 5);
    visitor glad = sad;
    sad.satisfaction = -3;
    glad.satisfaction = 3;
    CHECK(world.next_visit(sad, 5) == world.next_visit(glad, 5));
    CHECK(world.wants_another_page(sad) == world.wants_another_page(glad));
  }
}

TEST_CASE("satisfaction is a running mean of the appeal of what was looked at") {
  population_options o = attentive();
  o.satisfaction_rate = 0.25;
  const population world(o);
  visitor who = world.meet(1);
  world.begin_visit(who, 10);
  const double before = who.satisfaction;
  const double mean = (world.appeal(who, 3, 10) + world.appeal(who, 4, 10)) / 2;
  std::vector<std::uint32_t> taken;
  const std::vector<std::uint32_t> page{3, 4};
  world.look(who, page, 10, taken);
  CHECK(who.satisfaction == Approx(before + 0.25 * (mean - before)));
  const double after = who.satisfaction;
  world.look(who, {}, 10, taken);  // nothing to look at, nothing felt
  CHECK(who.satisfaction == after);
  CHECK(who.page == 2);
}

TEST_CASE("taste moves with the days and not with visits, and its likeness halves in the half-life") {
  population_options o = small();
  o.drift_half_life_days = 20;
  o.sudden_change_days = 1e7;
  o.dimensions = 128;  // other tastes are then nearly at right angles
  o.categories = 200;
  const population world(o);
  double kept = 0;
  for (std::uint32_t u = 0; u < 200; ++u) {
    visitor often = world.meet(u);
    visitor seldom = often;
    const std::vector<float> before = often.taste;
    const auto first = static_cast<double>(often.taste_day);
    for (int day = 1; day <= 20; ++day) world.begin_visit(often, first + day);
    world.begin_visit(seldom, first + 20);
    CHECK(often.taste == seldom.taste);
    CHECK(likeness(often.taste, often.taste) == Approx(1).epsilon(1e-4));
    kept += likeness(before, often.taste) / 200;
  }
  CHECK(kept == Approx(0.5).margin(0.05));
}

TEST_CASE("drift makes people no more alike") {
  population_options o = small();
  o.sudden_change_days = 1e7;
  const auto alike = [](const population& world, double after) {
    std::vector<double> sum(world.options().dimensions, 0.0);
    for (std::uint32_t u = 0; u < 200; ++u) {
      visitor who = world.meet(u);
      world.begin_visit(who, static_cast<double>(who.taste_day) + after);
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += double{who.taste[k]} / 200;
    }
    return std::sqrt(std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0));
  };
  CHECK(alike(population(o), 0) < 0.45);
  CHECK(alike(population(o), 200) == Approx(alike(population(o), 0)).margin(0.1));
}

TEST_CASE("sudden changes come as often as asked for") {
  population_options o = small();
  o.drift_half_life_days = 1e7;
  o.sudden_change_days = 30;
  const population world(o);
  double unchanged = 0;
  for (std::uint32_t u = 0; u < 200; ++u) {
    visitor who = world.meet(u);
    const std::vector<float> before = who.taste;
    world.begin_visit(who, static_cast<double>(who.taste_day) + 30);
    if (likeness(before, who.taste) > 0.999) unchanged += 1.0 / 200;
  }
  CHECK(unchanged == Approx(std::exp(-1)).margin(0.14));
}

TEST_CASE("as many items as asked for are on offer on any day, however fast they change") {
  for (const double shelf : {1e6, 180.0, 10.0}) {
    population_options o = small();
    o.items = 500;
    o.shelf_days = shelf;
    const population world(o);
    for (const double day : {0.0, 30.0, 59.0}) {
      const auto there = std::ranges::count_if(
          world.items(), [&](const catalogue_item& i) { return i.launch_day <= day && day < i.end_day; });
      CHECK(static_cast<double>(there) == Approx(500).margin(100));
    }
  }
}

TEST_CASE("an item appeals by news, by trends, and less once it was taken") {
  population_options o = small();
  o.trends_a_day = 10;
  const population world(o);
  visitor who = world.meet(2);
  world.begin_visit(who, 30);
  const auto trending = std::ranges::find_if(world.items(), [](const auto& i) { return i.trends.size() == 1; });
  REQUIRE(trending != world.items().end());
  const auto item = static_cast<std::uint32_t>(trending - world.items().begin());
  const double begun = trending->trends.front();
  const auto news = [&](double day) {
    return o.novelty * std::exp2(-(day - trending->launch_day) / o.novelty_half_life_days);
  };
  const auto rest = [&](double day) { return world.appeal(who, item, day) - news(day); };
  const double quiet = rest(begun - 0.001);
  CHECK(rest(begun + 1) - quiet == Approx(o.trend_height).margin(1e-6));
  CHECK(rest(begun + 1 + o.trend_half_life_days) - quiet == Approx(o.trend_height / 2).margin(1e-6));
  const double before = world.appeal(who, item, 30);
  who.took = {item};
  CHECK(world.appeal(who, item, 30) == Approx(before - o.repeat_penalty));
}

TEST_CASE("as many items begin to trend as asked for, while they are on offer") {
  population_options o = small();
  o.trends_a_day = 2.5;
  o.days = 400;
  o.shelf_days = 50;
  const population world(o);
  std::size_t trends = 0;
  for (const catalogue_item& item : world.items()) {
    trends += item.trends.size();
    CHECK(std::ranges::all_of(item.trends, [&](double day) { return day >= item.launch_day && day < item.end_day; }));
  }
  CHECK(static_cast<double>(trends) == Approx(1000).margin(40));
}

TEST_CASE("moods differ from visit to visit, and are none where they have no strength") {
  population_options o = small();
  const population moody(o);
  o.mood_strength = 0;
  o.drift_half_life_days = o.sudden_change_days = 1e7;
  const population steady(o);
  for (const bool moods : {true, false}) {
    const population& world = moods ? moody : steady;
    visitor who = world.meet(4);
    world.begin_visit(who, 20);
    const std::vector<float> first = who.wish;
    world.begin_visit(who, 20);
    const double angle = likeness(first, who.wish) / std::sqrt(likeness(first, first) * likeness(who.wish, who.wish));
    CHECK((angle < 0.999) == moods);
  }
}

TEST_CASE("what people find by themselves is on offer, attracts them more than chance, and is remembered") {
  population_options o = small();
  o.own_find = 1;
  const population world(o);
  const std::vector<std::uint32_t> on_offer = first_items(100);
  double gained = 0;
  for (std::uint32_t u = 0; u < 100; ++u) {
    visitor who = world.meet(u);
    world.begin_visit(who, 20);
    double mean = 0;
    for (const std::uint32_t item : on_offer) mean += world.appeal(who, item, 20) / 100;
    std::vector<std::uint32_t> found;
    world.find_alone(who, on_offer, 20, found);
    REQUIRE(found.size() == 1);
    CHECK(who.took == found);
    gained += (world.appeal(who, found[0], 20) + o.repeat_penalty - mean) / 100;
  }
  CHECK(gained > 1);
  o.own_find = 0;
  const population idle(o);
  visitor who = idle.meet(0);
  idle.begin_visit(who, 20);
  std::vector<std::uint32_t> found{7};
  idle.find_alone(who, on_offer, 20, found);
  CHECK(found.empty());
}
