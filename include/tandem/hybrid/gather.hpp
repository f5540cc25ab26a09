#pragma once
// From sources to candidates: each source scores the items, proposes its best, and the union goes to the blender.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/ids.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/detail/best_scores.hpp"
#include "tandem/hybrid/candidates.hpp"
#include "tandem/hybrid/effort.hpp"
#include "tandem/hybrid/score_rows.hpp"
#include "tandem/hybrid/source.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Buffers of one request, reused between requests. Threads: thread-compatible, one per request at a time.
struct gather_scratch {
  score_rows rows;               ///< a row a source, unless its best were found without; -infinity = not allowed
  const query* asked = nullptr;  ///< of the request, as long as it lasts
  const batch::factor_model* factors = nullptr;  ///< of the request; null without a model
  std::vector<float> directions;
  std::vector<std::span<const float>> pointing;  ///< by source: its direction, if it has no row; else empty
  std::vector<const shared_source*> shared;      ///< by source: itself, if it has no row for its peaks were enough
  std::vector<std::pair<float, std::uint32_t>> peaks;
  std::vector<scored_item> top;
  std::vector<float> some;  ///< one source's scores of some candidates
  std::vector<std::uint32_t> slots;
  std::vector<bool> silent;             ///< per source: it had nothing to say
  std::vector<detail::spread> spreads;  ///< per source: of its scores of all items
  std::vector<std::uint32_t> seen_at;   ///< per item: 1 + its subscript among the candidates
  std::vector<item_index> forbidden;
  bool has_only = false;        ///< the host named the items to choose from
  std::vector<bool> left_out;   ///< by source: not to be asked; empty = none
  bool timed = false;           ///< the sources' times are wanted
  std::vector<double> seconds;  ///< by source, if timed
  std::vector<std::pair<float, std::uint32_t>> best;
  std::vector<float> maxima;

  [[nodiscard]] bool points(std::size_t s) const noexcept { return !pointing[s].empty(); }
  [[nodiscard]] bool leaves_out(std::size_t s) const noexcept { return !left_out.empty() && left_out[s]; }
};

/// Scores all items with every source, and gathers the union of the best `per_source` allowed items of each.
///
/// @param forbidden  in scratch: items never to be candidates.
/// @param only       when not empty: candidates are exactly those of `only` that are not forbidden.
/// @param at_least   candidates wanted; the list is filled up with the newest items when the sources know fewer.
/// Complexity: O(sources * n_items); of a sparse_source O(items it speaks of), of a shared_source its blocks whose peak
/// reaches the list, of one that points as top_n_index::top_n(). Threads: pure but for `scratch`.
inline candidate_set gather(const query& q, std::span<const std::shared_ptr<const source>> sources,
                            std::size_t per_source, std::span<const item_index> only, std::size_t at_least,
                            gather_scratch& scratch);

namespace detail {

// the subscript of an item among the candidates, where it is put if it is not there yet
inline std::size_t add_candidate(std::size_t item, candidate_set& out, gather_scratch& scratch) {
  if (scratch.seen_at[item] == 0) {
    out.items.push_back(item_index{static_cast<std::uint32_t>(item)});
    scratch.seen_at[item] = static_cast<std::uint32_t>(out.items.size());
    out.place.resize(out.items.size() * out.n_sources, candidate_set::not_proposed);
  }
  return scratch.seen_at[item] - 1;
}

// asks the sources whose scores are inner products with the item factors for their user vectors
inline void ask_directions(const query& q, std::span<const std::shared_ptr<const source>> sources,
                           gather_scratch& scratch) {
  scratch.pointing.assign(sources.size(), {});
  scratch.factors = q.known.batch != nullptr ? q.known.batch->model.get() : nullptr;
  if (scratch.factors == nullptr) return;
  stopwatch watch(scratch.timed);
  const std::size_t rank = scratch.factors->rank();
  scratch.directions.resize(sources.size() * rank);
  for (std::size_t s = 0; s < sources.size(); ++s) {
    if (scratch.leaves_out(s)) continue;
    const std::span<float> vector = std::span(scratch.directions).subspan(s * rank, rank);
    try {
      if (sources[s]->direction(q, vector)) scratch.pointing[s] = vector;
    } catch (...) {  // a host's source that fails is silent for this request
      scratch.silent[s] = true;
    }
    scratch.seconds[s] = watch.lap();
  }
}

inline void keep_top(std::size_t n, gather_scratch& scratch) {
  scratch.best.clear();
  for (const scored_item& each : std::span(scratch.top).first(n)) scratch.best.emplace_back(each.score, raw(each.item));
}

// The spread and the best allowed items of a source that points, without the scores of the others; false = that takes
// all of them: few items, ties at the end of the list, items beyond the model among the best.
inline bool best_in_direction(const query& q, std::size_t s, std::size_t n_best, gather_scratch& scratch) {
  const factor_index& items = q.known.batch->items;
  if (n_best == 0 || scratch.has_only) return false;
  const score_moments moments = items.moments(scratch.pointing[s], q.n_items());
  if (!(moments.variance > 1e-20 && moments.variance < 1e30)) return false;
  scratch.top.resize(n_best + 1);  // one more has a lower score, or the list would end among equals of the lowest
  if (items.top().top_n(scratch.pointing[s], scratch.top, {.exclude = scratch.forbidden}) <= n_best) return false;
  const float last = scratch.top[n_best - 1].score;
  if (!(last > scratch.top[n_best].score)) return false;
  if (last <= 0 && items.top().size() < q.n_items()) return false;
  keep_top(n_best, scratch);
  scratch.spreads[s].shift = static_cast<float>(moments.mean);
  scratch.spreads[s].factor = static_cast<float>(1 / std::sqrt(moments.variance));
  return true;
}

// allowed items whose score is `score`, which is positive
inline std::size_t count_by_peaks(const query& q, const shared_source& from, float score,
                                  const gather_scratch& scratch) {
  std::size_t out = 0;
  for (std::size_t b = 0; b < from.n_blocks(q); ++b) {
    if (from.peak(q, b) < score) continue;
    std::array<float, shared_source::block_items> memory;
    const std::span<const float> scores = from.block(q, b, memory);
    out += kernels().count_equal(scores.data(), scores.size(), score);
  }
  for (std::size_t k = 0; k < scratch.forbidden.size(); ++k) {
    if (k > 0 && scratch.forbidden[k] == scratch.forbidden[k - 1]) continue;
    out -= from.score_of(q, scratch.forbidden[k]) == score ? 1U : 0U;
  }
  return out;
}

// The best allowed items of a source with peaks: block by block, from the highest on, until no peak reaches the last of
// the list; false = for so few items that is not worth it, or not what was asked.
inline bool best_by_peaks(const query& q, const shared_source& from, std::size_t s, std::size_t n_best,
                          gather_scratch& scratch) {
  if (n_best == 0 || scratch.has_only || q.n_items() <= 2 * shared_source::block_items) return false;
  const double total = from.total(q);
  if (!(total > 0 && total <= 1e15)) return false;
  auto& peaks = scratch.peaks;
  peaks.clear();
  for (std::size_t b = 0; b < from.n_blocks(q); ++b) peaks.emplace_back(from.peak(q, b), static_cast<std::uint32_t>(b));
  std::ranges::make_heap(peaks);
  if (peaks.empty() || sane(peaks.front().first) != peaks.front().first) return false;
  scratch.top.resize(n_best);
  best_items best(scratch.top);
  while (!peaks.empty() && peaks.front().first > 0 && peaks.front().first >= best.bar()) {
    std::array<float, shared_source::block_items> memory;
    const std::size_t first = peaks.front().second * shared_source::block_items;
    std::span<const float> scores = from.block(q, peaks.front().second, memory);
    scores = scores.first(std::min(scores.size(), q.n_items() - std::min(first, q.n_items())));
    const auto next = [&](std::size_t i) {  // the bar itself is reached by ties of smaller index
      const float below = std::max(0.0F, std::nextafter(best.bar(), 0.0F));
      return kernels().next_above(scores.data(), i, scores.size(), below);
    };
    for (std::size_t i = next(0); i < scores.size(); i = next(i + 1)) {
      const auto item = static_cast<item_index>(first + i);
      if (!std::ranges::binary_search(scratch.forbidden, item)) best.offer(item, scores[i]);
    }
    std::ranges::pop_heap(peaks);
    peaks.pop_back();
  }
  keep_top(best.finish(), scratch);
  scratch.spreads[s].shift = static_cast<float>(total / static_cast<double>(q.n_items()));
  return true;
}

// writes the scores of a source that points for all items into its row
inline void fill_row(std::size_t s, gather_scratch& scratch) {
  const batch::factor_model& model = *scratch.factors;
  const std::span<float> out = scratch.rows.to_write(s);
  kernels().score_rows(scratch.pointing[s].data(), 1, model.item_matrix().data(), std::min(model.n_items(), out.size()),
                       model.rank(), model.rank(), out.data());
}

// the row of a source that gives no direction; true = few items have another score than 0, and the row lists them
inline bool score_row(const query& q, const source& from, std::size_t s, gather_scratch& scratch) {
  stopwatch watch(scratch.timed);
  bool few = false;
  bool said = false;
  try {
    if (scratch.leaves_out(s) || scratch.silent[s] || !from.has_opinion(q)) {
      (void)scratch.rows.to_add(s);
    } else if (const sparse_source* const sparse = from.as_sparse(); sparse != nullptr) {
      few_scores out = scratch.rows.to_add(s);
      said = sparse->score_few(q, out);
      few = out.positive() && out.items().size() < q.n_items();
    } else {
      const std::span<float> out = scratch.rows.to_write(s);
      said = from.score(q, out);
      if (!said && std::ranges::all_of(out, [](float x) { return x == 0; })) scratch.rows.untouched(s);
    }
  } catch (...) {  // a host's source that fails is silent for this request
    said = false;
    (void)scratch.rows.to_add(s);
  }
  scratch.silent[s] = !said;
  scratch.seconds[s] += watch.lap();
  return few && said;
}

inline void forbid(std::size_t s, gather_scratch& scratch) {
  for (const item_index item : scratch.forbidden) {
    scratch.rows.set(s, slot(item), -std::numeric_limits<float>::infinity());
  }
}

// lists the best allowed items of source s, as best_of() left them, among the candidates
template <class CountEqual>
void propose(std::size_t s, std::size_t n_best, candidate_set& out, gather_scratch& scratch, CountEqual&& count_equal) {
  for (std::size_t k = 0; k < scratch.best.size(); ++k) {
    const std::size_t c = add_candidate(scratch.best[k].second, out, scratch);
    out.place[c * out.n_sources + s] = static_cast<std::uint8_t>(k);
  }
  if (scratch.best.size() < n_best || n_best == 0) return;
  const float last = scratch.best.back().first;
  if (scratch.best[std::min(n_best, candidate_set::exact_places) - 1].first != last) return;
  const auto listed =
      std::count_if(scratch.best.begin(), scratch.best.end(), [&](const auto& b) { return b.first == last; });
  out.tied_beyond[s] = static_cast<std::uint32_t>(count_equal(last) - static_cast<std::size_t>(listed));
}

// shares are of what the source says, however its items were found
inline void share_of(const shared_source& from, const query& q, spread& spread) noexcept {
  spread.lowest = 0;
  try {
    const double total = from.total(q);
    if (total > 0 && total <= 1e15) spread.shift = static_cast<float>(total / static_cast<double>(q.n_items()));
  } catch (...) {  // of their sum, then
  }
}

// the same of a row with the scores of all items, before those that are forbidden were set
inline void propose_from_row(const query& q, const source& from, std::size_t s, bool few, std::size_t n_best,
                             candidate_set& out, gather_scratch& scratch) {
  const std::span<float> scores = scratch.rows.row(s);
  spread& spread = scratch.spreads[s];
  if (few) {
    spread = spread_of_few(scores, scratch.rows.listed(s));
    few = spread.sound;
  }
  if (!few && !scratch.silent[s]) {
    spread = sane_spread_of(scores);
    if (const shared_source* const shared = from.as_shared(); shared != nullptr) share_of(*shared, q, spread);
  }
  const std::size_t n_listed = scratch.rows.listed(s).size();
  forbid(s, scratch);
  if (scratch.silent[s]) return;
  if (few) {
    const std::span<const std::uint32_t> items = scratch.rows.listed(s).first(n_listed);
    best_of_few(scores, items, n_best, scratch.best);
    propose(s, n_best, out, scratch, [&](float last) {
      return static_cast<std::size_t>(
          std::ranges::count_if(items, [&](std::uint32_t item) { return scores[item] == last; }));
    });
  } else {
    best_of(scores, n_best, spread.lowest, scratch.maxima, scratch.best);
    propose(s, n_best, out, scratch,
            [&](float last) { return kernels().count_equal(scores.data(), scores.size(), last); });
  }
}

// the same of a source with peaks, if they are enough
inline bool propose_by_peaks(const query& q, const shared_source& from, std::size_t s, std::size_t n_best,
                             candidate_set& out, gather_scratch& scratch) {
  stopwatch watch(scratch.timed);
  try {
    const bool found = best_by_peaks(q, from, s, n_best, scratch);
    scratch.seconds[s] += watch.lap();
    if (!found) return false;
    scratch.shared[s] = &from;
    propose(s, n_best, out, scratch, [&](float last) { return count_by_peaks(q, from, last, scratch); });
  } catch (...) {  // a host's source that fails is silent for this request
    scratch.silent[s] = true;
    scratch.shared[s] = nullptr;
    return false;
  }
  return true;
}

// scores the items by source s and lists its best ones among the candidates
inline void score_and_propose(const query& q, const source& from, std::size_t s, std::size_t n_best, candidate_set& out,
                              gather_scratch& scratch) {
  bool few = false;
  const shared_source* const shared = scratch.leaves_out(s) ? nullptr : from.as_shared();
  if (shared != nullptr && propose_by_peaks(q, *shared, s, n_best, out, scratch)) return;
  if (scratch.points(s)) {
    stopwatch watch(scratch.timed);
    const bool found = best_in_direction(q, s, n_best, scratch);
    if (!found) fill_row(s, scratch);
    scratch.seconds[s] += watch.lap();
    if (found) {
      propose(s, n_best, out, scratch, [&](float last) {  // none beyond the list
        return static_cast<std::size_t>(std::ranges::count(scratch.best, last, [](const auto& b) { return b.first; }));
      });
      return;
    }
    scratch.pointing[s] = {};  // its row has all that is asked of it
  } else {
    few = score_row(q, from, s, scratch);
  }
  propose_from_row(q, from, s, few, n_best, out, scratch);
}

inline float score_by_peaks(const shared_source& from, const query& q, item_index item) noexcept {
  try {
    return sane(from.score_of(q, item));
  } catch (...) {
    return 0;
  }
}

// the scores that source s has for candidates from `first` on
inline void scores_from(std::size_t first, std::size_t s, const candidate_set& set, gather_scratch& scratch) {
  scratch.some.assign(set.size() - first, 0.0F);
  const auto for_each = [&](auto&& score_of) {
    for (std::size_t c = first; c < set.size(); ++c) scratch.some[c - first] = score_of(set.items[c]);
  };
  if (const shared_source* const shared = scratch.shared[s]; shared != nullptr) {
    return for_each([&](item_index item) { return score_by_peaks(*shared, *scratch.asked, item); });
  }
  if (!scratch.points(s)) {
    const std::span<const float> row = scratch.rows.row(s);
    return for_each([&](item_index item) { return row[slot(item)]; });
  }
  const batch::factor_model& model = *scratch.factors;
  scratch.slots.clear();
  for (std::size_t c = first; c < set.size(); ++c) {
    scratch.slots.push_back(slot(set.items[c]) < model.n_items() ? raw(set.items[c]) : 0U);
  }
  if (model.n_items() == 0) return;
  kernels().gather_dot(model.item_matrix().data(), model.rank(), scratch.slots.data(), scratch.slots.size(),
                       model.rank(), scratch.pointing[s].data(), scratch.some.data());
  for (std::size_t c = first; c < set.size(); ++c) {
    if (slot(set.items[c]) >= model.n_items()) scratch.some[c - first] = 0;
  }
}

// column s of the values of candidates from `first` on
inline void normalise(std::size_t first, std::size_t s, score_scale scale, candidate_set& out,
                      gather_scratch& scratch) {
  scores_from(first, s, out, scratch);
  const spread& spread = scratch.spreads[s];
  const std::span<const float> scores = scratch.some;
  if (scale == score_scale::standard) {
    out.unit[s] = spread.factor;
    for (std::size_t c = first; c < out.size(); ++c) {
      out.value[c * out.n_sources + s] = (scores[c - first] - spread.shift) * spread.factor;
    }
    return;
  }
  constexpr float floor = 1e-5F;
  const float none = std::log(floor);
  const float total = spread.shift * static_cast<float>(scratch.seen_at.size());
  const float factor = total > 0 ? 1 / total : 0.0F;
  for (std::size_t c = first; c < out.size(); ++c) {
    const float x = scores[c - first] * factor;
    out.value[c * out.n_sources + s] = x > 0 ? std::log(x + floor) : none;
  }
}

// the values of candidates from `first` on
inline void normalise_from(std::size_t first, std::span<const std::shared_ptr<const source>> sources,
                           candidate_set& out, gather_scratch& scratch) {
  out.value.resize(out.size() * out.n_sources, 0.0F);
  for (std::size_t s = 0; s < out.n_sources; ++s) {
    if (scratch.silent[s]) continue;
    normalise(first, s, sources[s]->scale(), out, scratch);
  }
}

}  // namespace detail

inline candidate_set gather(const query& q, std::span<const std::shared_ptr<const source>> sources,
                            std::size_t per_source, std::span<const item_index> only, std::size_t at_least,
                            gather_scratch& scratch) {
  const std::size_t n_items = q.n_items();
  const std::size_t n_best = std::min<std::size_t>(per_source, candidate_set::not_proposed);
  candidate_set out;
  out.n_sources = sources.size();
  out.when = moment_of(q);
  out.channel = q.known.channel;
  out.segment = q.known.segment;
  out.asked = request_numbers::of(q);
  out.tied_beyond.assign(sources.size(), 0);
  out.unit.assign(sources.size(), 0.0F);
  scratch.rows.shape(sources.size(), n_items);
  scratch.silent.assign(sources.size(), false);
  scratch.seconds.assign(sources.size(), 0.0);
  scratch.spreads.assign(sources.size(), {});
  scratch.has_only = !only.empty();
  scratch.asked = &q;
  scratch.shared.assign(sources.size(), nullptr);
  detail::ask_directions(q, sources, scratch);
  scratch.seen_at.assign(n_items, 0);
  if (!only.empty()) {  // everything else is forbidden
    std::vector<bool> allowed(n_items, false);
    for (const item_index item : only) allowed[slot(item)] = true;
    for (std::size_t i = 0; i < n_items; ++i) {
      if (!allowed[i]) scratch.forbidden.push_back(item_index{static_cast<std::uint32_t>(i)});
    }
  }

  if (only.empty()) std::ranges::sort(scratch.forbidden);
  for (std::size_t s = 0; s < sources.size(); ++s) {
    detail::score_and_propose(q, *sources[s], s, n_best, out, scratch);
  }
  for (const item_index item : scratch.forbidden) {
    scratch.seen_at[slot(item)] = std::numeric_limits<std::uint32_t>::max();
  }
  for (const item_index item : only) {
    if (scratch.seen_at[slot(item)] == 0) detail::add_candidate(slot(item), out, scratch);
  }
  for (std::size_t i = n_items; i-- > 0 && out.size() < at_least;) {
    if (scratch.seen_at[i] == 0) detail::add_candidate(i, out, scratch);
  }

  detail::normalise_from(0, sources, out, scratch);
  return out;
}

/// Source s's scores of all items, as gather() saw them with this scratch, whose query must still be there; -infinity
/// where an item is not allowed.
/// Complexity: O(n_items * rank) the first time for a source that points, else O(1). Threads: pure but for `scratch`.
[[nodiscard]] inline std::span<const float> all_scores(std::size_t s, gather_scratch& scratch) {
  if (scratch.points(s)) {
    detail::fill_row(s, scratch);
    detail::forbid(s, scratch);
    scratch.pointing[s] = {};
  }
  if (scratch.shared[s] != nullptr) {
    try {
      (void)scratch.shared[s]->score(*scratch.asked, scratch.rows.to_write(s));
    } catch (...) {  // as far as it got
    }
    detail::forbid(s, scratch);
    scratch.shared[s] = nullptr;
  }
  return scratch.rows.row(s);
}

/// Adds items to a set that gather() made with this scratch: those that are neither forbidden nor in it. No source
/// proposed them. Returns how many came to it. Complexity: O(|items| * sources).
inline std::size_t add_candidates(std::span<const item_index> items,
                                  std::span<const std::shared_ptr<const source>> sources, candidate_set& out,
                                  gather_scratch& scratch) {
  const std::size_t before = out.size();
  for (const item_index item : items) {
    if (slot(item) < scratch.seen_at.size() && scratch.seen_at[slot(item)] == 0) {
      detail::add_candidate(slot(item), out, scratch);
    }
  }
  detail::normalise_from(before, sources, out, scratch);
  return out.size() - before;
}

}  // namespace hybrid
TANDEM_END
