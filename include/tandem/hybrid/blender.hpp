#pragma once
// Learns online how far to trust each source here, and lets a source serve alone while it is clearly better.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/cow.hpp"
#include "tandem/core/error.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/hybrid/candidates.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Options of a blender.
struct blender_options {
  /// Share of each Newton step that is taken. Range (0, 1].
  double rate = 1;
  /// Candidates each source proposes. Range [1, 254]. Cost grows with sources * proposals.
  std::size_t proposals = 25;
  /// How fast the guard forgets how well each expert did: weight lost per learned choice. Range (0, 1].
  double leader_decay = 0.9995;
  /// Serve a source while it is beyond noise ahead of the blend, instead of always the blend.
  bool guard = true;

  /// Errors: invalid_argument, naming the option.
  void validate() const {
    tandem::detail::require(rate > 0 && rate <= 1, "blender.rate", "(0, 1]");
    tandem::detail::require(proposals >= 1 && proposals <= 254, "blender.proposals", "[1, 254]");
    tandem::detail::require(leader_decay > 0 && leader_decay <= 1, "blender.leader_decay", "(0, 1]");
  }

  void save(byte_writer& out) const {
    out.put(rate);
    out.count(proposals);
    out.put(leader_decay);
    out.put(guard);
  }
  /// Errors: bad_format unless the options that come are these.
  void expect(byte_reader& in) const {
    const bool same = in.get<double>() == rate && in.count() == proposals && in.get<double>() == leader_decay &&
                      in.get<bool>() == guard;
    in.check(same, "other options than those given");
  }
};

namespace detail {

struct place_features {
  float reciprocal = 0;
  float member = 0;
};

// by place in a source's list; zeros for candidate_set::not_proposed
inline constexpr std::array<place_features, 256> features_of_place = [] {
  std::array<place_features, 256> out{};
  for (std::size_t p = 0; p < candidate_set::not_proposed; ++p) out[p] = {4 / (static_cast<float>(p) + 2), 1};
  return out;
}();

}  // namespace detail

/// The weights of the blend: one vector for all moments plus one for each, over the features of every source.
///
/// Features of candidate c from source s: its normalised score; 4 / (place + 2) in the source's list, 0 if not there;
/// 1 if it is in the list. Score: sum over sources of (global + moment's) weight times feature.
struct blend_weights {
  static constexpr std::size_t per_source = 3;

  std::size_t n_sources = 0;
  std::vector<float> weight;  ///< (1 + n_moments) x (n_sources * per_source)
  std::size_t leader = 0;     ///< expert that serves: s < n_sources = that source, or one of the next two

  /// The experts beside the sources.
  [[nodiscard]] std::size_t blend_leads() const noexcept { return n_sources; }
  [[nodiscard]] std::size_t ranker_leads() const noexcept { return n_sources + 1; }
  [[nodiscard]] std::size_t width() const noexcept { return n_sources * per_source; }

  /// Writes the features of candidate c, length width().
  void features(const candidate_set& set, std::size_t c, std::span<float> out) const noexcept {
    for (std::size_t s = 0; s < n_sources; ++s) {
      const detail::place_features& at = detail::features_of_place[set.place[c * n_sources + s]];
      out[s] = set.value[c * n_sources + s];
      out[n_sources + s] = at.reciprocal;
      out[2 * n_sources + s] = at.member;
    }
  }

  /// The blend's score of every candidate. @param out  length set.size(). Complexity: O(candidates * sources).
  void blend(const candidate_set& set, std::span<float> out) const {
    std::vector<float> sum(width());
    const float* here = weight.data() + (1 + static_cast<std::size_t>(set.when)) * width();
    for (std::size_t j = 0; j < width(); ++j) sum[j] = weight[j] + here[j];
    for (std::size_t c = 0; c < set.size(); ++c) {
      const float* value = set.value.data() + c * n_sources;
      const std::uint8_t* place = set.place.data() + c * n_sources;
      float score = 0;
      for (std::size_t s = 0; s < n_sources; ++s) {
        const detail::place_features& at = detail::features_of_place[place[s]];
        score += sum[s] * value[s] + sum[n_sources + s] * at.reciprocal + sum[2 * n_sources + s] * at.member;
      }
      out[c] = score;
    }
  }

  /// How much the served score moves when the value of source s does.
  [[nodiscard]] float slope(const candidate_set& set, std::size_t s) const noexcept {
    if (leader < n_sources) return leader == s ? 1.0F : 0.0F;
    return weight[s] + weight[(1 + static_cast<std::size_t>(set.when)) * width() + s];
  }

  /// The score that is served: the blend's, the ranker's where there is one, or the leading source's with the blend
  /// ordering what it did not propose.
  void serve(const candidate_set& set, std::span<float> out) const {
    blend(set, out);
    if (leader == blend_leads() || set.size() == 0) return;
    if (leader == ranker_leads()) {
      if (!set.ranked.empty()) std::copy(set.ranked.begin(), set.ranked.end(), out.begin());
      return;
    }
    float lowest = std::numeric_limits<float>::infinity();
    for (std::size_t c = 0; c < set.size(); ++c) {
      if (set.place[c * n_sources + leader] != candidate_set::not_proposed) {
        lowest = std::min(lowest, set.value[c * n_sources + leader]);
      }
    }
    if (lowest == std::numeric_limits<float>::infinity()) return;  // it has no opinion here: the blend serves
    const float highest = *std::max_element(out.begin(), out.end());
    for (std::size_t c = 0; c < set.size(); ++c) {
      const bool in = set.place[c * n_sources + leader] != candidate_set::not_proposed;
      out[c] = in ? set.value[c * n_sources + leader] : lowest - 1 + (out[c] - highest);
    }
  }

  void save(byte_writer& out) const {
    out.section("blend_weights");
    out.count(leader);
    out.put(weight);
  }
  /// The weights of `n_sources` that save() wrote. Errors: bad_format.
  [[nodiscard]] static blend_weights load(byte_reader& in, std::size_t n_sources) {
    in.section("blend_weights");
    blend_weights out;
    out.n_sources = n_sources;
    out.leader = in.count(n_sources + 1);
    const std::size_t n = (1 + n_moments) * out.width();
    out.weight = in.get_vector<float>(n);
    in.check(out.weight.size() == n, "another number of sources");
    for (const float w : out.weight) in.check(std::isfinite(w), "a weight that is not finite");
    return out;
  }
};

/// Learns blend_weights from what was taken among what was on offer.
///
/// Choice model: P(c) = softmax over the offered candidates of the blend's score (conditional logit, McFadden 1974). A
/// choice of features x_t takes one step on its negative log likelihood, down each weight's own curvature:
///   w_j -= rate (E[x_j] - x_tj) / (prior + C_j),   C_j <- keep C_j + Var[x_j],
/// E and Var under P: the diagonal of the Fisher information, so that a weight moves in units of what its feature is
/// worth, and the less the more is known of it. prior = 50 and keep = 1 - 1e-4, about 10,000 choices of each block of
/// weights, were chosen on three real logs and an invented one (docs/study.md). Guard: every source and the blend are
/// experts; each choice adds its NDCG@10 to the expert's discounted sum. The blend serves unless a source's sum is
/// ahead by more than twice the standard error of the difference; then the source that is furthest ahead does. Ties of
/// a source count at their mean place. Where the blend would serve, a ranker (hybrid/ranker.hpp) does while it is ahead
/// of it: it was fitted to be. Threads: thread-compatible; weights() is copy-on-write.
class blender {
 public:
  explicit blender(std::size_t n_sources = 0, blender_options options = {}) : options_(options) {
    options_.validate();
    blend_weights first;
    first.n_sources = n_sources;
    first.weight.assign((1 + n_moments) * first.width(), 0.0F);
    std::fill_n(first.weight.begin(), n_sources, 1 / static_cast<float>(std::max<std::size_t>(1, n_sources)));
    first.leader = n_sources == 1 ? 0 : n_sources;
    known_.assign(first.weight.size(), 0.0F);
    standing_.assign(n_sources + 1, 0.0);
    scatter_.assign(n_sources, 0.0);
    weights_ = cow<blend_weights>(std::move(first));
  }

  /// The weights as they are now; a copy stays as it is.
  [[nodiscard]] const cow<blend_weights>& weights() const noexcept { return weights_; }

  /// Learns that candidate `taken` was chosen among `offered` (subscripts of `set`, `taken` among them), and returns
  /// the scores that the blend had for all candidates before it did. Complexity: O(candidates * sources). Allocates:
  /// scratch.
  std::vector<float> learn(const candidate_set& set, std::span<const std::size_t> offered, std::size_t taken) {
    std::vector<float> score(set.size());
    weights_->blend(set, score);
    judge(set, taken, score);
    if (offered.size() < 2) return score;
    blend_weights& w = weights_.write();
    const std::size_t width = w.width();
    float highest = -std::numeric_limits<float>::infinity();
    for (const std::size_t c : offered) highest = std::max(highest, score[c]);
    double total = 0;
    for (const std::size_t c : offered) total += std::exp(double{score[c] - highest});
    std::vector<float> mean(width, 0.0F);
    std::vector<float> square(width, 0.0F);
    std::vector<float> x(width);
    for (const std::size_t c : offered) {
      const auto p = static_cast<float>(std::exp(double{score[c] - highest}) / total);
      w.features(set, c, x);
      for (std::size_t j = 0; j < width; ++j) {
        mean[j] += p * x[j];
        square[j] += p * x[j] * x[j];
      }
    }
    w.features(set, taken, x);
    for (const std::size_t block : {std::size_t{0}, 1 + static_cast<std::size_t>(set.when)}) {
      for (std::size_t j = 0; j < width; ++j) {
        float& known = known_[block * width + j];
        known = keep * known + std::max(0.0F, square[j] - mean[j] * mean[j]);
        w.weight[block * width + j] -= static_cast<float>(options_.rate) * (mean[j] - x[j]) / (prior + known);
      }
    }
    return score;
  }

  /// Learns that something outside the candidates was taken, or nothing at all: every expert missed.
  void learn_miss() {
    for (double& s : standing_) s *= options_.leader_decay;
    for (double& s : scatter_) s *= options_.leader_decay * options_.leader_decay;
    ranker_ahead_ *= options_.leader_decay;
  }

  [[nodiscard]] const blender_options& options() const noexcept { return options_; }
  /// Discounted NDCG@10 of each expert: the sources, then the blend.
  [[nodiscard]] std::span<const double> standing() const noexcept { return standing_; }

  /// Writes everything it knows.
  void save(byte_writer& out) const {
    out.section("blender");
    options_.save(out);
    weights_->save(out);
    out.put(known_);
    out.put(standing_);
    out.put(scatter_);
    out.put(ranker_ahead_);
  }
  /// The blender of `n_sources` that save() wrote: it goes on with the same bits.
  /// Errors: bad_format, also for other options or another number of sources than those of the saved one.
  [[nodiscard]] static blender load(byte_reader& in, std::size_t n_sources, blender_options options = {}) {
    in.section("blender");
    blender out(n_sources, options);
    options.expect(in);
    out.weights_ = cow<blend_weights>(blend_weights::load(in, n_sources));
    const auto fill = [&](auto& numbers) {
      in.check(in.count() == numbers.size(), "another number of sources");
      in.values(std::span(numbers));
    };
    fill(out.known_);
    fill(out.standing_);
    fill(out.scatter_);
    out.ranker_ahead_ = in.get_finite<double>();
    for (const float x : out.known_) in.check(std::isfinite(x) && x >= 0, "an impossible curvature");
    for (const double x : out.standing_) in.check(std::isfinite(x) && x >= 0, "an impossible standing");
    for (const double x : out.scatter_) in.check(std::isfinite(x) && x >= 0, "an impossible standing");
    return out;
  }

 private:
  static constexpr float prior = 50;
  static constexpr float keep = 1 - 1e-4F;

  static double gain(double place) noexcept { return place < 10 ? 1 / std::log2(place + 2) : 0.0; }

  static double place_of(std::size_t taken, std::span<const float> score) noexcept {
    std::size_t above = 0;
    std::size_t equal = 0;
    for (const float other : score) {
      above += other > score[taken] ? 1U : 0U;
      equal += other == score[taken] ? 1U : 0U;
    }
    return static_cast<double>(above) + static_cast<double>(equal - 1) / 2;
  }

  // credits every expert with where it had the choice, and lets the best lead
  void judge(const candidate_set& set, std::size_t taken, std::span<const float> score) {
    learn_miss();
    const std::size_t n = set.n_sources;
    const double blended = gain(place_of(taken, score));
    if (!set.ranked.empty()) ranker_ahead_ += gain(place_of(taken, set.ranked)) - blended;
    standing_[n] += blended;
    for (std::size_t s = 0; s < n; ++s) {
      const double alone = gain(set.tied_place(taken, s));
      standing_[s] += alone;
      scatter_[s] += (alone - blended) * (alone - blended);
    }
    if (n < 2) return;
    std::size_t best = options_.guard ? leading() : weights_->blend_leads();
    if (best == weights_->blend_leads() && ranker_ahead_ > 0) best = weights_->ranker_leads();
    if (best != weights_->leader) weights_.write().leader = best;
  }

  std::size_t leading() const noexcept {
    const std::size_t n = scatter_.size();
    std::size_t best = n;
    double most = 0;
    for (std::size_t s = 0; s < n; ++s) {
      const double ahead = standing_[s] - standing_[n] - 2 * std::sqrt(scatter_[s]);
      if (ahead > most) {
        most = ahead;
        best = s;
      }
    }
    return best;
  }

  blender_options options_;
  cow<blend_weights> weights_;
  std::vector<float> known_;  // per weight: the curvature C
  std::vector<double> standing_;
  std::vector<double> scatter_;  // per source: variance of the difference of its sum from the blend's
  double ranker_ahead_ = 0;      // discounted NDCG@10 by which the ranker was ahead of the blend
};

}  // namespace hybrid
TANDEM_END
