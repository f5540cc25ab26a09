#pragma once
// What an engine holds under its lock, and how one event or one answer changes it.

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tandem/core/fair_mutex.hpp"
#include "tandem/core/interner.hpp"
#include "tandem/engine.hpp"
#include "tandem/hybrid/decide.hpp"
#include "tandem/online/response_rate.hpp"
#include "tandem/online/trend.hpp"
#include "tandem/store/memory_store.hpp"

TANDEM_BEGIN
namespace detail {

// a decision that waits for its rewards
struct pending_decision {
  decision_id id = decision_id::none;
  user_index user = no_id<user_index>;
  std::string user_name;  // the user may be new: known only when an event comes
  timestamp time{};
  bool shadow = false;
  bool expired = false;
  hybrid::candidate_set candidates;
  std::vector<std::size_t> shown;  // subscripts of candidates, in order of place
  std::vector<std::uint32_t> facts;
  std::vector<item_index> rewarded;

  bool was_rewarded(item_index item) const {
    return std::find(rewarded.begin(), rewarded.end(), item) != rewarded.end();
  }
};

// the latest decisions, in order of id
class pending_decisions {
 public:
  explicit pending_decisions(std::size_t capacity) : capacity_(capacity) {}

  pending_decision* find(decision_id id) {
    const auto at = std::lower_bound(open_.begin(), open_.end(), id,
                                     [](const pending_decision& p, decision_id key) { return p.id < key; });
    return at != open_.end() && at->id == id ? &*at : nullptr;
  }
  void add(pending_decision p) {
    if (capacity_ == 0) return;
    auto at = open_.end();
    while (at != open_.begin() && std::prev(at)->id > p.id) --at;  // answers of other threads may finish earlier
    open_.insert(at, std::move(p));
    if (open_.size() > capacity_) open_.pop_front();
  }
  // calls f for every decision made at least `window` before `now` that was not expired yet, oldest first
  template <class F>
  void expire(timestamp now, duration window, F&& f) {
    for (pending_decision& p : open_) {
      if (now - p.time < window) break;
      if (p.expired) continue;
      p.expired = true;
      f(p);
      p.candidates = {};
    }
  }
  std::size_t size() const { return open_.size(); }

 private:
  std::size_t capacity_;
  std::deque<pending_decision> open_;
};

// event keys seen, the oldest forgotten first
class key_set {
 public:
  explicit key_set(std::size_t capacity) : capacity_(capacity) {}
  bool contains(std::string_view key) const { return seen_.count(std::string(key)) != 0; }
  void add(std::string_view key) {
    if (capacity_ == 0 || !seen_.insert(std::string(key)).second) return;
    order_.emplace_back(key);
    if (order_.size() > capacity_) {
      seen_.erase(order_.front());
      order_.pop_front();
    }
  }

 private:
  std::size_t capacity_;
  std::unordered_set<std::string> seen_;
  std::deque<std::string> order_;
};

}  // namespace detail

struct engine::state {
  explicit state(engine_options o)
      : options(std::move(o)),
        sequence(options.sequence),
        pending(options.max_pending_decisions),
        keys(options.max_event_keys) {
    for (const double half_life : hybrid::trend_half_lives) trends.emplace_back(half_life);
    if (options.sources.empty()) {
      for (const hybrid::source_info& each : hybrid::built_in_sources()) {
        if (each.by_default) sources.push_back(hybrid::make_source(each.name, options.live));
      }
    }
    for (const std::string& name : options.sources) sources.push_back(hybrid::make_source(name, options.live));
    blender = hybrid::blender(sources.size(), options.blender);
    for (const auto& [name, weight] : options.actions) action_weight[slot(action_of(name))] = weight;
  }

  const engine_options options;
  std::vector<std::shared_ptr<const hybrid::source>> sources;  // fixed after the first answer

  std::mutex refit_mutex;  // one refit at a time; taken before `mutex`
  mutable fair_mutex mutex;
  // ---- guarded by mutex -----------------------------------------------------------------------------------------
  memory_store store;
  interner<user_index> users;
  interner<item_index> items;
  interner<action_index> actions;
  interner<item_index> facts;  // "name=value" of contexts and attributes
  std::vector<double> action_weight;
  std::vector<user_index> owner;  // who has what a user index did, after merges
  cow_vector<std::string_view> item_names;
  std::vector<item_index> retired;
  std::vector<cow<online::history>> histories;
  const cow<online::history> nobody;
  online::trend popularity{std::numeric_limits<double>::infinity()};
  cow_vector<float> damping;
  std::vector<online::trend> trends;
  online::sequence sequence;
  online::response_rate responses;
  std::map<std::uint32_t, online::trend> contexts;  // by fact
  cow_vector<std::vector<std::uint32_t>> attributes;
  cow_vector<float> attribute_items;
  hybrid::blender blender;
  std::shared_ptr<const hybrid::batch_snapshot> batch;
  detail::pending_decisions pending;
  detail::key_set keys;
  std::uint64_t next_decision = 1;
  bool refit_scheduled = false;
  bool answered = false;
  engine_stats counters;
  bool any_time = false;
  bool host_has_clock = false;
  mutable std::vector<std::unique_ptr<hybrid::gather_scratch>> idle_scratch;

  // ---- ids ------------------------------------------------------------------------------------------------------
  item_index item_of(std::string_view id) {
    const item_index item = items.intern(id);
    if (item_names.size() < items.size()) {
      item_names.grow(items.size());
      item_names.write(slot(item)) = items.name(item);
    }
    return item;
  }
  user_index user_of(std::string_view id) {
    const user_index user = users.intern(id);
    while (histories.size() < users.size()) {
      owner.push_back(user_index{static_cast<std::uint32_t>(histories.size())});
      histories.emplace_back();
    }
    return user;
  }
  action_index action_of(std::string_view id) {
    const action_index action = actions.intern(id);
    if (action_weight.size() < actions.size()) action_weight.push_back(1);
    return action;
  }
  double weight_of(std::string_view action) const {
    const action_index known = actions.find(action);
    return known == no_id<action_index> ? 1 : action_weight[slot(known)];
  }
  static std::string fact_name(const std::pair<std::string_view, std::string_view>& fact) {
    return std::string(fact.first) + '\x1f' + std::string(fact.second);
  }

  // ---- events ---------------------------------------------------------------------------------------------------
  observe_result take(const event& e, bool as_reward);
  void learn(const logged_event& e, const std::vector<std::uint32_t>& where);
  void learn_reward(detail::pending_decision& p, item_index item, double value);
  void move_clock(timestamp now);
  std::vector<std::uint32_t> facts_of(const context_list& context);

  // ---- batch; takes the locks it needs --------------------------------------------------------------------------
  void refit(executor_ref executor, const progress& report);

  // ---- answers --------------------------------------------------------------------------------------------------
  hybrid::view view_of(const request& r, user_index user) const;
  std::unique_ptr<hybrid::gather_scratch> scratch() const;
  void remember(const request& r, user_index user, decision_id id, const hybrid::view& v, hybrid::decided&& d);
};

inline std::vector<std::uint32_t> engine::state::facts_of(const context_list& context) {
  std::vector<std::uint32_t> out;
  for (const auto& fact : context) out.push_back(raw(facts.intern(fact_name(fact))));
  return out;
}

// time moves to `now`: decisions whose window has passed learn that nothing came
inline void engine::state::move_clock(timestamp now) {
  if (any_time && now <= counters.newest) return;
  any_time = true;
  counters.newest = now;
  pending.expire(now, options.reward_window, [&](detail::pending_decision& p) {
    if (p.shadow || !p.rewarded.empty()) return;
    ++counters.expired_decisions;
    blender.learn_miss();
    if (options.default_reward == 0) return;
    for (const std::size_t c : p.shown) responses.taken(p.candidates.items[c], options.default_reward);
  });
}

inline void engine::state::learn_reward(detail::pending_decision& p, item_index item, double value) {
  p.rewarded.push_back(item);
  ++counters.rewards;
  if (p.expired || !(value > 0)) return;
  const auto& items_on_offer = p.candidates.items;
  const auto at = std::find(items_on_offer.begin(), items_on_offer.end(), item);
  if (at == items_on_offer.end()) {
    blender.learn_miss();
    return;
  }
  const auto taken = static_cast<std::size_t>(at - items_on_offer.begin());
  const bool was_shown = !p.shadow && std::find(p.shown.begin(), p.shown.end(), taken) != p.shown.end();
  if (was_shown) {
    responses.taken(item, value);
    blender.learn(p.candidates, p.shown, taken);
    return;
  }
  std::vector<std::size_t> all(items_on_offer.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  blender.learn(p.candidates, all, taken);
}

inline void engine::state::learn(const logged_event& e, const std::vector<std::uint32_t>& where) {
  cow<online::history>& past = histories[slot(owner[slot(e.user)])];
  if (e.weight == 0) return;
  if (e.weight < 0) {
    past.write().dislike(e.item);
    return;
  }
  const auto tick = static_cast<double>(counters.events);
  popularity.add(e.item, tick);
  damping.grow(slot(e.item) + 1);
  damping.write(slot(e.item)) = 1 / std::sqrt(5 + popularity.relative(e.item));
  for (online::trend& each : trends) each.add(e.item, tick);
  for (const std::uint32_t fact : where) {
    contexts.try_emplace(fact, online::trend(std::numeric_limits<double>::infinity())).first->second.add(e.item, tick);
  }
  const online::past_event now{e.item, e.time};
  sequence.learn(past->recent(), now, tick);
  past.write().add(now);
}

inline observe_result engine::state::take(const event& e, bool as_reward) {
  const auto reject = [&](reject_reason why) {
    ++counters.rejected;
    return observe_result{observe_status::rejected, why, {}};
  };
  if (host_has_clock && options.max_ahead < e.time - counters.newest) return reject(reject_reason::time_in_future);
  const double weight = weight_of(e.action) * e.value;
  if (!(std::abs(weight) <= max_event_weight)) return reject(reject_reason::value_too_large);
  if (!e.key.empty() && keys.contains(e.key)) {
    ++counters.duplicates;
    return {observe_status::duplicate, reject_reason::none, {}};
  }
  detail::pending_decision* answer = e.decision == decision_id::none ? nullptr : pending.find(e.decision);
  if (e.decision != decision_id::none && answer == nullptr) {
    ++counters.unknown_rewards;
    if (as_reward) return reject(reject_reason::unknown_decision);
  }
  if (raw(store.end()) >= options.max_events) return {observe_status::full, reject_reason::none, {}};

  const item_index item = item_of(e.item);
  const bool again = answer != nullptr && answer->was_rewarded(item);
  if (again) {
    ++counters.duplicate_rewards;
    if (as_reward) return {observe_status::duplicate, reject_reason::none, {}};
  }
  logged_event record;
  record.user = user_of(as_reward ? std::string_view(answer->user_name) : e.user);
  record.item = item;
  record.action = action_of(e.action);
  record.weight = static_cast<float>(weight);
  record.time = e.time;
  record.decision = e.decision;
  const log_position position = store.append(record);

  if (!e.key.empty()) keys.add(e.key);
  const bool late = any_time && counters.newest - e.time > options.lateness;
  if (late) ++counters.late;
  ++counters.events;
  const std::vector<std::uint32_t> where = answer != nullptr && e.context.empty() ? answer->facts : facts_of(e.context);
  if (answer != nullptr && !again) learn_reward(*answer, item, double{record.weight});
  learn(record, where);
  move_clock(e.time);
  return {late ? observe_status::late : observe_status::accepted, reject_reason::none, position};
}

inline hybrid::view engine::state::view_of(const request& r, user_index user) const {
  hybrid::view v;
  hybrid::knowledge& known = v.known;
  known.batch = batch;
  known.popularity = popularity;
  known.damping = damping;
  known.trends = trends;
  known.responses = responses;
  known.attributes = attributes;
  known.attribute_items = attribute_items;
  known.items = item_names;
  known.position = store.end();
  known.history = user == no_id<user_index> ? nobody : histories[slot(owner[slot(user)])];
  for (const auto& fact : r.context) {
    const item_index found = facts.find(fact_name(fact));
    if (const auto counts = contexts.find(raw(found)); counts != contexts.end())
      known.contexts.push_back(counts->second);
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
  v.forbidden = retired;
  const auto disliked = known.history->disliked();
  v.forbidden.insert(v.forbidden.end(), disliked.begin(), disliked.end());
  for (const std::string_view id : r.blocked) {
    if (const item_index item = items.find(id); item != no_id<item_index>) v.forbidden.push_back(item);
  }
  v.limited = !r.candidates.empty();
  for (const std::string_view id : r.candidates) {
    if (const item_index item = items.find(id); item != no_id<item_index>) v.only.push_back(item);
  }
  return v;
}

inline std::unique_ptr<hybrid::gather_scratch> engine::state::scratch() const {
  if (idle_scratch.empty()) return std::make_unique<hybrid::gather_scratch>();
  auto out = std::move(idle_scratch.back());
  idle_scratch.pop_back();
  return out;
}

// logs an answer and keeps what its rewards will need
inline void engine::state::remember(const request& r, user_index user, decision_id id, const hybrid::view& v,
                                    hybrid::decided&& d) {
  decision record;
  record.id = id;
  record.user = user;
  record.time = r.time;
  record.position = v.known.position;
  record.model_version = v.known.batch != nullptr ? v.known.batch->version : 0;
  record.shadow = r.shadow;
  detail::pending_decision wait;
  for (const hybrid::slate_place& place : d.slate) {
    const item_index item = d.candidates.items[place.candidate];
    record.slate.push_back({item, d.score[place.candidate], place.propensity});
    wait.shown.push_back(place.candidate);
    if (!r.shadow) responses.shown(item);
  }
  store.append(record);
  wait.id = id;
  wait.user = user;
  wait.user_name = r.user;
  wait.time = r.time;
  wait.shadow = r.shadow;
  wait.candidates = std::move(d.candidates);
  wait.facts = facts_of(r.context);
  pending.add(std::move(wait));
}

TANDEM_END
