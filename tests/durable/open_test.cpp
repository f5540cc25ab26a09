// tandem/open.hpp: an engine in a file goes on with the bits that one never closed would have.

#include "tandem/open.hpp"

#include <filesystem>
#include <string>

#include "durable/durable_world.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace tandem;
using namespace durable_world;

TEST_CASE("an engine in a file answers as one in memory") {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const test_support::scratch folder;
    engine kept = open(in(folder, "shop"), small_options());
    engine memory(small_options());
    life first(seed);
    life second(seed);
    for (int round = 0; round < 6; ++round) {
      first.go_on(kept, 100);
      second.go_on(memory, 100);
      REQUIRE(kept.digest() == memory.digest());
    }
  }
}

TEST_CASE("opened again at any step, it goes on with the same bits") {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const test_support::scratch folder;
    engine memory(small_options());
    life first(seed);
    life second(seed);
    random_stream random(seed, 1);
    for (int round = 0; round < 12; ++round) {
      const std::size_t steps = 1 + random.below(90);
      first.go_on(memory, steps);
      engine kept = open(in(folder, "shop"), small_options());
      REQUIRE(kept.opened().problems.empty());
      REQUIRE(kept.opened().decided_otherwise == 0);
      second.go_on(kept, steps);
      if (random.uniform() < 0.3) kept.checkpoint();
      CAPTURE(seed, round);
      REQUIRE(kept.digest() == memory.digest());
    }
  }
}

TEST_CASE("a copy made while it runs is an engine that knows the same") {
  const test_support::scratch folder;
  engine kept = open(in(folder, "shop"), small_options());
  life days(1);
  for (int round = 0; round < 5; ++round) {
    days.go_on(kept, 120);
    REQUIRE(kept.flush());
    const std::string copy = in(folder, ("copy" + std::to_string(round)).c_str());
    copy_file(in(folder, "shop"), copy);
    CHECK(open(copy, small_options()).digest() == kept.digest());
    CHECK(verify_file(copy).sound());
  }
}

TEST_CASE("other options of learners make it learn its log anew") {
  const test_support::scratch folder;
  engine_options other = small_options();
  other.sequence.window = 3;
  life first(2);
  life second(2);
  {
    engine kept = open(in(folder, "shop"), other);
    first.go_on(kept, 400);
    kept.checkpoint();
  }
  engine memory(small_options());
  second.go_on(memory, 400);
  const engine kept = open(in(folder, "shop"), small_options());
  CHECK(raw(kept.opened().from) == 0);
  CHECK(kept.stats().events == memory.stats().events);
}

TEST_CASE("a ranker, and the choices that the next one will be fitted to, come back with the file") {
  for (const bool with_snapshots : {false, true}) {
    const test_support::scratch folder;
    engine_options options = small_options();
    options.max_pending_decisions = 1000;
    options.exclude_seen = false;  // else what they take again is no choice
    engine memory(options);
    std::size_t step = 0;
    const auto live = [&](engine& e, std::size_t n) {
      random_stream random(step);
      for (std::size_t k = 0; k < n; ++k) {
        const timestamp now = from_millis(static_cast<std::int64_t>((step * 1000 + k) * 1000));
        const std::string user = "user" + std::to_string(random.below(9));
        const recommendation page = e.recommend({.user = user, .count = 5, .time = now});
        const std::string item = "item" + std::to_string(random.below(random.below(40) + 1));
        e.observe({.user = user, .item = item, .time = now, .decision = page.id});
      }
    };
    for (step = 0; step < 4; ++step) {
      engine kept = open(in(folder, "shop"), options);
      live(kept, 250);
      live(memory, 250);
      kept.refit();
      memory.refit();
      REQUIRE(memory.stats().has_ranker);
      REQUIRE(kept.digest() == memory.digest());
      if (with_snapshots) kept.checkpoint();
    }
    {
      const engine kept = open(in(folder, "shop"), options);
      CHECK(kept.opened().problems.empty());
      CHECK(kept.stats().has_ranker);
      CHECK(kept.digest() == memory.digest());
    }
    options.sources = {"popularity", "neighbours"};  // another engine's trees are not these sources'
    CHECK(!open(in(folder, "shop"), options).stats().has_ranker);
  }
}
