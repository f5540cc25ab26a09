// A contextual bandit alone: which of three banners to show on which device, learned from clicks that come late.
#include <algorithm>
#include <array>
#include <deque>
#include <iostream>
#include <tandem/core/random.hpp>
#include <tandem/online/linear_bandit.hpp>

namespace online = tandem::online;

int main() {
  // Click rate of each banner (column) by device (row): no banner is the best everywhere.
  constexpr std::array<std::array<double, 3>, 2> rate{{{0.30, 0.15, 0.10}, {0.05, 0.10, 0.25}}};
  constexpr double best_possible = (0.30 + 0.25) / 2;
  constexpr double at_random = (0.55 + 0.40) / 6;
  constexpr std::array<std::array<float, 2>, 2> contexts{{{1, 0}, {0, 1}}};  // one indicator a device

  // epsilon: every banner keeps a share of the traffic, so that the log can judge other policies later.
  online::lin_ucb bandit({.dimension = 2, .policy = {.alpha = 0.5, .epsilon = 0.02}});
  for (int banner = 0; banner < 3; ++banner) bandit.add_arm();

  struct impression {
    online::choice what;
    std::size_t device = 0;
  };
  std::deque<impression> waiting;  // its click, or the lack of one, is known 50 decisions later
  double clicks = 0;
  double least_propensity = 1;
  constexpr std::uint64_t rounds = 6000;
  constexpr std::uint64_t counted = 4000;
  for (std::uint64_t t = 0; t < rounds; ++t) {
    tandem::random_stream world(7, t);
    tandem::random_stream dice(8, t);  // a stream a decision: it can be drawn again, whatever else happened
    const std::size_t device = world.below(2);
    waiting.push_back({bandit.choose(contexts[device], dice), device});
    least_propensity = std::min(least_propensity, waiting.back().what.propensity);
    if (waiting.size() <= 50) continue;

    const impression past = waiting.front();
    waiting.pop_front();
    const bool click = world.uniform() < rate[past.device][tandem::slot(past.what.arm)];
    bandit.learn(past.what.arm, contexts[past.device], click ? 1.0F : 0.0F);
    if (t >= rounds - counted) clicks += click ? 1 : 0;
  }

  for (std::size_t device = 0; device < 2; ++device) {
    std::cout << "device " << device << ", expected click rate of each banner:";
    for (const online::arm_index arm : bandit.arms()) std::cout << ' ' << bandit.posterior(arm)->mean(contexts[device]);
    std::cout << '\n';
  }
  std::cout << "click rate " << clicks / counted << ", at random " << at_random << ", best possible " << best_possible
            << "; least propensity " << least_propensity << '\n';
  return clicks / counted > 0.24 && least_propensity > 0.006 ? 0 : 1;
}
