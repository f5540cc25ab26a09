#pragma once
// What an engine holds under its lock, and how one event or one answer changes it.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/fair_mutex.hpp"
#include "tandem/core/interner.hpp"
#include "tandem/detail/engine_checks.hpp"
#include "tandem/detail/engine_rules.hpp"
#include "tandem/detail/key_set.hpp"
#include "tandem/detail/pending_decisions.hpp"
#include "tandem/engine.hpp"
#include "tandem/hybrid/choice_log.hpp"
#include "tandem/hybrid/decide.hpp"
#include "tandem/hybrid/effort.hpp"
#include "tandem/online/channel_rates.hpp"
#include "tandem/online/trend.hpp"
#include "tandem/store/durable_store.hpp"
#include "tandem/store/memory_store.hpp"

TANDEM_BEGIN
namespace detail {

using source_list = std::vector<std::shared_ptr<const hybrid::source>>;

struct refit_input;
struct state_copy;

// what an answer is made from: copied under the lock, used without it
struct frozen {
  hybrid::view view;
  std::shared_ptr<const source_list> sources;
  std::unique_ptr<hybrid::gather_scratch> scratch;
  user_index user = no_id<user_index>;
  std::vector<item_index> blocked;         // by the request; in view.forbidden too
  std::vector<hybrid::given_place> given;  // the page, if the request gives it
  entry_number seen{};                     // the last entry that it knows
};

}  // namespace detail

struct engine::state {
  state(engine_options o, std::unique_ptr<event_store> log,
        std::span<const std::shared_ptr<const hybrid::source>> own = {});

  const engine_options options;
  std::mutex refit_mutex;  // one refit at a time; taken before `mutex`
  mutable fair_mutex mutex;
  // ---- guarded by mutex -----------------------------------------------------------------------------------------
  std::unique_ptr<event_store> store;
  durable_store* const durable;                        // the store, if it is one; its thread-safe members need no lock
  std::shared_ptr<const detail::source_list> sources;  // replaced, never changed; fixed after the first answer
  interner<user_index> users;
  interner<item_index> items;
  interner<action_index> actions;
  interner<detail::fact_index> facts;               // of contexts
  interner<detail::fact_index> attribute_facts;     // of items
  mutable detail::fact_attributes fact_attributes;  // of attribute_facts; brought up to them when rules are read
  std::vector<double> action_weight;
  std::vector<user_index> owner;  // who has what a user index did, after merges
  std::vector<cow<online::history>> histories;
  const cow<online::history> nobody;
  cow_vector<std::string_view> item_names;  // the catalogue as answers see it: a prefix of items, whole between calls
  std::vector<item_index> retired;
  online::trend popularity{std::numeric_limits<double>::infinity()};
  cow_vector<float> damping;
  online::recency latest;
  std::vector<online::trend> trends;
  online::sequence sequence;
  online::response_rate responses;
  online::channel_rates channels;
  interner<detail::segment_index> segments;  // of users, as contexts name them: those with weights of their own
  std::vector<online::trend> contexts;       // by fact
  cow_vector<std::vector<std::uint32_t>> attributes;
  cow_vector<float> attribute_items;
  hybrid::blender blender;
  hybrid::choice_log choices;  // what a ranker is fitted to
  std::shared_ptr<const hybrid::batch_snapshot> batch;
  detail::pending_decisions pending;
  detail::key_set keys;
  std::uint64_t next_decision = 1;
  std::uint64_t next_logged = 1;  // as the log has it: an answer that is being made has its id before it is there
  bool refit_scheduled = false;
  bool answered = false;
  std::uint64_t batch_snapshot = 0;  // where the store keeps the model; 0 = nowhere
  entry_number checkpointed{};       // the last entry that a snapshot of the state was taken at
  bool needs_rebuild = false;        // what was learned holds what was to be forgotten
  std::vector<bool> forgotten;       // by user: nothing of theirs is logged any more
  std::map<std::string, std::vector<user_index>> unfinished;  // whom forget() did not erase yet, by who was named
  std::vector<bool> no_consent;                               // by owner: their events are not learned from
  std::size_t own_sources = 0;                                // of the host, behind the built-in ones
  engine_stats counters;
  bool any_time = false;
  bool host_has_clock = false;
  mutable std::vector<std::unique_ptr<hybrid::gather_scratch>> idle_scratch;
  std::optional<hybrid::cost_book> costs;  // of answers with a budget, from the first on

  // ---- ids: what a call makes known is taken back unless it ends well ---------------------------------------------
  class draft;
  struct told {  // an event with all that is known of it
    const event& said;
    double weight;
    detail::pending_decision* answer;  // the page that it names
    bool again;                        // which has a reward of this item already
    bool own_context;
    const std::vector<std::string>& where;  // the context's facts
  };
  user_index user_of(std::string_view id);
  action_index action_of(std::string_view id);
  item_index listed(std::string_view id) const;
  double weight_of(std::string_view action) const;
  void list_items();

  // ---- a durable store; these take the locks they need -----------------------------------------------------------
  entry_number last_entry() const noexcept;  // guarded by mutex
  bool settle(entry_number entry) const noexcept;
  template <class F>
  void change(F&& f);
  void add_candidates(answer_entry& entry, const detail::pending_decision& wait) const;
  class recovery;
  bool load_snapshot(const snapshot_info& info, open_report& report);
  detail::state_copy copy() const;  // guarded by mutex
  std::uint64_t load(byte_reader& in, log_position& position);
  void load_users(byte_reader& in);
  void load_learners(byte_reader& in);
  std::shared_ptr<const hybrid::batch_snapshot> read_model(std::uint64_t snapshot) const;
  std::uint64_t write_model(const hybrid::batch_snapshot& model, entry_number seen, bool outlives_keys = false) const;
  void checkpoint();
  void checkpoint_now(bool outlives_keys = false);
  void checkpoint_if_possible();
  void keep_model();
  std::string made_with(std::uint64_t model) const;
  void close();
  std::vector<user_index> group_of(std::string_view id) const;  // this and the next two guarded by mutex
  erasure whose(std::string_view id, std::span<const user_index> group) const;
  void drop(std::string_view id, std::span<const user_index> group);
  bool is_forgotten(user_index user) const noexcept { return slot(user) < forgotten.size() && forgotten[slot(user)]; }
  std::uint64_t write_without(std::span<const user_index> gone, const erasure& what);
  void keep_keys_of_others(const erasure& what);
  erasure_receipt forget(std::string_view id, timestamp asked);
  void finish_forgetting();
  open_report learn_from(const journal& log, const function_ref<void(const answer_again&)>* each);
  user_data data_of(std::string_view id) const;
  std::uint64_t compact(const retention& keep);
  entry_number last_to_forget(const retention& keep) const;
  void drop_old_snapshots(const std::vector<snapshot_info>& before) const;
  std::uint64_t digest() const;

  // ---- events ---------------------------------------------------------------------------------------------------
  observe_result observe(const event& e, bool as_reward) noexcept;  // takes the lock
  observe_result take(const event& e, bool as_reward) noexcept;
  observe_result reject(reject_reason why) noexcept;
  observe_result log(const told& t);
  reject_reason weigh(const event& e, const detail::pending_decision* answer, double& weight) const;
  void learn(const logged_event& e);
  void learn_context(item_index item, const std::vector<std::string>& where);
  void learn_taken(const detail::pending_decision& p, item_index item, double value);
  void learn_reward(detail::pending_decision& p, user_index who, item_index item, double value);
  void learn_late_reward(const detail::pending_decision& p, item_index item, double value);
  void learn_silence(detail::pending_decision& p) noexcept;
  void move_clock(timestamp now) noexcept;
  void tell_time(timestamp now);

  // ---- batch; takes the locks it needs --------------------------------------------------------------------------
  class ticket;
  void refit(executor_ref executor, const progress& report);
  detail::refit_input refit_input_now();

  // ---- answers --------------------------------------------------------------------------------------------------
  detail::frozen freeze(const request& r, const std::vector<std::string>& where) const;
  hybrid::view view_of(const request& r, user_index user, const std::vector<std::string>& where) const;
  void remember(const answer_entry& entry, detail::pending_decision wait);
  bool try_to_remember(answer_entry& entry, detail::pending_decision wait);
  void keep(std::unique_ptr<hybrid::gather_scratch> scratch) const noexcept;
  hybrid::effort afford(std::chrono::nanoseconds budget);
  hybrid::known_rules rules_of(const page_rules& rules) const;
  std::vector<hybrid::given_place> page_of(std::span<const shown_item> shown) const;
  void add_listed(std::span<const std::string_view> ids, std::vector<item_index>& to) const;

  // ---- catalogue and users --------------------------------------------------------------------------------------
  void upsert(std::string_view id, std::vector<std::string> given);
  void retire(std::string_view id);
  void merge(std::string_view from_id, std::string_view to_id);
  void set_consent(std::string_view id, bool given);
  void refuse_consent(user_index user, bool refused);
  bool may_learn_from(user_index of) const noexcept { return slot(of) >= no_consent.size() || !no_consent[slot(of)]; }
};

namespace detail {

inline bool has_source(const source_list& in, std::string_view name) {
  return std::any_of(in.begin(), in.end(), [&](const auto& each) { return each->name() == name; });
}

inline std::string_view leader_of(const hybrid::blend_weights& weights, const source_list& sources) {
  if (weights.leader < sources.size()) return sources[weights.leader]->name();
  return weights.leader == weights.blend_leads() ? "blend" : "ranker";
}

// nothing is to be ranked when there is one source
inline hybrid::choice_log new_choice_log(const engine_options& o, std::size_t n_sources) {
  hybrid::choice_log_options kept = o.ranker.log();
  if (n_sources < 2) kept.choices = 0;
  return hybrid::choice_log(n_sources, kept);
}

inline void add_source(source_list& to, std::shared_ptr<const hybrid::source> source) {
  if (source == nullptr) throw error(errc::invalid_argument, "must not be null", {{}, 0, "source"});
  for (const auto& each : to) {
    if (each->name() != source->name()) continue;
    throw error(errc::invalid_argument, "there is already a source '" + std::string(source->name()) + "'",
                {{}, 0, "source"}, "give it another name");
  }
  to.push_back(std::move(source));
}

}  // namespace detail

inline engine::state::state(engine_options o, std::unique_ptr<event_store> log,
                            std::span<const std::shared_ptr<const hybrid::source>> own)
    : options(std::move(o)),
      store(log != nullptr ? std::move(log) : std::make_unique<memory_store>(options.max_logged_decisions)),
      durable(store->durable()),
      sequence(options.sequence),
      pending(options.max_pending_decisions),
      keys(options.max_event_keys) {
  if (raw(store->end()) != 0) {
    throw error(errc::wrong_state, "the store already holds events", {{}, 0, "store"},
                "give an empty one and observe its events again");
  }
  for (const double half_life : hybrid::trend_half_lives) trends.emplace_back(half_life);
  detail::source_list list;
  if (options.sources.empty()) {
    for (const hybrid::source_info& each : hybrid::built_in_sources()) {
      if (each.by_default) list.push_back(hybrid::make_source(each.name, options.live));
    }
  }
  for (const std::string& name : options.sources) list.push_back(hybrid::make_source(name, options.live));
  for (const auto& each : own) detail::add_source(list, each);
  own_sources = own.size();
  blender = hybrid::blender(list.size(), options.blender);
  choices = detail::new_choice_log(options, list.size());
  sources = std::make_shared<const detail::source_list>(std::move(list));
  for (const auto& [name, weight] : options.actions) action_weight[slot(action_of(name))] = weight;
}

// ---- ids ----------------------------------------------------------------------------------------------------------

// Takes back the ids that were made known since it was made, unless they are kept.
class engine::state::draft {
 public:
  explicit draft(state& s) noexcept
      : state_(&s),
        users_(s.users.size()),
        items_(s.items.size()),
        actions_(s.actions.size()),
        attribute_facts_(s.attribute_facts.size()) {}
  draft(const draft&) = delete;
  draft& operator=(const draft&) = delete;
  ~draft() {
    if (state_ == nullptr) return;
    state_->users.shrink(users_);
    state_->items.shrink(items_);
    state_->item_names.shrink(items_);
    state_->attributes.shrink(items_);
    state_->actions.shrink(actions_);
    state_->attribute_facts.shrink(attribute_facts_);
    if (has_key_) state_->keys.take_back();
  }
  void add_key(std::string_view key) {
    if (key.empty()) return;
    state_->keys.add(key);
    has_key_ = true;
  }
  void keep() noexcept {
    state_->keys.trim();
    state_ = nullptr;
  }

 private:
  state* state_;
  std::size_t users_, items_, actions_, attribute_facts_;
  bool has_key_ = false;
};

// room first, then the name: a user that is known has a place
inline user_index engine::state::user_of(std::string_view id) {
  while (owner.size() <= users.size()) owner.push_back(user_index{static_cast<std::uint32_t>(owner.size())});
  while (histories.size() <= users.size()) histories.push_back(nobody);
  return users.intern(id);
}

inline action_index engine::state::action_of(std::string_view id) {
  while (action_weight.size() <= actions.size()) action_weight.push_back(1);
  return actions.intern(id);
}

// the item if answers know it
inline item_index engine::state::listed(std::string_view id) const {
  const item_index item = items.find(id);
  return slot(item) < item_names.size() ? item : no_id<item_index>;
}

inline double engine::state::weight_of(std::string_view action) const {
  const action_index known = actions.find(action);
  return known == no_id<action_index> ? 1 : action_weight[slot(known)];
}

// brings item_names up to items
inline void engine::state::list_items() {
  for (std::size_t i = item_names.size(); i < items.size(); ++i) {
    if (i != 0) (void)item_names.write(i - 1);  // unshares the last block: nothing can fail between room and name
    item_names.grow(i + 1);
    item_names.write(i) = items.name(item_index{static_cast<std::uint32_t>(i)});
  }
}

// ---- events -------------------------------------------------------------------------------------------------------

namespace detail {

// Runs every step, also when another runs out of memory: one learner's trouble is not another's. False if one did.
template <class... Steps>
bool attempt(Steps&&... steps) noexcept {
  bool whole = true;
  const auto run = [&whole](auto& step) {
    try {
      step();
    } catch (...) {
      whole = false;
    }
  };
  (run(steps), ...);
  return whole;
}

}  // namespace detail

inline observe_result engine::state::reject(reject_reason why) noexcept {
  ++counters.rejected;
  return {observe_status::rejected, why, {}};
}

// why the event cannot be taken, now that its action and its decision are looked up
inline reject_reason engine::state::weigh(const event& e, const detail::pending_decision* answer,
                                          double& weight) const {
  if (host_has_clock && options.max_ahead < e.time - counters.newest) return reject_reason::time_in_future;
  weight = weight_of(e.action) * e.value;
  if (!(std::abs(weight) <= max_event_weight)) return reject_reason::value_too_large;
  return answer != nullptr ? answer->user_problem : reject_reason::none;
}

inline observe_result engine::state::take(const event& e, bool as_reward) noexcept {
  detail::pending_decision* const answer = pending.find(e.decision);
  const bool unknown = answer == nullptr && (as_reward || e.decision != decision_id::none);
  double weight = 0;
  const reject_reason why = weigh(e, as_reward ? answer : nullptr, weight);
  if (why != reject_reason::none) return reject(why);
  if (as_reward && unknown) {
    ++counters.unknown_rewards;
    return reject(reject_reason::unknown_decision);
  }
  if (!e.key.empty() && keys.contains(e.key)) {
    ++counters.duplicates;
    return {observe_status::duplicate, reject_reason::none, {}};
  }
  const item_index item = items.find(e.item);
  const bool again = answer != nullptr && answer->was_rewarded(item);
  if (again && as_reward) {
    ++counters.duplicate_rewards;
    return {observe_status::duplicate, reject_reason::none, {}};
  }
  if (raw(store->end()) >= options.max_events) return {observe_status::full, reject_reason::none, {}};
  try {
    const bool of_page = answer != nullptr && e.context.empty();
    const std::vector<std::string> where = of_page ? answer->facts : detail::fact_names(e.context);
    const observe_result out = log({e, weight, answer, again, !of_page, where});
    if (!of_page) counters.ignored_facts += e.context.size() - where.size();
    if (unknown) ++counters.unknown_rewards;
    if (again) ++counters.duplicate_rewards;
    return out;
  } catch (const std::bad_alloc&) {
    return {observe_status::out_of_memory, reject_reason::none, {}};
  } catch (...) {
    return {observe_status::store_failed, reject_reason::none, {}};
  }
}

// Throws with nothing changed up to the append, and never after it.
inline observe_result engine::state::log(const told& t) {
  const event& e = t.said;
  detail::pending_decision* const answer = t.answer;
  draft made(*this);
  logged_event record;
  record.item = items.intern(e.item);
  if (!e.user.empty()) {
    record.user = user_of(e.user);
  } else {  // a reward: of whoever the page was for
    record.user = answer->user != no_id<user_index> ? owner[slot(answer->user)] : user_of(answer->user_name);
  }
  record.action = action_of(e.action);
  record.weight = static_cast<float>(t.weight);
  record.time = e.time;
  record.decision = e.decision;
  const bool rewards = answer != nullptr && !t.again;
  if (rewards) answer->rewarded.reserve(answer->rewarded.size() + 1);
  made.add_key(e.key);
  event_entry entry{record,   users.name(record.user), e.item,       e.action, e.key, e.value,
                    t.weight, e.user.empty(),          t.own_context};
  if (t.own_context) entry.facts = t.where;
  const log_position position = store->append(entry);
  made.keep();

  const bool late = any_time && counters.newest - e.time > options.lateness;
  if (late) ++counters.late;
  ++counters.events;
  const auto from_reward = [&] {
    const user_index who = owner[slot(record.user)];
    if (rewards && may_learn_from(who)) learn_reward(*answer, who, record.item, t.weight);
  };
  const auto from_context = [&] {
    if (t.weight > 0 && may_learn_from(owner[slot(record.user)])) learn_context(record.item, t.where);
  };
  // learners may name any item they know to a reader of the list
  const bool whole = detail::attempt([&] { list_items(); }) && detail::attempt(
                                                                   from_reward, [&] { learn(record); }, from_context);
  if (!whole) ++counters.half_learned;
  move_clock(e.time);
  return {late ? observe_status::late : observe_status::accepted, reject_reason::none, position, last_entry()};
}

inline void engine::state::learn(const logged_event& e) {
  const user_index who = owner[slot(e.user)];
  cow<online::history>& past = histories[slot(who)];
  if (e.weight == 0) return;
  if (e.weight < 0) {
    past.write().dislike(e.item);
    return;
  }
  const online::past_event now{e.item, e.time};
  if (!may_learn_from(who)) return past.write().add(now);
  sequence.expect(past->recent(), e.item);
  const auto tick = static_cast<double>(counters.events);
  const bool whole = detail::attempt(
      [&] {
        popularity.add(e.item, tick);
        damping.grow(slot(e.item) + 1);
        damping.write(slot(e.item)) = 1 / std::sqrt(5 + popularity.relative(e.item));
        latest.note(e.item, popularity.total());
      },
      [&] {
        for (online::trend& each : trends) each.add(e.item, tick);
      },
      [&] { sequence.learn(past->recent(), now, tick); }, [&] { past.write().add(now); });
  if (!whole) throw std::bad_alloc();
}

inline void engine::state::learn_context(item_index item, const std::vector<std::string>& where) {
  for (const std::string& name : where) {
    if (facts.size() >= options.max_facts && facts.find(name) == no_id<detail::fact_index>) {
      ++counters.ignored_facts;
      continue;
    }
    while (contexts.size() <= facts.size()) contexts.emplace_back(std::numeric_limits<double>::infinity());
    contexts[slot(facts.intern(name))].add(item, static_cast<double>(counters.events));
  }
}

inline void engine::state::move_clock(timestamp now) noexcept {
  if (any_time && now <= counters.newest) return;
  any_time = true;
  counters.newest = now;
  pending.settle(now, options.reward_window, [this](detail::pending_decision& p) noexcept { learn_silence(p); });
}

TANDEM_END
