#include "tandem/online/policy.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem::online;
using tandem::random_stream;

static_assert(policy<greedy> && policy<epsilon_greedy> && policy<softmax> && policy<linear_ucb> &&
              policy<inverse_gap> && policy<thompson> && policy<any_policy>);

namespace {

const std::vector<any_policy> kinds = {greedy{},           epsilon_greedy{0.1}, softmax{0.3},
                                       linear_ucb{0.7, 0}, linear_ucb{2, 0.05}, inverse_gap{10},
                                       thompson{1},        thompson{0.25}};

std::vector<double> probabilities(const any_policy& kind, const std::vector<estimate>& candidates) {
  std::vector<double> out(candidates.size(), -1);
  kind.probabilities(candidates, out);
  return out;
}

std::vector<estimate> some_candidates(random_stream& random) {
  std::vector<estimate> out(1 + random.below(30));
  const bool ties = random.below(3) == 0;
  for (estimate& each : out) {
    each = {static_cast<float>(random.normal()), static_cast<float>(random.uniform())};
    if (ties) each = {std::round(each.mean), 0.25F};
    if (random.below(8) == 0) each.variance = 0;
  }
  return out;
}

void check_refused(const any_policy& kind, const std::string& option) {
  try {
    kind.validate();
    FAIL(option << " was taken");
  } catch (const tandem::error& e) {
    CHECK(e.code() == tandem::errc::invalid_argument);
    CHECK(e.where().field == option);
    CHECK(!e.remedy().empty());
  }
}

}  // namespace

TEST_CASE("every policy gives probabilities that sum to 1") {
  random_stream random(1);
  for (int repeat = 0; repeat < 300; ++repeat) {
    const std::vector<estimate> candidates = some_candidates(random);
    for (const any_policy& kind : kinds) {
      const std::vector<double> p = probabilities(kind, candidates);
      INFO(kind.name());
      for (const double each : p) REQUIRE((each >= 0 && each <= 1));
      REQUIRE(std::accumulate(p.begin(), p.end(), 0.0) == Approx(1).margin(1e-12));
    }
  }
}

TEST_CASE("no policy looks at the order of the candidates") {
  random_stream random(2);
  for (int repeat = 0; repeat < 200; ++repeat) {
    const std::vector<estimate> candidates = some_candidates(random);
    std::vector<std::size_t> order(candidates.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    std::vector<estimate> shuffled;
    for (const std::size_t i : order) shuffled.push_back(candidates[i]);
    for (const any_policy& kind : kinds) {
      const std::vector<double> p = probabilities(kind, candidates);
      const std::vector<double> q = probabilities(kind, shuffled);
      INFO(kind.name());
      for (std::size_t i = 0; i < order.size(); ++i) REQUIRE(q[i] == Approx(p[order[i]]).margin(1e-12));
    }
  }
}

TEST_CASE("every policy is a pure function: the same candidates, the same bits") {
  random_stream random(3);
  const std::vector<estimate> candidates = some_candidates(random);
  for (const any_policy& kind : kinds) {
    CHECK(probabilities(kind, candidates) == probabilities(kind, candidates));
  }
}

TEST_CASE("a candidate that is not finite gets least, and all the same when none is finite") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const any_policy& kind : kinds) {
    INFO(kind.name());
    const std::vector<double> p = probabilities(kind, {{nan, 1}, {0.5F, 0.1F}, {inf, 1}, {0.4F, 0.1F}, {9, nan}});
    CHECK(std::accumulate(p.begin(), p.end(), 0.0) == Approx(1));
    for (const std::size_t odd : {std::size_t{0}, std::size_t{2}, std::size_t{4}}) {
      CHECK(p[odd] <= p[1]);
      CHECK(p[odd] <= p[3]);
    }
    CHECK(p[1] >= p[3]);
    const std::vector<double> none = probabilities(kind, {{nan, 1}, {inf, inf}});
    CHECK(none[0] == Approx(0.5));
    CHECK(none[1] == Approx(0.5));
  }
}

TEST_CASE("without candidates a policy does nothing") {
  for (const any_policy& kind : kinds) CHECK(probabilities(kind, {}).empty());
}

TEST_CASE("without uncertainty the policies that live on it are greedy, and ties share") {
  const std::vector<estimate> known = {{0.2F, 0}, {0.7F, 0}, {0.7F, 0}, {-1, 0}};
  const std::vector<double> expected = {0, 0.5, 0.5, 0};
  CHECK(probabilities(greedy{}, known) == expected);
  CHECK(probabilities(linear_ucb{3, 0}, known) == expected);
  CHECK(probabilities(thompson{3}, known) == expected);
}

TEST_CASE("at the ends of their range the policies are greedy or uniform") {
  const std::vector<estimate> candidates = {{0.2F, 0.1F}, {0.7F, 0.01F}, {0.6F, 0.4F}, {-1, 0}};
  const std::vector<double> first = {0, 1, 0, 0};
  const std::vector<double> uniform(4, 0.25);
  CHECK(probabilities(epsilon_greedy{0}, candidates) == first);
  CHECK(probabilities(epsilon_greedy{1}, candidates) == uniform);
  CHECK(probabilities(linear_ucb{0, 0}, candidates) == first);
  CHECK(probabilities(linear_ucb{5, 1}, candidates) == uniform);
  CHECK(probabilities(thompson{0}, candidates) == first);
  CHECK(probabilities(inverse_gap{0}, candidates) == uniform);
  const std::vector<double> sharp = probabilities(inverse_gap{1e9}, candidates);
  const std::vector<double> cold = probabilities(softmax{1e-3}, candidates);
  const std::vector<double> hot = probabilities(softmax{1e9}, candidates);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(sharp[i] == Approx(first[i]).margin(1e-6));
    CHECK(cold[i] == Approx(first[i]).margin(1e-9));
    CHECK(hot[i] == Approx(0.25).margin(1e-6));
  }
}

TEST_CASE("each policy follows its formula") {
  const std::vector<estimate> candidates = {{0.5F, 0.04F}, {0.6F, 0.01F}, {0.1F, 0.09F}};
  const std::vector<double> e = probabilities(epsilon_greedy{0.3}, candidates);
  CHECK(e[0] == Approx(0.1));
  CHECK(e[1] == Approx(0.8));
  // mean + 2 sd: 0.9, 0.8, 0.7
  const std::vector<double> u = probabilities(linear_ucb{2, 0.3}, candidates);
  CHECK(u[0] == Approx(0.8));
  CHECK(u[1] == Approx(0.1));
  const std::vector<double> s = probabilities(softmax{0.2}, candidates);
  CHECK(s[0] / s[1] == Approx(std::exp(-0.1 / 0.2)).epsilon(1e-6));
  CHECK(s[2] / s[1] == Approx(std::exp(-0.5 / 0.2)).epsilon(1e-6));
  const std::vector<double> g = probabilities(inverse_gap{20}, candidates);
  CHECK(g[0] == Approx(1 / (3 + 20 * 0.1)).epsilon(1e-6));
  CHECK(g[2] == Approx(1 / (3 + 20 * 0.5)).epsilon(1e-6));
  CHECK(g[1] == Approx(1 - g[0] - g[2]));
}

TEST_CASE("Thompson explores what is uncertain and leaves what is known to be worse") {
  const std::vector<double> p = probabilities(thompson{}, {{0.5F, 0.0001F}, {0.45F, 0.04F}, {0.3F, 0.0001F}});
  CHECK(p[0] > 0.5);
  CHECK(p[1] > 0.3);
  CHECK(p[2] < 1e-9);
}

TEST_CASE("Thompson draws from no more candidates than its support") {
  random_stream random(5);
  std::vector<estimate> candidates(500);
  for (estimate& each : candidates) each = {static_cast<float>(random.normal()), 1};
  const std::vector<double> p = probabilities(thompson{1, 10}, candidates);
  CHECK(std::count_if(p.begin(), p.end(), [](double x) { return x > 0; }) == 10);
}

TEST_CASE("options of policies out of range are refused by name") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  for (const any_policy& kind : kinds) CHECK_NOTHROW(kind.validate());
  for (const double odd : {-0.1, 1.1, nan}) {
    check_refused(epsilon_greedy{odd}, "epsilon_greedy.epsilon");
    check_refused(linear_ucb{1, odd}, "linear_ucb.epsilon");
  }
  for (const double odd : {-0.1, inf, nan}) {
    check_refused(linear_ucb{odd, 0}, "linear_ucb.alpha");
    check_refused(inverse_gap{odd}, "inverse_gap.gamma");
    check_refused(thompson{odd}, "thompson.scale");
    check_refused(softmax{odd}, "softmax.temperature");
  }
  check_refused(softmax{0}, "softmax.temperature");
  check_refused(thompson{1, 0}, "thompson.support");
  check_refused(thompson{1, max_best_arms + 1}, "thompson.support");
}

TEST_CASE("any_policy names the kind it holds, and is thompson by default") {
  CHECK(any_policy().name() == "thompson");
  CHECK(any_policy(inverse_gap{}).name() == "inverse_gap");
  CHECK(std::get<softmax>(any_policy(softmax{0.7}).kind()).temperature == 0.7);
}
