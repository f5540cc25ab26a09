#pragma once
// The log as a sparse matrix: one row per user, one per item, each (user, item) pair once.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"

TANDEM_BEGIN

/// One (user, item, weight, time) to be gathered into interactions.
struct interaction {
  user_index user{};
  item_index item{};
  float weight = 1;  ///< finite; negative = disliked
  timestamp time{};
};

/// How several interactions of one (user, item) pair become one. The time kept is always the latest.
enum class merge_rule : std::uint8_t {
  sum,     ///< weights add up
  latest,  ///< the last one given wins
  max,     ///< the largest weight
  binary,  ///< 1 if any weight is positive
};

/// An immutable sparse matrix of users x items, compressed by rows both ways.
///
/// Shapes: n_users x n_items with size() stored entries; each row ascends by index.
/// Pairs whose merged weight is not positive are left out: they say nothing about liking.
/// Threads: immutable. Complexity: row access O(1); building O(n log n) time, 24 bytes an entry kept.
class interactions {
 public:
  /// A row: indices of the other side and weights, of equal length, ascending by index.
  struct row {
    std::span<const std::uint32_t> index;
    std::span<const float> weight;
    [[nodiscard]] std::size_t size() const noexcept { return index.size(); }
  };

  interactions() : user_start_(1, 0), item_start_(1, 0) {}

  /// Gathers `events` (in any order; later ones in the span count as later where the rule asks).
  /// @param n_users,n_items  the matrix's shape; every index must lie below.
  /// Errors: invalid_argument for an index out of range; not_finite for a weight that is NaN or infinite.
  [[nodiscard]] static interactions from_events(std::span<const interaction> events, std::size_t n_users,
                                                std::size_t n_items, merge_rule rule = merge_rule::sum);

  [[nodiscard]] std::size_t n_users() const noexcept { return user_start_.size() - 1; }
  [[nodiscard]] std::size_t n_items() const noexcept { return item_start_.size() - 1; }
  /// Stored (user, item) pairs.
  [[nodiscard]] std::size_t size() const noexcept { return user_items_.size(); }

  /// The items of one user.
  [[nodiscard]] row items_of(user_index user) const noexcept {
    return slice(user_start_, user_items_, user_weights_, slot(user));
  }
  /// The users of one item.
  [[nodiscard]] row users_of(item_index item) const noexcept {
    return slice(item_start_, item_users_, item_weights_, slot(item));
  }

 private:
  static row slice(const std::vector<std::size_t>& start, const std::vector<std::uint32_t>& index,
                   const std::vector<float>& weight, std::size_t r) noexcept {
    TANDEM_ASSERT(r + 1 < start.size());
    const std::size_t n = start[r + 1] - start[r];
    return {{index.data() + start[r], n}, {weight.data() + start[r], n}};
  }

  std::vector<std::size_t> user_start_;  // n_users + 1
  std::vector<std::uint32_t> user_items_;
  std::vector<float> user_weights_;
  std::vector<std::size_t> item_start_;  // n_items + 1
  std::vector<std::uint32_t> item_users_;
  std::vector<float> item_weights_;
};

inline interactions interactions::from_events(std::span<const interaction> events, std::size_t n_users,
                                              std::size_t n_items, merge_rule rule) {
  for (const interaction& e : events) {
    if (slot(e.user) >= n_users || slot(e.item) >= n_items) {
      throw error(errc::invalid_argument,
                  "interaction (user " + std::to_string(raw(e.user)) + ", item " + std::to_string(raw(e.item)) +
                      ") lies outside " + std::to_string(n_users) + " users x " + std::to_string(n_items) + " items");
    }
    if (!(e.weight - e.weight == 0)) throw error(errc::not_finite, "interaction weight is not finite");
  }
  // Bucket by user in the order given, then stably sort each bucket by item: later events stay later.
  std::vector<std::size_t> start(n_users + 1, 0);
  for (const interaction& e : events) ++start[slot(e.user) + 1];
  for (std::size_t u = 0; u < n_users; ++u) start[u + 1] += start[u];
  std::vector<std::pair<std::uint32_t, float>> entries(events.size());
  {
    std::vector<std::size_t> next(start.begin(), start.end() - 1);
    for (const interaction& e : events) entries[next[slot(e.user)]++] = {raw(e.item), e.weight};
  }
  interactions out;
  out.user_start_.assign(n_users + 1, 0);
  out.item_start_.assign(n_items + 1, 0);
  for (std::size_t u = 0; u < n_users; ++u) {
    const auto first = entries.begin() + static_cast<std::ptrdiff_t>(start[u]);
    const auto last = entries.begin() + static_cast<std::ptrdiff_t>(start[u + 1]);
    std::stable_sort(first, last, [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto e = first; e != last;) {
      const std::uint32_t item = e->first;
      float weight = e->second;
      bool liked = e->second > 0;
      for (++e; e != last && e->first == item; ++e) {
        liked = liked || e->second > 0;
        switch (rule) {
          case merge_rule::sum: weight += e->second; break;
          case merge_rule::latest: weight = e->second; break;
          case merge_rule::max: weight = std::max(weight, e->second); break;
          case merge_rule::binary: break;
        }
      }
      if (rule == merge_rule::binary) weight = liked ? 1.0F : 0.0F;
      if (weight <= 0) continue;
      out.user_items_.push_back(item);
      out.user_weights_.push_back(weight);
      ++out.item_start_[item + 1];
    }
    out.user_start_[u + 1] = out.user_items_.size();
  }
  for (std::size_t i = 0; i < n_items; ++i) out.item_start_[i + 1] += out.item_start_[i];
  out.item_users_.resize(out.user_items_.size());
  out.item_weights_.resize(out.user_items_.size());
  std::vector<std::size_t> next(out.item_start_.begin(), out.item_start_.end() - 1);
  for (std::size_t u = 0; u < n_users; ++u) {
    for (std::size_t e = out.user_start_[u]; e < out.user_start_[u + 1]; ++e) {
      const std::size_t to = next[out.user_items_[e]]++;
      out.item_users_[to] = static_cast<std::uint32_t>(u);
      out.item_weights_[to] = out.user_weights_[e];
    }
  }
  return out;
}

TANDEM_END
