// engine_options::segment_fact: how far each source is trusted is learned for each segment of users.

#include <chrono>
#include <string>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"

using namespace engine_world;

namespace {

engine_options options(const std::string& fact = "segment") {
  engine_options o = small_options();
  o.sources = {"popularity", "repeat"};
  o.exclude_seen = false;
  o.segment_fact = fact;
  o.blender.guard = false;
  o.ranker.choices = 0;
  return o;
}

// who comes once to a page, having had one item: loyal ones take it again, curious ones what the crowd has
void live(engine& e, int pages) {
  for (int k = 0; k < 1000; ++k)
    e.observe({.user = "crowd" + std::to_string(k), .item = "hit", .time = from_millis(k)});
  for (int k = 0; k < pages; ++k) {
    const std::string kind = k % 2 == 0 ? "loyal" : "curious";
    const std::string user = kind + std::to_string(k);
    const std::string own = "own" + std::to_string(k % 10);
    const timestamp now = from_millis(1000 + 2 * k);
    e.observe({.user = user, .item = own, .time = now});
    const recommendation page = e.recommend(
        {.user = user, .count = 11, .time = now + std::chrono::milliseconds(1), .context = {{"segment", kind}}});
    e.reward(page.id, kind == "loyal" ? own : "hit", 1, now + std::chrono::milliseconds(1));
  }
  for (const char* user : {"one", "other"}) e.observe({.user = user, .item = "own3", .time = from_millis(100'000)});
}

std::string first_for(engine& e, const std::string& user, const std::string& segment) {
  const recommendation page = e.recommend(
      {.user = user, .count = 1, .time = from_millis(1'000'000), .context = {{"segment", segment}}, .shadow = true});
  REQUIRE(page.items.size() == 1);
  return page.items.front().item;
}

}  // namespace

TEST_CASE("each segment has weights of its own, whoever the user is", "[engine][segments]") {
  engine e(options());
  live(e, 800);
  for (const char* user : {"one", "other"}) {
    CHECK(first_for(e, user, "loyal") == "own3");
    CHECK(first_for(e, user, "curious") == "hit");
  }
}

TEST_CASE("a segment that no page named, and the 65th, have the weights of all", "[engine][segments]") {
  engine e(options());
  live(e, 801);
  const auto score = [&](const std::string& segment) {
    return e.explain({.user = "one", .time = from_millis(1'000'000), .context = {{"segment", segment}}}, "own3").score;
  };
  const float of_all = score("");
  CHECK(score("loyal") != of_all);
  CHECK(score("unheard of") == of_all);
  for (int k = 0; k < 100; ++k) {
    const recommendation page = e.recommend({.user = "one",
                                             .count = 11,
                                             .time = from_millis(200'000 + k),
                                             .context = {{"segment", "kind" + std::to_string(k % 70)}}});
    e.reward(page.id, "own3", 1, from_millis(200'000 + k));
  }
  CHECK(score("kind3") != score(""));
  CHECK(score("kind69") == score(""));
}

TEST_CASE("without the option all users share the weights", "[engine][segments]") {
  engine e(options(""));
  live(e, 800);
  CHECK(first_for(e, "one", "loyal") == first_for(e, "one", "curious"));
}
