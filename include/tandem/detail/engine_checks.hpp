#pragma once
// What the engine takes and what it refuses: names of the answers, options, text, times and values.

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/interner.hpp"
#include "tandem/core/utf8.hpp"
#include "tandem/engine.hpp"

TANDEM_BEGIN

TANDEM_ENGINE_INLINE std::string_view name(observe_status status) noexcept {
  switch (status) {
    case observe_status::accepted: return "accepted";
    case observe_status::duplicate: return "duplicate";
    case observe_status::late: return "late";
    case observe_status::rejected: return "rejected";
    case observe_status::store_failed: return "store_failed";
    case observe_status::full: return "full";
    case observe_status::out_of_memory: return "out_of_memory";
    case observe_status::unconfirmed: return "unconfirmed";
  }
  return "unknown";
}

TANDEM_ENGINE_INLINE std::string_view name(reject_reason reason) noexcept {
  switch (reason) {
    case reject_reason::none: return "none";
    case reject_reason::empty_user: return "empty_user";
    case reject_reason::empty_item: return "empty_item";
    case reject_reason::id_too_long: return "id_too_long";
    case reject_reason::not_utf8: return "not_utf8";
    case reject_reason::value_not_finite: return "value_not_finite";
    case reject_reason::value_too_large: return "value_too_large";
    case reject_reason::time_in_future: return "time_in_future";
    case reject_reason::time_out_of_range: return "time_out_of_range";
    case reject_reason::unknown_decision: return "unknown_decision";
  }
  return "unknown";
}

namespace detail {

inline constexpr timestamp earliest_time = from_millis(-62135596800000);  // the start of the year 1
inline constexpr timestamp latest_time = from_millis(253402300799999);    // the end of the year 9999

// whether a time can be one that somebody meant; differences of such times do not overflow
inline constexpr bool is_in_calendar(timestamp time) noexcept { return time >= earliest_time && time <= latest_time; }

// why text cannot be taken; none if it can
inline reject_reason check_text(std::string_view text) noexcept {
  if (text.size() > max_id_bytes) return reject_reason::id_too_long;
  return is_utf8(text) ? reject_reason::none : reject_reason::not_utf8;
}

inline reject_reason check_id(std::string_view id, reject_reason when_empty) noexcept {
  return id.empty() ? when_empty : check_text(id);
}

inline void require_text(std::string_view text, const char* field) {
  const reject_reason why = check_text(text);
  if (why == reject_reason::none) return;
  throw error(errc::invalid_argument,
              why == reject_reason::id_too_long ? "is longer than " + std::to_string(max_id_bytes) + " bytes"
                                                : "is not UTF-8 text",
              {{}, 0, field});
}

inline void require_id(std::string_view id, const char* field) {
  if (id.empty()) throw error(errc::invalid_argument, "must not be empty", {{}, 0, field});
  require_text(id, field);
}

template <class Values, class NameOf>
void require_distinct(const Values& values, const char* field, NameOf name_of) {
  std::unordered_set<std::string_view> seen;
  for (const auto& value : values) {
    if (seen.insert(name_of(value)).second) continue;
    throw error(errc::invalid_argument, "name '" + std::string(name_of(value)) + "' twice", {{}, 0, field},
                "name each once");
  }
}

inline reject_reason check_event(const event& e, bool as_reward) noexcept {
  const auto first_of = [](std::initializer_list<reject_reason> found) {
    for (const reject_reason why : found) {
      if (why != reject_reason::none) return why;
    }
    return reject_reason::none;
  };
  const auto ids = first_of({as_reward ? reject_reason::none : check_id(e.user, reject_reason::empty_user),
                             check_id(e.item, reject_reason::empty_item), check_text(e.key), check_text(e.action)});
  if (ids != reject_reason::none) return ids;
  for (const auto& [fact, value] : e.context) {
    if (const auto why = first_of({check_text(fact), check_text(value)}); why != reject_reason::none) return why;
  }
  if (!is_in_calendar(e.time)) return reject_reason::time_out_of_range;
  return std::isfinite(e.value) ? reject_reason::none : reject_reason::value_not_finite;
}

// the request with a count and a time that can be reckoned with, of nobody if its user is nobody that could be known
inline request sane(request r) {
  r.count = std::min(r.count, max_request_count);
  r.time = std::clamp(r.time, earliest_time, latest_time);
  if (check_id(r.user, reject_reason::empty_user) != reject_reason::none) r.user = {};
  if (!r.shown.empty()) {  // of a page that is given nothing else counts
    r.count = r.shown.size();
    r.candidates = r.blocked = {};
    r.exclude_seen = r.shadow = false;
    r.rules = nullptr;
    r.budget = {};
  }
  return r;
}

inline std::string fact_name(const std::pair<std::string_view, std::string_view>& fact) {
  return std::string(fact.first) + '\x1f' + std::string(fact.second);
}

// what the facts of a context are known by; those that are too many, too long or not text are left out
inline std::vector<std::string> fact_names(const context_list& context) {
  std::vector<std::string> out;
  for (const auto& fact : context) {
    if (out.size() == max_context_facts) break;
    const bool taken = check_text(fact.first) == reject_reason::none && check_text(fact.second) == reject_reason::none;
    if (taken) out.push_back(fact_name(fact));
  }
  return out;
}

// the value of one fact among those of a context; empty without
inline std::string_view value_of(const std::vector<std::string>& where, const std::string& fact) noexcept {
  const std::size_t n = fact.size();
  if (n == 0) return {};
  for (const std::string_view each : where) {
    if (each.size() > n && each[n] == '\x1f' && each.substr(0, n) == fact) return each.substr(n + 1);
  }
  return {};
}

// both learners have a regularization: the one in question is named as the host calls it
inline void require_valid(const batch::next_item_ridge_options& ridge) {
  try {
    ridge.validate();
  } catch (const error& e) {
    throw error(e.code(), e.message(), {{}, 0, "ridge." + e.where().field}, e.remedy());
  }
}

}  // namespace detail

TANDEM_ENGINE_INLINE void engine_options::validate() const {
  const auto require = [](bool holds, const char* field, const std::string& range) {
    if (!holds) throw error(errc::invalid_argument, "must " + range, {{}, 0, field});
  };
  require(rank >= 1 && rank <= 1024, "rank", "lie in [1, 1024]");
  for (const auto& [action, weight] : actions) {
    require(!action.empty() && detail::check_text(action) == reject_reason::none, "actions",
            "have names that are UTF-8 text of at most " + std::to_string(max_id_bytes) + " bytes");
    require(std::abs(weight) <= max_event_weight, "actions", "have weights in [-1e6, 1e6]");
  }
  detail::require_distinct(actions, "actions", [](const auto& action) { return std::string_view(action.first); });
  detail::require_distinct(sources, "sources", [](const std::string& source) { return std::string_view(source); });
  const auto require_fact = [&](const std::string& name, const char* field) {
    require(detail::check_text(name) == reject_reason::none, field,
            "be UTF-8 text of at most " + std::to_string(max_id_bytes) + " bytes");
  };
  require_fact(channel_fact, "channel_fact");
  require_fact(segment_fact, "segment_fact");
  require(std::isfinite(default_reward), "default_reward", "be finite");
  require(reward_window > duration::zero(), "reward_window", "be positive");
  require(lateness >= duration::zero(), "lateness", "not be negative");
  require(max_ahead >= duration::zero(), "max_ahead", "not be negative");
  batch::ials_options fit = ials;
  fit.rank = rank;
  fit.validate();
  detail::require_valid(ridge);
  live.validate();
  sequence.validate();
  blender.validate();
  ranker.validate();
  slate.validate();
}

TANDEM_END
