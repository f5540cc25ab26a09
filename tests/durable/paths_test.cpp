// Paths that are no file of tandem's, and files that others have open: which error, and what it says.

#include <sqlite3.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "durable/child.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/core/error.hpp"
#include "tandem/store/sqlite_store.hpp"

using namespace tandem;
using test_support::bytes_of;
using test_support::scratch;
using test_support::write_bytes;

namespace {

// what f throws: its code and what it says
std::string said(const std::function<void()>& f) {
  try {
    f();
  } catch (const error& e) {
    return std::string(name(e.code())) + ": " + e.what();
  }
  return "nothing";
}

bool has(const std::string& text, const std::string& part) {
  UNSCOPED_INFO(text);
  return text.find(part) != std::string::npos;
}

void sql(const std::string& path, const char* text) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, text, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

// a store that is told the time so often
void tell(durable_store& store, int times) {
  for (int k = 0; k < times; ++k) store.append(change_entry(clock_entry{from_millis(k)}));
  REQUIRE(store.commit(store.last()));
}

void make(const std::string& path, int entries) {
  const auto store = open_sqlite(path);
  store->opened();
  tell(*store, entries);
}

std::uint64_t entries_of(const durable_store& store) {
  std::uint64_t out = 0;
  store.scan(entry_number{0}, [&](entry_number, const journal_entry&) { ++out; });
  return out;
}

}  // namespace

TEST_CASE("a path that can be no file is refused in words, and nothing is made beside it") {
  const scratch folder;
  const std::string missing = (folder.path / "none" / "shop").string();
  const std::string directory = (folder.path / "directory").string();
  std::filesystem::create_directory(directory);
  CHECK(has(said([&] { (void)open_sqlite(""); }), "invalid_argument"));
  CHECK(has(said([&] { (void)open_sqlite(directory); }), "io_error: " + directory + ": is a directory"));
  CHECK(has(said([&] { (void)open_sqlite(missing); }), "io_error: " + missing + ": its directory does not exist"));
  CHECK(has(said([&] { (void)verify_file((folder.path / "shop").string()); }), "there is no such file"));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("an empty file is a new one") {
  const scratch folder;
  const std::string path = (folder.path / "shop").string();
  write_bytes(path, "");
  make(path, 3);
  CHECK(entries_of(*open_sqlite(path)) == 3);
}

TEST_CASE("a file of another program is refused and left as it is") {
  const scratch folder;
  const std::string path = (folder.path / "shop").string();
  for (const std::size_t size : {1U, 15U, 16U, 99U, 511U, 5000U, 70000U}) {
    const std::string text(size, 'x');
    write_bytes(path, text);
    CAPTURE(size);
    CHECK(has(said([&] { (void)open_sqlite(path); }), "bad_format: " + path + ": is not a tandem file"));
    CHECK(has(said([&] { (void)verify_file(path); }), "bad_format: " + path + ": is not a tandem file"));
    CHECK(bytes_of(path) == text);
  }
  std::filesystem::remove(path);
  sql(path, "CREATE TABLE other(x)");
  const std::string before = bytes_of(path);
  CHECK(has(said([&] { (void)open_sqlite(path); }), "bad_format: " + path + ": is an SQLite file of another program"));
  CHECK(has(said([&] { (void)verify_file(path); }), "bad_format: " + path + ": is an SQLite file of another program"));
  CHECK(bytes_of(path) == before);
}

TEST_CASE("a newer format is refused with its number") {
  const scratch folder;
  const std::string path = (folder.path / "shop").string();
  make(path, 1);
  sql(path, "PRAGMA user_version=99");
  const std::string text = said([&] { (void)open_sqlite(path); });
  CHECK(has(text, "bad_format: " + path + ": has format 99"));
  CHECK(has(text, "open it with a newer tandem"));
}

TEST_CASE("a file that was cut off is refused, wherever") {
  const scratch folder;
  const std::string path = (folder.path / "shop").string();
  make(path, 300);
  const std::string whole = bytes_of(path);
  for (std::size_t size = 512; size < whole.size(); size += 512) {
    write_bytes(path, whole.substr(0, size));
    CAPTURE(size, whole.size());
    const std::string text = said([&] { (void)entries_of(*open_sqlite(path)); });
    CHECK((has(text, "damaged: ") || has(text, "bad_format: ")));
  }
  write_bytes(path, whole);
  CHECK(entries_of(*open_sqlite(path)) == 300);
}

TEST_CASE("a file or a folder without permission is refused in words") {
  if (getuid() == 0) return;  // whom permissions do not stop
  const scratch folder;
  const std::string path = (folder.path / "shop").string();
  make(path, 3);
  using std::filesystem::perms;
  std::filesystem::permissions(path, perms::none);
  CHECK(has(said([&] { (void)open_sqlite(path); }), "io_error: "));
  std::filesystem::permissions(path, perms::owner_read);
  CHECK(has(said([&] { (void)open_sqlite(path); }), "io_error: "));
  std::filesystem::permissions(path, perms::owner_read | perms::owner_write);
  CHECK(entries_of(*open_sqlite(path)) == 3);
}

TEST_CASE("one opener at a time: another is refused, in this process and in another one, and does no harm") {
  const scratch folder;
  const std::string path = (folder.path / "shop").string();
  auto store = open_sqlite(path);
  store->opened();
  tell(*store, 3);
  const std::string refusal = "wrong_state: " + path + ": is open for writing elsewhere";
  CHECK(has(said([&] { (void)open_sqlite(path); }), refusal));
  const tandem_test::child_end other = tandem_test::run_child({"another", path});
  REQUIRE(other.lines.size() == 1);
  CHECK(has(other.lines[0], refusal));
  tell(*store, 3);
  store.reset();
  CHECK(entries_of(*open_sqlite(path)) == 6);
}

TEST_CASE("reading a file beside its engine drops none of its locks: an outsider does not take its log away") {
  const scratch folder;
  const std::string path = (folder.path / "shop").string();
  const auto store = open_sqlite(path);
  store->opened();
  tell(*store, 3);
  CHECK(entries_of(*store) == 3);  // opens the file once more, and closes it
  CHECK(verify_file(path).sound());
  CHECK(has(said([&] { (void)open_sqlite(path); }), "wrong_state"));
  REQUIRE(tandem_test::run_child({"outsider", path}).exit_code == 0);
  tell(*store, 3);
  // what is left when the process dies now
  const std::string left = (folder.path / "left").string();
  std::filesystem::copy(path, left);
  REQUIRE(std::filesystem::exists(path + "-wal"));
  std::filesystem::copy(path + "-wal", left + "-wal");
  CHECK(entries_of(*open_sqlite(left)) == 6);
}

TEST_CASE("a copy does not overwrite") {
  const scratch folder;
  const std::string path = (folder.path / "shop").string();
  make(path, 1);
  CHECK(has(said([&] { copy_file(path, path); }), "invalid_argument: " + path + ": exists already"));
  CHECK(has(said([&] { copy_file(path + "-none", path + "-copy"); }), "io_error: " + path + "-none"));
  CHECK(!std::filesystem::exists(path + "-copy"));
}
