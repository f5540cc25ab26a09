#pragma once
// Lives in which users are forgotten, with memory that runs out in one of the host's calls.

#include <cstdint>
#include <filesystem>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "durable/erasure_sweeps.hpp"
#include "durable/failing_sqlite.hpp"
#include "support/failing_new.hpp"

#if TANDEM_TEST_CAN_FAIL_NEW

namespace erasure_world {

using tandem_test::fail_new_after;
using tandem_test::fail_sqlite_after;

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
inline std::uint64_t sweep(memory which, std::size_t step, const master_key* key, long first, long stride) {
  const file_options peace = peace_with(key);
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
    for (const char* const part : {"", "-keys"}) {
      std::filesystem::remove(path + part);
      if (std::filesystem::exists(begun + part)) std::filesystem::copy_file(begun + part, path + part);
    }
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

/// Memory runs out at every `stride`th allocation of each step; returns how often.
inline std::uint64_t memory_failures(const master_key* key, long stride) {
  std::uint64_t faults = 0;
  for (const std::size_t step : {erasing_life::group_step, erasing_life::forget_step, erasing_life::compact_step,
                                 erasing_life::late_forget_step}) {
    for (const memory which : {memory::cpp, memory::sqlite_once, memory::sqlite_for_ever}) {
      const long apart = step == erasing_life::group_step ? stride / 8 + 1 : stride;
      faults += sweep(which, step, key, stride == 1 ? 0 : static_cast<long>(step), apart);
    }
  }
  return faults;
}

}  // namespace erasure_world

#endif
