#include "tandem/data/interactions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;

namespace {

interaction make(unsigned user, unsigned item, float weight = 1) {
  return {user_index{user}, item_index{item}, weight, timestamp{}};
}

using cells = std::map<std::pair<std::uint32_t, std::uint32_t>, float>;

// What the header says, word for word, with a map.
cells naive(const std::vector<interaction>& events, merge_rule rule, bool dislikes = false) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<float>> given;
  for (const auto& e : events) given[{raw(e.user), raw(e.item)}].push_back(e.weight);
  cells out;
  for (const auto& [cell, weights] : given) {
    double merged = 0;
    if (rule == merge_rule::latest) merged = weights.back();
    if (rule == merge_rule::max) merged = *std::max_element(weights.begin(), weights.end());
    for (const float w : weights) {
      if (rule == merge_rule::sum) merged += static_cast<double>(w);
      if (rule == merge_rule::binary && w > 0) merged = 1;
    }
    const bool disliked = std::any_of(weights.begin(), weights.end(), [](float w) { return w < 0; });
    if (rule == merge_rule::binary && merged == 0 && disliked) merged = -1;
    if (merged > 0 || (dislikes && merged < 0)) out[cell] = static_cast<float>(merged);
  }
  return out;
}

cells by_users(const interactions& m) {
  cells out;
  for (std::uint32_t u = 0; u < m.n_users(); ++u) {
    const auto row = m.items_of(user_index{u});
    for (std::size_t e = 0; e < row.size(); ++e) {
      REQUIRE((e == 0 || row.index[e - 1] < row.index[e]));
      out[{u, row.index[e]}] = row.weight[e];
    }
  }
  return out;
}

cells by_items(const interactions& m) {
  cells out;
  for (std::uint32_t i = 0; i < m.n_items(); ++i) {
    const auto row = m.users_of(item_index{i});
    for (std::size_t e = 0; e < row.size(); ++e) {
      REQUIRE((e == 0 || row.index[e - 1] < row.index[e]));
      out[{row.index[e], i}] = row.weight[e];
    }
  }
  return out;
}

errc code_of(const std::vector<interaction>& events, std::size_t n_users, std::size_t n_items) {
  try {
    (void)interactions::from_events(events, n_users, n_items);
  } catch (const error& e) {
    return e.code();
  }
  FAIL("did not throw");
  return {};
}

}  // namespace

TEST_CASE("both sides hold what a map of cells would, by every rule") {
  for (const merge_rule rule : {merge_rule::sum, merge_rule::latest, merge_rule::max, merge_rule::binary}) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      random_stream random(seed, static_cast<std::uint64_t>(rule));
      const auto n_users = static_cast<std::uint32_t>(1 + random.below(12));
      const auto n_items = static_cast<std::uint32_t>(1 + random.below(12));
      std::vector<interaction> events(random.below(150));
      for (auto& e : events) {
        const auto user = static_cast<std::uint32_t>(random.below(n_users));
        const auto item = static_cast<std::uint32_t>(random.below(n_items));
        e = make(user, item, static_cast<float>(random.below(9)) / 2 - 1.5F);
      }
      const auto built = interactions::from_events(events, n_users, n_items, rule);
      const cells expected = naive(events, rule);
      REQUIRE(built.n_users() == n_users);
      REQUIRE(built.n_items() == n_items);
      REQUIRE(built.size() == expected.size());
      REQUIRE(by_users(built) == expected);
      REQUIRE(by_items(built) == expected);
      REQUIRE_FALSE(built.keeps_dislikes());
      const auto disliked = interactions::from_events(events, n_users, n_items, rule, dislike_rule::keep);
      REQUIRE(disliked.keeps_dislikes());
      REQUIRE(by_users(disliked) == naive(events, rule, true));
      REQUIRE(by_items(disliked) == naive(events, rule, true));
    }
  }
}

TEST_CASE("an empty matrix has its shape and no entries") {
  const interactions none;
  CHECK(none.n_users() == 0);
  CHECK(none.n_items() == 0);
  CHECK(none.size() == 0);
  const auto shaped = interactions::from_events({}, 3, 2);
  CHECK(shaped.n_users() == 3);
  CHECK(shaped.n_items() == 2);
  CHECK(shaped.items_of(user_index{2}).size() == 0);
  CHECK(shaped.users_of(item_index{1}).size() == 0);
}

TEST_CASE("pairs whose merged weight is not positive are left out") {
  const std::vector<interaction> events = {make(0, 0, -1), make(0, 1, 0), make(0, 2, 2), make(0, 2, -2), make(0, 3, 1)};
  const auto summed = interactions::from_events(events, 1, 4);
  CHECK(summed.size() == 1);
  CHECK(summed.items_of(user_index{0}).index[0] == 3);
  CHECK(interactions::from_events(events, 1, 4, merge_rule::max).size() == 2);
}

TEST_CASE("the last one given wins, whatever the times say") {
  std::vector<interaction> events = {make(0, 0, 5), make(0, 0, 2)};
  events[0].time = from_millis(10);
  events[1].time = from_millis(1);
  const auto built = interactions::from_events(events, 1, 1, merge_rule::latest);
  CHECK(built.items_of(user_index{0}).weight[0] == 2.0F);
}

TEST_CASE("small weights are not lost beside a large one") {
  std::vector<interaction> events(100, make(0, 0, 1));
  events.insert(events.begin(), make(0, 0, 1e8F));
  const auto built = interactions::from_events(events, 1, 1);
  CHECK(built.items_of(user_index{0}).weight[0] == static_cast<float>(1e8 + 100));
}

TEST_CASE("an index out of range is refused, and named") {
  CHECK(code_of({make(0, 0), make(3, 0)}, 3, 1) == errc::invalid_argument);
  CHECK(code_of({make(0, 1)}, 1, 1) == errc::invalid_argument);
  CHECK(code_of({make(0, 0)}, 0, 0) == errc::invalid_argument);
  try {
    (void)interactions::from_events(std::vector<interaction>{make(7, 5)}, 3, 2);
    FAIL("did not throw");
  } catch (const error& e) {
    const std::string what = e.what();
    CHECK(what.find("user 7, item 5") != std::string::npos);
    CHECK(what.find("3 users x 2 items") != std::string::npos);
  }
}

TEST_CASE("weights that are not finite are refused, given or summed") {
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(code_of({make(0, 0, inf)}, 1, 1) == errc::not_finite);
  CHECK(code_of({make(0, 0, -inf)}, 1, 1) == errc::not_finite);
  CHECK(code_of({make(0, 0, std::nanf(""))}, 1, 1) == errc::not_finite);
  CHECK(code_of({make(0, 0, 3e38F), make(0, 0, 3e38F)}, 1, 1) == errc::not_finite);
}
