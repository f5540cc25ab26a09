#pragma once
// A ranker orders the best of the blend anew: boosted trees over what every source says, fitted to the latest choices.
//
// The blend is linear in what the sources say. Trees on top of it find where it should not be: what one source says
// when another is silent, how far a candidate is behind the best of each source, what differs by length of history.
// P(c) = softmax of (blend's score + trees) over the candidates, by batch/boosted_trees.hpp with the blend as base
// margin; candidates that were drawn stand for those left (log-offset, as for sampled softmax). 100 trees of depth 4,
// eta .05, lambda 10, at least 4 units of h in a leaf, half of the features a tree, 64 bins: chosen on three real logs
// and an invented one (docs/study.md).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/boosted_trees.hpp"
#include "tandem/core/binary.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/hybrid/choice_log.hpp"
#include "tandem/hybrid/slate.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Options of a ranker. choices = 0: none is fitted, and nothing is kept for it.
struct ranker_options {
  /// The latest choices that trees are fitted to. Range [0, 10^6].
  std::size_t choices = 8000;
  /// Candidates kept of a choice beside the one taken. Range [2, 65536].
  std::size_t others = 40;
  /// The best candidates of the blend that trees judge; the others keep the blend's score. Range [2, 65536].
  std::size_t depth = 50;

  /// Errors: invalid_argument, naming the option.
  void validate() const {
    log().validate();
    tandem::detail::require(depth >= 2 && depth <= 65536, "ranker.depth", "[2, 65536]");
  }

  [[nodiscard]] choice_log_options log() const noexcept { return {choices, others}; }
};

namespace detail {

inline constexpr std::size_t request_features = 7;

// of one candidate: every source's value, and by how much it is behind that source's best; then what the request says
inline void rank_features(const choice_frame& in, std::span<const float> value, float score, std::span<float> out) {
  const std::size_t n = in.highest.size();
  for (std::size_t s = 0; s < n; ++s) {
    out[2 * s] = value[s];
    out[2 * s + 1] = value[s] - in.highest[s];
  }
  const float request[request_features] = {
      in.asked.events, in.asked.since, in.asked.run, static_cast<float>(in.when), static_cast<float>(in.candidates),
      score,           score - in.best};
  std::copy(std::begin(request), std::end(request), out.begin() + static_cast<std::ptrdiff_t>(2 * n));
}

}  // namespace detail

/// Trees that rank, and the sources they read. Threads: immutable.
class ranker {
 public:
  /// Fewer choices make no trees.
  static constexpr std::size_t least_choices = 200;

  /// Without trees.
  ranker() = default;

  /// Fits trees to choices made among what `sources` said, in that order. Fewer than least_choices: none.
  /// Complexity: O(rows * sources * trees), about a second for 8,000 choices of 41 rows and 18 sources.
  /// Allocates: rows * 10 * sources bytes. Threads: thread-safe; the same bits for every executor. Errors: cancelled.
  [[nodiscard]] static ranker fit(std::span<const std::shared_ptr<const choice>> choices,
                                  std::vector<std::string> sources, executor_ref executor = {},
                                  const progress& report = {}) {
    ranker out;
    if (choices.size() < least_choices) return out;
    const std::size_t width = 2 * sources.size() + detail::request_features;
    std::vector<float> features;
    std::vector<float> margins;
    std::vector<float> labels;
    std::vector<std::uint32_t> groups;
    std::vector<float> row(width);
    for (const auto& each : choices) {
      for (std::size_t r = 0; r < each->rows(); ++r) {
        const auto value = std::span(each->value).subspan(r * sources.size(), sources.size());
        detail::rank_features(each->frame, value, each->score[r], row);
        features.insert(features.end(), row.begin(), row.end());
        margins.push_back(each->score[r] + each->added[r]);
        labels.push_back(r == 0 ? 1.0F : 0.0F);
      }
      groups.push_back(static_cast<std::uint32_t>(each->rows()));
    }
    batch::labelled_rows rows;
    rows.features = {features, width};
    rows.labels = labels;
    rows.margins = margins;
    rows.groups = groups;
    out.trees_ = batch::fit_boosted_trees(rows, tree_options(), executor, report);
    out.sources_ = std::move(sources);
    return out;
  }

  /// Whether it has trees.
  [[nodiscard]] bool ready() const noexcept { return trees_.n_trees() > 0; }
  /// The names of the sources it reads, in order.
  [[nodiscard]] const std::vector<std::string>& sources() const noexcept { return sources_; }

  /// The blend's scores, and the trees' on top for the best `depth` of them. Requires ready() and a candidate at least.
  /// @param set  of as many sources as sources().   @param out  length set.size(); overwritten.
  /// Complexity: O(candidates * sources + depth * trees). Allocates: depth rows of features.
  void rank(const candidate_set& set, std::span<const float> blended, std::size_t depth, std::span<float> out) const {
    const choice_frame frame = choice_frame::of(set, blended);
    const std::vector<std::size_t> best = order_by_score(blended, depth);
    const std::size_t width = trees_.n_features();
    std::vector<float> features(best.size() * width);
    std::vector<float> starts(best.size());
    for (std::size_t k = 0; k < best.size(); ++k) {
      starts[k] = blended[best[k]];
      detail::rank_features(frame, std::span(set.value).subspan(best[k] * set.n_sources, set.n_sources), starts[k],
                            std::span(features).subspan(k * width, width));
    }
    std::vector<float> margins(best.size());
    trees_.margins({features, width}, margins, starts);
    std::copy(blended.begin(), blended.end(), out.begin());
    for (std::size_t k = 0; k < best.size(); ++k) out[best[k]] = margins[k];
  }

  void save(byte_writer& out) const {
    out.section("ranker");
    out.count(sources_.size());
    for (const std::string& each : sources_) out.text(each);
    out.put(trees_.tree_sizes());
    for (const batch::tree_node& each : trees_.nodes()) {
      out.put(each.threshold);
      out.put(std::uint32_t{each.left});
      out.put(std::uint32_t{each.feature});
      out.put(each.missing_right != 0);
      out.put(each.value);
    }
  }
  /// The ranker that save() wrote. Errors: bad_format.
  [[nodiscard]] static ranker load(byte_reader& in) {
    in.section("ranker");
    ranker out;
    for (std::size_t n = in.count(65536); n > 0; --n) out.sources_.push_back(in.text(65536));
    auto sizes = in.get_vector<std::uint32_t>();
    std::size_t n_nodes = 0;
    for (const std::uint32_t each : sizes) n_nodes += each;
    std::vector<batch::tree_node> nodes;
    while (nodes.size() < n_nodes) nodes.push_back(load_node(in));
    if (out.sources_.empty()) return out;
    const std::size_t width = 2 * out.sources_.size() + detail::request_features;
    try {
      out.trees_ =
          batch::boosted_trees::from_nodes(std::move(nodes), std::move(sizes), width, batch::tree_loss::softmax, 0);
    } catch (const error&) {
      in.check(false, "impossible trees");
    }
    return out;
  }

 private:
  static batch::boosted_trees_options tree_options() {
    batch::boosted_trees_options o;
    o.loss = batch::tree_loss::softmax;
    o.rounds = 100;
    o.eta = 0.05F;
    o.max_depth = 4;
    o.lambda = 10;
    o.min_child_weight = 4;
    o.feature_share = 0.5F;
    o.max_bins = 64;
    return o;
  }
  static batch::tree_node load_node(byte_reader& in) {
    batch::tree_node out;
    out.threshold = in.get<float>();
    out.left = in.get<std::uint32_t>();
    const auto feature = in.get<std::uint32_t>();
    in.check(feature < 1U << 26U, "an impossible feature");
    out.feature = feature & 0x7FFFFFFFU;
    out.missing_right = in.get<bool>() ? 1 : 0;
    out.value = in.get<float>();
    return out;
  }

  batch::boosted_trees trees_;
  std::vector<std::string> sources_;
};

}  // namespace hybrid
TANDEM_END
