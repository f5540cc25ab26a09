#pragma once
// People who differ in how soon they have enough: what they click, and when they leave for good, is known here.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tandem/core/ids.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/time.hpp"
#include "tandem/online/send_or_not.hpp"

namespace send_world {

using namespace tandem;
using namespace tandem::online;
using namespace std::chrono_literals;

inline constexpr timestamp start = from_millis(1'700'000'000'000);
inline constexpr double send_price = 0.01;
inline constexpr std::size_t people = 200;
inline constexpr std::size_t days = 60;
inline constexpr std::array<duration, 3> moments{9h, 13h, 19h};

/// One moment at which a person might be sent something.
struct moment {
  std::size_t who = 0;
  std::size_t day = 0;
  std::size_t of_day = 0;
  timestamp time{};
  double relevance = 0;  ///< of the offer, in [0, 1]; seen by the policy
  float hint = 0;        ///< 1 for most of those who bear much; seen by the policy
};

/// The truth. Its people tire by a half-life of a day, and bear a third, once or three times as much as is usual.
class world {
 public:
  explicit world(std::uint64_t seed) : seed_(seed), sent_(people), gone_(people, false) {
    random_stream random(seed, 1);
    constexpr std::array<double, 3> kinds{1.0 / 3, 1, 3};
    for (std::size_t u = 0; u < people; ++u) {
      const std::size_t kind = random.below(kinds.size());
      tolerance_.push_back(kinds[kind]);
      hint_.push_back(random.uniform() < (kind == 2 ? 0.7 : 0.2) ? 1.0F : 0.0F);
    }
  }

  /// Plays all days; policy(const moment&) says whether to send, heard(const moment&, clicked, left) what came of it.
  /// Returns what was earned in the long run: clicks less the price of sends. Who leaves earns nothing more.
  template <class Policy, class Heard>
  double play(Policy policy, Heard heard) {
    double earned = 0;
    for (std::size_t day = 0; day < days; ++day) {
      for (std::size_t m = 0; m < moments.size(); ++m) {
        for (std::size_t u = 0; u < people; ++u) {
          if (gone_[u]) continue;
          random_stream luck(seed_, 2 + (day * moments.size() + m) * people + u);
          moment now{u, day, m, start + 24h * day + moments[m], luck.uniform(), hint_[u]};
          if (!policy(now)) continue;
          const double tired = sent_[u].fatigue(now.time, 24h) / tolerance_[u];
          const bool clicked = luck.uniform() < 0.4 * (0.2 + 0.8 * now.relevance) * std::exp(-0.8 * tired);
          const bool left = luck.uniform() < 0.0005 + 0.01 * std::min(tired, 5.0);
          sent_[u].sent(now.time, 24h, decision_id{1});
          earned += (clicked ? 1 : 0) - send_price;
          gone_[u] = left;
          heard(now, clicked, left);
        }
      }
    }
    return earned;
  }

  [[nodiscard]] std::size_t left() const {
    return static_cast<std::size_t>(std::count(gone_.begin(), gone_.end(), true));
  }

 private:
  std::uint64_t seed_;
  std::vector<double> tolerance_;
  std::vector<float> hint_;
  std::vector<send_history> sent_;
  std::vector<bool> gone_;
};

/// The first so many moments of every so manieth day, whoever it is.
inline double play_cap(std::uint64_t seed, std::size_t sends, std::size_t every = 1) {
  return world(seed).play([&](const moment& now) { return now.day % every == 0 && now.of_day < sends; },
                          [](const moment&, bool, bool) {});
}

/// What the options of the tests below have in common.
inline send_or_not_options options_for(std::uint64_t seed) {
  return {.dimension = 2, .seed = seed, .price = send_price, .price_growth = 0, .opt_out_cost = 6, .capacity = 4096};
}

inline decision_id id_of(const moment& now) {
  return decision_id{1 + (now.day * moments.size() + now.of_day) * people + now.who};
}

/// Lets the bandit decide, and tells it of clicks after 20 minutes and of opt-outs after an hour.
inline double play(std::uint64_t seed, send_or_not& bandit) {
  const auto decide = [&](const moment& now) {
    bandit.advance(now.time);
    const std::array<float, 2> context{static_cast<float>(now.relevance), now.hint};
    return bandit
        .decide({.id = id_of(now), .user = static_cast<user_index>(now.who), .time = now.time, .context = context})
        .send;
  };
  const auto heard = [&](const moment& now, bool clicked, bool left) {
    if (clicked) bandit.reward(id_of(now), 1, now.time + 20min);
    if (left) bandit.opt_out(static_cast<user_index>(now.who), now.time + 1h);
  };
  return world(seed).play(decide, heard);
}

}  // namespace send_world
