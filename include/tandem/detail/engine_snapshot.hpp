#pragma once
// All that an engine learned, as bytes and back: copied under its lock, written without it.

#include <array>
#include <charconv>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/detail/crc32.hpp"
#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN
namespace detail {

// What a state depends on beside the log. A state made under other options is of no use: the log is replayed instead.
// What only the log remembers (weights of actions, answers given) or only the next refit asks for is not among it.
inline std::string fingerprint(const engine_options& o, const source_list& sources) {
  std::string out = "5";
  const auto number = [&out](auto value) {
    std::array<char, 32> text{};
    out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr).push_back(' ');
  };
  for (const auto& each : sources) (out += ' ') += each->name();
  out += '\n';
  for (const double x : {o.live.recency, o.sequence.around_decay, o.sequence.after_decay, o.sequence.half_life,
                         o.blender.rate, o.blender.leader_decay, o.default_reward}) {
    number(x);
  }
  for (const std::size_t n :
       {o.live.items, o.sequence.window, o.sequence.max_neighbours, o.blender.proposals, o.max_pending_decisions,
        o.max_facts, std::size_t{o.blender.guard}, o.ranker.choices, o.ranker.others}) {
    number(n);
  }
  number(o.reward_window.count());
  if (!o.channel_fact.empty()) (out += "\nchannels ") += o.channel_fact;
  if (!o.segment_fact.empty()) (out += "\nsegments ") += o.segment_fact;
  return out;
}

// What is written of a state: a copy that shares what is large.
struct state_copy {
  entry_number at{};
  log_position position{};
  store_ids ids;
  engine_stats counters;
  std::uint64_t next_decision = 1;
  bool any_time = false, host_has_clock = false;
  std::vector<std::string_view> users, items, actions, facts, attribute_facts, segments;  // stay where they are
  std::vector<user_index> owner;
  std::vector<bool> no_consent;
  std::vector<cow<online::history>> histories;
  std::vector<item_index> retired;
  online::trend popularity{1};
  cow_vector<float> damping, attribute_items;
  online::recency latest;
  std::vector<online::trend> trends, contexts;
  online::sequence sequence;
  online::response_rate responses;
  std::optional<online::channel_rates> channels;  // nothing when they are not kept apart
  cow_vector<std::vector<std::uint32_t>> attributes;
  hybrid::blender blender;
  hybrid::choice_log choices;
  pending_decisions pending{0};
  key_set::keys_in_order keys;
  std::shared_ptr<const hybrid::batch_snapshot> batch;
  std::uint64_t batch_snapshot = 0;  // where the store keeps it

  void save(byte_writer& out) const;
};

template <class Index>
std::vector<std::string_view> names_in(const interner<Index>& of) {
  std::vector<std::string_view> out;
  out.reserve(of.size());
  for (std::size_t i = 0; i < of.size(); ++i) out.push_back(of.name(static_cast<Index>(i)));
  return out;
}

inline void save_names(const std::vector<std::string_view>& names, byte_writer& out) {
  out.count(names.size());
  for (const std::string_view each : names) out.text(each);
}

// the names of an interner that releases none
template <class Index>
void load_names(interner<Index>& to, byte_reader& in) {
  constexpr std::size_t longest = 2 * max_id_bytes + 1;  // a fact: its name, a separator, its value
  const std::size_t n = in.count();
  for (std::size_t i = 0; i < n; ++i) in.check(slot(to.intern(in.text(longest))) == i, "a name that came before");
}

inline void state_copy::save(byte_writer& out) const {
  out.section("engine 5");
  for (const std::uint64_t n :
       {raw(position), counters.events, counters.late, counters.decisions, counters.rewards, counters.late_rewards,
        counters.expired_decisions, counters.evicted_decisions, counters.refits, next_decision}) {
    out.put(n);
  }
  out.put(counters.newest);
  out.put(any_time);
  out.put(host_has_clock);
  out.section("names");
  for (const auto* names : {&items, &actions, &facts, &attribute_facts, &segments}) save_names(*names, out);
  out.section("users");
  out.count(users.size());
  for (std::size_t u = 0; u < users.size(); ++u) {
    out.text(users[u]);
    out.put(owner[u]);
    out.put(u < no_consent.size() && no_consent[u]);
    const online::history& past = *histories[u];
    const bool any = past.events() > 0 || !past.disliked().empty();
    out.put(any);
    if (any) past.save(out);
  }
  out.section("learners");
  out.put(retired);
  popularity.save(out);
  damping.save(out);
  latest.save(out);
  for (const auto* list : {&trends, &contexts}) {
    out.count(list->size());
    for (const online::trend& each : *list) each.save(out);
  }
  sequence.save(out);
  responses.save(out);
  if (channels) channels->save(out);
  attributes.save(out);
  attribute_items.save(out);
  blender.save(out);
  choices.save(out);
  pending.save(out);
  key_set::save(keys, out);
  out.section("batch");
  out.put(batch != nullptr ? batch->version : std::uint64_t{0});
}

}  // namespace detail

inline detail::state_copy engine::state::copy() const {
  detail::state_copy out;
  out.at = last_entry();
  out.position = store->end();
  out.counters = counters;
  out.next_decision = next_logged;
  out.any_time = any_time;
  out.host_has_clock = host_has_clock;
  out.users = detail::names_in(users);
  for (std::size_t u = 0; u < std::min(forgotten.size(), out.users.size()); ++u) {
    if (forgotten[u]) out.users[u] = {};
  }
  out.items = detail::names_in(items);
  out.actions = detail::names_in(actions);
  out.facts = detail::names_in(facts);
  out.attribute_facts = detail::names_in(attribute_facts);
  out.segments = detail::names_in(segments);
  out.owner.assign(owner.begin(), owner.begin() + static_cast<std::ptrdiff_t>(users.size()));
  out.no_consent = no_consent;
  out.histories.assign(histories.begin(), histories.begin() + static_cast<std::ptrdiff_t>(users.size()));
  out.retired = retired;
  out.popularity = popularity;
  out.damping = damping;
  out.latest = latest;
  out.attribute_items = attribute_items;
  out.trends = trends;
  out.contexts = contexts;
  out.contexts.resize(facts.size(), online::trend(std::numeric_limits<double>::infinity()));
  out.sequence = sequence;
  out.responses = responses;
  if (!options.channel_fact.empty()) out.channels = channels;
  out.attributes = attributes;
  out.blender = blender;
  out.choices = choices;
  out.pending = pending;
  out.keys = keys.in_order();
  out.batch = batch;
  out.batch_snapshot = batch_snapshot;
  return out;
}

inline void engine::state::load_users(byte_reader& in) {
  in.section("users");
  const std::size_t n = in.count();
  for (std::size_t u = 0; u < n; ++u) {
    std::string name = in.text(max_id_bytes);
    const bool gone = name.empty();
    if (gone) name = '\0' + std::to_string(u);  // no id of a host: forgotten
    in.check(slot(user_of(name)) == u, "a user that came before");
    owner[u] = in.get<user_index>();
    if (gone || slot(owner[u]) != u) users.release(name);  // or merged away: the name may come again
    if (gone) {
      forgotten.resize(u + 1);
      forgotten[u] = true;
    }
    if (in.get<bool>()) refuse_consent(user_index{static_cast<std::uint32_t>(u)}, true);
    if (in.get<bool>()) histories[u] = cow<online::history>(online::history::load(in, items.size()));
  }
  for (std::size_t u = 0; u < n; ++u) in.check(slot(owner[u]) < n, "an owner who is not there");
}

inline void engine::state::load_learners(byte_reader& in) {
  const std::size_t n = items.size();
  in.section("learners");
  retired = in.get_vector<item_index>(n);
  for (const item_index item : retired) in.check(slot(item) < n, "an item that is not there");
  popularity = online::trend::load(in, n);
  damping = cow_vector<float>::load(in, n);
  latest = online::recency::load(in, n);
  in.check(in.count() == trends.size(), "another number of trends");
  for (online::trend& each : trends) each = online::trend::load(in, n);
  contexts.clear();
  for (std::size_t left = in.count(facts.size()); left > 0; --left) contexts.push_back(online::trend::load(in, n));
  sequence = online::sequence::load(in, options.sequence, n);
  responses = online::response_rate::load(in, n);
  if (!options.channel_fact.empty()) channels = online::channel_rates::load(in, n);
  attributes = cow_vector<std::vector<std::uint32_t>>::load(in, n);
  attribute_items = cow_vector<float>::load(in);
  blender = hybrid::blender::load(in, sources->size(), options.blender);
  choices = hybrid::choice_log::load(in, sources->size(), choices.options());
  pending = detail::pending_decisions::load(in, options.max_pending_decisions, {users.size(), n, sources->size()});
  keys = detail::key_set::load(in, options.max_event_keys);
}

// takes what save() wrote; returns the version of the model that goes with it, 0 = none
inline std::uint64_t engine::state::load(byte_reader& in, log_position& position) {
  in.section("engine 5");
  position = log_position{in.get<std::uint64_t>()};
  for (std::uint64_t* const n :
       {&counters.events, &counters.late, &counters.decisions, &counters.rewards, &counters.late_rewards,
        &counters.expired_decisions, &counters.evicted_decisions, &counters.refits, &next_decision}) {
    *n = in.get<std::uint64_t>();
  }
  next_logged = next_decision;
  counters.newest = in.get<timestamp>();
  any_time = in.get<bool>();
  host_has_clock = in.get<bool>();
  in.section("names");
  detail::load_names(items, in);
  actions = interner<action_index>();
  detail::load_names(actions, in);
  action_weight.assign(actions.size(), 1);
  for (const auto& [name, weight] : options.actions) action_weight[slot(action_of(name))] = weight;
  detail::load_names(facts, in);
  detail::load_names(attribute_facts, in);
  detail::load_names(segments, in);
  in.check(segments.size() <= hybrid::max_segments, "too many segments");
  load_users(in);
  load_learners(in);
  list_items();
  in.section("batch");
  return in.get<std::uint64_t>();
}

namespace detail {

inline void save_model(const hybrid::batch_snapshot& of, byte_writer& out) {
  const batch::factor_model& model = *of.model;
  out.section("model 2");
  out.put(of.version);
  out.put(raw(of.position));
  out.count(model.rank());
  out.put(model.weights().alpha0);
  out.put(model.weights().regularization);
  out.put(model.weights().nu);
  out.put(model.weights().dislikes);
  out.put(model.user_matrix());
  out.put(model.item_matrix());
  out.put(of.popularity);
  const batch::next_item_ridge_model& ridge = of.ridge;
  out.section("ridge");
  out.count(ridge.n_items());
  out.put(ridge.decay());
  out.count(ridge.window());
  out.put(ridge.kept());
  out.put(ridge.weights());
  (of.ranking != nullptr ? *of.ranking : hybrid::ranker()).save(out);
}

inline batch::next_item_ridge_model load_ridge(byte_reader& in) {
  in.section("ridge");
  const std::size_t n_items = in.count();
  batch::next_item_ridge_options options;
  options.decay = in.get_finite<float>();
  options.window = in.count();
  auto kept = in.get_vector<item_index>(n_items);
  auto weights = in.get_vector<float>(kept.size() * kept.size());
  try {
    return batch::next_item_ridge_model::from_weights(std::move(kept), std::move(weights), n_items, options);
  } catch (const error&) {
    in.check(false, "an impossible ridge");
    throw;
  }
}

// whether these are the sources that it was fitted to
inline bool reads(const hybrid::ranker& of, const source_list& sources) {
  return std::ranges::equal(of.sources(), sources, {}, {}, [](const auto& each) { return each->name(); });
}

// @param sources  of the engine: a ranker of others is left out
inline std::shared_ptr<const hybrid::batch_snapshot> load_model(byte_reader& in, const source_list& sources,
                                                                executor_ref executor = {}) {
  in.section("model 2");
  const auto version = in.get<std::uint64_t>();
  const log_position position{in.get<std::uint64_t>()};
  const std::size_t rank = in.count(batch::factor_model::max_rank);
  batch::factor_weights weights;
  weights.alpha0 = in.get_finite<float>();
  weights.regularization = in.get_finite<float>();
  weights.nu = in.get_finite<float>();
  weights.dislikes = in.get<bool>();
  auto users = in.get_vector<float>();
  auto items = in.get_vector<float>();
  auto out = std::make_shared<hybrid::batch_snapshot>(std::make_shared<const batch::factor_model>(
      batch::factor_model::from_factors(std::move(users), std::move(items), rank, weights, executor)));
  out->popularity = in.get_vector<float>();
  out->ridge = load_ridge(in);
  auto ranking = std::make_shared<const hybrid::ranker>(hybrid::ranker::load(in));
  if (ranking->ready() && reads(*ranking, sources)) out->ranking = std::move(ranking);
  out->version = version;
  out->position = position;
  in.finish();
  return out;
}

}  // namespace detail

inline std::uint64_t engine::state::digest() const {
  detail::state_copy now;
  {
    const std::lock_guard lock(mutex);
    now = copy();
  }
  std::uint32_t low = 0;
  std::uint32_t high = 0x9E3779B9U;
  const auto add = [&](std::span<const std::byte> run) {
    const std::string_view bytes(reinterpret_cast<const char*>(run.data()), run.size());
    low = detail::crc32(bytes, low);
    high = detail::crc32(bytes, high * 0x85EBCA6BU + 1);
  };
  byte_writer out(add);
  now.save(out);
  if (now.batch != nullptr) detail::save_model(*now.batch, out);
  out.finish();
  return std::uint64_t{high} << 32U | low;
}

TANDEM_END
