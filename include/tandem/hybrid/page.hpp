#pragma once
// Drawing a page under rules: each place from the best candidates that still have room, weighed by what is above them.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/hybrid/blender.hpp"
#include "tandem/hybrid/diversity.hpp"
#include "tandem/hybrid/gather.hpp"
#include "tandem/hybrid/page_rules.hpp"
#include "tandem/hybrid/slate.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Draws places one by one, as draw_slate() does, and keeps to caps and diversity.
///
/// At each place the pool is the slate_options::pool best candidates, by score, that the caps leave room for; the
/// policy sees their estimates as the diversifier weighs them there. All of that is settled before the number is drawn,
/// so that the propensity of a place is exact given the places above it. Without exploration the highest mean is taken,
/// the first of equals, with propensity 1.
/// Complexity: O(count * pool) for the cheap policies, plus caps and diversifier. Threads: thread-compatible.
class page_draw {
 public:
  /// @param rules, known, random  must outlive it.   @param spread  of the candidates' scores.
  page_draw(const known_rules& rules, const knowledge& known, double spread, const slate_options& options, bool explore,
            random_stream& random)
      : options_(options),
        explore_(explore),
        random_(&random),
        room_(rules, known),
        diversity_(rules.diversity, known, spread) {}

  /// Puts candidates behind those that wait already. @param order  of those, best first.
  /// @param items, estimates  by number of the candidate.
  void offer(std::span<const std::size_t> order, std::span<const item_index> items,
             std::span<const online::estimate> estimates) {
    for (const std::size_t c : order) waiting_.push_back({c, items[c], estimates[c]});
  }

  /// Fills places until there are `count`, or nobody is left who has room.
  void fill(std::size_t count) {
    while (places_.size() < count) {
      std::erase_if(pool_, [&](const entrant& each) { return !room_.has_room(each.item); });
      for (; pool_.size() < options_.pool && next_ < waiting_.size(); ++next_) {
        if (room_.has_room(waiting_[next_].item)) pool_.push_back(waiting_[next_]);
      }
      if (pool_.empty()) return;
      take(choose());
    }
  }

  [[nodiscard]] const std::vector<slate_place>& places() const noexcept { return places_; }
  /// True while the caps let the item onto the page.
  [[nodiscard]] bool has_room(item_index item) const { return room_.has_room(item); }

 private:
  struct entrant {
    std::size_t candidate;
    item_index item;
    online::estimate score;
  };

  [[nodiscard]] online::draw choose() {
    seen_.clear();
    for (const entrant& each : pool_) seen_.push_back(diversity_.weigh(each.candidate, each.item, each.score));
    if (!explore_) {
      const auto best = std::ranges::max_element(seen_, {}, &online::estimate::mean);
      return {static_cast<std::size_t>(best - seen_.begin()), 1};
    }
    probability_.resize(pool_.size());
    options_.policy.probabilities(seen_, probability_);
    return online::sample(probability_, *random_);
  }

  void take(const online::draw& drawn) {
    const auto at = pool_.begin() + static_cast<std::ptrdiff_t>(drawn.index);
    places_.push_back({at->candidate, drawn.probability});
    room_.place(at->item);
    diversity_.place(at->candidate, at->item);
    pool_.erase(at);
  }

  slate_options options_;
  bool explore_;
  random_stream* random_;
  room_left room_;
  diversifier diversity_;
  std::vector<entrant> waiting_;  // best first, from next_ on
  std::size_t next_ = 0;
  std::vector<entrant> pool_;
  std::vector<slate_place> places_;
  std::vector<online::estimate> seen_;
  std::vector<double> probability_;
};

/// The `n` items that the blend thinks most of among those that are neither forbidden nor candidates and for which
/// `wanted` holds; best first, ties by smaller index. No source proposed them, so only their scores count.
/// Complexity: O(n_items * sources). Allocates: a block of items and n. Threads: pure but for `scratch`.
template <class F>
[[nodiscard]] std::vector<item_index> best_outside(const blend_weights& weights, const candidate_set& set,
                                                   std::span<const std::shared_ptr<const source>> sources,
                                                   std::size_t n, gather_scratch& scratch, F&& wanted) {
  constexpr std::size_t block_items = 1024;
  const std::size_t n_items = scratch.seen_at.size();
  std::vector<std::pair<float, item_index>> best;
  candidate_set block;
  block.n_sources = set.n_sources;
  block.when = set.when;
  block.unit = set.unit;
  std::vector<float> score;
  const auto better = [](const auto& a, const auto& b) {
    return a.first > b.first || (a.first == b.first && slot(a.second) < slot(b.second));
  };
  const auto judge = [&] {
    block.place.assign(block.size() * block.n_sources, candidate_set::not_proposed);
    block.value.clear();
    detail::normalise_from(0, sources, block, scratch);
    score.assign(block.size(), 0.0F);
    weights.blend(block, score);
    for (std::size_t c = 0; c < block.size(); ++c) best.emplace_back(score[c], block.items[c]);
    const std::size_t kept = std::min(n, best.size());
    std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(kept), best.end(), better);
    best.resize(kept);
    block.items.clear();
  };
  for (std::size_t i = 0; i < n_items; ++i) {
    const auto item = static_cast<item_index>(i);
    if (scratch.seen_at[i] == 0 && wanted(item)) block.items.push_back(item);
    if (block.size() == block_items) judge();
  }
  judge();
  std::vector<item_index> out;
  out.reserve(best.size());
  for (const auto& each : best) out.push_back(each.second);
  return out;
}

/// Standard deviation of scores, 1 where they are all the same or there are none. Complexity: O(n). Threads: pure.
[[nodiscard]] inline double spread_of_scores(std::span<const float> scores) noexcept {
  if (scores.empty()) return 1;
  double mean = 0;
  for (const float x : scores) mean += double{x};
  mean /= static_cast<double>(scores.size());
  double square = 0;
  for (const float x : scores) square += (double{x} - mean) * (double{x} - mean);
  const double spread = std::sqrt(square / static_cast<double>(scores.size()));
  return spread > 1e-12 ? spread : 1;
}

}  // namespace hybrid
TANDEM_END
