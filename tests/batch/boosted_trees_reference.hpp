#pragma once
// Boosting by brute force, in double: every split of every node, by its definition. For small data.

#include <cmath>
#include <limits>
#include <set>
#include <span>
#include <vector>

#include "tandem/batch/boosted_trees.hpp"

namespace reference {

using tandem::batch::boosted_trees_options;
using tandem::batch::feature_matrix;
using tandem::batch::tree_node;

/// One tree on gradients g and curvatures h, depth first; nodes in order of creation, as value or split.
class exact_tree {
 public:
  exact_tree(const feature_matrix& rows, std::span<const double> g, std::span<const double> h,
             const boosted_trees_options& options)
      : rows_(rows), g_(g), h_(h), options_(options), margins_(rows.n_rows()) {
    std::vector<std::size_t> all(rows.n_rows());
    for (std::size_t r = 0; r < all.size(); ++r) all[r] = r;
    split(all, 0);
  }

  [[nodiscard]] const std::vector<double>& margins() const { return margins_; }
  [[nodiscard]] std::size_t n_leaves() const { return n_leaves_; }
  [[nodiscard]] double total_gain() const { return total_gain_; }

 private:
  struct cut {
    double gain = 0;
    std::vector<std::size_t> left, right;
  };

  [[nodiscard]] double sum(std::span<const double> of, const std::vector<std::size_t>& rows) const {
    double out = 0;
    for (const std::size_t r : rows) out += of[r];
    return out;
  }
  [[nodiscard]] double score(const std::vector<std::size_t>& rows) const {
    const double g = sum(g_, rows);
    const double d = sum(h_, rows) + static_cast<double>(options_.lambda);
    return d > 0 ? g * g / d : 0;
  }

  void offer(cut& best, cut tried, double parent) const {
    const auto least = static_cast<double>(options_.min_child_weight);
    const double hl = sum(h_, tried.left);
    const double hr = sum(h_, tried.right);
    if (tried.left.empty() || tried.right.empty() || hl <= 0 || hr <= 0 || hl < least || hr < least) return;
    tried.gain = score(tried.left) + score(tried.right) - parent;
    const double noise = 1e-7 * (1 + parent);  // a tie is no improvement
    if (tried.gain > best.gain + noise && tried.gain > static_cast<double>(options_.gamma) + noise) {
      best = std::move(tried);
    }
  }

  [[nodiscard]] cut best_cut(const std::vector<std::size_t>& rows) const {
    cut best;
    const double parent = score(rows);
    for (std::size_t f = 0; f < rows_.n_features; ++f) {
      std::set<float> values;
      for (const std::size_t r : rows) {
        if (!std::isnan(rows_.row(r)[f])) values.insert(rows_.row(r)[f]);
      }
      for (const float last : values) {
        for (const bool missing_left : {false, true}) {
          cut tried;
          for (const std::size_t r : rows) {
            const float x = rows_.row(r)[f];
            ((std::isnan(x) ? missing_left : x <= last) ? tried.left : tried.right).push_back(r);
          }
          offer(best, std::move(tried), parent);
        }
      }
    }
    return best;
  }

  void split(const std::vector<std::size_t>& rows, std::size_t depth) {
    const cut best = depth < options_.max_depth ? best_cut(rows) : cut{};
    if (best.gain > 0) {
      total_gain_ += best.gain;
      split(best.left, depth + 1);
      split(best.right, depth + 1);
      return;
    }
    ++n_leaves_;
    const double d = sum(h_, rows) + static_cast<double>(options_.lambda);
    const double value = d > 0 ? -static_cast<double>(options_.eta) * sum(g_, rows) / d : 0;
    for (const std::size_t r : rows) margins_[r] = value;
  }

  feature_matrix rows_;
  std::span<const double> g_;
  std::span<const double> h_;
  const boosted_trees_options& options_;
  std::vector<double> margins_;
  std::size_t n_leaves_ = 0;
  double total_gain_ = 0;
};

}  // namespace reference
