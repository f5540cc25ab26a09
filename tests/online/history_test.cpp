#include "tandem/online/history.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::online;

namespace {

past_event at(std::uint32_t item, std::int64_t time) { return {item_index{item}, from_millis(time)}; }

std::vector<std::uint32_t> items_of(std::span<const past_event> events) {
  std::vector<std::uint32_t> out;
  for (const past_event& e : events) out.push_back(raw(e.item));
  return out;
}

}  // namespace

TEST_CASE("a history keeps the latest events in order and every item") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    random_stream random(seed);
    history past;
    std::vector<std::uint32_t> all;
    std::set<std::uint32_t> distinct;
    const std::size_t n = random.below(1000);
    for (std::size_t e = 0; e < n; ++e) {
      const auto item = static_cast<std::uint32_t>(random.below(300));
      past.add(at(item, static_cast<std::int64_t>(e)));
      all.push_back(item);
      distinct.insert(item);
      const std::size_t kept = std::min(all.size(), history::max_recent);
      REQUIRE(items_of(past.recent()) == std::vector<std::uint32_t>(all.end() - static_cast<long>(kept), all.end()));
    }
    CHECK(past.events() == n);
    std::set<std::uint32_t> listed;
    past.for_each_item([&](item_index item) { CHECK(listed.insert(raw(item)).second); });
    CHECK(listed == distinct);
    for (std::uint32_t item = 0; item < 300; ++item) CHECK(past.has(item_index{item}) == (distinct.count(item) == 1));
  }
}

TEST_CASE("a disliked item is had, listed once, and not an event") {
  history past;
  past.add(at(1, 0));
  past.dislike(item_index{2});
  past.dislike(item_index{3});
  past.dislike(item_index{2});
  CHECK(past.has(item_index{2}));
  CHECK(past.events() == 1);
  CHECK(past.recent().size() == 1);
  REQUIRE(past.disliked().size() == 2);
  CHECK(past.disliked()[0] == item_index{2});
  CHECK(past.disliked()[1] == item_index{3});
}

TEST_CASE("merging histories puts their events in order of time") {
  history a;
  history b;
  for (std::uint32_t i = 0; i < 10; ++i) {
    a.add(at(i, 10 * i));
    b.add(at(100 + i, 10 * i + 5));
  }
  b.dislike(item_index{7});
  a.merge(b);
  std::vector<std::uint32_t> expected;
  for (std::uint32_t i = 0; i < 10; ++i) {
    expected.push_back(i);
    expected.push_back(100 + i);
  }
  CHECK(items_of(a.recent()) == expected);
  CHECK(a.events() == 20);
  CHECK(a.has(item_index{109}));
  REQUIRE(a.disliked().size() == 1);
  CHECK(a.disliked()[0] == item_index{7});
}

TEST_CASE("merging puts late events in their place too, and keeps order within a moment") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    random_stream random(seed);
    history a;
    history b;
    std::vector<past_event> all;
    const std::size_t n = random.below(120);
    for (std::uint32_t i = 0; i < n; ++i) {
      const past_event e = at(i, static_cast<std::int64_t>(random.below(20)));  // in no order, with ties
      a.add(e);
      all.push_back(e);
    }
    for (std::uint32_t i = 0; i < 120 - n; ++i) {
      const past_event e = at(1000 + i, static_cast<std::int64_t>(random.below(20)));
      b.add(e);
      all.push_back(e);
    }
    std::stable_sort(all.begin(), all.end(), [](const past_event& x, const past_event& y) { return x.time < y.time; });
    a.merge(b);
    CHECK(items_of(a.recent()) == items_of(all));
  }
}

TEST_CASE("merging long histories keeps the latest events of both") {
  history a;
  history b;
  for (std::uint32_t i = 0; i < 500; ++i) {
    a.add(at(i, 2 * i));
    b.add(at(1000 + i, 2 * i + 1));
  }
  a.merge(b);
  const auto latest = items_of(a.recent());
  REQUIRE(latest.size() == history::max_recent);
  for (std::uint32_t k = 0; k < latest.size() / 2; ++k) {
    CHECK(latest[latest.size() - 1 - 2 * k] == 1499 - k);
    CHECK(latest[latest.size() - 2 - 2 * k] == 499 - k);
  }
  CHECK(a.events() == 1000);
  a.add(at(7, 5000));
  CHECK(raw(a.recent().back().item) == 7);
  CHECK(a.recent().size() == history::max_recent);
}

TEST_CASE("a history that was saved goes on as if it never was") {
  const auto some_item = [](random_stream& random) {
    return item_index{static_cast<std::uint32_t>(random.below(400))};
  };
  const auto step = [&](history& past, random_stream& random) {
    const std::uint64_t what = random.below(100);
    if (what == 0) {
      history other;
      for (auto n = random.below(300); n > 0; --n) {
        other.add({some_item(random), from_millis(static_cast<std::int64_t>(random.below(1000)))});
      }
      other.dislike(some_item(random));
      past.merge(other);
    } else if (what < 10) {
      past.dislike(some_item(random));
    } else {
      past.add({some_item(random), from_millis(static_cast<std::int64_t>(random.below(1000)))});
    }
  };
  const auto ask = [](const history& past, random_stream&) {
    std::vector<std::uint64_t> out{past.events()};
    for (const past_event& e : past.recent()) {
      out.push_back(raw(e.item));
      out.push_back(static_cast<std::uint64_t>(to_millis(e.time)));
    }
    for (const item_index item : past.disliked()) out.push_back(raw(item));
    past.for_each_item([&](item_index item) { out.push_back(raw(item)); });
    return out;
  };
  const auto load = [](byte_reader& in) { return history::load(in, 400); };
  tandem_test::check_goes_on([] { return history(); }, step, ask, load);

  history small;
  for (std::uint32_t i = 0; i < 4; ++i) small.add({item_index{i}, from_millis(i)});
  small.dislike(item_index{3});
  small.dislike(item_index{9});
  tandem_test::check_damage(tandem_test::saved(small), load, [&](history& past, random_stream& random) {
    for (int k = 0; k < 30; ++k) step(past, random);
    (void)ask(past, random);
  });
  CHECK(tandem_test::is_refused(tandem_test::saved(small), [](byte_reader& in) { return history::load(in, 9); }));
}
