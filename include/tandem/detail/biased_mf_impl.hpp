#pragma once
// Bodies of batch/biased_mf.hpp: every half step solves the rows of one side, bias and vector together.

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "tandem/batch/biased_mf.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/history.hpp"
#include "tandem/detail/normal_equations.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace batch {

inline void biased_mf_options::validate() const {
  const auto positive = [](float x) { return x > 0 && std::isfinite(x); };
  detail::require(rank <= 1024, "rank", "[0, 1024]");
  detail::require(positive(regularization), "regularization", "(0, inf)");
  detail::require(positive(bias_regularization), "bias_regularization", "(0, inf)");
  detail::require(nu >= 0 && nu <= 1, "nu", "[0, 1]");
  detail::require(epochs >= 1 && epochs <= 10000, "epochs", "[1, 10000]");
  detail::require(positive(init_stddev), "init_stddev", "(0, inf)");
}

}  // namespace batch

namespace detail {

/// One side held fixed, as the other side's equations see it: rows of rank + 2 numbers, in which rank + 1 numbers from
/// `features` on are multiplied by the unknowns, and the number at `bias` stands alone.
struct rated_side {
  const float* rows;
  std::size_t features;
  std::size_t bias;
  std::size_t own_bias;  ///< which of the unknowns is the bias of the row that is solved
};

/// Items as the equations of users (b_u, p_u) see their rows 1, q_i, b_i.
[[nodiscard]] inline rated_side items_seen(const std::vector<float>& items, std::size_t rank) noexcept {
  return {items.data(), 0, rank + 1, 0};
}
/// Users as the equations of items (q_i, b_i) see their rows b_u, p_u, 1.
[[nodiscard]] inline rated_side users_seen(const std::vector<float>& users, std::size_t rank) noexcept {
  return {users.data(), 1, 0, rank};
}

/// Memory for one system; one a task.
struct rated_scratch {
  std::vector<float> matrix;
};

/// Solves one row from its ratings; x has rank + 1 unknowns. False when that cannot be done in float32.
[[nodiscard]] inline bool solve_rated_row(const rated_side& fixed, std::span<const std::uint32_t> index,
                                          std::span<const float> rating, float mean,
                                          const batch::biased_mf_options& options, rated_scratch& scratch,
                                          std::span<float> x) {
  const std::size_t k = x.size();
  const std::size_t stride = k + 1;
  const kernel_table& kernel = kernels();
  const double scale = std::pow(static_cast<double>(index.size()), static_cast<double>(options.nu));
  scratch.matrix.assign(k * k, 0.0F);
  for (std::size_t j = 0; j < k; ++j) {
    const float lambda = j == fixed.own_bias ? options.bias_regularization : options.regularization;
    scratch.matrix[j * k + j] = static_cast<float>(static_cast<double>(lambda) * scale);
  }
  kernel.gram_accumulate(fixed.rows + fixed.features, stride, index.data(), nullptr, index.size(), k,
                         scratch.matrix.data());
  std::fill(x.begin(), x.end(), 0.0F);
  for (std::size_t r = 0; r < index.size(); ++r) {
    const float* row = fixed.rows + index[r] * stride;
    kernel.axpy(rating[r] - mean - row[fixed.bias], row + fixed.features, x.data(), k);
  }
  return kernel.cholesky_solve(scratch.matrix.data(), x.data(), k) && all_finite(x);
}

/// Alternates between the two sides, and tells the host.
class biased_mf_training {
 public:
  biased_mf_training(const batch::biased_mf_options& options, float mean, executor_ref executor, const progress& report,
                     std::size_t total)
      : options_(options), mean_(mean), executor_(executor), report_(report), total_(total) {}

  /// Solves all rows of `solved`, whose unknowns begin at `first` of rank + 2 numbers: row_of(r) is row r's ratings.
  template <class RowOf>
  void half_step(const RowOf& row_of, const rated_side& fixed, std::span<float> solved, std::size_t first) {
    constexpr std::size_t rows_a_task = 32;
    constexpr std::size_t rows_a_wave = 4096;  // the host is asked in between, on the calling thread
    const std::size_t stride = options_.rank + 2;
    const std::size_t n = solved.size() / stride;
    for (std::size_t wave = 0; wave < n; wave += rows_a_wave) {
      const std::size_t wave_end = std::min(n, wave + rows_a_wave);
      executor_.parallel_for((wave_end - wave + rows_a_task - 1) / rows_a_task, [&](std::size_t task) {
        rated_scratch scratch;
        const std::size_t from = wave + task * rows_a_task;
        for (std::size_t r = from; r < std::min(wave_end, from + rows_a_task); ++r) {
          const interactions::row row = row_of(r);
          const std::span<float> x = solved.subspan(r * stride + first, options_.rank + 1);
          if (row.size() == 0) {
            std::fill(x.begin(), x.end(), 0.0F);
          } else if (!solve_rated_row(fixed, row.index, row.weight, mean_, options_, scratch, x)) {
            throw error(errc::not_finite, "biased_mf: a row's equations have no finite solution", {},
                        "raise regularization, or scale the ratings down");
          }
        }
      });
      done_ += wave_end - wave;
      report_progress(report_, {"biased_mf", done_, total_});
    }
  }

 private:
  const batch::biased_mf_options& options_;
  float mean_;
  executor_ref executor_;
  const progress& report_;
  std::size_t total_;
  std::size_t done_ = 0;
};

/// Mean, lowest and highest rating of a log; all 0 without ratings.
struct rating_range {
  float mean = 0;
  float lowest = 0;
  float highest = 0;
};

[[nodiscard]] inline rating_range range_of_ratings(const interactions& log) noexcept {
  rating_range out;
  double sum = 0;
  bool any = false;
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    for (const float r : log.items_of(user_index{u}).weight) {
      out.lowest = any ? std::min(out.lowest, r) : r;
      out.highest = any ? std::max(out.highest, r) : r;
      sum += static_cast<double>(r);
      any = true;
    }
  }
  if (any) out.mean = static_cast<float>(sum / static_cast<double>(log.size()));
  return out;
}

}  // namespace detail

namespace batch {

inline float biased_mf_model::predict(user_index user, item_index item) const noexcept {
  TANDEM_ASSERT(slot(user) < n_users() && slot(item) < n_items());
  float out = 0;
  kernels().score_rows(users_.data() + slot(user) * stride(), 1, items_.data() + slot(item) * stride(), 1, stride(),
                       stride(), &out);
  return out + mean_;
}

inline void biased_mf_model::score(std::span<const float> user_vector, std::span<float> out) const {
  TANDEM_ASSERT(user_vector.size() == rank() + 1 && out.size() == n_items());
  std::vector<float> extended(user_vector.begin(), user_vector.end());
  extended.push_back(1);
  kernels().score_rows(extended.data(), 1, items_.data(), n_items(), stride(), stride(), out.data());
  for (float& each : out) each += mean_;
}

inline void biased_mf_model::fold_in(std::span<const item_index> items, std::span<const float> ratings,
                                     std::span<float> out) const {
  TANDEM_ASSERT(items.size() == ratings.size() && out.size() == rank() + 1);
  const detail::gathered_history history = detail::gather_history(items, ratings, n_items());
  std::fill(out.begin(), out.end(), 0.0F);
  if (history.index.empty()) return;
  detail::rated_scratch scratch;
  if (!detail::solve_rated_row(detail::items_seen(items_, rank()), history.index, history.weight, mean_, options_,
                               scratch, out)) {
    throw error(errc::not_finite, "a user's vector cannot be solved from these ratings", {},
                "scale the ratings down or train with more regularization");
  }
}

inline biased_mf_model fit_biased_mf(const interactions& log, const biased_mf_options& options, executor_ref executor,
                                     const progress& report) {
  options.validate();
  detail::require_likes(log);
  const std::size_t k = options.rank;
  const std::size_t stride = k + 2;
  const detail::rating_range range = detail::range_of_ratings(log);
  biased_mf_model model;
  model.options_ = options;
  model.mean_ = range.mean;
  model.lowest_ = range.lowest;
  model.highest_ = range.highest;
  model.users_.assign(log.n_users() * stride, 0.0F);
  model.items_.assign(log.n_items() * stride, 0.0F);
  for (std::size_t u = 0; u < log.n_users(); ++u) model.users_[u * stride + k + 1] = 1;
  const double stddev =
      static_cast<double>(options.init_stddev) / std::sqrt(static_cast<double>(std::max(k, std::size_t{1})));
  for (std::size_t i = 0; i < log.n_items(); ++i) {
    float* row = model.items_.data() + i * stride;
    row[0] = 1;
    random_stream random(options.seed, i);
    for (std::size_t j = 1; j <= k; ++j) row[j] = static_cast<float>(random.normal(0, stddev));
  }

  const auto items_of = [&log](std::size_t u) { return log.items_of(user_index{static_cast<std::uint32_t>(u)}); };
  const auto users_of = [&log](std::size_t i) { return log.users_of(item_index{static_cast<std::uint32_t>(i)}); };
  detail::biased_mf_training training(options, range.mean, executor, report,
                                      (options.epochs + 1) * log.n_users() + options.epochs * log.n_items());
  training.half_step(items_of, detail::items_seen(model.items_, k), model.users_, 0);
  for (std::size_t epoch = 0; epoch < options.epochs; ++epoch) {
    training.half_step(users_of, detail::users_seen(model.users_, k), model.items_, 1);
    training.half_step(items_of, detail::items_seen(model.items_, k), model.users_, 0);
  }
  return model;
}

}  // namespace batch
TANDEM_END
