// Forgetting, compacting and groups of a stream while the power, the disk or the memory fails: nobody is half
// forgotten, a position stands with its events, and nothing else is lost.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "durable/erasure_memory.hpp"

using namespace tandem;
using namespace erasure_world;

TEST_CASE("after a power failure nobody is half forgotten, and streams stand with their events") {
  CHECK(power_failures(durability::power_loss, nullptr, 5, 31, 3).faults > 5);
  CHECK(power_failures(durability::process_crash, nullptr, 3, 47, 3).faults > 5);
  CHECK(power_failures(durability::none, nullptr, 1, 31, 3).faults > 5);
}

TEST_CASE("a full disk or a failing device leaves nobody half forgotten") {
  for (const trouble& each : troubles) {
    const std::uint64_t stride = is_frequent(each) ? 97 : 11;
    (void)failures(each, durability::process_crash, nullptr, false, 2, stride);
    (void)failures(each, durability::power_loss, nullptr, true, 3, stride);
  }
}

TEST_CASE("who came again after a forget() that failed has a file that opens, and is forgotten as a whole") {
  const test_support::scratch folder;
  const std::string path = (folder.path / "shop").string();
  const auto tell = [](engine& e, const char* key) {
    return e.observe({.user = "ada", .item = "tea", .time = from_millis(1'700'000'000'000), .key = key}).taken();
  };
  {
    shim_vfs shim;
    engine e = tandem::open(path, small_options(), options_of(durability::process_crash, shim, nullptr));
    CHECK(tell(e, "before of ada"));
    e.observe({.user = "bob", .item = "pot", .time = from_millis(1'700'000'000'000)});
    shim.arrange(fault::full, 1, file_op::write, true);
    CHECK_THROWS_AS(e.forget("ada", from_millis(1'700'000'001'000)), error);
    shim.arrange(fault::none, 0);
    CHECK(tell(e, "after of ada"));
  }
  for (int times = 0; times < 3; ++times) {
    engine e = tandem::open(path, small_options(), fault_world::in_peace());
    CHECK(e.export_user("ada").events.size() == 2);
    CHECK_NOTHROW(e.refit());  // and leaves a snapshot for the next time
  }
  engine e = tandem::open(path, small_options(), fault_world::in_peace());
  CHECK(e.forget("ada", from_millis(1'700'000'001'000)).counts.events == 2);
  CHECK_FALSE(durable_world::holds(folder.path, "of ada"));
}

TEST_CASE("a disk that was full while the file was made leaves it without a write-ahead log in no case") {
  for (std::uint64_t k = 1; k < 40; ++k) {
    CAPTURE(k);
    const test_support::scratch folder;
    shim_vfs shim;
    shim.arrange(fault::full, k, file_op::write);
    try {
      engine e = tandem::open((folder.path / "shop").string(), small_options(),
                              options_of(durability::power_loss, shim, nullptr));
      e.observe({.user = "ada", .item = "tea", .time = from_millis(1'700'000'000'000)});
      REQUIRE((e.flush() || e.flush()));
      shim.power_fails(0, folder.path / "found");
      REQUIRE(verify_file((folder.path / "found" / "shop").string(), fault_world::in_peace()).events == 1);
    } catch (const error&) {
      REQUIRE(shim.happened());
    }
  }
}

TEST_CASE("forgetting, compacting and streams: power failures at every operation", "[.long]") {
  for (const durability level : {durability::power_loss, durability::process_crash, durability::none}) {
    const tally done = power_failures(level, nullptr, 1, 1, 6);
    WARN("level " << static_cast<int>(level) << ": " << done.faults << " power failures, " << done.opened
                  << " files opened");
    CHECK(done.faults > 100);
  }
}

TEST_CASE("forgetting, compacting and streams: full disks and failing devices at every operation", "[.long]") {
  for (const trouble& each : troubles) {
    tally sum;
    for (const durability level : {durability::power_loss, durability::process_crash}) {
      for (const bool for_ever : {false, true}) {
        const tally done = failures(each, level, nullptr, for_ever, 1, 1);
        sum.faults += done.faults;
        sum.not_believed += done.not_believed;
      }
    }
    WARN(each.name << ": " << sum.faults << " faults, " << sum.not_believed << " ended with a handle not believed");
  }
}

#if TANDEM_TEST_CAN_FAIL_NEW

TEST_CASE("memory that runs out while forgetting, compacting or taking a group leaves it to be done again") {
  REQUIRE(tandem_test::sqlite_memory::installed);
  CHECK(memory_failures(nullptr, 61) > 50);
}

TEST_CASE("forgetting, compacting and streams: memory that runs out at every allocation", "[.long]") {
  WARN(memory_failures(nullptr, 1) << " failed allocations");
}

#endif
