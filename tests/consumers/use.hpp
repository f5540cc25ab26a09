#pragma once
// The README's ten lines, as somebody else's project writes them.

#include <array>
#include <cstddef>
#include <string>
#include <tandem/tandem.hpp>

/// Shows a shop a few hundred events, refits, asks. Returns how many items the answer holds: 3.
inline std::size_t use_tandem(std::size_t rank) {
  using std::chrono::minutes;
  tandem::engine shop({.rank = rank, .seed = 7});
  auto now = tandem::from_millis(1'700'000'000'000);
  for (int visit = 0; visit < 300; ++visit) {
    const std::string user = "user " + std::to_string(visit % 25);
    const std::string item = "item " + std::to_string((visit * visit + visit / 25) % 41);
    shop.observe({.user = user, .item = item, .time = now += minutes(1)});
  }
  shop.refit();
  const auto shown = shop.recommend({.user = "user 3", .count = 3, .time = now});
  shop.reward(shown.id, shown.items.at(0).item, 1.0, now + minutes(1));
  return shop.recommend({.user = "user 3", .count = 3, .time = now + minutes(2)}).items.size();
}
