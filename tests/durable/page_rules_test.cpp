// An answer under rules is decided again from its entry: the same candidates, the same bits.

#include <optional>
#include <string>
#include <vector>

#include "codec.hpp"
#include "durable/durable_world.hpp"
#include "support/catch.hpp"
#include "tandem/open.hpp"

using namespace tandem;
using namespace durable_world;

namespace {

page_rules all_rules() {
  return {.only_with = {"stock=yes"},
          .never_with = {"kind=k3"},
          .caps = {{"kind", 1}, {"colour", 1}},  // they cross
          .boosts = {{.fact = "size=small", .by = 0.5}, {.item = "item7", .by = 2}},
          .diversity = {.kind = diversity_kind::dpp, .theta = 0.4}};
}

// events, a refit, and pages under rules, half of which are rewarded
void live(engine& e, const page_rules& rules, int rounds) {
  for (int i = 0; i < 60; ++i) {
    const std::string kind = "k" + std::to_string(i % 8);
    const std::string colour = "c" + std::to_string(i / 8);
    e.upsert_item("item" + std::to_string(i), {{"kind", kind},
                                               {"colour", colour},
                                               {"stock", i % 5 == 0 ? "no" : "yes"},
                                               {"size", i % 2 == 0 ? "small" : "large"}});
  }
  random_stream random(3, 1);
  std::int64_t now = 1'700'000'000'000;
  for (int k = 0; k < rounds; ++k) {
    now += 1000;
    const std::string user = "user" + std::to_string(random.below(12));
    const std::string item = "item" + std::to_string(random.below(1 + random.below(60)));
    e.observe({.user = user, .item = item, .time = from_millis(now)});
    if (k == rounds / 2) e.refit();
    const recommendation page = e.recommend({.user = user,
                                             .count = 6,
                                             .time = from_millis(now),
                                             .exclude_seen = k % 3 != 0,
                                             .shadow = k % 7 == 0,
                                             .rules = &rules});
    if (!page.items.empty() && k % 2 == 0)
      e.reward(page.id, page.items[random.below(page.items.size())].item, 1, from_millis(now));
  }
}

engine_options exploring() {
  engine_options o = small_options();
  o.slate.policy = online::epsilon_greedy{0.7};  // what is drawn decides which candidates are added
  o.blender.proposals = 2;
  o.sources = {"popularity"};
  return o;
}

answer_entry there_and_back(const page_rules& rules) {
  using namespace tandem::detail::file;
  id_space ids;
  row_queue rows;
  encoder out(ids, rows);
  answer_entry said;
  said.record.id = decision_id{4};
  said.record.user_name = "ada";
  said.rules = rules;
  out.write(entry_number{1}, said, log_position{0});
  out.keep();
  static name_lists names;
  names.words.clear();
  std::string body;
  std::uint8_t kind = 0;
  for (const queued_row& each : rows.rows()) {
    if (each.to == table::word) names.words.emplace_back(std::string(rows.body(each)));
    if (each.to != table::record) continue;
    body = rows.body(each);
    kind = each.kind;
  }
  static decoder at(names);
  return std::get<answer_entry>(at.read({1, kind, 0, body}));
}

}  // namespace

TEST_CASE("rules come back from a row as they went in") {
  const page_rules rules = all_rules();
  const answer_entry read = there_and_back(rules);
  REQUIRE(read.rules.has_value());
  CHECK(read.rules->only_with == rules.only_with);
  CHECK(read.rules->never_with == rules.never_with);
  REQUIRE(read.rules->caps.size() == 2);
  CHECK(read.rules->caps[0].attribute == "kind");
  CHECK(read.rules->caps[0].most == 1);
  REQUIRE(read.rules->boosts.size() == 2);
  CHECK(read.rules->boosts[0].fact == "size=small");
  CHECK(read.rules->boosts[0].by == 0.5);
  CHECK(read.rules->boosts[1].item == "item7");
  CHECK(read.rules->boosts[1].fact.empty());
  CHECK(read.rules->diversity.kind == diversity_kind::dpp);
  CHECK(read.rules->diversity.theta == 0.4);
}

TEST_CASE("a row whose rules cannot be is damage") {
  page_rules rules = all_rules();
  rules.diversity.theta = -1;
  CHECK_THROWS_AS(there_and_back(rules), error);
  rules = all_rules();
  rules.caps[0].most = 0;
  CHECK_THROWS_AS(there_and_back(rules), error);
}

TEST_CASE("a file with answers under rules is opened with the same bits") {
  for (const diversity_kind kind : {diversity_kind::none, diversity_kind::mmr, diversity_kind::dpp}) {
    const test_support::scratch folder;
    page_rules rules = all_rules();
    rules.diversity.kind = kind;
    engine memory(exploring());
    live(memory, rules, 200);
    {
      engine kept = open(in(folder, "shop"), exploring());
      live(kept, rules, 200);
      REQUIRE(kept.digest() == memory.digest());
      REQUIRE(kept.flush());
      copy_file(in(folder, "shop"), in(folder, "copy"));  // with the log only: no snapshot at the end
    }
    const engine again = open(in(folder, "copy"), exploring());
    CHECK(again.opened().problems.empty());
    CHECK(again.opened().decided_otherwise == 0);
    CHECK(again.opened().replayed > 200);
    CHECK(again.digest() == memory.digest());
  }
}

TEST_CASE("an answer that is learned again is decided under its rules") {
  const test_support::scratch folder;
  const page_rules rules = all_rules();
  {
    engine kept = open(in(folder, "shop"), exploring());
    live(kept, rules, 150);
    REQUIRE(kept.flush());
  }
  engine again = open(in(folder, "again"), exploring());
  std::size_t answers = 0;
  (void)again.learn_from(*read_sqlite(in(folder, "shop")), [&](const answer_again& each) {
    ++answers;
    CHECK(std::vector<std::string_view>(each.logged.begin(), each.logged.end()) ==
          std::vector<std::string_view>(each.now.begin(), each.now.end()));
  });
  CHECK(answers == 150);
  REQUIRE(again.flush());
  std::size_t ruled = 0;
  read_sqlite(in(folder, "again"))->scan({}, [&](entry_number, const journal_entry& entry) {
    const auto* a = std::get_if<answer_entry>(&entry);
    ruled += a != nullptr && a->rules.has_value() && a->rules->caps.size() == 2 ? 1U : 0U;
  });
  CHECK(ruled == 150);
}

TEST_CASE("rules that say nothing leave nothing in the file") {
  const test_support::scratch folder;
  engine kept = open(in(folder, "shop"), small_options());
  const page_rules nothing;
  kept.upsert_item("kettle");
  (void)kept.recommend({.user = "ada", .time = from_millis(1'700'000'000'000), .rules = &nothing});
  REQUIRE(kept.flush());
  read_sqlite(in(folder, "shop"))->scan({}, [&](entry_number, const journal_entry& entry) {
    if (const auto* a = std::get_if<answer_entry>(&entry)) CHECK_FALSE(a->rules.has_value());
  });
}
