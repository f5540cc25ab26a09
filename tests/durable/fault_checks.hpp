#pragma once
// What a file must hold after a life was cut short: a prefix of what was told, and all that was promised.

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "durable/fault_life.hpp"
#include "support/catch.hpp"

namespace fault_world {

/// Entries in a file, counted through SQLite while its engine runs.
inline std::size_t entries_in(const std::string& path) {
  sqlite3* db = nullptr;
  sqlite3_stmt* row = nullptr;
  REQUIRE(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, in_peace().vfs.c_str()) == SQLITE_OK);
  REQUIRE(sqlite3_prepare_v2(db, "SELECT last FROM tail", -1, &row, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_step(row) == SQLITE_ROW);
  const auto out = static_cast<std::size_t>(sqlite3_column_int64(row, 0));
  sqlite3_finalize(row);
  sqlite3_close(db);
  return out;
}

/// A life that nothing cut short: what an engine knows after each number of entries.
struct reference {
  std::vector<std::uint64_t> digest;  ///< by entries
  std::vector<std::string> key;       ///< by entry
  std::vector<std::size_t> entries;   ///< by steps

  reference(const std::string& path, std::uint64_t seed, std::size_t steps, rhythm when = {}) {
    file_options file = in_peace();
    file.level = durability::none;
    engine e = tandem::open(path, small_options(), file);
    keyed_life life(seed, when);
    digest.push_back(e.digest());
    entries.push_back(0);
    for (std::size_t n = 0; n < steps; ++n) {
      life.step(e);
      REQUIRE(e.flush());
      entries.push_back(entries_in(path));
      if (entries.back() == digest.size()) digest.push_back(e.digest());
      REQUIRE(entries.back() + 1 == digest.size());
      REQUIRE(digest.back() == e.digest());
    }
    e = engine();
    key = keys_of(*open_sqlite(path, in_peace()));
  }
};

/// Opens the file: it must hold a prefix of the reference, of at least so many entries, and an engine must know from it
/// what one that was led through that prefix knows. Returns the number of its entries.
inline std::size_t check_prefix(const std::string& path, const reference& whole, std::size_t at_least) {
  auto store = open_sqlite(path, in_peace());
  const std::vector<std::string> keys = keys_of(*store);
  REQUIRE(keys.size() >= at_least);
  REQUIRE(keys.size() <= whole.key.size());
  REQUIRE(std::equal(keys.begin(), keys.end(), whole.key.begin()));
  const engine e(small_options(), std::move(store));
  REQUIRE(e.opened().problems.empty());
  REQUIRE(e.digest() == whole.digest[keys.size()]);
  return keys.size();
}

/// Opens the file: it must be sound, hold what was told in the order it was told, and each acknowledged event once.
/// Returns the digest of an engine that goes on from it.
inline std::uint64_t check_acknowledged(const std::string& path, const std::vector<std::string>& told,
                                        const std::vector<std::string>& acknowledged) {
  auto store = open_sqlite(path, in_peace());
  auto next = told.begin();
  std::map<std::string, int> times;
  for (const std::string& key : keys_of(*store)) {
    if (key.empty()) continue;
    ++times[key];
    next = std::find(next, told.end(), key);
    REQUIRE(next != told.end());
  }
  for (const std::string& key : acknowledged) {
    INFO("acknowledged: " << key);
    REQUIRE(times[key] == 1);
  }
  const engine e(small_options(), std::move(store));
  for (const std::string& each : e.opened().problems) UNSCOPED_INFO(each);
  REQUIRE(e.opened().problems.empty());
  const file_report found = verify_file(path, in_peace());
  REQUIRE(found.sound());
  return e.digest();
}

}  // namespace fault_world
