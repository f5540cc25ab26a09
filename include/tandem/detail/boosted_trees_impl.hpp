#pragma once
// Bodies of batch/boosted_trees.hpp: rounds of gradients, a tree, new margins, and a look at the validation rows.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/boosted_trees.hpp"
#include "tandem/detail/boosted_trees_bins.hpp"
#include "tandem/detail/boosted_trees_grow.hpp"
#include "tandem/detail/boosted_trees_histogram.hpp"
#include "tandem/detail/boosted_trees_loss.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace batch {

inline void boosted_trees_options::validate() const {
  const auto share = [](float x) { return x > 0 && x <= 1; };
  const auto penalty = [](float x) { return x >= 0 && std::isfinite(x); };
  detail::require(loss == tree_loss::squared || loss == tree_loss::logistic || loss == tree_loss::softmax, "loss",
                  "{squared, logistic, softmax}");
  detail::require(rounds >= 1 && rounds <= 100000, "rounds", "[1, 100000]");
  detail::require(share(eta), "eta", "(0, 1]");
  detail::require(max_depth >= 1 && max_depth <= 32, "max_depth", "[1, 32]");
  detail::require(max_leaves == 0 || (max_leaves >= 2 && max_leaves <= 4096), "max_leaves", "{0} or [2, 4096]");
  detail::require(penalty(lambda), "lambda", "[0, inf)");
  detail::require(penalty(gamma), "gamma", "[0, inf)");
  detail::require(penalty(min_child_weight), "min_child_weight", "[0, inf)");
  detail::require(share(subsample), "subsample", "(0, 1]");
  detail::require(share(feature_share), "feature_share", "(0, 1]");
  detail::require(share(level_feature_share), "level_feature_share", "(0, 1]");
  detail::require(max_bins >= 3 && max_bins <= 256, "max_bins", "[3, 256]");
  detail::require(bin_rows >= 1 && bin_rows <= 0xffffffffU, "bin_rows", "[1, 2^32)");
  detail::require(early_stopping_rounds <= 100000, "early_stopping_rounds", "[0, 100000]");
}

}  // namespace batch

namespace detail {

/// Rows that a model is judged on after each round.
struct validation_set {
  tree_objective objective;
  binned_rows rows;
  std::vector<double> margins;

  validation_set(const batch::labelled_rows& from, batch::tree_loss loss, const feature_bins& bins, double base,
                 executor_ref executor)
      : objective(from, loss, "validation."), rows(from.features, bins, executor), margins(objective.size()) {
    for (std::size_t r = 0; r < margins.size(); ++r) margins[r] = base + objective.start(r);
  }

  double loss_with(const grown_tree& tree, const feature_bins& bins, executor_ref executor) {
    for_each_chunk(margins.size(), executor, [&](std::size_t first, std::size_t last) {
      for (std::size_t r = first; r < last; ++r) {
        margins[r] += tree.value(bins, rows.row(r));
      }
    });
    return objective.mean_loss(margins, executor);
  }
};

/// The rows a tree sees, and those of positive weight that it does not, ascending.
struct row_draw {
  std::vector<std::uint32_t> seen;
  std::vector<std::uint32_t> unseen;

  void draw(const std::vector<std::uint32_t>& rows, float share, std::uint64_t seed, std::size_t round) {
    seen.clear();
    unseen.clear();
    const std::uint64_t key = mix64(mix64(~seed) ^ round);
    for (const std::uint32_t row : rows) {
      const double u = static_cast<double>(mix64(key ^ row) >> 11) * 0x1.0p-53;
      (u < static_cast<double>(share) ? seen : unseen).push_back(row);
    }
    if (seen.empty()) {  // of few rows, at least one
      seen.push_back(rows[key % rows.size()]);
      unseen.erase(std::find(unseen.begin(), unseen.end(), seen[0]));
    }
  }
};

/// A training run: what lives from round to round.
class boosting {
 public:
  boosting(const batch::labelled_rows& rows, const batch::boosted_trees_options& options,
           const tree_objective& objective, executor_ref executor, const batch::labelled_rows* validation)
      : options_(options),
        objective_(objective),
        executor_(executor),
        bins_(rows.features, rows.weights, options.max_bins, options.bin_rows, options.seed, executor),
        rows_(rows.features, bins_, executor),
        grower_(rows_, bins_, options_, executor),
        base_(objective.base()),
        margins_(objective.size()),
        exact_(objective.size()),
        rounded_(objective.size()) {
    for (std::size_t r = 0; r < margins_.size(); ++r) {
      margins_[r] = base_ + objective.start(r);
      if (objective.weight(r) > 0) weighty_.push_back(static_cast<std::uint32_t>(r));
    }
    if (validation == nullptr) return;
    validation_.emplace(*validation, options.loss, bins_, base_, executor);
    if (options.early_stopping_rounds != 0 && !validation_->objective.has_signal()) {
      throw error(errc::invalid_argument, "have nothing to judge by: no row of positive weight, or no positive label",
                  {{}, 0, "validation.labels"}, "give others, or set early_stopping_rounds to 0");
    }
  }

  batch::boosted_trees run(const progress& report) {
    std::size_t best_trees = 0;
    double best_loss = validation_ ? validation_->objective.mean_loss(validation_->margins, executor_) : 0;
    for (std::size_t round = 0; round < options_.rounds; ++round) {
      const grown_tree tree = next_tree(round);
      if (validation_) {
        losses_.push_back(validation_->loss_with(tree, bins_, executor_));
        if (losses_.back() < best_loss) {
          best_loss = losses_.back();
          best_trees = round + 1;
        }
      }
      nodes_.insert(nodes_.end(), tree.nodes.begin(), tree.nodes.end());
      sizes_.push_back(static_cast<std::uint32_t>(tree.nodes.size()));
      report_progress(report, {"boosted trees", round + 1, options_.rounds});
      if (options_.early_stopping_rounds != 0 && round + 1 - best_trees >= options_.early_stopping_rounds) break;
    }
    if (options_.early_stopping_rounds != 0) keep(best_trees);
    return batch::boosted_trees::from_nodes(std::move(nodes_), std::move(sizes_), rows_.n_features(), options_.loss,
                                            base_, std::move(losses_));
  }

 private:
  grown_tree next_tree(std::size_t round) {
    objective_.gradients(margins_, exact_, executor_);
    const gradient_units units = round_gradients(exact_, rounded_, executor_);
    if (options_.subsample == 1) return grower_.grow(round, weighty_, rounded_, units, margins_);
    draw_.draw(weighty_, options_.subsample, options_.seed, round);
    grown_tree tree = grower_.grow(round, draw_.seen, rounded_, units, margins_);
    for_each_chunk(draw_.unseen.size(), executor_, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i) {
        const std::size_t r = draw_.unseen[i];
        margins_[r] += tree.value(bins_, rows_.row(r));
      }
    });
    return tree;
  }

  void keep(std::size_t n_trees) {
    sizes_.resize(n_trees);
    nodes_.resize(std::accumulate(sizes_.begin(), sizes_.end(), std::size_t{0}));
  }

  const batch::boosted_trees_options& options_;
  const tree_objective& objective_;
  executor_ref executor_;
  feature_bins bins_;
  binned_rows rows_;
  tree_grower grower_;
  double base_;
  std::vector<double> margins_;
  std::vector<gradient> exact_;
  std::vector<row_gradient> rounded_;
  std::vector<std::uint32_t> weighty_;  // rows of positive weight
  row_draw draw_;
  std::optional<validation_set> validation_;
  std::vector<batch::tree_node> nodes_;
  std::vector<std::uint32_t> sizes_;
  std::vector<double> losses_;
};

}  // namespace detail

namespace batch {

inline boosted_trees fit_boosted_trees(const labelled_rows& rows, const boosted_trees_options& options,
                                       executor_ref executor, const progress& report, const labelled_rows* validation) {
  options.validate();
  if (options.early_stopping_rounds != 0 && validation == nullptr) {
    throw error(errc::invalid_argument, "needs validation rows", {{}, 0, "early_stopping_rounds"},
                "give some, or set it to 0");
  }
  if (validation != nullptr && validation->features.n_features != rows.features.n_features) {
    throw error(errc::invalid_argument,
                "have " + std::to_string(validation->features.n_features) + " columns, the rows to learn from " +
                    std::to_string(rows.features.n_features),
                {{}, 0, "validation.features"});
  }
  const detail::tree_objective objective(rows, options.loss, "");
  if (!objective.has_signal()) {
    return boosted_trees::from_nodes({}, {}, rows.features.n_features, options.loss, 0);
  }
  return detail::boosting(rows, options, objective, executor, validation).run(report);
}

inline double mean_loss(const labelled_rows& rows, tree_loss loss, std::span<const float> margins,
                        executor_ref executor) {
  const detail::tree_objective objective(rows, loss, "");
  if (margins.size() != objective.size()) {
    throw error(errc::invalid_argument, "must be one a label", {{}, 0, "margins"});
  }
  if (!std::all_of(margins.begin(), margins.end(), [](float m) { return std::isfinite(m); })) {
    throw error(errc::not_finite, "must be finite", {{}, 0, "margins"});
  }
  const std::vector<double> exact(margins.begin(), margins.end());
  return objective.mean_loss(exact, executor);
}

}  // namespace batch
TANDEM_END
