#include "tandem/online/session_knn.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::online;

namespace {

struct visit_event {
  std::size_t user = 0;
  std::size_t item = 0;
  std::int64_t time = 0;
};

item_index item(std::size_t i) { return static_cast<item_index>(i); }
user_index user(std::size_t u) { return static_cast<user_index>(u); }

// Users whose events come close together or far apart, some late by a little or by much.
std::vector<visit_event> random_log(std::uint64_t seed, std::size_t n, std::size_t n_users, std::size_t n_items) {
  random_stream random(seed);
  std::vector<visit_event> log(n);
  std::int64_t now = 0;
  for (visit_event& e : log) {
    now += static_cast<std::int64_t>(random.below(30));
    const double late = random.uniform();
    e.user = random.below(n_users);
    e.item = random.below(random.below(n_items) + 1);
    e.time = now - (late < 0.05 ? 400 : late < 0.15 ? 60 : 0);
  }
  return log;
}

session_knn learned(const std::vector<visit_event>& log, const session_knn_options& options) {
  session_knn out(options);
  for (const visit_event& e : log) out.learn(user(e.user), item(e.item), from_millis(e.time));
  return out;
}

// The definition, in double, over everything that ever happened.
struct plain_knn {
  struct visit {
    std::vector<std::size_t> items;
    std::int64_t latest = 0;
  };
  session_knn_options options;
  std::vector<visit> visits;
  std::map<std::size_t, std::size_t> open;                // by user
  std::map<std::size_t, std::vector<std::size_t>> taken;  // by item, the visits in the order in which they took it

  [[nodiscard]] bool kept(std::size_t v) const { return v + options.max_sessions >= visits.size(); }

  void learn(const visit_event& e) {
    const auto found = open.find(e.user);
    const bool known = found != open.end() && kept(found->second);
    const std::int64_t passed = known ? e.time - visits[found->second].latest : 0;
    const bool same = known && std::abs(passed) <= options.gap.count();
    if (same) {
      visit& now = visits[found->second];
      const auto at = std::find(now.items.begin(), now.items.end(), e.item);
      const bool again = at != now.items.end();
      if (again) now.items.erase(at);
      if (again || now.items.size() < options.max_items) {
        now.items.push_back(e.item);
        now.latest = std::max(now.latest, e.time);
        if (!again) taken[e.item].push_back(found->second);
        return;
      }
    }
    visits.push_back({{e.item}, e.time});
    taken[e.item].push_back(visits.size() - 1);
    if (same || !known || passed > 0) open[e.user] = visits.size() - 1;
  }

  struct near {
    double similarity = 0;
    std::size_t newest = 0;
    std::size_t visit = 0;
  };

  [[nodiscard]] std::vector<near> neighbours(const std::vector<std::size_t>& items, std::size_t own) const {
    std::map<std::size_t, near> found;
    for (std::size_t j = 0; j < items.size(); ++j) {
      const auto with = taken.find(items[items.size() - 1 - j]);
      if (with == taken.end()) continue;
      const auto& all = with->second;
      for (std::size_t k = all.size() - std::min(all.size(), options.recent); k < all.size(); ++k) {
        if (all[k] == own || !kept(all[k])) continue;
        near& each = found.try_emplace(all[k], near{0, j, all[k]}).first->second;
        each.similarity += static_cast<double>(items.size() - j) / static_cast<double>(items.size());
      }
    }
    std::vector<near> out;
    for (auto each = found.rbegin(); each != found.rend() && out.size() < options.recent; ++each) {
      out.push_back(each->second);
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const near& a, const near& b) { return a.similarity > b.similarity + 1e-9; });
    out.resize(std::min(out.size(), options.neighbours));
    return out;
  }

  [[nodiscard]] std::size_t visits_with(std::size_t i) const {
    std::size_t n = 0;
    for (std::size_t v = 0; v < visits.size(); ++v) {
      if (kept(v)) n += static_cast<std::size_t>(std::count(visits[v].items.begin(), visits[v].items.end(), i));
    }
    return n;
  }

  [[nodiscard]] std::vector<double> scores(std::size_t who, std::size_t n_items) const {
    std::vector<double> out(n_items, 0);
    const auto found = open.find(who);
    if (found == open.end() || !kept(found->second)) return out;
    std::vector<std::size_t> items = visits[found->second].items;
    items.erase(items.begin(), items.end() - static_cast<std::ptrdiff_t>(std::min(items.size(), options.last_items)));
    const auto all = static_cast<double>(std::min(visits.size(), options.max_sessions));
    for (const near& each : neighbours(items, found->second)) {
      const double weight = 1 - 0.1 * static_cast<double>(each.newest + 1);
      for (const std::size_t i : visits[each.visit].items) {
        out[i] += weight * each.similarity * std::log(all / static_cast<double>(visits_with(i)));
      }
    }
    return out;
  }
};

session_knn_options small_options() {
  session_knn_options out;
  out.gap = std::chrono::milliseconds(200);
  out.max_sessions = 60;
  out.max_items = 6;
  out.recent = 12;
  out.neighbours = 5;
  return out;
}

std::vector<float> scores_of(const session_knn& knn, std::size_t who, std::size_t n_items) {
  session_knn::scratch memory;
  std::vector<float> out(n_items, 0.0F);
  static_cast<void>(knn.score(user(who), memory, out));
  return out;
}

}  // namespace

TEST_CASE("scores are those of the definition, over random streams with late events") {
  const std::size_t n_items = 40;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    session_knn_options options = small_options();
    options.last_items = 1 + seed % 9;
    session_knn knn(options);
    plain_knn plain{options, {}, {}, {}};
    std::size_t compared = 0;
    for (const visit_event& e : random_log(seed, 1500, 12, n_items)) {
      knn.learn(user(e.user), item(e.item), from_millis(e.time));
      plain.learn(e);
      if (++compared % 50 != 0) continue;
      for (std::size_t who = 0; who < 12; ++who) {
        const std::vector<float> got = scores_of(knn, who, n_items);
        const std::vector<double> expected = plain.scores(who, n_items);
        for (std::size_t i = 0; i < n_items; ++i) {
          INFO("seed " << seed << ", event " << compared << ", user " << who << ", item " << i);
          REQUIRE(std::abs(double{got[i]} - expected[i]) <= 1e-4 * (1 + std::abs(expected[i])));
        }
      }
    }
    REQUIRE(plain.visits.size() > 3 * options.max_sessions);  // sessions did give way
    for (std::size_t i = 0; i < n_items; ++i) REQUIRE(knn.sessions_with(item(i)) == plain.visits_with(i));
  }
}

TEST_CASE("what followed in similar sessions scores highest, and what is everywhere nothing") {
  session_knn knn;
  const auto visit = [&](std::size_t who, const std::vector<std::size_t>& items) {
    for (const std::size_t i : items) knn.learn(user(who), item(i), from_millis(0));
  };
  for (std::size_t who = 0; who < 10; ++who) visit(who, {0, 1, 2});
  for (std::size_t who = 10; who < 20; ++who) visit(who, {0, 3, 4});
  visit(20, {0, 1});
  const std::vector<float> scores = scores_of(knn, 20, 5);
  CHECK(scores[0] == 0);
  CHECK(scores[2] > scores[4]);
  CHECK(std::max_element(scores.begin(), scores.end()) == scores.begin() + 2);
}

TEST_CASE("a session ends after the gap, and not before") {
  session_knn knn;  // 30 minutes
  const std::int64_t minute = 60000;
  knn.learn(user(0), item(1), from_millis(0));
  knn.learn(user(0), item(2), from_millis(30 * minute));
  CHECK(knn.session_of(user(0)).size() == 2);
  knn.learn(user(0), item(1), from_millis(31 * minute));  // again: now the newest
  REQUIRE(knn.session_of(user(0)).size() == 2);
  CHECK(knn.session_of(user(0)).back() == item(1));
  knn.learn(user(0), item(3), from_millis(61 * minute + 1));
  REQUIRE(knn.session_of(user(0)).size() == 1);
  CHECK(knn.session_of(user(0)).front() == item(3));
  CHECK(knn.n_sessions() == 2);
}

TEST_CASE("an event that comes late joins its session, one far too late is a session of its own") {
  session_knn knn;
  const std::int64_t minute = 60000;
  knn.learn(user(0), item(1), from_millis(100 * minute));
  knn.learn(user(0), item(2), from_millis(80 * minute));
  CHECK(knn.session_of(user(0)).size() == 2);
  knn.learn(user(0), item(3), from_millis(10 * minute));
  CHECK(knn.session_of(user(0)).size() == 2);
  CHECK(knn.n_sessions() == 2);
  knn.learn(user(0), item(4), from_millis(130 * minute));  // 30 after the latest, which late ones did not move back
  CHECK(knn.session_of(user(0)).size() == 3);
}

TEST_CASE("times at the ends of their range are no trouble") {
  session_knn knn;
  knn.learn(user(0), item(0), from_millis(std::numeric_limits<std::int64_t>::min()));
  knn.learn(user(0), item(1), from_millis(std::numeric_limits<std::int64_t>::max()));
  knn.learn(user(0), item(2), from_millis(std::numeric_limits<std::int64_t>::min()));
  CHECK(knn.n_sessions() == 3);
  REQUIRE(knn.session_of(user(0)).size() == 1);
  CHECK(knn.session_of(user(0)).front() == item(1));
}

TEST_CASE("many sessions stay within their number; the oldest give way and are nobody's any more") {
  session_knn_options options;
  options.max_sessions = 1000;
  session_knn knn(options);
  for (std::size_t v = 0; v < 50000; ++v) {
    knn.learn(user(v % 7000), item(v % 13), from_millis(static_cast<std::int64_t>(v) * 3600000));
    knn.learn(user(v % 7000), item(13 + v % 17), from_millis(static_cast<std::int64_t>(v) * 3600000));
  }
  CHECK(knn.n_sessions() == 1000);
  std::size_t kept = 0;
  for (std::size_t who = 0; who < 7000; ++who) kept += knn.session_of(user(who)).empty() ? 0U : 1U;
  CHECK(kept == 1000);
  std::size_t with = 0;
  for (std::size_t i = 0; i < 30; ++i) with += knn.sessions_with(item(i));
  CHECK(with == 2000);
}

TEST_CASE("a scratch may serve several models in turn, and does not change an answer") {
  const session_knn small = learned(random_log(1, 300, 12, 40), small_options());
  const session_knn large = learned(random_log(2, 3000, 12, 40), {});
  session_knn::scratch memory;
  for (int round = 0; round < 3; ++round) {
    for (const session_knn* knn : {&small, &large}) {
      std::vector<float> out(40, 0.0F);
      static_cast<void>(knn->score(user(3), memory, out));
      CHECK(out == scores_of(*knn, 3, 40));
    }
  }
}

TEST_CASE("the unknown has nothing to say, and short outputs are not overrun") {
  session_knn knn;
  session_knn::scratch memory;
  std::vector<float> out(3, 0.0F);
  CHECK_FALSE(knn.score(user(5), memory, out));
  knn.learn(user(0), item(0), from_millis(0));
  CHECK_FALSE(knn.score(user(0), memory, out));  // nobody else
  CHECK(knn.session_of(user(9)).empty());
  knn.learn(user(1), item(0), from_millis(0));
  knn.learn(user(1), item(500), from_millis(0));
  CHECK(knn.score(user(0), memory, out));
  CHECK(out == std::vector<float>(3, 0.0F));
  const std::vector<item_index> anywhere = {item(7000), item(500)};
  std::vector<float> wide(501, 0.0F);
  CHECK(knn.score(anywhere, memory, wide));
}

TEST_CASE("options out of their range are refused by name") {
  const auto refused = [](auto change) {
    session_knn_options options;
    change(options);
    try {
      session_knn knn(options);
    } catch (const error& e) {
      return e.code() == errc::invalid_argument ? e.where().field : std::string("another code");
    }
    return std::string("nothing");
  };
  CHECK(refused([](auto& o) { o.gap = std::chrono::milliseconds(-1); }) == "session_knn.gap");
  CHECK(refused([](auto& o) { o.max_sessions = 0; }) == "session_knn.max_sessions");
  CHECK(refused([](auto& o) { o.max_items = 1; }) == "session_knn.max_items");
  CHECK(refused([](auto& o) { o.recent = 0; }) == "session_knn.recent");
  CHECK(refused([](auto& o) { o.neighbours = 501; }) == "session_knn.neighbours");
  CHECK(refused([](auto& o) { o.last_items = 10; }) == "session_knn.last_items");
  CHECK(refused([](auto&) {}) == "nothing");
}
