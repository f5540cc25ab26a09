#include "doctor.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/study/synthetic_log.hpp"

using namespace tandem_cli;
using tandem::decision_id;
using tandem::event_log;
using tandem::from_millis;
using tandem::random_stream;
using tandem::timestamp;

namespace {

constexpr std::int64_t start = 1'700'000'000'000;
constexpr std::int64_t hour = 3'600'000;

struct made_event {
  std::string user, item;
  std::int64_t time = 0;
  std::uint64_t decision = 0;
};

// 3000 events of 100 users and 200 items, a minute and more apart: nothing is wrong with it.
std::vector<made_event> clean(std::uint64_t seed) {
  random_stream random(seed, 1);
  std::vector<made_event> out;
  std::int64_t now = start;
  for (int k = 0; k < 3000; ++k) {
    now += 60'000 + static_cast<std::int64_t>(random.below(600'000));
    out.push_back({"u" + std::to_string(random.below(100)), "i" + std::to_string(random.below(200)), now, 0});
  }
  return out;
}

std::vector<finding> findings_of(const std::vector<made_event>& events, std::uint64_t answers = 0,
                                 std::uint64_t shown = 1000) {
  doctor at;
  for (std::uint64_t id = 1; id <= answers; ++id)
    at.look_at(seen_answer{decision_id{id}, from_millis(start), id <= shown});
  for (const made_event& e : events) {
    at.look_at(seen_event{e.user, e.item, "view", 1, from_millis(e.time), decision_id{e.decision}});
  }
  return at.findings();
}

std::vector<std::string> names(const std::vector<finding>& findings) {
  std::vector<std::string> out;
  for (const finding& each : findings) out.push_back(each.check);
  return out;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("nothing is found in a log with which nothing is wrong") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) CHECK(findings_of(clean(seed)).empty());
  CHECK(findings_of({}).empty());
  CHECK(findings_of({{"a", "b", start, 0}}).empty());
}

TEST_CASE("nothing is found in an invented shop") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const event_log log = tandem::study::synthetic_log({.seed = seed, .shoppers = 400, .products = 300});
    doctor at;
    for (const tandem::logged_event& e : log.events) {
      at.look_at(seen_event{log.users.name(e.user), log.items.name(e.item), "purchase", 1, e.time, e.decision});
    }
    CHECK(names(at.findings()) == list{});
    CHECK(at.events() == log.events.size());
  }
}

TEST_CASE("duplicates are counted, with the first as the example") {
  std::vector<made_event> events = clean(1);
  for (int k = 0; k < 30; ++k) events.push_back(events.back());
  const std::vector<finding> found = findings_of(events);
  REQUIRE(names(found) == list{"duplicates"});
  CHECK(found[0].count == 30);
  CHECK(found[0].example.find(events.back().user + " view " + events.back().item) == 0);
}

TEST_CASE("late events are told from a log that is in no order") {
  std::vector<made_event> events = clean(2);
  for (std::size_t k = 1000; k < 1060; ++k) events[k].time -= 48 * hour;
  const std::vector<finding> late = findings_of(events);
  REQUIRE(names(late) == list{"late"});
  CHECK(late[0].count == 60);
  std::vector<made_event> mixed = clean(3);
  random_stream random(3, 9);
  for (std::size_t k = mixed.size(); k > 1; --k) std::swap(mixed[k - 1], mixed[random.below(k)]);
  CHECK(names(findings_of(mixed)) == list{"order"});
}

TEST_CASE("times in another unit, a clock that jumps and a gap are found") {
  std::vector<made_event> seconds = clean(4);
  for (made_event& e : seconds) e.time /= 1000;
  CHECK(names(findings_of(seconds)).front() == "unit");

  std::vector<made_event> jump = clean(5);
  jump[500].time += 30 * 24 * hour;
  const std::vector<finding> found = findings_of(jump);
  const list checks = names(found);
  REQUIRE(std::find(checks.begin(), checks.end(), "clock") != checks.end());
  const finding& clock =
      found[static_cast<std::size_t>(std::find(checks.begin(), checks.end(), "clock") - checks.begin())];
  CHECK(clock.count == 1);
  CHECK(clock.example.find(jump[500].user + " view " + jump[500].item) == 0);

  std::vector<made_event> gap = clean(6);
  for (std::size_t k = 1500; k < gap.size(); ++k) gap[k].time += 20 * 24 * hour;
  CHECK(names(findings_of(gap)) == list{"gap"});
}

TEST_CASE("answers without rewards and rewards without answers are found") {
  std::vector<made_event> events = clean(7);
  const std::vector<finding> none = findings_of(events, 500);
  REQUIRE(names(none) == list{"rewards"});
  CHECK(none[0].count == 500);
  for (std::size_t k = 0; k < 100; ++k) events[k].decision = 1 + k;
  CHECK(findings_of(events, 500).empty());
  CHECK(names(findings_of(clean(7), 50)) == list{});       // too few to judge
  CHECK(names(findings_of(clean(7), 500, 20)) == list{});  // shown to nobody
  for (std::size_t k = 0; k < 100; ++k) events[k].decision = 1000 + k;
  const std::vector<finding> unknown = findings_of(events, 50);
  REQUIRE(names(unknown) == list{"decisions"});
  CHECK(unknown[0].count == 100);
}

TEST_CASE("robots and users of one item are found") {
  std::vector<made_event> events = clean(8);
  const std::int64_t end = events.back().time;
  for (int k = 0; k < 120; ++k) events.push_back({"robot", "i" + std::to_string(k), end + 400 * k, 0});
  const std::vector<finding> robots = findings_of(events);
  REQUIRE(names(robots) == list{"bots"});
  CHECK(robots[0].count == 1);
  CHECK(robots[0].example.find("robot: 120 events") == 0);

  std::vector<made_event> busy = clean(9);
  for (std::size_t k = 0; k < 1100; ++k) busy[k].user = "one";
  CHECK(names(findings_of(busy)) == list{"bots"});

  std::vector<made_event> pings = clean(10);
  for (std::size_t k = 0; k < 25; ++k) pings[100 * k] = {"ping", "i0", pings[100 * k].time, 0};
  const std::vector<finding> found = findings_of(pings);
  REQUIRE(names(found) == list{"one-item"});
  CHECK(found[0].example == "ping: 25 events, all with i0");
}

TEST_CASE("popularity in one item, or in a hundredth of them, is found") {
  std::vector<made_event> one = clean(11);
  for (std::size_t k = 0; k < one.size(); k += 3) one[k].item = "home";
  const std::vector<finding> found = findings_of(one);
  REQUIRE(names(found) == list{"popularity"});
  CHECK(found[0].example.find("home: ") == 0);
  std::vector<made_event> few = clean(12);
  for (std::size_t k = 0; k < few.size(); ++k) {
    if (k % 8 != 0) few[k].item = "top" + std::to_string(k % 4);
  }
  CHECK(names(findings_of(few)) == list{"popularity"});
}

TEST_CASE("without times nothing is said of them") {
  doctor at(false);
  for (int k = 0; k < 500; ++k) {
    at.look_at(seen_event{"u" + std::to_string(k % 50), "i" + std::to_string(k % 7), "view", 1, from_millis(k), {}});
  }
  CHECK(at.findings().empty());
}
