// The public functions of store/sqlite_store.hpp.

#include "tandem/store/sqlite_store.hpp"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <limits>

#include "sealing.hpp"
#include "sqlite_log.hpp"
#include "tandem/detail/require.hpp"
#if defined(TANDEM_HAVE_ENCRYPTION)
#include "tandem/store/key_ring.hpp"
#endif

TANDEM_BEGIN

void file_options::validate() const {
  detail::require(queue_bytes >= 4096 && queue_bytes <= (std::size_t{1} << 30U), "queue_bytes", "[4 KiB, 1 GiB]");
  detail::require(max_bytes >= (std::uint64_t{1} << 20U), "max_bytes", "[1 MiB, inf)");
}

std::unique_ptr<durable_store> open_sqlite(const std::string& path, const file_options& options) {
  return std::make_unique<detail::file::sqlite_log>(path, options);
}

void copy_file(const std::string& from, const std::string& to, const file_options& options) {
  using namespace detail::file;
  if (std::filesystem::exists(to)) {
    throw error(errc::invalid_argument, "exists already", {to}, "name a file that does not");
  }
  translated(from, [&] {
    const auto source = open_database(from, access::read, options);
    try {
      SQLite::Database target(to, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 0, options.vfs);
      SQLite::Backup backup(target, *source);
      const int code = backup.executeStep(-1);  // as of one moment, whatever is written meanwhile
      if (code != 101) throw SQLite::Exception("the copy was not finished", code);  // SQLITE_DONE
    } catch (...) {
      std::error_code none;
      std::filesystem::remove(to, none);
      throw;
    }
  });
}

void rotate_key(const std::string& path, const master_key& key, const master_key& next) {
#if defined(TANDEM_HAVE_ENCRYPTION)
  const auto owner = detail::file::lock_for_writing(path, {});
  key_ring(key_ring::path_beside(path), key, {.must_exist = true}).rotate_master(next);
#else
  (void)key;
  (void)next;
  throw error(errc::invalid_argument, "this tandem was built without encryption", {path}, "build it with libsodium");
#endif
}

file_report verify_file(const std::string& path, const file_options& options) {
  using namespace detail::file;
  file_report out;
  const auto problem = [&](const std::string& what) { out.problems.push_back(what); };
  const auto attempt = [&](auto&& f) {
    try {
      translated(path, f);
    } catch (const error& e) {
      if (e.code() != errc::damaged) throw;
      problem(e.message());
    }
  };
  const auto db = open_database(path, access::read, options);
  attempt([&] {
    out.bytes = static_cast<std::uint64_t>(db->execAndGet("PRAGMA page_count").getInt64() *
                                           db->execAndGet("PRAGMA page_size").getInt64());
  });
  const moment now(*db);
  attempt([&] {
    SQLite::Statement check(*db, "PRAGMA integrity_check(20)");
    while (check.executeStep()) {
      const std::string said = check.getColumn(0).getString();
      if (said != "ok") problem("SQLite: " + said);
    }
  });
  attempt([&] {
    const tail_row tail = read_tail(*db, path);
    out.encrypted = tail.sealed;
    std::unique_ptr<sealing> seals;
    if (options.key != nullptr) require_key_for(tail.sealed, path, options);
    if (tail.sealed && options.key != nullptr) seals = std::make_unique<sealing>(path, options, true);
    (void)read_streams(*db, path, tail);
    const name_lists names = read_names(*db, path, tail, seals.get());
    for (const auto& each : names.users) out.users += each.has_value() ? 1U : 0U;
    for (const auto& each : names.items) out.items += each.has_value() ? 1U : 0U;
    for (const gap& each : read_gaps(*db, path)) out.erased += static_cast<std::uint64_t>(each.last - each.first + 1);
    decoder at(names);
    const auto each = [&](const record_row& row) {
      if (!tail.sealed || seals != nullptr) (void)at.read(row);
      ++out.entries;
      out.events += static_cast<entry_kind>(row.kind) == entry_kind::event ? 1U : 0U;
      out.decisions += static_cast<entry_kind>(row.kind) == entry_kind::answer ? 1U : 0U;
    };
    read_rows(*db, path, 0, std::numeric_limits<std::int64_t>::max(), each, seals.get());
  });
  attempt([&] { out.snapshots = check_snapshots(*db, problem); });
  return out;
}

TANDEM_END
