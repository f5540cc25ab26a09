#pragma once
// Bodies of batch/ials.hpp: alternate between users and items, solving every row's normal equations exactly.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/ials.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/ials_half_step.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace batch {

inline ials_options ials_options::for_items(std::size_t n_items) const noexcept {
  constexpr float all_unseen = 500;
  ials_options out = *this;
  if (alpha0 == 0) out.alpha0 = std::min(1.0F, all_unseen / static_cast<float>(std::max<std::size_t>(1, n_items)));
  return out;
}

inline void ials_options::validate() const {
  const auto positive = [](float x) { return x > 0 && std::isfinite(x); };
  detail::require(rank >= 1 && rank <= 1024, "rank", "[1, 1024]");
  detail::require(alpha0 >= 0 && std::isfinite(alpha0), "alpha0", "[0, inf)");
  detail::require(positive(regularization), "regularization", "(0, inf)");
  detail::require(nu >= 0 && nu <= 1, "nu", "[0, 1]");
  detail::require(epochs >= 1 && epochs <= 10000, "epochs", "[1, 10000]");
  detail::require(warm_epochs >= 1 && warm_epochs <= 10000, "warm_epochs", "[1, 10000]");
  detail::require(positive(init_stddev), "init_stddev", "(0, inf)");
  const bool known =
      solver == ials_solver::cholesky || solver == ials_solver::conjugate_gradient || solver == ials_solver::block;
  detail::require(known, "solver", "the solvers there are");
  detail::require(steps >= 1 && steps <= 1000, "steps", "[1, 1000]");
  detail::require(block >= 1, "block", "[1, rank]");
  detail::require(precision == ials_precision::float32 ||
                      (precision == ials_precision::bfloat16 && solver == ials_solver::cholesky),
                  "precision", "{float32, bfloat16}, the latter with the solver cholesky only");
}

}  // namespace batch

namespace detail {

/// The random start of row r: a function of (seed, r) alone.
inline void random_row(std::uint64_t seed, std::size_t r, double stddev, std::span<float> row) noexcept {
  random_stream random(seed, r);
  for (float& x : row) x = static_cast<float>(random.normal(0, stddev));
}

/// Nothing known of the rows of a side.
struct no_priors {
  [[nodiscard]] std::span<const float> priors() const noexcept { return {}; }
  void learn(std::span<float>) const noexcept {}
};

/// The factors that an alternating fit starts from. Errors: invalid_argument for a warm start of another rank.
struct ials_start {
  std::vector<float> users;
  std::vector<float> items;

  ials_start(const interactions& log, const batch::ials_options& options, const batch::factor_model* warm_start)
      : users(log.n_users() * options.rank), items(log.n_items() * options.rank) {
    const std::size_t k = options.rank;
    if (warm_start != nullptr && warm_start->rank() != k) {
      throw error(errc::invalid_argument,
                  "is " + std::to_string(k) + ", but the model to start from has " + std::to_string(warm_start->rank()),
                  {{}, 0, "rank"}, "fit without a warm start");
    }
    if (warm_start != nullptr) {  // where the solvers that go step by step start from
      const std::size_t known_users = std::min(warm_start->n_users(), log.n_users());
      std::copy_n(warm_start->user_matrix().data(), known_users * k, users.data());
    }
    const std::size_t known = warm_start != nullptr ? std::min(warm_start->n_items(), log.n_items()) : 0;
    if (known > 0) std::copy_n(warm_start->item_matrix().data(), known * k, items.data());
    const double stddev = static_cast<double>(options.init_stddev) / std::sqrt(static_cast<double>(k));
    for (std::size_t i = known; i < log.n_items(); ++i) {
      random_row(options.seed, i, stddev, std::span(items).subspan(i * k, k));
    }
  }
};

/// fit_ials(), with priors for the rows of either side: x.learn(rows) sees the rows of its side after each half step,
/// x.priors() is what the next one pulls them towards. `options` has an alpha0 of its own.
template <class UserPriors, class ItemPriors>
batch::factor_model alternate(const interactions& log, const batch::ials_options& options, executor_ref executor,
                              const progress& report, const batch::factor_model* warm_start,
                              const batch::ials_watch& watch, UserPriors&& user_priors, ItemPriors&& item_priors) {
  // The item factors are the state; users are always solved from them.
  ials_start start(log, options, warm_start);
  std::vector<float>& users = start.users;
  std::vector<float>& items = start.items;
  const batch::factor_weights weights{options.alpha0, options.regularization, options.nu, log.keeps_dislikes()};
  const std::size_t epochs = warm_start != nullptr ? options.warm_epochs : options.epochs;
  const auto items_of = [&log](std::size_t u) { return log.items_of(user_index{static_cast<std::uint32_t>(u)}); };
  const auto users_of = [&log](std::size_t i) { return log.users_of(item_index{static_cast<std::uint32_t>(i)}); };
  ials_progress progress{report, (epochs + 1) * log.n_users() + epochs * log.n_items()};
  solved_side user_side(items_of, log.n_users(), log.n_items(), options, log.keeps_dislikes());
  solved_side item_side(users_of, log.n_items(), log.n_users(), options, log.keeps_dislikes());
  if (warm_start != nullptr) {
    item_priors.learn(items);
    user_priors.learn(users);
  }
  batch::ials_options exact = options;
  exact.precision = batch::ials_precision::float32;
  half_step(user_side, items, users, options, executor, user_priors.priors()).run(progress);
  for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
    half_step(item_side, users, items, options, executor, item_priors.priors()).run(progress);
    item_priors.learn(items);
    user_priors.learn(users);
    const bool is_seen = watch || epoch + 1 == epochs;  // what leaves this function is exact
    half_step(user_side, items, users, is_seen ? exact : options, executor, user_priors.priors()).run(progress);
    if (watch && !watch({epoch + 1, users, items, options.rank, weights})) break;
  }
  return batch::factor_model::from_factors(std::move(users), std::move(items), options.rank, weights, executor);
}

}  // namespace detail

namespace batch {

inline factor_model fit_ials(const interactions& log, const ials_options& options, executor_ref executor,
                             const progress& report, const factor_model* warm_start, const ials_watch& watch) {
  options.validate();
  return detail::alternate(log, options.for_items(log.n_items()), executor, report, warm_start, watch,
                           detail::no_priors{}, detail::no_priors{});
}

}  // namespace batch
TANDEM_END
