#pragma once
// Bodies of online/decision_loop.hpp.

#include <cmath>
#include <new>

#include "tandem/detail/is_past.hpp"
#include "tandem/online/decision_loop.hpp"

TANDEM_BEGIN
namespace online {

template <contextual_bandit Bandit>
decision_loop<Bandit>::decision_loop(const Bandit& bandit, const decision_loop_options& options)
    : options_((options.validate(), options)), dimension_(bandit.dimension()), bandit_(state{bandit}) {
  tandem::detail::require_or(corrects() || options.learn == learn_when::at_window_end, "learn",
                             "this bandit cannot correct what it has learned: give at_window_end");
  shards_.resize(options.capacity < 4096 ? 16 : 64);
  for (auto& each : shards_) {
    each = std::make_unique<part>((options.capacity + shards_.size() - 1) / shards_.size(), dimension_);
  }
}

template <contextual_bandit Bandit>
std::optional<loop_decision> decision_loop<Bandit>::decided_before(part& table, decision_id id) noexcept {
  const pending* const before = table.find(id);
  if (before == nullptr) return std::nullopt;
  ++table.repeated;
  return loop_decision{decide_status::repeated, id, before->chosen, before->version, before->time};
}

template <contextual_bandit Bandit>
decide_status decision_loop<Bandit>::draw(std::span<const float> context, loop_decision& out) noexcept {
  try {
    return bandit_.read([&](const state& s, typename Bandit::scratch& memory) {
      out.version = s.version;
      if (s.bandit.arms().empty()) return decide_status::no_arms;
      random_stream random(options_.seed, raw(out.id));
      out.chosen = s.bandit.choose(context, random, memory);
      return decide_status::decided;
    });
  } catch (const std::bad_alloc&) {  // of the scratch
    return decide_status::out_of_memory;
  }
}

template <contextual_bandit Bandit>
loop_decision decision_loop<Bandit>::decide(decision_id id, std::span<const float> context, timestamp time) noexcept {
  loop_decision out;
  out.id = id;
  out.time = time;
  out.status = id == decision_id::none        ? decide_status::no_id
               : context.size() != dimension_ ? decide_status::wrong_dimension
                                              : decide_status::decided;
  if (!out.ok()) return out;
  part& table = shard(id);
  {
    const std::lock_guard lock(table.mutex);
    if (const auto before = decided_before(table, id)) return *before;
  }
  out.status = draw(context, out);
  if (!out.ok()) return out;
  const std::lock_guard lock(table.mutex);
  if (const auto before = decided_before(table, id)) return *before;  // another thread was sooner
  pending& p = table.add(id, context, [&](pending& oldest) {
    if (oldest.settled) return;
    const lesson due = settle(table, oldest, true);
    if (due.any) teach(table, due, table.context(oldest));
  });
  p.chosen = out.chosen;
  p.version = out.version;
  p.time = time;
  ++table.decisions;
  return out;
}

// what the bandit is to be taught so that it knows `value` of the decision; it is as good as done
template <contextual_bandit Bandit>
typename decision_loop<Bandit>::lesson decision_loop<Bandit>::prepare(pending& p, double value) noexcept {
  lesson out{p.chosen, static_cast<float>(std::clamp(value - (p.taught ? p.learned : 0.0), -3e38, 3e38)), p.taught,
             true};
  out.any = !p.unlearnable && !(p.taught && out.reward == 0);
  p.taught = true;
  p.learned = value;
  return out;
}

template <contextual_bandit Bandit>
bool decision_loop<Bandit>::teach(part& table, const lesson& due, std::span<const float> context) noexcept {
  bool done = false;
  try {
    done = bandit_.write([&](state& s) {
      bool learned = false;
      if (!due.correction) {
        learned = s.bandit.learn(due.chosen, context, due.reward);
      } else if constexpr (corrects()) {
        learned = s.bandit.revise(due.chosen, context, due.reward);
      }
      if (learned) ++s.version;
      return learned;
    });
  } catch (const std::bad_alloc&) {  // of the copy that an earlier change() had spoilt
  }
  if (!done) count(table, reward_status::unlearnable);
  return done;
}

template <contextual_bandit Bandit>
reward_status decision_loop<Bandit>::take(pending& p, double value, timestamp time, std::uint64_t key) const noexcept {
  if (time < p.time) return reward_status::early;
  if (p.saw(key)) return reward_status::duplicate;
  if (p.settled || detail::is_past(p.time, time, options_.reward_window)) return reward_status::late;
  if (!p.joined.add(value, time)) return reward_status::refused;
  p.see(key);
  if (p.unlearnable) return reward_status::unlearnable;
  return options_.learn == learn_when::at_window_end ? reward_status::joined : reward_status::learned;
}

template <contextual_bandit Bandit>
reward_status decision_loop<Bandit>::reward(decision_id id, double value, timestamp time, std::uint64_t key) noexcept {
  part& table = shard(id);
  if (!(std::abs(value) <= 3e38 && value >= options_.least_reward && value <= options_.largest_reward)) {
    count(table, reward_status::refused);
    return reward_status::refused;
  }
  const std::lock_guard learner(table.learning);
  lesson due;
  reward_status out = reward_status::unknown;
  {
    const std::lock_guard lock(table.mutex);
    if (pending* const p = table.find(id)) {
      out = take(*p, value, time, key);
      if (out == reward_status::learned) due = prepare(*p, p->joined.value(options_.join));
      table.keep_context(*p);
    }
  }
  if (due.any && !teach(table, due, table.lesson_context)) {
    const std::lock_guard lock(table.mutex);
    if (pending* const p = table.find(id)) p->unlearnable = true;
    return reward_status::unlearnable;  // counted by teach()
  }
  count(table, out);
  return out;
}

template <contextual_bandit Bandit>
typename decision_loop<Bandit>::lesson decision_loop<Bandit>::settle(part& table, pending& p, bool evicted) noexcept {
  const bool silent = p.joined.count == 0;
  const double reward = p.joined.value(options_.join, options_.default_reward.value_or(0));
  lesson due;
  if (!silent || options_.default_reward) due = prepare(p, reward);
  if (silent && options_.default_reward) ++table.defaults;
  if (evicted) ++table.evicted;
  p.settled = true;
  if (table.n_settled - table.n_taken == table.settled.size()) {
    ++table.n_taken;
    ++table.n_lost;
  }
  table.settled[table.n_settled++ % table.settled.size()] = {p.id,   p.chosen.arm, p.chosen.propensity, p.version,
                                                             p.time, reward,       p.joined.count,      evicted};
  return due;
}

template <contextual_bandit Bandit>
void decision_loop<Bandit>::advance(timestamp now) noexcept {
  for (const auto& table : shards_) {
    const std::lock_guard learner(table->learning);
    for (bool more = true; more;) {
      lesson due;
      {
        const std::lock_guard lock(table->mutex);
        pending* const p = table->next_unpassed();
        more = p != nullptr && detail::is_past(p->time, now, options_.reward_window);
        if (!more) break;
        due = settle(*table, *p, false);
        table->keep_context(*p);
        table->pass();
      }
      if (due.any) teach(*table, due, table->lesson_context);
    }
  }
}

template <contextual_bandit Bandit>
std::size_t decision_loop<Bandit>::take_settled(std::span<settled_decision> out) noexcept {
  std::size_t n = 0;
  for (const auto& table : shards_) {
    const std::lock_guard lock(table->mutex);
    for (; n < out.size() && table->n_taken < table->n_settled; ++n) {
      out[n] = table->settled[table->n_taken++ % table->settled.size()];
    }
  }
  return n;
}

template <contextual_bandit Bandit>
decision_loop_stats decision_loop<Bandit>::stats() const noexcept {
  decision_loop_stats out;
  out.version = bandit_.read([](const state& s, auto&) { return s.version; });
  for (const auto& table : shards_) {
    const std::lock_guard lock(table->mutex);
    const auto of = [&](reward_status status) {
      return table->rewards[static_cast<std::size_t>(status)].load(std::memory_order_relaxed);
    };
    out.rewards += of(reward_status::learned) + of(reward_status::joined);
    out.late += of(reward_status::late);
    out.duplicates += of(reward_status::duplicate);
    out.early += of(reward_status::early);
    out.unknown += of(reward_status::unknown);
    out.refused += of(reward_status::refused);
    out.unlearnable += of(reward_status::unlearnable);
    out.decisions += table->decisions;
    out.repeated += table->repeated;
    out.defaults += table->defaults;
    out.evicted += table->evicted;
    out.settled += table->n_settled;
    out.settled_lost += table->n_lost;
    out.pending += table->unpassed();
  }
  return out;
}

}  // namespace online
TANDEM_END
