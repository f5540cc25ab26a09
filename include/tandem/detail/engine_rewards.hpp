#pragma once
// What rewards of an answer, and its silence, teach the learners.

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "tandem/detail/engine_state.hpp"

TANDEM_BEGIN

inline void engine::state::learn_taken(const detail::pending_decision& p, item_index item, double value) {
  responses.taken(item, value);
  channels.taken(detail::channel_in(p.facts, options.channel_fact), item, value);
}

inline void engine::state::learn_reward(detail::pending_decision& p, user_index who, item_index item, double value) {
  p.rewarded.push_back(item);
  ++counters.rewards;
  if (p.settled) return learn_late_reward(p, item, value);
  if (!(value > 0)) return;
  const bool was_shown = p.was_shown(item);
  if (was_shown) learn_taken(p, item, value);
  const auto& on_offer = p.candidates->items;
  const auto at = std::find(on_offer.begin(), on_offer.end(), item);
  if (at == on_offer.end()) return blender.learn_miss();  // shown all the same: of a page made without some sources
  const auto taken = static_cast<std::size_t>(at - on_offer.begin());
  std::vector<std::size_t> offered = p.shown;
  if (!was_shown) {
    offered.resize(on_offer.size());
    std::iota(offered.begin(), offered.end(), std::size_t{0});
  }
  const std::vector<float> blended = blender.learn(*p.candidates, offered, taken);
  choices.add(*p.candidates, offered, taken, blended, who);
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
  const bool whole = detail::attempt([&] { blender.learn_miss(); }, from_items);
  if (!whole) ++counters.half_learned;
}

TANDEM_END
