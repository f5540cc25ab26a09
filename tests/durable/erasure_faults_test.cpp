// Forgetting, compacting and groups of a stream while the power, the disk or the memory fails: nobody is half
// forgotten, a position stands with its events, and nothing else is lost.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "durable/erasure_sweeps.hpp"
#include "durable/failing_sqlite.hpp"
#include "support/failing_new.hpp"

using namespace tandem;
using namespace erasure_world;
using tandem_test::fail_new_after;
using tandem_test::fail_sqlite_after;

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

namespace {

enum class memory : std::uint8_t { cpp, sqlite_once, sqlite_for_ever };

// f with so much memory left; true if it ran out. f tells its own failures.
template <class F>
bool runs_out(memory which, long allowed, F&& f) {
  if (which == memory::cpp) {
    const fail_new_after limit(allowed);
    f();
    return tandem_test::allocations_allowed == 0;
  }
  const fail_sqlite_after limit(allowed, which == memory::sqlite_once);
  f();
  return tandem_test::sqlite_memory_failed;
}

// what a host asks for in one step; the life around it has memory
struct asked {
  std::size_t step;
  std::vector<event> events = {};

  void operator()(engine& e) const {
    if (step == erasing_life::group_step) (void)e.observe(events, {"late", "7"});
    if (step == erasing_life::forget_step) (void)e.forget("user1", from_millis(1'700'000'900'000));
    if (step == erasing_life::late_forget_step) (void)e.forget("user2", from_millis(1'700'000'900'000));
    if (step == erasing_life::compact_step) (void)e.compact({.max_events = 12});
  }
};

// memory runs out in one call after a life of some steps; asked again, the call succeeds, and the file is sound
std::uint64_t sweep(memory which, std::size_t step, long first, long stride) {
  static const file_options peace = fault_world::in_peace();
  const test_support::scratch folder;
  const std::string begun = (folder.path / "begun").string();
  erasing_life life;
  {
    engine e = tandem::open(begun, small_options(), peace);
    for (std::size_t n = 0; n < step; ++n) life.step(e, n);
  }
  asked call{step};
  call.events = {{.user = "user0", .item = "item1", .time = from_millis(1'700'000'800'000), .key = "late1"},
                 {.user = "user7", .item = "item8", .time = from_millis(1'700'000'800'000), .key = "late2"}};
  std::uint64_t faults = 0;
  for (long k = first;; k += stride) {
    CAPTURE(static_cast<int>(which), step, k);
    const std::string path = (folder.path / "shop").string();
    std::filesystem::remove(path);
    std::filesystem::copy_file(begun, path);
    std::optional<engine> e(tandem::open(path, small_options(), peace));
    bool returned = false;
    const bool out = runs_out(which, k, [&] {
      try {
        call(*e);
        returned = true;
      } catch (const error&) {
      } catch (const std::bad_alloc&) {
      }
    });
    if (!out) return faults;
    ++faults;
    REQUIRE(e->flush());
    if (!returned) {
      try {
        call(*e);
      } catch (const error& nobody) {
        REQUIRE(nobody.code() == errc::not_found);
      }
    }
    e.reset();
    promises kept = life.kept;
    if (step == erasing_life::compact_step) kept.may_be_gone = kept.told.size();
    if (step == erasing_life::forget_step) kept.forget(kept.with_joined("user1.0"));
    if (step == erasing_life::late_forget_step) kept.forget(kept.with_joined("user2.0"));
    const contents found = read(path, peace);
    check_told(found, kept, kept.told.size());
    REQUIRE(found.times.count("late1") == (step == erasing_life::group_step ? 1 : 0));
    REQUIRE(verify_file(path, peace).sound());
    const engine again = tandem::open(path, small_options(), peace);
    REQUIRE(again.opened().problems.empty());
    REQUIRE(again.stream("late") == (step == erasing_life::group_step ? "7" : ""));
  }
}

std::uint64_t sweep_all(long stride) {
  std::uint64_t faults = 0;
  for (const std::size_t step : {erasing_life::group_step, erasing_life::forget_step, erasing_life::compact_step,
                                 erasing_life::late_forget_step}) {
    for (const memory which : {memory::cpp, memory::sqlite_once, memory::sqlite_for_ever}) {
      const long apart = step == erasing_life::group_step ? stride / 8 + 1 : stride;
      faults += sweep(which, step, stride == 1 ? 0 : static_cast<long>(step), apart);
    }
  }
  return faults;
}

}  // namespace

TEST_CASE("memory that runs out while forgetting, compacting or taking a group leaves it to be done again") {
  REQUIRE(tandem_test::sqlite_memory::installed);
  CHECK(sweep_all(61) > 50);
}

TEST_CASE("forgetting, compacting and streams: memory that runs out at every allocation", "[.long]") {
  WARN(sweep_all(1) << " failed allocations");
}

#endif
