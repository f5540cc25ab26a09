#pragma once
// Bodies of batch/ease.hpp: the Gramian of the log, its inverse in the same memory, and the weights from that.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/ease.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/data/scored_item.hpp"
#include "tandem/detail/history.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/detail/spd_inverse.hpp"

TANDEM_BEGIN
namespace batch {

inline void ease_options::validate() const {
  detail::require(regularization > 0 && std::isfinite(regularization), "regularization", "(0, inf)");
  detail::require(dropout >= 0 && dropout < 1, "dropout", "[0, 1)");
  detail::require(max_bytes >= 1, "max_bytes", "[1, 2^64)");
}

}  // namespace batch

namespace detail {

/// Bytes that fitting n items allocates: the matrix, the panels of the inverse, and rows of G in double.
[[nodiscard]] inline double ease_bytes(std::size_t n, std::size_t threads) noexcept {
  const auto items = static_cast<double>(n);
  const double panels = 2.0 * sizeof(float) * static_cast<double>(std::min(n, sweep_block));
  return items * (sizeof(float) * items + std::max(panels, static_cast<double>(sizeof(double) * threads)));
}

inline void require_ease_memory(std::size_t n, const batch::ease_options& options, std::size_t threads) {
  const double bytes = ease_bytes(n, threads);
  if (bytes <= static_cast<double>(options.max_bytes)) return;
  const auto gigabytes = [](double b) {
    const auto tenths = static_cast<std::uint64_t>(std::ceil(b / 1e8));
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GB";
  };
  throw error(errc::invalid_argument,
              "ease needs " + gigabytes(bytes) + " for " + std::to_string(n) + " items, and " +
                  gigabytes(static_cast<double>(options.max_bytes)) + " are allowed",
              {{}, 0, "max_bytes"}, "leave out rare items, allow more, or fit item_knn or ials");
}

/// sum[j] = G_ij for j <= i. Complexity: O(entries of i's users).
inline void ease_gram_row(const interactions& log, std::uint32_t i, std::span<double> sum) noexcept {
  std::fill_n(sum.begin(), i + 1, 0.0);
  const interactions::row users = log.users_of(item_index{i});
  for (std::size_t e = 0; e < users.size(); ++e) {
    const auto weight = static_cast<double>(users.weight[e]);
    const interactions::row items = log.items_of(user_index{users.index[e]});
    for (std::size_t k = 0; k < items.size() && items.index[k] <= i; ++k) {
      sum[items.index[k]] += weight * static_cast<double>(items.weight[k]);
    }
  }
}

/// Writes G + diag(lambda_i) to the lower triangle of `matrix`; calls done(m) when m more rows are.
template <class Done>
void ease_gram(const interactions& log, const batch::ease_options& options, std::span<float> matrix,
               executor_ref executor, const Done& done) {
  constexpr std::size_t rows_a_task = 64;
  constexpr std::size_t rows_a_wave = 4096;
  const std::size_t n = log.n_items();
  const double boost = 1 + static_cast<double>(options.dropout) / (1 - static_cast<double>(options.dropout));
  for (std::size_t wave = 0; wave < n; wave += rows_a_wave) {
    const std::size_t wave_end = std::min(n, wave + rows_a_wave);
    executor.parallel_for((wave_end - wave + rows_a_task - 1) / rows_a_task, [&](std::size_t task) {
      const std::size_t first = wave + task * rows_a_task;
      const std::size_t last = std::min(wave_end, first + rows_a_task);
      std::vector<double> sum(last);
      for (std::size_t i = first; i < last; ++i) {
        ease_gram_row(log, static_cast<std::uint32_t>(i), sum);
        sum[i] = sum[i] * boost + static_cast<double>(options.regularization);
        if (!(sum[i] <= static_cast<double>(std::numeric_limits<float>::max()))) {
          throw error(errc::not_finite, "ease: the squared weights of an item add up beyond a float", {},
                      "scale the interactions' weights down");
        }
        // |G_ij| <= sqrt(G_ii G_jj): with the diagonal, all of the row fits a float
        for (std::size_t j = 0; j <= i; ++j) matrix[i * n + j] = static_cast<float>(sum[j]);
      }
    });
    done(wave_end - wave);
  }
}

/// Turns the lower triangle of -P into B, in place: B_ij = -P_ij / P_jj, zero on the diagonal.
inline void ease_weights_of(std::span<float> matrix, std::size_t n, executor_ref executor) {
  constexpr std::size_t tile = 64;
  std::vector<float> scale(n);  // 1 / P_jj
  for (std::size_t j = 0; j < n; ++j) scale[j] = -1 / matrix[j * n + j];
  const std::size_t tiles = (n + tile - 1) / tile;
  // a task owns the tiles (t, s) and (s, t) for s <= t: nobody else reads or writes them
  executor.parallel_for(tiles, [&](std::size_t task) {
    const std::size_t t = tiles - 1 - task;
    for (std::size_t s = 0; s <= t; ++s) {
      for (std::size_t i = t * tile; i < std::min(n, (t + 1) * tile); ++i) {
        for (std::size_t j = s * tile; j < std::min(i, (s + 1) * tile); ++j) {
          const float p = matrix[i * n + j];
          matrix[i * n + j] = p * scale[j];
          matrix[j * n + i] = p * scale[i];
        }
      }
    }
  });
  for (std::size_t j = 0; j < n; ++j) matrix[j * n + j] = 0;
}

}  // namespace detail

namespace batch {

inline ease_model ease_model::from_weights(std::vector<float> weights, std::size_t n_items) {
  const bool square =
      n_items == 0 ? weights.empty() : weights.size() / n_items == n_items && weights.size() % n_items == 0;
  if (!square) {
    throw error(errc::invalid_argument, "the weights are not " + std::to_string(n_items) + " x " +
                                            std::to_string(n_items) + " but " + std::to_string(weights.size()));
  }
  if (!detail::all_finite(weights)) throw error(errc::not_finite, "the weights of a model must be finite");
  for (std::size_t i = 0; i < n_items; ++i) {
    if (weights[i * n_items + i] == 0) continue;
    throw error(errc::invalid_argument, "the weight of item " + std::to_string(i) + " for itself is not zero");
  }
  ease_model model;
  model.n_items_ = n_items;
  model.weights_ = std::move(weights);
  return model;
}

inline void ease_model::score_history(std::span<const item_index> items, std::span<const float> weights,
                                      std::span<float> out) const {
  TANDEM_ASSERT(items.size() == weights.size() && out.size() == n_items_);
  const detail::gathered_history history = detail::gather_history(items, weights, n_items_);
  std::fill(out.begin(), out.end(), 0.0F);
  for (std::size_t h = 0; h < history.index.size(); ++h) {
    kernels().axpy(history.weight[h], row_of(item_index{history.index[h]}).data(), out.data(), n_items_);
  }
}

inline item_weights ease_model::truncated(std::size_t per_item, executor_ref executor) const {
  constexpr std::size_t rows_a_task = 64;
  std::vector<std::vector<item_index>> kept(n_items_);
  executor.parallel_for((n_items_ + rows_a_task - 1) / rows_a_task, [&](std::size_t task) {
    std::vector<scored_item> largest(std::min(per_item, n_items_));
    for (std::size_t i = task * rows_a_task; i < std::min(n_items_, (task + 1) * rows_a_task); ++i) {
      const std::span<const float> row = row_of(item_index{static_cast<std::uint32_t>(i)});
      best_items best(largest);
      for (std::size_t j = 0; j < n_items_; ++j) {
        if (row[j] != 0) best.offer(item_index{static_cast<std::uint32_t>(j)}, std::abs(row[j]));
      }
      const std::size_t n = best.finish();
      kept[i].reserve(n);
      for (const scored_item& each : std::span(largest).first(n)) kept[i].push_back(each.item);
      std::sort(kept[i].begin(), kept[i].end());
    }
  });
  std::vector<std::size_t> start{0};
  std::vector<std::uint32_t> index;
  std::vector<float> weight;
  for (std::size_t i = 0; i < n_items_; ++i) {
    for (const item_index j : kept[i]) {
      index.push_back(raw(j));
      weight.push_back(weights_[i * n_items_ + slot(j)]);
    }
    start.push_back(index.size());
  }
  return item_weights::from_rows(std::move(start), std::move(index), std::move(weight));
}

inline ease_model fit_ease(const interactions& log, const ease_options& options, executor_ref executor,
                           const progress& report) {
  options.validate();
  detail::require_likes(log);
  const std::size_t n = log.n_items();
  detail::require_ease_memory(n, options, executor.concurrency());
  std::vector<float> matrix(n * n, 0.0F);
  std::size_t done = 0;
  const auto advance = [&](std::size_t items) {
    done += items;
    report_progress(report, {"ease", done, 2 * n});
  };
  detail::ease_gram(log, options, matrix, executor, advance);
  if (!detail::negated_inverse(matrix, n, executor, advance)) {
    throw error(errc::not_finite, "ease: the Gramian cannot be inverted in float32", {},
                "raise regularization, or scale the interactions' weights down");
  }
  detail::ease_weights_of(matrix, n, executor);
  return ease_model::from_weights(std::move(matrix), n);
}

}  // namespace batch
TANDEM_END
