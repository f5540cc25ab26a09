// Propensities are honest: what is logged with an item is the probability it is drawn with, under every policy.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine_world.hpp"
#include "support/catch.hpp"
#include "support/chi_square.hpp"

using namespace engine_world;

namespace {

const timestamp later = from_millis(10'000'000);

// what was drawn at one place, given the places above it
struct place_audit {
  std::map<std::string, std::size_t> count;
  std::map<std::string, double> probability;
  bool consistent = true;  // an item's probability is the same whenever it is drawn
  std::size_t draws = 0;

  void add(const recommended_item& drawn) {
    ++count[drawn.item];
    ++draws;
    consistent = consistent && probability.try_emplace(drawn.item, drawn.propensity).first->second == drawn.propensity;
  }
  [[nodiscard]] double total() const {
    double sum = 0;
    for (const auto& [item, p] : probability) sum += p;
    return sum;
  }
  // two-sided: items never drawn share what probability is left, so a number too small fails as one too large does
  [[nodiscard]] double chi_square() const {
    std::vector<std::size_t> counts{0};
    std::vector<double> probabilities{std::max(0.0, 1 - total())};
    for (const auto& [item, n] : count) {
      counts.push_back(n);
      probabilities.push_back(probability.at(item));
    }
    return tandem_test::chi_square_p(counts, probabilities);
  }
};

void check(const place_audit& audit) {
  CHECK(audit.consistent);
  CHECK(audit.total() < 1 + 1e-9);
  CHECK(audit.chi_square() > 1e-5);
}

}  // namespace

TEST_CASE("logged propensities are those the items were drawn with, at the first place and at later ones",
          "[engine][property]") {
  const std::vector<online::any_policy> policies{
      online::greedy{},           online::epsilon_greedy{0.5},  online::softmax{0.5},
      online::thompson{1.0, 256}, online::linear_ucb{1.0, 0.4}, online::inverse_gap{4}};
  REQUIRE(policies.size() == std::variant_size_v<online::any_policy::variant>);
  for (const online::any_policy& policy : policies) {
    INFO(policy.name());
    engine_options o = small_options();
    o.slate.pool = 8;
    o.slate.policy = policy;
    o.sources = {"popularity", "neighbours", "live_affinity"};  // none moves with what is shown: all draws are alike
    engine e(o);
    for (const deed& d : deeds(500, 9)) e.observe(d.as_event());
    e.refit();
    place_audit first;
    std::map<std::string, place_audit> second;                         // by the first item
    std::map<std::pair<std::string, std::string>, place_audit> third;  // by the first two
    for (int n = 0; n < 12'000; ++n) {
      const recommendation r = e.recommend({"user1", 3, later});
      REQUIRE(r.items.size() == 3);
      first.add(r.items[0]);
      second[r.items[0].item].add(r.items[1]);
      third[{r.items[0].item, r.items[1].item}].add(r.items[2]);
    }
    if (policy.name() != "greedy") CHECK(first.count.size() > 3);  // the audit is of something
    check(first);
    for (const auto& [above, audit] : second) {
      if (audit.draws >= 300) check(audit);
    }
    for (const auto& [above, audit] : third) {
      if (audit.draws >= 300) check(audit);
    }
  }
}
