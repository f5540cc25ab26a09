// engine_options::channel_fact and segment_fact in a file: what was learned of each channel and each segment comes
// back, from a snapshot or from the log.

#include <string>

#include "durable/durable_world.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace tandem;
using namespace durable_world;

namespace {

engine_options options() {
  engine_options o = small_options();
  o.channel_fact = "channel";
  o.segment_fact = "segment";
  o.slate.policy = online::epsilon_greedy{0.3};
  o.max_pending_decisions = 16;
  return o;
}

// pages of one to three items in three channels for three segments, some rewarded at once, some late, some never
void live(engine& e, std::uint64_t seed, int from, int pages) {
  random_stream random(seed, static_cast<std::uint64_t>(from));
  for (const char* each : {"letter", "clip", "film"}) e.upsert_item(each);
  for (int k = from; k < from + pages; ++k) {
    const std::string channel = "c" + std::to_string(random.below(3));
    const std::string segment = "s" + std::to_string(random.below(3));
    const recommendation page = e.recommend({.user = "u" + std::to_string(random.below(20)),
                                             .count = 1 + random.below(3),
                                             .time = from_millis(k * 2000),
                                             .context = {{"channel", channel}, {"segment", segment}}});
    const bool taken = random.uniform() < 0.5;
    const bool late = random.uniform() < 0.3;
    if (!taken || page.items.empty()) continue;
    e.reward(page.id, page.items.front().item, 1, from_millis(k * 2000 + (late ? 200'000 : 1)));
  }
}

float rate(const engine& e, const char* channel) {
  const explanation x =
      e.explain({.user = "somebody", .time = from_millis(1'000'000'000), .context = {{"channel", channel}}}, "clip");
  for (const source_opinion& each : x.sources) {
    if (each.name == "response_rate") return each.score;
  }
  return -1;
}

}  // namespace

TEST_CASE("an engine with channels and segments goes on with the same bits when opened again") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const test_support::scratch folder;
    engine memory(options());
    for (int round = 0; round < 6; ++round) {
      live(memory, seed, round * 60, 60);
      engine kept = open(in(folder, "shop"), options());
      REQUIRE(kept.opened().problems.empty());
      live(kept, seed, round * 60, 60);
      if (round % 2 == 0) kept.checkpoint();
      REQUIRE(kept.digest() == memory.digest());
      REQUIRE(rate(kept, "c1") == rate(memory, "c1"));
    }
  }
}

TEST_CASE("a file made without channels learns them from its log when the option is given") {
  const test_support::scratch folder;
  engine_options without = options();
  without.channel_fact.clear();
  {
    engine kept = open(in(folder, "shop"), without);
    live(kept, 3, 0, 300);
    CHECK(rate(kept, "c1") == rate(kept, "c2"));
  }
  const engine kept = open(in(folder, "shop"), options());
  CHECK(kept.opened().from == entry_number{});  // the whole log
  CHECK(rate(kept, "c1") != rate(kept, "c2"));
}
