#pragma once
// A user's history as it is handed to a model: checked, then as the kernels want it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/data/interactions.hpp"

TANDEM_BEGIN
namespace detail {

/// Throws unless every item is below n_items and every weight is finite.
inline void require_history(std::span<const item_index> items, std::span<const float> weights, std::size_t n_items) {
  for (const item_index item : items) {
    if (slot(item) < n_items) continue;
    throw error(errc::invalid_argument, "item " + std::to_string(raw(item)) + " is not in the model, which has " +
                                            std::to_string(n_items) + " items");
  }
  for (const float w : weights) {
    if (!std::isfinite(w)) throw error(errc::not_finite, "the weight of an item in a history is not finite");
  }
}

/// Throws for a log with dislikes, where every pair that is there counts as liked.
inline void require_likes(const interactions& log) {
  if (!log.keeps_dislikes()) return;
  throw error(errc::invalid_argument, "holds dislikes, which this learner would take for likes", {{}, 0, "log"},
              "build it with dislike_rule::leave_out");
}

/// A history as the kernels want it: ascending, each item once; positive weights only, or none of 0 with dislikes.
struct gathered_history {
  std::vector<std::uint32_t> index;
  std::vector<float> weight;
};

inline gathered_history gather_history(std::span<const item_index> items, std::span<const float> weights,
                                       std::size_t n_items, bool dislikes = false) {
  std::vector<std::pair<std::uint32_t, float>> entries;
  entries.reserve(items.size());
  require_history(items, weights, n_items);
  for (std::size_t r = 0; r < items.size(); ++r) {
    if (weights[r] > 0 || (dislikes && weights[r] < 0)) entries.emplace_back(raw(items[r]), weights[r]);
  }
  const auto by_item = [](const auto& a, const auto& b) { return a.first < b.first; };
  if (!std::is_sorted(entries.begin(), entries.end(), by_item)) {
    std::stable_sort(entries.begin(), entries.end(), by_item);
  }
  gathered_history out;
  out.index.reserve(entries.size());
  out.weight.reserve(entries.size());
  for (auto at = entries.begin(); at != entries.end();) {
    const std::uint32_t item = at->first;
    float weight = 0;
    for (; at != entries.end() && at->first == item; ++at) weight += at->second;
    if (weight == 0) continue;  // a like and a dislike
    out.index.push_back(item);
    out.weight.push_back(weight);
  }
  return out;
}

}  // namespace detail
TANDEM_END
