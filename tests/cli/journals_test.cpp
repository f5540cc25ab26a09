#include "journals.hpp"

#include <string>

#include "durable/durable_world.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/json.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace tandem_cli;
using durable_world::life;
using durable_world::small_options;

TEST_CASE("what is known of a user is the same without the engine") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const test_support::scratch folder;
    const std::string path = (folder.path / "shop").string();
    engine kept = open(path, small_options());
    life days(seed);
    days.go_on(kept, 600);
    REQUIRE(kept.flush());
    const auto log = read_sqlite(path);
    for (int u = 0; u < 30; ++u) {
      const std::string user = "user" + std::to_string(u);
      CAPTURE(seed, user);
      CHECK(to_json(data_of(*log, user)).dump(1) == to_json(kept.export_user(user)).dump(1));
    }
  }
}

TEST_CASE("somebody of whom nothing is known is not found") {
  const test_support::scratch folder;
  const std::string path = (folder.path / "shop").string();
  engine kept = open(path, small_options());
  kept.observe({.user = "ada", .item = "tea", .time = from_millis(1)});
  REQUIRE(kept.flush());
  const auto log = read_sqlite(path);
  CHECK_THROWS_AS(data_of(*log, "grace"), error);
  CHECK(data_of(*log, "ada").events.size() == 1);
  CHECK(data_of(cut_journal(*log, log->last()), "ada").events.size() == 1);
  CHECK_THROWS_AS(data_of(cut_journal(*log, entry_number{0}), "ada"), error);
}

TEST_CASE("events are of the user whom a visitor became, and none of those who gave no consent") {
  const test_support::scratch folder;
  const std::string path = (folder.path / "shop").string();
  engine kept = open(path, small_options());
  const auto see = [&](const char* user, const char* item) {
    kept.observe({.user = user, .item = item, .action = "buy", .time = from_millis(1000)});
  };
  see("visitor", "tea");
  see("ada", "bread");
  kept.merge("visitor", "ada");
  see("visitor", "soap");  // somebody else at the same place
  see("grace", "wool");
  kept.set_consent("grace", false);
  REQUIRE(kept.flush());
  const event_log log = events_of(*read_sqlite(path), false);
  REQUIRE(log.events.size() == 3);
  CHECK(log.users.name(log.events[0].user) == "ada");
  CHECK(log.users.name(log.events[1].user) == "ada");
  CHECK(log.users.name(log.events[2].user) == "visitor");
  CHECK(log.events[0].weight == 3);  // as the engine's options weigh it
  CHECK(events_of(*read_sqlite(path), true).events[0].weight == 1);
}
