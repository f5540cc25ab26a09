// Rules of a page through the engine: in the catalogue's own facts, as of the moment of the request.

#include "tandem/data/page_rules.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"
#include "support/chi_square.hpp"

using namespace engine_world;

namespace {

const timestamp later = from_millis(10'000'000);

std::string category_of(std::size_t i) { return "c" + std::to_string(i / 10 % 4); }
std::string product_of(std::size_t i) { return "p" + std::to_string(i / 3); }

// a shop whose items have a category, a product, and are in stock or not
engine shop(engine_options o = small_options()) {
  engine e(std::move(o));
  for (const deed& d : deeds(1500, 9)) e.observe(d.as_event());
  for (std::size_t i = 0; i < 120; ++i) {
    const std::string category = category_of(i);
    const std::string product = product_of(i);
    e.upsert_item(item_name(i), {{"category", category}, {"product", product}, {"stock", i % 3 == 0 ? "no" : "yes"}});
  }
  return e;
}

std::vector<std::string> asked(engine& e, const page_rules& rules, std::size_t count = 10,
                               const std::string& user = "user1") {
  std::vector<std::string> out;
  for (const recommended_item& each : e.recommend({.user = user, .count = count, .time = later, .rules = &rules})) {
    out.push_back(each.item);
  }
  return out;
}

std::size_t number(const std::string& item) { return std::stoul(item.substr(4)); }

std::size_t most_of_one(const std::vector<std::string>& page, std::string (*value_of)(std::size_t)) {
  std::map<std::string, std::size_t> count;
  std::size_t most = 0;
  for (const std::string& each : page) most = std::max(most, ++count[value_of(number(each))]);
  return most;
}

}  // namespace

TEST_CASE("filters, caps and de-duplication hold on every page, explored or not", "[engine][rules]") {
  for (const online::any_policy& policy :
       {online::any_policy(online::greedy{}), online::any_policy(online::epsilon_greedy{1}),
        online::any_policy(online::thompson{1})}) {
    engine_options o = small_options();
    o.slate.policy = policy;
    engine e = shop(o);
    e.refit();
    page_rules rules{
        .only_with = {"stock=yes"}, .never_with = {"category=c2"}, .caps = {{"category", 3}, {"product", 1}}};
    for (int n = 0; n < 60; ++n) {
      rules.diversity.kind = static_cast<diversity_kind>(n % 3);
      const std::vector<std::string> page = asked(e, rules, 9, user_name(static_cast<std::size_t>(n) % 40));
      REQUIRE(page.size() == 9);  // three of each category that is left
      for (const std::string& each : page) {
        REQUIRE(number(each) % 3 != 0);
        REQUIRE(category_of(number(each)) != "c2");
      }
      REQUIRE(most_of_one(page, category_of) == 3);
      REQUIRE(most_of_one(page, product_of) == 1);
      REQUIRE(asked(e, rules, 12).size() == 9);
    }
  }
}

TEST_CASE("facts of one name are alternatives, names add up, and a fact that nobody has lets nothing through",
          "[engine][rules]") {
  engine e = shop();
  for (const std::string& each : asked(e, {.only_with = {"category=c0", "stock=yes", "category=c3"}}, 50)) {
    const std::string category = category_of(number(each));
    CHECK((category == "c0" || category == "c3"));
    CHECK(number(each) % 3 != 0);
  }
  CHECK_FALSE(asked(e, {.only_with = {"category=c0", "category=unknown"}}).empty());
  CHECK(asked(e, {.only_with = {"category=unknown"}}).empty());
  CHECK(asked(e, {.only_with = {"stock=yes", "age=6"}}).empty());
  const std::vector<std::string> plain = asked(e, {}, 20);
  engine same = shop();
  (void)asked(same, {}, 1);
  engine ruled = shop();
  const page_rules unknown{
      .never_with = {"age=18"}, .caps = {{"brand", 1}}, .boosts = {{.fact = "age=18", .by = 9}, {.item = "nothing"}}};
  const std::vector<std::string> first = asked(ruled, unknown, 20);
  engine unruled = shop();
  CHECK(first == asked(unruled, {}, 20));
}

TEST_CASE("rules follow the catalogue: an attribute that changes counts at once", "[engine][rules]") {
  engine e = shop();
  const page_rules rules{.only_with = {"stock=yes"}};
  const std::string best = asked(e, rules, 1).front();
  e.upsert_item(best, {{"stock", "no"}});
  const std::vector<std::string> page = asked(e, rules, 100);
  CHECK(std::ranges::find(page, best) == page.end());
  e.upsert_item("fresh", {{"stock", "yes"}, {"colour", "red"}});  // a fact, and an attribute, that came later
  const page_rules red{.only_with = {"colour=red"}, .caps = {{"colour", 1}}};
  CHECK(asked(e, red) == std::vector<std::string>{"fresh"});
}

TEST_CASE("boosts move an item, and a boosted item is a candidate though no source knows it", "[engine][rules]") {
  engine e = shop();
  e.upsert_item("fresh", {{"campaign", "summer"}});
  CHECK(asked(e, {.boosts = {{.item = "fresh", .by = 20}}}, 3).front() == "fresh");
  const std::vector<std::string> plain = asked(e, {}, 3);
  CHECK(std::ranges::find(plain, "fresh") == plain.end());
  const page_rules down{.boosts = {{.fact = "category=" + category_of(number(plain[0])), .by = -50}}};
  CHECK(category_of(number(asked(e, down, 1).front())) != category_of(number(plain[0])));
}

TEST_CASE("rules that are wrong are answered with nothing, and explain() says why", "[engine][rules]") {
  engine e = shop();
  const page_rules wrong{.caps = {{"category", 0}}};
  const recommendation r = e.recommend({.user = "ada", .time = later, .rules = &wrong});
  CHECK(r.items.empty());
  CHECK(r.id == decision_id::none);
  CHECK(e.stats().failed_answers == 1);
  CHECK_THROWS_AS(e.explain({.user = "ada", .time = later, .rules = &wrong}, "item1"), error);
}

TEST_CASE("an explanation says what rules do", "[engine][rules]") {
  const engine e = shop();
  const page_rules rules{.never_with = {"stock=no"}, .boosts = {{.item = "item1", .by = 5}}};
  CHECK_FALSE(e.explain({.user = "user1", .time = later, .rules = &rules}, "item0").allowed);
  CHECK(e.explain({.user = "user1", .time = later}, "item0").allowed);
  const explanation up = e.explain({.user = "user1", .time = later, .rules = &rules}, "item1");
  CHECK(up.allowed);
  CHECK(up.score > e.explain({.user = "user1", .time = later}, "item1").score);
}

TEST_CASE("the host's candidates keep to the rules", "[engine][rules]") {
  engine e = shop();
  const std::vector<std::string_view> mine{"item0", "item1", "item2", "item4", "item5", "nobody"};
  const page_rules rules{.only_with = {"stock=yes"}, .caps = {{"product", 1}}};
  std::set<std::string> page;
  for (const recommended_item& each :
       e.recommend({.user = "user1", .time = later, .candidates = mine, .rules = &rules})) {
    page.insert(each.item);
  }
  CHECK(page.size() == 2);  // 0 is out of stock; 1 and 2 are one product, 4 and 5 another
  CHECK(page.count("item1") + page.count("item2") == 1);
}

TEST_CASE("logged propensities under rules are those that pages are drawn with", "[engine][rules][property]") {
  for (const diversity_kind kind : {diversity_kind::none, diversity_kind::mmr, diversity_kind::dpp}) {
    engine_options o = small_options();
    o.slate.policy = online::softmax{0.3};
    o.slate.pool = 6;
    o.sources = {"popularity", "neighbours", "live_affinity"};  // none moves with what is shown: all draws are alike
    engine e = shop(o);
    e.refit();
    const page_rules rules{.only_with = {"stock=yes"}, .caps = {{"category", 1}}, .diversity = {.kind = kind}};
    std::map<std::vector<std::string>, std::pair<std::size_t, double>> pages;
    for (int n = 0; n < 4000; ++n) {
      double p = 1;
      std::vector<std::string> page;
      for (const recommended_item& each : e.recommend({.user = "user1", .count = 2, .time = later, .rules = &rules})) {
        page.push_back(each.item);
        p *= each.propensity;
      }
      auto& [count, logged] = pages.try_emplace(page, 0, p).first->second;
      REQUIRE(logged == p);
      ++count;
    }
    std::vector<std::size_t> counts{0};
    std::vector<double> logged;
    double sum = 0;
    for (const auto& [page, each] : pages) sum += each.second;
    CHECK(sum < 1 + 1e-9);
    logged.push_back(std::max(0.0, 1 - sum));
    for (const auto& [page, each] : pages) {
      counts.push_back(each.first);
      logged.push_back(each.second);
    }
    CHECK(pages.size() > 3);
    CHECK(tandem_test::chi_square_p(counts, logged) > 1e-5);
  }
}

TEST_CASE("what a page takes from the catalogue under caps goes past the ranker, and teaches as all of it does",
          "[engine][rules]") {
  const auto live = [] {
    engine_options o = small_options(8);
    o.blender.proposals = 2;
    engine e(o);
    for (std::size_t i = 0; i < 120; ++i) {
      const std::string group = std::to_string(i / 10);
      const context_list facts{{"group", group}};
      e.upsert_item(item_name(i), facts);
    }
    const page_rules one_a_group{.caps = {{"group", 1}}};
    const std::vector<deed> log = deeds(900, 8);
    std::size_t whole = 0;
    for (std::size_t k = 0; k < log.size(); ++k) {
      const recommendation page =
          e.recommend({.user = log[k].user, .count = 12, .time = log[k].time, .rules = &one_a_group});
      if (page.items.size() == 12) ++whole;
      e.reward(page.id, page.items[k % page.items.size()].item, 1, log[k].time);
      if (k % 300 == 299) e.refit();
    }
    CHECK(whole == log.size());
    CHECK(e.stats().has_ranker);
    return e.digest();
  };
  CHECK(live() == live());
}
