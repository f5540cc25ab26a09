#include "tandem/hybrid/page.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "hybrid/ruled_world.hpp"
#include "support/catch.hpp"
#include "support/chi_square.hpp"
#include "tandem/hybrid/decide.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using online::estimate;
using ruled_world::catalogue;
using small_world::item;

namespace {

using page_items = std::vector<std::size_t>;

const std::vector<online::any_policy>& policies() {
  static const std::vector<online::any_policy> all{online::greedy{},           online::epsilon_greedy{0.5},
                                                   online::softmax{0.5},       online::thompson{1.0, 64},
                                                   online::linear_ucb{1, 0.4}, online::inverse_gap{4}};
  return all;
}

// a catalogue with one told source, asked for pages under rules
struct shop : catalogue {
  shop(std::size_t n, std::vector<std::uint32_t> attribute_of, std::uint64_t seed)
      : catalogue(n, std::move(attribute_of)) {
    random_stream random(seed, 2);
    std::vector<float> scores(n);
    std::vector<float> variances(n);
    for (float& s : scores) s = static_cast<float>(random.normal());
    for (float& v : variances) v = static_cast<float>(random.uniform());
    add(scores, variances);
  }
  shop(std::vector<float> scores, std::vector<std::uint32_t> attribute_of)
      : catalogue(scores.size(), std::move(attribute_of)) {
    add(std::move(scores), {});
  }

  void add(std::vector<float> scores, std::vector<float> variances) {
    from.push_back(std::make_shared<small_world::told>(std::move(scores), score_scale::standard, std::move(variances)));
  }
  [[nodiscard]] decided answer(const wish& w, const slate_options& options = {}) const {
    view v;
    v.known = known;
    v.weights = blender(from.size()).weights();
    v.forbidden = forbidden;
    v.only = only;
    v.limited = !only.empty();
    if (ruled) v.rules = rules;
    const query q{v.known, "ada", user_index{0}, time, context};
    gather_scratch scratch;
    return decide(v, q, from, w, options, scratch);
  }

  small_world::sources from;
  std::vector<item_index> forbidden;
  std::vector<item_index> only;
  bool ruled = true;
};

wish wanting(std::size_t count, std::uint64_t id, bool explore = true, std::size_t proposals = 25) {
  wish w;
  w.count = count;
  w.proposals = proposals;
  w.explore = explore;
  w.seed = 11;
  w.id = decision_id{id};
  return w;
}

page_items items_of(const decided& d) {
  page_items out;
  for (const slate_place& p : d.slate) out.push_back(slot(d.candidates.items[p.candidate]));
  return out;
}

bool keeps_caps(const shop& s, const page_items& page) {
  std::map<std::uint32_t, std::size_t> count;
  for (const std::size_t i : page) {
    for (const std::uint32_t f : s.known.attributes[i]) ++count[f];
  }
  return std::ranges::all_of(s.rules.caps, [&](const known_rules::cap& cap) {
    return std::ranges::all_of(count, [&](const auto& each) {
      return s.rules.attribute_of[each.first] != cap.attribute || each.second <= cap.most;
    });
  });
}

// random rules over a random catalogue
shop random_shop(std::uint64_t seed) {
  random_stream random(seed, 4);
  const std::size_t n = 2 + random.below(60);
  shop s(n, {0, 0, 0, 1, 1, 2}, seed);
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<std::uint32_t> facts;
    for (std::uint32_t f = 0; f < 6; ++f) {
      if (random.uniform() < 0.3) facts.push_back(f);
    }
    s.give(i, facts);
  }
  if (random.below(2) == 0) s.give_factors(1 + random.below(n), 4, seed);
  for (std::uint32_t a = 0; a < 3; ++a) {
    if (random.below(2) == 0) s.rules.caps.push_back({a, 1 + random.below(4)});
  }
  if (random.below(3) == 0) s.rules.never_with = {static_cast<std::uint32_t>(random.below(6))};
  s.rules.diversity.kind = static_cast<diversity_kind>(random.below(3));
  for (std::size_t k = 0; k < random.below(4); ++k) s.forbidden.push_back(item(random.below(n)));
  if (random.below(4) == 0) {
    for (std::size_t i = 0; i < n; i += 2) s.only.push_back(item(i));
  }
  return s;
}

}  // namespace

TEST_CASE("rules that neither filter, boost nor mix change no bit of an answer") {
  shop s(80, {}, 1);
  const slate_options options{online::softmax{0.5}, 20};
  for (std::uint64_t id = 1; id < 20; ++id) {
    for (const bool explore : {true, false}) {
      s.ruled = true;
      const decided with = s.answer(wanting(10, id, explore), options);
      s.ruled = false;
      const decided without = s.answer(wanting(10, id, explore), options);
      REQUIRE(items_of(with) == items_of(without));
      CHECK(with.score == without.score);
      for (std::size_t k = 0; k < 10; ++k) CHECK(with.slate[k].propensity == without.slate[k].propensity);
    }
  }
}

TEST_CASE("caps that never bind, and mmr with lambda 0, draw what is drawn without rules") {
  shop s(80, {0}, 1);
  for (const online::any_policy& policy : policies()) {
    const slate_options options{policy, 20};
    for (std::uint64_t id = 1; id < 10; ++id) {
      s.ruled = false;
      const decided without = s.answer(wanting(10, id), options);
      s.ruled = true;
      s.rules.caps = {{0, 1}};
      s.rules.diversity = {diversity_kind::mmr, 0, 1};
      const decided with = s.answer(wanting(10, id), options);
      REQUIRE(items_of(with) == items_of(without));
      for (std::size_t k = 0; k < 10; ++k) CHECK(with.slate[k].propensity == without.slate[k].propensity);
    }
  }
}

TEST_CASE("no page breaks a cap or a filter, and none is shorter than the rules make it") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const shop s = random_shop(seed);
    random_stream random(seed, 5);
    const std::size_t n = s.known.items.size();
    const std::size_t count = 1 + random.below(20);
    const bool explore = random.below(4) != 0;
    const online::any_policy& policy = policies()[random.below(policies().size())];
    const decided d = s.answer(wanting(count, seed, explore, 1 + random.below(5)), {policy, 1 + random.below(9)});
    const page_items page = items_of(d);
    CAPTURE(seed, count);
    REQUIRE(keeps_caps(s, page));
    REQUIRE(std::set<std::size_t>(page.begin(), page.end()).size() == page.size());
    REQUIRE(d.score.size() == d.candidates.size());
    std::vector<item_index> out = s.forbidden;
    forbid_by_rules(s.rules, s.known, s.only, out);
    const auto allowed = [&](std::size_t i) {
      return std::ranges::find(out, item(i)) == out.end() &&
             (s.only.empty() || std::ranges::find(s.only, item(i)) != s.only.end());
    };
    REQUIRE(std::ranges::all_of(page, allowed));
    if (page.size() == count) continue;
    for (std::size_t i = 0; i < n; ++i) {  // whoever is not on it would break a rule
      if (!allowed(i) || std::ranges::find(page, i) != page.end()) continue;
      page_items longer = page;
      longer.push_back(i);
      REQUIRE_FALSE(keeps_caps(s, longer));
    }
  }
}

TEST_CASE("where values nest, a page under caps is as long as any can be") {
  // products within categories: 5 products a category, 4 variants a product, 3 categories
  std::vector<std::uint32_t> attribute_of(18, 1);
  std::fill_n(attribute_of.begin(), 3, 0U);
  for (std::uint64_t id = 1; id < 30; ++id) {
    shop s(60, attribute_of, id);
    for (std::uint32_t i = 0; i < 60; ++i) s.give(i, {i / 20, 3 + i / 4});
    s.rules.caps = {{0, 4}, {1, 1}};
    CHECK(items_of(s.answer(wanting(60, id, true, 3), {online::softmax{1}, 5})).size() == 12);
  }
}

TEST_CASE("what the sources did not propose fills a page that caps leave short, best first") {
  // the 30 best items are variants of one product
  std::vector<float> scores(100);
  for (std::size_t i = 0; i < 100; ++i) scores[i] = static_cast<float>(100 - i);
  shop s(scores, {0});
  for (std::size_t i = 0; i < 30; ++i) s.give(i, {0});
  s.rules.caps = {{0, 1}};
  const decided d = s.answer(wanting(5, 1, false, 10));
  CHECK(items_of(d) == page_items{0, 30, 31, 32, 33});
  CHECK(std::ranges::all_of(d.slate, [](const slate_place& p) { return p.propensity == 1; }));
  CHECK(items_of(s.answer(wanting(5, 1, true, 10), {online::greedy{}, 30})) == page_items{0, 30, 31, 32, 33});
}

TEST_CASE("propensities of all pages sum to one, and pages come as often as they say, under caps and diversity") {
  constexpr std::uint64_t n_ids = 6000;
  for (const diversity_kind kind : {diversity_kind::none, diversity_kind::mmr, diversity_kind::dpp}) {
    for (const online::any_policy& policy : policies()) {
      CAPTURE(policy.name(), static_cast<int>(kind));
      shop s(7, {0, 0}, 3);
      for (std::uint32_t i = 0; i < 7; ++i) s.give(i, {i % 2});
      s.give_factors(5, 3, 8);
      s.rules.caps = {{0, 2}};
      s.rules.diversity = {kind, 0.4, 0.7};
      std::map<page_items, std::pair<std::size_t, double>> seen;
      for (std::uint64_t id = 1; id <= n_ids; ++id) {
        const decided d = s.answer(wanting(3, id), {policy, 5});
        REQUIRE(d.slate.size() == 3);
        double p = 1;
        for (const slate_place& place : d.slate) p *= place.propensity;
        auto& [count, logged] = seen.try_emplace(items_of(d), 0, p).first->second;
        REQUIRE(logged == p);
        ++count;
      }
      std::vector<std::size_t> counts;
      std::vector<double> logged;
      double sum = 0;
      for (const auto& [items, each] : seen) {
        counts.push_back(each.first);
        logged.push_back(each.second);
        sum += each.second;
      }
      CHECK(sum <= 1 + 1e-9);
      CHECK(sum > 0.97);  // what is left are pages that are too rare to have come
      counts.push_back(0);
      logged.push_back(std::max(0.0, 1 - sum));
      CHECK(tandem_test::chi_square_p(counts, logged) > 1e-5);
    }
  }
}

TEST_CASE("the tree of all pages has probability one at every branch") {
  // draws with every possible number: the children of a page, each with its propensity
  shop s(6, {0, 0, 0}, 5);
  for (std::uint32_t i = 0; i < 6; ++i) s.give(i, {i % 3});
  s.give_factors(6, 3, 2);
  s.rules.caps = {{0, 1}};
  s.rules.diversity = {diversity_kind::dpp, 0.3, 0.5};
  const slate_options options{online::softmax{1}, 4};
  std::map<page_items, std::map<std::size_t, double>> children;
  for (std::uint64_t id = 1; id <= 20000; ++id) {
    const decided d = s.answer(wanting(3, id), options);
    page_items above;
    for (std::size_t k = 0; k < d.slate.size(); ++k) {
      const std::size_t here = items_of(d)[k];
      const double p = d.slate[k].propensity;
      REQUIRE(children[above].try_emplace(here, p).first->second == p);
      above.push_back(here);
    }
  }
  for (const auto& [above, next] : children) {
    const double sum =
        std::accumulate(next.begin(), next.end(), 0.0, [](double x, const auto& c) { return x + c.second; });
    CHECK(sum == Approx(1).margin(above.empty() ? 1e-6 : 0.02));
    CHECK(sum <= 1 + 1e-6);
  }
}

TEST_CASE("boosts are in standard deviations of the candidates' scores, whatever their scale") {
  for (const float scale : {1.0F, 1000.0F}) {
    std::vector<float> scores(50);
    for (std::size_t i = 0; i < 50; ++i) scores[i] = scale * static_cast<float>(i % 10);
    shop s(scores, {0});
    s.give(3, {0});
    s.rules.fact_boosts = {{0, 10.0F}};
    CHECK(items_of(s.answer(wanting(3, 1, false, 50)))[0] == 3);
    s.rules.fact_boosts = {{0, -10.0F}};
    CHECK(items_of(s.answer(wanting(50, 1, false, 50))).back() == 3);
    s.rules.fact_boosts = {{0, 0.0F}};
    const decided plain = s.answer(wanting(3, 1, false, 50));
    s.ruled = false;
    CHECK(items_of(plain) == items_of(s.answer(wanting(3, 1, false, 50))));
  }
}

TEST_CASE("an item that is boosted itself is a candidate, unless it is forbidden") {
  std::vector<float> scores(100);
  for (std::size_t i = 0; i < 100; ++i) scores[i] = static_cast<float>(100 - i);
  shop s(scores, {});
  s.rules.item_boosts = {{item(99), 50.0F}, {item(98), -1.0F}};
  const page_items page = items_of(s.answer(wanting(4, 1, false, 5)));
  CHECK(page == page_items{99, 0, 1, 2});
  s.forbidden = {item(99)};
  CHECK(items_of(s.answer(wanting(4, 1, false, 5))) == page_items{0, 1, 2, 3});
  s.forbidden.clear();
  s.only = {item(50), item(60)};
  CHECK(items_of(s.answer(wanting(4, 1, false, 5))) == page_items{50, 60});
}

TEST_CASE("diversity moves what is alike apart") {
  // two groups with one vector each; the scores prefer the first group throughout
  shop s(std::vector<float>{1.0F, 0.98F, 0.96F, 0.94F, 0.9F, 0.88F, -3, -3, -3, -3}, {});
  std::vector<float> y;
  for (std::size_t i = 0; i < 10; ++i) {
    const bool first = i < 4;
    y.insert(y.end(), {first ? 1.0F : 0.0F, first ? 0.0F : 1.0F});
  }
  s.known.batch = std::make_shared<const batch_snapshot>(
      std::make_shared<batch::factor_model>(batch::factor_model::from_factors({}, y, 2, {})));
  CHECK(items_of(s.answer(wanting(4, 1, false))) == page_items{0, 1, 2, 3});
  for (const diversity_kind kind : {diversity_kind::mmr, diversity_kind::dpp}) {
    s.rules.diversity = {kind, 0.8, 1};
    const page_items page = items_of(s.answer(wanting(4, 1, false)));
    CAPTURE(static_cast<int>(kind));
    CHECK(page[0] == 0);
    CHECK(page[1] == 4);
  }
}
