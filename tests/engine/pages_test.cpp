// What pages teach the blend: places are not mistaken for taste, and an item alone on its page teaches too.

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace engine_world;

namespace {

constexpr std::size_t n_items = 20;

// an item's worth at a request, which is known by its time, as one source knows it and another does not
float worth(timestamp time, std::size_t item, std::uint64_t whose) {
  random_stream random(static_cast<std::uint64_t>(time.time_since_epoch().count()), whose * n_items + item);
  return static_cast<float>(random.normal());
}

class oracle final : public hybrid::source {
 public:
  oracle(std::string name, std::uint64_t whose) : name_(std::move(name)), whose_(whose) {}
  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  bool score(const hybrid::query& q, std::span<float> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = worth(q.time, i, whose_);
    return true;
  }

 private:
  std::string name_;
  std::uint64_t whose_;
};

engine two_sources(double exploration) {
  engine_options o = small_options();
  o.sources = {"popularity"};  // silent: nothing is observed but takings of what it does not matter for
  o.blender.guard = false;
  o.slate.policy = online::epsilon_greedy{exploration};
  o.reward_window = std::chrono::milliseconds(1);
  engine out(o);
  out.add_source(std::make_shared<oracle>("knows", 0));
  out.add_source(std::make_shared<oracle>("guesses", 1));
  for (std::size_t i = 0; i < n_items; ++i) out.upsert_item(item_name(i));
  return out;
}

std::size_t number_of(const std::string& item) { return static_cast<std::size_t>(std::stoul(item.substr(4))); }

// the share of requests where the blend puts the best item of the source that knows first
double right(const engine& e, int requests) {
  double sum = 0;
  for (int k = 0; k < requests; ++k) {
    const timestamp time = from_millis(100'000'000 + k);
    std::size_t best = 0;
    for (std::size_t i = 1; i < n_items; ++i) best = worth(time, i, 0) > worth(time, best, 0) ? i : best;
    sum += e.explain({.user = "visitor", .time = time}, item_name(best)).rank == 0 ? 1 : 0;
  }
  return sum / requests;
}

// by how much the blend tells apart what it likes most and least
double spread(const engine& e) {
  float high = -1e9F;
  float low = 1e9F;
  for (std::size_t i = 0; i < n_items; ++i) {
    const explanation x = e.explain({.user = "visitor", .time = from_millis(100'000'000)}, item_name(i));
    high = std::max(high, x.score);
    low = std::min(low, x.score);
  }
  return static_cast<double>(high - low);
}

}  // namespace

TEST_CASE("an item alone on its page teaches the blend, whether it is taken or not", "[engine][rewards]") {
  engine e = two_sources(0.5);
  const double before = right(e, 200);
  random_stream random(5);
  for (int k = 1; k <= 6000; ++k) {
    const timestamp time = from_millis(10 * k);
    const recommendation page = e.recommend({.user = "visitor", .count = 1, .time = time});
    REQUIRE(page.items.size() == 1);
    const double likes = 2 * static_cast<double>(worth(time, number_of(page.items[0].item), 0)) - 2;
    if (random.uniform() < 1 / (1 + std::exp(-likes))) {
      REQUIRE(e.reward(page.id, page.items[0].item, 1, time).taken());
    } else if (k % 7 == 0) {  // told that it was not: as the silence of the others
      REQUIRE(e.reward(page.id, page.items[0].item, 0, time).taken());
    }
  }
  e.advance(from_millis(90'000'000));
  CHECK(before < 0.5);
  CHECK(right(e, 200) > 0.7);
}

TEST_CASE("people who take what stands first, whatever it is, teach the blend little", "[engine][rewards]") {
  engine shown = two_sources(0.05);
  engine beside = two_sources(0.05);  // the same takings of pages that were not shown: choices from the whole catalogue
  for (int k = 1; k <= 3000; ++k) {
    const timestamp time = from_millis(10 * k);
    const recommendation page = shown.recommend({.user = "visitor", .count = 10, .time = time});
    REQUIRE(shown.reward(page.id, page.items[0].item, 1, time).taken());
    const recommendation other = beside.recommend({.user = "visitor", .count = 10, .time = time, .shadow = true});
    REQUIRE(beside.reward(other.id, other.items[0].item, 1, time).taken());
  }
  CHECK(spread(shown) < 0.45 * spread(beside));  // .35; .54 if places were taken for taste
}

TEST_CASE("pages that another system filled, with what it logged of them, teach the blend", "[engine][rewards]") {
  for (const std::size_t places : {std::size_t{1}, std::size_t{5}}) {
    engine e = two_sources(0);
    const double before = right(e, 200);
    random_stream random(7);
    for (int k = 1; k <= 6000; ++k) {
      const timestamp time = from_millis(10 * k);
      std::vector<std::string> items;
      for (std::size_t i = 0; i < n_items; ++i) items.push_back(item_name(i));
      std::vector<shown_item> page;  // drawn uniformly, as its log says
      for (std::size_t p = 0; p < places; ++p) {
        const auto left = static_cast<double>(n_items - p);
        std::swap(items[p], items[p + random.below(n_items - p)]);
        page.push_back({items[p], 1 / left});
      }
      const recommendation told = e.recommend({.user = "visitor", .time = time, .shown = page});
      REQUIRE(told.id != decision_id::none);
      for (std::size_t p = 0; p < places; ++p) {
        const double likes = 2 * static_cast<double>(worth(time, number_of(items[p]), 0)) - 2;
        if (random.uniform() * static_cast<double>(p + 1) > 1 / (1 + std::exp(-likes))) continue;
        REQUIRE(e.reward(told.id, items[p], 1, time).taken());
      }
    }
    CHECK(before < 0.5);
    CHECK(right(e, 200) > 0.7);
  }
}

TEST_CASE("a page that was given is the answer, whatever the engine would not have shown", "[engine]") {
  engine e(small_options());
  for (const deed& d : deeds(300, 2)) e.observe(d.as_event());
  e.retire_item("item3");
  const std::vector<shown_item> page{{"item3", 0.25}, {"item1", 1}, {"item2", 0.5}};
  const std::vector<std::string_view> others{"item1"};
  page_rules rules;
  rules.never_with = {"kind=tea"};
  const recommendation told = e.recommend({.user = "user1",
                                           .count = 1,
                                           .time = from_millis(400'000),
                                           .candidates = others,
                                           .blocked = others,
                                           .exclude_seen = true,
                                           .shadow = true,
                                           .rules = &rules,
                                           .budget = std::chrono::microseconds(1),
                                           .shown = page});
  REQUIRE(told.items.size() == 3);
  CHECK(told.level == answer_level::full);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(told.items[k].item == page[k].item);
    CHECK(told.items[k].propensity == page[k].propensity);
  }
  CHECK(e.reward(told.id, "item3", 1, from_millis(400'001)).taken());
  const recommendation own = e.recommend({.user = "user1", .time = from_millis(400'002)});
  std::vector<logged_decision> logged;
  e.read_decisions([&](const logged_decision& d) { logged.push_back(d); });
  REQUIRE(logged.size() == 2);
  CHECK(logged[0].given);
  CHECK_FALSE(logged[0].shadow);
  CHECK(logged[0].items.size() == 3);
  CHECK(logged[0].rewards.size() == 1);
  CHECK_FALSE(logged[1].given);
}

TEST_CASE("a page that cannot have been shown is answered with nothing, and changes nothing", "[engine]") {
  engine e(small_options());
  for (const deed& d : deeds(300, 2)) e.observe(d.as_event());
  const std::uint64_t before = e.digest();
  const auto refused = [&](const std::vector<shown_item>& page) {
    const std::uint64_t failed = e.stats().failed_answers;
    const recommendation told = e.recommend({.user = "user1", .time = from_millis(400'000), .shown = page});
    return told.id == decision_id::none && told.items.empty() && e.stats().failed_answers == failed + 1;
  };
  CHECK(refused({{"never heard of", 1}}));
  CHECK(refused({{"", 1}}));
  CHECK(refused({{"item1", 1}, {"item2", 1}, {"item1", 1}}));
  CHECK(refused({{"item1", 0}}));
  CHECK(refused({{"item1", -0.5}}));
  CHECK(refused({{"item1", 1.5}}));
  CHECK(refused({{"item1", std::nan("")}}));
  CHECK(refused(std::vector<shown_item>(max_request_count + 1, {"item1", 1})));
  CHECK(e.stats().decisions == 0);
  engine same(small_options());
  for (const deed& d : deeds(300, 2)) same.observe(d.as_event());
  CHECK(same.digest() == before);
  CHECK(same.recommend({.user = "user1", .time = from_millis(400'000)}).items.size() == 10);
}
