#pragma once
// Bodies of batch/segment_tree.hpp.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/segment_tree.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/gini_split.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/detail/segment_rules.hpp"

TANDEM_BEGIN
namespace batch {

inline void segment_tree_options::validate() const {
  detail::require(max_depth >= 1 && max_depth <= 4, "max_depth", "[1, 4]");
  detail::require(min_leaf >= 1 && min_leaf < (std::size_t{1} << 31), "min_leaf", "[1, 2^31)");
  detail::require(folds == 0 || (folds >= 2 && folds <= 100), "folds", "[2, 100], or be 0");
}

inline segment_index segment_tree::predict(std::span<const float> features) const noexcept {
  TANDEM_ASSERT(features.size() == n_features_);
  return nodes_[detail::leaf_of(nodes_, features)].segment;
}

}  // namespace batch

namespace detail {

/// Users with a segment, and what is known of them.
struct labelled_users {
  std::span<const float> features;  // all users' rows
  std::size_t n_features = 0;
  std::vector<std::uint32_t> labels;  // one a user of the matrix
  std::size_t n_labels = 0;
  [[nodiscard]] float value(std::uint32_t user, std::size_t feature) const noexcept {
    return features[user * n_features + feature];
  }
  [[nodiscard]] std::span<const float> of(std::uint32_t user) const noexcept {
    return features.subspan(user * n_features, n_features);
  }
};

class rule_grower {
 public:
  using node = batch::segment_tree::node;

  rule_grower(const labelled_users& users, const batch::segment_tree_options& options, executor_ref executor)
      : users_(users), options_(options), executor_(executor) {}

  [[nodiscard]] std::vector<node> grow(std::vector<std::uint32_t> rows) {
    nodes_.assign(1, {});
    grow_node(0, std::move(rows), 0);
    return std::move(nodes_);
  }

 private:
  void grow_node(std::uint32_t at, std::vector<std::uint32_t> rows, std::size_t depth) {
    const double purity = describe(nodes_[at], rows);
    if (depth == options_.max_depth || nodes_[at].hits == rows.size()) return;
    if (!split(nodes_[at], rows, purity)) return;
    const node from = nodes_[at];
    const auto goes_left = [&](std::uint32_t r) { return is_left(from, users_.of(r)); };
    const auto middle = std::stable_partition(rows.begin(), rows.end(), goes_left);
    std::vector<std::uint32_t> right_rows(middle, rows.end());
    rows.erase(middle, rows.end());
    const auto left = static_cast<std::uint32_t>(nodes_.size());
    nodes_[at].left = left;
    nodes_[at].right = left + 1;
    nodes_.resize(nodes_.size() + 2);
    grow_node(left, std::move(rows), depth + 1);
    grow_node(left + 1, std::move(right_rows), depth + 1);
    const node& a = nodes_[left];
    const node& b = nodes_[left + 1];
    if (a.is_leaf() && b.is_leaf() && a.segment == b.segment) {  // two rules that say the same
      nodes_.resize(left);
      nodes_[at].left = nodes_[at].right = 0;
    }
  }

  [[nodiscard]] double describe(node& to, std::span<const std::uint32_t> rows) const {
    label_counts labels(users_.n_labels);
    for (const std::uint32_t r : rows) labels.add(users_.labels[r]);
    const auto most = std::max_element(labels.count.begin(), labels.count.end());
    to.segment = batch::segment_index{static_cast<std::uint32_t>(most - labels.count.begin())};
    to.users = rows.size();
    to.hits = static_cast<std::size_t>(*most);
    return labels.purity();
  }

  [[nodiscard]] bool split(node& to, std::span<const std::uint32_t> rows, double purity) const {
    std::vector<gini_split> splits(users_.n_features);
    executor_.parallel_for(splits.size(), [&](std::size_t f) {
      const auto value = [&](std::uint32_t r) { return users_.value(r, f); };
      splits[f] = gini_sweep(rows, users_.labels, users_.n_labels, options_.min_leaf, value).best();
    });
    std::size_t best = 0;
    for (std::size_t f = 1; f < splits.size(); ++f) {
      if (splits[f].purity > splits[best].purity) best = f;
    }
    if (!(splits[best].purity > purity * (1 + 1e-12))) return false;
    to.feature = static_cast<std::uint32_t>(best);
    to.threshold = splits[best].threshold;
    to.missing_left = splits[best].missing_left;
    return true;
  }

  const labelled_users& users_;
  const batch::segment_tree_options& options_;
  executor_ref executor_;
  std::vector<node> nodes_;
};

[[nodiscard]] inline std::size_t count_hits(std::span<const batch::segment_tree::node> nodes,
                                            const labelled_users& users, std::span<const std::uint32_t> rows) noexcept {
  std::size_t hits = 0;
  for (const std::uint32_t r : rows) {
    hits += slot(nodes[leaf_of(nodes, users.of(r))].segment) == users.labels[r] ? 1U : 0U;
  }
  return hits;
}

/// Users put right by trees grown without their part.
template <class Between>
std::size_t cross_validated_hits(const labelled_users& users, std::span<const std::uint32_t> rows,
                                 const batch::segment_tree_options& options, executor_ref executor,
                                 const Between& between) {
  std::size_t hits = 0;
  for (std::size_t fold = 0; fold < options.folds; ++fold) {
    between();
    std::vector<std::uint32_t> learned;
    std::vector<std::uint32_t> asked;
    for (const std::uint32_t r : rows) {
      (random_stream(options.seed, r).below(options.folds) == fold ? asked : learned).push_back(r);
    }
    const auto nodes = rule_grower(users, options, executor).grow(std::move(learned));
    hits += count_hits(nodes, users, asked);
  }
  return hits;
}

inline void require_features(const batch::segmentation& segments, std::span<const float> features,
                             std::span<const std::string> names) {
  if (names.empty()) {
    throw error(errc::invalid_argument, "there are no features to explain segments by", {{}, 0, "names"},
                "name at least one column");
  }
  if (features.size() != segments.n_users() * names.size()) {
    throw error(errc::invalid_argument,
                "has " + std::to_string(features.size()) + " values, not " + std::to_string(segments.n_users()) +
                    " users x " + std::to_string(names.size()) + " names",
                {{}, 0, "features"});
  }
  for (std::size_t j = 0; j < features.size(); ++j) {
    if (std::isinf(features[j])) {
      throw error(errc::not_finite,
                  "user " + std::to_string(j / names.size()) + " has an infinite " + names[j % names.size()],
                  {{}, 0, "features"}, "use NaN for what is not known");
    }
  }
  if (segments.n_assigned() == 0) {
    throw error(errc::invalid_argument, "no user is in a segment", {{}, 0, "segments"});
  }
}

}  // namespace detail

namespace batch {

struct segment_tree_access {
  static void fill(segment_tree& tree, std::vector<segment_tree::node> nodes, std::vector<segment_rule> rules,
                   std::size_t n_features, double accuracy) {
    std::size_t hits = 0;
    for (const segment_tree::node& each : nodes) hits += each.is_leaf() ? each.hits : 0;
    const auto n = static_cast<double>(nodes[0].users);
    tree.n_features_ = n_features;
    tree.fitted_accuracy_ = static_cast<double>(hits) / n;
    tree.baseline_ = static_cast<double>(nodes[0].hits) / n;
    tree.accuracy_ = accuracy >= 0 ? accuracy : tree.fitted_accuracy_;
    tree.nodes_ = std::move(nodes);
    tree.rules_ = std::move(rules);
  }
};

inline segment_tree explain_segments(const segmentation& segments, std::span<const float> features,
                                     std::span<const std::string> names, const segment_tree_options& options,
                                     executor_ref executor, const progress& report) {
  options.validate();
  detail::require_features(segments, features, names);
  detail::labelled_users users{features, names.size(), std::vector<std::uint32_t>(segments.n_users()),
                               segments.count()};
  std::vector<std::uint32_t> rows;
  for (std::uint32_t u = 0; u < segments.n_users(); ++u) {
    const segment_index in = segments.segment_of(user_index{u});
    if (in == no_id<segment_index>) continue;
    users.labels[u] = raw(in);
    rows.push_back(u);
  }
  std::size_t grown = 0;
  const auto ask = [&] { report_progress(report, {"segment tree", grown++, options.folds + 1}); };
  double accuracy = -1;
  if (options.folds > 0) {
    accuracy = static_cast<double>(detail::cross_validated_hits(users, rows, options, executor, ask)) /
               static_cast<double>(rows.size());
  }
  ask();
  std::vector<bool> has_missing(names.size());
  for (const std::uint32_t r : rows) {
    for (std::size_t f = 0; f < names.size(); ++f) has_missing[f] = has_missing[f] || std::isnan(users.value(r, f));
  }
  auto nodes = detail::rule_grower(users, options, executor).grow(std::move(rows));
  auto rules = detail::rules_of(nodes, names, has_missing);
  segment_tree out;
  segment_tree_access::fill(out, std::move(nodes), std::move(rules), names.size(), accuracy);
  return out;
}

}  // namespace batch
TANDEM_END
