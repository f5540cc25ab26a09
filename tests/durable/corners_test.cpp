// What hosts of a file seldom meet: a store asked while it fails, gaps that touch, users who were only visitors, keys
// and rows of nobody.

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "durable/durable_world.hpp"
#include "durable/fault_life.hpp"
#include "durable/shim_vfs.hpp"
#include "file.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace durable_world;
using tandem_test::fault;
using tandem_test::shim_vfs;
namespace file_op = tandem_test::file_op;

namespace {

constexpr timestamp today = from_millis(1'800'000'000'000);

std::optional<errc> failure(const std::function<void()>& f) {
  try {
    f();
  } catch (const error& e) {
    return e.code();
  }
  return std::nullopt;
}

void change_file(const std::string& path, const std::string& sql) {
  SQLite::Database(path, SQLite::OPEN_READWRITE).exec(sql);
}

void tell(engine& e, const std::string& user, int times) {
  for (int n = 0; n < times; ++n) {
    REQUIRE(e.observe({.user = user, .item = "item" + std::to_string(n % 3), .time = today}).taken());
  }
}

}  // namespace

TEST_CASE("a store that fails takes nothing more: no entry, no position, no group") {
  for (const fault what : {fault::full, fault::error}) {
    const test_support::scratch folder;
    const shim_vfs quick(false);
    shim_vfs shim;
    const auto store = open_sqlite(in(folder, "shop"), {.vfs = shim.name()});
    store->opened();
    const change_entry now = clock_entry{today};
    store->append(now);
    shim.arrange(what, 1, file_op::write, true);
    CHECK_FALSE(store->commit(store->last()));
    CHECK(failure([&] { store->append(now); }) == errc::io_error);
    CHECK(failure([&] { store->set_stream("orders", "1"); }) == errc::io_error);
    CHECK(failure([&] { const durable_store::group together(store.get()); }) == errc::io_error);
    CHECK(store->failing());
    shim.arrange(fault::none, 0);
    CHECK(store->ready() == (what == fault::full));
  }
  const durable_store::group of_nothing(nullptr);
}

TEST_CASE("gaps of erased and of compacted entries that touch are kept apart, and the file goes on") {
  const test_support::scratch folder;
  const std::string path = in(folder, "shop");
  const auto forget = [&](const char* user) {
    engine e = open(path, small_options());
    e.forget(user, today);
  };
  {
    engine e = open(path, small_options());
    for (const char* user : {"ada", "bob", "cyd", "dan", "eve", "fay", "bob"}) tell(e, user, 4);
  }
  forget("cyd");
  for (const std::size_t kept : {18U, 10U, 6U}) {
    engine e = open(path, small_options());
    CHECK(e.compact({.max_events = kept}) > 0);
    CHECK(verify_file(path).events == kept);
  }
  forget("eve");
  forget("fay");
  CHECK(verify_file(path).sound());
  engine e = open(path, small_options());
  CHECK(e.opened().problems.empty());
  CHECK(e.compact({.max_events = 1}) > 0);
  const file_summary told = read_sqlite(path)->summary();
  CHECK(told.erased == 27);
}

TEST_CASE("of a compacted log a forget() that failed is finished when the file is opened") {
  std::uint64_t finished = 0;
  for (std::uint64_t k = 1;; k += 3) {
    CAPTURE(k);
    const test_support::scratch folder;
    const std::string path = in(folder, "shop");
    shim_vfs shim;
    bool failed = false;
    {
      engine e = open(path, small_options(), {.vfs = shim.name()});
      for (const char* user : {"ada", "bob", "ada"}) tell(e, user, 4);
      e.compact({.max_events = 6});
      shim.arrange(fault::full, k, file_op::write, true);
      failed = failure([&] { e.forget("ada", today); }).has_value();
      shim.arrange(fault::none, 0);
    }
    const std::uint64_t before = verify_file(path).events;
    const engine e = open(path, small_options());
    const std::uint64_t after = verify_file(path).events;
    REQUIRE(e.opened().problems.empty());
    REQUIRE((after == 2 || (failed && after == 6)));
    finished += before == 6 && after == 2 ? 1U : 0U;
    if (!failed) break;
  }
  CHECK(finished > 0);
}

TEST_CASE("a forget() that is finished when the file is opened leaves pages of others who have the names") {
  std::uint64_t finished = 0;
  for (std::uint64_t k = 1;; k += 3) {
    CAPTURE(k);
    const test_support::scratch folder;
    const std::string path = in(folder, "shop");
    shim_vfs shim;
    bool failed = false;
    {
      engine e = open(path, small_options(), {.vfs = shim.name()});
      tell(e, "bob", 4);
      e.recommend({.user = "ada", .time = today});  // hers: she is somebody later
      tell(e, "ada", 2);
      tell(e, "tablet", 1);
      e.merge("tablet", "ada");
      e.compact({.max_events = 5});
      e.recommend({.user = "tablet", .time = today});  // somebody else by now
      shim.arrange(fault::full, k, file_op::write, true);
      failed = failure([&] { e.forget("ada", today); }).has_value();
      shim.arrange(fault::none, 0);
      if (failed) e.recommend({.user = "ada", .time = today});  // she comes again
    }
    const std::uint64_t before = verify_file(path).events;
    const engine e = open(path, small_options());
    REQUIRE(e.opened().problems.empty());
    if (before == 5 && verify_file(path).events == 2) {
      ++finished;
      CHECK(e.export_user("tablet").answers.size() == 1);
      CHECK(e.export_user("ada").answers.size() == 1);
    }
    if (!failed) break;
  }
  CHECK(finished > 0);
}

TEST_CASE("after a user was forgotten in a compacted log, keys of others are still known, though nothing was flushed") {
  const test_support::scratch folder;
  engine e = open(in(folder, "shop"), small_options(), {.level = durability::none});
  tell(e, "ada", 4);
  tell(e, "bob", 4);
  e.compact({.max_events = 4});
  const event told{.user = "bob", .item = "item1", .time = today, .key = "k1"};
  REQUIRE(e.observe(told).status == observe_status::accepted);
  e.forget("ada", today);
  CHECK(e.observe(told).status == observe_status::duplicate);
}

TEST_CASE("a full file can forget, also after it was compacted") {
  const test_support::scratch folder;
  file_options file;
  file.max_bytes = std::uint64_t{1} << 20U;
  engine e = open(in(folder, "shop"), small_options(), file);
  tell(e, "ada", 4);
  tell(e, "bob", 20);
  e.compact({.max_events = 10});
  const std::string long_text(900, 'x');
  for (int n = 0;
       e.observe({.user = "bob", .item = "item1", .time = today, .key = long_text + std::to_string(n)}).taken();)
    ++n;
  CHECK_NOTHROW(e.forget("ada", today));
}

TEST_CASE("users who were only visitors, or gave no consent, are told and forgotten too") {
  const test_support::scratch folder;
  engine e = open(in(folder, "shop"), small_options());
  e.advance(today);
  e.advance(today);
  CHECK(e.observe({.user = "", .item = "tea", .time = today}).status == observe_status::rejected);
  tell(e, "ada", 3);
  e.set_consent("ada", false);
  CHECK_FALSE(e.export_user("ada").consent);
  e.recommend({.user = "guest", .time = today});
  REQUIRE(e.flush());
  CHECK(e.export_user("guest").answers.size() == 1);
  CHECK(e.forget("guest", today).counts.decisions == 1);
  CHECK(failure([&] { (void)e.export_user("guest"); }) == errc::not_found);
  CHECK(read_sqlite(in(folder, "shop"))->summary().erased == 1);
}

TEST_CASE("in memory a user is forgotten, and an unknown one is an error") {
  engine e(small_options());
  tell(e, "ada", 3);
  CHECK(e.forget("ada", today).counts.entries == 0);
  CHECK(failure([&] { e.forget("ada", today); }) == errc::not_found);
}

TEST_CASE("a snapshot of many parts comes back, and one of none") {
  const test_support::scratch folder;
  const auto store = open_sqlite(in(folder, "shop"));
  for (const std::size_t size : {std::size_t{0}, std::size_t{3} << 18U, (std::size_t{5} << 17U) + 3}) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 / 5);
    const auto writer = store->write_snapshot(snapshot_kind::state, entry_number{0}, "x");
    writer->write(bytes);
    const auto reader = store->read_snapshot(writer->finish());
    std::vector<std::byte> back;
    for (auto run = reader->next(); !run.empty(); run = reader->next()) back.insert(back.end(), run.begin(), run.end());
    CHECK(back == bytes);
  }
}

TEST_CASE("a log that changes under its engine is damage to the next refit") {
  const test_support::scratch folder;
  const std::string path = in(folder, "shop");
  for (const std::int64_t item : {1, 2}) {
    CAPTURE(item);
    std::filesystem::remove(path);
    engine e = open(path, small_options());
    tell(e, "ada", 5000);  // more than are read at once
    CHECK_NOTHROW(e.refit());
    const std::string body{'\0', static_cast<char>(item == 1 ? 99 : 1), '\1', '\0'};
    const std::int64_t user = item == 1 ? 1 : 99;
    {
      SQLite::Database db(path, SQLite::OPEN_READWRITE);
      SQLite::Statement row(db, "UPDATE record SET user = ?, body = ?, sum = ? WHERE seq = 5");
      row.bind(1, user);
      row.bind(2, body.data(), static_cast<int>(body.size()));
      row.bind(3, std::int64_t{tandem::detail::file::sum_of(5, 1, user, body)});
      row.exec();
    }
    CHECK(failure([&] { e.refit(); }) == errc::damaged);
  }
}

TEST_CASE("files with no format version, or another program's, are refused") {
  const test_support::scratch folder;
  const std::string path = in(folder, "shop");
  { tell(*std::make_unique<engine>(open(path)), "ada", 1); }
  change_file(path, "PRAGMA user_version=0");
  CHECK(failure([&] { (void)open(path); }) == errc::damaged);
  change_file(in(folder, "shop"), "PRAGMA application_id=0; PRAGMA user_version=7");
  CHECK(failure([&] { (void)open(path); }) == errc::bad_format);
  test_support::write_bytes(in(folder, "empty"), "");
  CHECK(failure([&] { (void)verify_file(in(folder, "empty")); }) == errc::io_error);
}

#if defined(TANDEM_HAVE_ENCRYPTION) || __has_include(<sodium.h>)
TEST_CASE("a sealed row that is changed, cut short or of nobody is damage, though its checksum is right") {
  const test_support::scratch folder;
  const std::string path = in(folder, "shop");
  const auto key = master_key::from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const auto wrong = master_key::from_hex("ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const auto make = [&] {
    for (const char* each : {"shop", "shop-keys"}) std::filesystem::remove(in(folder, each));
    engine e = open(path, small_options(), {.key = &key});
    tell(e, "ada", 3);
  };
  const auto put = [&](const char* sql, std::int64_t id, std::int64_t second, std::int64_t third,
                       const std::string& body) {
    SQLite::Database db(path, SQLite::OPEN_READWRITE);
    SQLite::Statement row(db, sql);
    row.bind(1, body.data(), static_cast<int>(body.size()));
    row.bind(2, std::int64_t{tandem::detail::file::sum_of(id, second, third, body)});
    row.exec();
  };
  const auto opening = [&] { return failure([&] { (void)open(path, small_options(), {.key = &key}); }); };
  make();
  CHECK(failure([&] { (void)verify_file(path, {.key = &wrong}); }) == errc::wrong_key);
  put("UPDATE user SET name = ?, sum = ? WHERE id = 1", 1, 1, 0, "short");
  CHECK(opening() == errc::damaged);
  for (const std::int64_t user : {-1, 99}) {
    make();
    put(("UPDATE record SET body = ?, sum = ?, user = " + std::to_string(user) + " WHERE seq = 1").c_str(), 1, 1, user,
        std::string(80, 'x'));
    CHECK(opening() == errc::damaged);
  }
  make();
  change_file(in(folder, "shop-keys"), "UPDATE slot SET wrapped = zeroblob(72)");
  CHECK(opening() == errc::damaged);
}
#endif
