#pragma once
// How an engine's state serves answers, and how its catalogue and users change.

#include <algorithm>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN

inline detail::frozen engine::state::freeze(const request& r, const std::vector<std::string>& where) const {
  detail::frozen out;
  out.user = users.find(r.user);
  out.seen = last_entry();
  out.view = view_of(r, out.user, where);
  out.given = page_of(r.shown);
  add_listed(r.blocked, out.blocked);
  out.view.forbidden.insert(out.view.forbidden.end(), out.blocked.begin(), out.blocked.end());
  out.sources = sources;
  if (idle_scratch.empty()) {
    out.scratch = std::make_unique<hybrid::gather_scratch>();
  } else {
    out.scratch = std::move(idle_scratch.back());
    idle_scratch.pop_back();
  }
  return out;
}

// as of now: what the catalogue does not know of says nothing
inline hybrid::known_rules engine::state::rules_of(const page_rules& rules) const {
  fact_attributes.follow(attribute_facts);
  hybrid::known_rules out = detail::rule_reader(attribute_facts, fact_attributes).read(rules);
  for (const score_boost& each : rules.boosts) {
    const item_index item = each.item.empty() ? no_id<item_index> : listed(each.item);
    if (item != no_id<item_index>) out.item_boosts.emplace_back(item, static_cast<float>(each.by));
  }
  return out;
}

// throws what recommend() makes an answer without items of
inline std::vector<hybrid::given_place> engine::state::page_of(std::span<const shown_item> shown) const {
  if (shown.size() > max_request_count) throw error(errc::invalid_argument, "too many items", {{}, 0, "request.shown"});
  std::vector<hybrid::given_place> out;
  out.reserve(shown.size());
  for (const shown_item& each : shown) {
    const item_index item = listed(each.item);
    const bool again = std::ranges::find(out, item, &hybrid::given_place::item) != out.end();
    if (item == no_id<item_index> || again || !(each.propensity > 0 && each.propensity <= 1)) {
      throw error(errc::invalid_argument, "items must be known, each once, propensities in (0, 1]",
                  {{}, 0, "request.shown"});
    }
    out.push_back({item, each.propensity});
  }
  return out;
}

inline void engine::state::add_listed(std::span<const std::string_view> ids, std::vector<item_index>& to) const {
  for (const std::string_view id : ids) {
    if (const item_index item = listed(id); item != no_id<item_index>) to.push_back(item);
  }
}

inline hybrid::view engine::state::view_of(const request& r, user_index user,
                                           const std::vector<std::string>& where) const {
  hybrid::view v;
  hybrid::knowledge& known = v.known;
  known.batch = batch;
  known.popularity = popularity;
  known.damping = damping;
  known.latest = latest;
  known.trends = trends;
  known.responses = responses;
  const std::string_view channel = detail::value_of(where, options.channel_fact);
  if (const online::response_rate* const here = channels.find(channel)) known.channel_responses = *here;
  known.channel = channels.number_of(channel);
  const detail::segment_index segment = segments.find(detail::value_of(where, options.segment_fact));
  if (segment != no_id<detail::segment_index>) known.segment = slot(segment) + 1;
  known.attributes = attributes;
  known.attribute_items = attribute_items;
  known.items = item_names;
  known.position = store->end();
  known.history = user == no_id<user_index> ? nobody : histories[slot(owner[slot(user)])];
  for (const std::string& name : where) {
    const auto fact = slot(facts.find(name));
    if (fact < contexts.size() && contexts[fact].total() > 0) known.contexts.push_back(contexts[fact]);
  }
  const auto tick = static_cast<double>(counters.events);
  const auto recent = known.history->recent();
  for (std::size_t k = 0; k < std::min(recent.size(), hybrid::knowledge::recent_items); ++k) {
    const online::past_event& past = recent[recent.size() - 1 - k];
    cow<online::neighbours> row = sequence.neighbours_of(past.item);
    const float weight = sequence.weight_at(*row, tick);
    known.recent.push_back({past.item, past.time, std::move(row), weight, popularity.relative(past.item)});
  }
  v.weights = blender.weights();
  v.rank_depth = options.ranker.depth;
  v.forbidden = retired;
  const auto disliked = known.history->disliked();
  v.forbidden.insert(v.forbidden.end(), disliked.begin(), disliked.end());
  v.limited = !r.candidates.empty();
  add_listed(r.candidates, v.only);
  if (r.rules != nullptr && !r.rules->empty()) v.rules = rules_of(*r.rules);
  return v;
}

inline void engine::state::keep(std::unique_ptr<hybrid::gather_scratch> scratch) const noexcept {
  try {
    idle_scratch.push_back(std::move(scratch));
  } catch (...) {  // the next answer makes its own
  }
}

// which sources an answer leaves out; none without a budget
inline hybrid::effort engine::state::afford(std::chrono::nanoseconds budget) {
  if (budget <= std::chrono::nanoseconds::zero()) return {};
  if (!costs.has_value()) {
    std::vector<bool> popular;
    popular.reserve(sources->size());
    for (const auto& each : *sources) popular.push_back(hybrid::is_popular(each->name()));
    costs.emplace(std::move(popular));
  }
  return costs->afford(budget);
}

// false, with nothing changed, when a file that could be written a moment ago cannot
inline bool engine::state::try_to_remember(answer_entry& entry, detail::pending_decision wait) {
  try {
    add_candidates(entry, wait);
    remember(entry, std::move(wait));
    return true;
  } catch (const error&) {
    if (durable == nullptr) throw;
    return false;
  }
}

// logs an answer and keeps what its rewards will need; throws with nothing changed
inline void engine::state::remember(const answer_entry& entry, detail::pending_decision wait) {
  const decision& record = entry.record;
  pending.add(std::move(wait));
  try {
    store->append(entry);
  } catch (...) {
    pending.remove(record.id);
    throw;
  }
  ++counters.decisions;
  next_logged = std::max(next_logged, raw(record.id) + 1);
  const bool whole = detail::attempt([&] {
    const std::string_view segment = detail::value_of(entry.facts, options.segment_fact);
    if (!segment.empty() && segments.size() < hybrid::max_segments) segments.intern(segment);
    if (record.shadow) return;
    const std::string_view channel = detail::value_of(entry.facts, options.channel_fact);
    for (const placed_item& place : record.slate) {
      responses.shown(place.item);
      channels.shown(channel, place.item);
    }
  });
  if (!whole) ++counters.half_learned;
  pending.trim([this](detail::pending_decision& p) noexcept {
    ++counters.evicted_decisions;
    learn_silence(p);
  });
}

namespace detail {

// an answer as the log keeps it, and as its rewards will need it
inline std::pair<answer_entry, pending_decision> records_of(const request& asked, const request& r, decision_id id,
                                                            const frozen& from, hybrid::decided&& d) {
  const hybrid::knowledge& known = from.view.known;
  std::pair<answer_entry, pending_decision> out;
  decision& record = out.first.record;
  pending_decision& wait = out.second;
  record.id = wait.id = id;
  record.user = wait.user = from.user;
  record.user_name = wait.user_name = r.user;
  record.time = wait.time = r.time;
  record.shadow = wait.shadow = r.shadow;
  record.position = known.position;
  record.given = !from.given.empty();
  record.model_version = known.batch != nullptr ? known.batch->version : 0;
  wait.user_problem = check_id(asked.user, reject_reason::empty_user);
  out.first.user_problem = static_cast<std::uint8_t>(wait.user_problem);
  out.first.count = static_cast<std::uint32_t>(r.count);
  out.first.limited = from.view.limited;
  out.first.only = from.view.only;
  out.first.seen = from.seen;
  if (from.view.rules.has_value()) out.first.rules = *r.rules;
  for (const hybrid::slate_place& place : d.slate) {
    const item_index item = d.candidates.items[place.candidate];
    record.slate.push_back({item, d.score[place.candidate], place.propensity});
    wait.shown.push_back(place.candidate);
    wait.shown_items.push_back(item);
  }
  if (!d.slate.empty()) wait.propensity = d.slate.front().propensity;
  wait.candidates = std::make_shared<const hybrid::candidate_set>(std::move(d.candidates));
  return out;
}

// An answer without some sources teaches the blend nothing: those that were not asked would be blamed for it. So it
// waits without candidates, and what comes of it counts for its items.
inline void note_effort(const hybrid::effort& how, const source_list& sources, answer_entry& entry,
                        pending_decision& wait) {
  if (how.level == answer_level::full) return;
  entry.record.level = how.level;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    if (how.left_out[s]) entry.left_out.emplace_back(sources[s]->name());
  }
  auto none = std::make_shared<hybrid::candidate_set>();
  none->n_sources = sources.size();
  wait.candidates = std::move(none);
  wait.shown.clear();
}

inline std::vector<recommended_item> items_of(const decision& d, const cow_vector<std::string_view>& names) {
  std::vector<recommended_item> out;
  out.reserve(d.slate.size());
  for (const placed_item& place : d.slate) {
    out.push_back({std::string(names[slot(place.item)]), place.score, place.propensity});
  }
  return out;
}

}  // namespace detail

// ---- catalogue ----------------------------------------------------------------------------------------------------

// throws with nothing changed but facts that no item has
inline void engine::state::upsert(std::string_view id, std::vector<std::string> given) {
  draft made(*this);
  const item_index item = items.intern(id);
  std::vector<std::uint32_t> now;
  now.reserve(given.size());
  for (const std::string& fact : given) now.push_back(raw(attribute_facts.intern(fact)));
  attribute_items.grow(attribute_facts.size());
  if (!now.empty()) attributes.grow(slot(item) + 1);
  const bool has_row = slot(item) < attributes.size();
  const std::vector<std::uint32_t> before = has_row ? attributes.write(slot(item)) : std::vector<std::uint32_t>{};
  for (const std::uint32_t fact : before) (void)attribute_items.write(fact);  // unshares: below nothing can fail
  for (const std::uint32_t fact : now) (void)attribute_items.write(fact);
  list_items();
  store->append(change_entry(item_entry{item, id, std::move(given)}));
  made.keep();
  for (const std::uint32_t fact : before) attribute_items.write(fact) -= 1;
  for (const std::uint32_t fact : now) attribute_items.write(fact) += 1;
  if (has_row) attributes.write(slot(item)).swap(now);
  retired.erase(std::remove(retired.begin(), retired.end(), item), retired.end());
}

inline void engine::state::retire(std::string_view id) {
  draft made(*this);
  const item_index item = items.intern(id);
  if (std::find(retired.begin(), retired.end(), item) != retired.end()) return;
  retired.reserve(retired.size() + 1);
  list_items();
  store->append(change_entry(retire_entry{item, id}));
  made.keep();
  retired.push_back(item);
}

// ---- users --------------------------------------------------------------------------------------------------------

inline void engine::state::refuse_consent(user_index user, bool refused) {
  if (no_consent.size() <= slot(user)) no_consent.resize(slot(user) + 1);
  no_consent[slot(user)] = refused;
}

// throws with nothing changed
inline void engine::state::set_consent(std::string_view id, bool given) {
  draft made(*this);
  const user_index user = owner[slot(user_of(id))];
  no_consent.reserve(slot(user) + 1);
  store->append(change_entry(consent_entry{user, id, given}));
  made.keep();
  refuse_consent(user, !given);
}

// throws with nothing changed
inline void engine::state::merge(std::string_view from_id, std::string_view to_id) {
  if (from_id == to_id) return;
  // pages shown to a visitor who had done nothing yet
  const auto is_strangers = [&](const detail::pending_decision& p) {
    return p.user == no_id<user_index> && p.user_name == from_id;
  };
  bool waiting = false;
  pending.for_each([&](const detail::pending_decision& p) { waiting = waiting || is_strangers(p); });
  const user_index from = users.find(from_id);
  if (from == no_id<user_index> && !waiting) return;
  draft made(*this);
  const user_index to = user_of(to_id);
  cow<online::history> both = histories[slot(to)];
  if (from != no_id<user_index>) both.write().merge(*histories[slot(from)]);
  store->append(change_entry(merge_entry{to, from_id, to_id}));
  made.keep();
  if (from != no_id<user_index>) {
    histories[slot(to)] = std::move(both);
    histories[slot(from)] = nobody;
    for (user_index& each : owner) each = each == from ? to : each;
    users.release(from_id);
  }
  pending.for_each([&](detail::pending_decision& p) {
    if (is_strangers(p)) p.user = to;
  });
}

TANDEM_END
