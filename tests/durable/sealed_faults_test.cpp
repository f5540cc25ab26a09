// Encrypted files while the power, the disk or the memory fails: file and key ring open together, nobody is half
// forgotten, whose forget() returned stays forgotten, and nothing else is lost.

#include <cstdint>
#include <string>

#include "durable/erasure_memory.hpp"

using namespace tandem;
using namespace erasure_world;

namespace {

const master_key& key() {
  static const master_key one =
      master_key::from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  return one;
}

}  // namespace

TEST_CASE("after a power failure an encrypted file and its ring open together, and nobody is half forgotten") {
  CHECK(power_failures(durability::power_loss, &key(), 7, 61, 3).faults > 5);
  CHECK(power_failures(durability::process_crash, &key(), 2, 97, 3).faults > 5);
  CHECK(power_failures(durability::none, &key(), 1, 61, 3).faults > 5);
}

TEST_CASE("a full disk or a failing device leaves an encrypted file that opens, and nobody half forgotten") {
  for (const trouble& each : troubles) {
    const std::uint64_t stride = is_frequent(each) ? 131 : 17;
    (void)failures(each, durability::process_crash, &key(), true, 2, stride);
    (void)failures(each, durability::power_loss, &key(), false, 3, stride);
  }
}

TEST_CASE("a ring whose sync failed is not believed again, and neither is its file") {
  const test_support::scratch folder;
  shim_vfs shim;
  engine e =
      tandem::open((folder.path / "shop").string(), small_options(), options_of(durability::power_loss, shim, &key()));
  e.observe({.user = "ada", .item = "tea", .time = from_millis(1'700'000'000'000)});
  REQUIRE(e.flush());
  shim.arrange(fault::error, 1, file_op::sync, false, "-keys-journal");
  e.observe({.user = "bob", .item = "tea", .time = from_millis(1'700'000'000'000)});
  CHECK_FALSE(e.flush());
  CHECK(shim.happened());
  CHECK_FALSE(e.flush());
}

TEST_CASE("a forget() in an encrypted file that a full disk ended is done by the next one") {
  const test_support::scratch folder;
  const std::string path = (folder.path / "shop").string();
  std::uint64_t failed = 0;
  for (std::uint64_t k = 1;; ++k) {
    CAPTURE(k);
    for (const auto& each : std::filesystem::directory_iterator(folder.path)) std::filesystem::remove(each.path());
    shim_vfs shim;
    {
      engine e = tandem::open(path, small_options(), options_of(durability::process_crash, shim, &key()));
      e.observe({.user = "bob", .item = "pot", .time = from_millis(1'700'000'000'000)});
      e.observe({.user = "ada", .item = "tea", .time = from_millis(1'700'000'000'000)});
      shim.arrange(fault::full, k, file_op::write);
      try {
        e.forget("ada", from_millis(1'700'000'001'000));
      } catch (const error&) {
        ++failed;
        CHECK_NOTHROW(e.forget("ada", from_millis(1'700'000'001'000)));
      }
    }
    REQUIRE(verify_file(path, peace_with(&key())).entries == 1);
    REQUIRE(tandem::open(path, small_options(), peace_with(&key())).stats().events == 1);
    if (!shim.happened()) break;
  }
  CHECK(failed > 5);
}

TEST_CASE("keys that a failing ring kept are erased when the file is opened, or it is told that they are not") {
  const test_support::scratch folder;
  const std::string path = (folder.path / "shop").string();
  const std::string backup = (folder.path / "backup").string();
  {
    shim_vfs shim;
    engine e = tandem::open(path, small_options(), options_of(durability::process_crash, shim, &key()));
    e.observe({.user = "bob", .item = "pot", .time = from_millis(1'700'000'000'000)});
    e.observe({.user = "ada", .item = "tea", .time = from_millis(1'700'000'000'000)});
    copy_file(path, backup, peace_with(nullptr));
    shim.arrange(fault::full, 1, file_op::write, true, "-keys-journal");
    CHECK_THROWS_AS(e.forget("ada", from_millis(1'700'000'001'000)), error);
    REQUIRE(shim.happened());
  }
  CHECK(verify_file(path, peace_with(nullptr)).entries == 1);  // the rows went first
  {
    shim_vfs shim;
    shim.arrange(fault::full, 1, file_op::write, true, "-keys-journal");
    const engine e = tandem::open(path, small_options(), options_of(durability::process_crash, shim, &key()));
    CHECK(e.stats().events == 1);
    REQUIRE(e.opened().problems.size() == 1);
    CHECK_THAT(e.opened().problems.front(), Catch::Matchers::Contains("not erased yet"));
  }
  for (int again = 0; again < 2; ++again) {
    const engine e = tandem::open(path, small_options(), peace_with(&key()));
    CHECK(e.opened().problems.empty());
    CHECK(e.stats().events == 1);
  }
  std::filesystem::copy_file(path + "-keys", backup + "-keys");
  CHECK(tandem::open(backup, small_options(), peace_with(&key())).stats().events == 1);
}

TEST_CASE("encrypted files: power failures at every operation", "[.long]") {
  for (const durability level : {durability::power_loss, durability::process_crash, durability::none}) {
    const tally done = power_failures(level, &key(), 1, 1, 6);
    WARN("level " << static_cast<int>(level) << ": " << done.faults << " power failures, " << done.opened
                  << " files opened");
    CHECK(done.faults > 100);
  }
}

TEST_CASE("encrypted files: full disks and failing devices at every operation", "[.long]") {
  for (const trouble& each : troubles) {
    tally sum;
    for (const durability level : {durability::power_loss, durability::process_crash}) {
      for (const bool for_ever : {false, true}) {
        const tally done = failures(each, level, &key(), for_ever, 1, 1);
        sum.faults += done.faults;
        sum.not_believed += done.not_believed;
      }
    }
    WARN(each.name << ": " << sum.faults << " faults, " << sum.not_believed << " ended with a handle not believed");
  }
}

#if TANDEM_TEST_CAN_FAIL_NEW

TEST_CASE("memory that runs out in a call on an encrypted file leaves it to be done again") {
  REQUIRE(tandem_test::sqlite_memory::installed);
  CHECK(memory_failures(&key(), 211) > 30);
}

TEST_CASE("encrypted files: memory that runs out at every allocation", "[.long]") {
  WARN(memory_failures(&key(), 1) << " failed allocations");
}

#endif
