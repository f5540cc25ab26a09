#pragma once
// Bodies of batch/side_features.hpp.

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/side_features.hpp"
#include "tandem/detail/feature_ridge.hpp"
#include "tandem/detail/history.hpp"
#include "tandem/detail/ials_impl.hpp"
#include "tandem/detail/normal_equations.hpp"

TANDEM_BEGIN
namespace batch {

inline void side_features::validate(std::size_t n_users, std::size_t n_items) const {
  const auto require_rows = [](const tandem::feature_matrix* features, std::size_t n, const char* field) {
    if (features == nullptr || features->n_rows() == n) return;
    throw error(errc::invalid_argument,
                "has " + std::to_string(features->n_rows()) + " rows, the log has " + std::to_string(n) + " " + field,
                {{}, 0, field}, "give every row of the log its features, in the order of the log's indices");
  };
  require_rows(users, n_users, "users");
  require_rows(items, n_items, "items");
  if (!(shrinkage > 0 && std::isfinite(shrinkage))) {
    throw error(errc::invalid_argument, "must lie in (0, inf)", {{}, 0, "shrinkage"});
  }
}

inline void feature_map::predict(const feature_row& features, std::span<float> out) const {
  TANDEM_ASSERT(out.size() == rank_);
  if (features.index.size() != features.value.size()) {
    throw error(errc::invalid_argument, std::to_string(features.index.size()) + " features have " +
                                            std::to_string(features.value.size()) + " values");
  }
  for (std::size_t e = 0; e < features.size(); ++e) {
    if (features.index[e] < n_features() && std::isfinite(features.value[e])) continue;
    const std::string which = "feature " + std::to_string(features.index[e]);
    if (std::isfinite(features.value[e])) {
      throw error(errc::invalid_argument, which + " was not trained with: there are " + std::to_string(n_features()));
    }
    throw error(errc::not_finite, which + " is not finite");
  }
  std::copy(intercept().begin(), intercept().end(), out.begin());
  kernels().gather_sum(weights_.data(), rank_, features.index.data(), features.value.data(), features.size(), rank_,
                       out.data());
  if (!detail::all_finite(out)) {
    throw error(errc::not_finite, "the vector of these features is not finite", {}, "scale the features down");
  }
}

inline void feature_model::fold_in(std::span<const item_index> items, std::span<const float> weights,
                                   const feature_row& features, std::span<float> out) const {
  TANDEM_ASSERT(items.size() == weights.size() && out.size() == factors_.rank());
  const detail::gathered_history history =
      detail::gather_history(items, weights, factors_.n_items(), factors_.weights().dislikes);
  users_.predict(features, out);
  if (history.index.empty()) return;
  const std::vector<float> prior(out.begin(), out.end());
  detail::normal_scratch scratch(factors_.rank());
  const float ridge = factors_.regularizer(static_cast<double>(history.index.size()));
  if (!detail::solve_row(factors_.gram(), factors_.item_matrix().data(), history.index, history.weight, ridge, scratch,
                         out, prior, factors_.weights().dislikes)) {
    throw error(errc::not_finite, "a user's vector cannot be solved from this history", {},
                "scale the weights down or train with more regularization");
  }
}

/// The priors of one side: learned from its rows, then what the rows are pulled towards.
class feature_priors {
 public:
  /// @param history  history(r): entries of row r.
  template <class History>
  feature_priors(const tandem::feature_matrix* features, const History& history, std::size_t n_rows,
                 std::size_t n_other, float shrinkage, const ials_options& options, executor_ref executor)
      : features_(features),
        executor_(executor),
        map_(options.rank, features != nullptr ? features->n_features() : 0),
        has_history_(features != nullptr ? n_rows : 0) {
    if (features == nullptr) return;
    const factor_weights objective{options.alpha0, options.regularization, options.nu};
    std::vector<double> weights(n_rows, 0.0);
    double sum = 0;
    double n = 0;
    for (std::size_t r = 0; r < n_rows; ++r) {
      has_history_[r] = history(r) > 0;
      if (!has_history_[r]) continue;
      weights[r] = double{detail::ridge_of(objective, static_cast<double>(history(r)), n_other)};
      sum += weights[r];
      n += 1;
    }
    if (n > 0) ridge_.emplace(*features, std::move(weights), double{shrinkage} * sum / n);
    if (n > 0) solution_.assign(ridge_->n_unknowns() * options.rank, 0.0);
  }

  /// Empty before the first learn(), and without features.
  [[nodiscard]] std::span<const float> priors() const noexcept { return priors_; }
  [[nodiscard]] const feature_map& map() const noexcept { return map_; }

  /// Learns the map from rows with history; gives the others their priors.
  void learn(std::span<float> rows) {
    if (!ridge_) return;
    const std::size_t k = map_.rank();
    const std::size_t n = ridge_->n_unknowns();
    executor_.parallel_for(k, [&](std::size_t j) {
      const std::span<double> x = std::span(solution_).subspan(j * n, n);
      ridge_->solve([&](std::size_t r) { return rows[r * k + j]; }, x);
      for (std::size_t f = 0; f < n; ++f) map_.weights_[f * k + j] = static_cast<float>(x[f]);
    });
    priors_.resize(rows.size());
    constexpr std::size_t block = 512;
    const std::size_t n_rows = has_history_.size();
    executor_.parallel_for((n_rows + block - 1) / block, [&](std::size_t b) {
      for (std::size_t r = b * block; r < std::min(n_rows, (b + 1) * block); ++r) {
        const std::span<float> prior = std::span(priors_).subspan(r * k, k);
        map_.predict(features_->row(r), prior);
        if (!has_history_[r]) std::copy(prior.begin(), prior.end(), rows.begin() + static_cast<std::ptrdiff_t>(r * k));
      }
    });
  }

 private:
  const tandem::feature_matrix* features_;
  executor_ref executor_;
  feature_map map_;
  std::vector<bool> has_history_;
  std::optional<detail::feature_ridge> ridge_;
  std::vector<double> solution_;  // factor by factor: where the next fit starts from
  std::vector<float> priors_;
};

inline feature_model fit_feature_ials(const interactions& log, const side_features& features,
                                      const ials_options& options, executor_ref executor, const progress& report,
                                      const factor_model* warm_start) {
  options.validate();
  const ials_options settled = options.for_items(log.n_items());
  features.validate(log.n_users(), log.n_items());
  const auto user_history = [&](std::size_t u) {
    return log.items_of(user_index{static_cast<std::uint32_t>(u)}).size();
  };
  const auto item_history = [&](std::size_t i) {
    return log.users_of(item_index{static_cast<std::uint32_t>(i)}).size();
  };
  feature_priors users(features.users, user_history, log.n_users(), log.n_items(), features.shrinkage, settled,
                       executor);
  feature_priors items(features.items, item_history, log.n_items(), log.n_users(), features.shrinkage, settled,
                       executor);
  factor_model model = detail::alternate(log, settled, executor, report, warm_start, {}, users, items);
  return {std::move(model), users.map(), items.map()};
}

}  // namespace batch
TANDEM_END
