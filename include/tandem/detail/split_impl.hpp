#pragma once
// Bodies of data/split.hpp.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tandem/core/hash.hpp"
#include "tandem/data/split.hpp"

TANDEM_BEGIN
namespace detail {

template <class Index>
std::vector<std::uint64_t> hash_names(const interner<Index>& names, std::uint64_t seed) {
  std::vector<std::uint64_t> out(names.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = hash_text(names.name(static_cast<Index>(i)), seed);
  return out;
}

inline void require_time_order(const event_log& log) {
  const auto earlier = [](const logged_event& a, const logged_event& b) { return a.time < b.time; };
  if (!std::is_sorted(log.events.begin(), log.events.end(), earlier)) {
    throw error(errc::wrong_state, "the log is not in time order", {}, "call order_visits() first");
  }
}

/// One event's place in the order: its visit, then its own hash.
struct visit_key {
  std::int64_t millis;
  std::uint64_t visit;
  std::uint64_t content;
  std::uint32_t user;  // parts two visits whose hashes collide
  std::uint32_t at;

  friend bool operator<(const visit_key& a, const visit_key& b) noexcept {
    return std::tie(a.millis, a.visit, a.user, a.content) < std::tie(b.millis, b.visit, b.user, b.content);
  }
};

inline std::vector<visit_key> visit_keys(const event_log& log, std::uint64_t seed) {
  const std::uint64_t base = mix64(seed);
  const auto users = hash_names(log.users, base + 1);
  const auto items = hash_names(log.items, base + 2);
  const auto actions = hash_names(log.actions, base + 3);
  std::vector<visit_key> keys(log.events.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const logged_event& e = log.events[i];
    const std::int64_t millis = to_millis(e.time);
    const std::uint64_t visit = mix64(users[slot(e.user)] ^ mix64(static_cast<std::uint64_t>(millis)));
    std::uint64_t content = mix64(visit ^ items[slot(e.item)]);
    content = mix64(content ^ actions[slot(e.action)]);
    content = mix64(content ^ std::bit_cast<std::uint32_t>(e.weight));
    content = mix64(content ^ raw(e.decision));
    keys[i] = {millis, visit, content, raw(e.user), static_cast<std::uint32_t>(i)};
  }
  return keys;
}

/// Sets apart events that are equal in everything, in sorted keys, by their number among their equals.
inline void number_equals(std::vector<visit_key>& keys) {
  for (std::size_t i = 0; i < keys.size();) {
    const std::uint64_t content = keys[i].content;
    for (std::uint64_t nth = 0; i < keys.size() && keys[i].content == content; ++i) {
      keys[i].content = mix64(content + nth++);
    }
  }
}

}  // namespace detail

inline void order_visits(event_log& log, std::uint64_t seed) {
  if (log.events.size() > ~std::uint32_t{0}) {
    throw error(errc::invalid_argument, std::to_string(log.events.size()) + " events are more than 2^32 - 1");
  }
  std::vector<detail::visit_key> keys = detail::visit_keys(log, seed);
  std::sort(keys.begin(), keys.end());
  detail::number_equals(keys);
  std::sort(keys.begin(), keys.end());
  std::vector<logged_event> ordered(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) ordered[i] = log.events[keys[i].at];
  log.events = std::move(ordered);
}

inline std::vector<visit> visits(std::span<const logged_event> events) {
  std::vector<visit> out;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const bool goes_on = i > 0 && events[i].user == events[i - 1].user && events[i].time == events[i - 1].time;
    if (!goes_on) out.push_back({i, i});
    out.back().last = i + 1;
  }
  return out;
}

inline log_split split_by_time(const event_log& log, double fraction) {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw error(errc::invalid_argument, std::to_string(fraction) + " lies outside [0, 1]", {{}, 0, "fraction"});
  }
  detail::require_time_order(log);
  const auto& events = log.events;
  auto cut = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(events.size())));
  while (cut > 0 && cut < events.size() && events[cut].time == events[cut - 1].time) ++cut;
  const auto middle = events.begin() + static_cast<std::ptrdiff_t>(cut);
  return {{events.begin(), middle}, {middle, events.end()}};
}

inline log_split leave_last_out(const event_log& log, std::size_t min_events) {
  detail::require_time_order(log);
  std::vector<std::size_t> remaining(log.users.size(), 0);
  for (const logged_event& e : log.events) ++remaining[slot(e.user)];
  std::vector<bool> held_out(remaining.size());
  for (std::size_t u = 0; u < remaining.size(); ++u) held_out[u] = remaining[u] >= min_events;
  log_split out;
  for (const logged_event& e : log.events) {
    const bool last = --remaining[slot(e.user)] == 0;
    (last && held_out[slot(e.user)] ? out.test : out.train).push_back(e);
  }
  return out;
}

TANDEM_END
