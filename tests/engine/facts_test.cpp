// Facts of contexts: what is learned of them, and what a host that passes too many gets.

#include <string>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"

using namespace engine_world;

namespace {

const timestamp later = from_millis(10'000'000);

engine shop(std::size_t max_facts = 4096) {
  engine_options o = small_options();
  o.sources = {"context", "popularity"};
  o.max_facts = max_facts;
  return engine(o);
}

float lift(const engine& e, const char* device, const char* item) {
  return e.explain({.user = "somebody", .time = later, .context = {{"device", device}}}, item).sources[0].score;
}

}  // namespace

TEST_CASE("facts beyond the ceiling are ignored and counted; those known go on", "[engine][facts]") {
  engine e = shop(2);
  for (int k = 0; k < 200; ++k) {
    const std::string session = "s" + std::to_string(k);
    const bool phone = k % 2 == 0;
    e.observe({.user = "ada",
               .item = phone ? "clip" : "film",
               .time = later,
               .context = {{"device", phone ? "phone" : "tv"}, {"session", k < 2 ? "none" : session}}});
  }
  // "phone" and the session of the first event came first; "tv" found no room
  CHECK(e.stats().ignored_facts == 100 + 198);
  CHECK(lift(e, "phone", "clip") > lift(e, "phone", "film") + 1);
  CHECK(lift(e, "tv", "film") == lift(e, "watch", "film"));
}

TEST_CASE("requests do not make facts known", "[engine][facts]") {
  engine e = shop(10);
  e.upsert_item("kettle");
  std::vector<std::string> text;
  text.reserve(1000);
  for (int k = 0; k < 1000; ++k) text.push_back("s" + std::to_string(k));
  for (const std::string& each : text) {
    e.recommend({.user = "ada", .time = later, .context = {{"session", each}}});
  }
  for (int k = 0; k < 50; ++k) {
    e.observe({.user = "ada", .item = "kettle", .time = later, .context = {{"device", "tv"}}});
    e.observe({.user = "ada", .item = "teapot", .time = later});
  }
  CHECK(e.stats().ignored_facts == 0);
  CHECK(lift(e, "tv", "kettle") > lift(e, "tv", "teapot") + 1);
}

TEST_CASE("a reward is learned under the context of its page", "[engine][facts]") {
  engine e = shop();
  for (const char* item : {"clip", "film"}) e.upsert_item(item);
  for (int k = 0; k < 400; ++k) {
    const bool phone = k % 2 == 0;
    const std::string user = "u" + std::to_string(k);
    const recommendation page =
        e.recommend({.user = user, .time = from_millis(k), .context = {{"device", phone ? "phone" : "tv"}}});
    REQUIRE(e.reward(page.id, phone ? "clip" : "film", 1, from_millis(k)).taken());
  }
  CHECK(lift(e, "phone", "clip") > lift(e, "phone", "film") + 1);
  CHECK(lift(e, "tv", "film") > lift(e, "tv", "clip") + 1);
}

TEST_CASE("facts of a request that are no text, too long or too many say nothing and are counted", "[engine][facts]") {
  engine e = shop();
  for (int k = 0; k < 50; ++k) {
    e.observe({.user = "ada", .item = "clip", .time = later, .context = {{"device", "phone"}}});
    e.observe({.user = "ada", .item = "film", .time = later});
  }
  const std::string megabyte(1U << 20U, 'x');
  context_list odd{{"a", "\xff"}, {megabyte, "b"}, {"c", megabyte}};
  CHECK(e.recommend({.user = "bob", .count = 1, .time = later, .context = odd}).items.size() == 1);
  CHECK(e.stats().ignored_facts == 3);
  odd.emplace_back("device", "phone");
  CHECK(e.explain({.user = "bob", .time = later, .context = odd}, "clip").sources[0].score > 0);

  std::vector<std::string> text;
  for (std::size_t k = 0; k < max_context_facts + 7; ++k) text.push_back("f" + std::to_string(k));
  context_list many;
  for (const std::string& each : text) many.emplace_back(each, "yes");
  e.recommend({.user = "bob", .time = later, .context = many});
  CHECK(e.stats().ignored_facts == 10);
  CHECK(e.observe({.user = "bob", .item = "clip", .time = later, .context = many}).taken());
  CHECK(e.stats().ignored_facts == 17);
}

TEST_CASE("attributes of items are not counted among the facts of contexts", "[engine][facts]") {
  engine_options o = small_options();
  o.sources = {"attributes"};
  o.max_facts = 0;
  engine e(o);
  e.upsert_item("kettle", {{"kind", "tea"}});
  e.upsert_item("teapot", {{"kind", "tea"}});
  e.observe({"ada", "kettle", "view", 1, later});
  CHECK(e.explain({.user = "ada", .time = later}, "teapot").sources[0].score > 0);
}
