#pragma once
// One answer as a pure function of what was known: decide(view, wish) draws the same slate every time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/hybrid/blender.hpp"
#include "tandem/hybrid/candidates.hpp"
#include "tandem/hybrid/ranker.hpp"
#include "tandem/hybrid/slate.hpp"
#include "tandem/hybrid/source.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Everything an answer depends on, as of one log position. Immutable.
struct view {
  knowledge known;
  cow<blend_weights> weights;
  std::vector<item_index> forbidden;  ///< retired, blocked, disliked
  std::vector<item_index> only;       ///< the host's candidates; empty = all items
  bool limited = false;               ///< the host gave candidates, even if none of them is known
  std::size_t rank_depth = ranker_options{}.depth;
};

/// What is wanted of the view.
struct wish {
  std::size_t count = 10;
  std::size_t proposals = 25;
  bool explore = true;
  std::uint64_t seed = 0;
  decision_id id = decision_id::none;
};

/// A drawn slate with everything the blender needs to learn from it.
struct decided {
  candidate_set candidates;
  std::vector<float> score;        ///< served score per candidate
  std::vector<slate_place> slate;  ///< subscripts of candidates
};

namespace detail {

// estimates for drawing `count` places: served scores, and variances carried over from the sources to first order
inline std::vector<online::estimate> estimates_of(const query& q,
                                                  std::span<const std::shared_ptr<const source>> sources, const view& v,
                                                  const decided& d, std::span<const std::size_t> order,
                                                  std::size_t count, const slate_options& options) {
  std::vector<online::estimate> out(d.candidates.size());
  for (std::size_t c = 0; c < out.size(); ++c) out[c].mean = d.score[c];
  const bool by_uncertainty = std::holds_alternative<online::thompson>(options.policy.kind()) ||
                              std::holds_alternative<online::linear_ucb>(options.policy.kind());
  if (!by_uncertainty) return out;
  const std::size_t n = std::min(order.size(), options.pool + count);  // who can enter the pool
  std::vector<item_index> items(n);
  for (std::size_t k = 0; k < n; ++k) items[k] = d.candidates.items[order[k]];
  std::vector<float> variance(n);
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const float slope = v.weights->slope(d.candidates, s) * d.candidates.unit[s];
    if (slope == 0) continue;
    std::fill(variance.begin(), variance.end(), 0.0F);
    try {
      sources[s]->variances(q, items, variance);
    } catch (...) {  // a host's source that fails is silent
      continue;
    }
    for (std::size_t k = 0; k < n; ++k) out[order[k]].variance += slope * slope * std::max(0.0F, sane(variance[k]));
  }
  return out;
}

}  // namespace detail

/// Scores, blends and draws. Random numbers come from (seed, decision id) only.
/// Complexity: as gather(). Threads: pure but for `scratch`.
[[nodiscard]] inline decided decide(const view& v, const query& q,
                                    std::span<const std::shared_ptr<const source>> sources, const wish& w,
                                    const slate_options& options, gather_scratch& scratch) {
  decided out;
  scratch.forbidden.assign(v.forbidden.begin(), v.forbidden.end());
  if (q.seen_excluded) {
    v.known.history->for_each_item([&](item_index item) { scratch.forbidden.push_back(item); });
  }
  out.candidates.n_sources = sources.size();
  if (q.n_items() == 0 || (v.limited && v.only.empty())) return out;
  out.candidates =
      gather(q, sources, std::max(w.proposals, std::min<std::size_t>(w.count, 254)), v.only, w.count, scratch);
  out.score.resize(out.candidates.size());
  if (v.known.batch != nullptr && v.known.batch->ranking != nullptr && out.candidates.size() > 0) {
    out.candidates.ranked.resize(out.candidates.size());
    v.weights->blend(out.candidates, out.score);
    v.known.batch->ranking->rank(out.candidates, out.score, v.rank_depth, out.candidates.ranked);
  }
  v.weights->serve(out.candidates, out.score);
  const std::size_t count = std::min(w.count, out.score.size());
  const std::vector<std::size_t> order = order_by_score(out.score, count + (w.explore ? options.pool : 0));
  if (!w.explore) {
    for (std::size_t k = 0; k < count; ++k) out.slate.push_back({order[k], 1});
    return out;
  }
  random_stream random(w.seed, raw(w.id));
  const std::vector<online::estimate> estimates = detail::estimates_of(q, sources, v, out, order, count, options);
  out.slate = draw_slate(estimates, order, count, options, random);
  return out;
}

}  // namespace hybrid
TANDEM_END
