// Opening, checking and making the SQLite file.

#include "file.hpp"

#include <sqlite3.h>

#include <array>
#include <filesystem>

#include "rows.hpp"
#include "tandem/detail/crc32.hpp"

TANDEM_BEGIN
namespace detail::file {
namespace {

// ids of a table are given in order from 1; `sum` is the checksum of the rest of the row
constexpr const char* schema = R"(
CREATE TABLE record(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, user INTEGER, body BLOB NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE user(id INTEGER PRIMARY KEY, name BLOB NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE item(id INTEGER PRIMARY KEY, name BLOB NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE word(id INTEGER PRIMARY KEY, name BLOB NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE gap(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, events INTEGER NOT NULL, kind INTEGER NOT NULL,
                 sum INTEGER NOT NULL);
CREATE TABLE tail(id INTEGER PRIMARY KEY CHECK(id = 1), last INTEGER NOT NULL, users INTEGER NOT NULL,
                  items INTEGER NOT NULL, words INTEGER NOT NULL, streams INTEGER NOT NULL, gaps INTEGER NOT NULL,
                  sealed INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE snapshot(id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, seq INTEGER NOT NULL,
                      options TEXT NOT NULL, parts INTEGER, bytes INTEGER, sum INTEGER);
CREATE TABLE part(id INTEGER PRIMARY KEY, body BLOB NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE stream(name BLOB PRIMARY KEY, position BLOB NOT NULL, sum INTEGER NOT NULL);
)";

bool exists_and_is_not_empty(const std::filesystem::path& path) {
  std::error_code none;
  return std::filesystem::exists(path, none) && std::filesystem::file_size(path, none) > 0;
}

// What SQLite says badly, or would answer by making a file. It must not open the file: closing it would drop the locks
// that this process has on it.
void check_path(const std::string& path, access how) {
  std::error_code none;
  if (path.empty()) throw error(errc::invalid_argument, "must not be empty", {{}, 0, "path"}, "name a file");
  if (std::filesystem::is_directory(path, none)) {
    throw error(errc::io_error, "is a directory", {path}, "name a file in it");
  }
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty() && !std::filesystem::is_directory(parent, none)) {
    throw error(errc::io_error, "its directory does not exist", {path}, "make it first");
  }
  if (std::filesystem::is_regular_file(path, none) && std::filesystem::file_size(path, none) == 1) {
    throw error(errc::bad_format, "is not a tandem file", {path}, "give another path");  // to SQLite it would be empty
  }
  if (how == access::read && !exists_and_is_not_empty(path)) {
    throw error(errc::io_error, "there is no such file, or it is empty", {path});
  }
}

std::int64_t pragma(SQLite::Database& db, const char* name) {
  return db.execAndGet(std::string("PRAGMA ") + name).getInt64();
}

void check_kind(SQLite::Database& db, const std::string& path) {
  const std::int64_t id = pragma(db, "application_id");
  const std::int64_t version = pragma(db, "user_version");
  const bool fresh = id == 0 && version == 0 && pragma(db, "schema_version") == 0;
  if (fresh) return;
  if (id != application_id) {
    throw error(errc::bad_format, "is an SQLite file of another program", {path}, "give another path");
  }
  if (version > format_version) {
    throw error(
        errc::bad_format,
        "has format " + std::to_string(version) + " and this tandem reads up to " + std::to_string(format_version),
        {path}, "open it with a newer tandem");
  }
  if (version < 1) throw error(errc::damaged, "has no format version", {path}, "take the latest copy");
}

}  // namespace

error as_error(const SQLite::Exception& e, const std::string& path) {
  const int code = e.getErrorCode();
  const std::string said = e.what();
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return error(errc::wrong_state, "another program is using it (" + said + ")", {path}, "close it there");
    case SQLITE_FULL:
      return error(errc::no_space, "the disk is full, or the file is at max_bytes", {path},
                   "make room, or compact(); nothing stored is lost");
    case SQLITE_ERROR:  // all our SQL is fixed: a table or a column is not there
    case SQLITE_CORRUPT:
      return error(errc::damaged, "is damaged (" + said + ")", {path}, "run `tandem verify`, take the latest copy");
    case SQLITE_NOTADB: return error(errc::bad_format, "is not a tandem file", {path}, "give another path");
    case SQLITE_READONLY:
      return error(errc::io_error, "cannot be written", {path}, "check the permissions of the file and its directory");
    case SQLITE_CANTOPEN:
      return error(errc::io_error, "cannot be opened", {path}, "check the permissions of the file and its directory");
    default:
      return error(errc::io_error, said + " (SQLite code " + std::to_string(e.getExtendedErrorCode()) + ")", {path});
  }
}

std::uint32_t sum_of(std::int64_t first, std::int64_t second, std::int64_t third, std::string_view bytes) noexcept {
  std::array<char, 24> head{};
  const std::array<std::int64_t, 3> numbers{first, second, third};
  for (std::size_t i = 0; i < head.size(); ++i) {
    head[i] = static_cast<char>(static_cast<std::uint64_t>(numbers[i / 8]) >> (8 * (i % 8)));
  }
  return crc32(bytes, crc32({head.data(), head.size()}));
}

std::unique_ptr<SQLite::Database> open_database(const std::string& path, access how, const file_options& options) {
  check_path(path, how);
  return translated(path, [&] {
    const int flags = how == access::write ? SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE : SQLite::OPEN_READONLY;
    auto db = std::make_unique<SQLite::Database>(path, flags | SQLITE_OPEN_NOMUTEX, 10000, options.vfs);
    sqlite3_db_config(db->getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    db->exec("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY");
    check_kind(*db, path);
    if (how == access::read) return db;
    if (db->execAndGet("PRAGMA page_count").getInt64() == 0) db->exec("PRAGMA auto_vacuum=INCREMENTAL");
    db->exec("PRAGMA journal_mode=WAL");  // to its end: it answers before it commits
    if (db->execAndGet("PRAGMA journal_mode").getString() != "wal") {
      throw error(errc::io_error, "its file system cannot share memory, which a write-ahead log needs", {path},
                  "put it on a local disk");
    }
    db->exec(options.level == durability::power_loss ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    db->exec("PRAGMA secure_delete=ON");
    return db;
  });
}

std::unique_ptr<SQLite::Database> lock_for_writing(const std::string& path, const file_options& options) {
  check_path(path, access::write);
  const std::string beside = path + "-owner";
  try {
    auto db = std::make_unique<SQLite::Database>(
        beside, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLITE_OPEN_NOMUTEX, 0, options.vfs);
    db->exec("BEGIN EXCLUSIVE");
    return db;
  } catch (const SQLite::Exception& e) {
    if (e.getErrorCode() == SQLITE_BUSY || e.getErrorCode() == SQLITE_LOCKED) {
      throw error(errc::wrong_state, "is open for writing elsewhere", {path},
                  "one engine at a time owns a file: close the other, or read with `tandem`");
    }
    throw as_error(e, beside);
  }
}

bool make_tables(SQLite::Database& db, bool sealed) {
  db.exec("BEGIN IMMEDIATE");
  const bool fresh = db.execAndGet("PRAGMA schema_version").getInt64() == 0;
  if (fresh) {
    db.exec(schema);
    tail_row tail;
    tail.sealed = sealed;
    write_tail(db, tail);
    db.exec("PRAGMA application_id=" + std::to_string(application_id));
    db.exec("PRAGMA user_version=" + std::to_string(format_version));
  }
  db.exec("COMMIT");
  return fresh;
}

}  // namespace detail::file
TANDEM_END
