#include "importing.hpp"

#include <string>

#include "durable/durable_world.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/open.hpp"
#include "tandem/study/synthetic_log.hpp"

using namespace tandem;
using namespace tandem_cli;
using Catch::Matchers::Contains;
using durable_world::small_options;

namespace {

event_log a_log() { return study::synthetic_log({.shoppers = 60, .products = 50, .days = 60}); }

std::string imported_at_once(const event_log& log, const std::string& file) {
  engine all = open(file, small_options());
  REQUIRE(import_log(log, "orders.csv", all, 1000, {}).taken == log.events.size());
  return std::to_string(all.digest());
}

}  // namespace

TEST_CASE("interrupted after any span, an import goes on and has taken every event once") {
  const test_support::scratch folder;
  const event_log log = a_log();
  const std::string at_once = imported_at_once(log, (folder.path / "once").string());
  const std::string path = (folder.path / "shop").string();
  std::uint64_t taken = 0;
  random_stream random(1, 1);
  for (bool done = false; !done;) {
    engine part = open(path, small_options());  // as after a crash, or another day
    std::uint64_t spans = random.below(4);
    const imported now =
        import_log(log, "orders.csv", part, 1 + random.below(90), [&](const progress_report&) { return spans-- > 0; });
    REQUIRE(now.earlier == taken);
    REQUIRE(now.events == log.events.size());
    taken += now.taken;
    done = !now.interrupted;
  }
  CHECK(taken == log.events.size());
  CHECK(std::to_string(open(path, small_options()).digest()) == at_once);
  CHECK(verify_file(path).sound());
}

TEST_CASE("a log that has grown is taken further, and one that has changed is refused") {
  const test_support::scratch folder;
  event_log log = a_log();
  event_log first = log;
  first.events.resize(log.events.size() / 2);
  engine into = open((folder.path / "shop").string(), small_options());
  REQUIRE(import_log(first, "orders.csv", into, 100, {}).taken == first.events.size());
  const imported rest = import_log(log, "orders.csv", into, 100, {});
  CHECK(rest.earlier == first.events.size());
  CHECK(rest.taken == log.events.size() - first.events.size());
  CHECK(import_log(log, "orders.csv", into, 100, {}).taken == 0);
  CHECK(import_log(log, "other.csv", into, 100, {}).taken == log.events.size());  // another log, as far as we know
  log.events[3].item = item_index{(raw(log.events[3].item) + 1) % 7};
  CHECK_THROWS_WITH(import_log(log, "orders.csv", into, 100, {}), Contains("is not the log of which"));
  CHECK_THROWS_WITH(import_log(first, "orders.csv", into, 100, {}), Contains("is not the log of which"));
}

TEST_CASE("what an engine refuses is counted") {
  const test_support::scratch folder;
  event_log log = a_log();
  log.events.resize(20);
  log.events[5].weight = 1e30F;
  log.events[7].time = from_millis(1LL << 60);
  engine into = open((folder.path / "shop").string(), small_options());
  const imported found = import_log(log, "orders.csv", into, 7, {});
  CHECK(found.rejected == 2);
  CHECK(found.taken == 18);
}
