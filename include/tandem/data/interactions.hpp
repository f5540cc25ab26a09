#pragma once
// The log as a sparse matrix: one row per user, one per item, each (user, item) pair once.

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
#include "tandem/core/time.hpp"

TANDEM_BEGIN

/// One (user, item, weight, time) to be gathered into interactions.
struct interaction {
  user_index user{};
  item_index item{};
  float weight = 1;  ///< finite; negative = disliked
  timestamp time{};
};

/// How several interactions of one (user, item) pair become one.
enum class merge_rule : std::uint8_t {
  sum,     ///< weights add up (in double)
  latest,  ///< the last one given wins, whatever their times
  max,     ///< the largest weight
  binary,  ///< 1 if any weight is positive, else -1 if any is negative
};

/// What becomes of a pair whose merged weight is negative. One that is 0 is left out in any case.
enum class dislike_rule : std::uint8_t {
  leave_out,  ///< it says nothing about liking
  keep,       ///< for batch/ials.hpp and batch/side_features.hpp; popularity adds up, the other learners refuse
};

/// An immutable sparse matrix of users x items, compressed by rows both ways.
///
/// Shapes: n_users x n_items with size() stored entries; each row ascends by index.
/// Every stored weight is positive, or not zero where dislikes are kept.
/// Threads: immutable. Complexity: row access O(1); building O(n log n) time. Allocates: 16 bytes an
/// entry kept, and 8 bytes an event while it is built.
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
  /// Errors: invalid_argument for an index out of range; not_finite for a weight, or a sum of them, that is NaN or
  /// infinite.
  [[nodiscard]] static interactions from_events(std::span<const interaction> events, std::size_t n_users,
                                                std::size_t n_items, merge_rule rule = merge_rule::sum,
                                                dislike_rule dislikes = dislike_rule::leave_out);

  [[nodiscard]] std::size_t n_users() const noexcept { return user_start_.size() - 1; }
  [[nodiscard]] std::size_t n_items() const noexcept { return item_start_.size() - 1; }
  /// Whether a weight may be negative.
  [[nodiscard]] bool keeps_dislikes() const noexcept { return dislikes_ == dislike_rule::keep; }
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

  void transpose(std::size_t n_items);  // fills the item side from the user side

  dislike_rule dislikes_ = dislike_rule::leave_out;
  std::vector<std::size_t> user_start_;  // n_users + 1
  std::vector<std::uint32_t> user_items_;
  std::vector<float> user_weights_;
  std::vector<std::size_t> item_start_;  // n_items + 1
  std::vector<std::uint32_t> item_users_;
  std::vector<float> item_weights_;
};

namespace detail {

using item_weight = std::pair<std::uint32_t, float>;

inline void check_interactions(std::span<const interaction> events, std::size_t n_users, std::size_t n_items) {
  for (const interaction& e : events) {
    if (slot(e.user) >= n_users || slot(e.item) >= n_items) {
      throw error(errc::invalid_argument,
                  "interaction (user " + std::to_string(raw(e.user)) + ", item " + std::to_string(raw(e.item)) +
                      ") lies outside " + std::to_string(n_users) + " users x " + std::to_string(n_items) + " items");
    }
    if (!std::isfinite(e.weight)) throw error(errc::not_finite, "interaction weight is not finite");
  }
}

/// The weight of equal items in [first, last), in the order given.
inline float merge_weights(const item_weight* first, const item_weight* last, merge_rule rule) {
  double merged = first->second;  // in double: a sum of many must not lose its small ones
  for (const item_weight* e = first + 1; e != last; ++e) {
    switch (rule) {
      case merge_rule::sum: merged += e->second; break;
      case merge_rule::latest: merged = e->second; break;
      case merge_rule::max: merged = std::max<double>(merged, e->second); break;
      case merge_rule::binary: merged = merged > 0 || e->second > 0 ? 1 : std::min<double>(merged, e->second); break;
    }
  }
  if (rule == merge_rule::binary) return merged > 0 ? 1.0F : merged < 0 ? -1.0F : 0.0F;
  const auto weight = static_cast<float>(merged);
  if (!std::isfinite(weight)) throw error(errc::not_finite, "the weights of one user and item add up beyond a float");
  return weight;
}

}  // namespace detail

inline interactions interactions::from_events(std::span<const interaction> events, std::size_t n_users,
                                              std::size_t n_items, merge_rule rule, dislike_rule dislikes) {
  detail::check_interactions(events, n_users, n_items);
  // Bucket by user in the order given, then stably sort each bucket by item: later events stay later.
  std::vector<std::size_t> start(n_users + 1, 0);
  for (const interaction& e : events) ++start[slot(e.user) + 1];
  for (std::size_t u = 0; u < n_users; ++u) start[u + 1] += start[u];
  std::vector<detail::item_weight> entries(events.size());
  std::vector<std::size_t> next(start.begin(), start.end() - 1);
  for (const interaction& e : events) entries[next[slot(e.user)]++] = {raw(e.item), e.weight};

  interactions out;
  out.dislikes_ = dislikes;
  out.user_start_.assign(n_users + 1, 0);
  for (std::size_t u = 0; u < n_users; ++u) {
    detail::item_weight* e = entries.data() + start[u];
    detail::item_weight* const last = entries.data() + start[u + 1];
    std::stable_sort(e, last, [](const auto& a, const auto& b) { return a.first < b.first; });
    while (e != last) {
      const detail::item_weight* const first = e;
      while (e != last && e->first == first->first) ++e;
      const float weight = detail::merge_weights(first, e, rule);
      if (weight == 0 || (weight < 0 && dislikes == dislike_rule::leave_out)) continue;
      out.user_items_.push_back(first->first);
      out.user_weights_.push_back(weight);
    }
    out.user_start_[u + 1] = out.user_items_.size();
  }
  out.transpose(n_items);
  return out;
}

inline void interactions::transpose(std::size_t n_items) {
  item_start_.assign(n_items + 1, 0);
  for (const std::uint32_t item : user_items_) ++item_start_[item + 1];
  for (std::size_t i = 0; i < n_items; ++i) item_start_[i + 1] += item_start_[i];
  item_users_.resize(size());
  item_weights_.resize(size());
  std::vector<std::size_t> next(item_start_.begin(), item_start_.end() - 1);
  for (std::size_t u = 0; u < n_users(); ++u) {
    for (std::size_t e = user_start_[u]; e < user_start_[u + 1]; ++e) {
      const std::size_t to = next[user_items_[e]]++;
      item_users_[to] = static_cast<std::uint32_t>(u);
      item_weights_[to] = user_weights_[e];
    }
  }
}

TANDEM_END
