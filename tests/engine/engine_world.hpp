#pragma once
// A small shop that tests drive an engine with: users with taste, items in groups, the same events for the same seed.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/engine.hpp"

namespace engine_world {

using namespace tandem;

struct deed {
  std::string user;
  std::string item;
  timestamp time;

  [[nodiscard]] event as_event() const { return {user, item, "view", 1, time}; }
};

inline std::string user_name(std::size_t u) { return "user" + std::to_string(u); }
inline std::string item_name(std::size_t i) { return "item" + std::to_string(i); }

// n events; each user likes one group of ten items most, low numbers more
inline std::vector<deed> deeds(std::size_t n, std::uint64_t seed, std::size_t users = 40, std::size_t items = 120) {
  random_stream random(seed, 1);
  std::vector<deed> out;
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t user = random.below(users);
    const std::size_t group = random.uniform() < 0.8 ? user % (items / 10) : random.below(items / 10);
    const auto rank = static_cast<std::size_t>(random.uniform() * random.uniform() * 10);
    out.push_back({user_name(user), item_name(group * 10 + rank), from_millis(static_cast<std::int64_t>(k) * 1000)});
  }
  return out;
}

inline engine_options small_options(std::uint64_t seed = 1) {
  engine_options o;
  o.rank = 8;
  o.seed = seed;
  o.exclude_seen = false;
  return o;
}

// what the engine thinks of everything for some users: equal digests mean equal state as far as answers go
inline std::vector<double> digest(const engine& e, std::size_t users, std::size_t items, timestamp now) {
  std::vector<double> out;
  for (std::size_t u = 0; u < users; ++u) {
    const std::string user = user_name(u);
    for (std::size_t i = 0; i < items; i += 7) {
      const explanation x = e.explain({user, 10, now}, item_name(i));
      out.push_back(x.rank);
      out.push_back(double{x.score});
      for (const source_opinion& s : x.sources) out.push_back(double{s.score});
    }
  }
  return out;
}

}  // namespace engine_world
