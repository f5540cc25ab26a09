// Estimates equal those of Open Bandit Pipeline 0.5.7 on one log, made here and in golden_obp.py, which printed them.

#include <array>
#include <vector>

#include "evaluation/off_policy_world.hpp"
#include "support/catch.hpp"
#include "tandem/evaluation/slate_off_policy.hpp"

using namespace tandem;
using namespace tandem::evaluation;
using namespace off_policy_world;

namespace {

// Knuth's linear congruential generator of 64 bits: the same numbers in every language.
class generator {
 public:
  explicit generator(std::uint64_t seed) : x_(seed) {}
  double uniform() {
    x_ = x_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<double>(x_ >> 11) * 0x1.0p-53;
  }
  std::size_t draw(const std::array<double, n_actions>& p) {
    double u = uniform();
    std::size_t a = 0;
    while (a + 1 < n_actions && u >= p[a]) u -= p[a++];
    return a;
  }

 private:
  std::uint64_t x_;
};

record draw_record(generator& random, std::size_t x) {
  const std::size_t a = random.draw(logging[x]);
  const double reward = random.uniform() < click[x][a] ? 1 : 0;
  return {{reward, logging[x][a], target[x][a]}, {guess[x][a], expected_under(target, guess, x)}, {}};
}

double near(double expected, double value) { return std::abs(value - expected) / expected; }

}  // namespace

TEST_CASE("estimates equal those of Open Bandit Pipeline") {
  inverse_propensity ips;
  clipped_inverse_propensity clipped({.limit = 1.5});
  self_normalized snips;
  doubly_robust dr;
  self_normalized_doubly_robust sndr;
  switch_doubly_robust switched({.limit = 1.5});
  shrunk_doubly_robust shrunk({.limit = 3});
  generator random(1);
  for (int i = 0; i < 500; ++i) {
    const record r = draw_record(random, static_cast<std::size_t>(random.uniform() * 3));
    ips.add(r.logged);
    clipped.add(r.logged);
    snips.add(r.logged);
    dr.add(r.logged, r.guessed);
    sndr.add(r.logged, r.guessed);
    switched.add(r.logged, r.guessed);
    shrunk.add(r.logged, r.guessed);
  }
  CHECK(near(0.5925476190476191, ips.estimate().value) < 1e-9);
  CHECK(near(0.29594761904761907, clipped.estimate().value) < 1e-9);
  CHECK(near(0.5203241493796754, snips.estimate().value) < 1e-9);
  CHECK(near(0.5124838095238096, dr.estimate().value) < 1e-9);
  CHECK(near(0.4983737806973895, sndr.estimate().value) < 1e-9);
  CHECK(near(0.40000380952380954, switched.estimate().value) < 1e-9);
  CHECK(near(0.4269364145678679, shrunk.estimate().value) < 1e-9);
}

TEST_CASE("estimates of slates equal those of Open Bandit Pipeline") {
  slate_inverse_propensity sips;
  independent_inverse_propensity iips;
  cascade_inverse_propensity rips;
  cascade_doubly_robust cascade;
  generator random(2);
  for (int i = 0; i < 400; ++i) {
    std::vector<logged_reward> places;
    std::vector<predicted_reward> predicted;
    for (std::size_t k = 0; k < 3; ++k) {
      const record r = draw_record(random, k);
      places.push_back(r.logged);
      predicted.push_back(r.guessed);
    }
    sips.add(places);
    iips.add(places);
    rips.add(places);
    cascade.add(places, predicted);
  }
  CHECK(near(0.9480714285714285, sips.estimate().value) < 1e-9);
  CHECK(near(1.3295535714285713, iips.estimate().value) < 1e-9);
  CHECK(near(1.033827380952381, rips.estimate().value) < 1e-9);
  CHECK(near(1.198997976190476, cascade.estimate().value) < 1e-9);
}
