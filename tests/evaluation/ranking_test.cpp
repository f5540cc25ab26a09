#include "tandem/evaluation/ranking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::evaluation;

namespace {

item_index item(std::size_t i) { return static_cast<item_index>(i); }

// Scores on few levels, so that ties are common.
std::vector<float> random_scores(random_stream& random, std::size_t n) {
  std::vector<float> scores(n);
  for (float& s : scores) s = static_cast<float>(random.below(5)) - 2;
  return scores;
}

std::vector<std::uint8_t> random_flags(random_stream& random, std::size_t n) {
  std::vector<std::uint8_t> flags(n);
  for (std::uint8_t& f : flags) f = random.uniform() < 0.7 ? 1 : 0;
  return flags;
}

std::vector<item_index> distinct_items(random_stream& random, std::size_t n, std::size_t count) {
  std::vector<item_index> all(n);
  for (std::size_t i = 0; i < n; ++i) all[i] = item(i);
  for (std::size_t i = 0; i < count; ++i) std::swap(all[i], all[i + random.below(n - i)]);
  all.resize(count);
  return all;
}

// A ranking by score whose ties are shuffled: what the expected ranks are the expectation of.
std::vector<item_index> shuffled_ranking(random_stream& random, const std::vector<float>& scores,
                                         const std::vector<std::uint8_t>& allowed) {
  std::vector<item_index> list = distinct_items(random, scores.size(), scores.size());
  list.erase(std::remove_if(list.begin(), list.end(), [&](item_index i) { return allowed[slot(i)] == 0; }), list.end());
  std::stable_sort(list.begin(), list.end(),
                   [&](item_index a, item_index b) { return scores[slot(a)] > scores[slot(b)]; });
  return list;
}

}  // namespace

TEST_CASE("a target stands after the better items and amid its equals") {
  const std::vector<float> scores = {3, 1, 2, 1, 1, 0};
  CHECK(expected_rank(scores, item(0)) == 0);
  CHECK(expected_rank(scores, item(2)) == 1);
  CHECK(expected_rank(scores, item(1)) == 3);  // places 2, 3, 4 are shared
  CHECK(expected_rank(scores, item(3)) == 3);
  CHECK(expected_rank(scores, item(5)) == 5);
}

TEST_CASE("items that are not allowed take no place, and a target that is not allowed is missed") {
  const std::vector<float> scores = {3, 1, 2, 1, 1, 0};
  const std::vector<std::uint8_t> allowed = {0, 1, 1, 0, 1, 1};
  CHECK(expected_rank(scores, item(2), allowed) == 0);
  CHECK(expected_rank(scores, item(1), allowed) == 1.5);
  CHECK(expected_rank(scores, item(0), allowed) == missed);
  CHECK(expected_rank(scores, item(6)) == missed);
  CHECK(expected_rank({}, item(0)) == missed);
}

TEST_CASE("a score that is not a number is the lowest score") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> scores = {nan, -1e30F, nan, infinity, -infinity};
  CHECK(expected_rank(scores, item(3)) == 0);
  CHECK(expected_rank(scores, item(1)) == 1);
  CHECK(expected_rank(scores, item(0)) == 3);  // nan, nan and -infinity share places 2, 3, 4
  CHECK(expected_rank(scores, item(4)) == 3);
}

TEST_CASE("several targets stand at the expected places of their order") {
  const std::vector<float> scores = {3, 1, 2, 1, 1, 0};
  SECTION("without ties among them, each at its own rank") {
    CHECK(expected_ranks(scores, std::vector{item(5), item(0), item(1)}) == std::vector<double>{0, 3, 5});
  }
  SECTION("two of three tied items: places 2 ... 4 give 2 + 4/3 - 1 and 2 + 8/3 - 1") {
    const std::vector<double> ranks = expected_ranks(scores, std::vector{item(4), item(1)});
    REQUIRE(ranks.size() == 2);
    CHECK(ranks[0] == Approx(2 + 1.0 / 3));
    CHECK(ranks[1] == Approx(3 + 2.0 / 3));
  }
  SECTION("all of the tied items take the places exactly") {
    CHECK(expected_ranks(scores, std::vector{item(4), item(1), item(3)}) == std::vector<double>{2, 3, 4});
  }
  SECTION("targets that are not ranked are missed, and counted") {
    const std::vector<std::uint8_t> allowed = {1, 1, 0, 1, 1, 1};
    const std::vector<double> ranks = expected_ranks(scores, std::vector{item(2), item(0), item(9)}, allowed);
    CHECK(ranks == std::vector<double>{0, missed, missed});
  }
  SECTION("no targets, no ranks") { CHECK(expected_ranks(scores, {}).empty()); }
}

TEST_CASE("the expected ranks are the means of the ranks when ties are shuffled") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_stream random(seed, 1);
    const std::size_t n = 5 + random.below(30);
    const std::vector<float> scores = random_scores(random, n);
    const std::vector<std::uint8_t> allowed = random_flags(random, n);
    std::vector<item_index> targets = distinct_items(random, n, 1 + random.below(5));
    const std::vector<double> expected = expected_ranks(scores, targets, allowed);
    REQUIRE(std::is_sorted(expected.begin(), expected.end()));
    if (targets.size() == 1) CHECK(expected[0] == expected_rank(scores, targets[0], allowed));

    constexpr int shuffles = 4000;
    std::vector<double> mean(targets.size(), 0.0);
    for (int s = 0; s < shuffles; ++s) {
      const std::vector<double> ranks = ranks_in(shuffled_ranking(random, scores, allowed), targets);
      for (std::size_t j = 0; j < ranks.size(); ++j) mean[j] += ranks[j] / shuffles;
    }
    for (std::size_t j = 0; j < mean.size(); ++j) {
      // a rank's standard deviation is below n / 2: five standard errors
      if (expected[j] != missed)
        CHECK(std::abs(mean[j] - expected[j]) < 5 * static_cast<double>(n) / 2 / std::sqrt(shuffles));
      if (expected[j] == missed) CHECK(mean[j] == missed);
    }
  }
}

TEST_CASE("without ties scores and their ranked list give the same ranks") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    random_stream random(seed, 2);
    const std::size_t n = 2 + random.below(100);
    std::vector<float> scores(n);
    for (float& s : scores) s = static_cast<float>(random.normal());
    const std::vector<item_index> targets = distinct_items(random, n, 1 + random.below(n));
    const std::vector<std::uint8_t> all(n, 1);
    CHECK(expected_ranks(scores, targets) == ranks_in(shuffled_ranking(random, scores, all), targets));
  }
}

TEST_CASE("ranks in a list count from its top, and items it lacks are missed") {
  const std::vector<item_index> list = {item(7), item(3), item(5)};
  CHECK(ranks_in(list, std::vector{item(5), item(7)}) == std::vector<double>{0, 2});
  CHECK(ranks_in(list, std::vector{item(3), item(1)}) == std::vector<double>{1, missed});
  CHECK(ranks_in({}, std::vector{item(3)}) == std::vector<double>{missed});
  CHECK(ranks_in(list, {}).empty());
}

TEST_CASE("measures of one target follow their formulas") {
  CHECK(hit_at(9, 10) == 1);
  CHECK(hit_at(9.5, 10) == 1);
  CHECK(hit_at(10, 10) == 0);
  CHECK(ndcg_at(0.0, 10) == 1);
  CHECK(ndcg_at(2.0, 10) == Approx(0.5));                 // 1 / log2(4)
  CHECK(ndcg_at(0.5, 10) == Approx(1 / std::log2(2.5)));  // tied for first with one other: gain at the mean place
  CHECK(ndcg_at(10.0, 10) == 0);
  CHECK(reciprocal_rank(0.0) == 1);
  CHECK(reciprocal_rank(3.0) == Approx(0.25));
  for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{1000000}}) {
    CHECK(hit_at(missed, k) == 0);
    CHECK(ndcg_at(missed, k) == 0);
  }
  CHECK(reciprocal_rank(missed) == 0);
}

TEST_CASE("a score without information earns nothing for a long catalogue") {
  const std::vector<float> flat(1000, 0.0F);
  CHECK(expected_rank(flat, item(0)) == 499.5);
  CHECK(ndcg_at(expected_rank(flat, item(0)), 10) == 0);
}

// Worked by hand. Targets at places 0, 2 and 6 of a list, a fourth target missing; k = 5:
// hits 2; recall 2 / min(5, 4); precision 2 / 5;
// DCG = 1/log2(2) + 1/log2(4) = 1.5; ideal = 1 + 0.6309297536 + 0.5 + 0.4306765581 = 2.5616063117;
// AP = (1/1 + 2/3) / 4.
TEST_CASE("list measures agree with values worked by hand") {
  const std::vector<double> ranks = {0, 2, 6, missed};
  CHECK(recall_at(ranks, 5) == Approx(0.5));
  CHECK(recall_at(ranks, 5, recall_of::all) == Approx(0.5));
  CHECK(recall_at(ranks, 3) == Approx(2.0 / 3));
  CHECK(recall_at(ranks, 3, recall_of::all) == Approx(0.5));
  CHECK(precision_at(ranks, 5) == Approx(0.4));
  CHECK(ndcg_at(ranks, 5) == Approx(1.5 / 2.5616063117));
  CHECK(average_precision_at(ranks, 5) == Approx((1 + 2.0 / 3) / 4));
  CHECK(average_precision_at(ranks, 10) == Approx((1 + 2.0 / 3 + 3.0 / 7) / 4));
  CHECK(reciprocal_rank(ranks) == 1);
}

TEST_CASE("measures of nothing are zero") {
  const std::vector<double> none;
  const std::vector<double> one = {0};
  CHECK(recall_at(none, 5) == 0);
  CHECK(precision_at(none, 5) == 0);
  CHECK(ndcg_at(none, 5) == 0);
  CHECK(average_precision_at(none, 5) == 0);
  CHECK(reciprocal_rank(none) == 0);
  CHECK(recall_at(one, 0) == 0);
  CHECK(precision_at(one, 0) == 0);
  CHECK(ndcg_at(one, 0) == 0);
  CHECK(average_precision_at(one, 0) == 0);
}

TEST_CASE("every measure lies in [0, 1], is 1 for a perfect ranking, and does not fall when a target moves up") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    random_stream random(seed, 3);
    const std::size_t n = 3 + random.below(40);
    const std::size_t k = 1 + random.below(12);
    std::vector<float> scores = random_scores(random, n);
    const std::vector<item_index> targets = distinct_items(random, n, 1 + random.below(std::min<std::size_t>(n, 6)));
    const auto all_measures = [&](const std::vector<double>& ranks) {
      return std::vector<double>{recall_at(ranks, k), recall_at(ranks, k, recall_of::all), precision_at(ranks, k),
                                 ndcg_at(ranks, k),   average_precision_at(ranks, k),      reciprocal_rank(ranks)};
    };
    const std::vector<double> before = all_measures(expected_ranks(scores, targets));
    for (const double m : before) CHECK((m >= 0 && m <= 1 + 1e-12));

    scores[slot(targets[random.below(targets.size())])] += 1;
    const std::vector<double> after = all_measures(expected_ranks(scores, targets));
    for (std::size_t m = 0; m < after.size(); ++m) CHECK(after[m] >= before[m] - 1e-12);

    for (const item_index t : targets) scores[slot(t)] = 100;  // tied with one another, above the rest
    const std::vector<double> perfect = expected_ranks(scores, targets);
    CHECK(recall_at(perfect, k) == Approx(1));
    CHECK(ndcg_at(perfect, k) == Approx(1));
    CHECK(average_precision_at(perfect, k) == Approx(1));
    CHECK(reciprocal_rank(perfect) == Approx(1));
  }
}

TEST_CASE("with one target the list measures are those of its rank") {
  for (const double rank : {0.0, 0.5, 4.0, 9.5, 10.0, missed}) {
    const std::vector<double> ranks = {rank};
    CHECK(recall_at(ranks, 10) == hit_at(rank, 10));
    CHECK(ndcg_at(ranks, 10) == ndcg_at(rank, 10));
    CHECK(reciprocal_rank(ranks) == reciprocal_rank(rank));
  }
}

TEST_CASE("a ranking total reports the means of what was added") {
  ranking_total total(10);
  CHECK(total.report().n == 0);
  CHECK(total.report().ndcg == 0);
  total.add(0.0);
  total.add(2.0);
  total.add(missed);
  total.add(std::vector<double>{1, 3});
  total.add(std::vector<double>{});  // a user without held-out items says nothing
  const ranking_report report = total.report();
  CHECK(report.k == 10);
  CHECK(report.n == 4);
  CHECK(report.recall == Approx((1 + 1 + 0 + 1) / 4.0));
  CHECK(report.precision == Approx((0.1 + 0.1 + 0 + 0.2) / 4));
  CHECK(report.mrr == Approx((1 + 1.0 / 3 + 0 + 0.5) / 4));
  CHECK(report.map == Approx((1 + 1.0 / 3 + 0 + (1.0 / 2 + 2.0 / 4) / 2) / 4));
  const double both = (1 / std::log2(3.0) + 1 / std::log2(5.0)) / (1 + 1 / std::log2(3.0));
  CHECK(report.ndcg == Approx((1 + 0.5 + 0 + both) / 4));
}

// Exposures 0, 1, 1, 2: sum_i (2i - 5) x_i = -1 + 1 + 6 = 6; 6 / (4 * 4) = 0.375.
TEST_CASE("coverage and Gini of exposure agree with values worked by hand") {
  catalogue_total total(4);
  CHECK(total.report().coverage == 0);
  CHECK(total.report().gini == 0);
  total.add(std::vector{item(3), item(1)});
  total.add(std::vector{item(3), item(2)});
  const catalogue_report report = total.report();
  CHECK(report.slates == 2);
  CHECK(report.shown == 4);
  CHECK(report.coverage == Approx(0.75));
  CHECK(report.gini == Approx(0.375));
  CHECK(report.novelty == 0);
  CHECK(std::vector<std::uint64_t>(total.exposure().begin(), total.exposure().end()) ==
        std::vector<std::uint64_t>{0, 1, 1, 2});
}

TEST_CASE("Gini is 0 when all have the same, 1 - 1/n when one has all, and is blind to scale and order") {
  CHECK(gini(std::vector<std::uint64_t>{}) == 0);
  CHECK(gini(std::vector<std::uint64_t>{5, 5, 5, 5}) == Approx(0).margin(1e-12));
  CHECK(gini(std::vector<std::uint64_t>{0, 0, 0, 9}) == Approx(0.75));
  random_stream random(4);
  std::vector<std::uint64_t> x(50);
  for (auto& each : x) each = random.below(100);
  const double before = gini(x);
  std::reverse(x.begin(), x.end());
  for (auto& each : x) each *= 3;
  CHECK(gini(x) == Approx(before));
  // half the mean absolute difference over the mean: another formula of the same number
  double differences = 0;
  double sum = 0;
  for (const auto a : x) {
    sum += static_cast<double>(a);
    for (const auto b : x) differences += std::abs(static_cast<double>(a) - static_cast<double>(b));
  }
  CHECK(before == Approx(differences / (2 * 50 * sum)));
}

// Shares 1/2, 1/4, 1/8 and (a count of 0 taken as 1) 1/8: 1, 2, 3 and 3 bits.
TEST_CASE("novelty is the mean surprise of what was shown") {
  const std::vector<std::uint64_t> popularity = {4, 2, 1, 0};
  catalogue_total total(popularity);
  total.add(std::vector{item(0), item(1)});
  CHECK(total.report().novelty == Approx(1.5));
  total.add(std::vector{item(2), item(3)});
  CHECK(total.report().novelty == Approx((1 + 2 + 3 + 3) / 4.0));
  CHECK(total.report().coverage == 1);
}
