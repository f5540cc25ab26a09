// store/sqlite_store.hpp: levels, streams, snapshots, compaction; what one engine and many threads make of a file.

#include "tandem/store/sqlite_store.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "durable/durable_world.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace durable_world;
using Catch::Matchers::Contains;

namespace {

constexpr timestamp at(std::int64_t second) { return from_millis(1'700'000'000'000 + second * 1000); }

std::uint64_t events_in(const std::string& path) { return verify_file(path).events; }

errc code_of_opening(const std::string& path, const engine_options& options = {}, const file_options& file = {}) {
  try {
    const engine e = open(path, options, file);
  } catch (const error& e) {
    return e.code();
  }
  FAIL("it opened");
  return {};
}

void change_file(const std::string& path, const std::string& sql) {
  SQLite::Database db(path, SQLite::OPEN_READWRITE);
  db.exec(sql);
}

}  // namespace

// ---- levels -------------------------------------------------------------------------------------------------------

TEST_CASE("at process_crash what observe() took is in the file when it returns") {
  const test_support::scratch folder;
  engine e = open(in(folder, "shop"));
  for (int k = 1; k <= 20; ++k) {
    REQUIRE(e.observe({.user = "ada", .item = "tea", .time = at(k)}).taken());
    REQUIRE(events_in(in(folder, "shop")) == static_cast<std::uint64_t>(k));
  }
}

TEST_CASE("at power_loss and none it is there when wait_durable() or flush() returns") {
  for (const durability level : {durability::power_loss, durability::none}) {
    const test_support::scratch folder;
    engine e = open(in(folder, "shop"), {}, {.level = level});
    const observe_result first = e.observe({.user = "ada", .item = "tea", .time = at(1)});
    const observe_result second = e.observe({.user = "ada", .item = "pot", .time = at(2)});
    CHECK(raw(second.ticket) > raw(first.ticket));
    CHECK(events_in(in(folder, "shop")) == 0);
    CHECK(e.wait_durable(first.ticket));
    CHECK(events_in(in(folder, "shop")) == 2);
    e.observe({.user = "bob", .item = "tea", .time = at(3)});
    CHECK(e.flush());
    CHECK(events_in(in(folder, "shop")) == 3);
  }
}

TEST_CASE("a queue that is full is committed without being asked") {
  const test_support::scratch folder;
  engine e = open(in(folder, "shop"), {}, {.level = durability::none, .queue_bytes = 4096});
  for (int k = 0; k < 1000; ++k) e.observe({.user = "ada", .item = "tea", .time = at(k)});
  CHECK(events_in(in(folder, "shop")) > 800);
}

TEST_CASE("threads that wait share commits and lose nothing", "[concurrency]") {
  for (const durability level : {durability::power_loss, durability::process_crash, durability::none}) {
    const test_support::scratch folder;
    {
      engine e = open(in(folder, "shop"), small_options(), {.level = level});
      std::vector<std::thread> threads;
      std::atomic<int> failed{0};
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
          for (int k = 0; k < 60; ++k) {
            const std::string user = "user" + std::to_string(t);
            const std::string item = "item" + std::to_string(k % 7);
            const observe_result r = e.observe({.user = user, .item = item, .time = at(k)});
            if (!r.taken() || !e.wait_durable(r.ticket)) ++failed;
            if (k % 10 == 0) e.recommend({.user = user, .count = 3, .time = at(k)});
          }
        });
      }
      threads.emplace_back([&] {
        for (int k = 0; k < 5; ++k) e.refit();
      });
      threads.emplace_back([&] {
        for (int k = 0; k < 5; ++k) e.read_decisions([](const logged_decision&) {});
      });
      for (std::thread& each : threads) each.join();
      CHECK(failed == 0);
      CHECK(events_in(in(folder, "shop")) == 240);
      const std::uint64_t digest = e.digest();
      e = engine();
      e = open(in(folder, "shop"), small_options());
      CHECK(e.digest() == digest);
    }
    CHECK(verify_file(in(folder, "shop")).sound());
  }
}

TEST_CASE("answers made beside events and a checkpoint are decided again alike", "[concurrency]") {
  for (int round = 0; round < 6; ++round) {
    const test_support::scratch folder;
    engine e = open(in(folder, "shop"), small_options(), {.level = durability::none});
    for (int k = 0; k < 40; ++k) {
      e.observe({.user = "u" + std::to_string(k % 5), .item = "i" + std::to_string(k % 11), .time = at(k)});
    }
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (int k = 0; k < 40; ++k) {
          const std::string user = "u" + std::to_string((t + k) % 5);
          const recommendation page = e.recommend({.user = user, .count = 3, .time = at(40 + k)});
          if (k % 2 == 0 && !page.items.empty()) e.reward(page.id, page.items[0].item, 1, at(41 + k));
          e.observe({.user = user, .item = "i" + std::to_string((3 * k + t) % 11), .time = at(42 + k)});
        }
      });
    }
    threads.emplace_back([&] {
      for (int k = 0; k < 6; ++k) e.checkpoint();
    });
    for (std::thread& each : threads) each.join();
    const std::uint64_t digest = e.digest();
    REQUIRE(e.flush());
    copy_file(in(folder, "shop"), in(folder, "copy"));
    const engine again = open(in(folder, "copy"), small_options());
    CHECK(again.digest() == digest);
    CHECK(again.opened().decided_otherwise == 0);
  }
}

// ---- streams ------------------------------------------------------------------------------------------------------

TEST_CASE("the position of a stream comes back with its events") {
  const test_support::scratch folder;
  {
    engine e = open(in(folder, "shop"));
    CHECK(e.stream("orders/0").empty());
    const std::vector<event> some{{.user = "ada", .item = "tea", .time = at(1)},
                                  {.user = "bob", .item = "pot", .time = at(2)}};
    std::vector<observe_result> results(2);
    CHECK(e.observe(some, {"orders/0", "17"}, results));
    CHECK(results[1].taken());
    CHECK(e.observe({}, {"orders/1", "3"}));
    CHECK(e.observe(some, {"orders/0", "19"}));
    CHECK(e.stream("orders/0") == "19");
  }
  const engine e = open(in(folder, "shop"));
  CHECK(e.stream("orders/0") == "19");
  CHECK(e.stream("orders/1") == "3");
  CHECK(e.stats().events == 4);
}

TEST_CASE("streams and tickets need a file, and say so") {
  engine e;
  CHECK_THROWS_WITH(e.observe({}, {"orders", "1"}), Contains("has no file"));
  CHECK_THROWS_WITH(e.export_user("ada"), Contains("has no file"));
  CHECK_THROWS_WITH(e.compact({}), Contains("has no file"));
  CHECK(e.flush());
}

// ---- snapshots ----------------------------------------------------------------------------------------------------

TEST_CASE("a damaged snapshot is passed over for the one before, or the whole log, and told") {
  const test_support::scratch folder;
  engine memory(small_options());
  life first(4);
  life second(4);
  {
    engine kept = open(in(folder, "shop"), small_options());
    for (int round = 0; round < 4; ++round) {
      first.go_on(kept, 80);
      second.go_on(memory, 80);
      kept.checkpoint();
    }
  }
  for (const int damaged : {1, 2, 3}) {
    const std::string path = in(folder, ("copy" + std::to_string(damaged)).c_str());
    copy_file(in(folder, "shop"), path);
    change_file(path,
                "UPDATE part SET body = zeroblob(20) WHERE (id >> 24) IN (SELECT id FROM snapshot ORDER BY id DESC "
                "LIMIT " +
                    std::to_string(damaged) + ")");
    engine e = open(path, small_options());
    CAPTURE(damaged);
    CHECK_FALSE(e.opened().problems.empty());
    CHECK(e.digest() == memory.digest());
    CHECK_FALSE(verify_file(path).sound());
  }
}

TEST_CASE("a state that counts more events than there were entries is passed over, though its checksums are right") {
  const test_support::scratch folder;
  const std::string path = in(folder, "shop");
  engine memory(small_options());
  life first(4);
  life second(4);
  {
    engine kept = open(path, small_options());
    first.go_on(kept, 120);
    kept.checkpoint();
  }
  second.go_on(memory, 120);
  {
    const auto store = open_sqlite(path);
    const snapshot_info whole = store->snapshots().at(0);
    REQUIRE(whole.kind == snapshot_kind::state);
    std::vector<std::byte> bytes;
    const auto reader = store->read_snapshot(whole.id);
    for (auto run = reader->next(); !run.empty(); run = reader->next())
      bytes.insert(bytes.end(), run.begin(), run.end());
    constexpr std::size_t position_at = 1 + std::string_view("engine 1").size();
    std::fill_n(bytes.begin() + position_at, 8, std::byte{0x7F});
    const auto writer = store->write_snapshot(whole.kind, whole.at, whole.options);
    writer->write(bytes);
    writer->finish();
  }
  engine e = open(path, small_options());
  CHECK_FALSE(e.opened().problems.empty());
  CHECK(e.digest() == memory.digest());
  e.refit();
  memory.refit();
  CHECK(e.digest() == memory.digest());
}

TEST_CASE("a model that is not in the file is fitted again, with the same bits") {
  const test_support::scratch folder;
  engine memory(small_options());
  life first(5);
  life second(5);
  {
    engine kept = open(in(folder, "shop"), small_options());
    first.go_on(kept, 400);
  }
  second.go_on(memory, 400);
  change_file(in(folder, "shop"), "DELETE FROM snapshot; DELETE FROM part");
  const engine e = open(in(folder, "shop"), small_options());
  CHECK(e.opened().refitted == 2);
  CHECK(e.digest() == memory.digest());
}

TEST_CASE("two states and their models are kept, and no more") {
  const test_support::scratch folder;
  engine kept = open(in(folder, "shop"), small_options());
  life days(6);
  for (int round = 0; round < 8; ++round) {
    days.go_on(kept, 160);
    kept.checkpoint();
  }
  kept = engine();
  const auto store = open_sqlite(in(folder, "shop"));
  std::size_t states = 0;
  for (const snapshot_info& each : store->snapshots()) states += each.kind == snapshot_kind::state ? 1U : 0U;
  CHECK(states == 2);
  CHECK(store->snapshots().size() <= 6);
}

// ---- retention ----------------------------------------------------------------------------------------------------

TEST_CASE("what is compacted away stays learned, and the engine goes on with the same bits") {
  const test_support::scratch folder;
  engine memory(small_options());
  life first(7);
  life second(7);
  {
    engine kept = open(in(folder, "shop"), small_options());
    first.go_on(kept, 440);
    second.go_on(memory, 440);
    const std::uint64_t before = events_in(in(folder, "shop"));
    CHECK(kept.compact({.max_events = 100}) > 0);
    CHECK(events_in(in(folder, "shop")) == 100);
    CHECK(kept.compact({.max_events = 100}) == 0);
    CHECK(before > 200);
    first.go_on(kept, 5);
    second.go_on(memory, 5);
  }
  {
    engine kept = open(in(folder, "shop"), small_options());
    CHECK(kept.digest() == memory.digest());
    CHECK(kept.stats().position == memory.stats().position);
    std::uint64_t answers = 0;
    kept.read_decisions([&](const logged_decision&) { ++answers; });
    CHECK(answers > 0);
    CHECK_NOTHROW(kept.refit());
  }
  CHECK(verify_file(in(folder, "shop")).sound());
  engine_options other = small_options();
  other.sequence.window = 3;
  CHECK(code_of_opening(in(folder, "shop"), other) == errc::damaged);
}

TEST_CASE("age decides too, and an old event in the midst of new ones stays") {
  const test_support::scratch folder;
  engine e = open(in(folder, "shop"));
  for (const std::int64_t second : {1, 2, 3, 10, 2, 11}) e.observe({.user = "ada", .item = "tea", .time = at(second)});
  CHECK(e.compact({.not_before = at(5)}) == 3);
  CHECK(events_in(in(folder, "shop")) == 3);
}

// ---- consent ------------------------------------------------------------------------------------------------------

TEST_CASE("events without consent are kept, make up the user's history, and teach nobody") {
  const test_support::scratch folder;
  engine_options options;
  options.exclude_seen = true;
  engine with = open(in(folder, "with"), options);
  engine without = open(in(folder, "without"), options);
  for (int k = 0; k < 30; ++k) {
    const std::string user = "u" + std::to_string(k % 6);
    const std::string item = "i" + std::to_string(k % 9);
    with.observe({.user = user, .item = item, .time = at(k)});
    without.observe({.user = user, .item = item, .time = at(k)});
  }
  without.set_consent("ada", false);
  for (int k = 0; k < 20; ++k) {
    without.observe({.user = "ada", .item = "i" + std::to_string(k % 3), .time = at(40 + k)});
  }
  with.refit();
  without.refit();
  for (const char* user : {"u1", "u2", "stranger"}) {
    const auto a = with.explain({.user = user, .time = at(100)}, "i2");
    const auto b = without.explain({.user = user, .time = at(100)}, "i2");
    REQUIRE(a.sources.size() == b.sources.size());
    for (std::size_t s = 0; s < a.sources.size(); ++s) {
      CAPTURE(user, a.sources[s].name);
      if (a.sources[s].name != "batch_affinity" && a.sources[s].name != "live_affinity") {
        CHECK(a.sources[s].score == Approx(b.sources[s].score));
      }
    }
  }
  for (const recommended_item& each : without.recommend({.user = "ada", .time = at(100)})) {
    CHECK(each.item != "i0");
    CHECK(each.item != "i1");
  }
  const std::uint64_t digest = without.digest();
  without = engine();
  CHECK(open(in(folder, "without"), options).digest() == digest);
}
