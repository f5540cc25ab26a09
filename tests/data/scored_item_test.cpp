#include "tandem/data/scored_item.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;

TEST_CASE("best_items keeps the best whatever the order of the offers", "[scored_item]") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    random_stream random(seed);
    std::vector<scored_item> all;
    for (std::uint32_t i = 0; i < 1 + random.below(100); ++i) {
      all.push_back({item_index{i}, static_cast<float>(random.below(6))});  // many ties
    }
    const std::size_t n = random.below(20);
    std::vector<scored_item> shuffled = all;
    for (std::size_t i = shuffled.size(); i > 1; --i) std::swap(shuffled[i - 1], shuffled[random.below(i)]);
    std::vector<scored_item> out(n);
    best_items best(out);
    for (const scored_item& each : shuffled) best.offer(each.item, each.score);
    out.resize(best.finish());
    std::sort(all.begin(), all.end(), ranks_before);
    REQUIRE(out.size() == std::min(n, all.size()));
    for (std::size_t r = 0; r < out.size(); ++r) {
      CHECK(out[r].item == all[r].item);
      CHECK(out[r].score == all[r].score);
    }
  }
}

TEST_CASE("best_items passes over NaN and takes infinities", "[scored_item]") {
  std::vector<scored_item> out(3);
  best_items best(out);
  best.offer(item_index{0}, std::nanf(""));
  best.offer(item_index{1}, -HUGE_VALF);
  best.offer(item_index{2}, HUGE_VALF);
  best.offer(item_index{3}, std::nanf(""));
  REQUIRE(best.finish() == 2);
  CHECK(out[0].item == item_index{2});
  CHECK(out[1].item == item_index{1});
}

TEST_CASE("best_items offered blocks of scores keeps the smaller index on a tie", "[scored_item]") {
  const std::vector<float> scores(10, 1.0F);
  const std::vector<item_index> exclude{item_index{0}, item_index{12}, item_index{13}};
  std::vector<scored_item> out(4);
  best_items best(out);
  best.offer_all(item_index{10}, scores, exclude);  // the later block first
  best.offer_all(item_index{0}, scores, exclude);
  REQUIRE(best.finish() == 4);
  CHECK(out[0].item == item_index{1});
  CHECK(out[3].item == item_index{4});
}
