#pragma once
// Bodies of batch/item_knn.hpp: weigh the log, add up one column of similarities after the other, keep the best.

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "tandem/batch/item_knn.hpp"
#include "tandem/data/scored_item.hpp"
#include "tandem/detail/history.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace batch {

inline void item_knn_options::validate() const {
  detail::require(weighting <= item_weighting::bm25, "weighting", "none, tf_idf, bm25");
  detail::require(shrinkage >= 0 && std::isfinite(shrinkage), "shrinkage", "[0, inf)");
  if (!normalize && shrinkage != 0) {
    throw error(errc::invalid_argument, "has nothing to be added to without normalize", {{}, 0, "shrinkage"});
  }
  detail::require(neighbours >= 1 && neighbours <= std::numeric_limits<std::uint32_t>::max(), "neighbours",
                  "[1, 2^32)");
  detail::require(k1 >= 0 && std::isfinite(k1), "k1", "[0, inf)");
  detail::require(b >= 0 && b <= 1, "b", "[0, 1]");
}

}  // namespace batch

namespace detail {

/// x_ui of every interaction, and the length of every column.
class knn_columns {
 public:
  knn_columns(const interactions& log, const batch::item_knn_options& options) : log_(log), options_(options) {
    measure();
    start_.reserve(log.n_users() + 1);
    start_.push_back(0);
    values_.reserve(log.size());
    std::vector<double> squares(log.n_items(), 0.0);
    for (std::uint32_t u = 0; u < log.n_users(); ++u) {
      const interactions::row row = log.items_of(user_index{u});
      for (std::size_t e = 0; e < row.size(); ++e) {
        const double x = value(u, row.index[e], row.weight[e]);
        values_.push_back(static_cast<float>(x));
        squares[row.index[e]] += x * x;
      }
      start_.push_back(values_.size());
    }
    length_.reserve(squares.size());
    for (const double square : squares) length_.push_back(std::sqrt(square));
  }

  /// x_ui. Only bm25 divides, and not by 0: weights in interactions are positive.
  [[nodiscard]] double value(std::uint32_t u, std::uint32_t i, float weight) const noexcept {
    const auto w = static_cast<double>(weight);
    const auto k1 = static_cast<double>(options_.k1);
    switch (options_.weighting) {
      case batch::item_weighting::none: return w;
      case batch::item_weighting::tf_idf: return std::sqrt(w) * idf_[u];
      case batch::item_weighting::bm25: return w * (k1 + 1) / (k1 * relative_length_[i] + w) * idf_[u];
    }
    return w;
  }

  /// x_ui of the items of u, in the order of the log.
  [[nodiscard]] std::span<const float> values_of(std::uint32_t u) const noexcept {
    return {values_.data() + start_[u], start_[u + 1] - start_[u]};
  }

  /// s_ij from <x_i, x_j>; 0 / 0 counts as 0.
  [[nodiscard]] double similarity(double product, std::uint32_t i, std::uint32_t j) const noexcept {
    if (!options_.normalize || product == 0) return product;
    return product / (length_[i] * length_[j] + static_cast<double>(options_.shrinkage));
  }

 private:
  /// What the weightings need to know of users and items.
  void measure() {
    const auto n_items = static_cast<double>(log_.n_items());
    for (std::uint32_t u = 0; u < log_.n_users(); ++u) {
      idf_.push_back(std::log(n_items) - std::log1p(static_cast<double>(log_.items_of(user_index{u}).size())));
    }
    double total = 0;
    for (std::uint32_t i = 0; i < log_.n_items(); ++i) {
      double sum = 0;
      for (const float w : log_.users_of(item_index{i}).weight) sum += static_cast<double>(w);
      relative_length_.push_back(sum);
      total += sum;
    }
    const auto b = static_cast<double>(options_.b);
    for (double& length : relative_length_) length = total > 0 ? 1 - b + b * length * n_items / total : 1;
  }

  const interactions& log_;
  const batch::item_knn_options& options_;
  std::vector<double> idf_;              // of each user
  std::vector<double> relative_length_;  // of each item: 1 - b + b L_i / avg L
  std::vector<std::size_t> start_;
  std::vector<float> values_;
  std::vector<double> length_;  // |x_i|
};

/// Sums over one column of similarities; one a task.
struct knn_scratch {
  explicit knn_scratch(std::size_t n_items) : product(n_items, 0.0), touched_by(n_items, no_id<item_index>) {}
  std::vector<double> product;
  std::vector<item_index> touched_by;  // the last column that has an entry here
  std::vector<std::uint32_t> touched;
};

/// The `neighbours` items most like item j, in the order of their indices.
inline std::vector<scored_item> nearest_items(const interactions& log, const knn_columns& columns, std::uint32_t j,
                                              std::size_t neighbours, knn_scratch& scratch) {
  scratch.touched.clear();
  const interactions::row users = log.users_of(item_index{j});
  for (std::size_t e = 0; e < users.size(); ++e) {
    const std::uint32_t u = users.index[e];
    const double x = columns.value(u, j, users.weight[e]);
    const std::span<const std::uint32_t> items = log.items_of(user_index{u}).index;
    const std::span<const float> values = columns.values_of(u);
    for (std::size_t k = 0; k < items.size(); ++k) {
      const std::uint32_t i = items[k];
      if (scratch.touched_by[i] != item_index{j}) {
        scratch.touched_by[i] = item_index{j};
        scratch.touched.push_back(i);
        scratch.product[i] = 0;
      }
      scratch.product[i] += x * static_cast<double>(values[k]);
    }
  }
  std::vector<scored_item> nearest(std::min(neighbours, scratch.touched.size()));
  best_items best(nearest);
  for (const std::uint32_t i : scratch.touched) {
    const double s = columns.similarity(scratch.product[i], i, j);
    if (!(s <= static_cast<double>(std::numeric_limits<float>::max()))) {
      throw error(errc::not_finite, "item_knn: a similarity is beyond a float", {},
                  "scale the interactions' weights down, or normalize");
    }
    if (i != j && s > 0) best.offer(item_index{i}, static_cast<float>(s));
  }
  nearest.resize(best.finish());
  std::sort(nearest.begin(), nearest.end(), [](const auto& a, const auto& b) { return a.item < b.item; });
  return nearest;
}

/// Lists of (i, s_ij), one for each j, as a matrix by rows i.
inline batch::item_weights rows_from_columns(const std::vector<std::vector<scored_item>>& columns) {
  std::vector<std::size_t> start(columns.size() + 1, 0);
  for (const auto& column : columns) {
    for (const scored_item& each : column) ++start[slot(each.item) + 1];
  }
  for (std::size_t i = 0; i < columns.size(); ++i) start[i + 1] += start[i];
  std::vector<std::size_t> next(start.begin(), start.end() - 1);
  std::vector<std::uint32_t> index(start.back());
  std::vector<float> weight(start.back());
  for (std::size_t j = 0; j < columns.size(); ++j) {
    for (const scored_item& each : columns[j]) {
      const std::size_t to = next[slot(each.item)]++;
      index[to] = static_cast<std::uint32_t>(j);
      weight[to] = each.score;
    }
  }
  return batch::item_weights::from_rows(std::move(start), std::move(index), std::move(weight));
}

}  // namespace detail

namespace batch {

inline item_weights fit_item_knn(const interactions& log, const item_knn_options& options, executor_ref executor,
                                 const progress& report) {
  constexpr std::size_t items_a_task = 256;
  constexpr std::size_t items_a_wave = 4096;
  options.validate();
  detail::require_likes(log);
  const std::size_t n = log.n_items();
  const detail::knn_columns columns(log, options);
  std::vector<std::vector<scored_item>> nearest(n);
  for (std::size_t wave = 0; wave < n; wave += items_a_wave) {
    const std::size_t wave_end = std::min(n, wave + items_a_wave);
    executor.parallel_for((wave_end - wave + items_a_task - 1) / items_a_task, [&](std::size_t task) {
      detail::knn_scratch scratch(n);
      const std::size_t first = wave + task * items_a_task;
      for (std::size_t j = first; j < std::min(wave_end, first + items_a_task); ++j) {
        nearest[j] = detail::nearest_items(log, columns, static_cast<std::uint32_t>(j), options.neighbours, scratch);
      }
    });
    report_progress(report, {"item_knn", wave_end, n});
  }
  return detail::rows_from_columns(nearest);
}

}  // namespace batch
TANDEM_END
