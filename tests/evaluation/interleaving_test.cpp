#include "tandem/evaluation/interleaving.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/evaluation/confidence_sequence.hpp"

using namespace tandem;
using namespace tandem::evaluation;

namespace {

using list = std::vector<int>;

std::vector<drafted<int>> draft(const list& a, const list& b, std::size_t count, random_stream& random) {
  return team_draft(std::span<const int>(a), std::span<const int>(b), count, random);
}

// P(a fair coin falls as unevenly), by adding up binomial coefficients.
double sign_test_by_sums(int wins, int losses) {
  const int n = wins + losses;
  std::vector<double> row = {1};
  for (int i = 0; i < n; ++i) {
    std::vector<double> next(row.size() + 1);
    for (std::size_t k = 0; k < row.size(); ++k) {
      next[k] += row[k] / 2;
      next[k + 1] += row[k] / 2;
    }
    row = next;
  }
  double p = 0;
  for (int k = 0; k <= n; ++k) {
    if (std::abs(2 * k - n) >= std::abs(wins - losses)) p += row[static_cast<std::size_t>(k)];
  }
  return p;
}

// Showings to a user who clicks one item, mostly the best of those shown, whoever drafted it.
interleaving compare(const list& a, const list& b, std::uint64_t showings, std::uint64_t seed) {
  interleaving out;
  for (std::uint64_t s = 0; s < showings; ++s) {
    random_stream random(seed, s);
    const auto shown = draft(a, b, 4, random);
    std::uint64_t taken[2] = {0, 0};
    for (const drafted<int>& each : shown) {
      const double wanted = 0.5 / (1 + each.item);  // item 0 is the best
      if (random.uniform() < wanted) ++taken[each.by == team::a ? 0 : 1];
    }
    out.add(taken[0], taken[1]);
  }
  return out;
}

}  // namespace

TEST_CASE("a draft holds no item twice, keeps each team's order, and teams stay even") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    random_stream random(seed);
    list a;
    list b;
    for (int i = 0; i < 12; ++i) {
      const int from_a = static_cast<int>(random.below(20));
      const int from_b = static_cast<int>(random.below(20));
      if (std::find(a.begin(), a.end(), from_a) == a.end()) a.push_back(from_a);
      if (std::find(b.begin(), b.end(), from_b) == b.end()) b.push_back(from_b);
    }
    const auto shown = draft(a, b, 6, random);
    REQUIRE(shown.size() == 6);
    std::set<int> items;
    int lead = 0;
    for (const drafted<int>& each : shown) {
      items.insert(each.item);
      lead += each.by == team::a ? 1 : -1;
      REQUIRE(std::abs(lead) <= 1);
      // its team's best that does not stand above
      const list& own = each.by == team::a ? a : b;
      for (const int better : own) {
        if (better == each.item) break;
        REQUIRE(items.count(better) == 1);
      }
    }
    REQUIRE(items.size() == 6);
  }
}

TEST_CASE("either ranker is first in half of all showings, and the stream decides alone") {
  const list a = {1, 2, 3};
  const list b = {4, 5, 6};
  int first = 0;
  for (std::uint64_t s = 0; s < 10000; ++s) {
    random_stream random(1, s);
    random_stream again(1, s);
    const auto shown = draft(a, b, 4, random);
    const auto same = draft(a, b, 4, again);
    first += shown[0].by == team::a;
    for (std::size_t i = 0; i < 4; ++i) REQUIRE((shown[i].item == same[i].item && shown[i].by == same[i].by));
  }
  CHECK(first == Approx(5000).margin(200));
}

TEST_CASE("lists that are short, empty or alike") {
  random_stream random(2);
  CHECK(draft({}, {}, 5, random).empty());
  CHECK(draft({1, 2}, {3}, 0, random).empty());
  const auto rest = draft({}, {7, 8, 9}, 2, random);
  REQUIRE(rest.size() == 2);
  CHECK((rest[0].item == 7 && rest[1].item == 8 && rest[0].by == team::b));
  const auto alike = draft({1, 2, 3}, {1, 2, 3}, 5, random);
  REQUIRE(alike.size() == 3);
  CHECK((alike[0].item == 1 && alike[1].item == 2 && alike[2].item == 3));
  const std::vector<std::string> words = {"kettle", "teapot"};
  CHECK(team_draft(std::span<const std::string>(words), {}, 1, random)[0].item == "kettle");
}

TEST_CASE("the sign test is exact") {
  for (int wins = 0; wins <= 40; wins += 3) {
    for (int losses = 0; losses <= 40; losses += 2) {
      const double p = sign_test(static_cast<std::uint64_t>(wins), static_cast<std::uint64_t>(losses));
      CHECK(p == Approx(std::min(1.0, sign_test_by_sums(wins, losses))).epsilon(1e-10));
    }
  }
  CHECK(sign_test(0, 0) == 1);
  CHECK(sign_test(10, 0) == Approx(std::pow(2.0, -9)));
  CHECK(sign_test(0, 2000) >= 0);  // 2^-1999: underflows, no more
  // a million throws: the normal approximation with continuity, 2 Phi(-(1000 - 1) / sqrt(10^6))
  CHECK(sign_test(500500, 499500) == Approx(std::erfc(0.999 / std::sqrt(2.0))).epsilon(1e-4));
}

TEST_CASE("the better ranker wins, equal ones do not, in about 5 % of tests") {
  const interleaving better = compare({0, 1, 2, 3}, {7, 6, 5, 4}, 2000, 3);
  CHECK(better.preference() > 0.1);
  CHECK(better.p_value() < 1e-6);
  CHECK(better.wins_of_a() + better.wins_of_b() + better.ties() == 2000);
  CHECK(compare({7, 6, 5, 4}, {0, 1, 2, 3}, 2000, 3).preference() < -0.1);

  int found = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    found += compare({0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}, 200, 100 + seed).p_value() < 0.05;
  }
  INFO(found);
  CHECK(found <= 40);  // 5 % at most, being exact: 25, and 3 standard deviations
  CHECK(interleaving().p_value() == 1);
  CHECK(interleaving().preference() == 0);
}

TEST_CASE("wins can be watched by a betting sequence") {
  betting_sequence wins;
  std::uint64_t showings = 0;
  while (wins.range().contains(0.5) && showings < 20000) {
    const interleaving one = compare({0, 1, 2, 3}, {1, 0, 3, 2}, 1, 1000 + showings++);
    if (one.ties() == 0) wins.add(one.wins_of_a() == 1 ? 1 : 0);
  }
  INFO(showings << " showings");
  CHECK(wins.range().low > 0.5);
}
