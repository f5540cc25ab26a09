#pragma once
// Bodies of batch/boosted_trees_model.hpp: trees are walked in lockstep, eight at once, so that no step waits for the
// one before it. A walk takes as many steps as its tree is deep: a leaf leads to itself.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "tandem/batch/boosted_trees_model.hpp"
#include "tandem/detail/logistic.hpp"

TANDEM_BEGIN
namespace detail {

constexpr std::size_t tree_lanes = 8;        // walks in flight
constexpr std::size_t tree_block_rows = 64;  // rows that pass through a tree while it is in the nearest cache
constexpr std::size_t max_tree_features = std::size_t{1} << 26;

/// One step down. MayMiss = false when x is known to be a number.
template <bool MayMiss>
[[nodiscard]] inline std::uint32_t step_down(const batch::tree_node& node, float x) noexcept {
  if constexpr (MayMiss) {
    const bool missing = std::isnan(x);
    const bool goes_right = (static_cast<unsigned>(missing) & node.missing_right) != 0;
    return node.left + static_cast<std::uint32_t>((x >= node.threshold) | goes_right);
  } else {
    return node.left + static_cast<std::uint32_t>(x >= node.threshold);
  }
}

/// Rows of features, transposed: feature f of row r at [f * tree_block_rows + r].
class transposed_block {
 public:
  explicit transposed_block(std::size_t n_features) : values_(n_features * tree_block_rows) {}

  void load(const batch::feature_matrix& rows, std::size_t first, std::size_t count) noexcept {
    const std::size_t n_features = rows.n_features;
    has_missing_ = false;
    for (std::size_t r = 0; r < count; ++r) {
      const float* row = rows.values.data() + (first + r) * n_features;
      bool missing = false;
      for (std::size_t f = 0; f < n_features; ++f) {
        values_[f * tree_block_rows + r] = row[f];
        missing |= std::isnan(row[f]);
      }
      has_missing_ |= missing;
    }
  }
  [[nodiscard]] const float* data() const noexcept { return values_.data(); }
  [[nodiscard]] bool has_missing() const noexcept { return has_missing_; }

 private:
  std::vector<float> values_;
  bool has_missing_ = false;
};

/// Adds a tree to the margins of a block, whole lanes at a time.
template <bool MayMiss>
void add_tree(const batch::tree_node* tree, std::size_t depth, const float* block, std::size_t count,
              double* margins) noexcept {
  for (std::size_t first = 0; first < count; first += tree_lanes) {
    std::array<std::uint32_t, tree_lanes> at{};
    const float* lanes = block + first;
    for (std::size_t d = 0; d < depth; ++d) {
      for (std::size_t lane = 0; lane < tree_lanes; ++lane) {
        const batch::tree_node& node = tree[at[lane]];
        at[lane] = step_down<MayMiss>(node, lanes[node.feature * tree_block_rows + lane]);
      }
    }
    for (std::size_t lane = 0; lane < tree_lanes; ++lane) {
      margins[first + lane] += static_cast<double>(tree[at[lane]].value);
    }
  }
}

/// Throws unless the nodes of one tree form a tree; returns its depth.
inline std::uint32_t checked_depth(std::span<const batch::tree_node> tree, std::size_t n_features) {
  const auto refuse = [](std::size_t node, const char* message) {
    throw error(errc::invalid_argument, "node " + std::to_string(node) + " of a tree " + message, {{}, 0, "nodes"});
  };
  constexpr std::uint32_t unreached = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> depth(tree.size(), unreached);
  depth[0] = 0;
  std::uint32_t deepest = 0;
  for (std::size_t i = 0; i < tree.size(); ++i) {
    const batch::tree_node& node = tree[i];
    if (depth[i] == unreached) refuse(i, "is not the child of an earlier one");
    if (!std::isfinite(node.value)) throw error(errc::not_finite, "a node's value is not finite", {{}, 0, "nodes"});
    deepest = std::max(deepest, depth[i]);
    if (node.left == i) {
      if (!std::isnan(node.threshold) || node.missing_right != 0) refuse(i, "is a leaf that has a threshold");
      if (node.feature != 0) refuse(i, "is a leaf that reads a feature");
      continue;
    }
    if (std::isnan(node.threshold)) {
      throw error(errc::not_finite, "an inner node's threshold is not a number", {{}, 0, "nodes"});
    }
    if (node.feature >= n_features) refuse(i, "reads a feature that rows do not have");
    if (node.left < i || node.left >= tree.size() - 1) refuse(i, "has children outside its tree or before itself");
    for (const std::size_t child : {std::size_t{node.left}, std::size_t{node.left} + 1}) {
      if (depth[child] != unreached) refuse(child, "has two parents");
      depth[child] = depth[i] + 1;
    }
  }
  return deepest;
}

}  // namespace detail

namespace batch {

inline tree_node tree_node::leaf(std::uint32_t index, float value) noexcept {
  tree_node out;
  out.threshold = std::numeric_limits<float>::quiet_NaN();  // no x is at or above it: a walk stays
  out.left = index;
  out.value = value;
  return out;
}

inline tree_node tree_node::inner(std::uint32_t feature, float threshold, bool missing_right, std::uint32_t left,
                                  float gain) noexcept {
  TANDEM_ASSERT(feature < detail::max_tree_features);
  tree_node out;
  out.threshold = threshold;
  out.left = left;
  out.feature = feature & 0x7fffffffU;
  out.missing_right = missing_right ? 1 : 0;
  out.value = gain;
  return out;
}

inline boosted_trees boosted_trees::from_nodes(std::vector<tree_node> nodes, std::vector<std::uint32_t> tree_sizes,
                                               std::size_t n_features, tree_loss loss, double base,
                                               std::vector<double> validation_losses) {
  if (n_features > detail::max_tree_features) {
    throw error(errc::invalid_argument, "must lie in [0, 2^26]", {{}, 0, "n_features"});
  }
  if (!std::isfinite(base)) throw error(errc::not_finite, "must be finite", {{}, 0, "base"});
  boosted_trees out;
  out.importances_.resize(n_features);
  std::size_t first = 0;
  for (const std::uint32_t size : tree_sizes) {
    if (size == 0 || size > nodes.size() - first) {
      throw error(errc::invalid_argument, "must be at least 1 each, and together the number of nodes",
                  {{}, 0, "tree_sizes"});
    }
    const std::span<const tree_node> tree(nodes.data() + first, size);
    out.tree_depths_.push_back(detail::checked_depth(tree, n_features));
    for (std::size_t i = 0; i < size; ++i) {
      if (tree[i].left != i) out.importances_[tree[i].feature] += static_cast<double>(tree[i].value);
    }
    first += size;
  }
  if (first != nodes.size()) {
    throw error(errc::invalid_argument, "must add up to the number of nodes", {{}, 0, "tree_sizes"});
  }
  out.nodes_ = std::move(nodes);
  out.tree_sizes_ = std::move(tree_sizes);
  out.validation_losses_ = std::move(validation_losses);
  out.base_ = base;
  out.loss_ = loss;
  return out;
}

inline float boosted_trees::margin(std::span<const float> row, double start) const noexcept {
  TANDEM_ASSERT(row.size() == n_features());
  double sum = base_ + start;
  const tree_node* tree = nodes_.data();
  for (std::size_t first = 0; first < n_trees(); first += detail::tree_lanes) {
    const std::size_t count = std::min(detail::tree_lanes, n_trees() - first);
    std::array<const tree_node*, detail::tree_lanes> roots{};
    std::array<std::uint32_t, detail::tree_lanes> at{};
    std::uint32_t depth = 0;
    for (std::size_t lane = 0; lane < detail::tree_lanes; ++lane) {
      roots[lane] = tree;  // a lane without a tree of its own walks the last one
      if (lane >= count) continue;
      depth = std::max(depth, tree_depths_[first + lane]);
      if (lane + 1 < count) tree += tree_sizes_[first + lane];
    }
    tree += tree_sizes_[first + count - 1];
    for (std::uint32_t d = 0; d < depth; ++d) {
      for (std::size_t lane = 0; lane < detail::tree_lanes; ++lane) {
        const tree_node& node = roots[lane][at[lane]];
        at[lane] = detail::step_down<true>(node, row[node.feature]);
      }
    }
    for (std::size_t lane = 0; lane < count; ++lane) sum += static_cast<double>(roots[lane][at[lane]].value);
  }
  return static_cast<float>(sum);
}

inline float boosted_trees::predict(std::span<const float> row, double start) const noexcept {
  const float m = margin(row, start);
  return loss_ == tree_loss::logistic ? static_cast<float>(detail::logistic(static_cast<double>(m))) : m;
}

inline void boosted_trees::margins(const feature_matrix& rows, std::span<float> out, std::span<const float> starts,
                                   executor_ref executor) const {
  if (rows.n_features != n_features() || rows.values.size() != out.size() * n_features()) {
    throw error(errc::invalid_argument,
                "must be " + std::to_string(out.size()) + " rows of " + std::to_string(n_features()) + " features",
                {{}, 0, "rows"});
  }
  if (!starts.empty() && starts.size() != out.size()) {
    throw error(errc::invalid_argument, "must be one a row, or none", {{}, 0, "starts"});
  }
  constexpr std::size_t block = detail::tree_block_rows;
  constexpr std::size_t blocks_a_task = 16;
  const std::size_t n_blocks = (out.size() + block - 1) / block;
  executor.parallel_for((n_blocks + blocks_a_task - 1) / blocks_a_task, [&](std::size_t task) {
    detail::transposed_block features(n_features());
    for (std::size_t b = task * blocks_a_task; b < std::min(n_blocks, (task + 1) * blocks_a_task); ++b) {
      const std::size_t first = b * block;
      const std::size_t count = std::min(block, out.size() - first);
      features.load(rows, first, count);
      std::array<double, block> sums;
      for (std::size_t r = 0; r < block; ++r) {
        sums[r] = base_ + (r < count && !starts.empty() ? static_cast<double>(starts[first + r]) : 0.0);
      }
      const tree_node* tree = nodes_.data();
      for (std::size_t t = 0; t < n_trees(); ++t) {
        const auto add = features.has_missing() ? detail::add_tree<true> : detail::add_tree<false>;
        add(tree, tree_depths_[t], features.data(), count, sums.data());
        tree += tree_sizes_[t];
      }
      for (std::size_t r = 0; r < count; ++r) out[first + r] = static_cast<float>(sums[r]);
    }
  });
}

inline void boosted_trees::predict(const feature_matrix& rows, std::span<float> out, std::span<const float> starts,
                                   executor_ref executor) const {
  margins(rows, out, starts, executor);
  if (loss_ != tree_loss::logistic) return;
  for (float& each : out) each = static_cast<float>(detail::logistic(static_cast<double>(each)));
}

}  // namespace batch
TANDEM_END
