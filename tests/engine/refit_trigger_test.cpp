// A trigger and an engine: the loop of docs/refits.md, and what happens when a refit is asked for while one runs.

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <utility>

#include "engine_world.hpp"
#include "support/catch.hpp"
#include "tandem/hybrid/refit_trigger.hpp"

using namespace engine_world;
using namespace std::chrono_literals;

namespace {

hybrid::refit_trigger_options options() {
  return {.after_events = 400, .after_share = 0, .least_events = 1, .least_pause = 0ms, .cpu_share = 1};
}

}  // namespace

TEST_CASE("the engine's model follows its log as the trigger says", "[engine][refit]") {
  engine e(small_options());
  hybrid::refit_trigger when(options());
  std::function<void()> work;
  const auto post = [&](std::function<void()> w) { work = std::move(w); };
  std::uint64_t at_refit = 0;
  for (const deed& d : deeds(3000, 3)) {
    const observe_result got = e.observe(d.as_event());
    const std::uint64_t events = raw(got.position) + 1;
    CHECK(events == raw(e.stats().position));
    if (!when.ask(events, d.time)) continue;
    at_refit = events;
    const auto done = [&](const std::exception_ptr& failure) { failure ? when.failed(200ms) : when.finished(200ms); };
    if (!e.refit_in_background(post, {}, {}, done)) when.declined();
    std::exchange(work, nullptr)();
    CHECK(raw(e.stats().model_position) == events);
  }
  CHECK(e.stats().refits == 3000 / 400);
  CHECK(when.stats().finished == e.stats().refits);
  CHECK(when.stats().covered == at_refit);
}

TEST_CASE("a refit that somebody else has pending is declined, and the next ask fires again", "[engine][refit]") {
  engine e(small_options());
  for (const deed& d : deeds(500, 3)) e.observe(d.as_event());
  hybrid::refit_trigger when(options());
  std::function<void()> work;
  const auto post = [&](std::function<void()> w) { work = std::move(w); };
  REQUIRE(e.refit_in_background(post));  // the host's own
  REQUIRE(when.ask(500, from_millis(0)));
  CHECK_FALSE(e.refit_in_background(post));
  when.declined();
  work();
  CHECK(when.ask(500, from_millis(0)));
}

TEST_CASE("a second refit() waits for the first and then knows what came meanwhile", "[engine][refit][concurrency]") {
  engine e(small_options());
  const auto log = deeds(600, 3);
  for (std::size_t k = 0; k < 400; ++k) e.observe(log[k].as_event());
  std::atomic<bool> held{false};
  std::atomic<bool> go_on{false};
  std::atomic<bool> second_done{false};
  const auto hold = [&](const progress_report&) {
    held = true;
    while (!go_on) std::this_thread::yield();
    return true;
  };
  std::thread first([&] { e.refit({}, hold); });
  while (!held) std::this_thread::yield();
  std::thread second([&] {
    e.refit();
    second_done = true;
  });
  for (std::size_t k = 400; k < 600; ++k) REQUIRE(e.observe(log[k].as_event()).taken());
  CHECK(e.recommend({.user = "user3", .count = 5, .time = log.back().time}).items.size() == 5);
  CHECK_FALSE(second_done);
  CHECK(e.stats().refits == 0);
  go_on = true;
  first.join();
  second.join();
  CHECK(e.stats().refits == 2);
  CHECK(raw(e.stats().model_position) == 600);
}
