#pragma once
// Grows one tree: open nodes are split batch by batch, rows move to their child, only the smaller child is summed.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "tandem/batch/boosted_trees.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/boosted_trees_bins.hpp"
#include "tandem/detail/boosted_trees_histogram.hpp"
#include "tandem/detail/boosted_trees_split.hpp"

TANDEM_BEGIN
namespace detail {

/// A tree, and for its inner nodes the bin of each threshold, so that it can be walked over bins too.
struct grown_tree {
  std::vector<batch::tree_node> nodes;
  std::vector<std::uint8_t> split_bins;

  /// The value of the leaf that a row of bins falls into.
  [[nodiscard]] double value(const feature_bins& bins, const std::uint8_t* row) const noexcept {
    std::uint32_t at = 0;
    while (nodes[at].left != at) {
      const batch::tree_node& node = nodes[at];
      const std::size_t bin = row[node.feature];
      const bool missing = bin + 1 == bins.n_bins(node.feature);
      at = node.left + static_cast<std::uint32_t>(missing ? node.missing_right != 0 : bin > split_bins[at]);
    }
    return static_cast<double>(nodes[at].value);
  }
};

/// `count` of the numbers given, ascending, drawn without replacement.
[[nodiscard]] inline std::vector<std::uint32_t> drawn(std::vector<std::uint32_t> from, float share,
                                                      random_stream random) {
  const auto wanted = static_cast<std::size_t>(static_cast<double>(share) * static_cast<double>(from.size()) + 0.5);
  const std::size_t count = std::clamp<std::size_t>(wanted, from.empty() ? 0 : 1, from.size());
  if (count == from.size()) return from;
  for (std::size_t i = 0; i < count; ++i) std::swap(from[i], from[i + random.below(from.size() - i)]);
  from.resize(count);
  std::sort(from.begin(), from.end());
  return from;
}

/// Grows trees on the same binned rows, one after another.
class tree_grower {
 public:
  tree_grower(const binned_rows& rows, const feature_bins& bins, const batch::boosted_trees_options& options,
              executor_ref executor)
      : rows_(rows), bins_(bins), options_(options), executor_(executor), all_features_(bins.n_features()) {
    std::iota(all_features_.begin(), all_features_.end(), 0U);
  }

  /// Grows tree number `round` on the rows given (at least one), and adds the value of its leaf to each row's margin.
  /// @param gradients,margins  one for each of the binned rows.
  grown_tree grow(std::size_t round, std::span<const std::uint32_t> rows, std::span<const row_gradient> gradients,
                  const gradient_units& units, std::span<double> margins) {
    begin_tree(round, rows, gradients, units);
    std::vector<std::unique_ptr<open_node>> batch;
    while (!open_.empty()) {
      take_batch(batch);
      move_rows(batch);
      std::vector<node_pair> pairs = split_nodes(batch);
      search_pairs(pairs);
      for (node_pair& pair : pairs) close_or_open(pair);
    }
    for (const std::unique_ptr<open_node>& leaf : leaves_) add_leaf(*leaf, margins);
    leaves_.clear();
    return std::move(tree_);
  }

 private:
  /// A node that may be split: its rows stand at [begin, end) of one of the two orders.
  struct open_node {
    std::uint32_t id = 0;
    std::size_t depth = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t side = 0;
    gradient_sum sum{};
    tree_split split{};
    std::unique_ptr<histogram_pool::histogram> histogram{};

    [[nodiscard]] std::size_t n_rows() const noexcept { return end - begin; }
  };
  /// Two children of one node. Only the smaller is summed over rows; the larger takes the parent's histogram and
  /// subtracts. Without a histogram: neither can be split.
  struct node_pair {
    std::unique_ptr<open_node> smaller;
    std::unique_ptr<open_node> larger;
    std::vector<std::unique_ptr<histogram_pool::histogram>> parts{};  // of the smaller child, beside its own
  };
  struct feature_range {
    std::size_t first;
    std::size_t last;
  };

  static constexpr std::size_t batch_nodes = 32;  // with a stack, at most this many histograms a level are alive
  static constexpr std::size_t features_a_search = 8;
  static constexpr std::size_t cells_a_tile = 16384;  // 256 KB: half of a usual second-level cache
  static constexpr std::size_t rows_a_task = 32768;   // of rows moved
  static constexpr std::size_t rows_a_part = 8192;  // of rows summed: a histogram beside the first costs less than 10 %

  void begin_tree(std::size_t round, std::span<const std::uint32_t> rows, std::span<const row_gradient> gradients,
                  const gradient_units& units) {
    gradients_ = gradients;
    rules_ = {static_cast<double>(options_.lambda), static_cast<double>(options_.gamma),
              static_cast<double>(options_.min_child_weight), units};
    tree_seed_ = mix64(mix64(options_.seed) ^ round);
    layout_ = histogram_layout::of(drawn(all_features_, options_.feature_share, random_stream(tree_seed_, 0)), bins_);
    features_at_.clear();
    tree_ = {};
    tree_.nodes.resize(1);
    tree_.split_bins.resize(1);
    order_[0].assign(rows.begin(), rows.end());
    order_[1].resize(rows.size());
    auto root = std::make_unique<open_node>();
    root->end = rows.size();
    n_leaves_ = 1;
    std::vector<node_pair> pairs(1);
    root->histogram = pool_.take(layout_.n_cells());
    pairs[0].smaller = std::move(root);
    search_pairs(pairs);
    close_or_open(pairs[0]);
  }

  /// The nodes to split next: level by level as many as there are, or the one of greatest gain.
  void take_batch(std::vector<std::unique_ptr<open_node>>& batch) {
    batch.clear();
    if (options_.max_leaves == 0) {
      const std::size_t count = std::min(batch_nodes, open_.size());
      const auto from = open_.end() - static_cast<std::ptrdiff_t>(count);
      std::move(from, open_.end(), std::back_inserter(batch));
      open_.erase(from, open_.end());
      return;
    }
    const auto best = std::max_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) {
      return a->split.gain != b->split.gain ? a->split.gain < b->split.gain : a->id > b->id;
    });
    batch.push_back(std::move(*best));
    open_.erase(best);
    if (++n_leaves_ == options_.max_leaves) {
      for (std::unique_ptr<open_node>& each : open_) close(std::move(each));
      open_.clear();
    }
  }

  /// Moves the rows of split nodes to the other order: those that go left from the front, the others from the back.
  void move_rows(const std::vector<std::unique_ptr<open_node>>& batch) {
    struct piece_of_rows {
      const open_node* node;
      std::size_t first, last;  // of the node's rows
      std::size_t left, right;  // where they go: forward from left, backward from right
    };
    std::vector<piece_of_rows> parts;
    for (const std::unique_ptr<open_node>& node : batch) {
      const bool whole = executor_.concurrency() == 1 || node->n_rows() < 2 * rows_a_task;
      const std::size_t step = whole ? node->n_rows() : rows_a_task;
      for (std::size_t first = node->begin; first < node->end; first += step) {
        parts.push_back({node.get(), first, std::min(node->end, first + step), 0, 0});
      }
    }
    middles_.assign(tree_.nodes.size(), 0);
    if (parts.size() > batch.size()) {
      executor_.parallel_for(parts.size(), [&](std::size_t p) {
        if (parts[p].last - parts[p].first < parts[p].node->n_rows()) {
          parts[p].left = count_left(*parts[p].node, parts[p].first, parts[p].last);
        }
      });
    }
    std::size_t lefts = 0;
    for (piece_of_rows& each : parts) {  // counts to places
      if (each.first == each.node->begin) lefts = 0;
      const std::size_t count = each.left;
      each.left = each.node->begin + lefts;
      each.right = each.node->end - (each.first - each.node->begin - lefts);
      lefts += count;
    }
    executor_.parallel_for(parts.size(), [&](std::size_t p) {
      const piece_of_rows& each = parts[p];
      const std::size_t end = scatter(*each.node, each.first, each.last, each.left, each.right);
      if (each.last == each.node->end) middles_[each.node->id] = end;
    });
  }

  /// Whether a row goes left, as a number.
  struct left_test {
    const std::uint8_t* bins;
    std::uint32_t last_left;
    std::uint32_t also_left;  // the missing bin, or none

    [[nodiscard]] std::size_t operator()(std::uint32_t row) const noexcept {
      const std::uint32_t bin = bins[row];
      return static_cast<std::size_t>((bin <= last_left) | (bin == also_left));
    }
  };
  [[nodiscard]] left_test test_of(const tree_split& split) const noexcept {
    const auto missing_bin = static_cast<std::uint32_t>(bins_.n_bins(split.feature) - 1);
    return {rows_.feature(split.feature), split.bin, split.missing_right ? 256 : missing_bin};
  }

  [[nodiscard]] std::size_t count_left(const open_node& node, std::size_t first, std::size_t last) const noexcept {
    const left_test goes_left = test_of(node.split);
    std::size_t count = 0;
    for (std::size_t i = first; i < last; ++i) count += goes_left(order_[node.side][i]);
    return count;
  }

  /// Returns the place after the last row that went left.
  std::size_t scatter(const open_node& node, std::size_t first, std::size_t last, std::size_t left, std::size_t right) {
    constexpr std::size_t ahead = 16;
    const left_test goes_left = test_of(node.split);
    const std::uint32_t* from = order_[node.side].data();
    std::uint32_t* to = order_[1 - node.side].data();
    for (std::size_t i = first; i < last; ++i) {
      prefetch(goes_left.bins + from[std::min(i + ahead, last - 1)]);
      const std::uint32_t row = from[i];
      const std::size_t is_left = goes_left(row);
      to[is_left != 0 ? left : right - 1] = row;
      left += is_left;
      right -= 1 - is_left;
    }
    return left;
  }

  /// Makes the children of nodes whose rows have moved.
  std::vector<node_pair> split_nodes(std::vector<std::unique_ptr<open_node>>& batch) {
    std::vector<node_pair> pairs;
    for (std::unique_ptr<open_node>& node : batch) {
      const auto left_id = static_cast<std::uint32_t>(tree_.nodes.size());
      tree_.nodes.resize(left_id + 2);
      tree_.split_bins.resize(left_id + 2);
      const tree_split& split = node->split;
      const std::span<const float> cuts = bins_.cuts(split.feature);
      const float threshold = split.bin < cuts.size() ? cuts[split.bin] : std::numeric_limits<float>::infinity();
      constexpr double most = std::numeric_limits<float>::max();  // gains are squares: they leave float32 first
      tree_.nodes[node->id] = batch::tree_node::inner(split.feature, threshold, split.missing_right, left_id,
                                                      static_cast<float>(std::min(split.gain, most)));
      tree_.split_bins[node->id] = static_cast<std::uint8_t>(split.bin);

      const std::size_t middle = middles_[node->id];
      auto left = std::make_unique<open_node>();
      left->id = left_id;
      left->depth = node->depth + 1;
      left->begin = node->begin;
      left->end = middle;
      left->side = 1 - node->side;
      left->sum = split.left;
      auto right = std::make_unique<open_node>();
      right->id = left_id + 1;
      right->depth = node->depth + 1;
      right->begin = middle;
      right->end = node->end;
      right->side = 1 - node->side;
      right->sum = node->sum - split.left;
      if (left->n_rows() > right->n_rows()) std::swap(left, right);
      if (may_split(*left) || may_split(*right)) {
        left->histogram = pool_.take(layout_.n_cells());
        right->histogram = std::move(node->histogram);
      } else {
        pool_.give_back(std::move(node->histogram));
      }
      pairs.push_back({std::move(left), std::move(right), {}});
    }
    return pairs;
  }

  [[nodiscard]] bool may_split(const open_node& node) const noexcept {
    return node.depth < options_.max_depth && node.n_rows() > 1 && rules_.can_split(node.sum) &&
           (options_.max_leaves == 0 || n_leaves_ < options_.max_leaves);
  }

  /// A part of a node's rows summed over a range of features: into the node's own histogram, or into one beside it.
  struct build_task {
    std::span<const std::uint32_t> rows;
    feature_range features;
    gradient_sum* cells;
  };
  struct search_task {
    node_pair* pair;
    feature_range features;
    tree_split smaller{}, larger{};
  };

  /// Fills the histograms of pairs that have them and finds each node's best split.
  void search_pairs(std::vector<node_pair>& pairs) {
    const std::vector<build_task> builds = plan_builds(pairs);
    executor_.parallel_for(builds.size(), [&](std::size_t t) {
      const build_task& each = builds[t];
      build_histogram(rows_, each.rows, gradients_.data(), layout_, each.features.first, each.features.last,
                      each.cells);
    });
    std::vector<search_task> searches = plan_searches(pairs);
    executor_.parallel_for(searches.size(), [&](std::size_t t) { add_parts(searches[t]); });
    if (!pairs.empty() && !pairs[0].larger) sum_root(*pairs[0].smaller);
    executor_.parallel_for(searches.size(), [&](std::size_t t) {
      search_task& each = searches[t];
      each.smaller = best_split(*each.pair->smaller, each.features);
      if (each.pair->larger) each.larger = best_split(*each.pair->larger, each.features);
    });
    for (const search_task& each : searches) {  // features ascend, so that the smaller wins a tie
      open_node& smaller = *each.pair->smaller;
      open_node* larger = each.pair->larger.get();
      if (each.smaller.gain > smaller.split.gain) smaller.split = each.smaller;
      if (larger != nullptr && each.larger.gain > larger->split.gain) larger->split = each.larger;
    }
    for (node_pair& pair : pairs) {
      for (std::unique_ptr<histogram_pool::histogram>& part : pair.parts) pool_.give_back(std::move(part));
      pair.parts.clear();
    }
  }

  /// Features in ranges whose cells fit the cache; rows in as many parts as keep the threads busy. How rows are cut
  /// does not show in the sums.
  [[nodiscard]] std::vector<build_task> plan_builds(std::vector<node_pair>& pairs) {
    const auto n_built = static_cast<std::size_t>(std::count_if(
        pairs.begin(), pairs.end(), [](const node_pair& pair) { return pair.smaller->histogram != nullptr; }));
    const std::size_t n_tiles = std::min(layout_.size(), (layout_.n_cells() + cells_a_tile - 1) / cells_a_tile);
    const std::size_t threads = executor_.concurrency();
    std::vector<build_task> out;
    for (node_pair& pair : pairs) {
      if (!pair.smaller->histogram) continue;
      const std::span<const std::uint32_t> rows = rows_of(*pair.smaller);
      const std::size_t useful = threads == 1 ? 1 : (2 * threads + n_built - 1) / n_built;
      const std::size_t n_parts = std::max<std::size_t>(1, std::min(useful, rows.size() / rows_a_part));
      for (std::size_t p = 0; p < n_parts; ++p) {
        if (p > 0) pair.parts.push_back(pool_.take(layout_.n_cells()));
        gradient_sum* cells = (p == 0 ? pair.smaller->histogram : pair.parts.back())->data();
        const std::size_t first = p * rows.size() / n_parts;
        const std::size_t count = (p + 1) * rows.size() / n_parts - first;
        for (std::size_t i = 0; i < n_tiles; ++i) {
          const feature_range tile{i * layout_.size() / n_tiles, (i + 1) * layout_.size() / n_tiles};
          out.push_back({rows.subspan(first, count), tile, cells});
        }
      }
    }
    return out;
  }

  [[nodiscard]] std::vector<search_task> plan_searches(std::vector<node_pair>& pairs) {
    std::vector<search_task> out;
    for (node_pair& pair : pairs) {
      if (!pair.smaller->histogram) continue;
      draw_features(pair.smaller->depth);
      for (std::size_t first = 0; first < layout_.size(); first += features_a_search) {
        out.push_back({&pair, {first, std::min(layout_.size(), first + features_a_search)}});
      }
    }
    return out;
  }

  /// Completes the histograms of a pair: the smaller child's from its parts, the larger's from its parent's.
  void add_parts(const search_task& task) const noexcept {
    const std::uint32_t begin = layout_.begins[task.features.first];
    const std::uint32_t end = layout_.begins[task.features.last];
    gradient_sum* smaller = task.pair->smaller->histogram->data();
    for (const std::unique_ptr<histogram_pool::histogram>& part : task.pair->parts) {
      for (std::uint32_t c = begin; c < end; ++c) smaller[c] = smaller[c] + (*part)[c];
    }
    if (!task.pair->larger) return;
    gradient_sum* larger = task.pair->larger->histogram->data();
    for (std::uint32_t c = begin; c < end; ++c) larger[c] = larger[c] - smaller[c];
  }

  [[nodiscard]] std::span<const std::uint32_t> rows_of(const open_node& node) const noexcept {
    return std::span(order_[node.side]).subspan(node.begin, node.n_rows());
  }

  void sum_root(open_node& root) const noexcept {
    for (std::uint32_t c = 0; c < layout_.begins[1]; ++c) root.sum = root.sum + (*root.histogram)[c];
  }

  /// Draws the features of a level when it is first reached.
  void draw_features(std::size_t depth) {
    while (features_at_.size() <= depth) {
      std::vector<std::uint32_t> indices(layout_.size());
      std::iota(indices.begin(), indices.end(), 0U);
      features_at_.push_back(
          drawn(indices, options_.level_feature_share, random_stream(tree_seed_, 1 + features_at_.size())));
    }
  }

  [[nodiscard]] tree_split best_split(const open_node& node, const feature_range& features) const noexcept {
    if (!may_split(node)) return {};
    split_search search(node.sum, rules_);
    const std::vector<std::uint32_t>& drawn_here = features_at_[node.depth];
    const auto from = std::lower_bound(drawn_here.begin(), drawn_here.end(), features.first);
    for (auto index = from; index != drawn_here.end() && *index < features.last; ++index) {
      const std::uint32_t begin = layout_.begins[*index];
      search.scan(layout_.features[*index], node.histogram->data() + begin, layout_.begins[*index + 1] - begin);
    }
    return search.best();
  }

  void close_or_open(node_pair& pair) {
    for (std::unique_ptr<open_node>* node : {&pair.smaller, &pair.larger}) {
      if (!*node) continue;
      if ((*node)->split.exists()) {
        open_.push_back(std::move(*node));
      } else {
        close(std::move(*node));
      }
    }
  }

  void close(std::unique_ptr<open_node> node) {
    pool_.give_back(std::move(node->histogram));
    const double exact = static_cast<double>(options_.eta) * rules_.step(node->sum);
    if (!(std::abs(exact) <= std::numeric_limits<float>::max())) refuse_range("values");
    const auto value = static_cast<float>(exact);
    tree_.nodes[node->id] = batch::tree_node::leaf(node->id, value);
    leaves_.push_back(std::move(node));
  }

  void add_leaf(const open_node& leaf, std::span<double> margins) const noexcept {
    const auto value = static_cast<double>(tree_.nodes[leaf.id].value);
    for (const std::uint32_t row : rows_of(leaf)) margins[row] += value;
  }

  const binned_rows& rows_;
  const feature_bins& bins_;
  const batch::boosted_trees_options& options_;
  executor_ref executor_;
  std::vector<std::uint32_t> all_features_;
  histogram_pool pool_;

  // the tree being grown
  std::span<const row_gradient> gradients_;
  split_rules rules_;
  std::uint64_t tree_seed_ = 0;
  histogram_layout layout_;
  std::vector<std::vector<std::uint32_t>> features_at_;  // indices into the layout, by depth
  std::array<std::vector<std::uint32_t>, 2> order_;
  std::vector<std::size_t> middles_;  // by node: where its right child's rows begin
  std::vector<std::unique_ptr<open_node>> open_;
  std::vector<std::unique_ptr<open_node>> leaves_;
  std::size_t n_leaves_ = 0;
  grown_tree tree_;
};

}  // namespace detail
TANDEM_END
