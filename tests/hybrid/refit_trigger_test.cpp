#include "tandem/hybrid/refit_trigger.hpp"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using namespace std::chrono_literals;

namespace {

constexpr timestamp start = from_millis(1'700'000'000'000);

// no rule but those that a test sets; neither pause nor budget holds anything back
refit_trigger_options bare() { return {.after_share = 0, .least_events = 1, .least_pause = 0ms, .cpu_share = 1024}; }

std::string refused_option(const refit_trigger_options& options) {
  try {
    const refit_trigger when(options);
  } catch (const error& e) {
    return e.where().field;
  }
  return "nothing";
}

}  // namespace

TEST_CASE("it fires after so many events, and counts from what the refit knew, not from when it ended") {
  refit_trigger_options options = bare();
  options.after_events = 100;
  refit_trigger when(options);
  CHECK(when.ask(99, start).held == refit_hold::not_due);
  const refit_advice due = when.ask(100, start);
  REQUIRE(due);
  CHECK(due.why == refit_reason::events);
  CHECK(when.ask(150, start).held == refit_hold::running);
  when.finished(0ms);
  CHECK(when.stats().covered == 100);
  CHECK_FALSE(when.ask(199, start));
  CHECK(when.ask(200, start));
}

TEST_CASE("it fires when the log has grown by a share") {
  refit_trigger_options options = bare();
  options.after_share = 0.5;
  options.least_events = 10;
  refit_trigger when(options);
  CHECK(when.ask(9, start).held == refit_hold::nothing_new);
  CHECK(when.ask(10, start).why == refit_reason::share);
  when.finished(0ms);
  when.resume(1000, start);
  CHECK(when.ask(1499, start).held == refit_hold::not_due);
  CHECK(when.ask(1500, start));
}

TEST_CASE("it fires when time has passed, if there is anything to learn") {
  refit_trigger_options options = bare();
  options.after_time = 1h;
  options.least_events = 5;
  refit_trigger when(options);
  CHECK(when.ask(0, start).held == refit_hold::not_due);
  CHECK(when.ask(100, start + 1h - 1ms).held == refit_hold::not_due);
  const refit_advice due = when.ask(100, start + 1h);
  CHECK(due.why == refit_reason::time);
  when.finished(0ms);
  CHECK(when.ask(104, start + 2h).held == refit_hold::nothing_new);
  CHECK(when.ask(105, start + 2h));
}

TEST_CASE("drift fires once, and so does drift that comes while a refit runs") {
  refit_trigger when(bare());
  when.drifted();
  CHECK(when.ask(10, start).why == refit_reason::drift);
  when.drifted();  // the refit that runs does not know of it
  when.finished(0ms);
  CHECK(when.ask(20, start).why == refit_reason::drift);
  when.finished(0ms);
  CHECK(when.ask(30, start).held == refit_hold::not_due);
  CHECK(when.stats().drifts == 2);
  refit_trigger_options deaf = bare();
  deaf.on_drift = false;
  refit_trigger never(deaf);
  never.drifted();
  CHECK_FALSE(never.ask(10, start));
}

TEST_CASE("a fall of what is watched is drift, a rise is not") {
  for (const bool falls : {true, false}) {
    refit_trigger when(bare());
    random_stream random(5);
    bool seen = false;
    const auto show = [&](double rate, int n) {
      for (int k = 0; k < n; ++k) seen = when.watch(random.uniform() < rate ? 1 : 0) || seen;
    };
    show(falls ? 0.5 : 0.2, 1500);
    CHECK_FALSE(seen);
    show(falls ? 0.2 : 0.5, 1500);
    CHECK(seen == falls);
    CHECK((when.ask(10, start).why == refit_reason::drift) == falls);
  }
  refit_trigger when(bare());
  CHECK_FALSE(when.watch(std::numeric_limits<double>::quiet_NaN()));
}

TEST_CASE("the host's word needs one new event and no rule") {
  refit_trigger_options options = bare();
  options.least_events = 1000;
  refit_trigger when(options);
  when.request();
  CHECK(when.ask(0, start).held == refit_hold::nothing_new);
  CHECK(when.ask(1, start).why == refit_reason::request);
  when.finished(0ms);
  CHECK(when.ask(2, start).held == refit_hold::not_due);
}

TEST_CASE("refits keep the least pause, and failures double it up to 64 times") {
  refit_trigger_options options = bare();
  options.after_events = 1;
  options.least_pause = 1min;
  refit_trigger when(options);
  std::uint64_t events = 1;
  timestamp now = start;
  REQUIRE(when.ask(events, now));
  when.finished(0ms);
  const refit_advice early = when.ask(++events, now + 59s);
  CHECK(early.held == refit_hold::pause);
  CHECK(early.why == refit_reason::events);
  CHECK(early.wait == 1s);
  for (const int factor : {1, 2, 4, 8, 16, 32, 64, 64}) {
    INFO("factor " << factor);
    CHECK_FALSE(when.ask(events, now + factor * 1min - 1ms));
    now += factor * 1min;
    REQUIRE(when.ask(events, now));
    when.failed(0ms);
  }
  CHECK(when.stats().failed == 8);
  REQUIRE(when.ask(events, now + 64min));
  when.finished(0ms);
  CHECK(when.ask(events + 1, now + 65min));
}

TEST_CASE("what fired a refit that failed still holds") {
  refit_trigger when(bare());
  when.drifted();
  REQUIRE(when.ask(5, start));
  when.failed(0ms);
  CHECK(when.ask(5, start).why == refit_reason::drift);
  CHECK(when.stats().covered == 0);
}

TEST_CASE("the governor: whatever a refit costs, refits take no more than their share of the time") {
  for (const double share : {0.02, 0.1, 0.5, 2.0}) {
    refit_trigger_options options = bare();
    options.after_events = 1;
    options.cpu_share = share;
    refit_trigger when(options);
    random_stream random(9);
    double spent = 0;
    double last = 0;
    std::uint64_t refits = 0;
    constexpr std::int64_t ticks = 200'000;
    for (std::int64_t t = 0; t < ticks; ++t) {
      if (!when.ask(static_cast<std::uint64_t>(t) + 1, start + t * 100ms)) continue;
      last = static_cast<double>(100 + random.below(20'000));
      spent += last;
      ++refits;
      when.finished(duration(static_cast<std::int64_t>(last)));
    }
    INFO("share " << share);
    const double passed = static_cast<double>(ticks) * 100;
    CHECK(spent - last <= share * passed);
    CHECK(spent > 0.9 * share * std::min(passed, static_cast<double>(refits + 1) * 10'100 / share));  // and uses it
    CHECK(when.stats().spent == duration(static_cast<std::int64_t>(spent)));
    CHECK(when.stats().finished == refits);
  }
}

TEST_CASE("the budget says how long it holds a refit back") {
  refit_trigger_options options = bare();
  options.after_events = 1;
  options.cpu_share = 0.1;
  refit_trigger when(options);
  REQUIRE(when.ask(1, start));
  when.finished(3s);
  const refit_advice held = when.ask(2, start + 10s);
  CHECK(held.held == refit_hold::budget);
  CHECK(held.wait == 20s);
  CHECK_FALSE(when.ask(2, start + 30s - 1ms));
  CHECK(when.ask(2, start + 30s));
}

TEST_CASE("a refit that was not begun leaves no trace") {
  refit_trigger_options options = bare();
  options.after_events = 10;
  options.least_pause = 1h;
  refit_trigger when(options);
  REQUIRE(when.ask(10, start));
  when.declined();
  CHECK(when.stats().declined == 1);
  CHECK(when.stats().fired[static_cast<std::size_t>(refit_reason::events)] == 0);
  CHECK(when.ask(10, start));
  when.finished(1s);
  when.finished(1s);  // nothing runs: nothing happens
  when.failed(1s);
  when.declined();
  CHECK(when.stats().finished == 1);
  CHECK(when.stats().failed == 0);
  CHECK(when.stats().spent == 1s);
}

TEST_CASE("clocks that run back or ahead do no harm") {
  refit_trigger_options options = bare();
  options.after_events = 1;
  options.least_pause = 1min;
  refit_trigger when(options);
  REQUIRE(when.ask(1, start));
  when.finished(-5s);
  CHECK(when.stats().spent == 0s);
  CHECK(when.ask(2, start - 1000h).held == refit_hold::pause);
  CHECK(when.ask(2, timestamp::max()));
  when.finished(duration::max());
  const refit_advice held = when.ask(3, timestamp::min());
  CHECK_FALSE(held);
  CHECK(held.wait > 0ms);
}

TEST_CASE("of many threads that ask, one hears yes", "[concurrency]") {
  refit_trigger_options options = bare();
  options.after_events = 1;
  refit_trigger when(options);
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  std::atomic<std::uint64_t> events{1};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int k = 0; k < 2000; ++k) {
        if (!when.ask(++events, start)) continue;
        const int now = ++at_once;
        if (now > most) most = now;
        when.watch(0.5);
        (void)when.stats();
        --at_once;
        k % 3 == 0 ? when.failed(1ms) : k % 3 == 1 ? when.declined() : when.finished(1ms);
      }
    });
  }
  for (std::thread& each : threads) each.join();
  CHECK(most == 1);
}

TEST_CASE("trigger options out of range are refused by name") {
  CHECK(refused_option({}) == "nothing");
  CHECK(refused_option({.after_share = -1}) == "after_share");
  CHECK(refused_option({.after_share = std::numeric_limits<double>::quiet_NaN()}) == "after_share");
  CHECK(refused_option({.after_time = -1ms}) == "after_time");
  CHECK(refused_option({.least_pause = -1ms}) == "least_pause");
  CHECK(refused_option({.cpu_share = 0}) == "cpu_share");
  CHECK(refused_option({.detector = {.delta = 2}}) == "delta");
}

TEST_CASE("reasons and holds have names") {
  CHECK(name(refit_reason::share) == "share");
  CHECK(name(refit_reason::time) == "time");
  CHECK(name(refit_hold::budget) == "budget");
  CHECK(name(static_cast<refit_hold>(99)) == "unknown");
}
