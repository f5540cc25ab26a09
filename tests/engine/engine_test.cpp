// The engine's surface: what each call does, and what it answers to bad input.

#include "tandem/engine.hpp"

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"

using namespace engine_world;

namespace {

std::set<std::string> shown(const recommendation& r) {
  std::set<std::string> out;
  for (const recommended_item& each : r) out.insert(each.item);
  return out;
}

engine filled(engine_options o = small_options(), std::size_t n = 600) {
  engine e(std::move(o));
  for (const deed& d : deeds(n, 3)) e.observe(d.as_event());
  return e;
}

const timestamp later = from_millis(10'000'000);

}  // namespace

TEST_CASE("a fresh engine answers nothing and knows nothing", "[engine]") {
  engine e;
  CHECK(e.recommend({"ada", 10, later}).items.empty());
  CHECK(e.stats().events == 0);
  CHECK(e.stats().decisions == 1);
  CHECK(e.model() == nullptr);
  CHECK_FALSE(e.explain({"ada", 10, later}, "kettle").known);
}

TEST_CASE("items made known are recommended before any event", "[engine]") {
  engine e;
  e.upsert_item("kettle");
  e.upsert_item("teapot");
  CHECK(shown(e.recommend({"ada", 10, later})) == std::set<std::string>{"kettle", "teapot"});
}

TEST_CASE("events get positions in order and every counter adds up", "[engine]") {
  engine e = filled(small_options(), 100);
  const observe_result r = e.observe({"ada", "kettle", "view", 1, later});
  CHECK(r.taken());
  CHECK(raw(r.position) == 100);
  const engine_stats s = e.stats();
  CHECK(s.events == 101);
  CHECK(raw(s.position) == 101);
  CHECK(s.newest == later);
}

TEST_CASE("an event with a key already seen changes nothing", "[engine]") {
  engine e;
  CHECK(e.observe({"ada", "kettle", "view", 1, later, "k1"}).status == observe_status::accepted);
  CHECK(e.observe({"ada", "teapot", "view", 1, later, "k1"}).status == observe_status::duplicate);
  CHECK(e.stats().events == 1);
  CHECK(e.stats().duplicates == 1);
  CHECK(e.stats().items == 1);
}

TEST_CASE("the oldest keys are forgotten at the ceiling", "[engine]") {
  engine_options o;
  o.max_event_keys = 2;
  engine e(o);
  for (const char* key : {"a", "b", "c"}) e.observe({"ada", "kettle", "view", 1, later, key});
  CHECK(e.observe({"ada", "kettle", "view", 1, later, "c"}).status == observe_status::duplicate);
  CHECK(e.observe({"ada", "kettle", "view", 1, later, "a"}).taken());
}

TEST_CASE("bad events are rejected with a reason and change nothing", "[engine]") {
  engine e;
  const std::string long_id(max_id_bytes + 1, 'x');
  const auto reason = [&](const event& bad) {
    const observe_result r = e.observe(bad);
    CHECK(r.status == observe_status::rejected);
    return r.reason;
  };
  CHECK(reason({"", "kettle"}) == reject_reason::empty_user);
  CHECK(reason({"ada", ""}) == reject_reason::empty_item);
  CHECK(reason({long_id, "kettle"}) == reject_reason::id_too_long);
  CHECK(reason({"ada", long_id}) == reject_reason::id_too_long);
  CHECK(reason({"ada", "\xff\xfe"}) == reject_reason::not_utf8);
  CHECK(reason({"ada", "kettle", "view", std::numeric_limits<double>::quiet_NaN()}) == reject_reason::value_not_finite);
  CHECK(reason({"ada", "kettle", "view", std::numeric_limits<double>::infinity()}) == reject_reason::value_not_finite);
  CHECK(reason({"ada", "kettle", "view", 1, from_millis(1'700'000'000'000'000)}) == reject_reason::time_out_of_range);
  CHECK(e.stats().events == 0);
  CHECK(e.stats().rejected == 8);
  CHECK(e.stats().items == 0);
}

TEST_CASE("once the host tells the time, events far ahead of it are rejected", "[engine]") {
  engine_options o;
  o.max_ahead = std::chrono::hours(1);
  engine e(o);
  CHECK(e.observe({"ada", "kettle", "view", 1, from_millis(0)}).taken());
  CHECK(e.observe({"ada", "kettle", "view", 1, later + std::chrono::hours(48)}).taken());  // no clock yet
  e.advance(later + std::chrono::hours(48));
  CHECK(e.observe({"ada", "kettle", "view", 1, later + std::chrono::hours(50)}).reason ==
        reject_reason::time_in_future);
  CHECK(e.observe({"ada", "kettle", "view", 1, later + std::chrono::hours(49)}).taken());
}

TEST_CASE("events long before the newest are taken and called late", "[engine]") {
  engine e;
  e.observe({"ada", "kettle", "view", 1, later + std::chrono::hours(48)});
  const observe_result r = e.observe({"ada", "teapot", "view", 1, later});
  CHECK(r.status == observe_status::late);
  CHECK(r.taken());
  CHECK(e.stats().late == 1);
  CHECK(shown(e.recommend({"bob", 10, later})).count("teapot") == 1);
}

TEST_CASE("a full log says so", "[engine]") {
  engine_options o;
  o.max_events = 1;
  engine e(o);
  CHECK(e.observe({"ada", "kettle"}).taken());
  CHECK(e.observe({"ada", "teapot"}).status == observe_status::full);
  CHECK(e.stats().events == 1);
}

TEST_CASE("what the user had is left out unless asked for", "[engine]") {
  engine_options o = small_options();
  o.exclude_seen = true;
  engine e = filled(o);
  const explanation own = e.explain({"user1", 10, later}, "item10");
  const auto with = shown(e.recommend({.user = "user1", .count = 120, .time = later, .exclude_seen = false}));
  const auto without = shown(e.recommend({.user = "user1", .count = 120, .time = later}));
  CHECK(own.known);
  CHECK(with.size() > without.size());
  for (const deed& d : deeds(600, 3)) {
    if (d.user == "user1") CHECK(without.count(d.item) == 0);
  }
}

TEST_CASE("blocked, retired and disliked items are never answered; candidates limit the choice", "[engine]") {
  engine_options o = small_options();
  o.actions = {{"thumbs_down", -1}};
  engine e = filled(o);
  const std::vector<std::string_view> blocked{"item0", "nobody knows this"};
  CHECK(shown(e.recommend({.user = "user0", .count = 200, .time = later, .blocked = blocked})).count("item0") == 0);

  e.retire_item("item1");
  CHECK(shown(e.recommend({"user0", 200, later})).count("item1") == 0);
  e.upsert_item("item1");
  CHECK(shown(e.recommend({"user0", 200, later})).count("item1") == 1);

  e.observe({"user0", "item2", "thumbs_down", 1, later});
  CHECK(shown(e.recommend({"user0", 200, later})).count("item2") == 0);
  CHECK(shown(e.recommend({"user1", 200, later})).count("item2") == 1);

  const std::vector<std::string_view> candidates{"item3", "item4", "unknown"};
  CHECK(shown(e.recommend({.user = "user0", .count = 10, .time = later, .candidates = candidates})) ==
        std::set<std::string>{"item3", "item4"});
  const std::vector<std::string_view> unknown{"unknown"};
  CHECK(e.recommend({.user = "user0", .count = 10, .time = later, .candidates = unknown}).items.empty());
}

TEST_CASE("a reward is learned once, however often it comes", "[engine]") {
  engine e = filled();
  const recommendation r = e.recommend({"user0", 5, later});
  REQUIRE(r.items.size() == 5);
  CHECK(e.reward(r.id, r.items[0].item, 1, later).taken());
  CHECK(e.reward(r.id, r.items[0].item, 1, later).status == observe_status::duplicate);
  CHECK(e.reward(decision_id{999'999}, "item1", 1, later).reason == reject_reason::unknown_decision);
  CHECK(e.reward(decision_id::none, "item1", 1, later).reason == reject_reason::unknown_decision);
  const engine_stats s = e.stats();
  CHECK(s.rewards == 1);
  CHECK(s.duplicate_rewards == 1);
  CHECK(s.unknown_rewards == 2);
  CHECK(s.events == 601);
}

TEST_CASE("a reward reaches the user it was for, also one who is new", "[engine]") {
  engine_options o = small_options();
  o.exclude_seen = true;
  engine e = filled(o);
  const recommendation r = e.recommend({"newcomer", 5, later});
  REQUIRE(r.items.size() == 5);
  e.reward(r.id, r.items[0].item, 1, later);
  CHECK(shown(e.recommend({"newcomer", 200, later})).count(r.items[0].item) == 0);
}

TEST_CASE("decisions whose window has passed learn the default reward, once", "[engine]") {
  engine e = filled();
  const recommendation r = e.recommend({"user0", 5, later});
  e.advance(later + std::chrono::minutes(29));
  CHECK(e.stats().expired_decisions == 0);
  e.advance(later + std::chrono::minutes(31));
  e.advance(later + std::chrono::minutes(60));
  CHECK(e.stats().expired_decisions == 1);
  CHECK(e.reward(r.id, r.items[0].item, 1, later + std::chrono::minutes(61)).taken());  // late, still an event
}

TEST_CASE("what is rewarded when shown rises, what is ignored falls", "[engine]") {
  engine_options o = small_options();
  o.sources = {"response_rate"};
  engine e(o);
  for (std::size_t i = 0; i < 20; ++i) e.upsert_item(item_name(i));
  for (int round = 0; round < 300; ++round) {
    const timestamp now = later + std::chrono::hours(round);
    const recommendation r = e.recommend({"user" + std::to_string(round), 5, now});
    for (const recommended_item& each : r) {
      if (each.item == "item7") e.reward(r.id, each.item, 1, now);
    }
    e.advance(now + std::chrono::minutes(45));
  }
  CHECK(e.recommend({.user = "last", .count = 1, .time = later, .shadow = true}).items[0].item == "item7");
}

TEST_CASE("merging gives the known user everything and leaves the visitor new", "[engine]") {
  engine_options o = small_options();
  o.exclude_seen = true;
  engine e = filled(o);
  e.observe({"visitor", "item42", "view", 1, later});
  e.merge("visitor", "user1");
  CHECK(shown(e.recommend({"user1", 200, later})).count("item42") == 0);
  CHECK(shown(e.recommend({"visitor", 200, later})).count("item42") == 1);
  e.observe({"visitor", "item43", "view", 1, later});
  CHECK(shown(e.recommend({"user1", 200, later})).count("item43") == 1);
  e.refit();
  CHECK(e.stats().model_version == 1);
  e.merge("never seen", "user1");
  e.merge("user1", "user1");
  CHECK(shown(e.recommend({"user1", 200, later})).count("item42") == 0);
}

TEST_CASE("an item unseen at the refit is recommended at once", "[engine]") {
  engine e = filled();
  e.refit();
  for (int k = 0; k < 30; ++k) e.observe({user_name(static_cast<std::size_t>(k)), "brand new", "view", 1, later});
  CHECK(shown(e.recommend({"user39", 20, later})).count("brand new") == 1);
}

TEST_CASE("context moves the answer towards what is taken under it", "[engine]") {
  engine_options o = small_options();
  o.sources = {"context", "popularity"};
  engine e(o);
  for (int k = 0; k < 400; ++k) {
    const bool phone = k % 2 == 0;
    const std::string user = "u" + std::to_string(k);
    e.observe({.user = user,
               .item = phone ? "short clip" : "long film",
               .time = from_millis(k),
               .context = {{"device", phone ? "phone" : "tv"}}});
  }
  const auto lift = [&](const char* device, const char* item) {
    const request r{.user = "somebody", .time = later, .context = {{"device", device}}};
    return e.explain(r, item).sources[0].score;
  };
  CHECK(lift("phone", "short clip") > lift("phone", "long film") + 1);
  CHECK(lift("tv", "long film") > lift("tv", "short clip") + 1);
  CHECK(lift("watch", "long film") == lift("watch", "short clip"));
}

TEST_CASE("attributes carry taste to an item nobody had", "[engine]") {
  engine_options o = small_options();
  o.sources = {"attributes"};
  engine e(o);
  for (int i = 0; i < 10; ++i) e.upsert_item("jazz" + std::to_string(i), {{"genre", "jazz"}});
  for (int i = 0; i < 10; ++i) e.upsert_item("rock" + std::to_string(i), {{"genre", "rock"}});
  e.observe({"ada", "jazz1", "view", 1, later});
  CHECK(e.explain({"ada", 10, later}, "jazz9").sources[0].score > 0);
  CHECK(e.explain({"ada", 10, later}, "rock9").sources[0].score == 0);
  e.upsert_item("jazz9", {{"genre", "rock"}});
  CHECK(e.explain({"ada", 10, later}, "jazz9").sources[0].score == 0);
}

TEST_CASE("the same calls with the same seed give the same answers", "[engine][property]") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    std::vector<std::string> first;
    for (int run = 0; run < 2; ++run) {
      engine_options o = small_options(seed);
      o.slate.policy = online::epsilon_greedy{0.5};
      engine e(o);
      std::vector<std::string> answers;
      for (const deed& d : deeds(300, seed)) {
        const recommendation r = e.recommend({d.user, 3, d.time});
        for (const recommended_item& each : r) answers.push_back(each.item + std::to_string(each.propensity));
        e.observe({.user = d.user, .item = d.item, .time = d.time, .decision = r.id});
        if (answers.size() % 200 == 0) e.refit();
      }
      if (run == 0) first = answers;
      CHECK(answers == first);
    }
  }
}

TEST_CASE("a host's source joins the blend before the first answer only", "[engine]") {
  class margin final : public hybrid::source {
   public:
    std::string_view name() const noexcept override { return "margin"; }
    bool score(const hybrid::query& q, std::span<float> out) const override {
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = q.known.items[i] == "item5" ? 1.0F : 0.0F;
      return true;
    }
  };
  engine_options o = small_options();
  o.sources = {"popularity"};
  engine e = filled(o);
  e.add_source(std::make_shared<margin>());
  CHECK_THROWS_AS(e.add_source(std::make_shared<margin>()), error);
  CHECK_THROWS_AS(e.add_source(nullptr), error);
  const explanation x = e.explain({"user0", 10, later}, "item5");
  REQUIRE(x.sources.size() == 2);
  CHECK(x.sources[1].rank == 0);
  CHECK(x.candidate);
  e.recommend({"user0", 10, later});
  CHECK_THROWS_AS(e.add_source(std::make_shared<margin>()), error);
}

TEST_CASE("options out of range are refused by name", "[engine]") {
  const auto field = [](auto change) {
    engine_options o;
    change(o);
    try {
      engine e(o);
    } catch (const error& caught) {
      return caught.where().field;
    }
    return std::string("accepted");
  };
  CHECK(field([](engine_options&) {}) == "accepted");
  CHECK(field([](engine_options& o) { o.rank = 0; }) == "rank");
  CHECK(field([](engine_options& o) { o.sources = {"no such source"}; }) == "sources");
  CHECK(field([](engine_options& o) { o.actions = {{"", 1}}; }) == "actions");
  CHECK(field([](engine_options& o) { o.reward_window = duration(0); }) == "reward_window");
  CHECK(field([](engine_options& o) { o.blender.rate = 0; }) == "blender.rate");
  CHECK(field([](engine_options& o) { o.slate.pool = 0; }) == "slate.pool");
  CHECK(field([](engine_options& o) { o.sequence.window = 0; }) == "sequence.window");
  CHECK(field([](engine_options& o) { o.live.recency = 2; }) == "live.recency");
}
