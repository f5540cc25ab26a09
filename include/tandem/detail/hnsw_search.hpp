#pragma once
// One query of an approximate_top_n: a walk over the graph, and the exact scan for where the graph does not serve.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/batch/top_n.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/core/prefetch.hpp"
#include "tandem/data/scored_item.hpp"
#include "tandem/detail/hnsw_graph.hpp"

TANDEM_BEGIN
namespace detail {

/// The search for one query's best items. Scores have the bits of kernels().score_rows().
class hnsw_search {
 public:
  static constexpr std::size_t largest_links = 128;  // of an item in the lowest layer: twice as many, in one block

  hnsw_search(const hnsw_graph& graph, std::span<const float> query, const batch::item_filter& filter) noexcept
      : graph_(graph), query_(query), filter_(filter) {
    TANDEM_ASSERT(std::is_sorted(filter.exclude.begin(), filter.exclude.end()));
  }

  /// Fills `out`, best first; returns how many there are.
  std::size_t run(std::span<scored_item> out, std::size_t ef) {
    ef = std::max(ef, out.size());
    if (graph_may_serve(ef) && walk(out, ef)) return out.size();
    return scan(out);
  }

  /// Walks the graph: greedily to the best item of each upper layer, then over the lowest one with ef items in sight,
  /// until all that waits scores less than they do. Returns false, with `out` unspecified, when it gives up.
  /// Requires: ef >= out.size().
  bool walk(std::span<scored_item> out, std::size_t ef) {
    scored_item best{item_index{graph_.entry()}, 0};
    items_[0] = graph_.entry();
    if (!score(1)) return false;
    best.score = scores_[0];
    for (int layer = graph_.top_layer(); layer > 0; --layer) {
      if (!descend(best, layer)) return false;
    }
    std::vector<scored_item> in_sight(std::min(ef, graph_.size()));
    best_items found(in_sight);
    if (!walk_lowest_layer(best, found)) return false;
    if (found.finish() < out.size()) return false;  // an item that passes may be out of reach
    std::copy_n(in_sight.begin(), out.size(), out.begin());
    return true;
  }

  /// Scores all that pass. Complexity: O(size * rank); O(size / 64 + allowed * rank) with a bitmap.
  std::size_t scan(std::span<scored_item> out) noexcept {
    best_items best(out);
    const bool zeros = is_zero();
    for (std::size_t first = 0; first < graph_.size(); first += block) {
      const std::size_t n = std::min(block, graph_.size() - first);
      if (filter_.allow.empty()) {
        kernels().score_rows(query_.data(), 1, graph_.rows() + first * graph_.stride(), n, query_.size(),
                             graph_.stride(), scores_.data());
        best.offer_all(item_index{static_cast<std::uint32_t>(first)}, std::span(scores_).first(n), filter_.exclude);
      } else {
        const std::size_t allowed = list_allowed(first, n);
        (void)score(allowed);
        for (std::size_t i = 0; i < allowed; ++i) offer(best, i);
      }
      if (zeros && best.bar() == 0) break;  // all scores are 0, and the smallest indices come first
    }
    return best.finish();
  }

 private:
  static constexpr std::size_t block = 2 * largest_links;
  // Rules of thumb, measured at 100,000 items: a walk computes 10 to 20 scores for each item in sight, divided by the
  // share of items that pass; one of them takes as long as 8 of a scan in order, or one of a list.
  static constexpr std::size_t scores_in_sight = 10;
  static constexpr std::size_t scan_advantage = 8;

  [[nodiscard]] bool is_zero() const noexcept {
    return std::all_of(query_.begin(), query_.end(), [](float x) { return x == 0; });
  }

  [[nodiscard]] bool graph_may_serve(std::size_t ef) const noexcept {
    const auto is_finite = [](float x) { return std::isfinite(x); };
    if (is_zero() || !std::all_of(query_.begin(), query_.end(), is_finite)) return false;
    const auto n = static_cast<double>(graph_.size());
    const double walked = static_cast<double>(scores_in_sight) * static_cast<double>(ef);
    if (filter_.allow.empty()) return walked * static_cast<double>(scan_advantage) < n;
    const auto allowed = static_cast<double>(count_allowed());
    return walked * n < allowed * allowed;
  }

  [[nodiscard]] std::size_t count_allowed() const noexcept {
    std::size_t count = 0;
    for (const std::uint64_t word : filter_.allow.first(std::min(filter_.allow.size(), (graph_.size() + 63) / 64))) {
      count += static_cast<std::size_t>(std::popcount(word));
    }
    return count;
  }

  // Puts the items allowed among first ... first + n - 1 into items_; returns how many they are.
  std::size_t list_allowed(std::size_t first, std::size_t n) noexcept {
    std::size_t count = 0;
    for (std::size_t w = first / 64; w < std::min(filter_.allow.size(), (first + n + 63) / 64); ++w) {
      for (std::uint64_t bits = filter_.allow[w]; bits != 0; bits &= bits - 1) {
        const std::size_t item = w * 64 + static_cast<std::size_t>(std::countr_zero(bits));
        if (item < first + n) items_[count++] = static_cast<std::uint32_t>(item);
      }
    }
    return count;
  }

  // Scores the first n of items_; returns whether all scores are finite.
  bool score(std::size_t n) noexcept {
    kernels().gather_dot(graph_.rows(), graph_.stride(), items_.data(), n, query_.size(), query_.data(),
                         scores_.data());
    n_scored_ += n;
    return std::all_of(scores_.begin(), scores_.begin() + static_cast<std::ptrdiff_t>(n),
                       [](float s) { return std::isfinite(s); });
  }

  void offer(best_items& best, std::size_t i) const noexcept {
    if (scores_[i] < best.bar()) return;
    const item_index item{items_[i]};
    if (filter_.passes(item)) best.offer(item, scores_[i]);
  }

  // Steps to the best linked item of a layer for as long as it is better. Returns false at a score that is not finite.
  bool descend(scored_item& best, int layer) noexcept {
    for (bool better = true; better;) {
      better = false;
      const std::span<const std::uint32_t> links = graph_.links(raw(best.item), layer);
      for (const std::uint32_t item : links) prefetch_row(item);
      std::copy(links.begin(), links.end(), items_.begin());
      if (!score(links.size())) return false;
      for (std::size_t i = 0; i < links.size(); ++i) {
        if (scores_[i] <= best.score) continue;
        best = {item_index{items_[i]}, scores_[i]};
        better = true;
      }
    }
    return true;
  }

  // Returns false when it has scored too much, or at a score that is not finite.
  bool walk_lowest_layer(const scored_item& entry, best_items& found) {
    const auto ranks_behind = [](const scored_item& a, const scored_item& b) { return ranks_before(b, a); };
    hnsw_marks marks = graph_.marks();
    std::vector<scored_item> waiting{entry};
    marks.mark(raw(entry.item));
    if (filter_.passes(entry.item)) found.offer(entry.item, entry.score);
    while (!waiting.empty() && waiting.front().score >= found.bar()) {
      const std::uint32_t next = raw(waiting.front().item);
      std::pop_heap(waiting.begin(), waiting.end(), ranks_behind);
      waiting.pop_back();
      const std::size_t n = list_unmarked(graph_.links(next, 0), marks);
      if (!score(n) || n_scored_ > graph_.size() / scan_advantage) return false;
      for (std::size_t i = 0; i < n; ++i) {
        if (scores_[i] <= found.bar()) continue;
        waiting.push_back({item_index{items_[i]}, scores_[i]});
        std::push_heap(waiting.begin(), waiting.end(), ranks_behind);
        offer(found, i);
      }
    }
    return true;
  }

  // Puts the items not yet marked into items_, marks them and sends for their vectors; returns how many they are.
  std::size_t list_unmarked(std::span<const std::uint32_t> links, hnsw_marks& marks) noexcept {
    for (const std::uint32_t item : links) prefetch(marks.address(item));
    std::size_t n = 0;
    for (const std::uint32_t item : links) {
      if (!marks.mark(item)) continue;
      prefetch_row(item);
      items_[n++] = item;
    }
    return n;
  }

  void prefetch_row(std::uint32_t item) const noexcept {
    const char* row = reinterpret_cast<const char*>(graph_.row(item));
    const std::size_t bytes = std::min(query_.size() * sizeof(float), std::size_t{512});
    for (std::size_t b = 0; b < bytes; b += 64) prefetch(row + b);
  }

  const hnsw_graph& graph_;
  std::span<const float> query_;
  const batch::item_filter& filter_;
  std::size_t n_scored_ = 0;
  std::array<std::uint32_t, block> items_;  // those in work, and their scores
  std::array<float, block> scores_;
};

}  // namespace detail
TANDEM_END
