// Answers that a budget made with fewer sources: the file has the choice, and goes on with the same bits.

#include <chrono>
#include <string>
#include <vector>

#include "durable/durable_world.hpp"
#include "support/catch.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace durable_world;
using namespace std::chrono_literals;

namespace {

// what a clock decided differs between two lives: the file is held to the engine that wrote it
void live(engine& e) {
  random_stream random(3, 1);
  std::int64_t now = 1'700'000'000'000;
  for (int k = 0; k < 200; ++k) {
    now += 1000;
    const std::string user = "user" + std::to_string(random.below(12));
    const std::string item = "item" + std::to_string(random.below(60));
    e.observe({.user = user, .item = item, .time = from_millis(now)});
    const std::chrono::microseconds budget = k % 3 == 0 ? 1us : k % 3 == 1 ? 40us : 0us;
    const recommendation page =
        e.recommend({.user = user, .count = 5, .time = from_millis(now), .shadow = k % 11 == 0, .budget = budget});
    if (!page.items.empty() && k % 2 == 0) {
      e.reward(page.id, page.items[random.below(page.items.size())].item, 1, from_millis(now));
    }
  }
}

}  // namespace

TEST_CASE("a file with answers of every level is opened with the same bits, and learned again decides them alike") {
  const test_support::scratch folder;
  std::uint64_t digest = 0;
  {
    engine kept = open(in(folder, "shop"), small_options());
    live(kept);
    digest = kept.digest();
    REQUIRE(kept.flush());
    copy_file(in(folder, "shop"), in(folder, "copy"));
  }
  const engine again = open(in(folder, "copy"), small_options());
  CHECK(again.opened().replayed > 300);
  CHECK(again.opened().decided_otherwise == 0);
  CHECK(again.digest() == digest);
  std::size_t less = 0;
  read_sqlite(in(folder, "copy"))->scan({}, [&](entry_number, const journal_entry& entry) {
    const auto* a = std::get_if<answer_entry>(&entry);
    if (a == nullptr) return;
    less += a->record.level == answer_level::full ? 0U : 1U;
    CHECK((a->record.level == answer_level::full) == a->left_out.empty());
  });
  CHECK(less >= 60);
  engine learned = open(in(folder, "learned"), small_options());
  (void)learned.learn_from(*read_sqlite(in(folder, "copy")), [&](const answer_again& each) {
    CHECK(std::vector<std::string_view>(each.logged.begin(), each.logged.end()) ==
          std::vector<std::string_view>(each.now.begin(), each.now.end()));
  });
  CHECK(learned.digest() == digest);
}
