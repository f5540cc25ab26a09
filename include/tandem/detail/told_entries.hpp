#pragma once
// Entries of a log in the host's words, owning their text.

#include <string>
#include <string_view>
#include <utility>

#include "tandem/engine.hpp"
#include "tandem/store/journal.hpp"

TANDEM_BEGIN
namespace detail {

// "name\x1fvalue", as entries have it, in two
inline std::pair<std::string, std::string> fact_of(std::string_view text) {
  const std::size_t at = text.find('\x1f');
  if (at == std::string_view::npos) return {std::string(text), {}};
  return {std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
}

inline told_event told(const event_entry& e) {
  told_event out{std::string(e.user), std::string(e.item), std::string(e.action), e.value,
                 e.record.time,       std::string(e.key),  e.record.decision,     {}};
  for (const std::string& fact : e.facts) out.context.push_back(fact_of(fact));
  return out;
}

inline told_answer told(const answer_entry& a) {
  told_answer out{a.record.id, a.record.user_name, a.record.time, a.record.shadow, a.record.given, {}, {}};
  for (std::size_t k = 0; k < a.record.slate.size(); ++k) {
    const placed_item& place = a.record.slate[k];
    out.items.push_back({std::string(a.slate_items[k]), place.score, place.propensity});
  }
  for (const std::string& fact : a.facts) out.context.push_back(fact_of(fact));
  return out;
}

}  // namespace detail
TANDEM_END
