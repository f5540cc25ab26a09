// Power failures: whatever was not synced is lost, torn or out of order, and the file opens with a prefix of its log.

#include <cstdint>
#include <filesystem>
#include <string>

#include "durable/fault_checks.hpp"
#include "durable/fault_life.hpp"
#include "durable/shim_vfs.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace tandem;
using namespace fault_world;
using tandem_test::fault;
using tandem_test::shim_vfs;

namespace {

constexpr std::size_t life_steps = 60;
constexpr std::uint64_t life_seed = 4;

// what was promised when the power failed
struct cut {
  bool happened = false;
  std::size_t told = 0;       // entries that observe() or a change has returned for
  std::size_t confirmed = 0;  // entries that flush() has returned for
};

file_options options_of(durability level, const shim_vfs& shim) {
  file_options out;
  out.level = level;
  out.queue_bytes = 4096;
  out.vfs = shim.name();
  return out;
}

cut live_until_dark(const std::string& path, const file_options& file, const shim_vfs& shim, const reference& whole) {
  cut out;
  try {
    engine e = tandem::open(path, small_options(), file);
    keyed_life life(life_seed);
    for (std::size_t n = 1; n <= life_steps; ++n) {
      life.step(e);
      if (shim.happened()) break;
      out.told = whole.entries[n];
      if (life.flushes() && e.flush()) out.confirmed = out.told;
      if (shim.happened()) break;
    }
  } catch (const error&) {
  }
  out.happened = shim.happened();
  return out;
}

struct tally {
  std::uint64_t crashes = 0, reopened = 0;
};

// the power fails at every `stride`th operation from `first` on
tally sweep(durability level, std::uint64_t first, std::uint64_t stride, std::uint64_t seeds) {
  tally out;
  const test_support::scratch folder;
  const reference whole((folder.path / "whole").string(), life_seed, life_steps);
  for (std::uint64_t k = first;; k += stride) {
    const std::filesystem::path here = folder.path / std::to_string(k);
    std::filesystem::create_directory(here);
    const std::string path = (here / "shop").string();
    shim_vfs shim;
    shim.arrange(fault::power, k);
    const cut at = live_until_dark(path, options_of(level, shim), shim, whole);
    if (!at.happened) break;
    ++out.crashes;
    CAPTURE(static_cast<int>(level), k);
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
      CAPTURE(seed);
      const std::filesystem::path found = here / ("found" + std::to_string(seed));
      shim.power_fails(seed < 2 ? seed : seed + seeds * k, found);
      check_prefix((found / "shop").string(), whole, level == durability::power_loss ? at.confirmed : 0);
      ++out.reopened;
    }
    // and as the operating system has it, if only the process had died
    const std::size_t survives = level == durability::process_crash ? at.told : at.confirmed;
    check_prefix(path, whole, survives);
    ++out.reopened;
    std::filesystem::remove_all(here);
  }
  return out;
}

// the power fails, and again at each operation of opening the file after it
tally sweep_twice(std::uint64_t first, std::uint64_t stride) {
  tally out;
  const test_support::scratch folder;
  const reference whole((folder.path / "whole").string(), life_seed, life_steps);
  for (std::uint64_t k = first;; k += stride) {
    const std::filesystem::path here = folder.path / std::to_string(k);
    std::filesystem::create_directory(here);
    shim_vfs shim;
    shim.arrange(fault::power, k);
    const cut at = live_until_dark((here / "shop").string(), options_of(durability::power_loss, shim), shim, whole);
    if (!at.happened) break;
    for (std::uint64_t second = 1;; ++second) {
      CAPTURE(k, second);
      const std::filesystem::path once = here / ("once" + std::to_string(second));
      shim.power_fails(k + second, once);
      std::size_t had = 0;
      {
        std::filesystem::copy(once, here / "copy");
        had = check_prefix((here / "copy" / "shop").string(), whole, at.confirmed);
        std::filesystem::remove_all(here / "copy");
      }
      shim_vfs again;
      again.adopt(once);
      again.arrange(fault::power, second);
      try {
        const engine e =
            tandem::open((once / "shop").string(), small_options(), options_of(durability::power_loss, again));
      } catch (const error&) {
      }
      if (!again.happened()) break;
      ++out.crashes;
      const std::filesystem::path twice = here / ("twice" + std::to_string(second));
      again.power_fails(second, twice);
      REQUIRE(check_prefix((twice / "shop").string(), whole, had) == had);
      ++out.reopened;
    }
    std::filesystem::remove_all(here);
  }
  return out;
}

}  // namespace

TEST_CASE("after a power failure the file opens with a prefix, at power_loss with all that was confirmed") {
  CHECK(sweep(durability::power_loss, 3, 11, 4).crashes > 10);
}

TEST_CASE("after a power failure at level process_crash the file opens with a prefix") {
  CHECK(sweep(durability::process_crash, 2, 11, 4).crashes > 10);
}

TEST_CASE("after a power failure at level none the file opens with a prefix") {
  CHECK(sweep(durability::none, 1, 11, 4).crashes > 3);
}

TEST_CASE("a second power failure while the file is opened loses nothing more") {
  CHECK(sweep_twice(50, 97).crashes > 10);
}

TEST_CASE("power failures at every operation", "[.long]") {
  for (const durability level : {durability::power_loss, durability::process_crash, durability::none}) {
    const tally done = sweep(level, 1, 1, 8);
    WARN("level " << static_cast<int>(level) << ": " << done.crashes << " power failures, " << done.reopened
                  << " files opened");
    CHECK(done.crashes > 100);
  }
  const tally twice = sweep_twice(1, 11);
  WARN(twice.crashes << " second power failures");
}
