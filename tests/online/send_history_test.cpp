#include "tandem/online/send_history.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::online;
using namespace std::chrono_literals;

namespace {

constexpr timestamp start = from_millis(1'700'000'000'000);

send_history after(const std::vector<duration>& sends, duration half_life = 24h) {
  send_history out;
  for (const duration each : sends) out.sent(start + each, half_life, decision_id{1});
  return out;
}

}  // namespace

TEST_CASE("fatigue is the sum of all sends, each halved every half-life") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    random_stream random(seed);
    send_history past;
    std::vector<double> hours;
    double now = 0;
    for (int n = 0; n < 30; ++n) {
      now += static_cast<double>(random.below(50));
      past.sent(start + duration(static_cast<std::int64_t>(now * 3.6e6)), 7h, decision_id{1});
      hours.push_back(now);
    }
    const double later = now + static_cast<double>(random.below(40));
    double expected = 0;
    for (const double each : hours) expected += std::exp2(-(later - each) / 7);
    CHECK(past.fatigue(start + duration(static_cast<std::int64_t>(later * 3.6e6)), 7h) == Approx(expected));
  }
}

TEST_CASE("without a half-life nobody tires, and time that runs back makes nobody fresh") {
  CHECK(after({0h, 1h}).fatigue(start + 1h, 0h) == 0);
  const send_history past = after({10h});
  CHECK(past.fatigue(start, 24h) == 1);
  CHECK(send_history{}.fatigue(start, 24h) == 0);
  CHECK(past.fatigue(timestamp::max(), 24h) == Approx(0).margin(1e-12));
}

TEST_CASE("a cap counts the sends within its period, to the millisecond, whatever the order of their times") {
  const send_limits one_a_day{.caps = {{24h, 1}}};
  CHECK_FALSE(send_history{}.capped(start, one_a_day));
  const send_history past = after({0h});
  CHECK(past.capped(start + 24h - 1ms, one_a_day));
  CHECK_FALSE(past.capped(start + 24h, one_a_day));
  CHECK(past.capped(start - 24h + 1ms, one_a_day));
  const send_limits both{.caps = {{24h, 2}, {168h, 3}}};
  CHECK_FALSE(after({0h, 30h}).capped(start + 50h, both));
  CHECK(after({0h, 30h, 31h}).capped(start + 50h, both));
  CHECK(after({0h, 30h, 60h}).capped(start + 100h, both));
  CHECK_FALSE(after({0h, 30h, 60h}).capped(start + 168h, both));
  CHECK(after({60h, 0h, 30h}).capped(start + 100h, both));
  CHECK(send_history{}.capped(start, {.caps = {{24h, 0}}}));
  CHECK_FALSE(past.capped(timestamp::max(), one_a_day));
}

TEST_CASE("no more is needed of a user than the latest eight sends") {
  send_history past;
  for (int n = 0; n < 100; ++n) past.sent(start + n * 1h, 24h, decision_id{1});
  CHECK(past.capped(start + 99h, {.caps = {{8h, 8}}}));
  CHECK_FALSE(past.capped(start + 100h, {.caps = {{8h, 8}}}));
  past.sent(start, 24h, decision_id{2});  // older than all that are kept
  CHECK(past.capped(start + 99h, {.caps = {{8h, 8}}}));
}

TEST_CASE("quiet hours are those of the user's own day, past midnight too") {
  const timestamp midnight = from_millis(std::int64_t{86'400'000} * 19'000);
  const quiet_hours night{22h, 7h};
  CHECK(night.hold(midnight, 0h));
  CHECK(night.hold(midnight + 7h - 1ms, 0h));
  CHECK_FALSE(night.hold(midnight + 7h, 0h));
  CHECK_FALSE(night.hold(midnight + 22h - 1ms, 0h));
  CHECK(night.hold(midnight + 22h, 0h));
  CHECK_FALSE(night.hold(midnight, 9h));  // nine in the morning there
  CHECK_FALSE(night.hold(midnight + 12h, -4h - 30min));
  CHECK(night.hold(midnight + 12h, -6h));
  CHECK(night.hold(from_millis(-1), 0h));  // before 1970
  const quiet_hours noon{12h, 13h};
  CHECK(noon.hold(midnight + 12h, 0h));
  CHECK_FALSE(noon.hold(midnight + 13h, 0h));
  CHECK_FALSE(quiet_hours{}.hold(midnight, 0h));
  CHECK_FALSE(quiet_hours{8h, 8h}.hold(midnight + 8h, 0h));
}

TEST_CASE("a user fades when no cap and hardly any fatigue is left, and never after opting out") {
  send_history past = after({0h});
  CHECK_FALSE(past.faded(start + 100h, 24h, 24h));
  CHECK(past.faded(start + 110h, 24h, 24h));
  CHECK_FALSE(past.faded(start + 110h, 24h, 168h));
  past.opt(true);
  CHECK_FALSE(past.faded(start + 10'000h, 24h, 24h));
  CHECK(send_history{}.faded(start, 24h, 24h));
}

TEST_CASE("limits out of range are refused by name") {
  const auto refused = [](const send_limits& limits) {
    try {
      limits.validate();
    } catch (const error& e) {
      return e.where().field;
    }
    return std::string("nothing");
  };
  CHECK(refused({}) == "nothing");
  CHECK(refused({.caps = {{24h, 8}}, .quiet = {0h, 24h - 1ms}}) == "nothing");
  CHECK(refused({.caps = {{0h, 1}}}) == "caps.period");
  CHECK(refused({.caps = {{24h, 9}}}) == "caps.most");
  CHECK(refused({.quiet = {24h, 0h}}) == "quiet");
  CHECK(refused({.quiet = {0h, -1ms}}) == "quiet");
}

TEST_CASE("a history that was saved goes on with the same bits, and damage does no harm") {
  const auto load = [](byte_reader& in) { return send_history::load(in); };
  const auto step = [](send_history& past, random_stream& random) {
    past.sent(start + duration(static_cast<std::int64_t>(random.below(1'000'000'000))), 24h,
              decision_id{1 + random.below(5)});
    past.settled(random.uniform());
    past.opt(random.below(3) == 0);
  };
  const auto ask = [](const send_history& past, random_stream& random) {
    const timestamp now = start + duration(static_cast<std::int64_t>(random.below(1'000'000'000)));
    return past.fatigue(now, 24h) + (past.capped(now, {.caps = {{24h, 3}}}) ? 100 : 0) + past.earned();
  };
  tandem_test::check_goes_on([] { return send_history{}; }, step, ask, load);
  tandem_test::check_damage(tandem_test::saved(after({0h, 3h, 90h})), load, step);
}
