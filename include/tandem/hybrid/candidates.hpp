#pragma once
// From sources to candidates: each source scores every item, proposes its best, and the union goes to the blender.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/hybrid/effort.hpp"
#include "tandem/hybrid/source.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Where in the visit the user is; the blender may trust sources differently in each.
enum class moment : std::uint8_t { new_user, visit_start, visit_deep, session_start, session_deep, returning };
inline constexpr std::size_t n_moments = 6;

/// The moment of a request: same time as the last event = within a visit, deep from its seventh event on; within half
/// an hour = within a session.
[[nodiscard]] inline moment moment_of(const query& q) noexcept {
  const auto recent = q.known.history->recent();
  if (recent.empty()) return moment::new_user;
  if (recent.back().time == q.time) {
    constexpr std::size_t early = 6;
    const bool deep = recent.size() >= early &&
                      std::ranges::all_of(recent.last(early), [&](const auto& past) { return past.time == q.time; });
    return deep ? moment::visit_deep : moment::visit_start;
  }
  if (q.time - recent.back().time < std::chrono::minutes(30)) {
    return q.known.history->events() >= 3 ? moment::session_deep : moment::session_start;
  }
  return moment::returning;
}

/// What a request says of its moment in numbers.
struct request_numbers {
  float events = 0;  ///< log(1 + events of the user)
  float since = -1;  ///< log(1 + seconds since the user's last event); -1 = none
  float run = 0;     ///< the user's latest events that have the request's time

  [[nodiscard]] static request_numbers of(const query& q) noexcept {
    request_numbers out;
    const auto recent = q.known.history->recent();
    if (recent.empty()) return out;
    out.events = std::log1p(static_cast<float>(q.known.history->events()));
    const auto gap = static_cast<float>((q.time - recent.back().time).count()) / 1000;
    out.since = std::log1p(std::max(0.0F, gap));
    const auto other = std::find_if(recent.rbegin(), recent.rend(), [&](const auto& e) { return e.time != q.time; });
    out.run = static_cast<float>(other - recent.rbegin());
    return out;
  }
  void save(byte_writer& out) const {
    for (const float x : {events, since, run}) out.put(x);
  }
  [[nodiscard]] static request_numbers load(byte_reader& in) {
    request_numbers out;
    for (float* const x : {&out.events, &out.since, &out.run}) *x = in.get_finite<float>();
    return out;
  }
};

/// The union of what the sources proposed, with every source's view of every candidate.
struct candidate_set {
  static constexpr std::uint8_t not_proposed = 255;
  static constexpr std::size_t exact_places = 10;

  std::vector<item_index> items;  ///< n candidates
  std::size_t n_sources = 0;
  std::vector<float> value;                ///< n x n_sources, normalised scores
  std::vector<std::uint8_t> place;         ///< n x n_sources, place in the source's list or not_proposed
  std::vector<std::uint32_t> tied_beyond;  ///< per source: items left out that tie with an exact place of its list
  std::vector<float> unit;                 ///< per source: change of value per unit of score; 0 for shares
  moment when = moment::new_user;
  request_numbers asked;
  std::vector<float> ranked;  ///< n, the ranker's scores; empty without one

  [[nodiscard]] std::size_t size() const noexcept { return items.size(); }

  /// Place of candidate c in the list of source s, from 0, ties at their mean place; infinity if not proposed.
  /// Exact below exact_places; beyond, it may be too small by ties that the list left out.
  [[nodiscard]] double tied_place(std::size_t c, std::size_t s) const noexcept {
    if (place[c * n_sources + s] == not_proposed) return std::numeric_limits<double>::infinity();
    const float mine = value[c * n_sources + s];
    std::size_t above = 0;
    std::size_t equal = 0;
    bool last = true;
    for (std::size_t o = 0; o < size(); ++o) {
      if (place[o * n_sources + s] == not_proposed) continue;
      const float theirs = value[o * n_sources + s];
      above += theirs > mine ? 1 : 0;
      equal += theirs == mine ? 1 : 0;
      last = last && theirs >= mine;
    }
    if (last) equal += tied_beyond[s];
    return static_cast<double>(above) + static_cast<double>(equal - 1) / 2;
  }

  void save(byte_writer& out) const {
    out.section("candidates");
    out.put(when);
    asked.save(out);
    out.count(n_sources);
    out.put(items);
    out.put(tied_beyond);
    out.put(unit);
    out.put(value);
    out.put(place);
    out.put(ranked);
  }
  /// The set that save() wrote, with all its sizes in agreement.
  /// Errors: bad_format, also for items beyond `n_items` and for other than `n_sources` sources.
  [[nodiscard]] static candidate_set load(byte_reader& in, std::size_t n_sources, std::size_t n_items = no_limit) {
    in.section("candidates");
    candidate_set out;
    out.when = in.get_up_to(moment::returning);
    out.asked = request_numbers::load(in);
    out.n_sources = in.count();
    in.check(out.n_sources == n_sources, "another number of sources");
    out.items = in.get_vector<item_index>();
    for (const item_index item : out.items) in.check(slot(item) < n_items, "an unknown item");
    out.tied_beyond = in.get_vector<std::uint32_t>(n_sources);
    out.unit = in.get_vector<float>(n_sources);
    const bool nothing = out.items.empty() && out.tied_beyond.empty() && out.unit.empty();  // nobody was asked
    in.check(nothing || (out.tied_beyond.size() == n_sources && out.unit.size() == n_sources), "an impossible count");
    const std::size_t cells = out.size() * out.unit.size();
    out.value = in.get_vector<float>(cells);
    out.place = in.get_vector<std::uint8_t>(cells);
    in.check(out.value.size() == cells && out.place.size() == cells, "an impossible count");
    out.ranked = in.get_vector<float>(out.size());
    in.check(out.ranked.empty() || out.ranked.size() == out.size(), "an impossible count");
    for (const auto* numbers : {&out.unit, &out.value, &out.ranked}) {
      for (const float x : *numbers) in.check(std::isfinite(x), "a number that is not finite");
    }
    return out;
  }
};

namespace detail {

struct spread {
  float shift = 0;  // value = (score - shift) * factor, or log(score * factor + 1e-5) for shares
  float factor = 0;
  float lowest = 0;
  bool sound = true;  // false: some score is not finite, or absurd
};

}  // namespace detail

/// Buffers of one request, reused between requests. Threads: thread-compatible, one per request at a time.
struct gather_scratch {
  std::vector<float> scores;  ///< n_sources x n_items; -infinity where an item is not allowed
  std::vector<float> directions;
  std::vector<float> inner;             ///< results of the shared pass over the factors
  std::vector<bool> silent;             ///< per source: it had nothing to say
  std::vector<detail::spread> spreads;  ///< per source: of its scores of all items
  std::vector<std::uint32_t> seen_at;   ///< per item: 1 + its subscript among the candidates
  std::vector<item_index> forbidden;
  std::vector<bool> left_out;   ///< by source: not to be asked; empty = none
  bool timed = false;           ///< the sources' times are wanted
  std::vector<double> seconds;  ///< by source, if timed; a pass over the factors is shared by those it was for
  std::vector<std::pair<float, std::uint32_t>> best;
  std::vector<float> maxima;

  [[nodiscard]] std::span<float> scores_of(std::size_t s, std::size_t n_items) noexcept {
    return std::span(scores).subspan(s * n_items, n_items);
  }
};

namespace detail {

// A number that at least n of `scores` reach, or -infinity: the n-th largest of the maxima of at least 2 n classes, so
// that some 1.4 n scores reach it. Classes go by remainder: items that are alike often have subscripts that are near.
inline float reached_by(std::span<const float> scores, std::size_t n, std::vector<float>& maxima) {
  maxima.resize((2 * n + 15) / 16 * 16);
  kernels().class_maxima(scores.data(), scores.size(), maxima.size(), maxima.data());
  const auto nth = maxima.begin() + static_cast<std::ptrdiff_t>(n - 1);
  std::nth_element(maxima.begin(), nth, maxima.end(), std::greater<>());
  return *nth;
}

// calls f(i) for every score above `bar`, in order, until it returns false
template <class F>
void for_each_above(std::span<const float> scores, float bar, F&& f) {
  const kernel_table& k = kernels();
  const std::size_t end = scores.size();
  for (std::size_t i = k.next_above(scores.data(), 0, end, bar); i < end;
       i = k.next_above(scores.data(), i + 1, end, bar)) {
    if (!f(i)) return;
  }
}

// the `n` best of `scores` above `floor`, best first, ties by smaller index
inline void best_of(std::span<const float> scores, std::size_t n, float floor, std::vector<float>& maxima,
                    std::vector<std::pair<float, std::uint32_t>>& best) {
  best.clear();
  if (n == 0) return;
  const float reached = reached_by(scores, n, maxima);
  const float bar = std::max(floor, reached);
  for_each_above(scores, bar, [&](std::size_t i) {
    best.emplace_back(scores[i], static_cast<std::uint32_t>(i));
    return true;
  });
  if (best.size() < n && bar > floor) {  // the rest equal the bar: the first of them
    for_each_above(scores, std::nextafter(bar, floor), [&](std::size_t i) {
      if (scores[i] == bar) best.emplace_back(bar, static_cast<std::uint32_t>(i));
      return best.size() < n;
    });
  }
  const auto better = [](const auto& a, const auto& b) {
    return a.first > b.first || (a.first == b.first && a.second < b.second);
  };
  const std::size_t kept = std::min(n, best.size());
  std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(kept), best.end(), better);
  best.resize(kept);
}

// sums differences from one of the scores, so that a mean far from zero costs no digits
inline spread spread_of(std::span<const float> scores) {
  const float origin = scores.empty() ? 0.0F : scores.back();
  std::array<float, 3> sums{};
  kernels().spread(scores.data(), scores.size(), origin, sums.data());
  const double total{sums[0]};
  const double squares{sums[1]};
  spread out;
  out.lowest = sums[2];
  out.sound = squares <= 1e35;  // neither NaN nor infinity got in
  const double n = static_cast<double>(scores.size());
  const double mean = total / n;
  const double variance = squares / n - mean * mean;
  out.shift = static_cast<float>(double{origin} + mean);
  out.factor = static_cast<float>(variance > 1e-20 ? 1 / std::sqrt(variance) : 1);
  return out;
}

}  // namespace detail

/// Scores all items with every source, and gathers the union of the best `per_source` allowed items of each.
///
/// @param forbidden  in scratch: items never to be candidates.
/// @param only       when not empty: candidates are exactly those of `only` that are not forbidden.
/// @param at_least   candidates wanted; the list is filled up with the newest items when the sources know fewer.
/// Complexity: O(sources * n_items), plus one pass over the factors. Threads: pure but for `scratch`.
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

// NaN, infinities and numbers whose squares would not add up count as 0
inline float sane(float score) noexcept { return std::abs(score) <= 1e15F ? score : 0.0F; }

// fills scratch.scores: every source's score of every item
inline void score_all(const query& q, std::span<const std::shared_ptr<const source>> sources, gather_scratch& scratch) {
  const std::size_t n_items = q.n_items();
  const bool has_model = q.known.batch != nullptr;
  const std::size_t rank = has_model ? q.known.batch->model->rank() : 0;
  scratch.scores.resize(sources.size() * n_items);
  scratch.silent.assign(sources.size(), false);
  scratch.directions.resize(sources.size() * rank);
  scratch.seconds.assign(sources.size(), 0.0);
  stopwatch watch(scratch.timed);
  std::vector<std::size_t> by_direction;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const std::span<float> out = scratch.scores_of(s, n_items);
    if (!scratch.left_out.empty() && scratch.left_out[s]) {
      scratch.silent[s] = true;
      std::fill(out.begin(), out.end(), 0.0F);
      continue;
    }
    try {
      const std::span<float> vector = std::span(scratch.directions).subspan(by_direction.size() * rank, rank);
      if (has_model && sources[s]->direction(q, vector)) {
        by_direction.push_back(s);
        if (q.known.batch->model->n_items() < n_items) std::fill(out.begin(), out.end(), 0.0F);
      } else {
        std::fill(out.begin(), out.end(), 0.0F);
        scratch.silent[s] = !sources[s]->score(q, out);
      }
    } catch (...) {  // a host's source that fails is silent for this request
      scratch.silent[s] = true;
      std::fill(out.begin(), out.end(), 0.0F);
    }
    scratch.seconds[s] = watch.lap();
  }
  if (by_direction.empty()) return;
  const batch::packed_items& items = q.known.batch->items;
  const std::size_t n = items.size();
  scratch.inner.resize(by_direction.size() * n);
  items.score(std::span(scratch.directions).first(by_direction.size() * rank), scratch.inner);
  for (std::size_t d = 0; d < by_direction.size(); ++d) {
    const auto inner = scratch.inner.begin() + static_cast<std::ptrdiff_t>(d * n);
    std::copy_n(inner, std::min(n, n_items), scratch.scores_of(by_direction[d], n_items).begin());
  }
  const double share = watch.lap() / static_cast<double>(by_direction.size());
  for (const std::size_t s : by_direction) scratch.seconds[s] += share;
}

// the spread of a source's scores, with scores that are not numbers made 0 first
inline spread sane_spread_of(std::span<float> scores) {
  const spread first = spread_of(scores);
  if (first.sound) return first;
  for (float& x : scores) x = sane(x);
  return spread_of(scores);
}

// lists the best allowed items of source s among the candidates
inline void propose(std::size_t s, std::span<const float> scores, std::size_t n_best, float floor, candidate_set& out,
                    gather_scratch& scratch) {
  best_of(scores, n_best, floor, scratch.maxima, scratch.best);
  for (std::size_t k = 0; k < scratch.best.size(); ++k) {
    const std::size_t c = add_candidate(scratch.best[k].second, out, scratch);
    out.place[c * out.n_sources + s] = static_cast<std::uint8_t>(k);
  }
  if (scratch.best.size() < n_best || n_best == 0) return;
  const float last = scratch.best.back().first;
  if (scratch.best[std::min(n_best, candidate_set::exact_places) - 1].first != last) return;
  const auto listed =
      std::count_if(scratch.best.begin(), scratch.best.end(), [&](const auto& b) { return b.first == last; });
  out.tied_beyond[s] = static_cast<std::uint32_t>(kernels().count_equal(scores.data(), scores.size(), last) -
                                                  static_cast<std::size_t>(listed));
}

// column s of the values of candidates from `first` on
inline void normalise(std::size_t s, std::span<const float> scores, score_scale scale, const spread& spread,
                      candidate_set& out, std::size_t first = 0) {
  if (scale == score_scale::standard) {
    out.unit[s] = spread.factor;
    for (std::size_t c = first; c < out.size(); ++c) {
      out.value[c * out.n_sources + s] = (scores[slot(out.items[c])] - spread.shift) * spread.factor;
    }
    return;
  }
  constexpr float floor = 1e-5F;
  const float none = std::log(floor);
  const float total = spread.shift * static_cast<float>(scores.size());
  const float factor = total > 0 ? 1 / total : 0.0F;
  for (std::size_t c = first; c < out.size(); ++c) {
    const float x = scores[slot(out.items[c])] * factor;
    out.value[c * out.n_sources + s] = x > 0 ? std::log(x + floor) : none;
  }
}

// the values of candidates from `first` on
inline void normalise_from(std::size_t first, std::size_t n_items,
                           std::span<const std::shared_ptr<const source>> sources, candidate_set& out,
                           gather_scratch& scratch) {
  out.value.resize(out.size() * out.n_sources, 0.0F);
  for (std::size_t s = 0; s < out.n_sources; ++s) {
    if (scratch.silent[s]) continue;
    normalise(s, scratch.scores_of(s, n_items), sources[s]->scale(), scratch.spreads[s], out, first);
  }
}

}  // namespace detail

inline candidate_set gather(const query& q, std::span<const std::shared_ptr<const source>> sources,
                            std::size_t per_source, std::span<const item_index> only, std::size_t at_least,
                            gather_scratch& scratch) {
  constexpr float minus_infinity = -std::numeric_limits<float>::infinity();
  const std::size_t n_items = q.n_items();
  const std::size_t n_best = std::min<std::size_t>(per_source, candidate_set::not_proposed);
  candidate_set out;
  out.n_sources = sources.size();
  out.when = moment_of(q);
  out.asked = request_numbers::of(q);
  out.tied_beyond.assign(sources.size(), 0);
  out.unit.assign(sources.size(), 0.0F);
  detail::score_all(q, sources, scratch);
  scratch.seen_at.assign(n_items, 0);
  if (!only.empty()) {  // everything else is forbidden
    std::vector<bool> allowed(n_items, false);
    for (const item_index item : only) allowed[slot(item)] = true;
    for (std::size_t i = 0; i < n_items; ++i) {
      if (!allowed[i]) scratch.forbidden.push_back(item_index{static_cast<std::uint32_t>(i)});
    }
  }

  scratch.spreads.assign(sources.size(), {});
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const std::span<float> scores = scratch.scores_of(s, n_items);
    if (!scratch.silent[s]) scratch.spreads[s] = detail::sane_spread_of(scores);
    for (const item_index item : scratch.forbidden) scores[slot(item)] = minus_infinity;
    if (scratch.silent[s]) continue;
    detail::propose(s, scores, n_best, scratch.spreads[s].lowest, out, scratch);
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

  detail::normalise_from(0, n_items, sources, out, scratch);
  return out;
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
  detail::normalise_from(before, scratch.seen_at.size(), sources, out, scratch);
  return out.size() - before;
}

}  // namespace hybrid
TANDEM_END
