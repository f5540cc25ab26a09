// Memory that runs out at any allocation, of C++ or of SQLite: an answer or an error, and a file that opens with all
// that was acknowledged.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "durable/failing_sqlite.hpp"
#include "durable/fault_checks.hpp"
#include "durable/fault_life.hpp"
#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "support/scratch.hpp"

using namespace tandem;
using namespace fault_world;
using tandem_test::fail_new_after;
using tandem_test::fail_sqlite_after;

#if TANDEM_TEST_CAN_FAIL_NEW

namespace {

enum class memory : std::uint8_t { cpp, sqlite_once, sqlite_for_ever };

// runs f while the memory of that kind has so much left; true if it ran out
template <class F>
bool runs_out(memory which, long allowed, F&& f) {
  const auto guarded = [&] {
    try {
      f();
    } catch (const error&) {
    } catch (const std::bad_alloc&) {
    }
  };
  if (which == memory::cpp) {
    const fail_new_after limit(allowed);
    guarded();
    return tandem_test::allocations_allowed == 0;
  }
  const fail_sqlite_after limit(allowed, which == memory::sqlite_once);
  guarded();
  return tandem_test::sqlite_memory_failed;
}

// options whose texts are there already
const file_options file = in_peace();

struct world {
  test_support::scratch folder;
  std::string path = (folder.path / "shop").string();
  keyed_life life{4};
  std::optional<engine> e;

  explicit world(std::size_t steps) {
    e.emplace(tandem::open(path, small_options(), file));
    for (std::size_t n = 0; n < steps; ++n) life.step(*e);
    REQUIRE(e->flush());
  }
};

// memory runs out while a file of a life is opened
std::uint64_t sweep_opening(memory which, long first, long stride) {
  std::uint64_t faults = 0;
  world before(50);
  before.e.reset();
  for (long k = first;; k += stride) {
    CAPTURE(static_cast<int>(which), k);
    std::optional<engine> e;
    const bool out = runs_out(which, k, [&] { e.emplace(tandem::open(before.path, small_options(), file)); });
    if (!out && e.has_value()) return faults;
    ++faults;
    e.reset();
    if (faults % 10 == 1) check_acknowledged(before.path, before.life.told, before.life.acknowledged);
  }
}

// memory runs out in the `nth` step of a life, which goes on after it
std::uint64_t sweep_step(memory which, std::size_t nth, long first, long stride) {
  std::uint64_t faults = 0;
  for (long k = first;; k += stride) {
    CAPTURE(static_cast<int>(which), nth, k);
    world w(nth - 1);
    const bool out = runs_out(which, k, [&] { w.life.step(*w.e); });
    if (!out) return faults;
    ++faults;
    for (int n = 0; n < 8; ++n) w.life.step(*w.e);
    REQUIRE(w.e->flush());
    const std::uint64_t knew = w.e->digest();
    const bool whole = w.e->stats().half_learned == 0;
    w.e.reset();
    const std::uint64_t knows = check_acknowledged(w.path, w.life.told, w.life.acknowledged);
    if (whole) REQUIRE(knows == knew);
  }
}

// what steps do: see keyed_life; 20 is a checkpoint, 30 a refit
std::uint64_t sweep_steps(std::size_t from, std::size_t to, long stride) {
  std::uint64_t faults = 0;
  for (std::size_t nth = from; nth <= to; ++nth) {
    const auto first = static_cast<long>(nth) % stride;
    faults += sweep_step(memory::cpp, nth, first, stride);
    faults += sweep_step(memory::sqlite_once, nth, first, stride);
    faults += sweep_step(memory::sqlite_for_ever, nth, first, stride);
  }
  return faults;
}

}  // namespace

TEST_CASE("memory that runs out while a file is opened leaves a file that opens") {
  REQUIRE(tandem_test::sqlite_memory::installed);
  CHECK(sweep_opening(memory::cpp, 1, 37) > 5);
  CHECK(sweep_opening(memory::sqlite_once, 1, 11) > 5);
  CHECK(sweep_opening(memory::sqlite_for_ever, 2, 11) > 5);
}

TEST_CASE("memory that runs out in a call loses nothing acknowledged") { CHECK(sweep_steps(11, 31, 23) > 50); }

TEST_CASE("a transaction that memory was too short to end is ended later") {
  world w(39);
  REQUIRE(runs_out(memory::sqlite_for_ever, 163, [&] { w.life.step(*w.e); }));
  CHECK(w.e->flush());
  CHECK_NOTHROW(w.e->checkpoint());
  w.life.step(*w.e);
  CHECK(w.e->flush());
}

TEST_CASE("memory that runs out at every allocation", "[.long]") {
  std::uint64_t opening = 0;
  for (const memory which : {memory::cpp, memory::sqlite_once, memory::sqlite_for_ever}) {
    opening += sweep_opening(which, 0, 1);
  }
  const std::uint64_t calls = sweep_steps(6, 45, 1);
  WARN(opening << " failed allocations while opening, " << calls << " in calls");
}

#endif
