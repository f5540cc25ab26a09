#include "evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "catalogue.hpp"
#include "models.hpp"
#include "support/catch.hpp"
#include "support/real_data.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/data/readers.hpp"

using namespace tandem_cli;
using tandem::item_index;
using tandem::user_index;

namespace {

// Scores each item by a number of its own, and says which items it was told of by adding 100 to them.
struct fixed_scores {
  std::vector<float> scores;
  [[nodiscard]] std::size_t n_items() const { return scores.size(); }
  void score_history(std::span<const item_index> items, std::span<const float>, std::span<float> out) const {
    std::copy(scores.begin(), scores.end(), out.begin());
    for (const item_index item : items) out[tandem::slot(item)] += 100;
  }
};

// The same as ratings on a scale from 1 to 5.
struct fixed_ratings : fixed_scores {
  void score_history(std::span<const item_index>, std::span<const float>, std::span<float> out) const {
    std::copy(scores.begin(), scores.end(), out.begin());
  }
  [[nodiscard]] float clipped(float rating) const { return std::clamp(rating, 1.0F, 5.0F); }
};

using rows = std::vector<std::vector<std::uint32_t>>;

tandem::interactions matrix(const rows& items, std::size_t n_items) {
  std::vector<tandem::interaction> events;
  for (std::uint32_t u = 0; u < items.size(); ++u) {
    for (const std::uint32_t i : items[u]) events.push_back({user_index{u}, item_index{i}, 1.0F, {}});
  }
  return tandem::interactions::from_events(events, items.size(), n_items, tandem::merge_rule::binary);
}

std::map<std::string, double> by_name(const evaluation_result& result) {
  std::map<std::string, double> out;
  for (const metric& each : result.metrics) out[std::string(each.name)] = each.value;
  return out;
}

rows random_rows(std::uint64_t seed, std::size_t n_users, std::uint64_t n_items, std::uint64_t most) {
  tandem::random_stream random(seed);
  rows out(n_users);
  for (auto& each : out) {
    for (std::uint64_t k = random.below(most + 1); k > 0; --k) {
      each.push_back(static_cast<std::uint32_t>(random.below(n_items)));
    }
  }
  return out;
}

// The measures as their definitions say, over a full sort.
std::map<std::string, double> naive(const fixed_scores& model, const rows& known, const rows& targets) {
  std::map<std::string, double> sum;
  std::set<std::uint32_t> covered;
  double n = 0;
  for (std::size_t u = 0; u < known.size(); ++u) {
    const std::set<std::uint32_t> seen(known[u].begin(), known[u].end());
    std::set<std::uint32_t> wanted(targets[u].begin(), targets[u].end());
    for (const std::uint32_t i : seen) wanted.erase(i);
    if (seen.empty() || wanted.empty()) continue;
    n += 1;
    std::vector<std::uint32_t> list;
    for (std::uint32_t i = 0; i < model.n_items(); ++i) {
      if (!seen.contains(i)) list.push_back(i);
    }
    std::sort(list.begin(), list.end(), [&](auto a, auto b) { return model.scores[a] > model.scores[b]; });
    const auto hits = [&](std::size_t k) {
      double out = 0;
      for (std::size_t r = 0; r < std::min(k, list.size()); ++r) out += wanted.contains(list[r]) ? 1 : 0;
      return out;
    };
    const auto ndcg = [&](std::size_t k) {
      double gain = 0;
      double ideal = 0;
      for (std::size_t r = 0; r < std::min(k, list.size()); ++r) {
        if (wanted.contains(list[r])) gain += 1 / std::log2(static_cast<double>(r) + 2);
      }
      for (std::size_t r = 0; r < std::min(k, wanted.size()); ++r) ideal += 1 / std::log2(static_cast<double>(r) + 2);
      return gain / ideal;
    };
    const auto reachable = [&](std::size_t k) { return static_cast<double>(std::min(k, wanted.size())); };
    sum["recall@20"] += hits(20) / reachable(20);
    sum["recall@50"] += hits(50) / reachable(50);
    sum["ndcg@100"] += ndcg(100);
    sum["ndcg@10"] += ndcg(10);
    sum["precision@10"] += hits(10) / 10;
    for (std::size_t r = 0; r < std::min<std::size_t>(10, list.size()); ++r) {
      covered.insert(list[r]);
    }
    for (std::size_t r = 0; r < std::min<std::size_t>(10, list.size()); ++r) {
      if (!wanted.contains(list[r])) continue;
      sum["mrr@10"] += 1 / static_cast<double>(r + 1);
      break;
    }
  }
  for (auto& each : sum) each.second /= n;
  sum["coverage@10"] = static_cast<double>(covered.size()) / static_cast<double>(model.n_items());
  return sum;
}

}  // namespace

TEST_CASE("the measures are those of their definitions, for any number of threads") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::size_t n_items = 30 + 10 * seed;
    const std::size_t n_users = 5 + 40 * seed;  // over more than one block, too
    fixed_scores model;
    tandem::random_stream random(seed, 1);
    for (std::size_t i = 0; i < n_items; ++i) model.scores.push_back(static_cast<float>(random.normal()));
    const rows known = random_rows(seed + 100, n_users, n_items, 12);
    const rows targets = random_rows(seed + 200, n_users, n_items, 25);
    const held_out users{matrix(known, n_items), matrix(targets, n_items)};
    const evaluation_result one = judge(any_model(model), users, {}, {});
    auto expected = naive(model, known, targets);
    for (const auto& [name, value] : by_name(one)) {
      INFO(name << " of seed " << seed);
      CHECK(value == Approx(expected[name]).epsilon(1e-12));
    }
    tandem::thread_pool pool(3);
    const evaluation_result many = judge(any_model(model), users, pool, {});
    CHECK(by_name(many) == by_name(one));
    CHECK(many.judged == one.judged);
  }
}

TEST_CASE("users and targets that say nothing are left out and counted") {
  fixed_scores model;
  for (int i = 0; i < 50; ++i) model.scores.push_back(static_cast<float>(-i));
  //                     judged   nothing known  no target  target known  both
  const rows known = {{0, 1}, {}, {2}, {3}, {4, 5}};
  const rows targets = {{2}, {3}, {}, {3}, {4, 6}};
  const evaluation_result result = judge(any_model(model), {matrix(known, 50), matrix(targets, 50)}, {}, {});
  CHECK(result.judged == 2);
  CHECK(result.without_known == 1);
  CHECK(result.without_target == 2);
  CHECK(result.known_targets == 2);
  const auto metrics = by_name(result);
  CHECK(metrics.at("mrr@10") == Approx((1.0 + 1.0 / 5) / 2));  // first of 2, 3, ...; fifth of 0, 1, 2, 3, 6
}

TEST_CASE("a model that says nothing earns no more than chance") {
  fixed_scores model;
  model.scores.assign(1000, 0.0F);
  const evaluation_result result = judge(any_model(model), {matrix({{0}}, 1000), matrix({{1}}, 1000)}, {}, {});
  for (const metric& each : result.metrics) {
    INFO(each.name);
    CHECK(each.value <= 0.01);  // coverage: ten of a thousand
  }
}

TEST_CASE("judging nobody gives zeros, and can be cancelled") {
  fixed_scores model;
  model.scores.assign(10, 0.0F);
  const held_out nobody{matrix({}, 10), matrix({}, 10)};
  CHECK(judge(any_model(model), nobody, {}, {}).judged == 0);
  const held_out users{matrix({{0}}, 10), matrix({{1}}, 10)};
  CHECK_THROWS_AS(judge(any_model(model), users, {}, [](const tandem::progress_report&) { return false; }),
                  tandem::error);
}

// Liang et al. 2018's protocol on MovieLens 1M; benchmarks/quality_ml1m_strong.cpp gives .3575, .4838 and .4260.
TEST_CASE("iALS reaches on real held-out users what the benchmark measures") {
  const auto train_path = real_data("ml-1m-strong/train.csv");
  const auto known_path = real_data("ml-1m-strong/validation_tr.csv");
  const auto targets_path = real_data("ml-1m-strong/validation_te.csv");
  if (train_path.empty() || known_path.empty() || targets_path.empty()) return;
  tandem::read_options options;
  options.names.user = "uid";
  options.names.item = "sid";
  options.times_from_order = true;
  const tandem::event_log train = tandem::read_events(train_path, options);
  const tandem::event_log known = tandem::read_events(known_path, options);
  const tandem::event_log targets = tandem::read_events(targets_path, options);
  const id_order items = items_of({&train, &known, &targets});
  const id_order held = users_of({&targets});
  const auto rule = tandem::merge_rule::max;
  const held_out users{to_matrix(known, {}, held, items, rule), to_matrix(targets, {}, held, items, rule)};
  const chosen_model chosen = choose_model({"ials", {{"alpha0", "0.3"}, {"regularization", "0.006"}}});
  const auto metrics = by_name(judge(
      chosen.kind.fit(to_matrix(train, {}, users_of({&train}), items, rule), chosen.options, {}, {}), users, {}, {}));
  CHECK(metrics.at("recall@20") == Approx(0.3575).margin(0.002));  // other instruction sets round otherwise
  CHECK(metrics.at("recall@50") == Approx(0.4838).margin(0.002));
  CHECK(metrics.at("ndcg@100") == Approx(0.4260).margin(0.002));
}

TEST_CASE("ratings are compared with those given, cut to the scale, for all targets but the known ones") {
  const std::vector<tandem::interaction> given = {
      {user_index{0}, item_index{0}, 4, {}},     // known: not a target
      {user_index{0}, item_index{1}, 3, {}},     // predicted 2
      {user_index{0}, item_index{2}, 4, {}},     // 9, cut to 5
      {user_index{1}, item_index{3}, 1.5F, {}},  // 0, cut to 1; nothing known
      {user_index{2}, item_index{1}, 2, {}}};    // 2
  const std::vector<tandem::interaction> known = {{user_index{0}, item_index{0}, 5, {}},
                                                  {user_index{2}, item_index{0}, 5, {}}};
  const held_out users{tandem::interactions::from_events(known, 3, 4), tandem::interactions::from_events(given, 3, 4)};
  const any_model model(fixed_ratings{{{1, 2, 9, 0}}});
  const evaluation_result result = judge(model, users, {}, {});
  REQUIRE(result.ratings);
  CHECK(result.ratings->targets == 4);
  CHECK(result.ratings->rmse == Approx(std::sqrt((1 + 1 + 0.25 + 0) / 4.0)));
  CHECK(result.ratings->mae == Approx((1 + 1 + 0.5 + 0) / 4.0));
  CHECK(result.judged == 2);
  CHECK(result.without_known == 1);
  CHECK(result.known_targets == 1);
  tandem::thread_pool pool(3);
  CHECK(judge(model, users, pool, {}).ratings->rmse == result.ratings->rmse);
  CHECK_FALSE(judge(any_model(fixed_scores{{1, 2, 9, 0}}), users, {}, {}).ratings);
}
