#pragma once
// Bodies of batch/factor_model.hpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "tandem/batch/factor_model.hpp"
#include "tandem/detail/history.hpp"
#include "tandem/detail/normal_equations.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace detail {

/// lambda (history + alpha0 n)^nu, n = rows on the other side.
[[nodiscard]] inline float ridge_of(const batch::factor_weights& w, double history, std::size_t n) noexcept {
  const double frequency = history + static_cast<double>(w.alpha0) * static_cast<double>(n);
  return static_cast<float>(static_cast<double>(w.regularization) * std::pow(frequency, static_cast<double>(w.nu)));
}

/// Calls f(first, scores) for the scores of `vector` with all rows, in blocks that fit the stack.
template <class F>
void for_each_score_block(std::span<const float> rows, std::span<const float> vector, F&& f) {
  constexpr std::size_t block = 512;
  std::array<float, block> scores;
  const std::size_t k = vector.size();
  const std::size_t n = rows.size() / k;
  for (std::size_t first = 0; first < n; first += block) {
    const std::size_t count = std::min(block, n - first);
    kernels().score_rows(vector.data(), 1, rows.data() + first * k, count, k, k, scores.data());
    f(first, std::span<float>(scores.data(), count));
  }
}

}  // namespace detail

namespace batch {

inline factor_model factor_model::from_factors(std::vector<float> users, std::vector<float> items, std::size_t rank,
                                               const factor_weights& weights, executor_ref executor) {
  detail::require(rank >= 1 && rank <= max_rank, "rank", "[1, 16384]");
  if (users.size() % rank != 0 || items.size() % rank != 0) {
    throw error(errc::invalid_argument, "the factors are not whole rows of rank " + std::to_string(rank));
  }
  if (!detail::all_finite(users) || !detail::all_finite(items)) {
    throw error(errc::not_finite, "the factors of a model must be finite");
  }
  factor_model model(std::move(users), std::move(items), rank, weights);
  model.gram_ = detail::gram_of_rows(model.items_.data(), model.n_items(), rank, weights.alpha0, executor);
  model.item_norms_.reserve(model.n_items());
  for (std::size_t i = 0; i < model.n_items(); ++i) {
    const float* row = model.items_.data() + i * rank;
    model.item_norms_.push_back(std::sqrt(kernels().dot(row, row, rank)));
  }
  return model;
}

inline float factor_model::regularizer(double history) const noexcept {
  return detail::ridge_of(weights_, history, n_items());
}

inline void factor_model::score(std::span<const float> user_vector, std::span<float> out) const noexcept {
  TANDEM_ASSERT(user_vector.size() == rank_ && out.size() == n_items());
  kernels().score_rows(user_vector.data(), 1, items_.data(), n_items(), rank_, rank_, out.data());
}

inline float factor_model::score(user_index user, item_index item) const noexcept {
  float out = 0;
  kernels().score_rows(user_factors(user).data(), 1, item_factors(item).data(), 1, rank_, rank_, &out);
  return out;
}

inline std::size_t factor_model::top_n(std::span<const float> user_vector, std::span<scored_item> out,
                                       std::span<const item_index> exclude) const noexcept {
  TANDEM_ASSERT(user_vector.size() == rank_ && std::is_sorted(exclude.begin(), exclude.end()));
  best_items best(out);
  detail::for_each_score_block(items_, user_vector, [&](std::size_t first, std::span<const float> scores) {
    best.offer_all(item_index{static_cast<std::uint32_t>(first)}, scores, exclude);
  });
  return best.finish();
}

inline std::size_t factor_model::similar_items(item_index item, std::span<scored_item> out) const noexcept {
  const float norm = item_norms_[slot(item)];
  best_items best(out);
  if (norm > 0) {
    detail::for_each_score_block(items_, item_factors(item), [&](std::size_t first, std::span<const float> scores) {
      for (std::size_t i = 0; i < scores.size(); ++i) {
        const float other = item_norms_[first + i];
        if (first + i != slot(item) && other > 0) {
          best.offer(item_index{static_cast<std::uint32_t>(first + i)}, scores[i] / (norm * other));
        }
      }
    });
  }
  return best.finish();
}

inline void factor_model::fold_in(std::span<const item_index> items, std::span<const float> weights,
                                  std::span<float> out) const {
  TANDEM_ASSERT(items.size() == weights.size() && out.size() == rank_);
  const detail::gathered_history history = detail::gather_history(items, weights, n_items(), weights_.dislikes);
  std::fill(out.begin(), out.end(), 0.0F);
  if (history.index.empty()) return;
  detail::normal_scratch scratch(rank_);
  const float ridge = regularizer(static_cast<double>(history.index.size()));
  if (!detail::solve_row(gram_, items_.data(), history.index, history.weight, ridge, scratch, out, {},
                         weights_.dislikes)) {
    throw error(errc::not_finite, "a user's vector cannot be solved from this history", {},
                "scale the weights down or train with more regularization");
  }
}

}  // namespace batch
TANDEM_END
