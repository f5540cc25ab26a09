#include "tandem/hybrid/slate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/chi_square.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using online::estimate;

namespace {

std::vector<estimate> random_estimates(random_stream& random, std::size_t n) {
  std::vector<estimate> out(n);
  for (estimate& e : out) {
    e.mean = static_cast<float>(random.below(4)) / 4;  // with ties
    e.variance = static_cast<float>(random.uniform() * 0.2);
  }
  return out;
}

std::vector<std::size_t> order_of(const std::vector<estimate>& estimates) {
  std::vector<float> means;
  for (const estimate& e : estimates) means.push_back(e.mean);
  return order_by_score(means, means.size());
}

std::vector<slate_place> drawn(const std::vector<estimate>& estimates, std::size_t count, const slate_options& options,
                               std::uint64_t id, std::uint64_t seed = 7) {
  random_stream random(seed, id);
  return draw_slate(estimates, order_of(estimates), count, options, random);
}

const std::vector<online::any_policy>& policies() {
  static const std::vector<online::any_policy> all{online::greedy{},       online::epsilon_greedy{0.3},
                                                   online::softmax{0.3},   online::linear_ucb{1.0, 0.2},
                                                   online::inverse_gap{5}, online::thompson{1}};
  static_assert(std::variant_size_v<online::any_policy::variant> == 6);  // every kind is audited
  return all;
}

std::string slate_key(const std::vector<slate_place>& slate) {
  std::string key;
  for (const slate_place& p : slate) key += std::to_string(p.candidate) + " ";
  return key;
}

}  // namespace

TEST_CASE("each place is drawn as often as its logged propensity says, for every policy") {
  constexpr std::uint64_t n_ids = 8000;
  for (const online::any_policy& policy : policies()) {
    CAPTURE(policy.name());
    double worst = 1;
    std::size_t n_tests = 0;
    for (std::uint64_t world = 0; world < 6; ++world) {
      random_stream random(world);
      const std::vector<estimate> estimates = random_estimates(random, 7);
      const slate_options options{policy, 4};
      // by what stands above: how often each candidate followed, and the probability that was logged for it
      std::map<std::string, std::map<std::size_t, std::pair<std::size_t, double>>> next;
      for (std::uint64_t id = 1; id <= n_ids; ++id) {
        std::string above;
        for (const slate_place& p : drawn(estimates, 3, options, id)) {
          auto& [count, logged] = next[above][p.candidate];
          if (count > 0 && logged != p.propensity) FAIL("one place, two propensities");
          ++count;
          logged = p.propensity;
          above += std::to_string(p.candidate) + " ";
        }
      }
      for (const auto& [above, followers] : next) {
        std::vector<std::size_t> counts;
        std::vector<double> logged;
        double sum = 0;
        for (const auto& [candidate, seen] : followers) {
          counts.push_back(seen.first);
          logged.push_back(seen.second);
          sum += seen.second;
        }
        REQUIRE(sum <= 1 + 1e-9);
        counts.push_back(0);
        logged.push_back(std::max(0.0, 1 - sum));  // what never came
        if (std::accumulate(counts.begin(), counts.end(), std::size_t{0}) < 500) continue;
        worst = std::min(worst, tandem_test::chi_square_p(counts, logged));
        ++n_tests;
      }
    }
    CHECK(n_tests >= 18);
    CHECK(worst > 1e-5);  // at most some hundred tests a policy
  }
}

TEST_CASE("whole slates are drawn with the product of their propensities, and the products sum to 1") {
  constexpr std::uint64_t n_ids = 8000;
  for (const online::any_policy& policy : policies()) {
    CAPTURE(policy.name());
    for (std::size_t n = 1; n <= 4; ++n) {
      for (std::size_t pool = 1; pool <= n; ++pool) {
        random_stream random(n, pool);
        const std::vector<estimate> estimates = random_estimates(random, n);
        std::map<std::string, std::pair<std::size_t, double>> seen;
        for (std::uint64_t id = 1; id <= n_ids; ++id) {
          const auto slate = drawn(estimates, n, {policy, pool}, id);
          double product = 1;
          for (const slate_place& p : slate) product *= p.propensity;
          auto& [count, logged] = seen[slate_key(slate)];
          ++count;
          logged = product;
        }
        std::vector<std::size_t> counts;
        std::vector<double> logged;
        for (const auto& [key, each] : seen) {
          counts.push_back(each.first);
          logged.push_back(each.second);
        }
        const double sum = std::accumulate(logged.begin(), logged.end(), 0.0);
        CHECK(sum <= 1 + 1e-9);
        CHECK(sum > 0.99);  // all but slates so rare that 8,000 draws miss them
        counts.push_back(0);
        logged.push_back(std::max(0.0, 1 - sum));
        CHECK(tandem_test::chi_square_p(counts, logged) > 1e-5);
      }
    }
  }
}

TEST_CASE("inverse propensities count every candidate that can come at a place once") {
  // needs no knowledge of the policy, and the estimates differ from decision to decision
  constexpr std::uint64_t n_ids = 30000;
  for (const online::any_policy& policy :
       {online::any_policy(online::epsilon_greedy{0.5}), online::any_policy(online::softmax{0.5})}) {
    for (const std::size_t pool : {3U, 8U}) {
      std::vector<double> sum(5);
      std::vector<double> squares(5);
      for (std::uint64_t id = 1; id <= n_ids; ++id) {
        random_stream random(99, id);
        const auto slate = drawn(random_estimates(random, 8), 5, {policy, pool}, id);
        for (std::size_t k = 0; k < slate.size(); ++k) {
          sum[k] += 1 / slate[k].propensity;
          squares[k] += 1 / (slate[k].propensity * slate[k].propensity);
        }
      }
      for (std::size_t k = 0; k < sum.size(); ++k) {
        const double n = static_cast<double>(n_ids);
        const double mean = sum[k] / n;
        const double error = std::sqrt((squares[k] / n - mean * mean) / n);
        const auto expected = static_cast<double>(std::min(pool, 8 - k));
        CHECK(std::abs(mean - expected) < 5 * error + 1e-9);
      }
    }
  }
}

TEST_CASE("a slate has no candidate twice and no more than there are") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    random_stream random(seed);
    const std::size_t n = random.below(20);
    const std::size_t count = random.below(30);
    const std::size_t pool = 1 + random.below(25);
    const std::vector<estimate> estimates = random_estimates(random, n);
    const auto slate = drawn(estimates, count, {policies()[seed % policies().size()], pool}, seed);
    REQUIRE(slate.size() == std::min(n, count));
    std::set<std::size_t> seen;
    for (const slate_place& p : slate) {
      CHECK(p.candidate < n);
      CHECK(seen.insert(p.candidate).second);
      CHECK(p.propensity > 0);
      CHECK(p.propensity <= 1);
    }
  }
}

TEST_CASE("a place is drawn among the pool's best that are not placed yet") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    random_stream random(seed);
    const std::size_t n = 5 + random.below(20);
    const std::size_t pool = 1 + random.below(6);
    const std::vector<estimate> estimates = random_estimates(random, n);
    std::vector<std::size_t> left = order_of(estimates);
    for (const slate_place& p : drawn(estimates, n, {online::epsilon_greedy{1}, pool}, seed)) {
      const auto at = std::find(left.begin(), left.end(), p.candidate) - left.begin();
      CHECK(static_cast<std::size_t>(at) < pool);
      CHECK(p.propensity == Approx(1 / static_cast<double>(std::min(pool, left.size()))));
      left.erase(left.begin() + at);
    }
  }
}

TEST_CASE("a greedy policy, or a pool of one, gives the best first") {
  std::vector<estimate> estimates(9);
  for (std::size_t i = 0; i < 9; ++i) estimates[i].mean = static_cast<float>((i * 5) % 9);
  const std::vector<std::size_t> best = order_of(estimates);
  for (const slate_options& options : {slate_options{online::greedy{}, 30}, slate_options{online::softmax{10}, 1}}) {
    const auto slate = drawn(estimates, 9, options, 4);
    for (std::size_t k = 0; k < 9; ++k) {
      CHECK(slate[k].candidate == best[k]);
      CHECK(slate[k].propensity == 1);
    }
  }
}

TEST_CASE("candidates are ordered by falling score, ties by smaller subscript") {
  const std::vector<float> scores{1, 3, 2, 3, -1, 2};
  CHECK(order_by_score(scores, scores.size()) == std::vector<std::size_t>{1, 3, 2, 5, 0, 4});
  CHECK(order_by_score(scores, 3) == std::vector<std::size_t>{1, 3, 2});
  CHECK(order_by_score(scores, 100).size() == scores.size());
  CHECK(order_by_score({}, 3).empty());
}

TEST_CASE("the same stream draws the same slate, another one another") {
  random_stream random(3);
  const std::vector<estimate> estimates = random_estimates(random, 30);
  const slate_options options{online::epsilon_greedy{0.5}, 20};
  std::set<std::string> different;
  for (std::uint64_t id = 0; id < 50; ++id) {
    const auto slate = drawn(estimates, 10, options, id);
    CHECK(slate_key(slate) == slate_key(drawn(estimates, 10, options, id)));
    different.insert(slate_key(slate));
  }
  CHECK(different.size() > 45);
}

TEST_CASE("slate options out of range are named") {
  const auto field_of = [](const slate_options& options) -> std::string {
    try {
      options.validate();
    } catch (const error& e) {
      CHECK(e.code() == errc::invalid_argument);
      return e.where().field;
    }
    return "accepted";
  };
  CHECK(field_of({}) == "accepted");
  CHECK(field_of({online::greedy{}, 0}) == "slate.pool");
  CHECK(field_of({online::greedy{}, 257}) == "slate.pool");
  CHECK(field_of({online::epsilon_greedy{2}, 30}) == "epsilon_greedy.epsilon");
}
