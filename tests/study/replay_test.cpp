#include "tandem/study/replay.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "small_logs.hpp"
#include "support/catch.hpp"
#include "tandem/study/arms.hpp"
#include "tandem/study/synthetic_log.hpp"

using namespace tandem;
using namespace tandem::study;

namespace {

// The ranks and the sources' ranks of one arm; refits where the arm has a model.
replay_result run(const event_log& log, arm a, protocol known, const replay_options& options) {
  replay_plan plan = plan_replay(log, options);
  if (!needs_refits(a)) plan.refits.clear();
  engine subject = small_engine(sources_of(a), options.repeat_items);
  return replay(log, plan, known, subject);
}

// a, a, b, a, a, b, ...: after two events, popularity puts a first and b second.
std::vector<line> two_thirds_a(std::size_t n) {
  std::vector<line> lines;
  for (std::size_t k = 0; k < n; ++k) {
    lines.push_back({id('u', k), k % 3 == 2 ? "b" : "a", static_cast<std::int64_t>(k)});
  }
  return lines;
}

// Visits of two events each, of an item that nobody had before and nobody has again.
std::vector<line> fresh_pairs(std::size_t n) {
  std::vector<line> lines;
  for (std::size_t v = 0; v < n; ++v) {
    for (int twice = 0; twice < 2; ++twice) {
      lines.push_back({id('u', v % 5), id('i', v), static_cast<std::int64_t>(v)});
    }
  }
  return lines;
}

std::vector<line> shuffled_inside_visits(std::vector<line> lines) {
  random_stream random(99);
  for (std::size_t first = 0; first < lines.size();) {
    std::size_t last = first;
    while (last < lines.size() && lines[last].user == lines[first].user &&
           lines[last].seconds == lines[first].seconds) {
      ++last;
    }
    for (std::size_t k = last - first; k > 1; --k) std::swap(lines[first + k - 1], lines[first + random.below(k)]);
    first = last;
  }
  return lines;
}

}  // namespace

TEST_CASE("options out of range are refused by name") {
  const auto field_of = [](const replay_options& options) {
    try {
      options.validate();
    } catch (const error& e) {
      CHECK(e.code() == errc::invalid_argument);
      return e.where().field;
    }
    return std::string();
  };
  CHECK(field_of({}).empty());
  CHECK(field_of({.refits = 10001}) == "refits");
  CHECK(field_of({.every = 0}) == "every");
  CHECK(field_of({.actions = {{"buy", max_event_weight}, {"return", -max_event_weight}}}).empty());
  CHECK(field_of({.actions = {{"buy", 1.001 * max_event_weight}}}) == "actions");
  CHECK(field_of({.actions = {{"buy", std::nan("")}}}) == "actions");
}

TEST_CASE("the plan judges every K-th event of the second half and predicts as often before it") {
  const event_log log = log_of(random_lines(1, 1001, 50, 30));
  replay_options options;
  options.every = 7;
  options.repeat_items = true;
  options.refits = 4;
  const replay_plan plan = plan_replay(log, options);
  CHECK(plan.n_judged() == (1001 - 500 + 6) / 7);
  REQUIRE(plan.predictions[plan.first_judged].event == 500);
  for (std::size_t p = 1; p < plan.predictions.size(); ++p) {
    CHECK(plan.predictions[p].event == plan.predictions[p - 1].event + 7);
  }
  CHECK(plan.refits == std::vector<std::size_t>{125, 250, 375, 500, 625, 750, 875});
}

TEST_CASE("the plan leaves out repeats unless they are asked for, and counts each user's history") {
  const event_log log = log_of({{"ann", "x", 0},
                                {"ann", "y", 1},
                                {"bob", "x", 2},
                                {"ann", "x", 3},
                                {"ann", "z", 4},
                                {"bob", "x", 5},
                                {"bob", "y", 6}});
  replay_options options;
  options.every = 1;
  options.refits = 0;
  const replay_plan without = plan_replay(log, options);
  std::vector<std::uint32_t> events, history;
  for (const planned_prediction& p : without.predictions) {
    events.push_back(p.event);
    history.push_back(p.history);
  }
  CHECK(events == std::vector<std::uint32_t>{0, 1, 2, 4, 6});
  CHECK(history == std::vector<std::uint32_t>{0, 1, 0, 3, 2});
  CHECK(without.n_judged() == 2);
  CHECK(without.refits.empty());
  options.repeat_items = true;
  CHECK(plan_replay(log, options).predictions.size() == 7);
}

TEST_CASE("a plan without anything to judge, or with options out of range, says what to do") {
  replay_options options;
  const event_log all_repeats = log_of({{"u", "a", 0}, {"u", "a", 1}, {"u", "a", 2}, {"u", "a", 3}});
  CHECK_THROWS_AS(plan_replay(all_repeats, options), error);
  CHECK_THROWS_AS(plan_replay(event_log{}, options), error);
  options.every = 0;
  CHECK_THROWS_AS(plan_replay(all_repeats, options), error);
  options.every = 1;
  options.refits = 10001;
  CHECK_THROWS_AS(plan_replay(all_repeats, options), error);
}

TEST_CASE("the plan judges no event that counts 0 or less, and does not take it for history") {
  event_log log = log_of({{"u", "a", 0}, {"u", "b", 1}, {"u", "c", 2}, {"u", "d", 3}, {"u", "b", 4}, {"u", "c", 5}});
  log.events[1].action = log.actions.intern("skip");    // counts 0: as if it were not there
  log.events[2].action = log.actions.intern("return");  // counts -1: c is had, and not wanted
  log.events[3].weight = -2;                            // a view of value -2
  replay_options options;
  options.every = 1;
  options.refits = 0;
  options.actions = {{"skip", 0}, {"return", -1}, {"never seen", 5}};
  const replay_plan plan = plan_replay(log, options);
  std::vector<std::uint32_t> events, history;
  for (const planned_prediction& p : plan.predictions) {
    events.push_back(p.event);
    history.push_back(p.history);
  }
  CHECK(events == std::vector<std::uint32_t>{0, 4});  // b counted 0 before, so now it is new; c was returned
  CHECK(history == std::vector<std::uint32_t>{0, 1});
  options.actions.emplace_back("view", std::nan(""));
  CHECK_THROWS_AS(plan_replay(log, options), error);
}

TEST_CASE("an arm's engine hears actions and values: what was returned is not offered, two returns are a purchase") {
  // everybody takes a; the user judged has taken it before, and then sent it back, once or by a negative value
  std::vector<line> lines;
  for (std::size_t k = 0; k < 19; ++k) lines.push_back({id('u', k), k % 4 == 3 ? "b" : "a", static_cast<int>(k)});
  lines.push_back({"judge", "a", 19});
  for (std::size_t k = 20; k < 39; ++k) lines.push_back({id('u', k), "a", static_cast<int>(k)});
  lines.push_back({"judge", "a", 39});
  event_log log = log_of(lines);
  replay_options options;
  options.every = 1;
  options.refits = 0;
  options.repeat_items = true;
  const auto last_rank = [&] {
    return replay_arm(arm::realtime, log, plan_replay(log, options), protocol::next_event, options, {}).rank.back();
  };
  CHECK(last_rank() == 0);
  log.events[19].action = log.actions.intern("return");
  CHECK(last_rank() == 0);  // an action without a weight counts 1
  options.actions = {{"return", -1}};
  CHECK(last_rank() == evaluation::missed);
  log.events[19].weight = -1;  // -1 times -1
  CHECK(last_rank() == 0);
  options.actions.clear();
  CHECK(last_rank() == evaluation::missed);
}

TEST_CASE("where popularity is right, its figures come out as worked out by hand") {
  const event_log log = log_of(two_thirds_a(30));
  replay_options options;
  options.every = 1;
  options.refits = 0;
  options.repeat_items = true;
  const replay_plan plan = plan_replay(log, options);
  engine subject = small_engine({"popularity"}, true);
  const replay_result result = replay(log, plan, protocol::next_event, subject);
  REQUIRE(result.rank.size() == 15);
  REQUIRE(result.sources == std::vector<std::string>{"popularity"});
  for (std::size_t p = 0; p < 15; ++p) {
    const double by_hand = plan.predictions[plan.first_judged + p].event % 3 == 2 ? 1 : 0;
    CHECK(result.rank[p] == by_hand);
    CHECK(double{result.source_rank[p]} == by_hand);
  }
  CHECK(result.coverage == 1);
  CHECK(result.learn.size() == 30);
  CHECK(result.decide.size() == 30);
  CHECK(result.events == 30);
}

TEST_CASE("the next-visit protocol knows nothing of the visit it predicts") {
  event_log log = log_of(fresh_pairs(40));
  order_visits(log, 0);
  replay_options options;
  options.every = 1;
  options.refits = 0;
  options.repeat_items = true;
  const replay_plan plan = plan_replay(log, options);
  engine within = small_engine({"repeat"}, true);
  const replay_result next_event = replay(log, plan, protocol::next_event, within);
  REQUIRE(next_event.rank.size() == 40);
  for (std::size_t p = 0; p < 40; ++p) {
    CHECK(next_event.rank[p] == (p % 2 == 0 ? evaluation::missed : 0.0));  // first of the pair unknown, second just had
  }
  engine before = small_engine({"repeat"}, true);
  for (const double rank : replay(log, plan, protocol::next_visit, before).rank) CHECK(rank == evaluation::missed);
}

TEST_CASE("no arm sees the future: what comes later changes no rank before it") {
  auto lines = random_lines(11, 600, 25, 40);
  auto other = lines;
  random_stream random(12);
  for (std::size_t k = 450; k < other.size(); ++k) other[k].item = id('j', random.below(10));
  replay_options options;
  options.every = 2;
  options.refits = 3;
  options.repeat_items = true;
  for (const arm a : all_arms) {
    for (const protocol known : {protocol::next_event, protocol::next_visit}) {
      const replay_result one = run(log_of(lines), a, known, options);
      const replay_result two = run(log_of(other), a, known, options);
      const std::size_t shared = (450 - 300) / 2;
      REQUIRE(one.rank.size() == two.rank.size());
      CHECK(std::equal(one.rank.begin(), one.rank.begin() + shared, two.rank.begin()));
      const auto sources_shared = static_cast<std::ptrdiff_t>(shared * one.sources.size());
      CHECK(std::equal(one.source_rank.begin(), one.source_rank.begin() + sources_shared, two.source_rank.begin()));
      CHECK(one.rank != two.rank);  // the test can fail: the altered part does differ
    }
  }
}

TEST_CASE("on events drawn at random, every arm and source hits as often as chance") {
  // 50 items, all known by the second half: a slate of ten holds the next one with probability 1/5
  const event_log log = log_of(random_lines(21, 3000, 40, 50));
  replay_options options;
  options.every = 1;
  options.refits = 2;
  options.repeat_items = true;
  for (const arm a : all_arms) {
    const replay_result result = run(log, a, protocol::next_event, options);
    const double n = static_cast<double>(result.rank.size());
    const double five_sigma = 5 * std::sqrt(0.2 * 0.8 / n);
    const auto hits = [](const auto& ranks, std::size_t from, std::size_t step) {
      double sum = 0;
      for (std::size_t p = from; p < ranks.size(); p += step) {
        sum += evaluation::hit_at(static_cast<double>(ranks[p]), slate_size);
      }
      return sum;
    };
    CHECK(hits(result.rank, 0, 1) / n < 0.2 + five_sigma);
    for (std::size_t s = 0; s < result.sources.size(); ++s) {
      INFO(result.sources[s]);
      CHECK(hits(result.source_rank, s, result.sources.size()) / n < 0.2 + five_sigma);
    }
  }
}

TEST_CASE("the order of lines inside a visit changes nothing") {
  std::vector<line> lines;
  for (const synthetic_purchase& each : synthetic_shop({.seed = 8, .shoppers = 60, .products = 64, .days = 60})) {
    lines.push_back({shopper_id(each.shopper), product_id(each.product), to_millis(each.time) / 1000});
  }
  event_log stored = log_of(lines);
  event_log shuffled = log_of(shuffled_inside_visits(lines));
  const auto item_at = [](const event_log& log, std::size_t k) { return log.items.name(log.events[k].item); };
  bool moved = false;
  for (std::size_t k = 0; k < lines.size(); ++k) moved = moved || item_at(stored, k) != item_at(shuffled, k);
  REQUIRE(moved);  // the test can fail: there are visits of several lines
  order_visits(stored, 3);
  order_visits(shuffled, 3);
  replay_options options;
  options.every = 2;
  options.refits = 2;
  for (const protocol known : {protocol::next_event, protocol::next_visit}) {
    const replay_result one = run(stored, arm::hybrid, known, options);
    const replay_result two = run(shuffled, arm::hybrid, known, options);
    CHECK(one.rank == two.rank);
    CHECK(one.source_rank == two.source_rank);
    CHECK(one.coverage == two.coverage);
    CHECK(one.served == two.served);
  }
}

TEST_CASE("both protocols judge the same events, and the same where every visit is one event") {
  const event_log log = log_of(random_lines(31, 300, 10, 40));
  replay_options options;
  options.every = 3;
  options.refits = 1;
  const replay_result next_event = run(log, arm::hybrid, protocol::next_event, options);
  const replay_result next_visit = run(log, arm::hybrid, protocol::next_visit, options);
  CHECK(next_event.rank == next_visit.rank);
  CHECK(next_event.refits == 1);
}

TEST_CASE("a replay can be cancelled, and an event the engine does not take ends it with its number") {
  const event_log log = log_of(random_lines(41, 2000, 10, 40));
  replay_options options;
  const replay_plan plan = plan_replay(log, options);
  engine subject = small_engine({"popularity"}, false);
  std::size_t heard = 0;
  const auto stop = [&](const progress_report& report) {
    CHECK(report.stage == "replay");
    return ++heard < 5;
  };
  CHECK_THROWS_AS(replay(log, plan, protocol::next_event, subject, stop), error);
  CHECK(heard == 5);

  event_log jump = log_of(random_lines(42, 100, 5, 20));
  jump.events.back().time += std::chrono::hours(24 * 365 * 9000);
  engine fresh = small_engine({"popularity"}, false);
  try {
    (void)replay(jump, plan_replay(jump, options), protocol::next_event, fresh);
    FAIL("an event nine thousand years ahead was taken");
  } catch (const error& e) {
    CHECK(e.code() == errc::wrong_state);
    CHECK(std::string(e.what()).find("event 100") != std::string::npos);
    CHECK(std::string(e.what()).find("time_out_of_range") != std::string::npos);
  }
}

TEST_CASE("the arms' sources are what their names say") {
  CHECK(sources_of(arm::batch) == std::vector<std::string>{"batch_affinity"});
  CHECK(sources_of(arm::batch_fold_in) == std::vector<std::string>{"batch_fold_in"});
  const auto realtime = sources_of(arm::realtime);
  CHECK(sources_of(arm::realtime_ranked) == realtime);
  const auto hybrid_sources = sources_of(arm::hybrid);
  for (const hybrid::source_info& each : hybrid::built_in_sources()) {
    const auto in = [&](const auto& names) { return std::count(names.begin(), names.end(), each.name) == 1; };
    CHECK(in(hybrid_sources) == each.by_default);
    CHECK(in(realtime) == (each.by_default && !each.needs_model));
  }
  for (const arm a : all_arms) {
    engine made(options_of(a, {}));
    CHECK(made.options().sources == sources_of(a));
    CHECK((made.options().ranker.choices > 0) == (a == arm::realtime_ranked || a == arm::hybrid));
    CHECK(needs_refits(a) == (a != arm::realtime));
  }
}
