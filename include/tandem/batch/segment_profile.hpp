#pragma once
// What a segment of users is like: how many, how busy, and which items are characteristic of it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/segments.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/data/interactions.hpp"

TANDEM_BEGIN
namespace batch {

/// Options of profile_segments(). A default-constructed object is a sensible start.
struct profile_options {
  /// Characteristic items listed for a segment at most. Range [0, 100000].
  std::size_t items = 10;
  /// Users that an item's lift must outweigh: see characteristic_item::score. Range [0, inf). More lists better known
  /// items.
  double prior_users = 5;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// An item that a segment takes more than users at large do. Shares are of entries, not of users: a busy segment takes
/// more of everything, which says nothing about its taste.
struct characteristic_item {
  item_index item{};
  std::uint32_t users = 0;      ///< of the segment, that took it
  std::uint32_t all_users = 0;  ///< of all segments, that took it
  double lift = 0;              ///< users / expected, where expected = all_users * the segment's share of all entries
  /// (users + prior_users) / (expected + prior_users): the lift, pulled towards 1 as far as it rests on few users (a
  /// gamma-Poisson shrinker: DuMouchel 1999). The list is in its order, so that neither the popular items lead every
  /// list, nor those that one user took.
  double score = 0;
};

/// One segment, described. Activity is that of the log: an event here is one of its stored entries, a (user, item)
/// pair.
struct segment_profile {
  segment_index segment{};
  std::size_t users = 0;
  double share = 0;                        ///< of the users of all segments
  double mean_events = 0;                  ///< entries a user
  double median_events = 0;                ///< of entries a user; the mean of the middle two for an even number
  double mean_weight = 0;                  ///< sum of weights a user: events, if each had weight 1 and merged by sum
  std::vector<characteristic_item> items;  ///< best first, ties by smaller index; only those of a lift above 1
};

/// Describes every segment by what its users took. Users in no segment are left out of all figures.
///
/// @param log  of the users that were segmented; not necessarily the one the model was trained on.
/// @return one profile a segment, in their order; the centre is segmentation::centre().
/// Complexity: O(entries + count * items). Allocates: 4 bytes an item a segment, for as many segments as run at once.
/// Threads: thread-safe. The result is the same, bit for bit, for every executor.
/// Errors: invalid_argument for an option, or for a log with dislikes or of another number of users.
[[nodiscard]] std::vector<segment_profile> profile_segments(const interactions& log, const segmentation& segments,
                                                            const profile_options& options = {},
                                                            executor_ref executor = {});

}  // namespace batch
TANDEM_END

#include "tandem/detail/segment_profile_impl.hpp"
