// What the engine refuses: weights, times and text that nobody can have meant, and options that contradict themselves.

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"

using namespace engine_world;

namespace {

constexpr auto hour = std::chrono::hours(1);
const timestamp later = from_millis(10'000'000);
const timestamp year_1 = from_millis(-62135596800000);
const timestamp year_9999_ends = from_millis(253402300799999);
const std::string too_long(max_id_bytes + 1, 'x');
const std::string a_megabyte(1U << 20U, 'x');

// who is refused with what
template <class F>
error refused(F&& f) {
  try {
    f();
  } catch (const error& e) {
    return e;
  }
  FAIL("nothing was refused");
  return {errc::wrong_state, ""};
}

}  // namespace

TEST_CASE("an event whose weight is in the wrong unit is rejected, by its action's weight too", "[engine][limits]") {
  engine_options o = small_options();
  o.actions = {{"buy", 1000}};
  engine e(o);
  CHECK(e.observe({"ada", "kettle", "view", max_event_weight}).taken());
  CHECK(e.observe({"ada", "kettle", "view", -max_event_weight}).taken());
  for (const double value : {1.1e6, -1.1e6, 1e30, 1e39, std::numeric_limits<double>::max()}) {
    CHECK(e.observe({"ada", "kettle", "view", value}).reason == reject_reason::value_too_large);
    CHECK(e.observe({"ada", "kettle", "buy", value}).reason == reject_reason::value_too_large);
  }
  CHECK(e.observe({"ada", "kettle", "buy", 1000}).taken());
  CHECK(e.observe({"ada", "kettle", "buy", 1001}).reason == reject_reason::value_too_large);
  const recommendation r = e.recommend({.user = "bob", .time = later});
  REQUIRE(r.items.size() == 1);
  CHECK(e.reward(r.id, "kettle", 1e39, later).reason == reject_reason::value_too_large);
  CHECK(e.stats().rejected == 12);
  e.refit();
}

TEST_CASE("a log of the largest weights still refits, cold and warm, with the default rank", "[engine][limits]") {
  // all heavy; one heavy among ordinary ones; everything in between
  for (int shape = 0; shape < 3; ++shape) {
    for (const std::size_t n : {std::size_t{1}, std::size_t{30}, std::size_t{800}}) {
      engine e;
      random_stream random(n, 1);
      for (const deed& d : deeds(n, 7)) {
        event told = d.as_event();
        told.value = shape == 0 ? max_event_weight : shape == 1 ? 1 : std::pow(max_event_weight, random.uniform());
        REQUIRE(e.observe(told).taken());
      }
      REQUIRE(e.observe({"user1", "item1", "view", max_event_weight, later}).taken());
      e.refit();
      e.refit();
      const explanation x = e.explain({.user = "user1", .time = later, .exclude_seen = false}, "item1");
      REQUIRE_FALSE(x.sources.empty());
      for (const source_opinion& s : x.sources) CHECK(std::isfinite(s.score));
    }
  }
}

TEST_CASE("times are those of the years 1 to 9999", "[engine][limits]") {
  engine e;
  const timestamp lowest = timestamp::min();
  for (const timestamp bad : {lowest, year_1 - duration(1), year_9999_ends + duration(1), timestamp::max()}) {
    CHECK(e.observe({"ada", "kettle", "view", 1, bad}).reason == reject_reason::time_out_of_range);
    CHECK(refused([&] { e.advance(bad); }).where().field == "now");
  }
  CHECK(e.stats().events == 0);
  for (const timestamp extreme : {year_1, year_9999_ends, year_1}) {
    REQUIRE(e.observe({"ada", "kettle", "view", 1, extreme}).taken());
    for (const timestamp asked : {lowest, timestamp::max(), later}) {
      const recommendation r = e.recommend({.user = "ada", .time = asked, .exclude_seen = false});
      REQUIRE(r.items.size() == 1);
      CHECK(e.explain({.user = "ada", .time = asked}, "kettle").known);
      CHECK(e.reward(r.id, "kettle", 1, lowest).reason == reject_reason::time_out_of_range);
      CHECK(e.reward(r.id, "kettle", 1, extreme).taken());
    }
    e.advance(extreme);
  }
}

TEST_CASE("an answer has at most as many items as the ceiling says", "[engine][limits]") {
  engine e(small_options());
  for (std::size_t i = 0; i < max_request_count + 10; ++i) e.upsert_item(item_name(i));
  for (const std::size_t count : {max_request_count, max_request_count + 1, std::numeric_limits<std::size_t>::max()}) {
    CHECK(e.recommend({.user = "ada", .count = count, .time = later}).items.size() == max_request_count);
  }
}

TEST_CASE("the longest durations mean never", "[engine][limits]") {
  engine_options o;
  o.reward_window = duration::max();
  o.lateness = duration::max();
  o.max_ahead = duration::max();
  engine e(o);
  e.advance(year_1);
  CHECK(e.observe({"ada", "kettle", "view", 1, year_9999_ends}).status == observe_status::accepted);
  CHECK(e.recommend({.user = "bob", .time = year_1}).items.size() == 1);
  CHECK(e.observe({"ada", "kettle", "view", 1, year_1}).status == observe_status::accepted);
  e.advance(year_9999_ends);
  CHECK(e.stats().expired_decisions == 0);
}

TEST_CASE("every text of an event is checked", "[engine][limits]") {
  engine e;
  const auto reason = [&](const event& bad) { return e.observe(bad).reason; };
  const std::string bytes = "\xff\xfe";
  for (const std::string& bad : {bytes, too_long, a_megabyte}) {
    const reject_reason why = bad == bytes ? reject_reason::not_utf8 : reject_reason::id_too_long;
    CHECK(reason({.user = bad, .item = "kettle"}) == why);
    CHECK(reason({.user = "ada", .item = bad}) == why);
    CHECK(reason({.user = "ada", .item = "kettle", .action = bad}) == why);
    CHECK(reason({.user = "ada", .item = "kettle", .key = bad}) == why);
    CHECK(reason({.user = "ada", .item = "kettle", .context = {{bad, "mobile"}}}) == why);
    CHECK(reason({.user = "ada", .item = "kettle", .context = {{"a", "b"}, {"device", bad}}}) == why);
    CHECK(refused([&] { e.upsert_item(bad); }).where().field == "item");
    CHECK(refused([&] { e.upsert_item("kettle", {{"kind", bad}}); }).where().field == "attributes");
    CHECK(refused([&] { e.merge(bad, "ada"); }).where().field == "from");
    engine_options o;
    o.actions = {{bad, 1}};
    CHECK(refused([&] { o.validate(); }).where().field == "actions");
  }
  CHECK(e.stats().items == 0);
  CHECK(e.stats().rejected == 18);
}

TEST_CASE("an action or a source named twice is refused by its name", "[engine][limits]") {
  engine_options o;
  o.actions = {{"view", 1}, {"buy", 5}, {"view", -1}};
  const error twice = refused([&] { o.validate(); });
  CHECK(twice.code() == errc::invalid_argument);
  CHECK(twice.where().field == "actions");
  CHECK(std::string(twice.what()).find("'view'") != std::string::npos);
  o.actions = {};
  o.sources = {"popularity", "trend_slow", "popularity"};
  CHECK(refused([&] { o.validate(); }).where().field == "sources");
  o.sources = {};
  o.ridge.regularization = 0;  // not that of ials
  CHECK(refused([&] { o.validate(); }).where().field == "ridge.regularization");
  o.ridge = {};
  for (const double weight : {std::numeric_limits<double>::infinity(), std::nan(""), 1e7}) {
    o.actions = {{"view", weight}};
    CHECK(refused([&] { o.validate(); }).where().field == "actions");
  }
}

TEST_CASE("the facts that options name are text", "[engine][limits]") {
  for (std::string engine_options::*const fact : {&engine_options::channel_fact, &engine_options::segment_fact}) {
    const auto named = [fact](const std::string& name) {
      engine_options o;
      o.*fact = name;
      return engine(o);
    };
    const char* field = fact == &engine_options::channel_fact ? "channel_fact" : "segment_fact";
    CHECK_NOTHROW(named("channel"));
    CHECK(refused([&] { named("\xff"); }).where().field == field);
    CHECK(refused([&] { named(std::string(max_id_bytes + 1, 'c')); }).where().field == field);
  }
}

TEST_CASE("each action has its own declared weight", "[engine][limits]") {
  engine_options o = small_options();
  o.actions = {{"a", 0}, {"b", -1}, {"c", 2}};
  engine e(o);
  e.observe({"ada", "viewed", "view", 1, later});
  e.observe({"ada", "nothing", "a", 1, later});
  e.observe({"ada", "disliked", "b", 1, later});
  const recommendation r = e.recommend({.user = "ada", .time = later + hour});
  std::string seen;
  for (const recommended_item& each : r) seen += each.item + " ";
  CHECK(seen.find("viewed") != std::string::npos);
  CHECK(seen.find("nothing") != std::string::npos);
  CHECK(seen.find("disliked") == std::string::npos);
}
