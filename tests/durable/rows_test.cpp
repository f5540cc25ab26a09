// src/store/rows.hpp: rows that are missing, changed or of nobody are told, by whoever reads them.

#include "rows.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "durable/durable_world.hpp"
#include "file.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace durable_world;
using namespace tandem::detail::file;

namespace {

constexpr timestamp today = from_millis(1'800'000'000'000);

// a file with a row in every table, and copies of it to damage
struct subject {
  test_support::scratch folder;
  std::string whole = in(folder, "whole");
  std::string path = in(folder, "shop");

  subject() {
    engine kept = open(whole, small_options());
    life days(3);
    days.go_on(kept, 200);
    kept.observe({}, {"orders", "17"});
    kept.forget("user3", today);
    kept = engine();
    kept = open(whole, small_options());
    days.go_on(kept, 20);
    kept.refit();
  }

  // what opening, reading and verifying say of the file when f has changed it
  struct said {
    std::optional<errc> opened, read;
    bool verified = false;
  };
  template <class F>
  said after(F&& f) const {
    std::filesystem::remove(path);
    copy_file(whole, path);
    {
      SQLite::Database db(path, SQLite::OPEN_READWRITE);
      f(db);
    }
    said out;
    try {
      out.verified = verify_file(path).sound();
    } catch (const error&) {
    }
    try {
      read_sqlite(path)->scan(entry_number{0}, [](entry_number, const journal_entry&) {});
    } catch (const error& e) {
      out.read = e.code();
    }
    try {
      (void)open(path, small_options());
    } catch (const error& e) {
      out.opened = e.code();
    }
    return out;
  }
  said after_sql(const char* sql) const {
    return after([&](SQLite::Database& db) { db.exec(sql); });
  }
};

// puts a record in the place of another one, under a checksum that is right
void put_record(SQLite::Database& db, std::int64_t number, std::int64_t kind, std::int64_t user,
                const std::string& body) {
  SQLite::Statement row(db, "INSERT OR REPLACE INTO record VALUES(?, ?, ?, ?, ?)");
  row.bind(1, number);
  row.bind(2, kind);
  row.bind(3, user);
  row.bind(4, body.data(), static_cast<int>(body.size()));
  row.bind(5, std::int64_t{sum_of(number, kind, user, body)});
  row.exec();
}

}  // namespace

TEST_CASE("a row that does not match its checksum, or is missing, is damage") {
  const subject at;
  const subject::said untouched = at.after_sql("SELECT 1");
  REQUIRE(untouched.verified);
  REQUIRE(!untouched.read.has_value());
  for (const char* sql : {
           "UPDATE record SET kind = 3 WHERE seq = (SELECT max(seq) FROM record)",
           "UPDATE record SET kind = kind + 256",
           "UPDATE record SET body = zeroblob(0)",
           "DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)",
           "DELETE FROM record WHERE seq = (SELECT max(seq) - 1 FROM record)",
           "DELETE FROM record",
           "UPDATE user SET sum = sum + 1",
           "UPDATE user SET id = 100000 WHERE id = (SELECT max(id) FROM user)",
           "UPDATE user SET id = -1 WHERE id = (SELECT max(id) FROM user)",
           "UPDATE item SET name = zeroblob(3)",
           "DELETE FROM item",
           "DELETE FROM word",
           "UPDATE word SET name = 'else'",
           "UPDATE gap SET events = events + 1",
           "DELETE FROM gap",
           "UPDATE tail SET items = items + 1",
           "UPDATE tail SET last = last - 1",
           "DELETE FROM tail",
       }) {
    CAPTURE(sql);
    const subject::said found = at.after_sql(sql);
    CHECK_FALSE(found.verified);
    CHECK(found.read == errc::damaged);
  }
}

TEST_CASE("a stream's position that is changed or missing is damage to whoever goes on from it") {
  const subject at;
  for (const char* sql : {"UPDATE stream SET position = '18'", "DELETE FROM stream", "UPDATE stream SET name = 'x'"}) {
    CAPTURE(sql);
    const subject::said found = at.after_sql(sql);
    CHECK_FALSE(found.verified);
    CHECK(found.opened == errc::damaged);
  }
}

TEST_CASE("a table that is missing is damage") {
  const subject at;
  for (const char* table : {"record", "user", "item", "word", "gap", "tail", "stream", "snapshot", "part"}) {
    CAPTURE(table);
    const subject::said found = at.after_sql(("DROP TABLE " + std::string(table)).c_str());
    CHECK_FALSE(found.verified);
    CHECK(found.opened == errc::damaged);
  }
}

TEST_CASE("a record of a form or a kind that is not known is damage, though its checksum is right") {
  const subject at;
  const std::string long_number(11, '\xFF');
  const std::vector<std::pair<int, std::string>> bodies = {
      {1, std::string()},                         // ends at once
      {1, std::string("\0\x7F\x01\0", 4)},        // an item that is not there
      {1, std::string("\0\0\x01\0", 4)},          // an item 0
      {1, std::string("\0\x01\x7F\0", 4)},        // a word that is not there
      {1, std::string("\0\x01\x01\0\0", 5)},      // longer than it should be
      {1, std::string("\x10\x01\x01\0\0", 5)},    // a value cut off
      {1, std::string("\x08\x01\x01\0\x7F", 5)},  // a key cut off
      {1, std::string("\x40\x01\x01\0\x7F", 5)},  // facts cut off
      {1, '\0' + long_number},                    // a number without end
      {2, std::string("\0\x01\0", 3)},            // an answer cut off
      {3, std::string("\x01\x7F", 2)},            // attributes cut off
      {6, std::string()},                         // a consent without its answer
      {0, std::string("\0", 1)},                  // no kind
      {9, std::string("\0", 1)},                  // a kind to come
  };
  for (const auto& each : bodies) {
    CAPTURE(each.first, each.second.size());
    const subject::said found = at.after([&](SQLite::Database& db) {
      put_record(db, db.execAndGet("SELECT max(seq) FROM record").getInt64(), each.first, 1, each.second);
    });
    CHECK_FALSE(found.verified);
    CHECK(found.read == errc::damaged);
  }
  for (const std::int64_t kind : {-1, 256}) {
    CAPTURE(kind);
    CHECK(at.after([&](SQLite::Database& db) { put_record(db, 5, kind, 1, "x"); }).read == errc::damaged);
  }
  for (const std::int64_t user : {0, 9999}) {
    CAPTURE(user);
    const auto found = at.after([&](SQLite::Database& db) { put_record(db, 5, 1, user, {"\0\x01\x01\0", 4}); });
    CHECK(found.read == errc::damaged);
  }
}

TEST_CASE("a snapshot whose row or parts are changed or missing is told, and passed over") {
  const subject at;
  for (const char* sql : {"UPDATE snapshot SET bytes = bytes + 1", "UPDATE snapshot SET options = 'else'",
                          "DELETE FROM part", "UPDATE part SET sum = sum + 1", "UPDATE part SET body = zeroblob(9)"}) {
    CAPTURE(sql);
    const subject::said found = at.after_sql(sql);
    CHECK_FALSE(found.verified);
    CHECK_FALSE(found.opened.has_value());
  }
}

TEST_CASE("a snapshot that is not there cannot be read, and one that was not finished is dropped") {
  const subject at;
  std::filesystem::remove(at.path);
  copy_file(at.whole, at.path);
  std::size_t before = 0;
  {
    const auto store = open_sqlite(at.path);
    before = store->snapshots().size();
    try {
      (void)store->read_snapshot(999);
      FAIL("there is one");
    } catch (const error& e) {
      CHECK(e.code() == errc::not_found);
    }
    const auto writer = store->write_snapshot(snapshot_kind::state, entry_number{1}, "x");
    writer->write(std::as_bytes(std::span("some", 4)));
    CHECK(store->snapshots().size() == before);
  }
  CHECK(open_sqlite(at.path)->snapshots().size() == before);
  { SQLite::Database(at.path, SQLite::OPEN_READWRITE).exec("UPDATE snapshot SET parts = NULL"); }
  CHECK(open_sqlite(at.path)->snapshots().empty());
  CHECK(verify_file(at.path).sound());
}

TEST_CASE("what stands for nothing cannot be compacted") {
  const test_support::scratch folder;
  const auto store = open_sqlite(in(folder, "shop"));
  store->opened();
  store->append(change_entry(clock_entry{today}));
  REQUIRE(store->commit(store->last()));
  try {
    (void)store->compact(store->last());
    FAIL("it was");
  } catch (const error& e) {
    CHECK(e.code() == errc::wrong_state);
  }
}

TEST_CASE("a snapshot of ids that the file does not have is refused") {
  const test_support::scratch folder;
  const auto store = open_sqlite(in(folder, "shop"));
  const auto refused = [&](const store_ids& ids, std::uint64_t at, std::uint64_t position) {
    try {
      store->restore(ids, entry_number{at}, log_position{position});
    } catch (const error& e) {
      return e.code() == errc::damaged;
    }
    return false;
  };
  CHECK(refused({{1}, {}}, 0, 0));
  CHECK(refused({{}, {0}}, 0, 0));
  CHECK(refused({}, 0, 1));
  CHECK_FALSE(refused({}, 0, 0));
}

TEST_CASE("another system's way to open files, without shared memory, is refused in words") {
  const test_support::scratch folder;
  file_options file;
  file.vfs = "unix-none";
  try {
    (void)open_sqlite(in(folder, "shop"), file);
    FAIL("it opened");
  } catch (const error& e) {
    CHECK(e.code() == errc::io_error);
    CHECK(std::string(e.what()).find("cannot share memory") != std::string::npos);
  }
}

TEST_CASE("options outside their range are refused by name") {
  const test_support::scratch folder;
  for (const file_options& file : {file_options{.queue_bytes = 4095}, file_options{.queue_bytes = (1U << 30U) + 1},
                                   file_options{.max_bytes = (1U << 20U) - 1}}) {
    try {
      (void)open_sqlite(in(folder, "shop"), file);
      FAIL("it opened");
    } catch (const error& e) {
      CHECK(e.code() == errc::invalid_argument);
    }
  }
}
