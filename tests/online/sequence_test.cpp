#include "tandem/online/sequence.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::online;

namespace {

struct user_event {
  std::size_t user = 0;
  past_event what;
};

item_index item(std::size_t i) { return static_cast<item_index>(i); }

// Events of several users, items often the same, times often equal.
std::vector<user_event> random_log(std::uint64_t seed, std::size_t n, std::size_t n_users, std::size_t n_items) {
  random_stream random(seed);
  std::vector<user_event> log(n);
  std::int64_t time = 0;
  for (user_event& e : log) {
    e.user = random.below(n_users);
    e.what.item = item(random.below(random.below(n_items) + 1));
    if (random.uniform() < 0.2) time += 1000;
    e.what.time = from_millis(time);
  }
  return log;
}

sequence learned(const std::vector<user_event>& log, std::size_t n_users, const sequence_options& options) {
  sequence model(options);
  std::vector<history> past(n_users);
  double tick = 0;
  for (const user_event& e : log) {
    model.learn(past[e.user].recent(), e.what, ++tick);
    past[e.user].add(e.what);
  }
  return model;
}

struct plain_tie {
  double around = 0;
  double after = 0;
  double next = 0;
  double together = 0;
};

// Every pair of events of one user, weighed by its definition in double, as of the last tick.
struct plain_model {
  std::map<std::pair<std::size_t, std::size_t>, plain_tie> ties;
  std::map<std::size_t, double> followed;

  plain_model(const std::vector<user_event>& log, std::size_t n_users, const sequence_options& options) {
    std::vector<std::vector<past_event>> past(n_users);
    for (std::size_t t = 0; t < log.size(); ++t) {
      const double age = static_cast<double>(log.size() - 1 - t);
      std::vector<past_event>& earlier = past[log[t].user];
      for (std::size_t k = 0; k < std::min(earlier.size(), options.window); ++k) {
        add(earlier[earlier.size() - 1 - k], log[t].what, k, std::exp2(-age / options.half_life), options);
      }
      earlier.push_back(log[t].what);
    }
  }

  void add(const past_event& from, const past_event& to, std::size_t distance, double weight,
           const sequence_options& options) {
    const std::size_t a = slot(from.item);
    const std::size_t b = slot(to.item);
    const auto power = [&](double decay) { return weight * std::pow(decay, static_cast<double>(distance)); };
    if (distance == 0) followed[a] += weight;
    if (distance == 0) ties[{a, b}].next += weight;
    if (distance < sequence::after_steps) ties[{a, b}].after += power(options.after_decay);
    if (a == b) return;
    for (const auto& pair : {std::pair{a, b}, std::pair{b, a}}) {
      ties[pair].around += power(options.around_decay);
      if (from.time == to.time) ties[pair].together += weight;
    }
  }
};

std::map<std::uint32_t, tie> summed(const neighbours& row) {
  std::map<std::uint32_t, tie> out;
  row.for_each([&](std::uint32_t other, const tie& t) { out[other] += t; });
  for (const auto& [other, t] : out) {
    const tie same = row.of(item(other));
    REQUIRE(same.around == t.around);
    REQUIRE(same.after == t.after);
    REQUIRE(same.next == t.next);
    REQUIRE(same.together == t.together);
  }
  return out;
}

void check_same(const sequence& model, const plain_model& expected, std::size_t n_items, double tick) {
  std::size_t n_ties = 0;
  for (std::size_t i = 0; i < n_items; ++i) {
    const cow<neighbours> row = model.neighbours_of(item(i));
    const auto w = static_cast<double>(model.weight_at(*row, tick));
    const auto same = [&](float stored, double exact) {
      REQUIRE(static_cast<double>(stored) * w == Approx(exact).epsilon(1e-4).margin(1e-15));
    };
    const auto followed = expected.followed.find(i);
    same(row->followed, followed == expected.followed.end() ? 0 : followed->second);
    for (const auto& [other, t] : summed(*row)) {
      const auto at = expected.ties.find({i, other});
      REQUIRE(at != expected.ties.end());
      same(t.around, at->second.around);
      same(t.after, at->second.after);
      same(t.next, at->second.next);
      same(t.together, at->second.together);
      ++n_ties;
    }
  }
  CHECK(n_ties == expected.ties.size());
}

void check_against_definition(std::uint64_t seed, const sequence_options& options, std::size_t n) {
  constexpr std::size_t n_users = 4;
  constexpr std::size_t n_items = 25;
  const std::vector<user_event> log = random_log(seed, n, n_users, n_items);
  const sequence model = learned(log, n_users, options);
  check_same(model, plain_model(log, n_users, options), n_items, static_cast<double>(n));
}

}  // namespace

TEST_CASE("ties equal their definition over all pairs of events") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    random_stream random(seed, 1);
    sequence_options options;
    options.window = 1 + random.below(history::max_recent);
    options.around_decay = 0.5 + random.uniform() / 2;
    options.after_decay = 0.5 + random.uniform() / 2;
    options.half_life = std::exp2(4 + random.uniform() * 12);
    check_against_definition(seed, options, 600);
  }
}

TEST_CASE("counts that never fade are sums") {
  sequence_options options;
  options.half_life = std::numeric_limits<double>::infinity();
  check_against_definition(1, options, 2000);
}

TEST_CASE("a half-life is exact over many rescalings, for items seen always and hardly ever") {
  for (const double half_life : {2.0, 30.0, 500.0}) {
    sequence_options options;
    options.half_life = half_life;
    check_against_definition(2, options, 30000);  // up to 15,000 half-lives; rows are rescaled every 40
  }
}

TEST_CASE("the neighbours of an item are bounded, the strongest kept") {
  sequence_options options;
  options.max_neighbours = 64;
  options.half_life = std::numeric_limits<double>::infinity();
  sequence model(options);
  random_stream random(3);
  // item 0 comes with items 1..16 again and again, and once each with thousands of others
  double tick = 0;
  std::size_t most = 0;
  for (std::size_t e = 0; e < 20000; ++e) {
    const std::size_t other = e % 4 == 0 ? 1 + random.below(16) : 17 + e;
    const past_event before{item(0), from_millis(0)};
    model.learn(std::span(&before, 1), {item(other), from_millis(1)}, ++tick);
    most = std::max(most, model.neighbours_of(item(0))->ties.size());
  }
  CHECK(most == 64);
  const cow<neighbours> row = model.neighbours_of(item(0));
  for (std::uint32_t strong = 1; strong <= 16; ++strong) {
    CHECK(row->of(item(strong)).after > 200);
  }
  CHECK(row->followed == 20000);
}

TEST_CASE("every row stays bounded in a log of many items") {
  sequence_options options;
  options.max_neighbours = 16;
  constexpr std::size_t n_items = 500;
  const std::vector<user_event> log = random_log(4, 20000, 10, n_items);
  const sequence model = learned(log, 10, options);
  for (std::size_t i = 0; i < n_items; ++i) {
    CHECK(model.neighbours_of(item(i))->ties.size() <= 16);
    CHECK(model.neighbours_of(item(i))->latest.size() <= 8);
  }
}

TEST_CASE("with room for all neighbours the bound changes nothing") {
  sequence_options wide;
  wide.max_neighbours = 100000;
  sequence_options exact;
  exact.max_neighbours = 40;  // as many as there are items
  const std::vector<user_event> log = random_log(5, 5000, 4, 40);
  const plain_model expected(log, 4, wide);
  check_same(learned(log, 4, wide), expected, 40, 5000);
  check_same(learned(log, 4, exact), expected, 40, 5000);
}

TEST_CASE("rows that a reader holds stay as they were while learning goes on") {
  sequence_options options;
  options.half_life = 100;
  options.max_neighbours = 32;
  constexpr std::size_t n_items = 60;
  const std::vector<user_event> log = random_log(6, 20000, 3, n_items);
  sequence model(options);
  std::vector<history> past(3);
  std::vector<cow<neighbours>> held;
  std::vector<std::map<std::uint32_t, float>> written;
  const auto around = [](const neighbours& row) {
    std::map<std::uint32_t, float> out;
    row.for_each([&](std::uint32_t key, const tie& t) { out[key] += t.around; });
    return out;
  };
  for (std::size_t t = 0; t < log.size(); ++t) {
    model.learn(past[log[t].user].recent(), log[t].what, static_cast<double>(t));
    past[log[t].user].add(log[t].what);
    if (t != 5000) continue;
    for (std::size_t i = 0; i < n_items; ++i) {
      held.push_back(model.neighbours_of(item(i)));
      written.push_back(around(*held.back()));
    }
  }
  std::size_t moved_on = 0;
  for (std::size_t i = 0; i < n_items; ++i) {
    CHECK(around(*held[i]) == written[i]);
    moved_on += around(*model.neighbours_of(item(i))) != written[i] ? 1U : 0U;
  }
  CHECK(moved_on > n_items / 2);
}

TEST_CASE("when memory runs out an event counts at most once, and the next ones count") {
  sequence_options options;
  options.max_neighbours = 16;
  options.half_life = std::numeric_limits<double>::infinity();
  const past_event before{item(0), from_millis(0)};
  const past_event now{item(1), from_millis(1)};
  std::size_t failures = 0;
  for (long allowed = 0; TANDEM_TEST_CAN_FAIL_NEW != 0 && allowed < 12; ++allowed) {
    sequence model(options);
    float learned = 0;
    for (int e = 0; e < 40; ++e) {
      const tandem_test::fail_new_after out_of_memory(e >= 5 && e < 20 ? allowed : 1000);
      try {
        model.learn(std::span(&before, 1), now, e);
        ++learned;
      } catch (const std::bad_alloc&) {
        ++failures;
      }
    }
    const float counted = model.neighbours_of(item(0))->of(item(1)).next;
    CHECK(counted >= learned);  // an event that failed may count, one that did not does
    CHECK(counted <= 40);
    CHECK(model.neighbours_of(item(1))->of(item(0)).around <= 40);
  }
  CHECK((failures > 0 || TANDEM_TEST_CAN_FAIL_NEW == 0));
}

TEST_CASE("an item that nothing is known of has no neighbours") {
  const sequence model;
  CHECK(summed(*model.neighbours_of(item(12345))).empty());
  CHECK(model.neighbours_of(item(12345))->followed == 0);
}

TEST_CASE("options out of range are named") {
  const auto field_of = [](auto change) -> std::string {
    sequence_options options;
    change(options);
    try {
      sequence model(options);
    } catch (const error& e) {
      CHECK(e.code() == errc::invalid_argument);
      return e.where().field;
    }
    return "accepted";
  };
  CHECK(field_of([](sequence_options& o) { o.window = 0; }) == "sequence.window");
  CHECK(field_of([](sequence_options& o) { o.window = 129; }) == "sequence.window");
  CHECK(field_of([](sequence_options& o) { o.around_decay = 0; }) == "sequence.around_decay");
  CHECK(field_of([](sequence_options& o) { o.after_decay = 1.1; }) == "sequence.after_decay");
  CHECK(field_of([](sequence_options& o) { o.half_life = 0; }) == "sequence.half_life");
  CHECK(field_of([](sequence_options& o) { o.max_neighbours = 15; }) == "sequence.max_neighbours");
  CHECK(field_of([](sequence_options& o) { o.max_neighbours = (1U << 20U) + 1; }) == "sequence.max_neighbours");
  CHECK(field_of([](sequence_options& o) { o.max_neighbours = 1U << 20U; }) == "accepted");
  CHECK(field_of([](sequence_options&) {}) == "accepted");
}

TEST_CASE("a sequence model that was saved goes on as if it never was") {
  sequence_options options;
  options.max_neighbours = 16;  // neighbours give way
  options.half_life = 5;        // rows are rescaled
  const auto step = [](sequence& model, random_stream& random) {
    const auto some_event = [&] {
      return past_event{item_index{static_cast<std::uint32_t>(random.below(60))},
                        from_millis(static_cast<std::int64_t>(random.below(3)))};
    };
    std::vector<past_event> recent(random.below(30));
    for (past_event& each : recent) each = some_event();
    model.learn(recent, some_event(), static_cast<double>(random.below(1000)));
  };
  const auto ask = [](const sequence& model, random_stream& random) {
    const cow<neighbours> row = model.neighbours_of(item_index{static_cast<std::uint32_t>(random.below(60))});
    std::vector<float> out{model.weight_at(*row, 500), row->followed};
    row->for_each([&](std::uint32_t item, const tie& t) {
      for (const float x : {static_cast<float>(item), t.around, t.after, t.next, t.together}) out.push_back(x);
    });
    return out;
  };
  const auto load = [&](byte_reader& in) { return sequence::load(in, options, 60); };
  tandem_test::check_goes_on([&] { return sequence(options); }, step, ask, load, 20, 200);

  sequence small(options);
  const std::vector<past_event> recent = {{item_index{0}, {}}, {item_index{1}, {}}, {item_index{2}, {}}};
  for (int k = 0; k < 4; ++k) small.learn(recent, {item_index{3}, {}}, k);
  tandem_test::check_damage(tandem_test::saved(small), load, [&](sequence& model, random_stream& random) {
    for (int k = 0; k < 10; ++k) step(model, random);
    (void)ask(model, random);
  });
}

TEST_CASE("a saved sequence model is refused under other options, or with items that nobody knows") {
  sequence model;
  model.learn(std::vector<past_event>{{item_index{1}, {}}}, {item_index{4}, {}}, 1);
  const auto whole = tandem_test::saved(model);
  const auto refused = [&](const sequence_options& options, std::size_t n_items) {
    return tandem_test::is_refused(whole, [&](byte_reader& in) { return sequence::load(in, options, n_items); });
  };
  CHECK_FALSE(refused({}, 5));
  CHECK(refused({}, 4));
  sequence_options other;
  other.window = 21;
  CHECK(refused(other, 5));
  other = {};
  other.around_decay = 0.9;
  CHECK(refused(other, 5));
  other = {};
  other.after_decay = 0.9;
  CHECK(refused(other, 5));
  other = {};
  other.half_life = 1;
  CHECK(refused(other, 5));
  other = {};
  other.max_neighbours = 16;
  CHECK(refused(other, 5));
}

TEST_CASE("a row that names an item without a row is refused") {
  const auto refused = [](std::uint32_t key) {
    neighbours row;
    row.latest.push_back({key, tie{}});
    const auto whole = tandem_test::written([&](byte_writer& out) {
      out.section("sequence");
      sequence_options{}.save(out);
      out.count(2);
      row.save(out);
      neighbours{}.save(out);
    });
    return tandem_test::is_refused(whole, [](byte_reader& in) { return sequence::load(in); });
  };
  CHECK_FALSE(refused(1));
  CHECK(refused(2));
}
