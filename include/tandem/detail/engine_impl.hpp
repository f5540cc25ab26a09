#pragma once
// The engine's public members: check, lock, hand to the state, answer.

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tandem/detail/engine_answers.hpp"
#include "tandem/detail/engine_checks.hpp"
#include "tandem/detail/engine_durability.hpp"
#include "tandem/detail/engine_erasure.hpp"
#include "tandem/detail/engine_recovery.hpp"
#include "tandem/detail/engine_refit.hpp"
#include "tandem/detail/engine_rewards.hpp"
#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN

TANDEM_ENGINE_INLINE engine::engine(engine_options options, std::unique_ptr<event_store> store,
                                    std::span<const std::shared_ptr<const hybrid::source>> sources)
    : opened_(std::make_shared<open_report>()) {
  options.validate();
  options.ials.rank = options.rank;
  options.ials.seed = options.seed;
  durable_store* const durable = store != nullptr ? store->durable() : nullptr;
  std::vector<snapshot_info> snapshots;
  if (durable != nullptr) snapshots = durable->snapshots();
  for (std::size_t k = 0;; ++k) {  // what a damaged snapshot has half filled is made anew
    state_ = std::make_shared<state>(options, std::move(store), sources);
    if (durable == nullptr) return;
    const std::string made_with = detail::fingerprint(state_->options, *state_->sources) + '\t';
    while (k < snapshots.size() &&
           (snapshots[k].kind != snapshot_kind::state || !snapshots[k].options.starts_with(made_with))) {
      ++k;
    }
    if (k >= snapshots.size() || state_->load_snapshot(snapshots[k], *opened_)) break;
    store = std::move(state_->store);
  }
  opened_->from = state_->checkpointed;
  if (raw(state_->checkpointed) < raw(durable->compacted_to())) {
    throw error(errc::damaged,
                "entries up to " + std::to_string(raw(durable->compacted_to())) +
                    " were compacted away, and no sound snapshot made with these options stands for them",
                {}, "open it with the sources and options of learners that it had");
  }
  state::recovery(*state_, *opened_).run(state_->checkpointed);
  durable->opened();
  for (const std::string& each : durable->problems()) opened_->problems.push_back(each);
  try {
    state_->finish_forgetting();
  } catch (const std::exception& e) {
    opened_->problems.push_back(std::string("somebody who was forgotten is not erased yet: ") + e.what());
  }
}

TANDEM_ENGINE_INLINE engine::~engine() {
  if (state_ == nullptr || state_->durable == nullptr) return;
  try {
    state_->close();
  } catch (...) {  // what was committed is in the file, and is replayed when it is opened
  }
}

TANDEM_ENGINE_INLINE engine::engine(engine&&) noexcept = default;
TANDEM_ENGINE_INLINE engine& engine::operator=(engine&& other) noexcept {
  std::swap(state_, other.state_);
  std::swap(opened_, other.opened_);
  return *this;
}

// ---- events -------------------------------------------------------------------------------------------------------

TANDEM_ENGINE_INLINE observe_result engine::observe(const event& e) noexcept {
  const observe_result out = state_->observe(e, false);
  return out.taken() && !state_->settle(out.ticket) ? detail::unconfirmed(out) : out;
}

TANDEM_ENGINE_INLINE std::size_t engine::observe(std::span<const event> events,
                                                 std::span<observe_result> results) noexcept {
  std::size_t taken = 0;
  entry_number last{};
  for (std::size_t k = 0; k < events.size(); ++k) {
    const observe_result result = state_->observe(events[k], false);
    taken += result.taken() ? 1U : 0U;
    if (result.taken()) last = result.ticket;
    if (k < results.size()) results[k] = result;
  }
  if (taken == 0 || state_->settle(last)) return taken;
  for (observe_result& each : results) each = detail::unconfirmed(each);
  return 0;
}

TANDEM_ENGINE_INLINE observe_result engine::reward(decision_id id, std::string_view item, double value,
                                                   timestamp time) noexcept {
  event e;
  e.item = item;
  e.action = "reward";
  e.value = value;
  e.time = time;
  e.decision = id;
  const observe_result out = state_->observe(e, true);
  return out.taken() && !state_->settle(out.ticket) ? detail::unconfirmed(out) : out;
}

namespace detail {

inline durable_store& require_file(durable_store* store) {
  if (store != nullptr) return *store;
  throw error(errc::wrong_state, "the engine has no file", {}, "make it with tandem::open()");
}

}  // namespace detail

TANDEM_ENGINE_INLINE bool engine::observe(std::span<const event> events, const stream_position& at,
                                          std::span<observe_result> results) {
  durable_store& file = detail::require_file(state_->durable);
  detail::require_id(at.stream, "stream");
  if (!file.ready()) throw error(errc::io_error, file.failure(), {}, "see engine::flush()");
  entry_number last{};
  {
    const std::lock_guard lock(state_->mutex);
    const durable_store::group together(&file);
    for (std::size_t k = 0; k < events.size(); ++k) {
      const reject_reason why = detail::check_event(events[k], false);
      const observe_result result = why == reject_reason::none ? state_->take(events[k], false) : state_->reject(why);
      if (k < results.size()) results[k] = result;
      if (result.status == observe_status::store_failed || result.status == observe_status::out_of_memory ||
          result.status == observe_status::full) {
        throw error(errc::io_error,
                    "event " + std::to_string(k) + " could not be taken: " + std::string(name(result.status)),
                    {{}, 0, "events"}, "give it and those after it again");
      }
    }
    file.set_stream(at.stream, at.position);
    last = state_->last_entry();
  }
  if (file.after_append(last)) return true;
  for (observe_result& each : results) each = detail::unconfirmed(each);
  return false;
}

TANDEM_ENGINE_INLINE std::string engine::stream(std::string_view name) const {
  return detail::require_file(state_->durable).stream(name);
}

TANDEM_ENGINE_INLINE open_report engine::learn_from(const journal& log) { return state_->learn_from(log, nullptr); }

TANDEM_ENGINE_INLINE open_report engine::learn_from(const journal& log, function_ref<void(const answer_again&)> f) {
  return state_->learn_from(log, &f);
}

TANDEM_ENGINE_INLINE open_report engine::state::learn_from(const journal& log,
                                                           const function_ref<void(const answer_again&)>* each) {
  durable_store& file = detail::require_file(durable);
  const std::lock_guard lock(mutex);
  if (raw(file.last()) != 0) {
    throw error(errc::wrong_state, "the engine has taken something already", {}, "give it a new file");
  }
  if (raw(log.compacted_to()) != 0) {
    throw error(errc::wrong_state, "the log was compacted: what stands for its beginning cannot be learned from", {},
                "go on with its own file");
  }
  open_report out;
  recovery(*this, log, out, each).run(entry_number{});
  for (const auto& [name, position] : log.streams()) file.set_stream(name, position);
  if (!file.commit(file.last())) throw error(errc::io_error, file.failure(), {}, "see engine::flush()");
  return out;
}

// ---- erasure and access -------------------------------------------------------------------------------------------

TANDEM_ENGINE_INLINE erasure_receipt engine::forget(std::string_view user, timestamp asked) {
  detail::require_id(user, "user");
  return state_->forget(user, asked);
}

TANDEM_ENGINE_INLINE user_data engine::export_user(std::string_view user) const {
  detail::require_file(state_->durable);
  return state_->data_of(user);
}

TANDEM_ENGINE_INLINE std::uint64_t engine::compact(const retention& keep) {
  detail::require_file(state_->durable);
  return state_->compact(keep);
}

// ---- durability ---------------------------------------------------------------------------------------------------

TANDEM_ENGINE_INLINE bool engine::wait_durable(entry_number ticket) noexcept {
  return state_->durable == nullptr || state_->durable->commit(ticket);
}

TANDEM_ENGINE_INLINE bool engine::flush() noexcept {
  if (state_->durable == nullptr) return true;
  entry_number last{};
  {
    const std::lock_guard lock(state_->mutex);
    last = state_->last_entry();
  }
  return state_->durable->commit(last);
}

TANDEM_ENGINE_INLINE const open_report& engine::opened() const noexcept { return *opened_; }

TANDEM_ENGINE_INLINE void engine::checkpoint() {
  if (state_->durable != nullptr) state_->checkpoint();
}

TANDEM_ENGINE_INLINE std::uint64_t engine::digest() const { return state_->digest(); }

// ---- answers ------------------------------------------------------------------------------------------------------

TANDEM_ENGINE_INLINE recommendation engine::recommend(const request& asked) noexcept {
  bool logs = state_->durable == nullptr || !state_->durable->failing();
  try {
    const request r = detail::sane(asked);
    if (r.rules != nullptr) r.rules->validate();
    std::vector<std::string> facts = detail::fact_names(r.context);
    recommendation out;
    detail::frozen from;
    hybrid::effort how;
    {
      const std::lock_guard lock(state_->mutex);
      state_->answered = true;
      from = state_->freeze(r, facts);
      how = state_->afford(r.budget);
      if (logs) out.id = decision_id{state_->next_decision++};
    }
    const hybrid::knowledge& known = from.view.known;
    const engine_options& options = state_->options;
    const hybrid::query q{known, r.user, from.user, r.time, r.context, r.exclude_seen.value_or(options.exclude_seen)};
    const hybrid::wish wish{r.count,
                            options.blender.proposals,
                            logs && !r.shadow,
                            options.seed,
                            out.id,
                            how.left_out,
                            r.budget > std::chrono::microseconds::zero(),
                            from.given};
    hybrid::stopwatch watch(wish.timed);
    auto [entry, wait] = detail::records_of(
        asked, r, out.id, from, hybrid::decide(from.view, q, *from.sources, wish, options.slate, *from.scratch));
    const double seconds = watch.lap();
    detail::note_effort(how, *from.sources, entry, wait);
    out.level = how.level;
    out.items = detail::items_of(entry.record, known.items);
    out.position = entry.record.position;
    out.model_version = entry.record.model_version;
    entry.exclude_seen = q.seen_excluded;
    entry.blocked = std::move(from.blocked);
    entry.facts = facts;
    const std::size_t ignored = r.context.size() - facts.size();
    wait.facts = std::move(facts);
    from.view = hybrid::view();  // what it shared need not be copied to be written
    entry_number ticket{};
    {
      const std::lock_guard lock(state_->mutex);
      if (wish.timed) state_->costs->learn(how.left_out, from.scratch->seconds, seconds);
      state_->keep(std::move(from.scratch));
      state_->counters.ignored_facts += ignored;
      logs = logs && !state_->is_forgotten(from.user) && state_->try_to_remember(entry, std::move(wait));
      ticket = state_->last_entry();
      if (!logs) ++state_->counters.unlogged_answers;
    }
    if (logs) {
      (void)state_->settle(ticket);
    } else {
      out.id = decision_id::none;
    }
    return out;
  } catch (...) {  // no answer rather than half of one
    const std::lock_guard lock(state_->mutex);
    ++state_->counters.failed_answers;
    return {};
  }
}

TANDEM_ENGINE_INLINE explanation engine::explain(const request& asked, std::string_view item_id) const {
  explanation out;
  const request r = detail::sane(asked);
  if (r.rules != nullptr) r.rules->validate();
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
  wish.given = from.given;
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
  out.served_by = detail::leader_of(*view.weights, sources);
  out.allowed = set.n_sources > 0 && !set.unit.empty() &&
                std::find(scratch->forbidden.begin(), scratch->forbidden.end(), item) == scratch->forbidden.end() &&
                (!view.limited || std::find(view.only.begin(), view.only.end(), item) != view.only.end());
  for (std::size_t s = 0; s < set.n_sources && out.allowed; ++s) {
    const std::span<const float> scores = hybrid::all_scores(s, *scratch);
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

TANDEM_ENGINE_INLINE void engine::refit(executor_ref executor, const progress& report) {
  state_->refit(executor, report);
}

TANDEM_ENGINE_INLINE std::shared_ptr<const batch::factor_model> engine::model() const {
  const std::lock_guard lock(state_->mutex);
  return state_->batch != nullptr ? state_->batch->model : nullptr;
}

TANDEM_ENGINE_INLINE void engine::upsert_item(std::string_view item, const context_list& attributes) {
  detail::require_id(item, "item");
  for (const auto& [fact, value] : attributes) {
    detail::require_text(fact, "attributes");
    detail::require_text(value, "attributes");
  }
  std::vector<std::string> given;
  for (const auto& fact : attributes) given.push_back(detail::fact_name(fact));
  state_->change([&] { state_->upsert(item, std::move(given)); });
}

TANDEM_ENGINE_INLINE void engine::retire_item(std::string_view item) {
  detail::require_id(item, "item");
  state_->change([&] { state_->retire(item); });
}

TANDEM_ENGINE_INLINE void engine::set_consent(std::string_view user, bool given) {
  detail::require_id(user, "user");
  state_->change([&] { state_->set_consent(user, given); });
}

TANDEM_ENGINE_INLINE void engine::merge(std::string_view from, std::string_view to) {
  detail::require_id(from, "from");
  detail::require_id(to, "to");
  state_->change([&] { state_->merge(from, to); });
}

TANDEM_ENGINE_INLINE void engine::advance(timestamp now) {
  if (!detail::is_in_calendar(now)) {
    throw error(errc::invalid_argument, "must lie in the years 1 to 9999", {{}, 0, "now"}, "give milliseconds");
  }
  state_->change([&] { state_->tell_time(now); });
}

// ---- the log ------------------------------------------------------------------------------------------------------

TANDEM_ENGINE_INLINE void engine::read_decisions(function_ref<void(const logged_decision&)> f) const {
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
  prefix->read(oldest, [&](log_position at, std::span<const logged_event> run) {
    for (const logged_event& e : run) {
      const auto asked = asked_at.find(e.decision);
      const bool answers = asked != asked_at.end() && asked->second <= at;  // an id can be named before it is given
      if (answers && slot(e.item) < names.size()) rewards[e.decision].push_back(e);
      at = log_position{raw(at) + 1};
    }
  });
  prefix->read_decisions([&](std::span<const decision> run) {
    for (const decision& d : run) {
      logged_decision out{d.id, d.user_name, d.time, d.position, d.model_version, d.shadow, {}, {}, d.level, d.given};
      out.items = detail::items_of(d, names);
      out.level = d.level;
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

TANDEM_ENGINE_INLINE void engine::add_source(std::shared_ptr<const hybrid::source> source) {
  const std::lock_guard lock(state_->mutex);
  if (state_->durable != nullptr) {
    throw error(errc::wrong_state, "an engine with a file is opened with all its sources", {},
                "give them to the constructor or to open()");
  }
  if (state_->answered) {
    throw error(errc::wrong_state, "a source was added after the first answer", {},
                "add sources right after constructing the engine");
  }
  detail::source_list list = *state_->sources;
  detail::add_source(list, std::move(source));
  hybrid::blender blender(list.size(), state_->options.blender);
  state_->choices = detail::new_choice_log(state_->options, list.size());
  state_->sources = std::make_shared<const detail::source_list>(std::move(list));
  state_->blender = std::move(blender);
}

TANDEM_ENGINE_INLINE engine_stats engine::stats() const {
  const std::lock_guard lock(state_->mutex);
  engine_stats out = state_->counters;
  out.users = state_->users.in_use();
  out.items = state_->item_names.size();
  out.retired_items = state_->retired.size();
  out.pending_decisions = state_->pending.size();
  out.position = state_->store->end();
  out.model_version = state_->batch != nullptr ? state_->batch->version : 0;
  out.model_position = state_->batch != nullptr ? state_->batch->position : log_position{0};
  out.has_ranker = state_->batch != nullptr && state_->batch->ranking != nullptr;
  out.leader = detail::leader_of(*state_->blender.weights(), *state_->sources);
  return out;
}

TANDEM_ENGINE_INLINE const engine_options& engine::options() const noexcept { return state_->options; }

TANDEM_END
