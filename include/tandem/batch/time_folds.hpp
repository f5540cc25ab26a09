#pragma once
// Rolling-origin folds: train on what was before a moment, hold out what came next; the cross-validation of a log.

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/data/interactions.hpp"

TANDEM_BEGIN
namespace batch {

/// A training log and the events right after it, of the same shape.
struct time_fold {
  interactions train;
  interactions held_out;
};

/// Cuts the last part of a log into `folds` slices of equally many events; fold f trains on all before slice f and
/// holds it out. Cuts move on to where the time changes, so that no event of one moment lies on both sides.
/// @param events  in any order; equal times keep their order, which matters to merge_rule::latest only.
/// @param held_out_share  of the events, held out over all folds together. Range (0, 1).
/// Complexity: O(n log n) and one interactions::from_events() a fold. Allocates: a copy of the events.
/// Errors: invalid_argument for folds = 0, the share, or when times are too few for the cuts; those of from_events().
[[nodiscard]] inline std::vector<time_fold> time_folds(std::span<const interaction> events, std::size_t n_users,
                                                       std::size_t n_items, std::size_t folds = 1,
                                                       double held_out_share = 0.1, merge_rule rule = merge_rule::sum,
                                                       dislike_rule dislikes = dislike_rule::leave_out) {
  if (folds == 0) throw error(errc::invalid_argument, "must be at least 1", {{}, 0, "folds"});
  if (!(held_out_share > 0 && held_out_share < 1)) {
    throw error(errc::invalid_argument, "must lie in (0, 1)", {{}, 0, "held_out_share"});
  }
  std::vector<interaction> ordered(events.begin(), events.end());
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const interaction& a, const interaction& b) { return a.time < b.time; });
  std::vector<std::size_t> cuts;
  for (std::size_t f = 0; f <= folds; ++f) {
    const double share = 1 - held_out_share * static_cast<double>(folds - f) / static_cast<double>(folds);
    auto cut = static_cast<std::size_t>(share * static_cast<double>(ordered.size()));
    while (cut > 0 && cut < ordered.size() && ordered[cut].time == ordered[cut - 1].time) ++cut;
    cuts.push_back(f == folds ? ordered.size() : cut);
  }
  std::vector<time_fold> out;
  for (std::size_t f = 0; f < folds; ++f) {
    if (cuts[f] == 0 || cuts[f] >= cuts[f + 1]) {
      throw error(errc::invalid_argument,
                  "the times of the log leave nothing to train on, or to hold out, in fold " + std::to_string(f + 1),
                  {{}, 0, "folds"}, "ask for fewer folds, or check that the times were read");
    }
    const auto log_of = [&](std::size_t first, std::size_t last) {
      const std::span<const interaction> slice = std::span(ordered).subspan(first, last - first);
      return interactions::from_events(slice, n_users, n_items, rule, dislikes);
    };
    out.push_back({log_of(0, cuts[f]), log_of(cuts[f], cuts[f + 1])});
  }
  return out;
}

}  // namespace batch
TANDEM_END
