#pragma once
// Bodies of batch/ials.hpp: alternate between users and items, solving every row's normal equations exactly.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/ials.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/normal_equations.hpp"

TANDEM_BEGIN
namespace batch {

inline void ials_options::validate() const {
  const auto require = [](bool holds, const char* option, const char* range) {
    if (!holds) throw error(errc::invalid_argument, std::string("must lie in ") + range, {{}, 0, option});
  };
  const auto positive = [](float x) { return x > 0 && std::isfinite(x); };
  require(rank >= 1 && rank <= 1024, "rank", "[1, 1024]");
  require(positive(alpha0), "alpha0", "(0, inf)");
  require(positive(regularization), "regularization", "(0, inf)");
  require(nu >= 0 && nu <= 1, "nu", "[0, 1]");
  require(epochs >= 1 && epochs <= 10000, "epochs", "[1, 10000]");
  require(warm_epochs >= 1 && warm_epochs <= 10000, "warm_epochs", "[1, 10000]");
  require(positive(init_stddev), "init_stddev", "(0, inf)");
}

}  // namespace batch

namespace detail {

/// The random start of row r: a function of (seed, r) alone.
inline void random_row(std::uint64_t seed, std::size_t r, double stddev, std::span<float> row) noexcept {
  random_stream random(seed, r);
  for (float& x : row) x = static_cast<float>(random.normal(0, stddev));
}

/// Counts solved rows for the host and asks it whether to go on.
struct ials_progress {
  const progress& report;
  std::size_t total;
  std::size_t done = 0;

  void advance(std::size_t rows) {
    done += rows;
    report_progress(report, {"ials", done, total});
  }
};

/// Solves every row of `solved` with `fixed` held: row_of(r) is row r's history, indices into `fixed`.
template <class RowOf>
void ials_half_step(const RowOf& row_of, std::span<const float> fixed, std::span<float> solved, std::size_t k,
                    const batch::factor_weights& weights, executor_ref executor, ials_progress& progress) {
  constexpr std::size_t rows_a_task = 32;
  constexpr std::size_t rows_a_wave = 4096;  // the host is asked in between, on the calling thread
  const std::size_t n = solved.size() / k;
  const std::vector<float> gram = gram_of_rows(fixed, k, weights.alpha0, executor);
  for (std::size_t wave = 0; wave < n; wave += rows_a_wave) {
    const std::size_t wave_end = std::min(n, wave + rows_a_wave);
    executor.parallel_for((wave_end - wave + rows_a_task - 1) / rows_a_task, [&](std::size_t task) {
      normal_scratch scratch(k);
      const std::size_t first = wave + task * rows_a_task;
      for (std::size_t r = first; r < std::min(wave_end, first + rows_a_task); ++r) {
        const interactions::row row = row_of(r);
        const std::span<float> x = solved.subspan(r * k, k);
        const float ridge = ridge_of(weights, static_cast<double>(row.size()), fixed.size() / k);
        if (row.size() == 0) {
          std::fill(x.begin(), x.end(), 0.0F);
        } else if (!solve_row(gram, fixed.data(), row.index, row.weight, ridge, scratch, x)) {
          throw error(errc::not_finite, "ials: a row's equations have no finite solution", {},
                      "raise regularization, or scale the interactions' weights down");
        }
      }
    });
    progress.advance(wave_end - wave);
  }
}

}  // namespace detail

namespace batch {

inline factor_model fit_ials(const interactions& log, const ials_options& options, executor_ref executor,
                             const progress& report, const factor_model* warm_start) {
  options.validate();
  const std::size_t k = options.rank;
  if (warm_start != nullptr && warm_start->rank() != k) {
    throw error(errc::invalid_argument,
                "is " + std::to_string(k) + ", but the model to start from has " + std::to_string(warm_start->rank()),
                {{}, 0, "rank"}, "fit without a warm start");
  }
  const std::size_t epochs = warm_start != nullptr ? options.warm_epochs : options.epochs;
  const factor_weights weights{options.alpha0, options.regularization, options.nu};

  // The item factors are the state; users are always solved from them.
  std::vector<float> users(log.n_users() * k);
  std::vector<float> items(log.n_items() * k);
  const std::size_t known = warm_start != nullptr ? std::min(warm_start->n_items(), log.n_items()) : 0;
  if (known > 0) std::copy_n(warm_start->item_matrix().data(), known * k, items.data());
  const double stddev = static_cast<double>(options.init_stddev) / std::sqrt(static_cast<double>(k));
  for (std::size_t i = known; i < log.n_items(); ++i) {
    detail::random_row(options.seed, i, stddev, std::span(items).subspan(i * k, k));
  }

  const auto items_of = [&log](std::size_t u) { return log.items_of(user_index{static_cast<std::uint32_t>(u)}); };
  const auto users_of = [&log](std::size_t i) { return log.users_of(item_index{static_cast<std::uint32_t>(i)}); };
  detail::ials_progress progress{report, (epochs + 1) * log.n_users() + epochs * log.n_items()};
  detail::ials_half_step(items_of, items, users, k, weights, executor, progress);
  for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
    detail::ials_half_step(users_of, users, items, k, weights, executor, progress);
    detail::ials_half_step(items_of, items, users, k, weights, executor, progress);
  }
  return factor_model::from_factors(std::move(users), std::move(items), k, weights, executor);
}

}  // namespace batch
TANDEM_END
