#include "tandem/hybrid/page_rules.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "hybrid/ruled_world.hpp"
#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using ruled_world::catalogue;
using small_world::item;

namespace {

std::vector<std::size_t> forbidden_of(const catalogue& c, const std::vector<item_index>& only = {}) {
  std::vector<item_index> out;
  forbid_by_rules(c.rules, c.known, only, out);
  std::vector<std::size_t> slots;
  for (const item_index each : out) slots.push_back(slot(each));
  return slots;
}

}  // namespace

TEST_CASE("an item needs one fact of each group, and none that is forbidden") {
  catalogue c(6, {0, 0, 1, 1});
  c.give(0, {0, 2});
  c.give(1, {1, 2});
  c.give(2, {0, 3});
  c.give(3, {2});
  c.give(4, {0, 1, 2, 3});
  CHECK(forbidden_of(c).empty());
  c.rules.only_with = {{0, 1}, {2}};
  CHECK(forbidden_of(c) == std::vector<std::size_t>{2, 3, 5});
  c.rules.never_with = {3};
  CHECK(forbidden_of(c) == std::vector<std::size_t>{2, 3, 4, 5});
  CHECK(forbidden_of(c, {item(1), item(4)}) == std::vector<std::size_t>{4});  // nobody else is looked at
  c.rules.only_with.emplace_back();                                           // a fact that no item has
  CHECK(forbidden_of(c).size() == 6);
}

TEST_CASE("an item that was made known after the attributes is filtered like one without any") {
  catalogue c(4, {0});
  c.give(0, {0});
  c.known.attributes.shrink(2);
  c.rules.never_with = {0};
  CHECK(forbidden_of(c) == std::vector<std::size_t>{0});
  c.rules.only_with = {{0}};
  c.rules.never_with.clear();
  CHECK(forbidden_of(c) == std::vector<std::size_t>{1, 2, 3});
}

TEST_CASE("filters equal what they say, on any catalogue") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    random_stream random(seed);
    const std::size_t n_facts = 1 + random.below(12);
    catalogue c(30, std::vector<std::uint32_t>(n_facts, 0));
    const auto some = [&] {
      std::vector<std::uint32_t> out(random.below(4));
      for (auto& f : out) f = static_cast<std::uint32_t>(random.below(n_facts));
      return out;
    };
    for (std::size_t i = 0; i < 30; ++i) c.give(i, some());
    c.rules.only_with.resize(random.below(3));
    for (auto& group : c.rules.only_with) group = some();
    c.rules.never_with = some();
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < 30; ++i) {
      const auto& facts = c.known.attributes[i];
      const auto has = [&](std::uint32_t f) { return std::ranges::find(facts, f) != facts.end(); };
      const bool fits =
          std::ranges::none_of(c.rules.never_with, has) &&
          std::ranges::all_of(c.rules.only_with, [&](const auto& g) { return std::ranges::any_of(g, has); });
      if (!fits) expected.push_back(i);
    }
    REQUIRE(forbidden_of(c) == expected);
  }
}

TEST_CASE("boosts of facts and of the item add up") {
  catalogue c(3, {0, 0});
  c.give(0, {0, 1});
  c.give(1, {1});
  c.rules.fact_boosts = {{0, 2.0F}, {1, -0.5F}};
  c.rules.item_boosts = {{item(1), 3.0F}};
  CHECK(boost_of(c.rules, c.known, item(0)) == 1.5F);
  CHECK(boost_of(c.rules, c.known, item(1)) == 2.5F);
  CHECK(boost_of(c.rules, c.known, item(2)) == 0.0F);
}

TEST_CASE("caps count each value of an attribute, a value given twice once") {
  catalogue c(6, {0, 0, 1});
  c.give(0, {0, 0});
  c.give(1, {0});
  c.give(2, {0, 1});
  c.give(3, {1, 2});
  c.give(4, {2});
  c.rules.caps = {{0, 2}};
  room_left room(c.rules, c.known);
  room.place(item(0));
  CHECK(room.has_room(item(1)));
  room.place(item(2));
  CHECK_FALSE(room.has_room(item(1)));  // two with fact 0
  CHECK(room.has_room(item(3)));        // one with fact 1
  room.place(item(3));
  CHECK_FALSE(room.has_room(item(3)));
  for (int k = 0; k < 10; ++k) room.place(item(4));  // attribute 1 is not capped
  CHECK(room.has_room(item(4)));
  CHECK(room.has_room(item(5)));  // has nothing
}
