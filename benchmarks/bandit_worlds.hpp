#pragma once
// Made-up worlds in which contextual bandits are compared: every arm pays 1 with a probability that the context
// decides.
//
// A world is drawn whole beforehand, so that every policy, ours and others', sees the same contexts and would have been
// paid the same for the same choice: reward of arm a in round t = luck[t] < pays[t][a].

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tandem/core/random.hpp"

namespace bandit_worlds {

struct world {
  std::size_t rounds = 0, arms = 0, dimension = 0;
  std::vector<float> contexts;  // rounds x dimension, the first entry 1
  std::vector<float> pays;      // rounds x arms
  std::vector<float> luck;      // rounds, uniform in [0, 1)

  [[nodiscard]] std::span<const float> context(std::size_t t) const {
    return {contexts.data() + t * dimension, dimension};
  }
  [[nodiscard]] std::span<const float> chances(std::size_t t) const { return {pays.data() + t * arms, arms}; }
  [[nodiscard]] float reward(std::size_t t, std::size_t arm) const { return luck[t] < chances(t)[arm] ? 1.0F : 0.0F; }
};

inline constexpr std::size_t standard_rounds = 20000;
inline const std::vector<std::string>& names() {
  static const std::vector<std::string> all = {"20x20", "100x50", "switch", "shared", "products", "drift"};
  return all;
}

namespace detail {

inline double logistic(double odds) { return 1 / (1 + std::exp(-odds)); }

// Coefficients of arms in the disjoint world of the field's prototype: an intercept of sd .5, the others 2 / sqrt(d).
inline std::vector<double> coefficients(std::size_t arms, std::size_t d, tandem::random_stream& random) {
  std::vector<double> out(arms * d);
  for (std::size_t j = 0; j < out.size(); ++j) {
    out[j] = j % d == 0 ? random.normal(0, 0.5) : random.normal(0, 2 / std::sqrt(static_cast<double>(d)));
  }
  return out;
}

inline double along(const double* theta, std::span<const float> x) {
  double sum = 0;
  for (std::size_t j = 0; j < x.size(); ++j) sum += theta[j] * static_cast<double>(x[j]);
  return sum;
}

}  // namespace detail

/// @param name  one of names():
///   20x20, 100x50  a linear log odds an arm over normal features (arms x features);
///   switch         20x20, and all arms are drawn anew half way;
///   shared         40 arms whose coefficients over 10 features all come from 3 common ones;
///   products       10 arms over 20 features that are 0 or 1, each arm paid by two single ones and three products of
///   two; drift          20 arms over 10 features, whose coefficients walk: after 5,000 rounds half of them is new.
inline world make(const std::string& name, std::uint64_t seed, std::size_t rounds = standard_rounds) {
  world out;
  out.rounds = rounds;
  out.arms = name == "100x50" ? 100 : name == "shared" ? 40 : name == "products" ? 10 : 20;
  out.dimension = name == "100x50" ? 50 : name == "shared" ? 11 : name == "products" ? 21 : name == "drift" ? 11 : 20;
  const std::size_t d = out.dimension;
  if (std::find(names().begin(), names().end(), name) == names().end()) {
    throw std::invalid_argument("no world is called '" + name + "'");
  }
  tandem::random_stream random(seed, 1);
  std::vector<double> theta = detail::coefficients(out.arms, d, random);
  if (name == "shared") {
    const std::vector<double> common = detail::coefficients(3, d, random);
    for (std::size_t a = 0; a < out.arms; ++a) {
      const double mix[3] = {random.normal(), random.normal(), random.normal()};
      for (std::size_t j = 0; j < d; ++j)
        theta[a * d + j] = mix[0] * common[j] + mix[1] * common[d + j] + mix[2] * common[2 * d + j];
    }
  }
  struct effect {
    std::size_t first, second;
    double size;
  };
  std::vector<effect> effects;  // five an arm
  if (name == "products") {
    for (std::size_t e = 0; e < 5 * out.arms; ++e) {
      const std::size_t first = 1 + random.below(d - 1);
      effects.push_back({first, e % 5 < 2 ? 0 : 1 + random.below(d - 1), random.normal(0, 2)});
    }
  }
  for (std::size_t t = 0; t < rounds; ++t) {
    if (name == "switch" && t == rounds / 2) theta = detail::coefficients(out.arms, d, random);
    if (name == "drift") {
      const double kept = std::exp2(-1.0 / 5000);
      const std::vector<double> fresh = detail::coefficients(out.arms, d, random);
      for (std::size_t j = 0; j < theta.size(); ++j) theta[j] = kept * theta[j] + std::sqrt(1 - kept * kept) * fresh[j];
    }
    out.contexts.push_back(1);
    for (std::size_t j = 1; j < d; ++j) {
      out.contexts.push_back(name == "products" ? (random.uniform() < 0.3 ? 1.0F : 0.0F)
                                                : static_cast<float>(random.normal()));
    }
    const std::span<const float> x = out.context(t);
    for (std::size_t a = 0; a < out.arms; ++a) {
      double odds = -2;
      if (effects.empty()) {
        odds += detail::along(theta.data() + a * d, x);
      } else {
        for (std::size_t e = 5 * a; e < 5 * a + 5; ++e) {
          odds +=
              effects[e].size * static_cast<double>(x[effects[e].first]) * static_cast<double>(x[effects[e].second]);
        }
      }
      out.pays.push_back(static_cast<float>(detail::logistic(odds)));
    }
    out.luck.push_back(static_cast<float>(static_cast<double>(random() >> 40) * 0x1.0p-24));
  }
  return out;
}

/// The share of the gap between choosing at random and knowing every chance that choices earned.
class gap_share {
 public:
  explicit gap_share(const world& w) : world_(&w) {}
  void chosen(std::size_t t, std::size_t arm) {
    const std::span<const float> chances = world_->chances(t);
    double sum = 0;
    for (const float p : chances) sum += static_cast<double>(p);
    earned_ += static_cast<double>(chances[arm]);
    blind_ += sum / static_cast<double>(chances.size());
    best_ += static_cast<double>(*std::max_element(chances.begin(), chances.end()));
  }
  [[nodiscard]] double value() const { return (earned_ - blind_) / (best_ - blind_); }

 private:
  const world* world_;
  double earned_ = 0, blind_ = 0, best_ = 0;
};

}  // namespace bandit_worlds
