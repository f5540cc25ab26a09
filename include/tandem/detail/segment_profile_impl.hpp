#pragma once
// Bodies of batch/segment_profile.hpp.

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "tandem/batch/segment_profile.hpp"
#include "tandem/detail/history.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace batch {

inline void profile_options::validate() const {
  detail::require(items <= 100000, "items", "[0, 100000]");
  detail::require(prior_users >= 0 && std::isfinite(prior_users), "prior_users", "[0, inf)");
}

}  // namespace batch

namespace detail {

[[nodiscard]] inline double median(std::vector<std::size_t> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const auto upper = static_cast<double>(values[middle]);
  return values.size() % 2 == 1 ? upper : (static_cast<double>(values[middle - 1]) + upper) / 2;
}

/// Takers of every item among the users of all segments.
inline std::vector<std::uint32_t> count_takers(const interactions& log, const batch::segmentation& segments) {
  std::vector<std::uint32_t> takers(log.n_items());
  for (std::uint32_t u = 0; u < segments.n_users(); ++u) {
    if (segments.segment_of(user_index{u}) == no_id<batch::segment_index>) continue;
    for (const std::uint32_t i : log.items_of(user_index{u}).index) ++takers[i];
  }
  return takers;
}

/// @param share  of the segment in the entries of all segments.
inline std::vector<batch::characteristic_item> characteristic_items(std::span<const std::uint32_t> takers,
                                                                    std::span<const std::uint32_t> all_takers,
                                                                    double share,
                                                                    const batch::profile_options& options) {
  std::vector<batch::characteristic_item> out;
  for (std::size_t i = 0; i < takers.size(); ++i) {
    const double expected = static_cast<double>(all_takers[i]) * share;
    const double found = takers[i];
    if (!(found > expected)) continue;
    out.push_back({item_index{static_cast<std::uint32_t>(i)}, takers[i], all_takers[i], found / expected,
                   (found + options.prior_users) / (expected + options.prior_users)});
  }
  const auto before = [](const batch::characteristic_item& a, const batch::characteristic_item& b) {
    return a.score > b.score || (a.score == b.score && a.item < b.item);
  };
  const std::size_t n = std::min(options.items, out.size());
  std::partial_sort(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n), out.end(), before);
  out.resize(n);
  return out;
}

inline batch::segment_profile profile_one(const interactions& log, std::span<const std::uint32_t> users,
                                          std::size_t all_users, std::span<const std::uint32_t> all_takers,
                                          const batch::profile_options& options) {
  batch::segment_profile out;
  out.users = users.size();
  if (users.empty()) return out;
  const auto n = static_cast<double>(users.size());
  out.share = n / static_cast<double>(all_users);
  std::vector<std::uint32_t> takers(log.n_items());
  std::vector<std::size_t> events;
  std::size_t entries = 0;
  for (const std::uint32_t u : users) {
    const interactions::row row = log.items_of(user_index{u});
    events.push_back(row.size());
    entries += row.size();
    for (const std::uint32_t i : row.index) ++takers[i];
    for (const float w : row.weight) out.mean_weight += double{w} / n;
  }
  out.mean_events = static_cast<double>(entries) / n;
  out.median_events = median(std::move(events));
  std::size_t all_entries = 0;
  for (const std::uint32_t each : all_takers) all_entries += each;
  if (all_entries == 0) return out;
  out.items = characteristic_items(takers, all_takers, static_cast<double>(entries) / static_cast<double>(all_entries),
                                   options);
  return out;
}

}  // namespace detail

namespace batch {

inline std::vector<segment_profile> profile_segments(const interactions& log, const segmentation& segments,
                                                     const profile_options& options, executor_ref executor) {
  options.validate();
  detail::require_likes(log);
  if (log.n_users() != segments.n_users()) {
    throw error(errc::invalid_argument,
                "the log has " + std::to_string(log.n_users()) + " users, the segmentation " +
                    std::to_string(segments.n_users()),
                {{}, 0, "log"}, "describe segments by a log of the same users");
  }
  std::vector<std::vector<std::uint32_t>> members(segments.count());
  for (std::uint32_t u = 0; u < segments.n_users(); ++u) {
    const segment_index in = segments.segment_of(user_index{u});
    if (in != no_id<segment_index>) members[slot(in)].push_back(u);
  }
  const std::vector<std::uint32_t> takers = detail::count_takers(log, segments);
  std::vector<segment_profile> out(segments.count());
  executor.parallel_for(out.size(), [&](std::size_t c) {
    out[c] = detail::profile_one(log, members[c], segments.n_assigned(), takers, options);
    out[c].segment = segment_index{static_cast<std::uint32_t>(c)};
  });
  return out;
}

}  // namespace batch
TANDEM_END
