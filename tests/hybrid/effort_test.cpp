#include "tandem/hybrid/effort.hpp"

#include <chrono>
#include <memory>
#include <vector>

#include "hybrid/small_world.hpp"
#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/hybrid/decide.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using namespace small_world;
using std::chrono::microseconds;

namespace {

// popularity, and three others of 10, 300 and 50 microseconds; 40 microseconds besides
cost_book book() {
  cost_book out({true, false, false, false});
  out.learn({}, std::vector<double>{5e-6, 10e-6, 300e-6, 50e-6}, 405e-6);
  return out;
}

decided answer(const world& base, const sources& from, const std::vector<bool>& left_out) {
  view v;
  v.known = base.known;
  v.weights = blender(from.size()).weights();
  const query q{v.known, "ada", user_index{0}, base.time, base.context};
  wish w;
  w.seed = 3;
  w.id = decision_id{1};
  w.left_out = left_out;
  gather_scratch scratch;
  return decide(v, q, from, w, {}, scratch);
}

}  // namespace

TEST_CASE("a budget leaves out the dearest sources first, and popularity last") {
  const cost_book costs = book();
  const auto level = [&](int us) { return costs.afford(microseconds(us)).level; };
  const auto left_out = [&](int us) { return costs.afford(microseconds(us)).left_out; };
  CHECK(level(0) == answer_level::full);  // no budget
  CHECK(level(406) == answer_level::full);
  CHECK(left_out(406).empty());
  CHECK(level(200) == answer_level::lean);
  CHECK(left_out(200) == std::vector<bool>{false, false, true, false});
  CHECK(left_out(60) == std::vector<bool>{false, false, true, true});
  CHECK(level(50) == answer_level::popular);
  CHECK(level(1) == answer_level::popular);
  CHECK(left_out(1) == std::vector<bool>{false, true, true, true});
}

TEST_CASE("an answer without some sources does without the ranker, which never saw one that was not asked") {
  const sources from{std::make_shared<told>(std::vector<float>{3, 2, 1, 0}),
                     std::make_shared<told>(std::vector<float>{0, 3, 1, 2})};
  world base(4);
  const candidate_set set = answer(base, from, {}).candidates;
  choice_log log(2);
  const std::vector<std::size_t> all{0, 1, 2, 3};
  for (std::size_t k = 0; k < ranker::least_choices; ++k) {
    log.add(set, all, k % 2, std::vector<float>{1, 2, 3, 4}, user_index{0});
  }
  auto fitted = std::make_shared<batch_snapshot>(std::make_shared<const tandem::batch::factor_model>(
      tandem::batch::factor_model::from_factors({}, {1, 1, 1, 1}, 1, {0.1F, 0.01F, 1.0F})));
  fitted->ranking = std::make_shared<const ranker>(ranker::fit(log.latest(), {"a", "b"}));
  REQUIRE(fitted->ranking->ready());
  base.known.batch = fitted;
  CHECK(answer(base, from, {}).candidates.ranked.size() == 4);
  CHECK(answer(base, from, {false, true}).candidates.ranked.empty());
}

TEST_CASE("before anything was timed all sources are asked") {
  CHECK(cost_book({false, true}).afford(microseconds(1)).level == answer_level::full);
}

TEST_CASE("without popularity and trends the cheapest source stays") {
  cost_book costs({false, false});
  costs.learn({}, std::vector<double>{1e-3, 1e-4}, 2e-3);
  CHECK(costs.afford(microseconds(1)).left_out == std::vector<bool>{true, false});
}

TEST_CASE("a source that was left out is tried again, and left out again while it is dear") {
  cost_book costs({true, false});
  costs.learn({}, std::vector<double>{1e-5, 1e-3}, 1.1e-3);
  int tried = 0;
  for (int n = 0; n < 400; ++n) {
    const effort how = costs.afford(microseconds(500));
    const bool asked = how.left_out.empty();
    tried += asked ? 1 : 0;
    costs.learn(how.left_out, std::vector<double>{1e-5, asked ? 1e-3 : 0.0}, asked ? 1.1e-3 : 1.1e-4);
  }
  CHECK(tried > 1);
  CHECK(tried < 200);
  for (int n = 0; n < 200; ++n) {  // it has become fast
    const effort how = costs.afford(microseconds(500));
    costs.learn(how.left_out, std::vector<double>{1e-5, 1e-5}, 1.1e-4);
  }
  CHECK(costs.afford(microseconds(500)).level == answer_level::full);
}

TEST_CASE("a source that is left out is one that has nothing to say, and is not asked") {
  random_stream random(1);
  std::vector<float> a(50);
  std::vector<float> b(50);
  for (float& x : a) x = static_cast<float>(random.normal());
  for (float& x : b) x = static_cast<float>(random.normal());
  const world base(50);
  const sources both{std::make_shared<told>(a), std::make_shared<told>(b)};
  const sources one_silent{std::make_shared<told>(a), std::make_shared<told>(std::vector<float>{})};
  const decided without = answer(base, both, {false, true});
  const decided silent = answer(base, one_silent, {});
  CHECK(without.score == silent.score);
  CHECK(without.candidates.items == silent.candidates.items);
  CHECK(answer(base, both, {}).score != without.score);
}

TEST_CASE("the sources that make up the last level are those of popularity and trends") {
  std::vector<std::string_view> popular;
  for (const char* name : {"popularity", "trend_short", "trend_long", "neighbours", "trendy", "live_affinity"}) {
    if (is_popular(name)) popular.emplace_back(name);
  }
  CHECK(popular == std::vector<std::string_view>{"popularity", "trend_short", "trend_long"});
}

TEST_CASE("a stopwatch that is off reads nothing") {
  stopwatch off(false);
  CHECK(off.lap() == 0);
  stopwatch on(true);
  CHECK(on.lap() >= 0);
}
