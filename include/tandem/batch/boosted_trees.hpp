#pragma once
// Gradient boosted regression trees over histograms: churn and conversion scores, and rankers of logged candidates.
//
// Each round adds one tree, grown on the gradients g and the diagonal Hessian h of
//     squared   sum_r w_r (y_r - m_r)^2 / 2                                    g = w (m - y),   h = w
//     logistic  sum_r w_r ( log(1 + e^m_r) - y_r m_r )                         g = w (p - y),   h = w p (1 - p)
//     softmax   - sum over groups  sum_r t_r log p_r                           g = T p - t,     h = T p (1 - p)
// at the margins m of the trees before it. For logistic, p = 1 / (1 + e^-m). For softmax, p is the softmax of m over
// the group (ListNet's top-one probabilities, Cao et al. 2007), t_r = w_r y_r / sum of the group's y, T the group's sum
// of t. A split is chosen by, and a leaf is worth (Chen and Guestrin 2016, "XGBoost", equations 6 and 7)
//     gain = G_L^2 / (H_L + lambda) + G_R^2 / (H_R + lambda) - G^2 / (H + lambda)     value = - eta G / (H + lambda)
// with G, H the sums of g, h over a node's rows. As in XGBoost's code, gain is without the factor 1/2 of the paper.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tandem/batch/boosted_trees_model.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"

TANDEM_BEGIN
namespace batch {

/// Rows to learn from, or to validate on. Lifetime: refers to the host's numbers.
struct labelled_rows {
  /// Finite, or NaN = missing.
  feature_matrix features;
  /// One a row, finite. logistic: in [0, 1]. softmax: >= 0, and a group whose labels are all 0 teaches nothing.
  std::span<const float> labels;
  /// One a row, >= 0, or empty: all 1. A row of weight 0 is as good as absent. softmax: of the row's share of the
  /// target.
  std::span<const float> weights = {};
  /// Where each row's margin starts, or empty: all at the model's base(). The same must be given when scoring.
  /// For softmax on sampled negatives: log(1 / sampling rate).
  std::span<const float> margins = {};
  /// softmax: how many rows each group has, in order; they add up to the rows. Empty otherwise.
  std::span<const std::uint32_t> groups = {};
};

/// Options of fit_boosted_trees(). A default-constructed object is a sensible start for 10,000 rows and more; for a few
/// thousand noisy ones raise lambda and min_child_weight, lower max_depth and eta.
struct boosted_trees_options {
  // ---- change the result ----------------------------------------------------------------------------------------
  tree_loss loss = tree_loss::squared;
  /// Trees at most. Range [1, 100000]. `num_boost_round` in XGBoost.
  std::size_t rounds = 100;
  /// How much of each tree's step is taken. Range (0, 1]. `eta` or `learning_rate` elsewhere, .3 in XGBoost.
  float eta = 0.1F;
  /// Splits between the root and a leaf, at most. Range [1, 32].
  std::size_t max_depth = 6;
  /// 0: level by level to max_depth. Otherwise the split of greatest gain first, until a tree has this many leaves
  /// (`lossguide` in XGBoost, the way of LightGBM). Range 0 or [2, 4096].
  std::size_t max_leaves = 0;
  /// L2 penalty of a leaf's value. Range [0, inf).
  float lambda = 1.0F;
  /// A split must gain more than this. Range [0, inf). `min_split_loss` in XGBoost.
  float gamma = 0.0F;
  /// Sum of h in a child, at least. Range [0, inf). For squared loss a number of rows.
  float min_child_weight = 1.0F;
  /// Share of the rows that each tree sees, drawn anew. Range (0, 1].
  float subsample = 1.0F;
  /// Share of the features that each tree sees, drawn anew; at least one. Range (0, 1]. `colsample_bytree` in XGBoost.
  float feature_share = 1.0F;
  /// Share of those that each level of a tree sees. Range (0, 1]. `colsample_bylevel` in XGBoost.
  float level_feature_share = 1.0F;
  /// Bins of a feature, one of them for missing values. Range [3, 256].
  std::size_t max_bins = 256;
  /// Rows that bins are found from, drawn when there are more. Range [1, 2^32). `bin_construct_sample_cnt` in LightGBM.
  std::size_t bin_rows = 262144;
  /// Stop when the validation loss has not fallen for this many rounds, and keep the trees up to its best. 0 = never;
  /// otherwise validation rows are needed. Range [0, 100000].
  std::size_t early_stopping_rounds = 0;
  /// Seed of rows and features drawn. Same data, options and seed: same bits, any number of threads.
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// Learns trees from rows.
///
/// Every sum of gradients is taken in 64-bit integers, of gradients rounded to 2^-30 of the greatest of their tree: it
/// is the same in any order, which is what makes the result independent of threads.
/// A threshold lies halfway between two values seen. A missing value goes where it gained most in training; where none
/// was seen, to the child of greater H. Of equal gains the smaller feature wins, then the smaller threshold.
///
/// @param validation  judged after each round (boosted_trees::validation_losses), or null.
/// @param report      called on the calling thread once a tree: done and total count trees.
/// Rows without signal (none, all of weight 0, no group with a positive label) give a model without trees.
/// Complexity: O(rows * features * depth) a tree, less than half of it after the first level.
/// Allocates: rows * (features + 32) bytes, and 16 bytes a bin for each node that may still be split: at most 32 *
/// depth of them, or max_leaves. Threads: thread-safe. The result is the same, bit for bit, for every executor. Errors:
/// invalid_argument for an option, or for labels, weights or groups out of range; not_finite for an infinite feature,
/// or a label, weight or margin that is not a finite number, or margins that grow beyond float32; cancelled.
[[nodiscard]] boosted_trees fit_boosted_trees(const labelled_rows& rows, const boosted_trees_options& options,
                                              executor_ref executor = {}, const progress& report = {},
                                              const labelled_rows* validation = nullptr);

/// The mean loss of rows at the given margins, by weight (softmax: by target): the sums above over the sum of w (of t).
/// 0 without signal. @param margins  one a row, complete: rows.margins is not added.
/// Errors: as fit_boosted_trees() for the rows; not_finite for a margin.
[[nodiscard]] double mean_loss(const labelled_rows& rows, tree_loss loss, std::span<const float> margins,
                               executor_ref executor = {});

}  // namespace batch
TANDEM_END

#include "tandem/detail/boosted_trees_impl.hpp"
