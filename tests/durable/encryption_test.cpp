// An encrypted file: what is in it, who can read it, and what becomes of it when a user is forgotten.

#include <sqlite3.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "durable/durable_world.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace durable_world;

namespace {

constexpr const char* hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr const char* other_hex = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr timestamp today = from_millis(1'800'000'000'000);

errc code_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const error& e) {
    return e.code();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("an encrypted engine goes on with the bits of one that is not, and shows nothing of what it knows") {
  const master_key key = master_key::from_hex(hex);
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const test_support::scratch folder;
    engine memory(small_options());
    life first(seed);
    life second(seed);
    for (int round = 0; round < 6; ++round) {
      first.go_on(memory, 60);
      engine kept = open(in(folder, "shop"), small_options(), {.key = &key});
      second.go_on(kept, 60);
      if (round == 3) kept.checkpoint();
      CAPTURE(seed, round);
      REQUIRE(kept.digest() == memory.digest());
    }
    for (const char* text : {"user1", "item1", "phone", "stranger"}) {  // three letters a megabyte has by chance
      CHECK_FALSE(holds(folder.path, text));
    }
    const file_report report = verify_file(in(folder, "shop"));
    CHECK(report.sound());
    CHECK(report.encrypted);
    CHECK(verify_file(in(folder, "shop"), {.key = &key}).sound());
  }
}

TEST_CASE("a wrong key, no key, a key too many and a missing ring are errors that change nothing") {
  const test_support::scratch folder;
  const master_key key = master_key::from_hex(hex);
  const master_key wrong = master_key::from_hex(other_hex);
  { open(in(folder, "shop"), {}, {.key = &key}).observe({.user = "ada", .item = "tea", .time = today}); }
  { open(in(folder, "plain")).observe({.user = "ada", .item = "tea", .time = today}); }
  CHECK(code_of([&] { (void)open(in(folder, "shop"), {}, {.key = &wrong}); }) == errc::wrong_key);
  CHECK(code_of([&] { (void)open(in(folder, "shop")); }) == errc::wrong_key);
  CHECK(code_of([&] { (void)open(in(folder, "plain"), {}, {.key = &key}); }) == errc::wrong_key);
  std::filesystem::rename(in(folder, "shop-keys"), in(folder, "elsewhere"));
  CHECK(code_of([&] { (void)open(in(folder, "shop"), {}, {.key = &key}); }) == errc::not_found);
  std::filesystem::rename(in(folder, "elsewhere"), in(folder, "shop-keys"));
  CHECK(open(in(folder, "shop"), {}, {.key = &key}).stats().events == 1);
}

TEST_CASE("a backup made before a user was forgotten opens without that user") {
  const test_support::scratch folder;
  const master_key key = master_key::from_hex(hex);
  const file_options file{.key = &key};
  std::uint64_t events_left = 0;
  {
    engine kept = open(in(folder, "shop"), small_options(), file);
    life days(3);
    days.go_on(kept, 400);
    kept.checkpoint();
    copy_file(in(folder, "shop"), in(folder, "backup"));
    kept.forget("user3", today);
  }
  std::uint64_t digest = 0;
  {
    engine anew = open(in(folder, "shop"), small_options(), file);
    events_left = anew.stats().events;
    digest = anew.digest();
  }
  std::filesystem::copy_file(in(folder, "shop-keys"), in(folder, "backup-keys"));
  const engine restored = open(in(folder, "backup"), small_options(), file);
  CHECK(restored.stats().events == events_left);
  CHECK(restored.digest() == digest);
  CHECK_FALSE(restored.opened().problems.empty());  // its snapshots hold the user: they open no more
  CHECK(code_of([&] { (void)restored.export_user("user3"); }) == errc::not_found);
}

TEST_CASE("a note of keys to erase that is damaged is not believed, and says so at each opening") {
  const test_support::scratch folder;
  const master_key key = master_key::from_hex(hex);
  const file_options file{.key = &key};
  {
    engine kept = open(in(folder, "shop"), small_options(), file);
    life(3).go_on(kept, 100);
  }
  sqlite3* at = nullptr;
  REQUIRE(sqlite3_open(in(folder, "shop").c_str(), &at) == SQLITE_OK);
  const char* note = "INSERT INTO snapshot(kind, seq, options, sum) VALUES(3, 0, zeroblob(32), 1)";
  REQUIRE(sqlite3_exec(at, note, nullptr, nullptr, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_close(at) == SQLITE_OK);
  for (int k = 0; k < 2; ++k) {  // who believes a note removes it
    const engine kept = open(in(folder, "shop"), small_options(), file);
    REQUIRE(kept.opened().problems.size() == 1);
    CHECK_THAT(kept.opened().problems.front(), Catch::Matchers::Contains("a note of keys to erase"));
  }
}

TEST_CASE("a reader of an encrypted file beside no engine reads what a reader of a plain one does") {
  const test_support::scratch folder;
  const master_key key = master_key::from_hex(hex);
  const auto entries = [&](const char* name, const file_options& file) {
    {
      engine kept = open(in(folder, name), small_options(), file);
      life(5).go_on(kept, 200);
    }
    std::vector<std::string> out;
    const auto reader = read_sqlite(in(folder, name), file);
    reader->scan(entry_number{}, [&](entry_number number, const journal_entry& entry) {
      out.push_back(std::to_string(raw(number)));
      if (const auto* e = std::get_if<event_entry>(&entry)) (out.back() += e->user).append(e->item).append(e->key);
      if (const auto* a = std::get_if<answer_entry>(&entry)) out.back() += a->record.user_name;
    });
    return out;
  };
  const std::vector<std::string> plain = entries("plain", {});
  CHECK(plain.size() > 100);
  CHECK(entries("sealed", {.key = &key}) == plain);
  CHECK(code_of([&] { (void)read_sqlite(in(folder, "sealed")); }) == errc::wrong_key);
  CHECK(code_of([&] { (void)read_sqlite(in(folder, "plain"), {.key = &key}); }) == errc::wrong_key);
  CHECK(code_of([&] { (void)verify_file(in(folder, "plain"), {.key = &key}); }) == errc::wrong_key);
}

TEST_CASE("a backup shows no page of a visitor who became somebody that was forgotten, but those of the next visitor") {
  const test_support::scratch folder;
  const master_key key = master_key::from_hex(hex);
  const file_options file{.key = &key};
  const auto pages = [&](const char* name) {
    std::map<std::string, int> out;
    read_sqlite(in(folder, name), file)->scan(entry_number{}, [&](entry_number, const journal_entry& entry) {
      if (const auto* page = std::get_if<answer_entry>(&entry)) ++out[page->record.user_name];
    });
    return out;
  };
  {
    engine kept = open(in(folder, "shop"), small_options(), file);
    for (const char* item : {"tea", "pot"}) kept.observe({.user = "bob", .item = item, .time = today});
    for (const auto& [visitor, account] :
         std::vector<std::pair<const char*, const char*>>{{"guest", "ada"}, {"lodger", "ada"}, {"lodger", "bob"}}) {
      kept.recommend({.user = visitor, .time = today});
      kept.observe({.user = account, .item = "cup", .time = today});
      kept.merge(visitor, account);
    }
    kept.flush();
    copy_file(in(folder, "shop"), in(folder, "backup"));
    kept.forget("ada", today);
  }
  std::filesystem::copy_file(in(folder, "shop-keys"), in(folder, "backup-keys"));
  CHECK(pages("shop") == std::map<std::string, int>{{"lodger", 1}});
  const auto left = pages("backup");
  CHECK_FALSE(left.contains("guest"));
  CHECK(left.at("lodger") >= 1);  // also bob's, under one key
}

TEST_CASE("with another master key the file stays as readable as it was") {
  const test_support::scratch folder;
  const master_key key = master_key::from_hex(hex);
  const master_key next = master_key::from_hex(other_hex);
  std::uint64_t digest = 0;
  {
    engine kept = open(in(folder, "shop"), small_options(), {.key = &key});
    life(4).go_on(kept, 200);
    digest = kept.digest();
    CHECK(code_of([&] { rotate_key(in(folder, "shop"), key, next); }) == errc::wrong_state);
  }
  rotate_key(in(folder, "shop"), key, next);
  CHECK(code_of([&] { (void)open(in(folder, "shop"), small_options(), {.key = &key}); }) == errc::wrong_key);
  CHECK(open(in(folder, "shop"), small_options(), {.key = &next}).digest() == digest);
}

TEST_CASE("whoever has a forgotten visitor's name later keeps what is theirs") {
  const test_support::scratch folder;
  const master_key key = master_key::from_hex(hex);
  const file_options file{.key = &key};
  {
    engine kept = open(in(folder, "shop"), small_options(), file);
    kept.observe({.user = "visitor", .item = "tea", .time = today});
    kept.merge("visitor", "bob");
    kept.observe({.user = "visitor", .item = "pot", .time = today});  // somebody else
    kept.forget("bob", today);
    kept.observe({.user = "visitor", .item = "cup", .time = today});
  }
  const engine again = open(in(folder, "shop"), small_options(), file);
  CHECK(again.export_user("visitor").events.size() == 2);
  CHECK(code_of([&] { (void)again.export_user("bob"); }) == errc::not_found);
}

TEST_CASE("of a compacted, encrypted log users are forgotten too, and it opens again") {
  const test_support::scratch folder;
  const master_key key = master_key::from_hex(hex);
  const file_options file{.key = &key};
  std::uint64_t events = 0;
  {
    engine kept = open(in(folder, "shop"), small_options(), file);
    life days(3);
    days.go_on(kept, 400);
    REQUIRE(kept.compact({.max_events = 50}) > 0);
    kept.forget("user3", today);
    days.go_on(kept, 30);
    events = kept.stats().events;
  }
  const engine again = open(in(folder, "shop"), small_options(), file);
  CHECK(again.stats().events == events);
  CHECK(again.opened().problems.empty());
}
