#include "tandem/batch/bpr.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "dense_reference.hpp"
#include "learners.hpp"
#include "support/catch.hpp"
#include "tandem/batch/history_model.hpp"
#include "tandem/batch/popularity.hpp"

using namespace tandem;
using namespace tandem::batch;
using namespace learners;

static_assert(history_model<bpr_model>);

namespace {

/// Users and items of 4 tastes: 9 events of 10 stay inside the taste.
interactions tasteful_log(std::uint64_t seed, std::uint32_t n_users, std::uint32_t n_items, int per_user) {
  random_stream random(seed, 2);
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < n_users; ++u) {
    for (int e = 0; e < per_user; ++e) {
      auto item = static_cast<std::uint32_t>(random.below(n_items));
      if (random.uniform() < 0.9) item = item - item % 4 + u % 4;
      events.push_back({user_index{u}, item_index{item % n_items}, 1.0F, {}});
    }
  }
  return interactions::from_events(events, n_users, n_items, merge_rule::binary);
}

/// How often an item that the user has scores above one they do not have: the AUC that BPR is derived from.
template <class ScoresOf>
double auc(const interactions& log, const ScoresOf& scores_of_user) {
  double right = 0;
  double pairs = 0;
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    const auto had = log.items_of(user_index{u}).index;
    const std::vector<float> scores = scores_of_user(u);
    for (const std::uint32_t i : had) {
      for (std::uint32_t j = 0; j < log.n_items(); ++j) {
        if (detail::has(had, j)) continue;
        right += scores[i] > scores[j] ? 1.0 : scores[i] == scores[j] ? 0.5 : 0.0;
        ++pairs;
      }
    }
  }
  return right / pairs;
}

bool same_model(const bpr_model& a, const bpr_model& b) {
  for (std::uint32_t u = 0; u < a.n_users(); ++u) {
    if (!learners::same_bits(a.user_factors(user_index{u}), b.user_factors(user_index{u}))) return false;
  }
  for (std::uint32_t i = 0; i < a.n_items(); ++i) {
    if (!learners::same_bits(a.item_factors(item_index{i}), b.item_factors(item_index{i}))) return false;
    if (a.item_bias(item_index{i}) != b.item_bias(item_index{i})) return false;
  }
  return a.n_users() == b.n_users() && a.n_items() == b.n_items();
}

}  // namespace

TEST_CASE("a BPR step is the gradient of ln sigma, less the decay", "[bpr]") {
  for (const std::size_t rank : {1U, 3U, 15U, 16U, 31U, 40U}) {
    const std::size_t stride = (rank + 16) / 16 * 16;
    random_stream random(rank);
    std::vector<float> p(stride, 0.0F);
    std::vector<float> a(stride, 0.0F);
    std::vector<float> b(stride, 0.0F);
    for (std::size_t j = 0; j <= rank; ++j) {
      p[j] = j == rank ? 1.0F : static_cast<float>(random.normal());
      a[j] = static_cast<float>(random.normal());
      b[j] = static_cast<float>(random.normal());
    }
    double x = 0;
    for (std::size_t j = 0; j <= rank; ++j)
      x += static_cast<double>(p[j]) * (static_cast<double>(a[j]) - static_cast<double>(b[j]));
    const double push = 0.1 / (1 + std::exp(x));
    const std::vector<float> p0 = p;
    const std::vector<float> a0 = a;
    const std::vector<float> b0 = b;
    detail::bpr_step{stride, rank, 0.1F, 0.002F}(p.data(), a.data(), b.data());
    for (std::size_t j = 0; j <= rank; ++j) {
      const auto [pj, aj, bj] =
          std::tuple(static_cast<double>(p0[j]), static_cast<double>(a0[j]), static_cast<double>(b0[j]));
      CHECK(static_cast<double>(p[j]) == Approx(j == rank ? 1.0 : pj + push * (aj - bj) - 0.002 * pj).margin(1e-6));
      CHECK(static_cast<double>(a[j]) == Approx(aj + push * pj - 0.002 * aj).margin(1e-6));
      CHECK(static_cast<double>(b[j]) == Approx(bj - push * pj - 0.002 * bj).margin(1e-6));
    }
    for (std::size_t j = rank + 1; j < stride; ++j) CHECK((p[j] == 0 && a[j] == 0 && b[j] == 0));
  }
}

TEST_CASE("BPR puts what users have above what they have not", "[bpr]") {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    INFO("seed " << seed);
    const interactions log = tasteful_log(seed, 120, 150, 14);
    const bpr_model model = fit_bpr(log, {.rank = 8, .learning_rate = 0.05F, .epochs = 60, .seed = seed});
    const popularity popular(log);
    const double baseline =
        auc(log, [&](std::uint32_t) { return std::vector<float>(popular.scores().begin(), popular.scores().end()); });
    const double trained = auc(log, [&](std::uint32_t u) {
      std::vector<float> scores(150);
      model.score(model.user_factors(user_index{u}), scores);
      return scores;
    });
    const double folded = auc(log, [&](std::uint32_t u) { return scores_of(model, history_of(log, u)); });
    CHECK(trained > 0.9);
    CHECK(trained > baseline + 0.1);
    CHECK(folded > trained - 0.02);
  }
}

TEST_CASE("BPR recommends a newcomer more of their taste", "[bpr]") {
  const bpr_model model = fit_bpr(tasteful_log(3, 200, 200, 15), {.rank = 8, .learning_rate = 0.05F, .epochs = 60});
  for (std::uint32_t taste = 0; taste < 4; ++taste) {
    const history given{{item_index{taste}, item_index{taste + 40}, item_index{taste + 80}}, {1, 1, 1}};
    const std::vector<float> scores = scores_of(model, given);
    std::vector<scored_item> top(10);
    best_items best(top);
    best.offer_all(item_index{0}, scores, given.items);
    best.finish();
    CHECK(std::count_if(top.begin(), top.end(), [&](const auto& each) { return raw(each.item) % 4 == taste; }) >= 9);
  }
}

TEST_CASE("BPR: any number of threads gives the same bits", "[bpr][concurrency]") {
  const interactions log = tasteful_log(2, 300, 700, 12);
  const bpr_options options{.rank = 12, .epochs = 4};
  const bpr_model expected = fit_bpr(log, options);
  for (const std::size_t threads : {1U, 2U, 3U, 7U}) {
    INFO(threads << " threads");
    backwards_executor backwards{threads};
    striping_executor striping{threads};
    CHECK(same_model(fit_bpr(log, options, backwards), expected));
    CHECK(same_model(fit_bpr(log, options, striping), expected));
  }
}

TEST_CASE("every observed pair is dealt once an epoch, whatever the blocks", "[bpr]") {
  for (const std::uint32_t n_items : {10U, 200U, 2000U}) {
    const interactions log = tasteful_log(5, 90, n_items, 9);
    const bpr_options options{.rank = 4, .epochs = 1};
    detail::bpr_training training(log, options);
    std::vector<std::set<std::uint32_t>> met(log.n_users());
    training.deal(0, {});
    std::size_t visits = 0;
    training.for_each_dealt([&](std::uint32_t user, std::uint32_t item) {
      met[user].insert(item);
      ++visits;
    });
    CHECK(visits == log.size());
    for (std::uint32_t u = 0; u < log.n_users(); ++u) {
      const auto had = log.items_of(user_index{u}).index;
      CHECK(std::equal(had.begin(), had.end(), met[u].begin(), met[u].end()));
    }
  }
}

TEST_CASE("the seed decides a BPR fit, and nothing else does", "[bpr]") {
  const interactions log = tasteful_log(4, 60, 90, 7);
  const bpr_model a = fit_bpr(log, {.rank = 8, .epochs = 3, .seed = 1});
  CHECK(same_model(a, fit_bpr(log, {.rank = 8, .epochs = 3, .seed = 1})));
  CHECK_FALSE(same_model(a, fit_bpr(log, {.rank = 8, .epochs = 3, .seed = 2})));
}

TEST_CASE("a fold-in is the minimiser of its loss", "[bpr]") {
  // gradient of  w sum ln(1 + exp(-<d, x> - o)) + ridge / 2 |x|^2, in double
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    random_stream random(seed, 4);
    const std::size_t k = 1 + seed;
    const std::size_t n = 5 + 12 * seed;
    const float scale = seed % 3 == 0 ? 5.0F : 0.5F;
    detail::ordered_pairs pairs;
    pairs.weight = 0.25F;
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t j = 0; j < k; ++j) pairs.rows.push_back(scale * static_cast<float>(random.normal(0.3)));
      pairs.offset.push_back(static_cast<float>(random.normal()));
    }
    const float ridge = seed % 2 == 0 ? 0.05F : 2.0F;
    std::vector<float> x(k);
    detail::pairwise_newton newton(pairs, k, ridge);
    REQUIRE(newton.solve(x));
    std::vector<double> gradient(k);
    double size = 0;
    for (std::size_t j = 0; j < k; ++j) gradient[j] = static_cast<double>(ridge) * static_cast<double>(x[j]);
    for (std::size_t r = 0; r < n; ++r) {
      double m = static_cast<double>(pairs.offset[r]);
      for (std::size_t j = 0; j < k; ++j) m += static_cast<double>(pairs.rows[r * k + j]) * static_cast<double>(x[j]);
      for (std::size_t j = 0; j < k; ++j) {
        const double d = static_cast<double>(pairs.rows[r * k + j]);
        gradient[j] -= 0.25 / (1 + std::exp(m)) * d;
        size += 0.25 * std::abs(d);
      }
    }
    for (const double g : gradient) CHECK(std::abs(g) <= 1e-3 * size);
  }
}

TEST_CASE("BPR folds histories in", "[bpr]") {
  const bpr_model model = fit_bpr(tasteful_log(6, 60, 80, 8), {.rank = 6, .epochs = 10});
  std::vector<float> biases;
  for (std::uint32_t i = 0; i < 80; ++i) biases.push_back(model.item_bias(item_index{i}));
  CHECK(scores_of(model, {}) == biases);
  check_histories(model);
  // whoever has everything cannot be told from anybody: no item is left to be below the others
  history all;
  for (std::uint32_t i = 0; i < 80; ++i) all.items.push_back(item_index{i});
  all.weights.assign(80, 1.0F);
  CHECK(scores_of(model, all) == biases);
  // all but one: every pair has the same negative
  all.items.pop_back();
  all.weights.pop_back();
  for (const float score : scores_of(model, all)) CHECK(std::isfinite(score));
}

TEST_CASE("the pairs of a BPR history are its items before others, and not too many", "[bpr]") {
  const std::size_t rank = 2;
  std::vector<float> items;  // of 3,000 items; item i is (i, 0) with bias -i
  for (int i = 0; i < 3000; ++i) {
    for (const float x : {static_cast<float>(i), 0.0F, static_cast<float>(-i)}) items.push_back(x);
  }
  for (const std::size_t n : {1U, 20U, 1024U, 1500U, 2999U}) {
    INFO(n << " items");
    std::vector<std::uint32_t> given;
    for (std::uint32_t i = 0; i < n; ++i) given.push_back(i);
    const detail::ordered_pairs pairs = detail::bpr_pairs(given, items, rank, 5);
    const std::size_t negatives = n == 1500 ? 10 : n == 2999 ? 5 : 16;
    REQUIRE(pairs.offset.size() == n * negatives);
    CHECK(pairs.weight == Approx(1.0 / static_cast<double>(negatives)));
    std::set<float> drawn;
    for (std::size_t r = 0; r < pairs.offset.size(); ++r) {
      const std::size_t given_item = r / negatives;
      const auto better = static_cast<float>(given_item);
      const float worse = better - pairs.rows[r * rank];
      CHECK(worse >= static_cast<float>(n));
      CHECK(pairs.offset[r] == worse - better);
      drawn.insert(worse);
    }
    CHECK(drawn.size() > std::min<std::size_t>(n * negatives, 3000 - n) / 2);
  }
}

TEST_CASE("a BPR model as a factor model scores the same", "[bpr]") {
  const bpr_model model = fit_bpr(tasteful_log(7, 40, 60, 8), {.rank = 5, .epochs = 5});
  const factor_model factors = model.to_factor_model();
  CHECK(factors.rank() == 6);
  std::vector<float> expected(60);
  std::vector<float> scores(60);
  for (std::uint32_t u = 0; u < 40; ++u) {
    model.score(model.user_factors(user_index{u}), expected);
    factors.score(factors.user_factors(user_index{u}), scores);
    CHECK(learners::same_bits(scores, expected));
  }
}

TEST_CASE("BPR on empty and tiny logs, and on users who have everything", "[bpr]") {
  CHECK(fit_bpr({}, {}).n_items() == 0);
  CHECK(fit_bpr({}, {}).rank() == 64);
  const bpr_model nothing = fit_bpr(interactions::from_events({}, 3, 2), {.rank = 4, .epochs = 2});
  CHECK(nothing.n_users() == 3);
  for (const float p : nothing.user_factors(user_index{2})) CHECK(p == 0);
  CHECK(scores_of(nothing, {}) == std::vector<float>{0, 0});
  const interaction one{user_index{0}, item_index{0}};
  const bpr_model single = fit_bpr(interactions::from_events({&one, 1}, 1, 1), {.rank = 4, .epochs = 2});
  CHECK(scores_of(single, {{item_index{0}}, {1}}) == std::vector<float>{0});
  std::vector<interaction> events;  // user 0 has all, user 1 has one
  for (std::uint32_t i = 0; i < 5; ++i) events.push_back({user_index{0}, item_index{i}});
  events.push_back({user_index{1}, item_index{3}});
  const bpr_model model = fit_bpr(interactions::from_events(events, 3, 5), {.rank = 4, .epochs = 200});
  std::vector<float> scores(5);
  model.score(model.user_factors(user_index{1}), scores);
  CHECK(std::max_element(scores.begin(), scores.end()) == scores.begin() + 3);
}

TEST_CASE("BPR: bad options are refused by name", "[bpr]") {
  const interactions log = tasteful_log(8, 10, 10, 2);
  const auto field_of = [&](const bpr_options& options) { return refused_field([&] { (void)fit_bpr(log, options); }); };
  CHECK(field_of({.rank = 0}) == "rank");
  CHECK(field_of({.rank = 1025}) == "rank");
  for (const float bad : {0.0F, -1.0F, std::nanf(""), HUGE_VALF}) {
    CHECK(field_of({.learning_rate = bad}) == "learning_rate");
    CHECK(field_of({.regularization = bad}) == "regularization");
    CHECK(field_of({.init_stddev = bad}) == "init_stddev");
  }
  CHECK(field_of({.epochs = 0}) == "epochs");
  CHECK(field_of({.epochs = 100001}) == "epochs");
  CHECK(field_of({.rank = 2, .epochs = 1}) == "accepted");
}

TEST_CASE("BPR whose steps diverge ends in an error that says what to do", "[bpr]") {
  const interactions log = tasteful_log(9, 30, 30, 6);
  const auto failure =
      error_of([&] { (void)fit_bpr(log, {.rank = 4, .learning_rate = 1e20F, .regularization = 1e10F}); });
  REQUIRE(failure);
  CHECK(failure->code() == errc::not_finite);
  CHECK(failure->remedy().find("learning_rate") != std::string::npos);
}

TEST_CASE("BPR reports progress and is cancelled", "[bpr]") {
  const interactions log = tasteful_log(10, 50, 300, 5);
  check_progress("bpr", [&](const progress& report) { (void)fit_bpr(log, {.rank = 4, .epochs = 5}, {}, report); });
}

TEST_CASE("BPR takes over factors that are given", "[bpr]") {
  const bpr_model model = bpr_model::from_factors({2, 1}, {3, 0.5F, -1, 0.25F}, 1, 0.1F, 0);
  std::vector<float> scores(2);
  model.score(model.user_factors(user_index{0}), scores);
  CHECK(scores == std::vector<float>{6.5F, -1.75F});
  const auto code_of = [](std::vector<float> users, std::vector<float> items, std::size_t rank, float regularization) {
    const auto failure = error_of([&] { (void)bpr_model::from_factors(users, items, rank, regularization, 0); });
    REQUIRE(failure);
    return failure->code();
  };
  CHECK(code_of({}, {}, 0, 1) == errc::invalid_argument);
  CHECK(code_of({1, 1, 1}, {}, 1, 1) == errc::invalid_argument);
  CHECK(code_of({1, 2}, {}, 1, 1) == errc::invalid_argument);
  CHECK(code_of({1, 1}, {1, 1}, 1, 0) == errc::invalid_argument);
  CHECK(code_of({1, 1}, {1, std::nanf("")}, 1, 1) == errc::not_finite);
}
