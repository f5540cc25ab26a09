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
    sum += e.explain({.user = "somebody", .time = time}, item_name(best)).rank == 0 ? 1 : 0;
  }
  return sum / requests;
}

// by how much the blend tells apart what it likes most and least
double spread(const engine& e) {
  float high = -1e9F;
  float low = 1e9F;
  for (std::size_t i = 0; i < n_items; ++i) {
    const explanation x = e.explain({.user = "somebody", .time = from_millis(100'000'000)}, item_name(i));
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
  engine beside =
      two_sources(0.05);  // the same takings, of pages that were not shown: a choice from the whole catalogue
  for (int k = 1; k <= 3000; ++k) {
    const timestamp time = from_millis(10 * k);
    const recommendation page = shown.recommend({.user = "visitor", .count = 10, .time = time});
    REQUIRE(shown.reward(page.id, page.items[0].item, 1, time).taken());
    const recommendation other = beside.recommend({.user = "visitor", .count = 10, .time = time, .shadow = true});
    REQUIRE(beside.reward(other.id, other.items[0].item, 1, time).taken());
  }
  CHECK(spread(shown) < 0.45 * spread(beside));  // .35; .54 if places were taken for taste
}
