// The log of decisions as a host reads it: its own ids, the propensities, and what came of each page.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"

using namespace engine_world;

namespace {

const timestamp later = from_millis(10'000'000);

std::vector<logged_decision> log_of(const engine& e) {
  std::vector<logged_decision> out;
  e.read_decisions([&](const logged_decision& d) { out.push_back(d); });
  return out;
}

class margin final : public hybrid::source {
 public:
  explicit margin(std::string name) : name_(std::move(name)) {}
  std::string_view name() const noexcept override { return name_; }
  bool score(const hybrid::query&, std::span<float>) const override { return false; }

 private:
  std::string name_;
};

}  // namespace

TEST_CASE("the log gives every answer back as it was, with its rewards so far", "[engine][log]") {
  engine_options o = small_options();
  o.slate.policy = online::epsilon_greedy{0.5};
  o.actions = {{"buy", 3}};
  engine e(o);
  CHECK(log_of(e).empty());
  for (const deed& d : deeds(300, 3)) e.observe(d.as_event());
  std::vector<recommendation> answers;
  for (int k = 0; k < 40; ++k) {
    if (k == 20) e.refit();
    const std::string user = k % 3 == 0 ? "stranger" + std::to_string(k) : user_name(static_cast<std::size_t>(k));
    answers.push_back(e.recommend({.user = user, .count = 3, .time = later + duration(k), .shadow = k % 10 == 9}));
  }
  e.reward(answers[3].id, answers[3].items[1].item, 0.5, later + duration(100));
  e.observe({.user = "ada", .item = "new item", .action = "buy", .value = 2, .time = later, .decision = answers[3].id});
  e.observe({.user = "ada", .item = "new item", .action = "buy", .value = 9, .time = later, .decision = answers[3].id});
  e.observe({.user = "ada", .item = "item1", .time = later, .decision = decision_id{9999}});

  const std::vector<logged_decision> log = log_of(e);
  REQUIRE(log.size() == answers.size());
  for (std::size_t k = 0; k < log.size(); ++k) {
    CHECK(log[k].id == answers[k].id);
    CHECK(log[k].user == (k % 3 == 0 ? "stranger" + std::to_string(k) : user_name(k)));
    CHECK(log[k].time == later + duration(static_cast<std::int64_t>(k)));
    CHECK(log[k].position == answers[k].position);
    CHECK(log[k].model_version == answers[k].model_version);
    CHECK(log[k].shadow == (k % 10 == 9));
    REQUIRE(log[k].items.size() == answers[k].items.size());
    for (std::size_t i = 0; i < log[k].items.size(); ++i) {
      CHECK(log[k].items[i].item == answers[k].items[i].item);
      CHECK(log[k].items[i].score == answers[k].items[i].score);
      CHECK(log[k].items[i].propensity == answers[k].items[i].propensity);
    }
    CHECK(log[k].rewards.size() == (k == 3 ? 2U : 0U));
  }
  CHECK(log[3].rewards[0].item == answers[3].items[1].item);
  CHECK(log[3].rewards[0].value == 0.5);
  CHECK(log[3].rewards[0].time == later + duration(100));
  CHECK(log[3].rewards[1].item == "new item");
  CHECK(log[3].rewards[1].value == 6);
}

TEST_CASE("an event that names a decision before there is one is no reward of it", "[engine][log]") {
  engine e(small_options());
  for (const deed& d : deeds(100, 3)) e.observe(d.as_event());
  e.observe({.user = "ada", .item = "item1", .value = 5, .time = later, .decision = decision_id{2}});
  e.recommend({.user = "bob", .count = 3, .time = later});
  e.observe({.user = "ada", .item = "item2", .time = later, .decision = decision_id{2}});
  const recommendation page = e.recommend({.user = "ada", .count = 3, .time = later});
  REQUIRE(page.id == decision_id{2});
  e.observe({.user = "ada", .item = "item1", .value = 7, .time = later, .decision = page.id});
  const std::vector<logged_decision> log = log_of(e);
  REQUIRE(log.size() == 2);
  CHECK(log[0].rewards.empty());
  REQUIRE(log[1].rewards.size() == 1);
  CHECK(log[1].rewards[0].item == "item1");
  CHECK(log[1].rewards[0].value == 7);
  CHECK(e.stats().unknown_rewards == 2);
}

TEST_CASE("the log keeps as many decisions as it is told to", "[engine][log]") {
  for (const std::size_t kept : {std::size_t{0}, std::size_t{3}, std::size_t{600}}) {
    engine_options o = small_options();
    o.sources = {"popularity"};
    o.max_logged_decisions = kept;
    o.max_pending_decisions = 10;
    engine e(o);
    e.upsert_item("kettle");
    for (int k = 0; k < 700; ++k) e.recommend({.user = "ada", .count = 1, .time = later});
    const std::vector<logged_decision> log = log_of(e);
    REQUIRE(log.size() == kept);
    if (kept > 0) CHECK(log.front().id == decision_id{700 - kept + 1});
  }
}

TEST_CASE("the log is read while others write, and the reader may call the engine", "[engine][log][concurrency]") {
  engine_options o = small_options();
  o.max_logged_decisions = 300;
  engine e(o);
  for (const deed& d : deeds(200, 3)) e.observe(d.as_event());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int k = 0; k < 1500; ++k) {
      const recommendation r = e.recommend({user_name(static_cast<std::size_t>(k % 40)), 3, later});
      e.reward(r.id, r.items[0].item, 1, later);
      e.observe({user_name(3), "brand new " + std::to_string(k), "view", 1, later});
    }
    stop = true;
  });
  std::size_t read = 0;
  while (!stop) {
    std::uint64_t last = 0;
    bool wrong = false;
    std::size_t n = 0;
    e.read_decisions([&](const logged_decision& d) {
      wrong = wrong || raw(d.id) <= last || d.items.size() != 3 || d.rewards.size() > 1;
      wrong = wrong || (d.rewards.size() == 1 && d.rewards[0].item != d.items[0].item);
      last = raw(d.id);
      if (++n == 1) read += e.stats().events > 0 ? 1U : 0U;
    });
    CHECK_FALSE(wrong);
    CHECK(n <= 300);
  }
  writer.join();
  CHECK(read > 0);
}

TEST_CASE("sources may be added while others ask why", "[engine][concurrency]") {
  engine e(small_options());
  for (const deed& d : deeds(200, 3)) e.observe(d.as_event());
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      const explanation x = e.explain({.user = "user1", .time = later}, "item1");
      for (const source_opinion& s : x.sources) stop = stop || s.name.empty();
    }
  });
  for (int k = 0; k < 60; ++k) e.add_source(std::make_shared<margin>("source_" + std::to_string(k)));
  CHECK_FALSE(stop);
  stop = true;
  reader.join();
  CHECK(e.recommend({.user = "user1", .time = later}).items.size() == 10);
}
