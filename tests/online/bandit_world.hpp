#pragma once
// A made-up world to judge contextual bandits in: every arm pays 1 with a logistic probability of its own.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/random.hpp"

namespace tandem_test {

class logistic_world {
 public:
  logistic_world(std::size_t arms, std::size_t dimension, std::uint64_t seed)
      : dimension_(dimension), theta_(arms * dimension), random_(seed) {
    redraw();
  }

  /// New arms under the old names.
  void redraw() {
    for (std::size_t j = 0; j < theta_.size(); ++j) {
      theta_[j] = j % dimension_ == 0 ? random_.normal(0, 0.5)
                                      : random_.normal(0, 2 / std::sqrt(static_cast<double>(dimension_)));
    }
  }
  void next_context(std::vector<float>& x) {
    x.assign(dimension_, 1);
    for (std::size_t j = 1; j < dimension_; ++j) x[j] = static_cast<float>(random_.normal());
  }
  [[nodiscard]] double pays(std::size_t arm, std::span<const float> x) const {
    double odds = -2;
    for (std::size_t j = 0; j < dimension_; ++j) odds += theta_[arm * dimension_ + j] * static_cast<double>(x[j]);
    return 1 / (1 + std::exp(-odds));
  }
  [[nodiscard]] float reward(double probability) { return random_.uniform() < probability ? 1.0F : 0.0F; }

 private:
  std::size_t dimension_;
  std::vector<double> theta_;  // arms x dimension
  tandem::random_stream random_;
};

/// The share of the gap between drawing at random and knowing the world that a bandit earned in `steps` steps.
/// With `switches` the arms are redrawn half way.
template <class Bandit>
double share_of_gap(Bandit bandit, std::size_t arms, std::size_t dimension, int steps, std::uint64_t seed,
                    bool switches = false) {
  logistic_world world(arms, dimension, seed);
  tandem::random_stream random(seed, 1);
  for (std::size_t a = 0; a < arms; ++a) bandit.add_arm();
  std::vector<float> x;
  double earned = 0;
  double best = 0;
  double blind = 0;
  for (int t = 0; t < steps; ++t) {
    if (switches && t == steps / 2) world.redraw();
    world.next_context(x);
    const auto chosen = bandit.choose(x, random);
    double highest = 0;
    for (std::size_t a = 0; a < arms; ++a) {
      const double p = world.pays(a, x);
      highest = std::max(highest, p);
      blind += p / static_cast<double>(arms);
    }
    const double p = world.pays(static_cast<std::size_t>(chosen.arm), x);
    earned += p;
    best += highest;
    bandit.learn(chosen, x, world.reward(p));
  }
  return (earned - blind) / (best - blind);
}

/// Its mean over five seeds of the bandits that make() gives.
template <class Make>
double mean_share(Make make, std::size_t arms, std::size_t dimension, int steps, bool switches = false) {
  double out = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    out += share_of_gap(make(), arms, dimension, steps, seed, switches) / 5;
  return out;
}

/// With which probability each arm would be drawn in this context.
template <class Bandit>
std::vector<double> probabilities(Bandit& bandit, std::span<const float> context) {
  std::vector<double> out(bandit.arms().size());
  bandit.probabilities(context, out);
  return out;
}

}  // namespace tandem_test
