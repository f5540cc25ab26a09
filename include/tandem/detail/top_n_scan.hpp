#pragma once
// One pass over the items of a top_n_index for up to eight queries.

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "tandem/batch/top_n.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/core/prefetch.hpp"

TANDEM_BEGIN
namespace detail {

/// What one query of a pass has found so far.
struct item_search {
  std::span<const float> query = {};
  const batch::item_filter* filter = nullptr;
  best_items best{{}};
  query_bound bound = {};
  std::size_t* count = nullptr;  ///< where the number of answers goes

  /// Whether nothing of this norm or less can find a place any more.
  [[nodiscard]] bool is_over(float item_norm) const noexcept {
    return bound.score_limit(double{item_norm}) < double{best.bar()};
  }
};

/// The scan: rounded items first where the index has them and the query allows it, else every score in float32.
class top_n_scan {
 public:
  static constexpr std::size_t queries_a_pass = 8;

  explicit top_n_scan(const batch::top_n_index& index) noexcept : index_(index) {}

  [[nodiscard]] item_search search(std::span<const float> query, std::span<scored_item> out,
                                   const batch::item_filter& filter, std::size_t& count) const noexcept {
    TANDEM_ASSERT(std::is_sorted(filter.exclude.begin(), filter.exclude.end()));
    return {query, &filter, best_items(out), bound_of(query, double{largest_norm()}), &count};
  }

  /// Runs 1 to queries_a_pass searches, whose queries lie one after the other. Reorders them.
  void run(std::span<item_search> searches, bool rounded) const noexcept {
    if (rounded) {
      scan_rounded(searches);
    } else {
      scan_float32(searches);
    }
    for (item_search& each : searches) *each.count = each.best.finish();
  }

 private:
  static constexpr std::size_t largest_block = 64;                     // panels screened against one bar
  static constexpr std::size_t first_block = 4;                        // the longest vectors: scored, to have a bar
  static constexpr std::size_t block_bytes = std::size_t{128} * 1024;  // what stays in the second cache for all queries
  static constexpr std::size_t rows_a_block = 256;

  [[nodiscard]] float largest_norm() const noexcept { return index_.norms_.empty() ? 0 : index_.norms_[0]; }
  [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }
  [[nodiscard]] std::size_t rank() const noexcept { return index_.rank_; }

  void offer(item_search& search, std::size_t place, float score) const noexcept {
    if (score < search.best.bar()) return;
    const item_index item{index_.order_[place]};
    if (search.filter->passes(item)) search.best.offer(item, score);
  }

  void scan_float32(std::span<item_search> searches) const noexcept {
    std::array<float, queries_a_pass * rows_a_block> scores;
    for (std::size_t first = 0; first < size(); first += rows_a_block) {
      const float norm = index_.norms_[first / panel_size];
      const auto is_over = [norm](const item_search& each) { return each.is_over(norm); };
      if (std::all_of(searches.begin(), searches.end(), is_over)) return;
      const std::size_t n = std::min(rows_a_block, size() - first);
      kernels().score_rows(searches[0].query.data(), searches.size(), index_.rows_.data() + first * rank(), n, rank(),
                           rank(), scores.data());
      for (std::size_t q = 0; q < searches.size(); ++q) {
        for (std::size_t i = 0; i < n; ++i) offer(searches[q], first + i, scores[q * n + i]);
      }
    }
  }

  // The queries of a pass as the kernel wants them: those still searching stand in front.
  struct rounded_queries {
    alignas(64) std::array<std::int8_t, queries_a_pass * largest_8_bit_rank> factors;
    std::array<std::int32_t, queries_a_pass> offset;
    std::array<float, queries_a_pass> bar;
    std::array<std::uint16_t, queries_a_pass * largest_block> reached;
  };

  void scan_rounded(std::span<item_search> searches) const noexcept {
    const std::size_t k = padded_rank(rank());
    rounded_queries queries;
    std::size_t active = 0;
    for (std::size_t q = 0; q < searches.size(); ++q) {
      round_query(searches[q].query, double{largest_norm()}, index_.eps_, queries.factors.data() + active * k,
                  searches[q].bound);
      if (searches[q].bound.is_rounded) {
        std::swap(searches[q], searches[active++]);
      } else {
        scan_float32(searches.subspan(q, 1));
      }
    }
    const std::size_t most = std::clamp(block_bytes / (k * panel_size), first_block, largest_block);
    std::size_t block = first_block;
    for (std::size_t first = 0; first < index_.norms_.size(); first += block) {
      active = retire(searches, active, index_.norms_[first], queries);
      if (active == 0) return;
      if (first != 0) block = std::min(most, first);
      block = std::min(block, index_.norms_.size() - first);
      screen(searches.first(active), first, block, queries);
    }
  }

  // Moves the searches that are over behind the others; returns how many are left.
  [[nodiscard]] std::size_t retire(std::span<item_search> searches, std::size_t active, float norm,
                                   rounded_queries& queries) const noexcept {
    const std::size_t k = padded_rank(rank());
    for (std::size_t q = active; q-- > 0;) {
      if (!searches[q].is_over(norm)) continue;
      std::swap(searches[q], searches[--active]);
      std::copy_n(queries.factors.data() + active * k, k, queries.factors.data() + q * k);
    }
    return active;
  }

  void screen(std::span<item_search> searches, std::size_t first, std::size_t block,
              rounded_queries& queries) const noexcept {
    const std::size_t k = padded_rank(rank());
    bool any = false;
    for (std::size_t q = 0; q < searches.size(); ++q) {
      queries.offset[q] = searches[q].bound.offset;
      queries.bar[q] = searches[q].bound.bar(searches[q].best.bar(), double{index_.norms_[first]});
      any = any || queries.bar[q] > -std::numeric_limits<float>::infinity();
    }
    if (any) {
      kernels().screen_panels(queries.factors.data(), queries.offset.data(), searches.size(),
                              index_.panels_.data() + first * panel_size * k, index_.scale_.data() + first * panel_size,
                              queries.bar.data(), block, k, queries.reached.data());
    } else {
      queries.reached.fill(0xFFFF);
    }
    for (std::size_t q = 0; q < searches.size(); ++q) {
      score_reached(searches[q], first, std::span(queries.reached).subspan(q * block, block));
    }
  }

  void score_reached(item_search& search, std::size_t first, std::span<const std::uint16_t> reached) const noexcept {
    std::array<std::uint32_t, largest_block * panel_size> places;
    std::array<float, largest_block * panel_size> scores;
    std::size_t n = 0;
    for (std::size_t p = 0; p < reached.size(); ++p) {
      for (unsigned bits = reached[p]; bits != 0; bits &= bits - 1) {
        const std::size_t place = (first + p) * panel_size + static_cast<std::size_t>(std::countr_zero(bits));
        if (place >= size()) break;  // what fills up the last panel
        if (!search.filter->is_allowed(item_index{index_.order_[place]})) continue;
        places[n++] = static_cast<std::uint32_t>(place);
        prefetch(index_.rows_.data() + place * rank());
      }
    }
    kernels().gather_dot(index_.rows_.data(), rank(), places.data(), n, rank(), search.query.data(), scores.data());
    for (std::size_t i = 0; i < n; ++i) offer(search, places[i], scores[i]);
  }

  const batch::top_n_index& index_;
};

}  // namespace detail
TANDEM_END
