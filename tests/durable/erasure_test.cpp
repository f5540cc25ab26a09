// Forgetting users, telling what is known of them, forgetting what is old: in a file.

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "durable/durable_world.hpp"
#include "durable/shim_vfs.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace durable_world;
using Catch::Matchers::Contains;

namespace {

constexpr timestamp today = from_millis(1'800'000'000'000);

// a log without the entries of some users, as if they had never come
class without_users final : public durable_store {
 public:
  without_users(std::unique_ptr<durable_store> all, std::set<std::string> gone)
      : all_(std::move(all)), gone_(std::move(gone)) {}
  void scan(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) const override {
    all_->scan(from, [&](entry_number number, const journal_entry& entry) {
      if (!is_gone(entry)) f(number, entry);
    });
  }
  log_position append(const event_entry&) override { return {}; }
  void append(const answer_entry&) override {}
  void append(const change_entry&) override {}
  log_position end() const noexcept override { return {}; }
  std::shared_ptr<const log_prefix> prefix() const override { return nullptr; }
  entry_number last() const noexcept override { return all_->last(); }
  bool commit(entry_number) noexcept override { return true; }
  bool after_append(entry_number) noexcept override { return true; }
  bool ready() noexcept override { return true; }
  bool failing() const noexcept override { return false; }
  std::string failure() const override { return {}; }
  void set_stream(std::string_view, std::string_view) override {}
  std::string stream(std::string_view) const override { return {}; }
  std::vector<std::pair<std::string, std::string>> streams() const override { return {}; }
  void replay(entry_number, function_ref<void(entry_number, const journal_entry&)>) override {}
  void scan_of(const erasure&, function_ref<void(entry_number, const journal_entry&)>) const override {}
  void restore(const store_ids&, entry_number, log_position) override {}
  void opened() override {}
  store_ids ids() const override { return {}; }
  std::vector<snapshot_info> snapshots() const override { return {}; }
  std::unique_ptr<snapshot_reader> read_snapshot(std::uint64_t) override { return nullptr; }
  std::unique_ptr<snapshot_writer> write_snapshot(snapshot_kind, entry_number, std::string_view, bool) override {
    return nullptr;
  }
  void drop_snapshot(std::uint64_t) override {}
  std::vector<std::uint32_t> numbers_of(std::span<const user_index>) const override { return {}; }
  erasure left_of(std::span<const user_index>) const override { return {}; }
  erased_counts erase(const erasure&, std::uint64_t, std::unique_lock<fair_mutex>&) override { return {}; }
  std::uint64_t compact(entry_number) override { return 0; }
  entry_number compacted_to() const override { return {}; }
  void lift_ceiling(bool) override {}

 private:
  void begin_group() override {}
  void end_group() noexcept override {}
  bool is_gone(const journal_entry& entry) const {
    const auto has = [&](std::string_view user) { return gone_.contains(std::string(user)); };
    if (const auto* e = std::get_if<event_entry>(&entry)) return has(e->user);
    if (const auto* a = std::get_if<answer_entry>(&entry)) return has(a->record.user_name);
    const auto& change = std::get<change_entry>(entry);
    if (const auto* m = std::get_if<merge_entry>(&change)) return has(m->from) || has(m->to);
    if (const auto* c = std::get_if<consent_entry>(&change)) return has(c->user);
    return false;
  }
  std::unique_ptr<durable_store> all_;
  std::set<std::string> gone_;
};

// every user, item, action and fact of the log in order, without numbers
std::vector<std::string> dump(const std::string& path) {
  std::vector<std::string> out;
  const auto store = open_sqlite(path);
  store->scan(entry_number{}, [&](entry_number, const journal_entry& entry) {
    if (const auto* e = std::get_if<event_entry>(&entry)) {
      out.push_back("event " + std::string(e->user) + " " + std::string(e->item) + " " + std::string(e->action) + " " +
                    std::to_string(e->weight) + " " + std::to_string(to_millis(e->record.time)));
      for (const std::string& fact : e->facts) out.back() += " " + fact;
    } else if (const auto* a = std::get_if<answer_entry>(&entry)) {
      out.push_back("answer " + a->record.user_name);
      for (const std::string_view item : a->slate_items) out.back() += " " + std::string(item);
    } else {
      out.push_back("change " + std::to_string(std::get<change_entry>(entry).index()));
    }
  });
  return out;
}

}  // namespace

TEST_CASE("a forgotten user's file, learned anew, is that of a log without the user") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const test_support::scratch folder;
    engine_options options = small_options();
    options.max_pending_decisions = 500;  // what gives way to what must not depend on the user
    std::set<std::string> gone;
    {
      engine kept = open(in(folder, "shop"), options);
      life days(seed);
      days.go_on(kept, 600);
      kept.flush();
      copy_file(in(folder, "shop"), in(folder, "all"));
      for (const char* user : {"user3", "user11"}) {
        const std::vector<std::string> names = kept.export_user(user).names;
        gone.insert(names.begin(), names.end());
        const erasure_receipt receipt = kept.forget(user, today);
        CHECK(receipt.counts.events > 0);
        CHECK_THAT(receipt.text(), Contains("erased: " + std::string(user)));
      }
    }
    {
      engine never = open(in(folder, "never"), options);
      never.learn_from(without_users(open_sqlite(in(folder, "all")), gone));
      const engine anew = open(in(folder, "shop"), options);
      CHECK(raw(anew.opened().from) == 0);
      CAPTURE(seed);
      CHECK(anew.digest() == never.digest());
    }
    CHECK(dump(in(folder, "shop")) == dump(in(folder, "never")));
    CHECK(verify_file(in(folder, "shop")).sound());
  }
}

TEST_CASE("no byte of the files holds a forgotten user's name, key, context or own item") {
  const test_support::scratch folder;
  engine kept = open(in(folder, "shop"), small_options());
  life days(1);
  days.go_on(kept, 300);
  for (int k = 0; k < 40; ++k) {
    const std::string key = "orderofadaline" + std::to_string(k);
    kept.observe({.user = "adaline",
                  .item = "item" + std::to_string(k),
                  .time = today,
                  .key = key,
                  .context = {{"street", "adalinestreet"}}});
    kept.recommend({.user = "adaline", .time = today});
    days.go_on(kept, 10);
  }
  kept.observe({.user = "adaline", .item = "thesisofadaline", .time = today});
  kept.recommend({.user = "visitoradaline", .time = today});
  kept.merge("visitoradaline", "adaline");
  kept.refit();
  REQUIRE(kept.flush());
  REQUIRE(holds(folder.path, "adaline"));
  kept.forget("adaline", today);
  for (const char* text : {"orderofadaline", "adalinestreet", "visitoradaline"}) {
    CAPTURE(text);
    CHECK_FALSE(holds(folder.path, text));
  }
  kept = engine();
  kept = open(in(folder, "shop"), small_options());
  kept.flush();
  CHECK_FALSE(holds(folder.path, "thesisofadaline"));
  kept = engine();
  CHECK_FALSE(holds(folder.path, "adaline"));
}

TEST_CASE("many who are forgotten one after the other leave no byte, also of rows that were moved in between") {
  const test_support::scratch folder;
  engine kept = open(in(folder, "shop"), small_options());
  for (int k = 0; k < 1500; ++k) {
    const std::string user = "person" + std::to_string(k % 25) + "x";
    const std::string key = user + "key" + std::to_string(k);
    kept.observe({.user = user, .item = "item" + std::to_string(k % 40), .time = today, .key = key});
  }
  for (int u = 0; u < 25; u += 2) kept.forget("person" + std::to_string(u) + "x", today);
  kept.flush();
  for (int u = 0; u < 25; ++u) {
    CAPTURE(u);
    CHECK(holds(folder.path, "person" + std::to_string(u) + "xkey") == (u % 2 == 1));
  }
}

// 20 persons with much to say, so that SQLite's cache does not hold their file
void fill_with_long_keys(engine& kept) {
  const std::string filler(400, 'k');
  for (int k = 0; k < 20000; ++k) {
    const std::string user = "person" + std::to_string(k % 20) + "x";
    const std::string key = filler + user + std::to_string(k);
    kept.observe({.user = user, .item = "item" + std::to_string(k % 40), .time = today, .key = key});
  }
  kept.flush();
}

TEST_CASE("a file is written anew in less memory than it has bytes") {
  const test_support::scratch folder;
  engine kept = open(in(folder, "shop"), small_options());
  fill_with_long_keys(kept);
  const auto bytes = static_cast<sqlite3_int64>(std::filesystem::file_size(in(folder, "shop")));
  REQUIRE(bytes > 8'000'000);
  sqlite3_memory_highwater(1);
  const sqlite3_int64 before = sqlite3_memory_used();
  kept.forget("person3x", today);
  CHECK(sqlite3_memory_highwater(0) - before < bytes / 2);
  CHECK_FALSE(holds(folder.path, "person3x"));
}

TEST_CASE("a file is written anew where temporary files cannot be made, and told so where they have no room") {
  const test_support::scratch folder;
  tandem_test::shim_vfs shim(false);
  file_options file;
  file.vfs = shim.name();
  engine kept = open(in(folder, "shop"), small_options(), file);
  fill_with_long_keys(kept);
  shim.arrange(tandem_test::fault::error, 1, tandem_test::file_op::open, true, tandem_test::temporary_file);
  kept.forget("person3x", today);
  CHECK(shim.happened());
  CHECK_FALSE(holds(folder.path, "person3x"));
  shim.arrange(tandem_test::fault::full, 1, tandem_test::file_op::write, true, tandem_test::temporary_file);
  CHECK_THROWS_WITH(kept.forget("person4x", today), Contains("SQLITE_TMPDIR"));
  CHECK(shim.happened());
  shim.arrange(tandem_test::fault::none, 1);
  kept.observe({.user = "person5x", .item = "item1", .time = today});
  CHECK(kept.flush());
  kept = engine();
  kept = open(in(folder, "shop"), small_options());
  kept = engine();
  CHECK_FALSE(holds(folder.path, "person4x"));
}

TEST_CASE("a file that two processes did not live to write anew says so, until a forget() does it") {
  const test_support::scratch folder;
  const std::string path = in(folder, "shop");
  engine kept = open(path, small_options());
  for (const char* user : {"ada", "bob"}) kept.observe({.user = user, .item = "teapot", .time = today});
  kept = engine();
  sqlite3* file = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &file) == SQLITE_OK);
  const char* note = "INSERT INTO snapshot(kind, seq, options) VALUES(2, 2, '')";
  REQUIRE(sqlite3_exec(file, note, nullptr, nullptr, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_close(file) == SQLITE_OK);
  for (int k = 0; k < 2; ++k) {
    kept = open(path, small_options());
    REQUIRE(kept.opened().problems.size() == 1);
    CHECK_THAT(kept.opened().problems.front(), Contains("could not be written anew"));
    if (k == 0) kept = engine();
  }
  kept.forget("ada", today);
  kept = engine();
  kept = open(path, small_options());
  CHECK(kept.opened().problems.empty());
}

TEST_CASE("what is told of a user's pages says which of them something else filled") {
  const test_support::scratch folder;
  engine kept = open(in(folder, "shop"), small_options());
  for (const char* item : {"kettle", "teapot"}) kept.upsert_item(item);
  const std::vector<shown_item> page{{"teapot", 1}, {"kettle", 0.5}};
  kept.recommend({.user = "ada", .time = today, .shown = page});
  kept.recommend({.user = "ada", .count = 1, .time = today});
  const std::vector<told_answer> told = kept.export_user("ada").answers;
  REQUIRE(told.size() == 2);
  CHECK(told[0].given);
  CHECK(told[0].items.size() == 2);
  CHECK_FALSE(told[1].given);
}

TEST_CASE("an unknown user is an error that changes nothing") {
  const test_support::scratch folder;
  engine kept = open(in(folder, "shop"), small_options());
  life(1).go_on(kept, 200);
  kept.checkpoint();
  const std::uint64_t digest = kept.digest();
  CHECK_THROWS_WITH(kept.forget("nobody at all", today), Contains("there is no user 'nobody at all'"));
  CHECK(kept.digest() == digest);
  kept = engine();
  CHECK(raw(open(in(folder, "shop"), small_options()).opened().from) > 0);
}

TEST_CASE("a late reward of a forgotten user is unknown, and nothing of it is kept") {
  const test_support::scratch folder;
  engine kept = open(in(folder, "shop"), small_options());
  life(2).go_on(kept, 120);
  kept.observe({.user = "adaline", .item = "item1", .time = today});
  const recommendation page = kept.recommend({.user = "adaline", .count = 3, .time = today});
  REQUIRE_FALSE(page.items.empty());
  kept.forget("adaline", today);
  const observe_result late = kept.reward(page.id, page.items[0].item, 1, today);
  CHECK(late.reason == reject_reason::unknown_decision);
  kept.observe({.user = "adaline", .item = "item2", .time = today});  // comes back, as somebody new
  kept = engine();
  CHECK(open(in(folder, "shop"), small_options()).export_user("adaline").events.size() == 1);
}

TEST_CASE("of a compacted log users are forgotten too, and it opens again") {
  const test_support::scratch folder;
  std::uint64_t events = 0;
  {
    engine kept = open(in(folder, "shop"), small_options());
    life days(3);
    days.go_on(kept, 400);
    kept.observe({.user = "adaline", .item = "item1", .time = today, .key = "adalinekey"});
    kept.refit();
    kept.observe({.user = "adaline", .item = "item2", .time = today});
    REQUIRE(kept.compact({.max_events = 50}) > 0);
    kept.forget("adaline", today);
    CHECK_FALSE(holds(folder.path, "adalinekey"));
    CHECK_THROWS_AS(kept.forget("nobody at all", today), error);
    days.go_on(kept, 40);
    events = kept.stats().events;
  }
  CHECK_FALSE(holds(folder.path, "adaline"));
  engine again = open(in(folder, "shop"), small_options());
  CHECK(again.stats().events == events);
  CHECK(again.opened().problems.empty());
  CHECK_NOTHROW(again.refit());
  CHECK(verify_file(in(folder, "shop")).sound());
}

TEST_CASE("a log learned from another has its streams, and snapshots that can be opened") {
  const test_support::scratch folder;
  std::uint64_t digest = 0;
  {
    engine kept = open(in(folder, "shop"), small_options());
    life(4).go_on(kept, 350);
    kept.observe({}, {"orders", "17"});
    digest = kept.digest();
  }
  {
    engine other = open(in(folder, "other"), small_options());
    const open_report report = other.learn_from(*open_sqlite(in(folder, "shop")));
    CHECK(report.refitted == 2);
    CHECK(other.digest() == digest);
    CHECK(other.stream("orders") == "17");
    other.checkpoint();
  }
  const engine again = open(in(folder, "other"), small_options());
  CHECK(raw(again.opened().from) > 0);
  CHECK(again.opened().problems.empty());
  CHECK(again.digest() == digest);
}

namespace {

class tea_lover final : public hybrid::source {
 public:
  std::string_view name() const noexcept override { return "tea_lover"; }
  bool score(const hybrid::query& q, std::span<float> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(q.known.items[i].back() == '7');
    return true;
  }
};

}  // namespace

TEST_CASE("with a source of the host answers keep their candidates, and a file without a user opens") {
  const test_support::scratch folder;
  const std::vector<std::shared_ptr<const hybrid::source>> own{std::make_shared<tea_lover>()};
  std::uint64_t told = 0;
  {
    engine kept = open(in(folder, "shop"), small_options(), {}, own);
    engine memory(small_options(), nullptr, own);
    life first(5);
    life second(5);
    first.go_on(kept, 150);
    second.go_on(memory, 150);
    kept = engine();
    kept = open(in(folder, "shop"), small_options(), {}, own);
    CHECK(kept.digest() == memory.digest());
    kept.observe({.user = "adaline", .item = "only adaline has it", .time = today});
    first.go_on(kept, 100);
    told = kept.stats().events;
    kept.forget("adaline", today);
  }
  engine again = open(in(folder, "shop"), small_options(), {}, own);
  CHECK(verify_file(in(folder, "shop")).sound());
  CHECK(again.stats().events + 1 == told);
  CHECK_THROWS_AS(again.export_user("adaline"), error);
  again.checkpoint();
  again = engine();
  CHECK(open(in(folder, "shop"), small_options(), {}, own).opened().problems.empty());
  CHECK_NOTHROW(open(in(folder, "shop"), small_options()));  // without it, what it taught is not there
}
