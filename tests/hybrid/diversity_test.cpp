#include "tandem/hybrid/diversity.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "hybrid/ruled_world.hpp"
#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/hybrid/slate.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using online::estimate;
using ruled_world::catalogue;
using small_world::item;

namespace {

std::vector<float> random_scores(std::uint64_t seed, std::size_t n) {
  random_stream random(seed, 9);
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(random.normal());
  return out;
}

// the page of `n` that takes the highest weighed mean at each place
std::vector<std::size_t> greedy_page(const catalogue& c, const diversity_rule& rule, const std::vector<float>& scores,
                                     std::size_t n, double spread = 1) {
  diversifier d(rule, c.known, spread);
  std::vector<std::size_t> page;
  std::vector<bool> placed(scores.size(), false);
  while (page.size() < n) {
    std::size_t best = scores.size();
    float highest = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (placed[i]) continue;
      const float mean = d.weigh(i, item(i), {scores[i], 0}).mean;
      if (best == scores.size() || mean > highest) {
        best = i;
        highest = mean;
      }
    }
    placed[best] = true;
    d.place(best, item(best));
    page.push_back(best);
  }
  return page;
}

// log |det| by elimination with pivots; minus infinity for a singular one
double log_determinant(std::vector<std::vector<double>> a) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k; i < a.size(); ++i) pivot = std::abs(a[i][k]) > std::abs(a[pivot][k]) ? i : pivot;
    std::swap(a[k], a[pivot]);
    sum += std::log(std::abs(a[k][k]));
    for (std::size_t i = k + 1; i < a.size(); ++i) {
      const double factor = a[i][k] / a[k][k];
      for (std::size_t j = k; j < a.size(); ++j) a[i][j] -= factor * a[k][j];
    }
  }
  return sum;
}

double log_quality(const catalogue& c, const std::vector<std::size_t>& page, const std::vector<float>& scores,
                   double theta) {
  std::vector<std::vector<double>> l(page.size(), std::vector<double>(page.size()));
  for (std::size_t a = 0; a < page.size(); ++a) {
    for (std::size_t b = 0; b < page.size(); ++b) {
      const double alike =
          a == b ? 1.0 : double{likeness(portrait_of(c.known, item(page[a])), portrait_of(c.known, item(page[b])))};
      l[a][b] = std::exp(theta * double{scores[page[a]]}) * alike * std::exp(theta * double{scores[page[b]]});
    }
  }
  return log_determinant(l);
}

}  // namespace

TEST_CASE("likeness is the cosine of factors, or the share of attributes in common") {
  catalogue c(5, {0, 0, 0});
  c.known.batch = std::make_shared<const batch_snapshot>(
      std::make_shared<batch::factor_model>(batch::factor_model::from_factors({}, {3, 4, 6, 8, -3, -4, 0, 0}, 2, {})));
  c.give(0, {0, 1});
  c.give(2, {0, 1});
  c.give(3, {0, 2, 1});
  c.give(4, {0});
  const auto alike = [&](std::size_t a, std::size_t b) {
    return likeness(portrait_of(c.known, item(a)), portrait_of(c.known, item(b)));
  };
  CHECK(alike(0, 1) == Approx(1));
  CHECK(alike(0, 2) == Approx(-1));
  CHECK(alike(0, 3) == Approx(2.0 / 3));  // item 3 was not in the log when the model was trained
  CHECK(alike(3, 0) == Approx(2.0 / 3));
  CHECK(alike(4, 3) == Approx(1.0 / 3));  // item 4 came after the model
  CHECK(alike(4, 1) == 0);
  CHECK(portrait_of(c.known, item(3)).factors.empty());
}

TEST_CASE("greedy choice of the weighed means is greedy log det of the kernel") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    catalogue c(9, {});
    c.give_factors(9, 12, seed);
    const std::vector<float> scores = random_scores(seed, 9);
    for (const double theta : {0.05, 0.5, 2.0}) {
      const std::vector<std::size_t> page = greedy_page(c, {diversity_kind::dpp, 0.3, theta}, scores, 6);
      std::vector<std::size_t> so_far;
      for (const std::size_t taken : page) {
        double best = -1e300;
        std::size_t by_force = 0;
        for (std::size_t i = 0; i < 9; ++i) {
          if (std::find(so_far.begin(), so_far.end(), i) != so_far.end()) continue;
          std::vector<std::size_t> with = so_far;
          with.push_back(i);
          const double value = log_quality(c, with, scores, theta);
          if (value > best) {
            best = value;
            by_force = i;
          }
        }
        REQUIRE(taken == by_force);
        so_far.push_back(taken);
      }
    }
  }
}

TEST_CASE("greedy choice of the weighed means is maximal marginal relevance") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    catalogue c(12, {});
    c.give_factors(12, 3, seed);
    const std::vector<float> scores = random_scores(seed, 12);
    const double lambda = 0.1 * static_cast<double>(seed % 11);
    const double spread = 0.7;
    const std::vector<std::size_t> page = greedy_page(c, {diversity_kind::mmr, lambda, 1}, scores, 8, spread);
    std::vector<std::size_t> so_far;
    for (const std::size_t taken : page) {
      const auto value = [&](std::size_t i) {
        double most = 0;
        for (const std::size_t a : so_far) {
          most = std::max(most, double{likeness(portrait_of(c.known, item(i)), portrait_of(c.known, item(a)))});
        }
        return (1 - lambda) * double{scores[i]} - lambda * spread * most;
      };
      for (std::size_t i = 0; i < 12; ++i) {
        if (std::find(so_far.begin(), so_far.end(), i) == so_far.end()) REQUIRE(value(i) <= value(taken) + 1e-5);
      }
      so_far.push_back(taken);
    }
  }
}

TEST_CASE("with lambda 0, a large theta or no rule the order is by score, and estimates stay as they are") {
  catalogue c(20, {});
  c.give_factors(20, 4, 1);
  const std::vector<float> scores = random_scores(3, 20);
  const std::vector<std::size_t> by_score = order_by_score(scores, 20);
  CHECK(greedy_page(c, {diversity_kind::none}, scores, 20) == by_score);
  CHECK(greedy_page(c, {diversity_kind::mmr, 0, 1}, scores, 20) == by_score);
  CHECK(greedy_page(c, {diversity_kind::dpp, 0.3, 1000}, scores, 8) ==
        std::vector<std::size_t>(by_score.begin(), by_score.begin() + 8));
  diversifier d({diversity_kind::mmr, 0, 1}, c.known, 1);
  d.place(0, item(0));
  const estimate e = d.weigh(1, item(1), {0.37F, 0.11F});
  CHECK(e.mean == 0.37F);
  CHECK(e.variance == 0.11F);
}

TEST_CASE("a copy of an item above comes late, and not never") {
  catalogue c(4, {});
  c.known.batch = std::make_shared<const batch_snapshot>(
      std::make_shared<batch::factor_model>(batch::factor_model::from_factors({}, {1, 0, 2, 0, 0, 1, 0, 3}, 2, {})));
  const std::vector<float> scores{1.0F, 0.9F, 0.2F, 0.1F};
  for (const diversity_kind kind : {diversity_kind::mmr, diversity_kind::dpp}) {
    CHECK(greedy_page(c, {kind, 0.6, 1}, scores, 4) == std::vector<std::size_t>{0, 2, 1, 3});
  }
  diversifier d({diversity_kind::dpp, 0.3, 1}, c.known, 1);
  d.place(0, item(0));
  CHECK(d.weigh(1, item(1), {0.9F, 0}).mean == Approx(0.9 + std::log(1e-6) / 2).epsilon(1e-4));
  CHECK(d.weigh(2, item(2), {0.2F, 0}).mean == 0.2F);
}

TEST_CASE("mmr narrows a mean and its variance alike, so that a policy by uncertainty sees one scale") {
  catalogue c(2, {});
  diversifier d({diversity_kind::mmr, 0.5, 1}, c.known, 1);
  const estimate e = d.weigh(0, item(0), {2, 4});
  CHECK(e.mean == 1);
  CHECK(e.sd() == Approx(1));
}

TEST_CASE("estimates that are not finite stay so") {
  catalogue c(2, {});
  for (const diversity_kind kind : {diversity_kind::none, diversity_kind::mmr, diversity_kind::dpp}) {
    diversifier d({kind}, c.known, 1);
    d.place(0, item(0));
    CHECK_FALSE(d.weigh(1, item(1), {std::numeric_limits<float>::quiet_NaN(), 0}).finite());
  }
}
