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

[[noreturn]] inline void throw_unfit(const char* field, const std::string& message) {
  throw error(errc::invalid_argument, message, {{}, 0, field});
}

using norm_and_item = std::pair<float, std::uint32_t>;

/// The places of rows in descending order of their norms, ties by smaller index. Errors: not_finite.
[[nodiscard]] inline std::vector<norm_and_item> sorted_by_norm(std::span<const float> rows, std::size_t rank,
                                                               executor_ref executor) {
  constexpr std::size_t rows_a_task = 4096;
  std::vector<norm_and_item> places(rows.size() / rank);
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
  if (rank == 0) detail::throw_unfit("rank", "must be at least 1");
  if (rows.size() % rank != 0) detail::throw_unfit("rows", "are not whole rows of rank " + std::to_string(rank));
  if (rows.size() / rank > 0xFFFFFFFFU) detail::throw_unfit("rows", "are more than 2^32 - 1");
  constexpr std::size_t panels_a_task = 256;
  constexpr std::size_t panels_a_wave = 4096;  // the host is asked in between, on the calling thread
  const std::size_t n = rows.size() / rank;
  report_progress(report, {"top_n_index", 0, n});
  const std::vector<detail::norm_and_item> places = detail::sorted_by_norm(rows, rank, executor);
  top_n_index index(n, rank, options.rounded && rank <= detail::largest_8_bit_rank);
  const std::size_t n_panels = index.norms_.size();
  std::vector<double> eps(n_panels, 0.0);
  for (std::size_t wave = 0; wave < n_panels; wave += panels_a_wave) {
    const std::size_t wave_end = std::min(n_panels, wave + panels_a_wave);
    executor.parallel_for((wave_end - wave + panels_a_task - 1) / panels_a_task, [&](std::size_t task) {
      const std::size_t first = wave + task * panels_a_task;
      for (std::size_t p = first; p < std::min(wave_end, first + panels_a_task); ++p) {
        eps[p] = index.fill_panel(p, rows, std::span(places).subspan(p * detail::panel_size));
      }
    });
    report_progress(report, {"top_n_index", std::min(n, wave_end * detail::panel_size), n});
  }
  if (!eps.empty()) index.eps_ = *std::max_element(eps.begin(), eps.end());
  return index;
}

inline top_n_index::top_n_index(std::size_t n, std::size_t rank, bool rounded)
    : rank_(rank),
      order_(n),
      norms_((n + detail::panel_size - 1) / detail::panel_size),
      rows_(n * rank),
      panels_(rounded ? norms_.size() * detail::panel_size * detail::padded_rank(rank) : 0),
      scale_(rounded ? norms_.size() * detail::panel_size : 0) {}

inline double top_n_index::fill_panel(std::size_t p, std::span<const float> rows,
                                      std::span<const detail::norm_and_item> places) {
  const std::size_t bytes = detail::panel_size * detail::padded_rank(rank_);
  std::uint8_t* panel = panels_.data() + (has_rounded_items() ? p * bytes : 0);
  if (has_rounded_items()) std::fill_n(panel, bytes, std::uint8_t{128});
  norms_[p] = places[0].first;
  double eps = 0;
  for (std::size_t l = 0; l < std::min(detail::panel_size, places.size()); ++l) {
    const std::size_t place = p * detail::panel_size + l;
    const std::span<const float> row = rows.subspan(places[l].second * rank_, rank_);
    order_[place] = places[l].second;
    std::copy(row.begin(), row.end(), rows_.data() + place * rank_);
    if (has_rounded_items()) eps = std::max(eps, detail::pack_row(row, l, panel, scale_[place]));
  }
  return eps;
}

inline std::size_t top_n_index::memory_bytes() const noexcept {
  return order_.capacity() * sizeof(order_[0]) + norms_.capacity() * sizeof(norms_[0]) + rows_.bytes() +
         panels_.bytes() + scale_.capacity() * sizeof(scale_[0]);
}

inline std::size_t top_n_index::top_n(std::span<const float> query, std::span<scored_item> out,
                                      const item_filter& filter) const {
  if (query.size() != rank_) {
    detail::throw_unfit("query",
                        "has " + std::to_string(query.size()) + " factors, the index " + std::to_string(rank_));
  }
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
  if (queries.size() != m * rank_) {
    detail::throw_unfit("queries", "are not one of " + std::to_string(rank_) + " factors for each of counts");
  }
  if (m == 0 ? !out.empty() : out.size() % m != 0) detail::throw_unfit("out", "is not of one length for each query");
  if (!filters.empty() && filters.size() != m) detail::throw_unfit("filters", "are not one for each query");
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
