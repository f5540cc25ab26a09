#pragma once
// One answer as a pure function of what was known: decide(view, wish) draws the same slate every time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/hybrid/blender.hpp"
#include "tandem/hybrid/gather.hpp"
#include "tandem/hybrid/page.hpp"
#include "tandem/hybrid/page_rules.hpp"
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
  std::optional<known_rules> rules = {};  ///< of the page
};

/// A place that something else filled.
struct given_place {
  item_index item{};
  double propensity = 1;
};

/// What is wanted of the view.
struct wish {
  std::size_t count = 10;
  std::size_t proposals = 25;
  bool explore = true;
  std::uint64_t seed = 0;
  decision_id id = decision_id::none;
  std::vector<bool> left_out = {};      ///< sources not to ask, by source: they are silent; empty = none
  bool timed = false;                   ///< fills the scratch memory's seconds
  std::vector<given_place> given = {};  ///< the page, if it is to be scored only; known items, each once
};

/// A drawn slate with everything the blender needs to learn from it.
struct decided {
  candidate_set candidates;
  std::vector<float> score;        ///< served score per candidate
  std::vector<slate_place> slate;  ///< subscripts of candidates
};

namespace detail {

// served scores, and for the first `n_asked` of `order` variances carried over from the sources to first order
inline std::vector<online::estimate> estimates_of(const query& q,
                                                  std::span<const std::shared_ptr<const source>> sources, const view& v,
                                                  const decided& d, std::span<const std::size_t> order,
                                                  std::size_t n_asked, const slate_options& options) {
  std::vector<online::estimate> out(d.candidates.size());
  for (std::size_t c = 0; c < out.size(); ++c) out[c].mean = d.score[c];
  const bool by_uncertainty = std::holds_alternative<online::thompson>(options.policy.kind()) ||
                              std::holds_alternative<online::linear_ucb>(options.policy.kind());
  if (!by_uncertainty) return out;
  const std::size_t n = std::min(order.size(), n_asked);
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

// adds what the rules add to the scores of candidates from `first` on
inline void boost(const view& v, double spread, std::size_t first, decided& d) {
  for (std::size_t c = first; c < d.score.size(); ++c) {
    d.score[c] += boost_of(*v.rules, v.known, d.candidates.items[c]) * static_cast<float>(spread);
  }
}

// candidates from `first` on, best first
inline std::vector<std::size_t> order_from(std::size_t first, const decided& d) {
  std::vector<std::size_t> order = order_by_score(std::span(d.score).subspan(first), d.score.size());
  for (std::size_t& c : order) c += first;
  return order;
}

// Where there is a ranker and every source was asked: its trees never saw a source that was not.
inline void rank_all(const view& v, const wish& w, candidate_set& set) {
  if (v.known.batch == nullptr || v.known.batch->ranking == nullptr || !w.left_out.empty() || set.size() == 0) return;
  std::vector<float> blended(set.size());
  v.weights->blend(set, blended);
  set.ranked.resize(set.size());
  v.known.batch->ranking->rank(set, blended, v.rank_depth, set.ranked);
}

// candidates that came after the ranker keep the blend's score, as those beyond its depth do
inline void rank_later(const view& v, candidate_set& set) {
  if (set.ranked.empty()) return;
  std::vector<float> blended(set.size());
  v.weights->blend(set, blended);
  set.ranked.insert(set.ranked.end(), blended.begin() + static_cast<std::ptrdiff_t>(set.ranked.size()), blended.end());
}

// draws a page under the rules; where the candidates have no more that the caps let through, the catalogue gives more
inline void draw_page(const view& v, const query& q, std::span<const std::shared_ptr<const source>> sources,
                      const wish& w, double spread, const slate_options& options, gather_scratch& scratch,
                      decided& out) {
  random_stream random(w.seed, raw(w.id));
  page_draw page(*v.rules, v.known, spread, options, w.explore, random);
  const auto offer_from = [&](std::size_t first) {
    const std::vector<std::size_t> order = order_from(first, out);
    page.offer(order, out.candidates.items, estimates_of(q, sources, v, out, order, order.size(), options));
  };
  const std::size_t count = std::min(w.count, q.n_items());
  offer_from(0);
  page.fill(count);
  while (page.places().size() < count) {
    const std::size_t before = out.candidates.size();
    const std::size_t n = options.pool + count - page.places().size();
    const std::vector<item_index> more = best_outside(*v.weights, out.candidates, sources, n, scratch,
                                                      [&](item_index item) { return page.has_room(item); });
    if (add_candidates(more, sources, out.candidates, scratch) == 0) break;
    rank_later(v, out.candidates);
    std::vector<float> served(out.candidates.size());
    v.weights->serve(out.candidates, served);
    out.score.insert(out.score.end(), served.begin() + static_cast<std::ptrdiff_t>(before), served.end());
    boost(v, spread, before, out);
    offer_from(before);
    page.fill(count);
  }
  out.slate = page.places();
}

// The page as it was given, among the candidates of a choice from the whole catalogue: nothing is forbidden.
inline decided score_given(const view& v, const query& q, std::span<const std::shared_ptr<const source>> sources,
                           const wish& w, gather_scratch& scratch) {
  decided out;
  scratch.forbidden.clear();
  out.candidates = gather(q, sources, w.proposals, {}, 0, scratch);
  std::vector<item_index> items;
  items.reserve(w.given.size());
  for (const given_place& place : w.given) items.push_back(place.item);
  (void)add_candidates(items, sources, out.candidates, scratch);
  rank_all(v, w, out.candidates);
  out.score.resize(out.candidates.size());
  v.weights->serve(out.candidates, out.score);
  for (const given_place& place : w.given) {
    const auto at = std::ranges::find(out.candidates.items, place.item);
    out.slate.push_back({static_cast<std::size_t>(at - out.candidates.items.begin()), place.propensity});
  }
  return out;
}

}  // namespace detail

/// Scores, blends and draws, unless the wish gives the page. Random numbers come from (seed, decision id) only.
/// Rules forbid before the sources are asked, boost after the blend, and mix while the places are drawn.
/// Complexity: as gather(), and as page_draw under rules. Threads: pure but for `scratch`.
[[nodiscard]] inline decided decide(const view& v, const query& q,
                                    std::span<const std::shared_ptr<const source>> sources, const wish& w,
                                    const slate_options& options, gather_scratch& scratch) {
  decided out;
  scratch.left_out = w.left_out;
  scratch.timed = w.timed;
  scratch.seconds.clear();
  if (!w.given.empty()) return detail::score_given(v, q, sources, w, scratch);
  scratch.forbidden.assign(v.forbidden.begin(), v.forbidden.end());
  if (q.seen_excluded) {
    v.known.history->for_each_item([&](item_index item) { scratch.forbidden.push_back(item); });
  }
  if (v.rules.has_value()) forbid_by_rules(*v.rules, v.known, v.only, scratch.forbidden);
  out.candidates.n_sources = sources.size();
  if (q.n_items() == 0 || (v.limited && v.only.empty())) return out;
  out.candidates =
      gather(q, sources, std::max(w.proposals, std::min<std::size_t>(w.count, 254)), v.only, w.count, scratch);
  if (v.rules.has_value()) {
    for (const auto& [item, by] : v.rules->item_boosts) {
      if (by > 0) (void)add_candidates({&item, 1}, sources, out.candidates, scratch);
    }
  }
  out.score.resize(out.candidates.size());
  detail::rank_all(v, w, out.candidates);
  v.weights->serve(out.candidates, out.score);
  if (v.rules.has_value()) {
    const double spread = spread_of_scores(out.score);
    detail::boost(v, spread, 0, out);
    if (v.rules->mixes()) {
      detail::draw_page(v, q, sources, w, spread, options, scratch, out);
      return out;
    }
  }
  const std::size_t count = std::min(w.count, out.score.size());
  const std::vector<std::size_t> order = order_by_score(out.score, count + (w.explore ? options.pool : 0));
  if (!w.explore) {
    for (std::size_t k = 0; k < count; ++k) out.slate.push_back({order[k], 1});
    return out;
  }
  random_stream random(w.seed, raw(w.id));
  const std::vector<online::estimate> estimates =
      detail::estimates_of(q, sources, v, out, order, options.pool + count, options);
  out.slate = draw_slate(estimates, order, count, options, random);
  return out;
}

}  // namespace hybrid
TANDEM_END
