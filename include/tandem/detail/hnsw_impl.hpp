#pragma once
// Bodies of hnsw.hpp: building the graph, and dividing queries among threads.

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "tandem/detail/hnsw_search.hpp"
#include "tandem/hnsw.hpp"

TANDEM_BEGIN
namespace detail {

/// Calls code that calls hnswlib. Errors: wrong_state, with hnswlib's message, for what hnswlib throws itself.
template <class Code>
void calling_hnswlib(Code&& code) {
  try {
    code();
  } catch (const error&) {
    throw;
  } catch (const std::runtime_error& failure) {
    throw error(errc::wrong_state, std::string("hnswlib says: ") + failure.what(), {},
                "fewer links take less memory; batch::top_n_index takes the least");
  }
}

/// Errors: not_finite, naming the row.
inline void require_finite(std::span<const float> row, std::size_t item) {
  if (std::all_of(row.begin(), row.end(), [](float y) { return std::isfinite(y); })) return;
  throw error(errc::not_finite, "the vector of item " + std::to_string(item) + " has a factor that is no number");
}

}  // namespace detail

namespace batch {

inline void approximate_top_n_options::validate() const {
  const auto require = [](bool holds, const char* option, const char* range) {
    if (!holds) throw error(errc::invalid_argument, std::string("must lie in ") + range, {{}, 0, option});
  };
  static_assert(detail::hnsw_search::largest_links == 128);
  require(links >= 2 && links <= 128, "links", "[2, 128]");
  require(ef_construction >= 1 && ef_construction <= 100000, "ef_construction", "[1, 100000]");
  require(ef >= 1 && ef <= 1000000, "ef", "[1, 1000000]");
}

inline approximate_top_n approximate_top_n::from_rows(std::span<const float> rows, std::size_t rank,
                                                      const approximate_top_n_options& options,
                                                      const progress& report) {
  options.validate();
  if (rank == 0) detail::throw_unfit("rank", "must be at least 1");
  if (rows.size() % rank != 0) detail::throw_unfit("rows", "are not whole rows of rank " + std::to_string(rank));
  const std::size_t n = rows.size() / rank;
  if (n > 0x7FFFFFFFU) detail::throw_unfit("rows", "are more than 2^31 - 1");
  constexpr std::size_t items_a_block = 1024;
  report_progress(report, {"approximate_top_n", 0, n});
  for (std::size_t i = 0; i < n; ++i) detail::require_finite(rows.subspan(i * rank, rank), i);
  approximate_top_n index;
  index.rank_ = rank;
  index.options_ = options;
  if (n == 0) return index;
  std::shared_ptr<detail::hnsw_graph> graph;
  detail::calling_hnswlib([&] {
    graph = std::make_shared<detail::hnsw_graph>(n, rank, options.links, options.ef_construction, options.seed);
    for (std::size_t first = 0; first < n; first += items_a_block) {
      const std::size_t end = std::min(n, first + items_a_block);
      for (std::size_t i = first; i < end; ++i) graph->add(rows.data() + i * rank);
      report_progress(report, {"approximate_top_n", end, n});
    }
  });
  graph->finish();
  index.graph_ = std::move(graph);
  return index;
}

inline approximate_top_n approximate_top_n::with_ef(std::size_t ef) const {
  approximate_top_n index = *this;
  index.options_.ef = ef;
  index.options_.validate();
  return index;
}

inline std::size_t approximate_top_n::top_n(std::span<const float> query, std::span<scored_item> out,
                                            const item_filter& filter) const {
  if (query.size() != rank_) {
    detail::throw_unfit("query",
                        "has " + std::to_string(query.size()) + " factors, the index " + std::to_string(rank_));
  }
  if (out.empty() || graph_ == nullptr) return 0;
  return detail::hnsw_search(*graph_, query, filter).run(out, options_.ef);
}

inline void approximate_top_n::top_n_batch(std::span<const float> queries, std::span<scored_item> out,
                                           std::span<std::size_t> counts, std::span<const item_filter> filters,
                                           executor_ref executor, const progress& report) const {
  const std::size_t m = counts.size();
  if (queries.size() != m * rank_) {
    detail::throw_unfit("queries", "are not one of " + std::to_string(rank_) + " factors for each of counts");
  }
  if (m == 0 ? !out.empty() : out.size() % m != 0) detail::throw_unfit("out", "is not of one length for each query");
  if (!filters.empty() && filters.size() != m) detail::throw_unfit("filters", "are not one for each query");
  std::fill(counts.begin(), counts.end(), std::size_t{0});
  if (out.empty() || graph_ == nullptr) return;
  constexpr std::size_t queries_a_wave = 1024;
  constexpr std::size_t queries_a_task = 16;
  const std::size_t n = out.size() / m;
  for (std::size_t wave = 0; wave < m; wave += queries_a_wave) {
    report_progress(report, {"top_n", wave, m});
    const std::size_t wave_end = std::min(m, wave + queries_a_wave);
    executor.parallel_for((wave_end - wave + queries_a_task - 1) / queries_a_task, [&](std::size_t task) {
      const std::size_t first = wave + task * queries_a_task;
      for (std::size_t q = first; q < std::min(wave_end, first + queries_a_task); ++q) {
        counts[q] = top_n(queries.subspan(q * rank_, rank_), out.subspan(q * n, n),
                          filters.empty() ? item_filter() : filters[q]);
      }
    });
  }
  report_progress(report, {"top_n", m, m});
}

}  // namespace batch
TANDEM_END
