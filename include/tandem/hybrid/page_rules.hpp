#pragma once
// Rules of a page in the engine's own numbers: which items they forbid, what they add, and what a page has room for.

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tandem/core/cow.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/data/page_rules.hpp"
#include "tandem/hybrid/source.hpp"

TANDEM_BEGIN
namespace hybrid {

/// page_rules as of one log position: facts that no item has are gone. Immutable.
struct known_rules {
  struct cap {
    std::uint32_t attribute = 0;
    std::size_t most = 1;
  };

  std::vector<std::vector<std::uint32_t>> only_with;  ///< an item needs a fact of each; an empty one lets none through
  std::vector<std::uint32_t> never_with;
  std::vector<cap> caps;
  std::vector<std::pair<std::uint32_t, float>> fact_boosts;
  std::vector<std::pair<item_index, float>> item_boosts;
  diversity_rule diversity;
  cow_vector<std::uint32_t> attribute_of;  ///< by fact of an item: which attribute it is a value of

  /// True when they decide which items a page may have.
  [[nodiscard]] bool filters() const noexcept { return !only_with.empty() || !never_with.empty(); }
  /// True when a place depends on those above it.
  [[nodiscard]] bool mixes() const noexcept { return !caps.empty() || diversity.kind != diversity_kind::none; }
};

namespace detail {

// the facts of an item; none for one that was never given any
inline std::span<const std::uint32_t> facts_of(const knowledge& known, item_index item) noexcept {
  if (slot(item) >= known.attributes.size()) return {};
  return known.attributes[slot(item)];
}

// which of a few facts an item has, each fact in constant time
class fact_filter {
 public:
  explicit fact_filter(const known_rules& rules) : wanted_(rules.only_with.size()), named_(rules.attribute_of.size()) {
    for (std::size_t g = 0; g < rules.only_with.size(); ++g) {
      for (const std::uint32_t fact : rules.only_with[g]) name(fact, static_cast<std::uint8_t>(g));
    }
    for (const std::uint32_t fact : rules.never_with) name(fact, forbidden);
  }

  [[nodiscard]] bool lets_through(std::span<const std::uint32_t> facts) const {
    std::bitset<64> met;
    for (const std::uint32_t fact : facts) {
      if (fact >= named_.size() || !named_[fact]) continue;
      for (const auto& [of, group] : groups_) {
        if (of != fact) continue;
        if (group == forbidden) return false;
        met.set(group);
      }
    }
    return met.count() == wanted_;
  }

 private:
  static constexpr std::uint8_t forbidden = 255;

  void name(std::uint32_t fact, std::uint8_t group) {
    if (fact >= named_.size()) return;
    named_[fact] = true;
    groups_.emplace_back(fact, group);
  }

  std::size_t wanted_;
  std::vector<bool> named_;  // by fact: a rule names it
  std::vector<std::pair<std::uint32_t, std::uint8_t>> groups_;
};

}  // namespace detail

/// Appends the items that the rules let through no page.
/// @param only  when not empty: nothing but these can come onto the page, and only they are looked at.
/// Complexity: O(items + their facts), once for all rules; O(|only|) where that is given. Allocates: a bit a fact.
inline void forbid_by_rules(const known_rules& rules, const knowledge& known, std::span<const item_index> only,
                            std::vector<item_index>& forbidden) {
  if (!rules.filters()) return;
  const detail::fact_filter filter(rules);
  const auto look_at = [&](item_index item) {
    if (!filter.lets_through(detail::facts_of(known, item))) forbidden.push_back(item);
  };
  for (const item_index item : only) look_at(item);
  if (!only.empty()) return;
  for (std::size_t i = 0; i < known.items.size(); ++i) look_at(item_index{static_cast<std::uint32_t>(i)});
}

/// What the rules add to the score of an item, in standard deviations. Complexity: O(facts of the item * boosts).
[[nodiscard]] inline float boost_of(const known_rules& rules, const knowledge& known, item_index item) noexcept {
  float sum = 0;
  for (const auto& [of, by] : rules.item_boosts) sum += of == item ? by : 0.0F;
  if (rules.fact_boosts.empty()) return sum;
  const std::span<const std::uint32_t> facts = detail::facts_of(known, item);
  for (const auto& [fact, by] : rules.fact_boosts) {
    if (std::ranges::find(facts, fact) != facts.end()) sum += by;
  }
  return sum;
}

/// How much room a page has left for each value of the capped attributes.
///
/// A page that is filled until nothing has room is as long as the rules allow: exactly where every item has one value
/// of each capped attribute and the values nest (one category a product); else it may be shorter than the longest page
/// that some other order would give. Threads: thread-compatible.
class room_left {
 public:
  room_left(const known_rules& rules, const knowledge& known) : rules_(&rules), known_(&known) {}

  /// True while the caps let the item onto the page. Complexity: O(facts of the item * caps).
  [[nodiscard]] bool has_room(item_index item) const {
    if (rules_->caps.empty()) return true;
    return std::ranges::all_of(detail::facts_of(*known_, item), [&](std::uint32_t fact) {
      const known_rules::cap* const cap = cap_of(fact);
      if (cap == nullptr) return true;
      const auto at = placed_.find(fact);
      return at == placed_.end() || at->second < cap->most;
    });
  }
  /// Counts an item that came onto the page. Complexity: as has_room().
  void place(item_index item) {
    if (rules_->caps.empty()) return;
    const std::span<const std::uint32_t> facts = detail::facts_of(*known_, item);
    for (std::size_t k = 0; k < facts.size(); ++k) {
      if (cap_of(facts[k]) == nullptr) continue;
      const auto before = facts.first(k);  // a fact that was given twice counts once
      if (std::ranges::find(before, facts[k]) == before.end()) ++placed_[facts[k]];
    }
  }

 private:
  [[nodiscard]] const known_rules::cap* cap_of(std::uint32_t fact) const noexcept {
    if (fact >= rules_->attribute_of.size()) return nullptr;
    const std::uint32_t attribute = rules_->attribute_of[fact];
    const auto at = std::ranges::find(rules_->caps, attribute, &known_rules::cap::attribute);
    return at == rules_->caps.end() ? nullptr : &*at;
  }

  const known_rules* rules_;
  const knowledge* known_;
  std::unordered_map<std::uint32_t, std::size_t> placed_;  // by fact
};

}  // namespace hybrid
TANDEM_END
