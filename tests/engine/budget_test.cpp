// Answers within a budget: sources are left out by stated steps, and the answer and its log say so.

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"

using namespace engine_world;
using namespace std::chrono_literals;

namespace {

const timestamp later = from_millis(10'000'000);

// takes its time
class slow final : public hybrid::source {
 public:
  std::string_view name() const noexcept override { return "slow"; }
  bool score(const hybrid::query& q, std::span<float> out) const override {
    ++asked;
    std::this_thread::sleep_for(30ms);
    for (std::size_t i = 0; i < q.n_items(); ++i) out[i] = static_cast<float>(i % 7);
    return true;
  }
  mutable std::atomic<int> asked = 0;
};

engine shop() {
  engine e(small_options());
  for (const deed& d : deeds(600, 9)) e.observe(d.as_event());
  return e;
}

}  // namespace

TEST_CASE("a source that does not fit the budget is left out, and the answer says so", "[engine][budget]") {
  engine e = shop();
  const auto own = std::make_shared<slow>();
  e.add_source(own);
  const recommendation first = e.recommend({.user = "user1", .time = later, .budget = 15ms});
  CHECK(first.level == answer_level::full);  // nothing was known of what it takes
  CHECK(own->asked == 1);
  for (int n = 0; n < 5; ++n) {
    const recommendation next = e.recommend({.user = "user1", .time = later, .budget = 15ms});
    CHECK(next.level != answer_level::full);
    CHECK(next.items.size() == 10);
    CHECK(next.id != decision_id::none);
  }
  CHECK(own->asked == 1);
  CHECK(e.recommend({.user = "user1", .time = later}).level == answer_level::full);
  CHECK(own->asked == 2);
  std::vector<answer_level> levels;
  e.read_decisions([&](const logged_decision& d) { levels.push_back(d.level); });
  REQUIRE(levels.size() == 7);
  CHECK(levels.front() == answer_level::full);
  CHECK(levels[1] != answer_level::full);
  CHECK(levels.back() == answer_level::full);
}

TEST_CASE("a budget that is never short changes no answer", "[engine][budget]") {
  engine with = shop();
  engine without = shop();
  for (std::size_t n = 0; n < 30; ++n) {
    const std::string user = user_name(n);
    const recommendation a = with.recommend({.user = user, .time = later, .budget = 1h});
    const recommendation b = without.recommend({.user = user, .time = later});
    REQUIRE(a.level == answer_level::full);
    REQUIRE(a.items.size() == b.items.size());
    for (std::size_t k = 0; k < a.items.size(); ++k) {
      REQUIRE(a.items[k].item == b.items[k].item);
      REQUIRE(a.items[k].propensity == b.items[k].propensity);
    }
  }
  CHECK(with.digest() == without.digest());
}

TEST_CASE("an answer of less than all sources can be rewarded", "[engine][budget]") {
  engine e = shop();
  (void)e.recommend({.user = "user1", .time = later, .budget = 1us});
  const recommendation page = e.recommend({.user = "user1", .time = later, .budget = 1us});
  REQUIRE(page.level == answer_level::popular);
  REQUIRE_FALSE(page.items.empty());
  CHECK(e.reward(page.id, page.items[0].item, 1, later).taken());
  CHECK(e.stats().rewards == 1);
}
