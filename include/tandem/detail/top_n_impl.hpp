#pragma once
// Bodies of batch/top_n.hpp: building the index, and dividing queries into passes.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "tandem/batch/top_n.hpp"
#include "tandem/detail/top_n_scan.hpp"

TANDEM_BEGIN
namespace detail {

inline void require_fit(bool fits, const char* field, const std::string& message) {
  if (!fits) throw error(errc::invalid_argument, message, {{}, 0, field});
}

/// The places of rows in descending order of their norms, ties by smaller index. Errors: not_finite.
[[nodiscard]] inline std::vector<std::pair<float, std::uint32_t>> sorted_by_norm(std::span<const float> rows,
                                                                                 std::size_t rank,
                                                                                 executor_ref executor) {
  constexpr std::size_t rows_a_task = 4096;
  std::vector<std::pair<float, std::uint32_t>> places(rows.size() / rank);
  executor.parallel_for((places.size() + rows_a_task - 1) / rows_a_task, [&](std::size_t task) {
    const std::size_t first = task * rows_a_task;
    for (std::size_t i = first; i < std::min(places.size(), first + rows_a_task); ++i) {
      const double norm = norm_of(rows.subspan(i * rank, rank));
      if (!std::isfinite(norm)) {
        throw error(errc::not_finite, "the vector of item " + std::to_string(i) + " has a factor that is no number");
      }
      places[i] = {round_up(norm), static_cast<std::uint32_t>(i)};
    }
  });
  std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) {
    return a.first > b.first || (a.first == b.first && a.second < b.second);
  });
  return places;
}

}  // namespace detail

namespace batch {

inline top_n_index top_n_index::from_rows(std::span<const float> rows, std::size_t rank, const top_n_options& options,
                                          executor_ref executor, const progress& report) {
  detail::require_fit(rank != 0, "rank", "the rank of an index must be at least 1");
  detail::require_fit(rows.size() % rank == 0, "rows", "are not whole rows of rank " + std::to_string(rank));
  detail::require_fit(rows.size() / rank <= 0xFFFFFFFFU, "rows", "are more than an index can number, 2^32 - 1");
  constexpr std::size_t panels_a_task = 256;
  constexpr std::size_t panels_a_wave = 4096;  // the host is asked in between, on the calling thread
  const std::size_t n = rows.size() / rank;
  const std::size_t n_panels = (n + detail::panel_size - 1) / detail::panel_size;
  const std::size_t panel_bytes = detail::padded_rank(rank) * detail::panel_size;
  const bool rounded = options.rounded && rank <= detail::largest_8_bit_rank;

  report_progress(report, {"top_n_index", 0, n});
  const auto places = detail::sorted_by_norm(rows, rank, executor);
  top_n_index index;
  index.rank_ = rank;
  index.order_.resize(n);
  index.norms_.resize(n_panels);
  index.rows_ = detail::aligned_buffer<float>(n * rank);
  if (rounded) {
    index.panels_ = detail::aligned_buffer<std::uint8_t>(n_panels * panel_bytes);
    index.scale_.resize(n_panels * detail::panel_size);
  }
  std::vector<double> eps(n_panels, 0.0);
  const auto pack_panel = [&](std::size_t p) {
    if (rounded) std::fill_n(index.panels_.data() + p * panel_bytes, panel_bytes, std::uint8_t{128});
    index.norms_[p] = places[p * detail::panel_size].first;
    for (std::size_t i = p * detail::panel_size; i < std::min(n, (p + 1) * detail::panel_size); ++i) {
      const std::span<const float> row = rows.subspan(places[i].second * rank, rank);
      index.order_[i] = places[i].second;
      std::copy(row.begin(), row.end(), index.rows_.data() + i * rank);
      if (!rounded) continue;
      const double error =
          detail::pack_row(row, i % detail::panel_size, index.panels_.data() + p * panel_bytes, index.scale_[i]);
      eps[p] = std::max(eps[p], error);
    }
  };
  for (std::size_t wave = 0; wave < n_panels; wave += panels_a_wave) {
    const std::size_t wave_end = std::min(n_panels, wave + panels_a_wave);
    executor.parallel_for((wave_end - wave + panels_a_task - 1) / panels_a_task, [&](std::size_t task) {
      const std::size_t first = wave + task * panels_a_task;
      for (std::size_t p = first; p < std::min(wave_end, first + panels_a_task); ++p) pack_panel(p);
    });
    report_progress(report, {"top_n_index", std::min(n, wave_end * detail::panel_size), n});
  }
  if (!eps.empty()) index.eps_ = *std::max_element(eps.begin(), eps.end());
  return index;
}

inline std::size_t top_n_index::memory_bytes() const noexcept {
  return order_.capacity() * sizeof(order_[0]) + norms_.capacity() * sizeof(norms_[0]) + rows_.bytes() +
         panels_.bytes() + scale_.capacity() * sizeof(scale_[0]);
}

inline std::size_t top_n_index::top_n(std::span<const float> query, std::span<scored_item> out,
                                      const item_filter& filter) const {
  detail::require_fit(query.size() == rank_, "query",
                      "has " + std::to_string(query.size()) + " factors, the index " + std::to_string(rank_));
  if (out.empty() || order_.empty()) return 0;
  std::size_t count = 0;
  const detail::top_n_scan scan(*this);
  detail::item_search search = scan.search(query, out, filter, count);
  scan.run({&search, 1}, has_rounded_items());
  return count;
}

inline void top_n_index::top_n_batch(std::span<const float> queries, std::span<scored_item> out,
                                     std::span<std::size_t> counts, std::span<const item_filter> filters,
                                     executor_ref executor, const progress& report) const {
  const std::size_t m = counts.size();
  detail::require_fit(queries.size() == m * rank_, "queries",
                      "are not one of " + std::to_string(rank_) + " factors for each of counts");
  detail::require_fit(m == 0 ? out.empty() : out.size() % m == 0, "out", "is not of one length for each query");
  detail::require_fit(filters.empty() || filters.size() == m, "filters", "are not one for each query");
  std::fill(counts.begin(), counts.end(), std::size_t{0});
  if (out.empty() || order_.empty()) return;
  constexpr std::size_t queries_a_wave = 1024;
  constexpr std::size_t width = detail::top_n_scan::queries_a_pass;
  const std::size_t n = out.size() / m;
  const item_filter all;
  const detail::top_n_scan scan(*this);
  for (std::size_t wave = 0; wave < m; wave += queries_a_wave) {
    report_progress(report, {"top_n", wave, m});
    const std::size_t wave_end = std::min(m, wave + queries_a_wave);
    executor.parallel_for((wave_end - wave + width - 1) / width, [&](std::size_t task) {
      const std::size_t first = wave + task * width;
      const auto search = [&](std::size_t q) {
        return scan.search(queries.subspan(q * rank_, rank_), out.subspan(q * n, n), filters.empty() ? all : filters[q],
                           counts[q]);
      };
      std::array<detail::item_search, width> searches;
      const std::size_t count = std::min(width, wave_end - first);
      for (std::size_t q = 0; q < count; ++q) searches[q] = search(first + q);
      scan.run(std::span(searches).first(count), has_rounded_items());
    });
  }
  report_progress(report, {"top_n", m, m});
}

}  // namespace batch
TANDEM_END
