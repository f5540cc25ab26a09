#pragma once
// Segments explained in features that the host has: a shallow decision tree, its accuracy, and its rules as text.
//
// CART (Breiman, Friedman, Olshen, Stone 1984): each node is split by the feature and threshold that lower the Gini
// impurity  sum_c n_c (n - n_c) / n  most, ties by smaller feature, then smaller threshold.
// NaN = missing: at each split it goes to the side that lowers the impurity more, ties to the larger side.
// Names elsewhere: min_leaf = min_samples_leaf, max_depth = max_depth in scikit-learn.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tandem/batch/segments.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"

TANDEM_BEGIN
namespace batch {

/// Options of explain_segments(). A default-constructed object is a sensible start.
struct segment_tree_options {
  /// Conditions of a rule at most. Range [1, 4]: deeper ones explain nothing to anybody.
  std::size_t max_depth = 3;
  /// Users of a leaf at least. Range [1, 2^31).
  std::size_t min_leaf = 20;
  /// Parts of the cross-validation behind segment_tree::accuracy(). Range [2, 100], or 0 = do without.
  std::size_t folds = 5;
  /// Seed of the parts. Same input, options and seed: same tree, any number of threads.
  std::uint64_t seed = 0;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// A way from the root to a leaf.
struct segment_rule {
  std::string text;         ///< "visits >= 3.5 and age < 30 -> segment 2, 78 %"; "everyone -> ..." without conditions
  segment_index segment{};  ///< the most frequent one there, ties by smaller index
  std::size_t users = 0;    ///< that the conditions hold for, among those learned from
  double share = 0;         ///< of them that are in that segment
};

/// A decision tree that tells a user's segment from features.
/// Threads: immutable. Lifetime: its spans stay valid until it is destroyed, assigned to or moved from.
class segment_tree {
 public:
  /// A node; node 0 is the root. Users with features[feature] < threshold go left, others right, missing ones as
  /// missing_left says. A threshold of infinity sends all known values left.
  struct node {
    std::uint32_t left = 0;  ///< 0 = this is a leaf
    std::uint32_t right = 0;
    std::uint32_t feature = 0;
    float threshold = 0;
    bool missing_left = false;
    segment_index segment{};  ///< the most frequent one, ties by smaller index
    std::size_t users = 0;
    std::size_t hits = 0;  ///< users in that segment
    [[nodiscard]] bool is_leaf() const noexcept { return left == 0; }
  };

  [[nodiscard]] std::size_t n_features() const noexcept { return n_features_; }
  [[nodiscard]] std::span<const node> nodes() const& noexcept { return nodes_; }
  [[nodiscard]] std::span<const node> nodes() const&& = delete;

  /// The segment that features speak for. NaN = missing.
  /// @param features  length n_features().   Complexity: O(depth). Allocates: nothing.
  [[nodiscard]] segment_index predict(std::span<const float> features) const noexcept;

  /// One rule a leaf, from left to right: every user satisfies exactly one.
  [[nodiscard]] std::span<const segment_rule> rules() const& noexcept { return rules_; }
  [[nodiscard]] std::span<const segment_rule> rules() const&& = delete;

  /// Share of users put into their segment by trees that have not seen them (cross-validation). Without folds the same
  /// as fitted_accuracy().
  [[nodiscard]] double accuracy() const noexcept { return accuracy_; }
  /// The same by this tree, on the users it was learned from: optimistic.
  [[nodiscard]] double fitted_accuracy() const noexcept { return fitted_accuracy_; }
  /// Share of the largest segment: the accuracy of knowing nothing. Features that do not beat it explain nothing.
  [[nodiscard]] double baseline() const noexcept { return baseline_; }

 private:
  friend struct segment_tree_access;
  std::size_t n_features_ = 0;
  std::vector<node> nodes_ = std::vector<node>(1);
  std::vector<segment_rule> rules_;
  double accuracy_ = 0;
  double fitted_accuracy_ = 0;
  double baseline_ = 0;
};

/// Learns which features tell the segments apart. Users in no segment are left out.
///
/// @param features  row-major [n_users x names.size()]; NaN = missing. Give categories as one column of 0 and 1 each.
/// @param names     one a feature, for the rules.
/// @param report    called on the calling thread before each tree: stage "segment tree", done out of folds + 1.
/// Splits that lower the impurity but leave both sides in the same segment are taken back: no rule repeats another.
/// Complexity: O(folds * max_depth * features * users log users). Allocates: 12 bytes a user for as many features as
/// run at once.
/// Threads: thread-safe. The result is the same for every executor.
/// Errors: invalid_argument for an option, for no features, for a matrix of another shape, or if no user is in a
/// segment; not_finite for an infinite feature, naming it; cancelled.
[[nodiscard]] segment_tree explain_segments(const segmentation& segments, std::span<const float> features,
                                            std::span<const std::string> names,
                                            const segment_tree_options& options = {}, executor_ref executor = {},
                                            const progress& report = {});

}  // namespace batch
TANDEM_END

#include "tandem/detail/segment_tree_impl.hpp"
