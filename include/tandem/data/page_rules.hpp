#pragma once
// What a page may hold, and how it is mixed: rules as data, in the facts that the catalogue gives of its items.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/interner.hpp"
#include "tandem/core/utf8.hpp"

TANDEM_BEGIN

/// At most `most` items that share a value of an attribute: 2 of one category; 1 of one product, so that no page shows
/// two variants of the same thing. An item with several values counts for each; one with none is not held back.
struct attribute_cap {
  std::string attribute = {};  ///< its name, e.g. "category"
  std::size_t most = 1;        ///< range [1, 1000]
};

/// Items that shall come earlier or later, if they are candidates. An item named itself is made one.
struct score_boost {
  std::string fact = {};  ///< whoever has it, e.g. "campaign=summer" ...
  std::string item = {};  ///< ... or this one item: give one of the two
  /// What is added to the score, in standard deviations of the scores of this answer's candidates: the same strength
  /// whatever the blend has learned and whoever leads. Range [-100, 100].
  double by = 1;
};

/// Which rule keeps a page from showing the same thing over and over.
enum class diversity_kind : std::uint8_t {
  none,
  mmr,  ///< maximal marginal relevance: what is like an item above it gives way
  dpp,  ///< the most probable page of a determinantal point process, chosen greedily
};

/// How much likeness to the items above costs; hybrid/diversity.hpp has the formulas.
struct diversity_rule {
  diversity_kind kind = diversity_kind::none;
  /// Of mmr: 0 = by score alone, 1 = by novelty alone. Range [0, 1].
  double lambda = 0.3;
  /// Of dpp: quality is exp(theta * score), scores in standard deviations; large = by score alone. Range [0.01, 1000].
  double theta = 1;
};

/// What a page must keep to. A default-constructed object says nothing.
///
/// A fact is text, "name=value", as engine::upsert_item was given it: split at the first '='. A fact that no item has
/// holds of no item: it forbids, boosts and caps nothing, and lets nothing through.
/// A place that the host has sold is not a rule: block the item and put it there.
struct page_rules {
  /// Facts of which an item must have one for each name that occurs here: {"stock=yes", "age=6", "age=12"} asks for
  /// what is in stock and for 6 or 12. At most 64.
  std::vector<std::string> only_with = {};
  /// Facts that no item of the page may have. At most 64.
  std::vector<std::string> never_with = {};
  /// Each attribute once. At most 16.
  std::vector<attribute_cap> caps = {};
  /// What an item has several of adds up. At most 64.
  std::vector<score_boost> boosts = {};
  diversity_rule diversity = {};

  /// True when they change no answer.
  [[nodiscard]] bool empty() const noexcept {
    return only_with.empty() && never_with.empty() && caps.empty() && boosts.empty() &&
           diversity.kind == diversity_kind::none;
  }
  /// Errors: invalid_argument, naming the rule: "rules.caps[1].most".
  void validate() const;
};

namespace detail {

/// The two halves of "name=value".
struct split_fact {
  std::string_view name, value;
};
inline split_fact split_at_equals(std::string_view fact) noexcept {
  const std::size_t at = fact.find('=');
  if (at == std::string_view::npos) return {fact, {}};
  return {fact.substr(0, at), fact.substr(at + 1)};
}

inline void require_rule(bool holds, const std::string& rule, const char* what) {
  if (!holds) throw error(errc::invalid_argument, what, {{}, 0, "rules." + rule});
}

inline std::string nth(const char* list, std::size_t k) { return std::string(list) + '[' + std::to_string(k) + ']'; }

inline void require_words(std::string_view text, const std::string& rule) {
  require_rule(text.size() <= max_id_bytes, rule, "is longer than 512 bytes");
  require_rule(is_utf8(text), rule, "is not UTF-8 text");
}

inline void require_fact(std::string_view fact, const std::string& rule) {
  require_rule(fact.find('=') != std::string_view::npos, rule, "must be \"name=value\"");
  require_words(split_at_equals(fact).name, rule);
  require_words(split_at_equals(fact).value, rule);
}

inline void require_facts(std::span<const std::string> facts, const char* list) {
  require_rule(facts.size() <= 64, list, "must be at most 64");
  for (std::size_t k = 0; k < facts.size(); ++k) require_fact(facts[k], nth(list, k));
}

inline void require_cap(std::span<const attribute_cap> caps, std::size_t k) {
  const std::string rule = nth("caps", k);
  require_words(caps[k].attribute, rule + ".attribute");
  require_rule(caps[k].most >= 1 && caps[k].most <= 1000, rule + ".most", "must lie in [1, 1000]");
  const bool again =
      std::ranges::any_of(caps.first(k), [&](const auto& each) { return each.attribute == caps[k].attribute; });
  require_rule(!again, rule + ".attribute", "is capped already");
}

inline void require_boost(const score_boost& boost, const std::string& rule) {
  require_rule(boost.fact.empty() != boost.item.empty(), rule, "must name a fact or an item, and not both");
  if (!boost.fact.empty()) require_fact(boost.fact, rule + ".fact");
  require_words(boost.item, rule + ".item");
  require_rule(std::abs(boost.by) <= 100, rule + ".by", "must lie in [-100, 100]");
}

}  // namespace detail

inline void page_rules::validate() const {
  detail::require_facts(only_with, "only_with");
  detail::require_facts(never_with, "never_with");
  detail::require_rule(caps.size() <= 16, "caps", "must be at most 16");
  for (std::size_t k = 0; k < caps.size(); ++k) detail::require_cap(caps, k);
  detail::require_rule(boosts.size() <= 64, "boosts", "must be at most 64");
  for (std::size_t k = 0; k < boosts.size(); ++k) detail::require_boost(boosts[k], detail::nth("boosts", k));
  detail::require_rule(diversity.kind <= diversity_kind::dpp, "diversity.kind", "is no kind");
  detail::require_rule(diversity.lambda >= 0 && diversity.lambda <= 1, "diversity.lambda", "must lie in [0, 1]");
  detail::require_rule(diversity.theta >= 0.01 && diversity.theta <= 1000, "diversity.theta",
                       "must lie in [0.01, 1000]");
}

TANDEM_END
