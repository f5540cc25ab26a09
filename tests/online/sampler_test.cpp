#include "tandem/online/sampler.hpp"

#include <cstddef>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/chi_square.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/beta_bandit.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/tuned.hpp"

using tandem::random_stream;
using tandem::online::any_policy;
using tandem::online::estimate;
using tandem::online::sample;

namespace {

double audit(std::span<const double> probabilities, std::size_t draws, std::uint64_t seed) {
  std::vector<std::size_t> counts(probabilities.size(), 0);
  random_stream random(seed);
  for (std::size_t n = 0; n < draws; ++n) {
    const tandem::online::draw drawn = sample(probabilities, random);
    if (drawn.probability != probabilities[drawn.index]) return 0;
    ++counts[drawn.index];
  }
  return tandem_test::chi_square_p(counts, probabilities);
}

std::vector<estimate> some_candidates(std::size_t n, std::uint64_t seed) {
  random_stream random(seed);
  std::vector<estimate> out(n);
  for (estimate& each : out) {
    each = {static_cast<float>(random.normal(0.1, 0.05)), static_cast<float>(0.01 * random.uniform())};
  }
  return out;
}

}  // namespace

TEST_CASE("chi-square tells fitting counts from others") {
  const std::vector<double> fair(4, 0.25);
  CHECK(tandem_test::chi_square_p(std::vector<std::size_t>{250, 250, 250, 250}, fair) == Approx(1));
  // 4 * 12.5^2 / 250 = 2.5 on 3 degrees of freedom: p = 0.4753 by tables
  CHECK(tandem_test::chi_square_p(std::vector<std::size_t>{262, 238, 263, 237}, fair) == Approx(0.4753).margin(2e-3));
  CHECK(tandem_test::chi_square_p(std::vector<std::size_t>{300, 200, 250, 250}, fair) < 0.001);
  CHECK(tandem_test::chi_square_p(std::vector<std::size_t>{1, 999}, std::vector<double>{0, 1}) == 0);
}

TEST_CASE("the sampler draws with the probabilities it is given, for every kind of policy") {
  using namespace tandem::online;
  const std::vector<any_policy> kinds = {greedy{},         epsilon_greedy{0.3}, softmax{0.05}, linear_ucb{0.5, 0.1},
                                         inverse_gap{200}, thompson{1},         thompson{0.2}, thompson{1, 3}};
  for (const any_policy& kind : kinds) {
    for (const std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{50}}) {
      const std::vector<estimate> candidates = some_candidates(n, n);
      std::vector<double> p(n);
      kind.probabilities(candidates, p);
      INFO(kind.name() << ", " << n << " candidates");
      CHECK(audit(p, 200000, 17 + n) > 0.001);
    }
  }
}

TEST_CASE("the sampler draws with the probabilities of mixtures and of beta arms") {
  using namespace tandem::online;
  tuned<thompson> mixture;
  for (std::size_t m = 0; m < mixture.policies().size(); ++m) mixture.learn(m, 0.1 * static_cast<double>(m % 3));
  const std::vector<estimate> candidates = some_candidates(20, 5);
  std::vector<double> p(20);
  tuned<thompson>::scratch memory;
  mixture.probabilities(candidates, p, memory);
  CHECK(audit(p, 1000000, 3) > 0.001);

  const std::vector<beta_counts> arms = {{1, 1}, {3, 20}, {30, 180}, {2, 9}, {300, 2000}};
  p.resize(arms.size());
  probability_best(arms, p);
  CHECK(audit(p, 1000000, 4) > 0.001);
}

TEST_CASE("the audit finds a propensity that is off by a tenth") {
  const std::vector<double> drawn_with = {0.5, 0.3, 0.2};
  const std::vector<double> logged = {0.5, 0.32, 0.18};
  std::vector<std::size_t> counts(3, 0);
  random_stream random(1);
  for (int n = 0; n < 100000; ++n) ++counts[sample(drawn_with, random).index];
  CHECK(tandem_test::chi_square_p(counts, logged) < 0.001);
}

TEST_CASE("the mean of 1 / propensity is the number of candidates that can be drawn") {
  std::vector<double> p(20);
  tandem::online::softmax{0.05}.probabilities(some_candidates(20, 9), p);
  random_stream random(2);
  double sum = 0;
  for (int n = 0; n < 200000; ++n) sum += 1 / sample(p, random).probability;
  CHECK(sum / 200000 == Approx(20).epsilon(0.02));
}

TEST_CASE("what has probability 0 is never drawn, whatever rounding leaves over") {
  const std::vector<double> short_sum = {0, 0.25, 0.25, 0};  // sums to a half: every second draw falls off the end
  random_stream random(3);
  for (int n = 0; n < 10000; ++n) {
    const tandem::online::draw drawn = sample(short_sum, random);
    REQUIRE((drawn.index == 1 || drawn.index == 2));
  }
}

TEST_CASE("a draw uses one random number") {
  random_stream drawing(4);
  random_stream counting(4);
  (void)sample(std::vector<double>{0.1, 0.2, 0.7}, drawing);
  counting();
  CHECK(drawing() == counting());
}
