#include "tandem/online/send_or_not.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "send_world.hpp"
#include "support/catch.hpp"
#include "support/chi_square.hpp"
#include "support/failing_new.hpp"
#include "support/saved.hpp"

using namespace send_world;

namespace {

decision_id id(std::uint64_t n) { return decision_id{n}; }
user_index user(std::uint32_t n) { return user_index{n}; }

// sends whenever no rule forbids it
send_or_not_options eager() {
  return {.policy = greedy{}, .floor = 0, .reward_scale = 1e-3, .opt_out_rate = 1e-6, .capacity = 64};
}
// a bandit that has seen a thousand sends pay 1
std::unique_ptr<send_or_not> keen(send_or_not_options options, user_index of = user(999)) {
  options.floor = 0;
  auto out = std::make_unique<send_or_not>(options);
  send_request asked{.user = of, .time = start - 10'000h};
  for (std::uint64_t n = 1; out->stats().settled < 40; ++n, asked.time += 100h) {
    asked.id = id(1'000'000 + n);
    if (out->decide(asked).send) out->reward(asked.id, 1, asked.time);
    out->advance(asked.time + 99h);
  }
  return out;
}

send_decision ask(send_or_not& bandit, std::uint64_t n, std::uint32_t who, timestamp time, duration offset = 0h) {
  return bandit.decide({.id = id(n), .user = user(who), .time = time, .utc_offset = offset});
}

std::string refused_option(const send_or_not_options& options) {
  try {
    const send_or_not bandit(options);
  } catch (const error& e) {
    return e.where().field;
  }
  return "nothing";
}

}  // namespace

TEST_CASE("who learns when people have enough earns more in the long run than any fixed rule") {
  double learned = 0;
  double best_rule = 0;
  double tireless = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    send_or_not bandit(options_for(seed));
    const double earned = play(seed, bandit);
    const double always = play_cap(seed, moments.size());
    const double rule = std::max({0.0, always, play_cap(seed, 1), play_cap(seed, 2), play_cap(seed, 1, 2)});
    CHECK(earned > always + 500);
    CHECK(earned > 1.1 * rule);
    learned += earned;
    best_rule += rule;
    send_or_not_options blind = options_for(seed);
    blind.half_life = 0h;  // the same bandit without its fatigue
    send_or_not unaware(blind);
    tireless += play(seed, unaware);
  }
  CHECK(learned > 1.2 * best_rule);
  CHECK(learned > 1.12 * tireless);
}

TEST_CASE("what a send takes from the later ones is worth reckoning with") {
  double with = 0;
  double without = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    send_or_not far(options_for(seed));
    with += play(seed, far);
    send_or_not_options near = options_for(seed);
    near.foresight = 0;
    send_or_not alone(near);
    without += play(seed, alone);
  }
  CHECK(with > 1.08 * without);
}

TEST_CASE("it learns how opt-outs and rewards move with fatigue") {
  send_or_not bandit(options_for(1));
  play(1, bandit);
  const std::array<float, 2> context{0.5F, 0};
  const timestamp late = start + 24h * (days + 30);
  const user_index newcomer = user(5000);
  const send_decision fresh = bandit.decide({.id = id(1 << 30), .user = newcomer, .time = late, .context = context});
  CHECK(fresh.fatigue < 0.01);
  for (std::uint64_t n = 1; n < 10'000 && bandit.fatigue(newcomer, late) < 4; ++n) {
    bandit.decide({.id = id((1 << 30) + n), .user = newcomer, .time = late, .context = context});
  }
  const send_decision tired = bandit.decide({.id = id(1 << 29), .user = newcomer, .time = late, .context = context});
  CHECK(tired.opt_out_rate > fresh.opt_out_rate + 0.005);
  CHECK(tired.sent.mean < fresh.sent.mean - 0.1F);
  CHECK(fresh.later == Approx(0).margin(0.01));
}

TEST_CASE("the probability that is logged is the one with which was drawn") {
  send_or_not bandit(options_for(3));
  play(3, bandit);
  std::vector<std::size_t> counts(2, 0);
  double sends = 0;
  std::size_t mislogged = 0;
  const std::array<float, 2> context{0.3F, 1};
  constexpr std::size_t n = 20'000;
  const timestamp late = start + 24h * (days + 30);
  for (std::uint64_t k = 0; k < n; ++k) {  // users who were never sent anything: every draw has the same chances
    const send_decision d = bandit.decide({.id = id((1ULL << 40U) + k),
                                           .user = user(static_cast<std::uint32_t>(1000 + k)),
                                           .time = late,
                                           .context = context});
    mislogged += d.propensity == (d.send ? d.probability : 1 - d.probability) ? 0U : 1U;
    sends = d.probability;
    ++counts[d.send ? 0 : 1];
  }
  CHECK(mislogged == 0);
  CHECK(tandem_test::chi_square_p(counts, std::vector<double>{sends, 1 - sends}) > 0.001);
}

TEST_CASE("no action is rarer than the floor") {
  send_or_not_options options = options_for(1);
  options.policy = greedy{};
  options.floor = 0.05;
  send_or_not bandit(options);
  for (std::uint64_t n = 1; n < 300; ++n) {
    const std::array<float, 2> context{0, 0};
    const send_decision d = bandit.decide({.id = id(n), .user = user(1), .time = start, .context = context});
    CHECK((d.probability == 0.05 || d.probability == 0.95 || d.probability == 0.5));
  }
}

TEST_CASE("rules hold whatever is expected, with probability 1") {
  send_or_not_options options = eager();
  options.limits = {.caps = {{24h, 1}}, .quiet = {22h, 7h}};
  const auto bandit = keen(options);
  const send_stats before = bandit->stats();
  const timestamp noon = from_millis(std::int64_t{86'400'000} * 19'700) + 12h;
  REQUIRE(ask(*bandit, 1, 1, noon).send);
  const send_decision again = ask(*bandit, 2, 1, noon + 3h);
  CHECK(again.status == send_status::capped);
  CHECK_FALSE(again.send);
  CHECK(again.propensity == 1);
  CHECK(again.probability == 0);
  CHECK(ask(*bandit, 3, 2, noon + 11h).status == send_status::quiet);
  CHECK(ask(*bandit, 3, 2, noon, 11h).status == send_status::quiet);
  CHECK(ask(*bandit, 3, 2, noon + 11h, -6h).send);
  CHECK(ask(*bandit, 4, 1, noon + 24h).send);
  CHECK(bandit->opt_out(user(1), noon + 25h) == send_feedback::joined);
  CHECK(ask(*bandit, 5, 1, noon + 984h).status == send_status::opted_out);
  CHECK(bandit->is_opted_out(user(1)));
  bandit->opt_in(user(1));
  CHECK(ask(*bandit, 5, 1, noon + 984h).send);
  const send_stats s = bandit->stats();
  CHECK(s.capped == 1);
  CHECK(s.quiet - before.quiet == 2);
  CHECK(s.opted_out == 1);
  CHECK(s.opt_outs == 1);
}

TEST_CASE("asked again for the same id, it gives the same answer and nobody tires twice") {
  const auto bandit = keen(eager());
  const send_decision first = ask(*bandit, 1, 1, start);
  const send_decision again = ask(*bandit, 1, 1, start + 3h);
  CHECK(again.status == send_status::repeated);
  CHECK(again.send == first.send);
  CHECK(again.propensity == first.propensity);
  CHECK(bandit->fatigue(user(1), start) == 1);
  CHECK(bandit->stats().repeated == 1);
}

TEST_CASE("what cannot be decided is silence that says why, and nothing is kept of it") {
  send_or_not_options options = eager();
  options.dimension = 2;
  send_or_not bandit(options);
  const std::array<float, 3> long_one{0, 0, 0};
  const std::array<float, 2> broken{0, std::numeric_limits<float>::quiet_NaN()};
  const std::array<float, 2> good{0, 0};
  CHECK(bandit.decide({.id = id(1), .time = start, .context = long_one}).status == send_status::wrong_dimension);
  CHECK(bandit.decide({.id = id(1), .time = start, .context = broken}).status == send_status::not_finite);
  CHECK(bandit.decide({.time = start, .context = good}).status == send_status::no_id);
  CHECK(bandit.decide({.id = id(1), .time = timestamp::max(), .context = good}).status == send_status::bad_time);
  CHECK(bandit.decide({.id = id(1), .time = timestamp::min(), .context = good}).status == send_status::bad_time);
  CHECK(bandit.stats().refused == 5);
  CHECK(bandit.stats().pending == 0);
  CHECK(bandit.decide({.id = id(1), .time = start, .context = good}).drawn());
}

TEST_CASE("rewards and opt-outs find their decision, or say why not") {
  const auto bandit = keen(eager());
  REQUIRE(ask(*bandit, 1, 1, start).send);
  CHECK(bandit->reward(id(1), 0.5, start + 1h, 7) == send_feedback::joined);
  CHECK(bandit->reward(id(1), 0.5, start + 1h, 7) == send_feedback::duplicate);
  CHECK(bandit->reward(id(1), 0.25, start + 24h) == send_feedback::joined);
  CHECK(bandit->reward(id(1), 1, start + 24h + 1ms) == send_feedback::late);
  CHECK(bandit->reward(id(1), 1, start - 1ms) == send_feedback::early);
  CHECK(bandit->reward(id(5), 1, start) == send_feedback::unknown);
  CHECK(bandit->reward(id(1), std::numeric_limits<double>::infinity(), start) == send_feedback::refused);
  CHECK(bandit->opt_out(user(1), start + 2h) == send_feedback::joined);
  CHECK(bandit->opt_out(user(1), start + 3h) == send_feedback::duplicate);
  CHECK(bandit->opt_out(user(2), start) == send_feedback::unknown);
  CHECK(bandit->is_opted_out(user(2)));
  REQUIRE(ask(*bandit, 2, 3, start).send);
  std::vector<settled_send> rows(1000);
  (void)bandit->take_settled(rows);
  bandit->advance(start + 25h);
  CHECK(bandit->opt_out(user(3), start + 25h) == send_feedback::late);
  CHECK(bandit->is_opted_out(user(3)));
  CHECK(bandit->reward(id(2), 1, start + 1h) == send_feedback::late);
  rows.resize(bandit->take_settled(rows));
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].id == id(1));
  CHECK(rows[0].reward == 0.75);
  CHECK(rows[0].rewards == 2);
  CHECK(rows[0].opted_out);
  CHECK(rows[1].reward == 0);
  CHECK_FALSE(rows[1].opted_out);
}

TEST_CASE("a row's cost is the price as it was, and the opt-out if it came to that") {
  send_or_not_options options = eager();
  options.floor = 0.5;
  options.price = 0.1;
  options.price_growth = 2;
  options.opt_out_cost = 3;
  send_or_not bandit(options);
  std::uint64_t asked = 0;
  const auto send_to = [&](std::uint32_t who) {
    while (!ask(bandit, ++asked, who, start).send) continue;
  };
  send_to(1);
  send_to(1);  // at fatigue 1
  bandit.opt_out(user(1), start + 1h);
  bandit.advance(start + 25h);
  std::vector<settled_send> rows(1000);
  rows.resize(bandit.take_settled(rows));
  std::erase_if(rows, [](const settled_send& row) { return !row.send; });
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].cost == Approx(0.1));
  CHECK(rows[1].cost == Approx(0.3 + 3));
  CHECK(rows[1].judged_by(0.25).reward == Approx(-3.3));
  CHECK(rows[1].judged_by(0.25).propensity == rows[1].probability);
  CHECK(rows[1].judged_by(0.25).target == 0.25);
}

TEST_CASE("its log judges another policy") {
  // nobody tires or leaves, so that the value of a policy is that of its draws
  send_or_not_options options = options_for(1);
  options.half_life = 0h;
  options.floor = 0.1;
  send_or_not bandit(options);
  evaluation::inverse_propensity always;
  std::vector<settled_send> rows(4096);
  for (std::uint64_t n = 1; n <= 8000; ++n) {
    random_stream luck(5, n);
    const std::array<float, 2> context{static_cast<float>(luck.uniform()), 0};
    const timestamp now = start + static_cast<std::int64_t>(n) * 1h;
    const send_decision d =
        bandit.decide({.id = id(n), .user = user(static_cast<std::uint32_t>(n)), .time = now, .context = context});
    if (d.send && luck.uniform() < 0.5 * double{context[0]}) bandit.reward(id(n), 1, now);
    bandit.advance(now);
    const std::size_t got = bandit.take_settled(rows);
    for (std::size_t k = 0; k < got; ++k) always.add(rows[k].judged_by(1));
  }
  const auto said = always.estimate();
  CHECK_FALSE(said.support_doubtful());
  CHECK(std::abs(said.value - (0.25 - send_price)) < 4 * said.standard_error);
  CHECK(said.standard_error < 0.05);
}

TEST_CASE("where people buy unasked, a send is worth what it adds") {
  send_or_not_options options = options_for(2);
  options.half_life = 0h;
  options.opt_out_cost = 0;
  options.learn_silence = true;
  send_or_not bandit(options);
  const std::array<float, 2> context{0, 0};
  std::size_t sent = 0;
  for (std::uint64_t n = 1; n <= 6000; ++n) {
    random_stream luck(6, n);
    const timestamp now = start + static_cast<std::int64_t>(n) * 1h;
    const send_decision d =
        bandit.decide({.id = id(n), .user = user(static_cast<std::uint32_t>(n)), .time = now, .context = context});
    if (n > 4000 && d.send) ++sent;
    if (luck.uniform() < (d.send ? 0.30 : 0.35)) bandit.reward(id(n), 1, now);  // sending spoils it a little
    bandit.advance(now);
  }
  CHECK(sent < 500);  // a bandit that takes silence for 0 would send nearly all of 2000
}

TEST_CASE("users are bounded: those of whom nothing is left give way, those who opted out never") {
  send_or_not_options options = eager();
  options.max_users = 10;
  options.limits.caps = {{24h, 1}};
  const auto bandit = keen(options);
  bandit->forget(user(999));
  CHECK(bandit->opt_out(user(100), start) == send_feedback::unknown);
  for (std::uint32_t u = 0; u < 9; ++u) REQUIRE(ask(*bandit, 1 + u, u, start).send);
  CHECK(ask(*bandit, 50, 50, start).status == send_status::full);
  CHECK(ask(*bandit, 51, 3, start + 25h).send);  // who is kept is served
  CHECK(bandit->stats().users == 10);
  CHECK(ask(*bandit, 52, 50, start + 25h).status == send_status::full);  // too tired to go
  CHECK(ask(*bandit, 53, 50, start + 24h * 6).send);
  CHECK(bandit->stats().faded_users >= 8);
  CHECK(bandit->is_opted_out(user(100)));
  CHECK(bandit->opt_out(user(200), start) == send_feedback::unknown);
  CHECK(bandit->is_opted_out(user(200)));
}

TEST_CASE("decisions that give way are settled as they stand, and settled ones that nobody takes are counted") {
  send_or_not_options options = eager();
  options.capacity = 16;
  const auto bandit = keen(options);
  const send_stats before = bandit->stats();
  for (std::uint64_t n = 1; n <= 100; ++n) ask(*bandit, n, static_cast<std::uint32_t>(n), start);
  const send_stats after = bandit->stats();
  CHECK(after.evicted - before.evicted == 84);
  CHECK(after.settled - before.settled == 84);
  CHECK(after.pending == 16);
  CHECK(after.settled_lost > 0);
  std::vector<settled_send> rows(1000);
  rows.resize(bandit->take_settled(rows));
  REQUIRE(rows.size() == 16);
  CHECK(rows.front().id == id(69));
  CHECK(rows.back().evicted);
  CHECK(bandit->reward(id(1), 1, start) == send_feedback::unknown);
}

TEST_CASE("when memory is out nothing is sent and nothing has changed") {
  if (!TANDEM_TEST_CAN_FAIL_NEW) return;
  const auto bandit = keen(eager());
  const auto before = tandem_test::saved(*bandit);
  send_decision d;
  {
    const tandem_test::fail_new_after none(0);
    for (std::uint32_t u = 0; u < 50 && d.status != send_status::out_of_memory; ++u) d = ask(*bandit, 1 + u, u, start);
  }
  CHECK(d.status == send_status::out_of_memory);
  CHECK_FALSE(d.send);
  CHECK(ask(*bandit, 100, 100, start).send);
  CHECK(before.size() < tandem_test::saved(*bandit).size());
}

TEST_CASE("options out of range are refused by name") {
  CHECK(refused_option({}) == "nothing");
  CHECK(refused_option({.dimension = 1025}) == "dimension");
  CHECK(refused_option({.policy = thompson{.scale = -1}}) == "thompson.scale");
  CHECK(refused_option({.floor = 0.6}) == "floor");
  CHECK(refused_option({.half_life = -1ms}) == "half_life");
  CHECK(refused_option({.price = -1}) == "price");
  CHECK(refused_option({.price_growth = std::numeric_limits<double>::infinity()}) == "price_growth");
  CHECK(refused_option({.opt_out_cost = -1}) == "opt_out_cost");
  CHECK(refused_option({.foresight = 2}) == "foresight");
  CHECK(refused_option({.limits = {.caps = {{1h, 9}}}}) == "caps.most");
  CHECK(refused_option({.reward_window = -1ms}) == "reward_window");
  CHECK(refused_option({.reward_scale = 0}) == "reward_scale");
  CHECK(refused_option({.opt_out_rate = 1}) == "opt_out_rate");
  CHECK(refused_option({.opt_out_strength = 0}) == "opt_out_strength");
  CHECK(refused_option({.regularization = 0}) == "regularization");
  CHECK(refused_option({.max_users = 0}) == "max_users");
  CHECK(refused_option({.capacity = 15}) == "capacity");
}

TEST_CASE("many threads together send no more than the caps allow", "[concurrency]") {
  send_or_not_options options = eager();
  options.limits.caps = {{24h, 3}};
  options.half_life = 0h;
  options.capacity = 1 << 14;
  const auto bandit = keen(options);
  const std::uint64_t before = bandit->stats().sent;
  std::array<std::array<std::size_t, 20>, 4> sent{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < sent.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t n = 0; n < 400; ++n) {
        const auto who = static_cast<std::uint32_t>(n % 20);
        const std::uint64_t mine = 1 + n * sent.size() + t;
        if (ask(*bandit, mine, who, start).send) ++sent[t][who];
        bandit->reward(id(mine), 1, start);
        (void)bandit->stats();
      }
    });
  }
  for (std::thread& each : threads) each.join();
  for (std::size_t u = 0; u < 20; ++u) {
    CHECK(sent[0][u] + sent[1][u] + sent[2][u] + sent[3][u] <= 3);
  }
  CHECK(bandit->stats().sent - before == 60);
}

namespace {

// a value that can be moved, for the claims of saved.hpp
struct kept {
  std::unique_ptr<send_or_not> it;
  void save(byte_writer& out) const { it->save(out); }
};

send_or_not_options small() {
  send_or_not_options options = options_for(9);
  options.capacity = 32;
  options.max_users = 12;
  options.price_growth = 1;
  options.limits = {.caps = {{24h, 2}}, .quiet = {22h, 7h}};
  options.learn_silence = true;
  return options;
}
kept loaded(byte_reader& in, const send_or_not_options& options) {
  // NOLINTNEXTLINE(modernize-make-unique): it would have to be moved
  return {std::unique_ptr<send_or_not>(new send_or_not(send_or_not::load(in, options)))};
}
kept load_small(byte_reader& in) { return loaded(in, small()); }

void live(const kept& bandit, random_stream& random) {
  const timestamp now = start + static_cast<std::int64_t>(random.below(500)) * 1h;
  const std::array<float, 2> context{static_cast<float>(random.uniform()), 1};
  const user_index who = user(static_cast<std::uint32_t>(random.below(20)));
  const decision_id which = id(1 + random.below(400));
  bandit.it->decide({.id = which, .user = who, .time = now, .context = context});
  bandit.it->reward(id(1 + random.below(400)), random.uniform(), now, random.below(9));
  if (random.below(40) == 0) bandit.it->opt_out(who, now);
  if (random.below(60) == 0) bandit.it->opt_in(who);
  if (random.below(20) == 0) bandit.it->advance(now);
  std::vector<settled_send> rows(3);
  if (random.below(10) == 0) bandit.it->take_settled(rows);
}

}  // namespace

TEST_CASE("a bandit that was saved goes on with the same bits, and damage does no harm") {
  const auto make = [] { return kept{std::make_unique<send_or_not>(small())}; };
  const auto answer = [](const kept& bandit, random_stream& random) {
    const send_decision d = ask(*bandit.it, 1, 1, start);  // wrong dimension: counted, not drawn
    const std::array<float, 2> context{0.5F, 0};
    const send_decision drawn = bandit.it->decide(
        {.id = id(1000 + random.below(1000)), .user = user(3), .time = start + 30h, .context = context});
    return drawn.probability + (d.send ? 10 : 0);
  };
  tandem_test::check_goes_on(make, live, answer, load_small, 10, 200);
  const kept lived = make();
  random_stream random(4);
  for (int n = 0; n < 100; ++n) live(lived, random);
  tandem_test::check_damage(tandem_test::saved(lived), load_small, live, 1000);
}

TEST_CASE("what was saved goes only into a bandit of its shape") {
  send_or_not bandit(small());
  const auto bytes = tandem_test::saved(bandit);
  send_or_not_options other = small();
  other.dimension = 3;
  const auto load = [&](byte_reader& in) { return loaded(in, other); };
  CHECK(tandem_test::is_refused(bytes, load));
}
