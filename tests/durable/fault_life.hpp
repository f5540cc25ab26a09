#pragma once
// A life for fault tests: each step appends at most one entry, each event has a key of its own, and what was promised
// about it is remembered. And what a file must hold after such a life was cut short.

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "durable/durable_world.hpp"
#include "durable/shim_vfs.hpp"
#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/open.hpp"

namespace fault_world {

using namespace tandem;
using durable_world::shown_page;
using durable_world::small_options;

/// Steps of a life at which something larger happens.
struct rhythm {
  std::size_t refit = 30, checkpoint = 20, flush = 7;  ///< every so many steps
};

class keyed_life {
 public:
  explicit keyed_life(std::uint64_t seed, rhythm when = {}) : random_(seed, 3), when_(when) {}

  std::vector<std::string> told;          ///< keys, in order
  std::vector<std::string> acknowledged;  ///< of them, those that were answered `accepted` or `late`
  std::size_t failures = 0;               ///< changes that threw
  /// Called with the key of each event that is acknowledged.
  std::function<void(const std::string&)> heard = {};

  void step(engine& e) {
    const std::size_t n = ++steps_;
    now_ += static_cast<std::int64_t>(random_.below(4000));
    const double what = random_.uniform();
    const auto attempt = [&](auto&& f) {
      try {
        f();
      } catch (const error&) {
        ++failures;
      } catch (const std::bad_alloc&) {
        ++failures;
      }
    };
    if (n % when_.refit == 0) return attempt([&] { e.refit(); });
    if (n % when_.checkpoint == 0) return attempt([&] { e.checkpoint(); });
    if (what < 0.6) return observe(e, n);
    if (what < 0.8) return recommend(e);
    if (what < 0.9) return reward(e);
    attempt([&] { change(e, what); });
  }
  /// Whether it is time to ask for a flush.
  [[nodiscard]] bool flushes() const noexcept { return steps_ % when_.flush == 0; }

 private:
  std::string user() { return "user" + std::to_string(random_.below(12)); }
  std::string item() { return "item" + std::to_string(random_.below(25)); }

  void observe(engine& e, std::size_t n) {
    const std::string who = user();
    const std::string which = item();
    const std::string key = "told" + std::to_string(n);
    event said{.user = who, .item = which, .time = from_millis(now_), .key = key};
    if (random_.uniform() < 0.3) said.action = "buy";
    if (random_.uniform() < 0.3) said.value = random_.uniform();
    if (random_.uniform() < 0.3) said.context = {{"device", "phone"}};
    told.push_back(key);
    if (!e.observe(said).taken()) return;
    acknowledged.push_back(key);
    if (heard) heard(key);
  }
  void recommend(engine& e) {
    const std::string who = user();
    const recommendation answer = e.recommend({.user = who, .count = 1 + random_.below(4), .time = from_millis(now_)});
    shown_page page{answer.id, {}};
    for (const recommended_item& each : answer) page.items.push_back(each.item);
    if (pages_.size() == 10) pages_.erase(pages_.begin());
    pages_.push_back(page);
  }
  void reward(engine& e) {
    if (pages_.empty()) return;
    const shown_page& page = pages_[random_.below(pages_.size())];
    const double value = random_.uniform();
    if (!page.items.empty()) e.reward(page.id, page.items[random_.below(page.items.size())], value, from_millis(now_));
  }
  void change(engine& e, double what) {
    const std::string which = item();
    const std::string who = user();
    if (what < 0.93) return e.upsert_item(which, {{"kind", random_.uniform() < 0.5 ? "tea" : "coffee"}});
    if (what < 0.95) return e.retire_item(which);
    if (what < 0.96) return e.merge("stranger", who);
    if (what < 0.97) return e.set_consent(who, random_.uniform() < 0.5);
    e.advance(from_millis(now_));
  }

  random_stream random_;
  rhythm when_;
  std::int64_t now_ = 1'700'000'000'000;
  std::size_t steps_ = 0;
  std::vector<shown_page> pages_;
};

/// Options of a file that is only checked: nothing fails, and nothing waits for a disk.
inline file_options in_peace() {
  static const tandem_test::shim_vfs quick(false);
  file_options out;
  out.vfs = quick.name();
  return out;
}

// ---- what the file must hold ---------------------------------------------------------------------------------------

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

/// The keys of all entries, empty where an entry has none; and that their numbers have no gaps.
inline std::vector<std::string> keys_in(const durable_store& store) {
  std::vector<std::string> out;
  bool in_order = true;
  store.scan(entry_number{0}, [&](entry_number number, const journal_entry& entry) {
    const auto* said = std::get_if<event_entry>(&entry);
    out.push_back(said != nullptr ? std::string(said->key) : std::string());
    in_order = in_order && raw(number) == out.size();
  });
  REQUIRE(in_order);
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
    key = keys_in(*open_sqlite(path, in_peace()));
  }
};

/// Opens the file: it must hold a prefix of the reference, of at least so many entries, and an engine must know from it
/// what one that was led through that prefix knows. Returns the number of its entries.
inline std::size_t check_prefix(const std::string& path, const reference& whole, std::size_t at_least) {
  auto store = open_sqlite(path, in_peace());
  const std::vector<std::string> keys = keys_in(*store);
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
  for (const std::string& key : keys_in(*store)) {
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
  REQUIRE(e.opened().problems.empty());
  const file_report found = verify_file(path, in_peace());
  REQUIRE(found.sound());
  return e.digest();
}

}  // namespace fault_world
