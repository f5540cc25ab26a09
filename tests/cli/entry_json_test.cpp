#include "entry_json.hpp"

#include <fstream>
#include <string>
#include <vector>

#include "durable/durable_world.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace tandem_cli;
using Catch::Matchers::Contains;
using durable_world::life;
using durable_world::small_options;

namespace {

std::vector<std::string> lines_of(const journal& log) {
  std::vector<std::string> out;
  log.scan({},
           [&](entry_number number, const journal_entry& entry) { out.push_back(entry_json(number, entry).dump()); });
  return out;
}

void write_lines(const std::filesystem::path& path, const std::vector<std::string>& lines) {
  std::ofstream out(path, std::ios::binary);
  for (const std::string& each : lines) out << each << '\n';
}

std::string problem_with(const std::string& line) {
  const test_support::scratch folder;
  write_lines(folder.path / "bad.jsonl", {R"({"entry":1,"kind":"retire","item":"a"})", line});
  try {
    exported_journal((folder.path / "bad.jsonl").string()).scan({}, [](entry_number, const journal_entry&) {});
  } catch (const error& e) {
    CHECK(e.code() == errc::bad_format);
    return e.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("a log that is exported and learned again has the same lines and has learned the same") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const test_support::scratch folder;
    engine first = open((folder.path / "shop").string(), small_options());
    life days(seed);
    days.go_on(first, 500);
    REQUIRE(first.flush());
    const std::vector<std::string> lines = lines_of(*read_sqlite((folder.path / "shop").string()));
    write_lines(folder.path / "shop.jsonl", lines);
    const exported_journal exported((folder.path / "shop.jsonl").string());
    REQUIRE(lines_of(exported) == lines_of(*read_sqlite((folder.path / "shop").string())));
    engine again = open((folder.path / "again").string(), small_options());
    (void)again.learn_from(exported);
    REQUIRE(again.flush());
    CHECK(lines_of(*read_sqlite((folder.path / "again").string())) == lines);
    CHECK(again.digest() == first.digest());
    CHECK(exported.last() == read_sqlite((folder.path / "shop").string())->last());
  }
}

TEST_CASE("a line that is no entry is refused with file, line and key") {
  CHECK_THAT(problem_with("{"), Contains("bad.jsonl:2"));
  CHECK_THAT(problem_with("[]"), Contains("is no JSON object"));
  CHECK_THAT(problem_with(R"({"kind":"retire","item":"a"})"), Contains("field 'entry': is missing"));
  CHECK_THAT(problem_with(R"({"entry":1,"kind":"retire","item":"a"})"), Contains("does not come after"));
  CHECK_THAT(problem_with(R"({"entry":2,"kind":"buy","item":"a"})"), Contains("no kind of entry: 'buy'"));
  CHECK_THAT(problem_with(R"({"entry":2,"kind":"retire","item":7})"), Contains("field 'item': is of type number"));
  CHECK_THAT(problem_with(R"({"entry":2,"kind":"clock"})"), Contains("field 'time': is missing"));
  CHECK_THAT(
      problem_with(
          R"({"entry":2,"kind":"event","user":"a","item":"b","action":"c","value":1,"weight":1,"time":0,"context":[["x"]]})"),
      Contains("two strings"));
}

TEST_CASE("a cut or damaged export is read or refused, never worse") {
  const test_support::scratch folder;
  engine first = open((folder.path / "shop").string(), small_options());
  life days(7);
  days.go_on(first, 60);
  REQUIRE(first.flush());
  std::string text;
  for (const std::string& each : lines_of(*read_sqlite((folder.path / "shop").string()))) text += each + "\n";
  random_stream random(3, 1);
  const auto read = [&](const std::string& damaged) {
    test_support::write_bytes(folder.path / "damaged.jsonl", damaged);
    try {
      exported_journal((folder.path / "damaged.jsonl").string()).scan({}, [](entry_number, const journal_entry&) {});
    } catch (const error& e) {
      CHECK(e.code() == errc::bad_format);
    }
  };
  for (int k = 0; k < 200; ++k) {
    std::string damaged = text;
    damaged[random.below(text.size())] = static_cast<char>(random.below(256));
    read(damaged);
    read(text.substr(0, random.below(text.size())));
  }
}
