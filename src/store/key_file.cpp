// The tables of a key ring.

#include "key_file.hpp"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

TANDEM_BEGIN
namespace detail::keys {
namespace {

constexpr std::int64_t application_id = 0x746E646B;  // "tndk"
constexpr int format_version = 1;

constexpr const char* schema = R"(
CREATE TABLE ring(id INTEGER PRIMARY KEY CHECK(id = 1), name BLOB NOT NULL, generation INTEGER NOT NULL,
                  key_check BLOB NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE common(id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
CREATE TABLE slot(id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
CREATE TABLE free_slot(id INTEGER PRIMARY KEY);
CREATE TABLE user(pseudonym BLOB PRIMARY KEY, slot INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA application_id=1953391723;
PRAGMA user_version=1;
)";
static_assert(application_id == 1953391723 && format_version == 1);

[[noreturn]] void fail_damaged(const std::string& what, const std::string& path) {
  throw error(errc::damaged, what, {path}, "take the latest copy of the key ring");
}

// Runs f, telling SQLite's failures in the words of a ring.
template <class F>
decltype(auto) told(const std::string& path, F&& f) {
  try {
    return f();
  } catch (const SQLite::Exception& e) {
    if (e.getExtendedErrorCode() == SQLITE_IOERR_NOMEM) throw std::bad_alloc();
    switch (e.getErrorCode()) {
      case SQLITE_NOMEM: throw std::bad_alloc();
      case SQLITE_CORRUPT: fail_damaged(std::string("is damaged (") + e.what() + ")", path);
      case SQLITE_NOTADB: throw error(errc::bad_format, "is not a key ring", {path}, "give another path");
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        throw error(errc::wrong_state, "the key ring is open elsewhere", {path}, "close it there: one may use it");
      default: throw file::as_error(e, path);
    }
  }
}

bool has_bytes(const std::string& path) {
  std::error_code none;
  return std::filesystem::is_regular_file(path, none) && std::filesystem::file_size(path, none) > 0;
}

const std::string& checked(const std::string& path, bool must_exist) {
  if (path.empty()) throw error(errc::invalid_argument, "must not be empty", {{}, 0, "path"}, "name a file");
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) {
    throw error(errc::io_error, "is a directory", {path}, "name a file in it");
  }
  if (must_exist && !has_bytes(path)) {
    throw error(errc::not_found, "there is no key ring, and the log cannot be read without it", {path},
                "bring back the latest copy of it");
  }
  return path;
}

// SQLite would make a file of its own in place of a short one that is not its own. Read through its handle: to open and
// close the file would give up the locks that this process has on it.
void check_head(SQLite::Database& db, const std::string& path) {
  sqlite3_file* file = nullptr;
  (void)sqlite3_file_control(db.getHandle(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  sqlite3_int64 size = 0;
  std::array<char, 16> head{};
  if (file == nullptr || file->pMethods == nullptr || file->pMethods->xFileSize(file, &size) != SQLITE_OK) {
    throw error(errc::io_error, "cannot be read", {path}, "check its permissions");
  }
  if (size == 0) return;
  (void)file->pMethods->xRead(file, head.data(), static_cast<int>(head.size()), 0);
  if (std::memcmp(head.data(), "SQLite format 3", head.size()) != 0) {
    throw error(errc::bad_format, "is not a key ring", {path}, "give another path");
  }
}

void check_kind(SQLite::Database& db, const std::string& path, bool must_exist) {
  const auto number = [&](const char* query) { return db.execAndGet(query).getInt64(); };
  const std::int64_t id = number("PRAGMA application_id"), version = number("PRAGMA user_version");
  if (id == 0 && version == 0 && number("PRAGMA schema_version") == 0) {  // no tables: a crash before the first commit
    if (must_exist) throw error(errc::not_found, "the key ring is empty", {path}, "bring back the latest copy of it");
    return;
  }
  if (id != application_id) {
    throw error(errc::bad_format, "is an SQLite file, but not a key ring", {path}, "give another path");
  }
  if (version < 1) fail_damaged("has no format version", path);
  if (version > format_version) {
    throw error(errc::bad_format, "has format " + std::to_string(version) + " and this tandem reads up to 1", {path},
                "open it with a newer tandem");
  }
}

SQLite::Database opened(const std::string& path, const std::string& vfs) {
  SQLite::Database db(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLITE_OPEN_NOMUTEX, 0, vfs);
  sqlite3_db_config(db.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // TRUNCATE: a journal that stayed would keep keys that are erased; its truncation is synced, so erased is erased
  db.exec(
      "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA locking_mode=EXCLUSIVE;"
      "PRAGMA secure_delete=ON; PRAGMA synchronous=FULL; PRAGMA fullfsync=ON");
  db.exec("BEGIN EXCLUSIVE");
  db.exec("COMMIT");
  return db;
}

void keep_private(const std::string& path) {
  std::error_code none;
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, none);
}

SQLite::Database open_alone(const std::string& path, const key_ring_options& options) {
  return told(checked(path, options.must_exist), [&] {
    const bool was_there = has_bytes(path);
    SQLite::Database db = opened(path, options.vfs);
    check_head(db, path);
    check_kind(db, path, options.must_exist);
    if (!was_there) keep_private(path);
    db.exec("PRAGMA journal_mode=TRUNCATE");
    return db;
  });
}

std::uint32_t sum_of(const ring_header& header) {
  std::string text(view(header.ring));
  text += view(header.check);
  return file::sum_of(header.generation, 0, 0, text);
}

template <std::size_t n>
bool copy(const SQLite::Column& from, std::array<unsigned char, n>& to) {
  const std::string_view bytes = file::bytes_of(from);
  if (bytes.size() != n) return false;
  std::memcpy(to.data(), bytes.data(), n);
  return true;
}

template <std::size_t n>
void bind(SQLite::Statement& to, int index, const std::array<unsigned char, n>& x) {
  to.bind(index, static_cast<const void*>(x.data()), static_cast<int>(n));
}

// a statement is ready for its next use however this one ends
struct using_it {
  SQLite::Statement* it;
  explicit using_it(SQLite::Statement& one) : it(&one) {}
  using_it(const using_it&) = delete;
  using_it& operator=(const using_it&) = delete;
  ~using_it() { (void)it->tryReset(); }
};

}  // namespace

key_file::key_file(const std::string& path, const key_ring_options& options)
    : path_(path), db_(open_alone(path, options)) {}

SQLite::Statement& key_file::prepared(std::optional<SQLite::Statement>& one, const char* query) {
  if (!one.has_value()) one.emplace(db_, query);
  return *one;
}

void key_file::make_tables() { db_.exec(schema); }

void key_file::end_leftover() {
  if (!changing_ && sqlite3_get_autocommit(db_.getHandle()) == 0) db_.exec("ROLLBACK");
}

void key_file::change(const std::function<void()>& f) {
  told(path_, [&] {
    end_leftover();
    SQLite::Transaction all(db_);
    changing_ = true;
    const struct until_done {
      bool* changing;
      ~until_done() { *changing = false; }
    } done{&changing_};
    f();
    all.commit();
  });
}

ring_header key_file::header() {
  return told(path_, [&] {
    end_leftover();
    SQLite::Statement read(db_, "SELECT name, generation, key_check, sum FROM ring WHERE id = 1");
    ring_header out;
    if (!read.executeStep() || !copy(read.getColumn(0), out.ring) || !copy(read.getColumn(2), out.check)) {
      fail_damaged("its header is missing", path_);
    }
    out.generation = read.getColumn(1).getInt64();
    if (read.getColumn(3).getInt64() != std::int64_t{sum_of(out)}) fail_damaged("its header is damaged", path_);
    return out;
  });
}

void key_file::set_header(const ring_header& header) {
  SQLite::Statement write(db_, "INSERT OR REPLACE INTO ring VALUES(1, ?, ?, ?, ?)");
  bind(write, 1, header.ring);
  write.bind(2, header.generation);
  bind(write, 3, header.check);
  write.bind(4, std::int64_t{sum_of(header)});
  write.exec();
}

std::string key_file::common(common_key which) {
  return told(path_, [&] {
    end_leftover();
    SQLite::Statement read(db_, "SELECT wrapped FROM common WHERE id = ?");
    read.bind(1, static_cast<int>(which));
    if (!read.executeStep()) fail_damaged("a key is missing", path_);
    return std::string(file::bytes_of(read.getColumn(0)));
  });
}

void key_file::set_common(common_key which, const wrapped_key& key) {
  SQLite::Statement write(db_, "INSERT INTO common VALUES(?, ?) ON CONFLICT DO UPDATE SET wrapped = excluded.wrapped");
  write.bind(1, static_cast<int>(which));
  bind(write, 2, key);
  write.exec();
}

std::optional<std::string> key_file::find(const pseudonym& user) {
  return told(path_, [&]() -> std::optional<std::string> {
    end_leftover();
    SQLite::Statement& read =
        prepared(find_, "SELECT wrapped FROM user LEFT JOIN slot ON slot.id = user.slot WHERE user.pseudonym = ?");
    const using_it now(read);
    bind(read, 1, user.bytes);
    if (!read.executeStep()) return {};
    return std::string(file::bytes_of(read.getColumn(0)));
  });
}

void key_file::add(const pseudonym& user, const wrapped_key& key) {
  SQLite::Statement& free_slot = prepared(free_slot_, "SELECT id FROM free_slot LIMIT 1");
  std::int64_t slot = 0;
  {
    const using_it now(free_slot);
    if (free_slot.executeStep()) slot = free_slot.getColumn(0).getInt64();
  }
  if (slot == 0) {
    SQLite::Statement& append = prepared(add_slot_, "INSERT INTO slot(wrapped) VALUES(?)");
    const using_it now(append);
    bind(append, 1, key);
    append.exec();
    slot = db_.getLastInsertRowid();
  } else {
    SQLite::Statement& take = prepared(take_, "DELETE FROM free_slot WHERE id = ?");
    const using_it taking(take);
    take.bind(1, slot);
    take.exec();
    SQLite::Statement& fill = prepared(fill_, "UPDATE slot SET wrapped = ? WHERE id = ?");
    const using_it filling(fill);
    bind(fill, 1, key);
    fill.bind(2, slot);
    fill.exec();
  }
  SQLite::Statement& named = prepared(add_user_, "INSERT INTO user VALUES(?, ?)");
  const using_it now(named);
  bind(named, 1, user.bytes);
  named.bind(2, slot);
  named.exec();
}

bool key_file::erase(const pseudonym& user) {
  SQLite::Statement read(db_, "SELECT slot FROM user WHERE pseudonym = ?");
  bind(read, 1, user.bytes);
  if (!read.executeStep()) return false;
  const std::int64_t slot = read.getColumn(0).getInt64();
  read.reset();
  SQLite::Statement remove(db_, "DELETE FROM user WHERE pseudonym = ?");
  bind(remove, 1, user.bytes);
  remove.exec();
  SQLite::Statement empty(db_, "UPDATE slot SET wrapped = zeroblob(?) WHERE id = ?");
  empty.bind(1, static_cast<int>(wrapped_key().size()));
  empty.bind(2, slot);
  empty.exec();
  SQLite::Statement add(db_, "INSERT INTO free_slot VALUES(?)");
  add.bind(1, slot);
  add.exec();
  return true;
}

void key_file::replace_all(const std::function<wrapped_key(const pseudonym&, std::string_view)>& f) {
  SQLite::Statement read(db_, "SELECT pseudonym, user.slot, wrapped FROM user LEFT JOIN slot ON slot.id = user.slot");
  SQLite::Statement write(db_, "UPDATE slot SET wrapped = ? WHERE id = ?");
  while (read.executeStep()) {
    pseudonym user;
    if (!copy(read.getColumn(0), user.bytes)) fail_damaged("a pseudonym is damaged", path_);
    const wrapped_key key = f(user, file::bytes_of(read.getColumn(2)));
    const using_it now(write);
    bind(write, 1, key);
    write.bind(2, read.getColumn(1).getInt64());
    write.exec();
  }
}

std::uint64_t key_file::users() {
  return told(path_, [&] {
    end_leftover();
    const std::int64_t slots = number("SELECT coalesce(max(id), 0) FROM slot");
    return static_cast<std::uint64_t>(slots - number("SELECT count(*) FROM free_slot"));
  });
}

void key_file::copy_to(const std::string& to, const std::string& vfs) {
  key_ring_options options;
  options.vfs = vfs;
  SQLite::Database target = open_alone(to, options);
  told(to, [&] {
    end_leftover();
    SQLite::Backup backup(target, db_);
    if (backup.executeStep(-1) != SQLITE_DONE) {
      throw error(errc::wrong_state, "is in use", {to}, "close it there, or copy to another file");
    }
  });
}

}  // namespace detail::keys
TANDEM_END
