// What a refit must not do: lose or double an event, make a reader wait, mix two models, depend on threads.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"
#include "tandem/core/interner.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace engine_world;

namespace {

const timestamp later = from_millis(10'000'000);

// answers to many users, everything in them
std::vector<std::tuple<std::string, float, double>> answers(engine& e, std::size_t users, bool shadow = false) {
  std::vector<std::tuple<std::string, float, double>> out;
  for (std::size_t u = 0; u < users; ++u) {
    const std::string user = user_name(u);
    for (const recommended_item& each : e.recommend({.user = user, .count = 10, .time = later, .shadow = shadow})) {
      out.emplace_back(each.item, each.score, each.propensity);
    }
  }
  return out;
}

auto counters(const engine& e) {
  const engine_stats s = e.stats();
  return std::tuple(s.events, s.late, s.users, s.items, s.refits, s.model_version, s.position, s.model_position,
                    s.newest, s.leader);
}

// every seventh event comes three days after it happened
event told(const deed& d, std::size_t k) {
  event e = d.as_event();
  e.time += std::chrono::hours(k % 7 == 6 ? 0 : 72);
  return e;
}

}  // namespace

TEST_CASE("events that come during a refit count once, as if they had come after it", "[engine][property]") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const std::vector<deed> log = deeds(900, seed);
    engine during(small_options(seed));
    engine after(small_options(seed));
    for (std::size_t k = 0; k < 600; ++k) {
      during.observe(log[k].as_event());
      after.observe(log[k].as_event());
    }
    bool told = false;
    during.refit({}, [&](const progress_report&) {
      for (std::size_t k = 600; k < log.size() && !told; ++k) during.observe(log[k].as_event());
      told = true;
      return true;
    });
    REQUIRE(told);
    after.refit();
    for (std::size_t k = 600; k < log.size(); ++k) after.observe(log[k].as_event());
    CHECK(during.stats().model_position == log_position{600});
    CHECK(during.stats().events == 900);
    CHECK(digest(during, 40, 120, later) == digest(after, 40, 120, later));

    during.refit();  // and the next one takes them in
    after.refit();
    CHECK(during.stats().model_position == log_position{900});
    CHECK(digest(during, 40, 120, later) == digest(after, 40, 120, later));
  }
}

TEST_CASE("whatever threads observe while refits run, the state is that of the log in its order",
          "[engine][property][concurrency]") {
  constexpr std::size_t refits = 4;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const std::vector<deed> log = deeds(500, seed);
    engine raced(small_options(seed));
    std::vector<std::size_t> at_position(log.size());
    const auto observe = [&](std::size_t k) {
      const observe_result r = raced.observe(told(log[k], k));
      if (r.taken()) at_position[raw(r.position)] = k;
    };
    for (std::size_t k = 0; k < 100; ++k) observe(k);
    std::atomic<std::size_t> allowed{100};  // events that may have been told by now
    const auto observe_every_other = [&](std::size_t k) {
      for (; k < log.size(); k += 2) {
        while (k >= allowed) std::this_thread::yield();
        observe(k);
      }
    };
    std::thread even(observe_every_other, 100);
    std::thread odd(observe_every_other, 101);
    std::vector<log_position> covered;
    std::size_t overlapped = 0;
    for (std::size_t n = 1; n <= refits; ++n) {
      bool held = false;  // each refit waits until something came in while it ran
      raced.refit({}, [&](const progress_report&) {
        if (std::exchange(held, true)) return true;
        const log_position before = raced.stats().position;
        allowed = 100 + n * (log.size() - 100) / refits;
        for (int k = 0; k < 10'000'000 && raced.stats().position == before; ++k) std::this_thread::yield();
        overlapped += raced.stats().position != before ? 1U : 0U;
        return true;
      });
      covered.push_back(raced.stats().model_position);
    }
    allowed = log.size();
    even.join();
    odd.join();
    CHECK(overlapped == refits);

    engine in_order(small_options(seed));
    for (std::size_t p = 0; p <= log.size(); ++p) {
      for (const log_position refit_at : covered) {
        if (raw(refit_at) == p) in_order.refit();
      }
      if (p < log.size()) in_order.observe(told(log[at_position[p]], at_position[p]));
    }
    CHECK(raced.stats().late > 0);
    CHECK(counters(raced) == counters(in_order));
    CHECK(digest(raced, 40, 120, later) == digest(in_order, 40, 120, later));
    CHECK(answers(raced, 40) == answers(in_order, 40));
  }
}

TEST_CASE("a refit fits next-item ridge to the log: merged events are one user's, refused ones nobody's", "[engine]") {
  engine_options o = small_options(3);
  o.sources = {"next_item_ridge", "popularity"};
  o.actions = {{"view", 1}, {"return", -1}};
  o.ridge.regularization = 2;
  o.ridge.window = 5;
  engine e(o);
  const std::vector<deed> log = deeds(900, 3, 10, 40);
  std::vector<logged_event> events;
  interner<item_index> items;
  for (std::size_t k = 0; k < log.size(); ++k) {
    event said = log[k].as_event();
    if (k % 11 == 10) said.action = "return";
    e.observe(said);
    logged_event record;
    record.item = items.intern(log[k].item);
    const auto number = static_cast<std::uint32_t>(std::stoul(log[k].user.substr(4)));
    record.user = user_index{number == 1 ? 0 : number};
    record.weight = k % 11 == 10 ? -1 : 1;
    record.time = log[k].time;
    if (number != 2) events.push_back(record);
  }
  e.merge("user1", "user0");
  e.set_consent("user2", false);
  const std::string asked = user_name(4);
  CHECK(e.explain({asked, 10, later}, log[0].item).sources[0].score == 0);  // no refit yet
  e.refit();

  const auto expected = batch::fit_next_item_ridge(events, items.size(), o.ridge);
  std::vector<item_index> latest;
  for (const logged_event& each : events) {
    if (raw(each.user) == 4 && each.weight > 0) latest.push_back(each.item);
  }
  std::vector<float> scores(items.size());
  REQUIRE(expected.score_recent(latest, scores));
  std::size_t compared = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const explanation x = e.explain({asked, 10, later}, items.name(item_index{static_cast<std::uint32_t>(i)}));
    if (!x.allowed) continue;  // returned once
    CHECK(x.sources[0].score == scores[i]);
    ++compared;
  }
  CHECK(compared > 20);
}

TEST_CASE("a refit fits a ranker to the choices so far, and none where nothing is kept for it", "[engine]") {
  const std::vector<deed> log = deeds(1500, 6);
  const auto replay = [&](std::size_t choices) {
    engine_options o = small_options(6);
    o.ranker.choices = choices;
    engine e(o);
    for (std::size_t k = 0; k < log.size(); ++k) {
      const recommendation page = e.recommend({.user = log[k].user, .count = 10, .time = log[k].time, .shadow = true});
      event told = log[k].as_event();
      told.decision = page.id;
      e.observe(told);
      if (k == 1000) e.refit();
    }
    return e;
  };
  const auto scores = [&](const engine& e) {
    std::vector<float> out;
    for (std::size_t i = 0; i < 120; ++i) {
      out.push_back(e.explain({user_name(3), 10, from_millis(10'000'000)}, item_name(i)).score);
    }
    return out;
  };
  const engine with = replay(8000);
  CHECK(with.stats().has_ranker);
  const engine again = replay(8000);
  CHECK(scores(with) == scores(again));
  CHECK(with.digest() == again.digest());
  CHECK_FALSE(replay(100).stats().has_ranker);  // too few choices
  CHECK_FALSE(replay(0).stats().has_ranker);
}

TEST_CASE("a refit that is cancelled leaves the model and what was learned as they were", "[engine]") {
  engine e(small_options());
  for (const deed& d : deeds(500, 2)) e.observe(d.as_event());
  e.refit();
  const std::vector<double> before = digest(e, 10, 120, later);
  CHECK_THROWS_AS(e.refit({}, [](const progress_report&) { return false; }), error);
  CHECK(digest(e, 10, 120, later) == before);
  CHECK(e.stats().model_version == 1);
  e.refit();
  CHECK(e.stats().model_version == 2);
}

TEST_CASE("every call but another refit returns while a refit is held", "[engine][concurrency]") {
  engine e(small_options());
  for (const deed& d : deeds(500, 2)) e.observe(d.as_event());
  e.refit();
  std::mutex mutex;
  std::condition_variable changed;
  bool inside = false;
  bool released = false;
  bool in_time = false;
  std::thread refitting([&] {
    e.refit({}, [&](const progress_report&) {
      std::unique_lock lock(mutex);
      if (std::exchange(inside, true)) return true;
      changed.notify_all();
      in_time = changed.wait_for(lock, std::chrono::seconds(20), [&] { return released; });
      return true;
    });
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside; });
  }
  const recommendation r = e.recommend({"user1", 10, later});
  CHECK(r.items.size() == 10);
  CHECK(r.model_version == 1);
  CHECK(e.reward(r.id, r.items[0].item, 1, later).taken());
  CHECK(e.observe({"user1", "item3", "view", 1, later}).taken());
  CHECK(e.explain({"user1", 10, later}, "item3").known);
  CHECK(e.stats().model_version == 1);
  CHECK(e.model() != nullptr);
  e.upsert_item("item1", {{"kind", "odd"}});
  e.retire_item("item2");
  e.merge("user5", "user6");
  e.advance(later);
  {
    const std::lock_guard lock(mutex);
    released = true;
  }
  changed.notify_all();
  refitting.join();
  CHECK(in_time);  // else some call above waited for the refit
  CHECK(e.recommend({"user1", 10, later}).model_version == 2);
}

TEST_CASE("no answer mixes two models: its scores are those of the model version it names",
          "[engine][property][concurrency]") {
  constexpr std::size_t users = 12;
  constexpr std::size_t refits = 24;
  engine_options o = small_options();
  o.sources = {"batch_affinity"};
  const std::vector<deed> log = deeds(300 + 10 * refits, 7, users);
  const auto start = [&](engine& e) {
    for (std::size_t i = 0; i < 120; ++i) e.upsert_item(item_name(i));
    for (std::size_t k = 0; k < 300; ++k) e.observe(log[k].as_event());
    e.refit();
  };
  const auto next_model = [&](engine& e, std::size_t n) {
    for (std::size_t k = 0; k < 10; ++k) e.observe(log[300 + 10 * n + k].as_event());
    e.refit();
  };
  constexpr float rounding = 2e-4F;  // of packed factors
  // one thread alone: what each version answers, and that this is what its model() says
  using answer = std::vector<std::pair<std::string, float>>;
  const auto answer_of = [](const recommendation& r) {
    answer out;
    for (const recommended_item& each : r) out.emplace_back(each.item, each.score);
    return out;
  };
  const auto wish = [](const std::string& user) {
    return request{.user = user, .count = 20, .time = later, .shadow = true};
  };
  std::vector<std::array<answer, users>> expected(1);  // version 0 is never asked
  engine alone(o);
  start(alone);
  interner<user_index> user_indices;
  interner<item_index> item_indices;
  for (std::size_t i = 0; i < 120; ++i) item_indices.intern(item_name(i));
  for (const deed& d : log) user_indices.intern(d.user);
  for (std::size_t n = 0; n <= refits; ++n) {
    if (n > 0) next_model(alone, n - 1);
    const auto model = alone.model();
    expected.emplace_back();
    for (std::size_t u = 0; u < users; ++u) {
      const std::string user = user_name(u);
      expected.back()[u] = answer_of(alone.recommend(wish(user)));
      REQUIRE(expected.back()[u].size() == 20);
      CHECK(expected.back()[u] != expected[n][u]);
      float above = std::numeric_limits<float>::infinity();
      for (const auto& [item, score] : expected.back()[u]) {
        const float own = model->score(user_indices.find(user), item_indices.find(item));
        CHECK(std::abs(alone.explain(wish(user), item).sources[0].score - own) < rounding);
        CHECK(own <= above + rounding);
        above = own;
      }
    }
  }

  engine e(o);
  start(e);
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> mixed{0};
  std::array<std::atomic<std::size_t>, refits + 2> answered{};
  std::vector<std::thread> readers;
  for (std::size_t t = 0; t < 2; ++t) {
    readers.emplace_back([&, t] {
      for (std::size_t k = t; !stop; ++k) {
        const std::size_t u = k % users;
        const recommendation r = e.recommend(wish(user_name(u)));
        mixed += answer_of(r) != expected[r.model_version][u] ? 1U : 0U;
        ++answered[r.model_version];
      }
    });
  }
  for (std::size_t n = 0; n < refits; ++n) {
    while (answered[n + 1] == 0) std::this_thread::yield();  // every version serves somebody
    next_model(e, n);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(mixed == 0);
}

TEST_CASE("a model, and what is recommended with it, is the same bits for any number of threads",
          "[engine][property][concurrency]") {
  const std::vector<deed> log = deeds(6000, 4, 1200, 600);  // rows for several blocks and tasks
  std::vector<std::vector<float>> factors;
  std::vector<std::vector<std::tuple<std::string, float, double>>> shown;
  for (const std::size_t threads : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
    engine e(small_options());
    thread_pool pool(std::max<std::size_t>(threads, 1));
    const executor_ref executor = threads == 0 ? executor_ref() : executor_ref(pool);
    for (std::size_t k = 0; k < log.size(); ++k) {
      e.observe(log[k].as_event());
      if (k % 3000 == 2999) e.refit(executor);  // cold, then warm
    }
    const auto model = e.model();
    factors.emplace_back(model->user_matrix().begin(), model->user_matrix().end());
    factors.back().insert(factors.back().end(), model->item_matrix().begin(), model->item_matrix().end());
    shown.push_back(answers(e, 100));
  }
  for (std::size_t k = 1; k < factors.size(); ++k) {
    CHECK(factors[k] == factors[0]);
    CHECK(shown[k] == shown[0]);
  }
}
