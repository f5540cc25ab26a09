#pragma once
// A made-up world to judge bandits without context in: every arm pays 1 at a rate of its own.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "tandem/core/random.hpp"

namespace tandem_test {

/// With which probability each arm would be drawn.
template <class Bandit>
std::vector<double> probabilities(Bandit& bandit) {
  std::vector<double> out(bandit.arms().size());
  bandit.probabilities(out);
  return out;
}

/// The share of the gap between chance and the best arm that a bandit earned; the rates are reversed half way if asked.
/// @param learn  learn(bandit, choice, reward).
template <class Bandit, class Learn>
double share_of_gap(Bandit bandit, std::vector<double> rates, int steps, bool reverses, std::uint64_t seed,
                    Learn learn) {
  tandem::random_stream random(seed);
  for (std::size_t a = 0; a < rates.size(); ++a) bandit.add_arm();
  const double mean = std::accumulate(rates.begin(), rates.end(), 0.0) / static_cast<double>(rates.size());
  const double best = *std::max_element(rates.begin(), rates.end());
  double earned = 0;
  for (int t = 0; t < steps; ++t) {
    if (reverses && t == steps / 2) std::reverse(rates.begin(), rates.end());
    const auto chosen = bandit.choose(random);
    const double rate = rates[static_cast<std::size_t>(chosen.arm)];
    earned += rate;
    learn(bandit, chosen, random.uniform() < rate ? 1 : 0);
  }
  return (earned / steps - mean) / (best - mean);
}

}  // namespace tandem_test
