#pragma once
// The immutable result of gradient boosting: a sum of regression trees, scored for one row or for many.
//
// margin(x) = base + sum over trees of the value of the leaf that x falls into. An inner node sends x to the left when
// x[feature] < threshold; a missing feature (NaN) goes the way that training learned for that node.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"

TANDEM_BEGIN
namespace batch {

/// What boosting minimises, and so what a margin means (batch/boosted_trees.hpp has the formulas).
enum class tree_loss : std::uint8_t {
  squared,   ///< the margin is the prediction
  logistic,  ///< the margin is the log-odds; predict() gives the probability
  softmax,   ///< the margin is a score, to be compared within its group
};

/// A view of rows of features, row-major float32 [n_rows x n_features]. NaN = missing.
/// Lifetime: refers to the host's numbers.
struct feature_matrix {
  std::span<const float> values;
  std::size_t n_features = 0;

  [[nodiscard]] std::size_t n_rows() const noexcept { return n_features == 0 ? 0 : values.size() / n_features; }
  [[nodiscard]] std::span<const float> row(std::size_t r) const noexcept {
    TANDEM_ASSERT(r < n_rows());
    return values.subspan(r * n_features, n_features);
  }
};

/// A node of a tree; 16 bytes. Indices count from the root of its tree, which is node 0.
struct tree_node {
  float threshold = 0;              ///< left when x < threshold (infinity: any number); NaN in a leaf
  std::uint32_t left = 0;           ///< the left child; the right one is left + 1. A leaf names itself
  std::uint32_t feature : 31;       ///< which feature an inner node reads; 0 in a leaf
  std::uint32_t missing_right : 1;  ///< where NaN goes: 1 = to the right
  float value = 0;                  ///< leaf: what it adds to the margin; inner node: the gain of its split

  constexpr tree_node() noexcept : feature(0), missing_right(0) {}
  /// The node that stands at `index` of its tree and ends it.
  [[nodiscard]] static tree_node leaf(std::uint32_t index, float value) noexcept;
  /// Requires feature < 2^26.
  [[nodiscard]] static tree_node inner(std::uint32_t feature, float threshold, bool missing_right, std::uint32_t left,
                                       float gain) noexcept;
};

static_assert(sizeof(tree_node) == 16);

/// Trained trees. Scores come without the code that trains them: include this header alone.
///
/// Threads: immutable; any number of threads may call any member without a lock.
/// Lifetime: owns its nodes; spans it returns stay valid until it is destroyed, assigned to or moved from.
/// Memory: 16 bytes a node.
class boosted_trees {
 public:
  /// No trees and no features: every margin is 0.
  boosted_trees() = default;

  /// A model of the given nodes, e.g. read back from where nodes() were stored. The nodes are not trusted.
  /// @param nodes       all trees, one after another; tree_sizes[t] of them belong to tree t.
  /// @param base        where every margin starts.
  /// Complexity: O(nodes). Allocates: the importances.
  /// Errors: invalid_argument for sizes that do not add up, children before their parent or beyond the tree, a feature
  /// that is not below n_features (itself at most 2^26); not_finite for a number that must be one.
  [[nodiscard]] static boosted_trees from_nodes(std::vector<tree_node> nodes, std::vector<std::uint32_t> tree_sizes,
                                                std::size_t n_features, tree_loss loss, double base,
                                                std::vector<double> validation_losses = {});

  [[nodiscard]] std::size_t n_features() const noexcept { return importances_.size(); }
  [[nodiscard]] std::size_t n_trees() const noexcept { return tree_sizes_.size(); }
  [[nodiscard]] tree_loss loss() const noexcept { return loss_; }
  /// Where every margin starts. 0 for a model trained on base margins.
  [[nodiscard]] double base() const noexcept { return base_; }

  /// All trees, one after another.
  [[nodiscard]] std::span<const tree_node> nodes() const& noexcept { return nodes_; }
  [[nodiscard]] std::span<const tree_node> nodes() const&& = delete;
  /// How many of nodes() belong to each tree.
  [[nodiscard]] std::span<const std::uint32_t> tree_sizes() const& noexcept { return tree_sizes_; }
  [[nodiscard]] std::span<const std::uint32_t> tree_sizes() const&& = delete;
  /// The gain of all splits on each feature: twice what they lowered the training loss, summed over rows, to second
  /// order (`total_gain` in XGBoost).
  [[nodiscard]] std::span<const double> importances() const& noexcept { return importances_; }
  [[nodiscard]] std::span<const double> importances() const&& = delete;
  /// The mean loss on the validation rows after each round of training, those after the last tree kept included.
  /// Empty when training had none.
  [[nodiscard]] std::span<const double> validation_losses() const& noexcept { return validation_losses_; }
  [[nodiscard]] std::span<const double> validation_losses() const&& = delete;

  /// The margin of a row. @param row  length n_features().   @param start  added: the row's own base margin.
  /// Complexity: O(trees * depth), about a microsecond for 100 trees of depth 6. Allocates: nothing.
  [[nodiscard]] float margin(std::span<const float> row, double start = 0) const noexcept;

  /// margin(), as loss() means it: a probability for logistic, the margin itself for the others.
  [[nodiscard]] float predict(std::span<const float> row, double start = 0) const noexcept;

  /// out[r] = margin(row r, starts[r]), the same bits, several times faster than row by row.
  /// @param starts  one a row, or empty: all 0.   @param out  one a row; overwritten.
  /// Complexity: O(rows * trees * depth). Allocates: 64 rows of features a task.
  /// Errors: invalid_argument for lengths that do not fit.
  void margins(const feature_matrix& rows, std::span<float> out, std::span<const float> starts = {},
               executor_ref executor = {}) const;

  /// out[r] = predict(row r, starts[r]); otherwise as margins().
  void predict(const feature_matrix& rows, std::span<float> out, std::span<const float> starts = {},
               executor_ref executor = {}) const;

 private:
  std::vector<tree_node> nodes_;
  std::vector<std::uint32_t> tree_sizes_;
  std::vector<std::uint32_t> tree_depths_;
  std::vector<double> importances_;
  std::vector<double> validation_losses_;
  double base_ = 0;
  tree_loss loss_ = tree_loss::squared;
};

}  // namespace batch
TANDEM_END

#include "tandem/detail/boosted_trees_model_impl.hpp"
