#include "tandem/hybrid/sources.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hybrid/small_world.hpp"
#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/hybrid/gather.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using namespace small_world;

namespace {

constexpr double forever = std::numeric_limits<double>::infinity();

struct happening {
  std::size_t user = 0;
  std::size_t item = 0;
  std::int64_t time = 0;
  bool mobile = false;  // the one fact of its context
};

// a log and everything that is learned from it, as an engine learns it; asked for user 0
struct learned_world : world {
  learned_world(std::uint64_t seed, std::size_t n_items, std::size_t n_events) : world(n_items) {
    random_stream random(seed);
    for (const double half_life : trend_half_lives) known.trends.emplace_back(half_life);
    known.contexts.emplace_back(forever);
    for (std::size_t t = 0; t < n_events; ++t) {
      happening h;
      h.user = random.below(4);
      h.item = random.below(random.below(n_items) + 1);
      h.time = time_of_event + (random.below(3) == 0 ? 60000 : 0);
      h.mobile = random.below(4) == 0 || h.item % 5 == 0;
      time_of_event = h.time;
      take(h);
    }
    finish();
  }

  void take(const happening& h) {
    log.push_back(h);
    const auto tick = static_cast<double>(log.size());
    const online::past_event e{item(h.item), from_millis(h.time)};
    known.popularity.add(e.item, tick);
    for (online::trend& each : known.trends) each.add(e.item, tick);
    known.latest.note(item(h.item), tick);
    if (h.mobile) known.contexts[0].add(e.item, tick);
    together.learn(past[h.user].recent(), e, tick);
    past[h.user].add(e);
  }

  // what a view of user 0 holds
  void finish() {
    known.history = cow<online::history>(past[0]);
    known.recent.clear();
    const auto recent = past[0].recent();
    for (std::size_t k = 0; k < std::min(recent.size(), knowledge::recent_items); ++k) {
      const online::past_event& e = recent[recent.size() - 1 - k];
      auto row = together.neighbours_of(e.item);
      const float weight = together.weight_at(*row, static_cast<double>(log.size()));
      known.recent.push_back({e.item, e.time, row, weight, known.popularity.relative(e.item)});
    }
    const std::size_t n = known.items.size();
    known.damping.grow(n);
    for (std::size_t i = 0; i < n; ++i) known.damping.write(i) = 1 / std::sqrt(5 + known.popularity.relative(item(i)));
    time = from_millis(time_of_event);
  }

  [[nodiscard]] double events_of(std::size_t i) const {
    return static_cast<double>(std::count_if(log.begin(), log.end(), [&](const happening& h) { return h.item == i; }));
  }
  // the tie of two items as of now
  template <class Pick>
  [[nodiscard]] double tie_of(std::size_t from, std::size_t to, Pick pick) const {
    const auto row = together.neighbours_of(item(from));
    const auto w = static_cast<double>(together.weight_at(*row, static_cast<double>(log.size())));
    return w * static_cast<double>(pick(row->of(item(to))));
  }
  // items of user 0, newest first
  [[nodiscard]] std::vector<std::size_t> latest(std::size_t n) const {
    std::vector<std::size_t> out;
    for (std::size_t t = log.size(); t-- > 0 && out.size() < n;) {
      if (log[t].user == 0) out.push_back(log[t].item);
    }
    return out;
  }

  std::vector<happening> log;
  std::vector<online::history> past = std::vector<online::history>(4);
  online::sequence together{{30, 0.95, 0.8, 500, 896}};
  std::int64_t time_of_event = 0;
};

std::vector<float> scores_of(const world& w, std::string_view name, bool expect_opinion = true) {
  std::vector<float> out(w.known.items.size());
  CHECK(make_source(name)->score(w.ask(), out) == expect_opinion);
  return out;
}

template <class Expected>
void check_scores(const world& w, std::string_view name, Expected expected) {
  const std::vector<float> scores = scores_of(w, name);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    REQUIRE(static_cast<double>(scores[i]) == Approx(expected(i)).epsilon(1e-3).margin(1e-6));
  }
}

constexpr std::size_t n_items = 40;

std::vector<learned_world> worlds() {
  std::vector<learned_world> out;
  for (std::uint64_t seed = 0; seed < 8; ++seed) out.emplace_back(seed, n_items, 60 * (seed + 1));
  return out;
}

std::shared_ptr<const batch_snapshot> trained(std::uint64_t seed, std::size_t n_users, std::size_t known_items) {
  random_stream random(seed);
  std::vector<float> users(n_users * 6);
  std::vector<float> items(known_items * 6);
  for (float& x : users) x = static_cast<float>(random.normal(0, 0.4));
  for (float& x : items) x = static_cast<float>(random.normal(0, 0.4));
  auto out = std::make_shared<batch_snapshot>(std::make_shared<const tandem::batch::factor_model>(
      tandem::batch::factor_model::from_factors(users, items, 6, {0.1F, 0.01F, 1.0F})));
  for (std::size_t i = 0; i < known_items; ++i) out->popularity.push_back(static_cast<float>(i % 7));
  return out;
}

}  // namespace

TEST_CASE("every built-in source can be made by its name, and names differ") {
  std::set<std::string_view> names;
  for (const source_info& info : built_in_sources()) {
    CHECK(make_source(info.name)->name() == info.name);
    CHECK(names.insert(info.name).second);
    CHECK_FALSE(info.about.empty());
  }
  CHECK(names.size() == 19);
}

TEST_CASE("a source there is not is an error that lists those there are") {
  try {
    (void)make_source("popularty");
    FAIL("made a source that does not exist");
  } catch (const error& e) {
    CHECK(e.code() == errc::not_found);
    CHECK(e.message().find("popularty") != std::string::npos);
    for (const source_info& info : built_in_sources()) CHECK(e.remedy().find(info.name) != std::string::npos);
  }
}

TEST_CASE("popularity counts and trends fade") {
  for (const learned_world& w : worlds()) {
    check_scores(w, "popularity", [&](std::size_t i) { return w.events_of(i); });
    const std::pair<const char*, double> trends[] = {
        {"trend_short", 200.0}, {"trend_medium", 2000.0}, {"trend_long", 20000.0}};
    for (const auto& [name, half_life] : trends) {
      const std::vector<float> scores = scores_of(w, name);
      const auto decayed = [&, h = half_life](std::size_t i) {
        double sum = 0;
        for (std::size_t t = 0; t < w.log.size(); ++t) {
          if (w.log[t].item == i) sum += std::exp2((static_cast<double>(t) - static_cast<double>(w.log.size())) / h);
        }
        return sum;
      };
      for (std::size_t i = 1; i < n_items; ++i) {  // up to a factor
        CHECK(static_cast<double>(scores[i]) * decayed(0) ==
              Approx(static_cast<double>(scores[0]) * decayed(i)).epsilon(1e-3));
      }
    }
  }
}

TEST_CASE("a trend proposes what is popular now however long it has counted") {
  learned_world w(1, 60, 10);
  random_stream random(1);
  for (std::size_t t = 0; t < 30000; ++t) {
    w.take({1 + random.below(3), (t / 3000 + random.below(5)) % 60, 0, false});
    if (t % 250 != 0 || t < 1000) continue;
    gather_scratch scratch;
    const sources from{make_source("trend_short")};
    const candidate_set set = gather(w.ask(), from, 5, {}, 5, scratch);
    std::vector<std::pair<double, std::size_t>> best;
    for (std::size_t i = 0; i < 60; ++i) best.emplace_back(-w.known.trends[0].count(item(i), 0), i);
    std::sort(best.begin(), best.end());
    REQUIRE(set.size() == 5);
    for (std::size_t k = 0; k < 5; ++k) {
      REQUIRE(slot(set.items[k]) == best[k].second);
      REQUIRE(set.place[k] == k);
    }
    CHECK(set.value[0] > std::log(0.1F));  // the best has a good share of the latest events
  }
}

TEST_CASE("latest falls with the events since the item's last, whoever had it") {
  for (const learned_world& w : worlds()) {
    check_scores(w, "latest", [&](std::size_t i) {
      for (std::size_t t = w.log.size(); t-- > 0;) {
        if (w.log[t].item == i) return 1 / static_cast<double>(w.log.size() - t);
      }
      return 0.0;
    });
  }
}

TEST_CASE("next_item, followers and neighbours add up the ties of the latest items") {
  for (const learned_world& w : worlds()) {
    check_scores(w, "next_item", [&](std::size_t i) {
      double sum = 0;
      double age = 1;
      for (const std::size_t from : w.latest(2)) {
        const auto row = w.together.neighbours_of(item(from));
        const auto now = static_cast<double>(w.together.weight_at(*row, static_cast<double>(w.log.size())));
        sum += age * w.tie_of(from, i, [](const online::tie& t) { return t.next; }) /
               (static_cast<double>(row->followed) * now + 1);
        age *= 0.3;
      }
      return sum;
    });
    const auto over = [&](std::size_t n, auto pick, std::size_t i) {
      double sum = 0;
      double age = 1;
      for (const std::size_t from : w.latest(n)) {
        sum += age * w.tie_of(from, i, pick) / std::sqrt(1 + w.events_of(from));
        age *= 0.9;
      }
      return sum;
    };
    const auto after = [](const online::tie& t) { return t.after; };
    const auto around = [](const online::tie& t) { return t.around; };
    check_scores(w, "followers", [&](std::size_t i) { return over(knowledge::recent_items, after, i); });
    check_scores(w, "followers_recent", [&](std::size_t i) { return over(2, after, i); });
    check_scores(w, "neighbours", [&](std::size_t i) {
      return over(knowledge::recent_items, around, i) / std::sqrt(5 + w.events_of(i));
    });
  }
}

TEST_CASE("basket asks what goes with the items of this moment") {
  for (learned_world w : worlds()) {
    w.time_of_event += 5;
    for (const std::size_t i : {3U, 8U, 1U}) w.take({0, i, w.time_of_event, false});
    w.finish();
    check_scores(w, "basket", [&](std::size_t i) {
      double sum = 0;
      for (const std::size_t from : {3U, 8U, 1U}) {
        const auto together = [](const online::tie& t) { return t.together; };
        sum += w.tie_of(from, i, together) / std::sqrt(1 + w.events_of(from));
      }
      return sum / std::sqrt(5 + w.events_of(i));
    });
    w.time = from_millis(w.time_of_event + 1);  // another moment
    (void)scores_of(w, "basket", false);
  }
}

TEST_CASE("repeat weighs what the user had, the latest first, unless it is not wanted") {
  for (const learned_world& w : worlds()) {
    check_scores(w, "repeat", [&](std::size_t i) {
      const std::vector<std::size_t> had = w.latest(online::history::max_recent);
      double sum = 0;
      for (std::size_t k = 0; k < had.size(); ++k) sum += had[k] == i ? 1 / (1 + static_cast<double>(k)) : 0;
      return sum;
    });
    query q = w.ask();
    q.seen_excluded = true;
    std::vector<float> out(n_items);
    CHECK_FALSE(make_source("repeat")->score(q, out));
  }
}

TEST_CASE("habit counts how often the user had an item, unless it is not wanted") {
  for (const learned_world& w : worlds()) {
    const std::vector<std::size_t> had = w.latest(online::history::max_recent);
    check_scores(w, "habit", [&](std::size_t i) { return static_cast<double>(std::count(had.begin(), had.end(), i)); });
    query q = w.ask();
    q.seen_excluded = true;
    std::vector<float> out(n_items);
    CHECK_FALSE(make_source("habit")->score(q, out));
  }
}

TEST_CASE("next_item_ridge asks its model what comes after the user's latest items") {
  for (learned_world w : worlds()) {
    (void)scores_of(w, "next_item_ridge", false);  // no refit yet
    auto fitted = std::make_shared<batch_snapshot>(*trained(4, 1, 30));
    w.known.batch = fitted;
    (void)scores_of(w, "next_item_ridge", false);  // a refit that no source asked for a ridge
    std::vector<logged_event> events;
    for (const happening& h : w.log) {
      if (h.item >= 30) continue;  // the others came after the refit
      logged_event e;
      e.user = user_index{static_cast<std::uint32_t>(h.user)};
      e.item = item(h.item);
      e.time = from_millis(h.time);
      e.weight = 1;
      events.push_back(e);
    }
    fitted->ridge = tandem::batch::fit_next_item_ridge(events, 30);
    std::vector<item_index> latest;
    for (const std::size_t i : w.latest(online::history::max_recent)) latest.insert(latest.begin(), item(i));
    std::vector<float> expected(30);
    REQUIRE(fitted->ridge.score_recent(latest, expected));
    const std::vector<float> scores = scores_of(w, "next_item_ridge");
    CHECK(std::equal(expected.begin(), expected.end(), scores.begin()));
    CHECK(std::count(scores.begin() + 30, scores.end(), 0.0F) == 10);
  }
}

TEST_CASE("response_rate gives posterior means and variances once something was shown") {
  learned_world w(1, n_items, 10);
  (void)scores_of(w, "response_rate", false);
  for (std::size_t t = 0; t < 300; ++t) {
    w.known.responses.shown(item(t % 7));
    if (t % 3 == 0) w.known.responses.taken(item(t % 7), 1);
  }
  check_scores(w, "response_rate", [&](std::size_t i) { return w.known.responses.mean(item(i)); });
  const std::vector<item_index> asked{item(30), item(2)};
  std::vector<float> variance(2);
  make_source("response_rate")->variances(w.ask(), asked, variance);
  CHECK(static_cast<double>(variance[0]) == Approx(w.known.responses.variance(item(30))));
  CHECK(static_cast<double>(variance[1]) == Approx(w.known.responses.variance(item(2))));
}

TEST_CASE("context is the log lift of an item under the request's facts") {
  for (learned_world w : worlds()) {
    const double all = static_cast<double>(w.log.size());
    double total = 0;
    std::vector<double> mobile(n_items);
    for (const happening& h : w.log) {
      if (!h.mobile) continue;
      mobile[h.item] += 1;
      total += 1;
    }
    check_scores(w, "context", [&](std::size_t i) {
      const double share = w.events_of(i) / all;
      if (share == 0) return std::log(50 / (total + 50));
      return std::log((mobile[i] + 50 * share) / ((total + 50) * share));
    });
    w.known.contexts.clear();
    (void)scores_of(w, "context", false);
  }
}

TEST_CASE("attributes ask for what the user's items share, the rare counting more") {
  for (learned_world w : worlds()) {
    (void)scores_of(w, "attributes", false);  // no item has any
    w.known.attributes.grow(30);
    w.known.attribute_items.grow(6);
    std::vector<double> having(6);
    std::vector<std::vector<std::uint32_t>> facts(n_items);
    for (std::uint32_t i = 0; i < 30; i += 2) {
      facts[i] = {i % 3, 3 + i % 2, 5 - i % 5 / 2};
      std::sort(facts[i].begin(), facts[i].end());
      facts[i].erase(std::unique(facts[i].begin(), facts[i].end()), facts[i].end());
      for (const std::uint32_t f : facts[i]) having[f] += 1;
      w.known.attributes.write(i) = facts[i];
    }
    for (std::size_t f = 0; f < 6; ++f) w.known.attribute_items.write(f) = static_cast<float>(having[f]);
    std::vector<double> taste(6);
    double age = 1;
    for (const std::size_t had : w.latest(online::history::max_recent)) {
      for (const std::uint32_t f : facts[had]) taste[f] += age / std::sqrt(having[f] + 5);
      age *= 0.97;
    }
    check_scores(w, "attributes", [&](std::size_t i) {
      double sum = 0;
      for (const std::uint32_t f : facts[i]) sum += taste[f];
      return sum;
    });
  }
}

TEST_CASE("factor sources fall back on popularity where there are no factors") {
  learned_world w(3, n_items, 200);
  const auto log1p_popularity = [&](std::size_t i) { return std::log1p(w.events_of(i)); };
  for (const char* name : {"batch_affinity", "batch_fold_in", "live_affinity"}) check_scores(w, name, log1p_popularity);

  w.known.batch = trained(3, 0, 30);  // a model without user 0
  std::vector<float> vector(6);
  CHECK_FALSE(make_source("batch_affinity")->direction(w.ask(), vector));
  check_scores(w, "batch_affinity", [](std::size_t i) { return i < 30 ? static_cast<double>(i % 7) : 0.0; });

  w.known.history = cow<online::history>();  // a user who did nothing
  for (const char* name : {"batch_fold_in", "live_affinity"}) {
    CHECK_FALSE(make_source(name)->direction(w.ask(), vector));
    check_scores(w, name, log1p_popularity);
  }
}

TEST_CASE("factor sources point where the model and the history say") {
  for (learned_world w : worlds()) {
    w.known.batch = trained(4, 1, 30);
    const tandem::batch::factor_model& model = *w.known.batch->model;
    std::vector<float> vector(6);
    REQUIRE(make_source("batch_affinity")->direction(w.ask(), vector));
    CHECK(std::equal(vector.begin(), vector.end(), model.user_factors(user_index{0}).begin()));

    std::vector<item_index> known_items;
    for (const std::size_t i : w.latest(online::history::max_recent)) {
      if (i < 30 && std::find(known_items.begin(), known_items.end(), item(i)) == known_items.end()) {
        known_items.push_back(item(i));
      }
    }
    std::vector<float> folded(6);
    model.fold_in(known_items, std::vector<float>(known_items.size(), 1.0F), folded);
    REQUIRE(make_source("batch_fold_in")->direction(w.ask(), vector));
    for (std::size_t j = 0; j < 6; ++j) CHECK(vector[j] == Approx(folded[j]).margin(1e-4));

    const live_affinity_options options{0.8, 5};
    const user_posterior posterior(model, recent_taste(model, w.known.history->recent(), options));
    const auto live = make_source("live_affinity", options);
    REQUIRE(live->direction(w.ask(), vector));
    CHECK(std::equal(vector.begin(), vector.end(), posterior.mean().begin()));
    const std::vector<item_index> asked{item(7), item(35)};  // the second is not in the model
    std::vector<float> variance(2);
    live->variances(w.ask(), asked, variance);
    CHECK(variance[0] == posterior.variance(model.item_factors(item(7))));
    CHECK(variance[1] == 0);
  }
}

TEST_CASE("of a stranger in an empty shop every source is silent or says nothing") {
  world w(10);
  for (const double half_life : trend_half_lives) w.known.trends.emplace_back(half_life);
  for (const source_info& info : built_in_sources()) {
    std::vector<float> out(10);
    (void)make_source(info.name)->score(w.ask(), out);
    for (const float x : out) CHECK(x == 0);
  }
  sources from;
  for (const source_info& info : built_in_sources()) from.push_back(make_source(info.name));
  gather_scratch scratch;
  CHECK(gather(w.ask(), from, 25, {}, 4, scratch).size() == 4);
}
