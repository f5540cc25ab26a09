#pragma once
// The engine's public members: check, lock, hand to the state, answer.

#include <algorithm>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include "tandem/detail/engine_checks.hpp"
#include "tandem/detail/engine_refit.hpp"
#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN

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

inline recommendation engine::recommend(const request& asked) noexcept {
  recommendation out;
  try {
    const request r = detail::sane(asked);
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
    const std::lock_guard lock(state_->mutex);
    state_->remember(r, user, out.id, view, std::move(decided));
    state_->idle_scratch.push_back(std::move(scratch));
  } catch (...) {  // out of memory: no answer rather than half of one
    out.items.clear();
  }
  return out;
}

inline explanation engine::explain(const request& asked, std::string_view item_id) const {
  explanation out;
  const request r = detail::sane(asked);
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

inline void engine::refit(executor_ref executor, const progress& report) { state_->refit(executor, report); }

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
  for (const auto& [fact, value] : attributes) {
    detail::require_text(fact, "attributes");
    detail::require_text(value, "attributes");
  }
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
  if (!detail::is_in_calendar(now)) {
    throw error(errc::invalid_argument, "must lie in the years 1 to 9999", {{}, 0, "now"}, "give milliseconds");
  }
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
