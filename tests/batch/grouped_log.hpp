#pragma once
// A log of users with a taste each and times, for tests of what is judged over time.

#include <functional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/data/interactions.hpp"

namespace grouped {

/// Users like the items of their own group, and take them one after the other.
inline std::vector<tandem::interaction> events(std::uint64_t seed, std::uint32_t n_users, std::uint32_t n_items) {
  tandem::random_stream random(seed);
  std::vector<tandem::interaction> out;
  for (std::uint32_t u = 0; u < n_users; ++u) {
    for (int e = 0; e < 14; ++e) {
      const std::uint32_t group = random.uniform() < 0.8 ? u % 5 : static_cast<std::uint32_t>(random.below(5));
      const auto item = static_cast<std::uint32_t>(random.below(n_items / 5)) * 5 + group;
      const auto time = tandem::from_millis(static_cast<std::int64_t>(random.below(10000)));
      out.push_back({tandem::user_index{u}, tandem::item_index{item}, 1, time});
    }
  }
  return out;
}

/// The field of the invalid_argument that f throws, or "accepted".
inline std::string field_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const tandem::error& failure) {
    CHECK(failure.code() == tandem::errc::invalid_argument);
    return failure.where().field;
  }
  return "accepted";
}

}  // namespace grouped
