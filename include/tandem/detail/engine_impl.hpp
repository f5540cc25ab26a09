#pragma once
// The engine's public members: check, lock, hand to the state, answer.

#include <cmath>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include "tandem/core/utf8.hpp"
#include "tandem/data/interactions.hpp"
#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN

inline std::string_view name(observe_status status) noexcept {
  switch (status) {
    case observe_status::accepted: return "accepted";
    case observe_status::duplicate: return "duplicate";
    case observe_status::late: return "late";
    case observe_status::rejected: return "rejected";
    case observe_status::store_failed: return "store_failed";
    case observe_status::full: return "full";
    case observe_status::out_of_memory: return "out_of_memory";
  }
  return "unknown";
}

inline std::string_view name(reject_reason reason) noexcept {
  switch (reason) {
    case reject_reason::none: return "none";
    case reject_reason::empty_user: return "empty_user";
    case reject_reason::empty_item: return "empty_item";
    case reject_reason::id_too_long: return "id_too_long";
    case reject_reason::not_utf8: return "not_utf8";
    case reject_reason::value_not_finite: return "value_not_finite";
    case reject_reason::time_in_future: return "time_in_future";
    case reject_reason::unknown_decision: return "unknown_decision";
  }
  return "unknown";
}

inline void engine_options::validate() const {
  const auto require = [](bool holds, const char* field, const char* range) {
    if (!holds) throw error(errc::invalid_argument, std::string("must ") + range, {{}, 0, field});
  };
  require(rank >= 1 && rank <= 1024, "rank", "lie in [1, 1024]");
  for (const auto& [action, weight] : actions) {
    require(!action.empty() && is_utf8(action), "actions", "have names that are UTF-8 text");
    require(std::isfinite(weight), "actions", "have finite weights");
  }
  require(std::isfinite(default_reward), "default_reward", "be finite");
  require(reward_window > duration::zero(), "reward_window", "be positive");
  require(lateness >= duration::zero(), "lateness", "not be negative");
  require(max_ahead >= duration::zero(), "max_ahead", "not be negative");
  require(live.recency > 0 && live.recency <= 1, "live.recency", "lie in (0, 1]");
  require(live.items >= 1 && live.items <= online::history::max_recent, "live.items", "lie in [1, 128]");
  batch::ials_options fit = ials;
  fit.rank = rank;
  fit.validate();
  sequence.validate();
  blender.validate();
  slate.validate();
}

namespace detail {

inline constexpr timestamp latest_time = from_millis(253402300799999);  // the end of the year 9999

// why an id cannot be taken; none if it can
inline reject_reason check_id(std::string_view id, reject_reason when_empty) noexcept {
  if (id.empty()) return when_empty;
  if (id.size() > max_id_bytes) return reject_reason::id_too_long;
  return is_utf8(id) ? reject_reason::none : reject_reason::not_utf8;
}

inline void require_id(std::string_view id, const char* field) {
  const reject_reason why = check_id(id, reject_reason::empty_item);
  if (why == reject_reason::none) return;
  throw error(errc::invalid_argument,
              why == reject_reason::empty_item    ? "must not be empty"
              : why == reject_reason::id_too_long ? "is longer than " + std::to_string(max_id_bytes) + " bytes"
                                                  : "is not UTF-8 text",
              {{}, 0, field});
}

inline reject_reason check_event(const event& e, bool as_reward) noexcept {
  if (!as_reward) {
    if (const auto why = check_id(e.user, reject_reason::empty_user); why != reject_reason::none) return why;
  }
  if (const auto why = check_id(e.item, reject_reason::empty_item); why != reject_reason::none) return why;
  if (e.key.size() > max_id_bytes || e.action.size() > max_id_bytes) return reject_reason::id_too_long;
  if (e.time > latest_time) return reject_reason::time_in_future;
  return std::isfinite(e.value) ? reject_reason::none : reject_reason::value_not_finite;
}

}  // namespace detail

inline engine::engine(engine_options options) {
  options.validate();
  options.ials.rank = options.rank;
  options.ials.seed = options.seed;
  state_ = std::make_unique<state>(std::move(options));
}
inline engine::~engine() = default;
inline engine::engine(engine&&) noexcept = default;
inline engine& engine::operator=(engine&&) noexcept = default;

inline observe_result engine::observe(const event& e) noexcept {
  const reject_reason why = detail::check_event(e, false);
  const std::lock_guard lock(state_->mutex);
  if (why != reject_reason::none) {
    ++state_->counters.rejected;
    return {observe_status::rejected, why, {}};
  }
  try {
    return state_->take(e, false);
  } catch (...) {
    return {observe_status::out_of_memory, reject_reason::none, {}};
  }
}

inline std::size_t engine::observe(std::span<const event> events) noexcept {
  std::size_t taken = 0;
  for (const event& e : events) taken += observe(e).taken() ? 1U : 0U;
  return taken;
}

inline observe_result engine::reward(decision_id id, std::string_view item, double value, timestamp time) noexcept {
  event e;
  e.item = item;
  e.action = "reward";
  e.value = value;
  e.time = time;
  e.decision = id;
  const reject_reason why = detail::check_event(e, true);
  const std::lock_guard lock(state_->mutex);
  if (why != reject_reason::none) {
    ++state_->counters.rejected;
    return {observe_status::rejected, why, {}};
  }
  if (id == decision_id::none) {
    ++state_->counters.unknown_rewards;
    return {observe_status::rejected, reject_reason::unknown_decision, {}};
  }
  try {
    return state_->take(e, true);
  } catch (...) {
    return {observe_status::out_of_memory, reject_reason::none, {}};
  }
}

inline recommendation engine::recommend(const request& r) noexcept {
  recommendation out;
  try {
    hybrid::view view;
    std::unique_ptr<hybrid::gather_scratch> scratch;
    user_index user{};
    {
      const std::lock_guard lock(state_->mutex);
      state_->answered = true;
      user = state_->users.find(r.user);
      view = state_->view_of(r, user);
      scratch = state_->scratch();
      out.id = decision_id{state_->next_decision++};
      ++state_->counters.decisions;
    }
    const engine_options& options = state_->options;
    const hybrid::query q{view.known, r.user, user, r.time, r.context, r.exclude_seen.value_or(options.exclude_seen)};
    const hybrid::wish wish{r.count, options.blender.proposals, !r.shadow, options.seed, out.id};
    hybrid::decided decided = hybrid::decide(view, q, state_->sources, wish, options.slate, *scratch);
    out.position = view.known.position;
    out.model_version = view.known.batch != nullptr ? view.known.batch->version : 0;
    out.items.reserve(decided.slate.size());
    for (const hybrid::slate_place& place : decided.slate) {
      const item_index item = decided.candidates.items[place.candidate];
      out.items.push_back(
          {std::string(view.known.items[slot(item)]), decided.score[place.candidate], place.propensity});
    }
    view = hybrid::view();  // what it shared need not be copied to be written
    const std::lock_guard lock(state_->mutex);
    state_->remember(r, user, out, std::move(decided));
    state_->idle_scratch.push_back(std::move(scratch));
  } catch (...) {  // out of memory: no answer rather than half of one
    out.items.clear();
  }
  return out;
}

inline explanation engine::explain(const request& r, std::string_view item_id) const {
  explanation out;
  hybrid::view view;
  std::unique_ptr<hybrid::gather_scratch> scratch;
  user_index user{};
  item_index item{};
  {
    const std::lock_guard lock(state_->mutex);
    item = state_->items.find(item_id);
    if (item == no_id<item_index>) return out;
    user = state_->users.find(r.user);
    view = state_->view_of(r, user);
    scratch = state_->scratch();
  }
  const engine_options& options = state_->options;
  const hybrid::query q{view.known, r.user, user, r.time, r.context, r.exclude_seen.value_or(options.exclude_seen)};
  hybrid::wish wish;
  wish.count = r.count;
  wish.proposals = options.blender.proposals;
  wish.explore = false;
  const hybrid::decided decided = hybrid::decide(view, q, state_->sources, wish, options.slate, *scratch);
  out.known = true;
  const hybrid::candidate_set& set = decided.candidates;
  const auto at = std::find(set.items.begin(), set.items.end(), item);
  out.candidate = at != set.items.end();
  const auto c = static_cast<std::size_t>(at - set.items.begin());
  const auto mean_rank = [](std::span<const float> scores, float mine) {
    const auto above = std::count_if(scores.begin(), scores.end(), [&](float s) { return s > mine; });
    const auto equal = std::count(scores.begin(), scores.end(), mine);
    return static_cast<double>(above) + static_cast<double>(equal - 1) / 2;
  };
  if (out.candidate) {
    out.score = decided.score[c];
    out.rank = mean_rank(decided.score, out.score);
  }
  const std::size_t leader = view.weights->leader;
  out.served_by = leader == state_->sources.size() ? std::string_view("blend") : state_->sources[leader]->name();
  out.allowed = set.n_sources > 0 && !set.unit.empty() &&
                std::find(scratch->forbidden.begin(), scratch->forbidden.end(), item) == scratch->forbidden.end() &&
                (!view.limited || std::find(view.only.begin(), view.only.end(), item) != view.only.end());
  for (std::size_t s = 0; s < set.n_sources && out.allowed; ++s) {
    const std::span<const float> scores = scratch->scores_of(s, q.n_items());
    source_opinion opinion;
    opinion.name = state_->sources[s]->name();
    opinion.score = scores[slot(item)];
    opinion.rank = mean_rank(scores, opinion.score);
    opinion.proposed = out.candidate && set.place[c * set.n_sources + s] != hybrid::candidate_set::not_proposed;
    out.sources.push_back(opinion);
  }
  const std::lock_guard lock(state_->mutex);
  state_->idle_scratch.push_back(std::move(scratch));
  return out;
}

inline void engine::refit(executor_ref executor, const progress& report) {
  const std::lock_guard one_at_a_time(state_->refit_mutex);
  std::shared_ptr<const log_prefix> prefix;
  std::vector<user_index> owner;
  std::size_t n_items = 0;
  std::shared_ptr<const hybrid::batch_snapshot> before;
  {
    const std::lock_guard lock(state_->mutex);
    prefix = state_->store.prefix();
    owner = state_->owner;
    n_items = state_->items.size();
    before = state_->batch;
  }
  std::vector<interaction> events;
  events.reserve(raw(prefix->end()));
  prefix->read(log_position{0}, [&](std::span<const logged_event> run) {
    for (const logged_event& e : run) events.push_back({owner[slot(e.user)], e.item, e.weight, e.time});
  });
  const interactions log = interactions::from_events(events, owner.size(), n_items, merge_rule::max);
  auto after = std::make_shared<hybrid::batch_snapshot>(std::make_shared<const batch::factor_model>(
      batch::fit_ials(log, state_->options.ials, executor, report, before != nullptr ? before->model.get() : nullptr)));
  after->position = prefix->end();
  after->version = before != nullptr ? before->version + 1 : 1;
  after->popularity.resize(n_items);
  for (std::size_t i = 0; i < n_items; ++i) {
    after->popularity[i] =
        std::log1p(static_cast<float>(log.users_of(item_index{static_cast<std::uint32_t>(i)}).size()));
  }
  const std::lock_guard lock(state_->mutex);
  state_->batch = std::move(after);
  ++state_->counters.refits;
}

inline bool engine::refit_in_background(const std::function<void(std::function<void()>)>& post, executor_ref executor,
                                        progress report, std::function<void(std::exception_ptr)> done) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->refit_scheduled) return false;
    state_->refit_scheduled = true;
  }
  const auto finish = [this] {
    const std::lock_guard lock(state_->mutex);
    state_->refit_scheduled = false;
  };
  try {
    post([this, executor, finish, report = std::move(report), done = std::move(done)] {
      std::exception_ptr failure;
      try {
        refit(executor, report);
      } catch (...) {
        failure = std::current_exception();
        const std::lock_guard lock(state_->mutex);
        ++state_->counters.failed_refits;
      }
      finish();
      if (done) done(failure);
    });
  } catch (...) {
    finish();
    throw;
  }
  return true;
}

inline std::shared_ptr<const batch::factor_model> engine::model() const {
  const std::lock_guard lock(state_->mutex);
  return state_->batch != nullptr ? state_->batch->model : nullptr;
}

inline void engine::upsert_item(std::string_view item_id, const context_list& attributes) {
  detail::require_id(item_id, "item");
  const std::lock_guard lock(state_->mutex);
  const item_index item = state_->item_of(item_id);
  auto& retired = state_->retired;
  retired.erase(std::remove(retired.begin(), retired.end(), item), retired.end());
  const std::vector<std::uint32_t> facts = state_->facts_of(attributes);
  state_->attribute_items.grow(state_->facts.size());
  if (slot(item) < state_->attributes.size()) {
    for (const std::uint32_t fact : state_->attributes[slot(item)]) state_->attribute_items.write(fact) -= 1;
  } else if (!facts.empty()) {
    state_->attributes.grow(slot(item) + 1);
  }
  for (const std::uint32_t fact : facts) state_->attribute_items.write(fact) += 1;
  if (slot(item) < state_->attributes.size()) state_->attributes.write(slot(item)) = facts;
}

inline void engine::retire_item(std::string_view item_id) {
  detail::require_id(item_id, "item");
  const std::lock_guard lock(state_->mutex);
  const item_index item = state_->item_of(item_id);
  if (std::find(state_->retired.begin(), state_->retired.end(), item) == state_->retired.end()) {
    state_->retired.push_back(item);
  }
}

inline void engine::merge(std::string_view from_id, std::string_view to_id) {
  detail::require_id(from_id, "from");
  detail::require_id(to_id, "to");
  const std::lock_guard lock(state_->mutex);
  if (from_id == to_id || state_->users.find(from_id) == no_id<user_index>) return;
  const user_index from = state_->user_of(from_id);
  const user_index to = state_->user_of(to_id);
  state_->histories[slot(to)].write().merge(*state_->histories[slot(from)]);
  for (user_index& owner : state_->owner) owner = owner == from ? to : owner;
  state_->users.renew(from_id);
  state_->user_of(from_id);
}

inline void engine::advance(timestamp now) {
  const std::lock_guard lock(state_->mutex);
  state_->host_has_clock = true;
  state_->move_clock(now);
}

inline void engine::add_source(std::shared_ptr<const hybrid::source> source) {
  const std::lock_guard lock(state_->mutex);
  if (source == nullptr) throw error(errc::invalid_argument, "must not be null", {{}, 0, "source"});
  if (state_->answered) {
    throw error(errc::wrong_state, "a source was added after the first answer", {},
                "add sources right after constructing the engine");
  }
  for (const auto& each : state_->sources) {
    if (each->name() == source->name()) {
      throw error(errc::invalid_argument, "there is already a source '" + std::string(source->name()) + "'",
                  {{}, 0, "source"}, "give it another name");
    }
  }
  state_->sources.push_back(std::move(source));
  state_->blender = hybrid::blender(state_->sources.size(), state_->options.blender);
}

inline engine_stats engine::stats() const {
  const std::lock_guard lock(state_->mutex);
  engine_stats out = state_->counters;
  out.users = state_->users.size();
  out.items = state_->items.size();
  out.retired_items = state_->retired.size();
  out.pending_decisions = state_->pending.size();
  out.position = state_->store.end();
  out.model_version = state_->batch != nullptr ? state_->batch->version : 0;
  out.model_position = state_->batch != nullptr ? state_->batch->position : log_position{0};
  const std::size_t leader = state_->blender.weights()->leader;
  out.leader = leader == state_->sources.size() ? "blend" : std::string(state_->sources[leader]->name());
  return out;
}

inline const engine_options& engine::options() const noexcept { return state_->options; }

TANDEM_END
