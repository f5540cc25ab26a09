#pragma once
// Bodies of online/decision_loop.hpp.

#include "tandem/online/decision_loop.hpp"

TANDEM_BEGIN
namespace online {

template <contextual_bandit Bandit>
decision_loop<Bandit>::decision_loop(const Bandit& bandit, const decision_loop_options& options)
    : options_((options.validate(), options)),
      dimension_(bandit.dimension()),
      bandit_(state{bandit}),
      settled_(options.capacity) {
  for (auto& each : shards_) {
    each = std::make_unique<tandem::detail::pending_table>((options.capacity + n_shards - 1) / n_shards, dimension_);
  }
}

template <contextual_bandit Bandit>
loop_decision decision_loop<Bandit>::decide(decision_id id, std::span<const float> context, timestamp time) noexcept {
  loop_decision out;
  out.id = id;
  out.time = time;
  if (id == decision_id::none || context.size() != dimension_) {
    out.status = id == decision_id::none ? decide_status::no_id : decide_status::wrong_dimension;
    return out;
  }
  bandit_.read([&](const state& s, typename Bandit::scratch& memory) {
    out.version = s.version;
    if (s.bandit.arms().empty()) {
      out.status = decide_status::no_arms;
      return;
    }
    random_stream random(options_.seed, raw(id));
    out.chosen = s.bandit.choose(context, random, memory);
  });
  if (out.status == decide_status::no_arms) return out;
  tandem::detail::pending_table& table = shard(id);
  const std::lock_guard lock(table.mutex);
  if (const pending* const before = table.find(id)) {
    counters_.repeated.fetch_add(1, std::memory_order_relaxed);
    return {decide_status::repeated, id, before->chosen, before->version, before->time};
  }
  pending& p = table.add(id, context, [&](pending& oldest) {
    if (!oldest.settled) settle(oldest, table.context(oldest), true);
  });
  p.chosen = out.chosen;
  p.version = out.version;
  p.time = time;
  counters_.decisions.fetch_add(1, std::memory_order_relaxed);
  return out;
}

template <contextual_bandit Bandit>
bool decision_loop<Bandit>::teach(pending& p, std::span<const float> context, double value) noexcept {
  const auto reward = static_cast<float>(value - (p.taught ? p.learned : 0.0));
  if (p.taught && reward == 0) return true;
  const bool done = bandit_.write([&](state& s) {
    bool learned = false;
    if (!p.taught) {
      learned = s.bandit.learn(p.chosen, context, reward);
    } else if constexpr (requires { s.bandit.revise(p.chosen, context, reward); }) {
      learned = s.bandit.revise(p.chosen, context, reward);
    }
    if (learned) ++s.version;
    return learned;
  });
  if (!done) return false;
  p.taught = true;
  p.learned = value;
  return true;
}

template <contextual_bandit Bandit>
reward_status decision_loop<Bandit>::take(pending& p, std::span<const float> context, double value, timestamp time,
                                          std::uint64_t key) noexcept {
  if (time < p.time) return reward_status::early;
  if (p.saw(key)) return reward_status::duplicate;
  if (p.settled || time - p.time > options_.reward_window) return reward_status::late;
  if (!p.joined.add(value, time)) return reward_status::refused;
  p.see(key);
  if (options_.learn == learn_when::at_window_end) return reward_status::joined;
  return teach(p, context, p.joined.value(options_.join)) ? reward_status::learned : reward_status::unlearnable;
}

template <contextual_bandit Bandit>
reward_status decision_loop<Bandit>::reward(decision_id id, double value, timestamp time, std::uint64_t key) noexcept {
  reward_status out = reward_status::refused;
  if (std::isfinite(value) && value >= options_.least_reward && value <= options_.largest_reward) {
    tandem::detail::pending_table& table = shard(id);
    const std::lock_guard lock(table.mutex);
    pending* const p = table.find(id);
    out = p == nullptr ? reward_status::unknown : take(*p, table.context(*p), value, time, key);
  }
  count(out);
  return out;
}

template <contextual_bandit Bandit>
void decision_loop<Bandit>::count(reward_status status) noexcept {
  counters_.rewards[static_cast<std::size_t>(status)].fetch_add(1, std::memory_order_relaxed);
}

template <contextual_bandit Bandit>
void decision_loop<Bandit>::settle(pending& p, std::span<const float> context, bool evicted) noexcept {
  const bool silent = p.joined.count == 0;
  const double reward = p.joined.value(options_.join, options_.default_reward.value_or(0));
  if (!silent || options_.default_reward) {
    if (!teach(p, context, reward)) count(reward_status::unlearnable);
  }
  if (silent && options_.default_reward) counters_.defaults.fetch_add(1, std::memory_order_relaxed);
  if (evicted) counters_.evicted.fetch_add(1, std::memory_order_relaxed);
  p.settled = true;
  const std::lock_guard lock(settling_);
  if (n_settled_ - n_taken_ == settled_.size()) {
    ++n_taken_;
    ++n_lost_;
  }
  settled_[n_settled_++ % settled_.size()] = {p.id,   p.chosen.arm, p.chosen.propensity, p.version,
                                              p.time, reward,       p.joined.count,      evicted};
}

template <contextual_bandit Bandit>
void decision_loop<Bandit>::advance(timestamp now) noexcept {
  for (const auto& table : shards_) {
    const std::lock_guard lock(table->mutex);
    table->pass([&](const pending& p) { return now - p.time > options_.reward_window; },
                [&](pending& p) { settle(p, table->context(p), false); });
  }
}

template <contextual_bandit Bandit>
std::size_t decision_loop<Bandit>::take_settled(std::span<settled_decision> out) noexcept {
  const std::lock_guard lock(settling_);
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), n_settled_ - n_taken_));
  for (std::size_t i = 0; i < n; ++i) out[i] = settled_[n_taken_++ % settled_.size()];
  return n;
}

template <contextual_bandit Bandit>
decision_loop_stats decision_loop<Bandit>::stats() const noexcept {
  const auto of = [&](reward_status status) {
    return counters_.rewards[static_cast<std::size_t>(status)].load(std::memory_order_relaxed);
  };
  decision_loop_stats out;
  out.decisions = counters_.decisions.load(std::memory_order_relaxed);
  out.repeated = counters_.repeated.load(std::memory_order_relaxed);
  out.rewards = of(reward_status::learned) + of(reward_status::joined);
  out.late = of(reward_status::late);
  out.duplicates = of(reward_status::duplicate);
  out.early = of(reward_status::early);
  out.unknown = of(reward_status::unknown);
  out.refused = of(reward_status::refused);
  out.unlearnable = of(reward_status::unlearnable);
  out.defaults = counters_.defaults.load(std::memory_order_relaxed);
  out.evicted = counters_.evicted.load(std::memory_order_relaxed);
  out.version = bandit_.read([](const state& s, auto&) { return s.version; });
  for (const auto& table : shards_) {
    const std::lock_guard lock(table->mutex);
    out.pending += table->unpassed();
  }
  const std::lock_guard lock(settling_);
  out.settled = n_settled_;
  out.settled_lost = n_lost_;
  return out;
}

}  // namespace online
TANDEM_END
