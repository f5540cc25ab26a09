#pragma once
// Half an epoch of an alternating fit: every row of one side, while the other is held.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "tandem/batch/ials.hpp"
#include "tandem/detail/diagonalize.hpp"
#include "tandem/detail/row_batch.hpp"
#include "tandem/detail/row_solvers.hpp"

TANDEM_BEGIN
namespace detail {

/// Counts solved rows for the host and asks it whether to go on.
struct ials_progress {
  const progress& report;
  std::size_t total;
  std::size_t done = 0;

  void advance(std::size_t rows) {
    if (rows == 0) return;
    done += rows;
    report_progress(report, {"ials", done, total});
  }
};

/// What the epochs have in common for the rows of one side.
template <class RowOf>
struct solved_side {
  RowOf row_of;                      // row_of(r): row r's history
  std::vector<std::uint32_t> order;  // longest history first: tasks end with the small ones
  bool dislikes = false;             // weights may be negative
  bool rotates = false;              // short rows are many enough to be worth a basis of their own
  eigenbasis basis;                  // of the other side's Gramian, as of the last epoch

  solved_side(RowOf rows, std::size_t n, std::size_t n_fixed, const batch::ials_options& options,
              bool dislikes_too = false)
      : row_of(rows), order(n), dislikes(dislikes_too), basis(options.rank) {
    std::iota(order.begin(), order.end(), std::uint32_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return row_of(a).size() > row_of(b).size(); });
    const auto k = static_cast<double>(options.rank);
    double saved = -100 * k * k * k - 2 * k * k * static_cast<double>(n + n_fixed);  // the price, in multiplications
    for (std::size_t r = 0; r < n; ++r) {
      const auto h = static_cast<double>(row_of(r).size());
      if (is_short(row_of(r).size(), options.rank)) saved += k * k * (k / 3 + h) - h * h * (k + h / 3);
    }
    rotates = options.solver == batch::ials_solver::cholesky && saved > 0;
  }
};

/// `rows` in another basis, whose vectors are the rows of `vectors`.
inline std::vector<float> rotated(std::span<const float> rows, std::span<const float> vectors, std::size_t k,
                                  executor_ref executor) {
  constexpr std::size_t block = 512;
  const std::size_t n = rows.size() / k;
  std::vector<float> out(rows.size());
  executor.parallel_for((n + block - 1) / block, [&](std::size_t b) {
    const std::size_t first = b * block;
    kernels().score_rows(rows.data() + first * k, std::min(block, n - first), vectors.data(), k, k, k,
                         out.data() + first * k);
  });
  return out;
}

template <class RowOf>
class half_step {
 public:
  /// @param priors  what each row is pulled towards, laid out as `solved`; empty = zero. A row without history is its
  ///                prior.
  half_step(solved_side<RowOf>& side, std::span<const float> rows, std::span<float> solved,
            const batch::ials_options& options, executor_ref executor, std::span<const float> priors = {})
      : side_(side), solved_(solved), priors_(priors), options_(options), executor_(executor), k_(options.rank) {
    fixed_.rows = rows;
    fixed_.k = k_;
    fixed_.gram = gram_of_rows(rows.data(), rows.size() / k_, k_, options.alpha0, executor);
    if (side.rotates) rotate_basis();
    if (options.precision == batch::ials_precision::bfloat16) round_rows();
  }

  void run(ials_progress& progress) {
    constexpr std::size_t rows_a_task = 32;
    constexpr std::size_t rows_a_wave = 4096;  // the host is asked in between, on the calling thread
    std::size_t first = 0;
    for (row_scratch scratch(k_); first < side_.order.size() && is_long(side_.order[first]); ++first) {
      solve(side_.order[first], scratch);
    }
    progress.advance(first);
    while (first < side_.order.size()) {
      const std::size_t end = std::min(side_.order.size(), first + rows_a_wave);
      executor_.parallel_for((end - first + rows_a_task - 1) / rows_a_task, [&](std::size_t task) {
        const std::size_t begin = first + task * rows_a_task;
        solve_task(std::span(side_.order).subspan(begin, std::min(rows_a_task, end - begin)));
      });
      progress.advance(end - first);
      first = end;
    }
  }

 private:
  // too long for one task: its Gramian is summed by all
  [[nodiscard]] bool is_long(std::uint32_t r) const {
    constexpr std::size_t long_history = 16384;
    return options_.solver == batch::ials_solver::cholesky && side_.row_of(r).size() >= long_history;
  }

  void rotate_basis() {
    side_.basis.fit(fixed_.gram);
    vectors_.assign(side_.basis.vectors.begin(), side_.basis.vectors.end());
    rotated_ = rotated(fixed_.rows, vectors_, k_, executor_);
    fixed_.rows = rotated_;
    if (!priors_.empty()) turned_priors_ = rotated(priors_, vectors_, k_, executor_);
    fixed_.spectrum.assign(side_.basis.values.begin(), side_.basis.values.end());
    std::fill(fixed_.gram.begin(), fixed_.gram.end(), 0.0F);
    for (std::size_t a = 0; a < k_; ++a) fixed_.gram[a * k_ + a] = fixed_.spectrum[a];
  }

  void round_rows() {
    constexpr std::size_t block = 1 << 16;
    const std::size_t n = fixed_.rows.size();
    fixed_.rounded.resize(n);
    executor_.parallel_for((n + block - 1) / block, [&](std::size_t b) {
      const std::size_t first = b * block;
      kernels().round_to_bfloat16(fixed_.rows.data() + first, std::min(block, n - first),
                                  fixed_.rounded.data() + first);
    });
  }

  void solve_task(std::span<const std::uint32_t> rows) const {
    row_scratch scratch(k_);
    if (options_.solver != batch::ials_solver::cholesky) {
      for (const std::uint32_t r : rows) solve(r, scratch);
      return;
    }
    row_batch together(k_);
    for (const std::uint32_t r : rows) {
      const std::size_t history = side_.row_of(r).size();
      if (history == 0 || !row_batch::takes(order_of(history))) {
        solve(r, scratch);
        continue;
      }
      form(r, scratch, together);
      if (together.full()) finish(together, scratch);
    }
    finish(together, scratch);
  }

  [[nodiscard]] bool goes_short(std::size_t history) const noexcept { return side_.rotates && is_short(history, k_); }
  [[nodiscard]] std::size_t order_of(std::size_t history) const noexcept { return goes_short(history) ? history : k_; }

  void form(std::uint32_t r, row_scratch& scratch, row_batch& together) const {
    const interactions::row events = side_.row_of(r);
    const row_history row = scratch.weights.split(events.index, events.weight, side_.dislikes);
    const std::span<const float> prior = prior_of(side_.rotates ? turned_priors_ : priors_, r);
    batched_row& system = together.add(order_of(row.size()));
    system.row = r;
    system.index = row.index;
    system.ridge = ridge_for(row.size());
    system.is_short = goes_short(row.size());
    if (system.is_short) {
      form_short(fixed_, row, system.ridge, scratch, prior, system.matrix, system.x, system.root);
    } else {
      form_full(fixed_, row, system.ridge, prior, system.matrix, {system.x, k_});
    }
  }

  void finish(row_batch& together, row_scratch& scratch) const {
    if (together.rows().empty()) return;
    std::uint32_t solved = together.solve();
    for (const batched_row& system : together.rows()) {
      std::span<float> y(system.x, k_);
      if (system.is_short) {
        y = scratch.turned;
        finish_short(fixed_, system.index, system.ridge, scratch,
                     prior_of(side_.rotates ? turned_priors_ : priors_, system.row), system.x, system.root, y);
      }
      if ((solved & 1U) == 0 || !all_finite(y)) no_solution();
      turn_back(y, solved_.subspan(system.row * k_, k_));
      solved >>= 1U;
    }
    together.clear();
  }

  void solve(std::uint32_t r, row_scratch& scratch) const {
    const interactions::row events = side_.row_of(r);
    const row_history row = scratch.weights.split(events.index, events.weight, side_.dislikes);
    const std::span<float> x = solved_.subspan(r * k_, k_);
    if (row.size() == 0) return pull(1, prior_of(priors_, r), x);
    const std::span<float> y = side_.rotates ? std::span<float>(scratch.turned) : x;
    const std::span<const float> prior = prior_of(side_.rotates ? turned_priors_ : priors_, r);
    if (!solve_in_basis(row, prior, scratch, y, is_long(r))) no_solution();
    if (side_.rotates) turn_back(y, x);
  }

  // y out of the basis into x
  void turn_back(std::span<const float> y, std::span<float> x) const {
    if (!side_.rotates) {
      std::copy(y.begin(), y.end(), x.begin());
      return;
    }
    std::fill(x.begin(), x.end(), 0.0F);
    kernels().gather_sum(vectors_.data(), k_, nullptr, y.data(), k_, k_, x.data());
  }

  [[noreturn]] static void no_solution() {
    throw error(errc::not_finite, "ials: a row's equations have no finite solution", {},
                "raise regularization, or scale the interactions' weights down");
  }

  [[nodiscard]] std::span<const float> prior_of(std::span<const float> priors, std::uint32_t r) const {
    return priors.empty() ? priors : priors.subspan(r * k_, k_);
  }

  [[nodiscard]] float ridge_for(std::size_t history) const {
    const batch::factor_weights weights{options_.alpha0, options_.regularization, options_.nu};
    return ridge_of(weights, static_cast<double>(history), fixed_.rows.size() / k_);
  }

  bool solve_in_basis(const row_history& row, std::span<const float> prior, row_scratch& scratch, std::span<float> x,
                      bool is_long) const {
    const float ridge = ridge_for(row.size());
    switch (options_.solver) {
      case batch::ials_solver::cholesky: break;
      case batch::ials_solver::conjugate_gradient:
        return solve_by_gradient(fixed_, row, ridge, options_.steps, scratch, x, prior);
      case batch::ials_solver::block:
        return solve_by_blocks(fixed_, row, ridge, std::min(options_.block, k_), scratch, x, prior);
    }
    if (is_long) return solve_long(fixed_, row, ridge, executor_, scratch, x, prior);
    if (goes_short(row.size())) return solve_short(fixed_, row, ridge, scratch, x, prior);
    return solve_full(fixed_, row, ridge, scratch, x, prior);
  }

  solved_side<RowOf>& side_;
  std::span<float> solved_;
  std::span<const float> priors_;
  const batch::ials_options& options_;
  executor_ref executor_;
  std::size_t k_;
  fixed_side fixed_;
  std::vector<float> vectors_;  // of the basis, in float
  std::vector<float> rotated_;
  std::vector<float> turned_priors_;
};

}  // namespace detail
TANDEM_END
