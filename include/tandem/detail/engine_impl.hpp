#pragma once
// The engine's public members: check, lock, hand to the state, answer.

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tandem/detail/engine_answers.hpp"
#include "tandem/detail/engine_checks.hpp"
#include "tandem/detail/engine_refit.hpp"
#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN

inline engine::engine(engine_options options, std::unique_ptr<event_store> store) {
  options.validate();
  options.ials.rank = options.rank;
  options.ials.seed = options.seed;
  state_ = std::make_shared<state>(std::move(options), std::move(store));
}
inline engine::~engine() = default;
inline engine::engine(engine&&) noexcept = default;
inline engine& engine::operator=(engine&&) noexcept = default;

// ---- events -------------------------------------------------------------------------------------------------------

inline observe_result engine::observe(const event& e) noexcept {
  const reject_reason why = detail::check_event(e, false);
  const std::lock_guard lock(state_->mutex);
  return why == reject_reason::none ? state_->take(e, false) : state_->reject(why);
}

inline std::size_t engine::observe(std::span<const event> events, std::span<observe_result> results) noexcept {
  std::size_t taken = 0;
  for (std::size_t k = 0; k < events.size(); ++k) {
    const observe_result result = observe(events[k]);
    taken += result.taken() ? 1U : 0U;
    if (k < results.size()) results[k] = result;
  }
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
  return why == reject_reason::none ? state_->take(e, true) : state_->reject(why);
}

// ---- answers ------------------------------------------------------------------------------------------------------

namespace detail {

// an answer as the log keeps it, and as its rewards will need it
inline std::pair<decision, pending_decision> records_of(const request& asked, const request& r, decision_id id,
                                                        const frozen& from, hybrid::decided&& d) {
  const hybrid::knowledge& known = from.view.known;
  std::pair<decision, pending_decision> out;
  decision& record = out.first;
  pending_decision& wait = out.second;
  record.id = wait.id = id;
  record.user = wait.user = from.user;
  record.user_name = wait.user_name = r.user;
  record.time = wait.time = r.time;
  record.shadow = wait.shadow = r.shadow;
  record.position = known.position;
  record.model_version = known.batch != nullptr ? known.batch->version : 0;
  wait.user_problem = check_id(asked.user, reject_reason::empty_user);
  for (const hybrid::slate_place& place : d.slate) {
    const item_index item = d.candidates.items[place.candidate];
    record.slate.push_back({item, d.score[place.candidate], place.propensity});
    wait.shown.push_back(place.candidate);
    wait.shown_items.push_back(item);
  }
  wait.candidates = std::make_shared<const hybrid::candidate_set>(std::move(d.candidates));
  return out;
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

inline recommendation engine::recommend(const request& asked) noexcept {
  try {
    const request r = detail::sane(asked);
    std::vector<std::string> facts = detail::fact_names(r.context);
    recommendation out;
    detail::frozen from;
    {
      const std::lock_guard lock(state_->mutex);
      state_->answered = true;
      from = state_->freeze(r, facts);
      out.id = decision_id{state_->next_decision++};
    }
    const hybrid::knowledge& known = from.view.known;
    const engine_options& options = state_->options;
    const hybrid::query q{known, r.user, from.user, r.time, r.context, r.exclude_seen.value_or(options.exclude_seen)};
    const hybrid::wish wish{r.count, options.blender.proposals, !r.shadow, options.seed, out.id};
    auto [record, wait] = detail::records_of(
        asked, r, out.id, from, hybrid::decide(from.view, q, *from.sources, wish, options.slate, *from.scratch));
    out.items = detail::items_of(record, known.items);
    out.position = record.position;
    out.model_version = record.model_version;
    const std::size_t ignored = r.context.size() - facts.size();
    wait.facts = std::move(facts);
    from.view = hybrid::view();  // what it shared need not be copied to be written
    const std::lock_guard lock(state_->mutex);
    state_->keep(std::move(from.scratch));
    state_->remember(record, std::move(wait));
    state_->counters.ignored_facts += ignored;
    return out;
  } catch (...) {  // no answer rather than half of one
    const std::lock_guard lock(state_->mutex);
    ++state_->counters.failed_answers;
    return {};
  }
}

inline explanation engine::explain(const request& asked, std::string_view item_id) const {
  explanation out;
  const request r = detail::sane(asked);
  const std::vector<std::string> facts = detail::fact_names(r.context);
  detail::frozen from;
  item_index item{};
  {
    const std::lock_guard lock(state_->mutex);
    item = state_->listed(item_id);
    if (item == no_id<item_index>) return out;
    from = state_->freeze(r, facts);
  }
  const engine_options& options = state_->options;
  const hybrid::view& view = from.view;
  const detail::source_list& sources = *from.sources;
  hybrid::gather_scratch* const scratch = from.scratch.get();
  const hybrid::query q{view.known, r.user,    from.user,
                        r.time,     r.context, r.exclude_seen.value_or(options.exclude_seen)};
  hybrid::wish wish;
  wish.count = r.count;
  wish.proposals = options.blender.proposals;
  wish.explore = false;
  const hybrid::decided decided = hybrid::decide(view, q, sources, wish, options.slate, *scratch);
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
  out.served_by = leader == sources.size() ? std::string_view("blend") : sources[leader]->name();
  out.allowed = set.n_sources > 0 && !set.unit.empty() &&
                std::find(scratch->forbidden.begin(), scratch->forbidden.end(), item) == scratch->forbidden.end() &&
                (!view.limited || std::find(view.only.begin(), view.only.end(), item) != view.only.end());
  for (std::size_t s = 0; s < set.n_sources && out.allowed; ++s) {
    const std::span<const float> scores = scratch->scores_of(s, q.n_items());
    source_opinion opinion;
    opinion.name = sources[s]->name();
    opinion.score = scores[slot(item)];
    opinion.rank = mean_rank(scores, opinion.score);
    opinion.proposed = out.candidate && set.place[c * set.n_sources + s] != hybrid::candidate_set::not_proposed;
    out.sources.push_back(opinion);
  }
  const std::lock_guard lock(state_->mutex);
  state_->keep(std::move(from.scratch));
  return out;
}

inline void engine::refit(executor_ref executor, const progress& report) { state_->refit(executor, report); }

inline std::shared_ptr<const batch::factor_model> engine::model() const {
  const std::lock_guard lock(state_->mutex);
  return state_->batch != nullptr ? state_->batch->model : nullptr;
}

inline void engine::upsert_item(std::string_view item, const context_list& attributes) {
  detail::require_id(item, "item");
  for (const auto& [fact, value] : attributes) {
    detail::require_text(fact, "attributes");
    detail::require_text(value, "attributes");
  }
  const std::lock_guard lock(state_->mutex);
  state_->upsert(item, attributes);
}

inline void engine::retire_item(std::string_view item) {
  detail::require_id(item, "item");
  const std::lock_guard lock(state_->mutex);
  state_->retire(item);
}

inline void engine::merge(std::string_view from, std::string_view to) {
  detail::require_id(from, "from");
  detail::require_id(to, "to");
  const std::lock_guard lock(state_->mutex);
  state_->merge(from, to);
}

inline void engine::advance(timestamp now) {
  if (!detail::is_in_calendar(now)) {
    throw error(errc::invalid_argument, "must lie in the years 1 to 9999", {{}, 0, "now"}, "give milliseconds");
  }
  const std::lock_guard lock(state_->mutex);
  state_->host_has_clock = true;
  state_->move_clock(now);
}

// ---- the log ------------------------------------------------------------------------------------------------------

inline void engine::read_decisions(function_ref<void(const logged_decision&)> f) const {
  std::shared_ptr<const log_prefix> prefix;
  cow_vector<std::string_view> names;
  {
    const std::lock_guard lock(state_->mutex);
    prefix = state_->store->prefix();
    names = state_->item_names;
  }
  log_position oldest = prefix->end();
  std::unordered_map<decision_id, log_position> asked_at;
  prefix->read_decisions([&](std::span<const decision> run) {
    for (const decision& d : run) {
      oldest = std::min(oldest, d.position);
      asked_at.emplace(d.id, d.position);
    }
  });
  std::unordered_map<decision_id, std::vector<logged_event>> rewards;
  log_position at = oldest;
  prefix->read(oldest, [&](std::span<const logged_event> run) {
    for (const logged_event& e : run) {
      const auto asked = asked_at.find(e.decision);
      const bool answers = asked != asked_at.end() && asked->second <= at;  // an id can be named before it is given
      if (answers && slot(e.item) < names.size()) rewards[e.decision].push_back(e);
      at = log_position{raw(at) + 1};
    }
  });
  prefix->read_decisions([&](std::span<const decision> run) {
    for (const decision& d : run) {
      logged_decision out{d.id, d.user_name, d.time, d.position, d.model_version, d.shadow, {}, {}};
      out.items = detail::items_of(d, names);
      std::vector<item_index> had;
      for (const logged_event& e : rewards[d.id]) {
        if (std::find(had.begin(), had.end(), e.item) != had.end()) continue;
        had.push_back(e.item);
        out.rewards.push_back({std::string(names[slot(e.item)]), double{e.weight}, e.time});
      }
      f(out);
    }
  });
}

// ---- the host's own sources, figures ------------------------------------------------------------------------------

inline void engine::add_source(std::shared_ptr<const hybrid::source> source) {
  if (source == nullptr) throw error(errc::invalid_argument, "must not be null", {{}, 0, "source"});
  const std::lock_guard lock(state_->mutex);
  if (state_->answered) {
    throw error(errc::wrong_state, "a source was added after the first answer", {},
                "add sources right after constructing the engine");
  }
  detail::source_list list = *state_->sources;
  for (const auto& each : list) {
    if (each->name() == source->name()) {
      throw error(errc::invalid_argument, "there is already a source '" + std::string(source->name()) + "'",
                  {{}, 0, "source"}, "give it another name");
    }
  }
  list.push_back(std::move(source));
  hybrid::blender blender(list.size(), state_->options.blender);
  state_->sources = std::make_shared<const detail::source_list>(std::move(list));
  state_->blender = std::move(blender);
}

inline engine_stats engine::stats() const {
  const std::lock_guard lock(state_->mutex);
  engine_stats out = state_->counters;
  out.users = state_->users.in_use();
  out.items = state_->item_names.size();
  out.retired_items = state_->retired.size();
  out.pending_decisions = state_->pending.size();
  out.position = state_->store->end();
  out.model_version = state_->batch != nullptr ? state_->batch->version : 0;
  out.model_position = state_->batch != nullptr ? state_->batch->position : log_position{0};
  const std::size_t leader = state_->blender.weights()->leader;
  out.leader = leader == state_->sources->size() ? "blend" : std::string((*state_->sources)[leader]->name());
  return out;
}

inline const engine_options& engine::options() const noexcept { return state_->options; }

TANDEM_END
