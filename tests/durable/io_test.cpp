// Full disks and failing devices: an answer for every call, nothing acknowledged is lost, and the file opens.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "durable/fault_checks.hpp"
#include "durable/fault_life.hpp"
#include "durable/shim_vfs.hpp"
#include "durable/troubles.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace tandem;
using namespace fault_world;
using tandem_test::fault;
using tandem_test::shim_vfs;
using tandem_test::trouble;
using tandem_test::troubles;
namespace file_op = tandem_test::file_op;

namespace {

constexpr std::size_t life_steps = 60;

event another(std::size_t n) {
  static thread_local std::string key;
  key = "after" + std::to_string(n);
  return {.user = "user1", .item = "item1", .time = from_millis(1'700'000'900'000), .key = key};
}

bool still_answers(engine& e) {
  if (e.stats().items == e.stats().retired_items) return true;
  const recommendation out =
      e.recommend({.user = "user1", .count = 3, .time = from_millis(1'700'000'900'000), .exclude_seen = false});
  return !out.items.empty();
}

// what it says when the trouble is over, and that the file keeps all that was promised
void check_aftermath(std::optional<engine>& e, const trouble& of, const keyed_life& life, const std::string& path,
                     const shim_vfs& shim, durability level, const std::vector<std::string>& confirmed) {
  const bool whole = e->flush();
  if (of.what == fault::full) REQUIRE(whole);
  std::vector<std::string> told = life.told;
  std::vector<std::string> acknowledged = whole || level == durability::process_crash ? life.acknowledged : confirmed;
  const observe_result last = e->observe(another(0));
  told.emplace_back("after0");
  if (whole) {
    REQUIRE(last.status == observe_status::accepted);
    acknowledged.emplace_back("after0");
    REQUIRE(e->flush());
  } else {  // a device that failed once is not believed again
    REQUIRE(last.status == observe_status::store_failed);
    REQUIRE(!e->flush());
    REQUIRE(e->recommend({.user = "user1", .time = from_millis(1'700'000'900'000)}).id == decision_id::none);
  }
  const std::uint64_t knew = e->digest();
  const std::string before_close = path + "-found";
  shim.power_fails(0, before_close);
  e.reset();
  const std::string after_close = path + "-found-later";
  shim.power_fails(2, after_close);
  check_acknowledged(before_close + "/shop", told, confirmed);
  check_acknowledged(after_close + "/shop", told, confirmed);
  const std::uint64_t knows = check_acknowledged(path, told, acknowledged);
  if (whole) REQUIRE(knows == knew);
}

struct tally {
  std::uint64_t faults = 0, refused_to_open = 0, poisoned = 0;
};

tally sweep(const trouble& of, durability level, bool for_ever, std::uint64_t first, std::uint64_t stride) {
  tally out;
  const test_support::scratch folder;
  for (std::uint64_t k = first;; k += stride) {
    CAPTURE(of.name, static_cast<int>(level), for_ever, k);
    const std::filesystem::path here = folder.path / std::to_string(k);
    std::filesystem::create_directory(here);
    const std::string path = (here / "shop").string();
    shim_vfs shim;
    shim.arrange(of.what, k, of.of, for_ever);
    file_options file;
    file.level = level;
    file.queue_bytes = 4096;
    file.vfs = shim.name();
    std::optional<engine> e;
    keyed_life life(4);
    std::vector<std::string> confirmed;
    try {
      e.emplace(tandem::open(path, small_options(), file));
    } catch (const error&) {
      REQUIRE(shim.happened());
      ++out.refused_to_open;
    }
    if (e.has_value()) {
      for (std::size_t n = 1; n <= life_steps; ++n) {
        life.step(*e);
        if (life.flushes() && e->flush() && level == durability::power_loss) confirmed = life.acknowledged;
      }
      REQUIRE(still_answers(*e));
    }
    if (!shim.happened()) break;
    ++out.faults;
    shim.arrange(fault::none, 0);
    if (e.has_value()) {
      if (!e->flush()) ++out.poisoned;
      check_aftermath(e, of, life, path, shim, level, confirmed);
    } else {
      check_acknowledged(path, {}, {});
    }
    std::filesystem::remove_all(here);
  }
  return out;
}

}  // namespace

TEST_CASE("a full disk or a failing device loses nothing acknowledged, and leaves a file that opens") {
  for (const trouble& each : troubles) {
    for (const bool for_ever : {false, true}) {
      const std::uint64_t stride = is_frequent(each) ? 29 : 5;
      (void)sweep(each, durability::process_crash, for_ever, 1, stride);
      (void)sweep(each, durability::power_loss, for_ever, 2, stride);
    }
  }
}

TEST_CASE("full disks and failing devices at every operation", "[.long]") {
  for (const trouble& each : troubles) {
    tally sum;
    for (const durability level : {durability::power_loss, durability::process_crash}) {
      for (const bool for_ever : {false, true}) {
        const tally done = sweep(each, level, for_ever, 1, 1);
        sum.faults += done.faults;
        sum.refused_to_open += done.refused_to_open;
        sum.poisoned += done.poisoned;
      }
    }
    WARN(each.name << ": " << sum.faults << " faults, " << sum.refused_to_open << " while opening, " << sum.poisoned
                   << " ended with a handle that is not believed");
  }
}

TEST_CASE("a sync that fails while the write-ahead log is copied back is not forgotten") {
  const test_support::scratch folder;
  const std::string path = (folder.path / "shop").string();
  shim_vfs shim;
  file_options file;
  file.vfs = shim.name();
  std::optional<engine> e(tandem::open(path, small_options(), file));
  keyed_life life(4, {100000, 100000, 100000});
  for (int n = 0; n < 100; ++n) life.step(*e);
  shim.arrange(fault::error, 1, file_op::sync);
  for (int n = 0; n < 1000 && !shim.happened(); ++n) life.step(*e);
  REQUIRE(shim.happened());
  const std::size_t before = life.told.size();
  CHECK(e->observe(another(1)).status == observe_status::store_failed);
  CHECK(!e->flush());
  shim.arrange(fault::power, 150, file_op::write);  // in the midst of what comes next
  for (int n = 0; n < 1000 && !shim.happened(); ++n) life.step(*e);
  e.reset();
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    const std::string found = path + std::to_string(seed);
    shim.power_fails(seed, found);
    std::vector<std::string> told = life.told;
    told.insert(told.begin() + static_cast<std::ptrdiff_t>(before), "after1");
    check_acknowledged(found + "/shop", told, {});
  }
}
