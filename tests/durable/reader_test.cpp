// store/sqlite_store.hpp: reading a file beside its engine; engine::learn_from: a log learned again under other
// options.

#include <algorithm>
#include <string>
#include <vector>

#include "durable/durable_world.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace durable_world;

namespace {

std::vector<entry_number> numbers(const journal& log, entry_number from = {}) {
  std::vector<entry_number> out;
  log.scan(from, [&](entry_number number, const journal_entry&) { out.push_back(number); });
  return out;
}

errc code_of(const std::string& path) {
  try {
    (void)read_sqlite(path);
  } catch (const error& e) {
    return e.code();
  }
  return errc::cancelled;
}

}  // namespace

TEST_CASE("a reader beside a running engine keeps to the moment it was made") {
  const test_support::scratch folder;
  engine running = open(in(folder, "shop"), small_options());
  life days(1);
  days.go_on(running, 200);
  REQUIRE(running.flush());
  const auto reader = read_sqlite(in(folder, "shop"));
  const std::vector<entry_number> before = numbers(*reader);
  REQUIRE(before.back() == reader->last());
  days.go_on(running, 200);
  REQUIRE(running.flush());
  CHECK(numbers(*reader) == before);
  CHECK(raw(read_sqlite(in(folder, "shop"))->last()) > raw(reader->last()));
  CHECK(numbers(*reader, before[100]) == std::vector<entry_number>(before.begin() + 101, before.end()));
  const user_data known = running.export_user("user3");
  running.forget("user3", from_millis(0));
  CHECK(numbers(*reader).size() < before.size());
  CHECK_FALSE(known.events.empty());
}

TEST_CASE("a file tells its size, names, snapshots, streams and what is gone") {
  const test_support::scratch folder;
  engine kept = open(in(folder, "shop"), small_options());
  life days(2);
  days.go_on(kept, 300);
  kept.checkpoint();
  const event one{.user = "ada", .item = "tea", .time = from_millis(1'700'000'900'000)};
  REQUIRE(kept.observe(std::span(&one, 1), {"orders/3", "offset 17"}));
  const auto reader = read_sqlite(in(folder, "shop"));
  file_summary told = reader->summary();
  const file_report checked = verify_file(in(folder, "shop"));
  CHECK(told.format >= 1);
  CHECK(told.users == checked.users);
  CHECK(told.items == checked.items);
  CHECK(told.snapshots.size() == checked.snapshots);
  CHECK(told.bytes >= 4096);
  CHECK(told.erased == 0);
  CHECK(raw(told.compacted_to) == 0);
  REQUIRE(told.streams.size() == 1);
  CHECK(told.streams[0] == std::pair<std::string, std::string>("orders/3", "offset 17"));
  const std::uint64_t gone = kept.compact({.max_events = 20});
  REQUIRE(gone > 0);
  told = reader->summary();
  CHECK(told.erased == gone);
  CHECK(raw(told.compacted_to) == gone);
}

TEST_CASE("what is no file of ours cannot be read, and is not made") {
  const test_support::scratch folder;
  CHECK(code_of(in(folder, "nothing")) == errc::io_error);
  CHECK_FALSE(std::filesystem::exists(in(folder, "nothing")));
  test_support::write_bytes(folder.path / "text", std::string(5000, 'x'));
  CHECK(code_of(in(folder, "text")) == errc::bad_format);
  CHECK(code_of(folder.path.string()) == errc::io_error);
}

TEST_CASE("learned again under its own options, a log has the answers that it has") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const test_support::scratch folder;
    engine first = open(in(folder, "shop"), small_options());
    life days(seed);
    days.go_on(first, 700);
    REQUIRE(first.flush());
    engine again = open(in(folder, "again"), small_options());
    std::size_t answers = 0;
    const auto reader = read_sqlite(in(folder, "shop"));
    const open_report report = again.learn_from(*reader, [&](const answer_again& each) {
      CAPTURE(seed, raw(each.id));
      CHECK(std::equal(each.logged.begin(), each.logged.end(), each.now.begin(), each.now.end()));
      ++answers;
    });
    CHECK(report.decided_otherwise == 0);
    std::size_t given = 0;  // pages that were given are compared with nothing
    reader->scan({}, [&](entry_number, const journal_entry& entry) {
      const auto* a = std::get_if<answer_entry>(&entry);
      given += a != nullptr && a->record.given ? 1U : 0U;
    });
    CHECK(given > 5);
    CHECK(answers + given == verify_file(in(folder, "shop")).decisions);
    CHECK(again.digest() == first.digest());
  }
}

TEST_CASE("learned again under other options, answers differ, and the log's are kept") {
  const test_support::scratch folder;
  engine first = open(in(folder, "shop"), small_options());
  life days(5);
  days.go_on(first, 700);
  REQUIRE(first.flush());
  engine_options other = small_options();
  other.sources = {"popularity"};
  engine again = open(in(folder, "again"), other);
  std::size_t different = 0;
  const auto reader = read_sqlite(in(folder, "shop"));
  (void)again.learn_from(*reader, [&](const answer_again& each) {
    different += std::equal(each.logged.begin(), each.logged.end(), each.now.begin(), each.now.end()) ? 0U : 1U;
  });
  CHECK(different > 10);
  REQUIRE(again.flush());
  std::vector<std::string> slates;
  const auto note = [&](entry_number, const journal_entry& entry) {
    if (const auto* a = std::get_if<answer_entry>(&entry)) {
      slates.emplace_back();
      for (const std::string_view item : a->slate_items) (slates.back() += item) += ' ';
    }
  };
  reader->scan({}, note);
  const std::vector<std::string> logged = std::exchange(slates, {});
  read_sqlite(in(folder, "again"))->scan({}, note);
  CHECK(slates == logged);
}
