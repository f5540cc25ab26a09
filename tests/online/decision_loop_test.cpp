#include "tandem/online/decision_loop.hpp"

#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/chi_square.hpp"
#include "support/failing_new.hpp"
#include "tandem/online/auto_bandit.hpp"
#include "tandem/online/linear_bandit.hpp"

using namespace tandem;
using namespace tandem::online;
using vector = std::vector<float>;

namespace {

constexpr duration hour = std::chrono::hours(1);
constexpr timestamp start = from_millis(1'000'000);

decision_id id(std::uint64_t n) { return decision_id{n}; }

template <class Bandit>
Bandit with_arms(Bandit bandit, int n) {
  for (int a = 0; a < n; ++a) bandit.add_arm();
  return bandit;
}
lin_ts small(int arms = 3) { return with_arms(lin_ts({.dimension = 2, .policy = {.scale = 0.5}}), arms); }

vector context_of(std::uint64_t n) {
  random_stream random(77, n);
  return {1, static_cast<float>(random.normal())};
}

template <class Loop>
float expected(const Loop& loop, arm_index arm, const vector& x) {
  return loop.read([&](const auto& bandit) { return bandit.posterior(arm)->mean(x); });
}

template <class Loop>
std::vector<settled_decision> settled(Loop& loop) {
  std::vector<settled_decision> out(1000);
  out.resize(loop.take_settled(out));
  return out;
}

std::string refused_option(const decision_loop_options& options) {
  try {
    decision_loop<lin_ts> loop(small(), options);
  } catch (const error& e) {
    return e.where().field;
  }
  return "nothing";
}

}  // namespace

TEST_CASE("a decision is logged with what drew it, and its reward is known to the next") {
  decision_loop<lin_ts> loop(small(), {.seed = 5});
  const vector x = {1, 0.5F};
  const loop_decision shown = loop.decide(id(1), x, start);
  REQUIRE(shown.ok());
  CHECK(shown.status == decide_status::decided);
  CHECK(shown.version == 0);
  random_stream random(5, 1);
  lin_ts alone = small();
  const choice same = alone.choose(x, random);
  CHECK(shown.chosen.arm == same.arm);
  CHECK(shown.chosen.propensity == same.propensity);
  CHECK(expected(loop, shown.chosen.arm, x) == 0);
  CHECK(loop.reward(id(1), 1, start + hour) == reward_status::learned);
  CHECK(loop.decide(id(2), x, start).version == 1);
  alone.learn(same, x, 1);
  CHECK(expected(loop, shown.chosen.arm, x) == alone.posterior(same.arm)->mean(x));
}

TEST_CASE("asked again for the same id, the loop gives the same answer and draws nothing") {
  decision_loop<lin_ts> loop(small());
  const loop_decision first = loop.decide(id(9), vector{1, 2}, start);
  loop.reward(id(9), 1, start);
  const loop_decision again = loop.decide(id(9), vector{1, -2}, start + hour);
  CHECK(again.status == decide_status::repeated);
  CHECK(again.chosen.arm == first.chosen.arm);
  CHECK(again.chosen.propensity == first.chosen.propensity);
  CHECK(again.version == first.version);
  CHECK(again.time == start);
  CHECK(loop.stats().decisions == 1);
  CHECK(loop.stats().repeated == 1);
}

TEST_CASE("rewards in parts are learned as their join, whatever came between") {
  for (const join_rule join : {join_rule::sum, join_rule::mean, join_rule::earliest, join_rule::max}) {
    for (const learn_when when : {learn_when::on_arrival, learn_when::at_window_end}) {
      decision_loop<lin_ts> loop(small(1), {.join = join, .learn = when});
      lin_ts alone = small(1);
      const vector x = {1, 0.5F};
      const vector other = {1, -1};
      loop.decide(id(1), x, start);
      loop.decide(id(2), other, start);
      CHECK(loop.reward(id(1), 2, start + hour) ==
            (when == learn_when::on_arrival ? reward_status::learned : reward_status::joined));
      loop.reward(id(2), 5, start + hour);
      loop.reward(id(1), 4, start + 2 * hour);
      loop.advance(start + 100 * hour);
      const float joined = join == join_rule::sum        ? 6
                           : join == join_rule::mean     ? 3
                           : join == join_rule::earliest ? 2
                                                         : 4;
      alone.learn(arm_index{0}, x, joined);
      alone.learn(arm_index{0}, other, 5);
      CHECK(expected(loop, arm_index{0}, x) == Approx(alone.posterior(arm_index{0})->mean(x)).epsilon(1e-5));
      CHECK(expected(loop, arm_index{0}, other) == Approx(alone.posterior(arm_index{0})->mean(other)).epsilon(1e-5));
      const std::vector<settled_decision> done = settled(loop);
      REQUIRE(done.size() == 2);
      const settled_decision& first = done[0].id == id(1) ? done[0] : done[1];
      CHECK(first.reward == joined);
      CHECK(first.rewards == 2);
      CHECK(first.propensity == 1);
      CHECK(!first.evicted);
    }
  }
}

TEST_CASE("silence earns the default when the window has passed, and not before") {
  decision_loop<lin_ts> loop(small(1), {.reward_window = hour, .default_reward = -1});
  const vector x = {1, 0};
  loop.decide(id(1), x, start);
  loop.decide(id(2), x, start + hour / 2);
  loop.advance(start + hour);
  CHECK(expected(loop, arm_index{0}, x) == 0);
  CHECK(loop.stats().pending == 2);
  loop.advance(start + hour + duration(1));
  CHECK(expected(loop, arm_index{0}, x) == Approx(-0.5));
  CHECK(loop.stats().pending == 1);
  CHECK(loop.stats().defaults == 1);
  loop.advance(start + 5 * hour);
  CHECK(expected(loop, arm_index{0}, x) == Approx(-2.0 / 3));
  CHECK(settled(loop).size() == 2);
  decision_loop<lin_ts> silent(small(1), {.reward_window = hour, .default_reward = std::nullopt});
  silent.decide(id(1), x, start);
  silent.advance(start + 5 * hour);
  CHECK(silent.stats().version == 0);
  CHECK(silent.stats().settled == 1);
}

TEST_CASE("late, early, duplicate, unknown and absurd rewards are counted and change nothing") {
  decision_loop<lin_ts> loop(small(1), {.reward_window = hour, .least_reward = 0, .largest_reward = 10});
  const vector x = {1, 0};
  loop.decide(id(1), x, start);
  CHECK(loop.reward(id(1), 1, start, 42) == reward_status::learned);
  const float before = expected(loop, arm_index{0}, x);
  CHECK(loop.reward(id(1), 1, start, 42) == reward_status::duplicate);
  CHECK(loop.reward(id(1), 1, start - duration(1)) == reward_status::early);
  CHECK(loop.reward(id(1), 1, start + hour + duration(1)) == reward_status::late);
  CHECK(loop.reward(id(7), 1, start) == reward_status::unknown);
  CHECK(loop.reward(id(1), -0.1, start) == reward_status::refused);
  CHECK(loop.reward(id(1), 11, start) == reward_status::refused);
  CHECK(loop.reward(id(1), std::numeric_limits<double>::quiet_NaN(), start) == reward_status::refused);
  loop.advance(start + 2 * hour);
  CHECK(loop.reward(id(1), 1, start) == reward_status::late);  // settled, whatever the reward's own time
  CHECK(expected(loop, arm_index{0}, x) == before);
  const decision_loop_stats s = loop.stats();
  CHECK(s.rewards == 1);
  CHECK(s.duplicates == 1);
  CHECK(s.early == 1);
  CHECK(s.late == 2);
  CHECK(s.unknown == 1);
  CHECK(s.refused == 3);
}

TEST_CASE("what cannot be decided says why") {
  decision_loop<lin_ts> loop(small(0));
  CHECK(loop.decide(id(1), vector{1, 2}, start).status == decide_status::no_arms);
  CHECK(loop.change([](auto& bandit) { return bandit.add_arm(); }) == arm_index{0});
  CHECK(loop.decide(id(1), vector{1, 2}, start).ok());
  CHECK(loop.decide(id(2), vector{1, 2, 3}, start).status == decide_status::wrong_dimension);
  CHECK(loop.decide(decision_id::none, vector{1, 2}, start).status == decide_status::no_id);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(loop.decide(id(3), vector{1, nan}, start).chosen.propensity == 1);  // all arms alike
  CHECK(loop.reward(id(3), 1, start) == reward_status::unlearnable);
  CHECK(loop.stats().unlearnable == 1);
  CHECK(loop.change([](auto& bandit) { return bandit.remove_arm(arm_index{0}); }));
  CHECK(loop.reward(id(1), 1, start) == reward_status::unlearnable);
}

TEST_CASE("the oldest decisions give way, and are settled as they stand") {
  decision_loop<lin_ts> loop(small(1), {.capacity = 16});  // one a shard
  for (std::uint64_t n = 1; n <= 200; ++n) {
    loop.decide(id(n), context_of(n), start + duration(static_cast<std::int64_t>(n)));
    if (n % 2 == 0) loop.reward(id(n), 1, start + hour);
  }
  const decision_loop_stats s = loop.stats();
  CHECK(s.decisions == 200);
  CHECK(s.pending == 16);
  CHECK(s.evicted == 184);
  CHECK(s.settled == 184);
  CHECK(s.settled_lost == 184 - 16);
  const std::vector<settled_decision> left = settled(loop);
  CHECK(left.size() == 16);
  for (const settled_decision& each : left) {
    CHECK(each.evicted);
    CHECK(each.reward == (raw(each.id) % 2 == 0 ? 1 : 0));
  }
  std::size_t kept = 0;
  for (std::uint64_t n = 1; n <= 200; ++n)
    kept += loop.reward(id(n), 1, start + hour) != reward_status::unknown ? 1U : 0U;
  CHECK(kept == 16);
}

TEST_CASE("the table of pending decisions finds what it keeps, through many turns of the ring") {
  decision_loop<lin_ts> loop(small(1), {.default_reward = std::nullopt, .capacity = 160});
  random_stream random(3);
  std::vector<std::uint64_t> all;
  for (int n = 0; n < 5000; ++n) {
    all.push_back(random() | 1U);
    REQUIRE(loop.decide(id(all.back()), vector{1, 0}, start).status == decide_status::decided);
  }
  std::size_t kept = 0;
  for (const std::uint64_t each : all)
    kept += loop.decide(id(each), vector{1, 0}, start).status == decide_status::repeated;
  CHECK(kept <= 160);
  CHECK(loop.decide(id(all.back()), vector{1, 0}, start).status != decide_status::no_arms);
}

TEST_CASE("the same calls give the same bits") {
  const auto run = [] {
    decision_loop<auto_bandit> loop(with_arms(auto_bandit({.dimension = 2}), 5), {.seed = 3, .reward_window = hour});
    std::vector<std::uint64_t> out;
    for (std::uint64_t n = 1; n <= 500; ++n) {
      const timestamp now = start + duration(static_cast<std::int64_t>(n * 60'000));
      const loop_decision d = loop.decide(id(n), context_of(n), now);
      out.push_back(raw(d.chosen.arm));
      if (n % 3 == 0) loop.reward(id(n - n % 7), 1, now);
      loop.advance(now);
    }
    return out;
  };
  CHECK(run() == run());
}

TEST_CASE("the same ids and model give the same draws on any number of threads", "[concurrency]") {
  const auto run = [](std::size_t n_threads) {
    decision_loop<lin_ts> loop(small(5), {.seed = 11});
    std::vector<loop_decision> out(2000);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < n_threads; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t n = t; n < out.size(); n += n_threads) out[n] = loop.decide(id(n + 1), context_of(n), start);
      });
    }
    for (std::thread& each : threads) each.join();
    return out;
  };
  const std::vector<loop_decision> one = run(1);
  for (const std::size_t n_threads : {std::size_t{2}, std::size_t{5}}) {
    const std::vector<loop_decision> many = run(n_threads);
    for (std::size_t n = 0; n < one.size(); ++n) {
      REQUIRE(many[n].chosen.arm == one[n].chosen.arm);
      REQUIRE(many[n].chosen.propensity == one[n].chosen.propensity);
    }
  }
}

TEST_CASE("deciding, rewarding, advancing and changing arms at once lose no reward", "[concurrency]") {
  decision_loop<auto_bandit> loop(with_arms(auto_bandit({.dimension = 2}), 4), {.capacity = 1U << 12U});
  std::atomic<std::uint64_t> learned{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t n = 0; n < 400; ++n) {
        const decision_id mine = id(1 + n * 3 + t);
        if (!loop.decide(mine, context_of(n), start).ok()) continue;
        if (loop.reward(mine, 1, start) == reward_status::learned) ++learned;
      }
    });
  }
  threads.emplace_back([&] {
    while (!done) {
      loop.advance(start + hour);
      (void)loop.stats();
      loop.change([](auto& bandit) { return bandit.add_arm(); });
      std::this_thread::yield();
    }
  });
  for (std::size_t t = 0; t < 3; ++t) threads[t].join();
  done = true;
  threads.back().join();
  CHECK(learned == 1200);
  CHECK(loop.stats().rewards == 1200);
  CHECK(loop.stats().decisions == 1200);
}

TEST_CASE("after the first round the loop allocates nothing") {
  decision_loop<auto_bandit> loop(with_arms(auto_bandit({.dimension = 2}), 20),
                                  {.reward_window = hour, .capacity = 64});
  const vector x = {1, 0.5F};
  std::array<settled_decision, 8> out;
  const auto round = [&](std::uint64_t n) {
    const timestamp now = start + duration(static_cast<std::int64_t>(n * 60'000));
    loop.decide(id(n), x, now);
    loop.reward(id(n), 1, now, n);
    loop.reward(id(n), 2, now, n + 1);
    loop.advance(now);
    (void)loop.take_settled(out);
  };
  round(1);
  const tandem_test::fail_new_after none(0);
  for (std::uint64_t n = 2; n < 500; ++n) round(n);
}

TEST_CASE("the log of a loop is drawn as its propensities say") {
  decision_loop<lin_ts> loop(small(4), {.seed = 2, .default_reward = std::nullopt});
  const vector x = {1, 0.3F};
  for (std::uint64_t n = 1; n <= 30; ++n) {
    loop.decide(id(n), x, start);
    loop.reward(id(n), n % 3 == 0 ? 1 : 0, start);
  }
  std::vector<double> p(4);
  std::vector<std::size_t> counts(4);
  double inverse = 0;
  constexpr std::uint64_t n_draws = 100000;
  for (std::uint64_t n = 0; n < n_draws; ++n) {
    const loop_decision d = loop.decide(id(1000 + n), x, start);
    p[raw(d.chosen.arm)] = d.chosen.propensity;
    ++counts[raw(d.chosen.arm)];
    inverse += 1 / d.chosen.propensity / static_cast<double>(n_draws);
  }
  CHECK(p[0] + p[1] + p[2] + p[3] == Approx(1));
  CHECK(tandem_test::chi_square_p(counts, p) > 0.001);
  CHECK(inverse == Approx(4).margin(0.2));
}

TEST_CASE("options of a loop out of range are refused by name") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(refused_option({}) == "nothing");
  CHECK(refused_option({.reward_window = duration(-1)}) == "reward_window");
  CHECK(refused_option({.default_reward = nan}) == "default_reward");
  CHECK(refused_option({.least_reward = 2, .largest_reward = 1}) == "least_reward");
  CHECK(refused_option({.capacity = 1}) == "capacity");
}
