#include "tandem/batch/popularity.hpp"

#include <vector>

#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

interactions small_log() {
  const std::vector<interaction> events{{user_index{0}, item_index{1}, 2.0F, {}},
                                        {user_index{1}, item_index{1}, 1.0F, {}},
                                        {user_index{0}, item_index{3}, 3.0F, {}},
                                        {user_index{1}, item_index{0}, 0.5F, {}},
                                        {user_index{0}, item_index{2}, -1.0F, {}}};
  return interactions::from_events(events, 2, 5);
}

}  // namespace

TEST_CASE("popularity sums the weights of an item", "[popularity]") {
  const popularity model(small_log());
  REQUIRE(model.n_items() == 5);
  CHECK(model.score(item_index{0}) == 0.5F);
  CHECK(model.score(item_index{1}) == 3.0F);
  CHECK(model.score(item_index{2}) == 0.0F);  // a dislike is no popularity
  CHECK(model.scores()[3] == 3.0F);
}

TEST_CASE("popularity ranks ties by index and leaves out the excluded", "[popularity]") {
  const popularity model(small_log());
  std::vector<scored_item> out(5);
  REQUIRE(model.top_n(out) == 5);
  CHECK(out[0].item == item_index{1});
  CHECK(out[1].item == item_index{3});
  CHECK(out[2].item == item_index{0});
  CHECK(out[3].item == item_index{2});
  const std::vector<item_index> exclude{item_index{1}, item_index{2}, item_index{4}};
  REQUIRE(model.top_n(out, exclude) == 2);
  CHECK(out[0].item == item_index{3});
  CHECK(out[1].item == item_index{0});
  CHECK(model.top_n({}, exclude) == 0);
}

TEST_CASE("popularity of nothing is empty", "[popularity]") {
  const popularity model;
  std::vector<scored_item> out(3);
  CHECK(model.top_n(out) == 0);
  CHECK(popularity(interactions{}).n_items() == 0);
}

TEST_CASE("popularity counts beyond what float32 can add up", "[popularity]") {
  // 2^24 + 1 ones are one too many for a float32 sum; weights stand for many users
  const std::vector<interaction> events{{user_index{0}, item_index{0}, 16777216.0F, {}},
                                        {user_index{1}, item_index{0}, 1.0F, {}},
                                        {user_index{2}, item_index{0}, 1.0F, {}}};
  CHECK(popularity(interactions::from_events(events, 3, 1)).score(item_index{0}) == 16777218.0F);
}
