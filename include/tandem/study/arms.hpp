#pragma once
// The five arms that a study compares: one engine each, which differ in the sources they may blend and in whether a
// ranker orders the blend anew.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/engine.hpp"
#include "tandem/hybrid/sources.hpp"
#include "tandem/study/replay.hpp"

TANDEM_BEGIN
namespace study {

/// An arm of the study.
enum class arm : std::uint8_t {
  batch,            ///< the batch model alone: items and users frozen between refits
  batch_fold_in,    ///< the batch model's items, the user folded in anew at each request
  realtime,         ///< every source that needs no batch model, and the same blender; nothing is refitted
  realtime_ranked,  ///< the same, and a ranker that is fitted as often as the hybrid's
  hybrid,           ///< an engine with default options: every source but batch_fold_in, and a ranker
};

inline constexpr std::size_t n_arms = 5;
inline constexpr std::array<arm, n_arms> all_arms = {arm::batch, arm::batch_fold_in, arm::realtime,
                                                     arm::realtime_ranked, arm::hybrid};
/// The same, in the order of tables: the hybrid first.
inline constexpr std::array<arm, n_arms> arms_for_people = {arm::hybrid, arm::realtime_ranked, arm::realtime,
                                                            arm::batch_fold_in, arm::batch};

/// The arm's key in reports, as it stands in the enum.
[[nodiscard]] constexpr std::string_view name(arm a) noexcept {
  constexpr std::array<std::string_view, n_arms> names = {"batch", "batch_fold_in", "realtime", "realtime_ranked",
                                                          "hybrid"};
  return names[static_cast<std::size_t>(a)];
}

/// The arm's name for people.
[[nodiscard]] constexpr std::string_view title(arm a) noexcept {
  constexpr std::array<std::string_view, n_arms> titles = {"Batch", "Batch + fold-in", "Real-time",
                                                           "Real-time + ranker", "Hybrid"};
  return titles[static_cast<std::size_t>(a)];
}

/// What the arm is, in one sentence.
[[nodiscard]] constexpr std::string_view description(arm a) noexcept {
  constexpr std::array<std::string_view, n_arms> sentences = {
      "A matrix factorization; users and items stay as the last refit left them.",
      "The same items; the user is solved anew at each request from all they did so far, every item counting alike.",
      "Every source that learns from each event, blended; no batch factors.",
      "The same, its best ordered anew by trees that are fitted, at each refit, to what was taken.",
      "Everything: batch and real-time sources, blended by weights learned from what was taken, and the same trees."};
  return sentences[static_cast<std::size_t>(a)];
}

/// The built-in sources that an arm blends; the hybrid's are those of an engine with default options.
[[nodiscard]] inline std::vector<std::string> sources_of(arm a) {
  if (a == arm::batch) return {"batch_affinity"};
  if (a == arm::batch_fold_in) return {"batch_fold_in"};
  std::vector<std::string> names;
  for (const hybrid::source_info& each : hybrid::built_in_sources()) {
    if (each.by_default && (a == arm::hybrid || !each.needs_model)) names.emplace_back(each.name);
  }
  return names;
}

/// Whether a refit changes anything of an arm. Nothing of the real-time arm: it is not refitted, and pays for none.
[[nodiscard]] inline bool needs_refits(arm a) noexcept { return a != arm::realtime; }

/// `base` with the sources of an arm, and without a ranker unless the arm has one.
[[nodiscard]] inline engine_options options_of(arm a, engine_options base) {
  base.sources = sources_of(a);
  if (a != arm::realtime_ranked && a != arm::hybrid) base.ranker.choices = 0;
  return base;
}

/// Replays a log through one arm: an engine as a host would make it from `base`, with the arm's sources and what the
/// replay's options say of items and actions. Errors: as replay().
[[nodiscard]] inline replay_result replay_arm(arm a, const event_log& log, replay_plan plan, protocol known,
                                              const replay_options& options, engine_options base,
                                              const progress& callback = {}) {
  base.exclude_seen = !options.repeat_items;
  base.actions = options.actions;
  engine subject(options_of(a, std::move(base)));
  if (!needs_refits(a)) plan.refits.clear();
  return replay(log, plan, known, subject, callback);
}

}  // namespace study
TANDEM_END
