#pragma once
// Lives in which users are forgotten, with a fault at each operation on files.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "durable/erasure_checks.hpp"
#include "durable/shim_vfs.hpp"
#include "durable/troubles.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

namespace erasure_world {

using tandem_test::fault;
using tandem_test::shim_vfs;
using tandem_test::trouble;
using tandem_test::troubles;
namespace file_op = tandem_test::file_op;

struct tally {
  std::uint64_t faults = 0, opened = 0, refused_to_open = 0, not_believed = 0;
};

inline file_options options_of(durability level, const shim_vfs& shim, const master_key* key) {
  file_options out;
  out.level = level;
  out.queue_bytes = 4096;
  out.key = key;
  out.vfs = shim.name();
  return out;
}

inline file_options peace_with(const master_key* key) {
  file_options out = fault_world::in_peace();
  out.key = key;
  return out;
}

/// What survives a power failure.
inline std::size_t surviving(const promises& kept, durability level) {
  return level == durability::power_loss ? std::max(kept.flushed, kept.synced) : kept.synced;
}

/// The power fails at every `stride`th operation from `first` on; each time the files are found in `seeds` ways.
inline tally power_failures(durability level, const master_key* key, std::uint64_t first, std::uint64_t stride,
                            std::uint64_t seeds) {
  tally out;
  const test_support::scratch folder;
  for (std::uint64_t k = first;; k += stride) {
    CAPTURE(static_cast<int>(level), k);
    const std::filesystem::path here = folder.path / std::to_string(k);
    std::filesystem::create_directory(here);
    const std::string path = (here / "shop").string();
    shim_vfs shim;
    shim.arrange(fault::power, k);
    erasing_life life;
    try {
      engine e = tandem::open(path, small_options(), options_of(level, shim, key));
      life.live(e, [&] { return shim.happened(); });
    } catch (const error&) {
    }
    if (!shim.happened()) break;
    ++out.faults;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
      CAPTURE(seed);
      const std::filesystem::path found = here / ("found" + std::to_string(seed));
      shim.power_fails(seed < 2 ? seed : seed + seeds * k, found);
      check_all((found / "shop").string(), life, surviving(life.kept, level), peace_with(key));
      ++out.opened;
    }
    const bool all = level == durability::process_crash;  // and as if only the process had died
    check_all(path, life, all ? life.kept.told.size() : std::max(life.kept.flushed, life.kept.synced), peace_with(key));
    ++out.opened;
    std::filesystem::remove_all(here);
  }
  return out;
}

// the trouble is over: what failed is asked for again, and the file closed
inline void check_aftermath(std::optional<engine>& e, const trouble& of, erasing_life& life, const std::string& path,
                            const shim_vfs& shim, durability level, const master_key* key) {
  const bool whole = e->flush();
  if (of.what == fault::full) REQUIRE(whole);
  if (!life.kept.half.empty()) {
    const bool done = life.forget(*e, "user1") && life.forget(*e, "user2");
    if (whole && e->flush()) REQUIRE(done);
    if (done) life.kept.half.clear();
  }
  const bool believed = e->flush();
  const std::string before_close = path + "-found";
  shim.power_fails(0, before_close);
  if (believed) life.kept.flushed = life.kept.told.size();
  e.reset();
  check_all(before_close + "/shop", life, surviving(life.kept, level), peace_with(key));
  const bool all = level == durability::process_crash;
  check_all(path, life, all ? life.kept.told.size() : std::max(life.kept.flushed, life.kept.synced), peace_with(key));
}

/// The `k`th operation of a kind fails, k = first, first + stride, ..., once or from then on.
inline tally failures(const trouble& of, durability level, const master_key* key, bool for_ever, std::uint64_t first,
                      std::uint64_t stride) {
  tally out;
  const test_support::scratch folder;
  for (std::uint64_t k = first;; k += stride) {
    CAPTURE(of.name, static_cast<int>(level), for_ever, k);
    const std::filesystem::path here = folder.path / std::to_string(k);
    std::filesystem::create_directory(here);
    const std::string path = (here / "shop").string();
    shim_vfs shim;
    shim.arrange(of.what, k, of.of, for_ever);
    std::optional<engine> e;
    erasing_life life;
    try {
      e.emplace(tandem::open(path, small_options(), options_of(level, shim, key)));
      life.live(*e, [] { return false; });
    } catch (const error&) {
      REQUIRE(shim.happened());
      ++out.refused_to_open;
    }
    if (!shim.happened()) break;
    ++out.faults;
    shim.arrange(fault::none, 0);
    if (e.has_value()) {
      if (!e->flush()) ++out.not_believed;
      REQUIRE(life.kept.torn.empty());
      check_aftermath(e, of, life, path, shim, level, key);
    } else {
      check_all(path, life, 0, peace_with(key));
    }
    out.opened += 2;
    std::filesystem::remove_all(here);
  }
  return out;
}

}  // namespace erasure_world
