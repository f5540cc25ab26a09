// What always holds of answers: they reflect what was observed, shadows explore nothing, explain() agrees. Beside it:
// refit_test.cpp, propensity_test.cpp, blend_test.cpp.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace engine_world;

namespace {

const timestamp later = from_millis(10'000'000);

bool contains(const recommendation& r, const std::string& item) {
  return std::any_of(r.begin(), r.end(), [&](const recommended_item& each) { return each.item == item; });
}

}  // namespace

TEST_CASE("when observe returns, the next answer on any thread reflects it", "[engine][property][concurrency]") {
  engine_options o = small_options();
  o.exclude_seen = true;
  engine e(o);
  for (const deed& d : deeds(400, 5)) e.observe(d.as_event());
  std::atomic<std::size_t> observed{0};
  std::atomic<bool> wrong{false};
  constexpr std::size_t n = 60;
  std::vector<std::thread> readers;
  readers.reserve(2);
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      for (std::size_t seen = 0; seen < n;) {
        const std::size_t now = observed.load(std::memory_order_acquire);
        if (now == 0) continue;
        const recommendation r = e.recommend({"ada", 200, later});
        for (std::size_t k = 0; k < now; ++k) wrong = wrong || contains(r, item_name(k));
        wrong = wrong || raw(r.position) < 400 + now;
        seen = now;
      }
    });
  }
  for (std::size_t k = 0; k < n; ++k) {
    const std::string item = item_name(k);
    REQUIRE(e.observe({"ada", item, "view", 1, later}).taken());
    observed.store(k + 1, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
  CHECK_FALSE(wrong);
}

TEST_CASE("a shadow answer explores nothing and is certain", "[engine]") {
  engine_options o = small_options();
  o.slate.policy = online::epsilon_greedy{1.0};
  engine e(o);
  for (const deed& d : deeds(500, 9)) e.observe(d.as_event());
  const recommendation first = e.recommend({.user = "user1", .count = 10, .time = later, .shadow = true});
  for (int k = 0; k < 10; ++k) {
    const recommendation r = e.recommend({.user = "user1", .count = 10, .time = later, .shadow = true});
    REQUIRE(r.items.size() == first.items.size());
    for (std::size_t i = 0; i < r.items.size(); ++i) {
      CHECK(r.items[i].item == first.items[i].item);
      CHECK(r.items[i].propensity == 1);
    }
  }
}

TEST_CASE("explain agrees with the answer", "[engine][property]") {
  engine e(small_options());
  for (const deed& d : deeds(800, 6)) e.observe(d.as_event());
  e.refit();
  for (std::size_t u = 0; u < 40; ++u) {
    const std::string user = user_name(u);
    const request r{.user = user, .count = 10, .time = later, .shadow = true};
    const recommendation answer = e.recommend(r);
    for (std::size_t k = 0; k < answer.items.size(); ++k) {
      const explanation x = e.explain(r, answer.items[k].item);
      REQUIRE(x.candidate);
      CHECK(std::abs(x.rank - static_cast<double>(k)) < 3);  // ties stand at their mean rank
      CHECK(x.score == answer.items[k].score);
    }
  }
}

TEST_CASE("all calls at once from many threads leave a whole engine", "[engine][concurrency]") {
  engine_options o = small_options();
  o.max_pending_decisions = 64;
  engine e(o);
  const std::vector<deed> log = deeds(1500, 8);
  for (std::size_t k = 0; k < 300; ++k) e.observe(log[k].as_event());
  thread_pool background(1);
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> answered{0};
  std::atomic<bool> went_back{false};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      std::uint64_t version = 0;
      for (std::size_t k = t; !stop; ++k) {
        const deed& d = log[k % log.size()];
        const recommendation r = e.recommend({d.user, 5, d.time});
        answered += r.items.size();
        went_back = went_back || r.model_version < version;
        version = r.model_version;
        if (!r.items.empty() && k % 3 == 0) e.reward(r.id, r.items[0].item, 1, d.time);
      }
    });
  }
  threads.emplace_back([&] {
    while (!stop) {
      e.refit_in_background([&](std::function<void()> work) { background.post(std::move(work)); });
      (void)e.stats();
      (void)e.explain({"user3", 5, later}, "item3");
      e.advance(later);
      e.upsert_item("item1", {{"kind", "odd"}});
      e.retire_item("item2");
      e.merge("user5", "user6");
    }
  });
  std::size_t taken = 0;
  for (std::size_t k = 300; k < log.size(); ++k) taken += e.observe(log[k].as_event()).taken() ? 1U : 0U;
  while (answered == 0 || e.stats().refits < 2) std::this_thread::yield();  // all of them had their turn
  stop = true;
  for (std::thread& each : threads) each.join();
  CHECK(taken == log.size() - 300);
  CHECK_FALSE(went_back);
  const engine_stats s = e.stats();
  CHECK(raw(s.position) == s.events);
  CHECK(s.pending_decisions <= 64);
}
