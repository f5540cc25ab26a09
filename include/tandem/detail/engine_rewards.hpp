#pragma once
// What rewards of an answer, and its silence, teach the learners.

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN

inline void engine::state::learn_taken(const detail::pending_decision& p, item_index item, double value) {
  responses.taken(item, value);
  channels.taken(detail::value_of(p.facts, options.channel_fact), item, value);
}

inline void engine::state::learn_reward(detail::pending_decision& p, user_index who, item_index item, double value) {
  p.rewarded.push_back(item);
  ++counters.rewards;
  if (p.settled) return learn_late_reward(p, item, value);
  const bool was_shown = p.was_shown(item);
  if (!(value > 0)) {
    if (was_shown && p.has_places()) blender.learn_silence(*p.candidates, p.shown, p.propensity);
    return;
  }
  if (was_shown) learn_taken(p, item, value);
  const auto& on_offer = p.candidates->items;
  const auto at = std::find(on_offer.begin(), on_offer.end(), item);
  if (at == on_offer.end()) return blender.learn_miss();  // shown all the same: of a page made without some sources
  const auto taken = static_cast<std::size_t>(at - on_offer.begin());
  const auto keep = [&](std::span<const std::size_t> offered, const hybrid::blended_choice& said) {
    choices.add(*p.candidates, offered, taken, said.score, who, said.effect);
  };
  if (was_shown && p.has_places()) {
    return keep(p.shown, blender.learn_page(*p.candidates, p.shown, taken, p.propensity));
  }
  std::vector<std::size_t> offered = p.shown;
  if (!was_shown) {
    offered.resize(on_offer.size());
    std::iota(offered.begin(), offered.end(), std::size_t{0});
  }
  keep(offered, blender.learn(*p.candidates, offered, taken));
}

// the candidates are gone: no choice to learn, but the item earned more than was thought when the window passed
inline void engine::state::learn_late_reward(const detail::pending_decision& p, item_index item, double value) {
  ++counters.late_rewards;
  if (!p.was_shown(item)) return;
  const double learned = p.defaulted ? std::clamp(options.default_reward, 0.0, 1.0) : 0;
  learn_taken(p, item, std::clamp(value, 0.0, 1.0) - learned);
}

// Nobody answered the page while it could be learned. If memory is out, this page is missed, and not the next.
inline void engine::state::learn_silence(detail::pending_decision& p) noexcept {
  if (p.shadow || !p.rewarded.empty()) return;
  ++counters.expired_decisions;
  const auto from_items = [&] {
    if (options.default_reward == 0) return;
    p.defaulted = true;
    for (const item_index item : p.shown_items) learn_taken(p, item, options.default_reward);
  };
  const auto from_choice = [&] {
    blender.learn_miss();
    const user_index who = p.user != no_id<user_index> ? p.user : users.find(p.user_name);
    if (who != no_id<user_index> && !may_learn_from(owner[slot(who)])) return;
    if (p.has_places()) blender.learn_silence(*p.candidates, p.shown, p.propensity);
  };
  const bool whole = detail::attempt(from_choice, from_items);
  if (!whole) ++counters.half_learned;
}

TANDEM_END
