#include "tandem/online/tuned.hpp"

#include <cstddef>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/chi_square.hpp"
#include "tandem/core/random.hpp"

using namespace tandem::online;
using tandem::random_stream;

namespace {
const std::vector<estimate> candidates = {{0.5F, 0.01F}, {0.4F, 0.09F}, {0.45F, 0.04F}};
}

TEST_CASE("a mixture's probabilities are its parts', weighted") {
  tuned<any_policy> mixture({greedy{}, epsilon_greedy{0.6}, linear_ucb{2, 0}});
  std::vector<double> p(3);
  tuned<any_policy>::scratch memory;
  mixture.probabilities(candidates, p, memory);  // equal weights at first; linear_ucb prefers the second
  CHECK(p[0] == Approx((1 + 0.6 + 0) / 3));
  CHECK(p[1] == Approx((0 + 0.2 + 1) / 3));
  CHECK(p[2] == Approx((0 + 0.2 + 0) / 3));
  CHECK(std::accumulate(mixture.weights().begin(), mixture.weights().end(), 0.0) == Approx(1));
}

TEST_CASE("the part that earns more is followed more, and the others are still tried") {
  tuned<any_policy> mixture({greedy{}, epsilon_greedy{0.5}, softmax{}});
  random_stream random(1);
  for (int n = 0; n < 30; ++n) {
    for (std::size_t m = 0; m < 3; ++m) mixture.learn(m, random.uniform() < (m == 1 ? 0.6 : 0.4) ? 1.0 : 0.0);
  }
  CHECK(mixture.weights()[1] > 0.5);
  CHECK(mixture.weights()[0] > 1e-4);
  for (int n = 0; n < 3000; ++n) {
    for (std::size_t m = 0; m < 3; ++m) mixture.learn(m, random.uniform() < (m == 1 ? 0.6 : 0.4) ? 1.0 : 0.0);
  }
  CHECK(mixture.weights()[1] > 0.99);
}

TEST_CASE("rewards of any size and origin are weighed alike") {
  tuned<thompson> small;
  tuned<thompson> large;
  random_stream random(2);
  for (int n = 0; n < 500; ++n) {
    const std::size_t m = random.below(6);
    const double reward = random.normal(0.02 * static_cast<double>(m), 1);
    small.learn(m, reward);
    large.learn(m, 1e6 + 1000 * reward);
  }
  for (std::size_t m = 0; m < 6; ++m) CHECK(large.weights()[m] == Approx(small.weights()[m]).margin(0.01));
}

TEST_CASE("a part is credited in proportion to its share in the candidate's probability") {
  tuned<any_policy> mixture({greedy{}, epsilon_greedy{0.6}, linear_ucb{2, 0}});
  std::vector<double> p(3);
  tuned<any_policy>::scratch memory;
  mixture.probabilities(candidates, p, memory);
  random_stream random(3);
  std::vector<std::size_t> credited(3, 0);
  for (int n = 0; n < 100000; ++n) ++credited[mixture.attribute(1, random, memory)];
  CHECK(tandem_test::chi_square_p(credited, std::vector<double>{0, 0.2 / 1.2, 1 / 1.2}) > 0.001);
}

TEST_CASE("the standard strengths keep the other options of the kind") {
  for (const linear_ucb& each : default_strengths(linear_ucb{9, 0.25})) CHECK(each.epsilon == 0.25);
  for (const thompson& each : default_strengths(thompson{9, 12})) CHECK(each.support == 12);
  CHECK_THROWS_AS(tuned<greedy>(std::vector<greedy>{}), tandem::error);
  CHECK_THROWS_AS(tuned<softmax>({{0.1}, {-1}}).validate(), tandem::error);
}

TEST_CASE("a part of the draws is shared alike, whatever the policies have earned") {
  auto policy = tuned<linear_ucb>::with_trial({linear_ucb{0.1, 0}, linear_ucb{1, 0}}, 0.2);
  for (int n = 0; n < 2000; ++n) policy.learn(static_cast<std::size_t>(n % 2), n % 2 == 0 ? 1 : 0);
  CHECK(policy.weights()[0] == Approx(0.9));
  CHECK(policy.weights()[1] == Approx(0.1));
  CHECK_THROWS_AS(tuned<linear_ucb>::with_trial({linear_ucb{}}, 1.5), tandem::error);
}
