#pragma once
// Learns online how far to trust each source here, and lets a source serve alone while it is clearly better.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/cow.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/hybrid/blend_curvature.hpp"
#include "tandem/hybrid/blend_weights.hpp"
#include "tandem/hybrid/candidates.hpp"
#include "tandem/hybrid/page_effects.hpp"

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

/// What the blend said of a choice before it was learned.
struct blended_choice {
  std::vector<float> score;   ///< by candidate
  std::vector<float> effect;  ///< by what was offered: what its place adds; empty unless it was a page
};

/// Learns blend_weights from what was taken among what was on offer.
///
/// Choice model: P(c) = softmax over the offered candidates of the blend's score (conditional logit, McFadden 1974),
/// and on a page of what its place adds (page_effects.hpp), so that a place is not mistaken for taste. What was left
/// out of the page says nothing. A choice takes one Newton step on its negative log likelihood, of gradient E[x] - x_t
/// for the features x_t of what was taken and curvature Cov[x], both under P, in every block of weights that the
/// request has (blend_curvature.hpp): sources that say the same share what is learned of them.
///
/// An item alone on its page leaves no choice but to take it or not: P = logistic of score and page effect, the step as
/// above, weighing 1 / propensity, at most 10 (the importance-weighted regression that VW calls mtr; Bietti et al.
/// 2021). Its scores and its being taken may both be those of somebody who takes much, which a page of several items
/// leaves out.
///
/// Guard: every source and the blend are experts; each choice adds its NDCG@10 to the expert's discounted sum. The
/// blend serves unless a source's sum is ahead by more than twice the standard error of the difference; then the source
/// that is furthest ahead does. Ties of a source count at their mean place. Where the blend would serve, a ranker
/// (hybrid/ranker.hpp) does while what was taken was likelier by it: the discounted sum of the differences of log
/// likelihood says more of few choices than that of NDCG. From pages the sources' sums favour who served them, for
/// nothing else could be taken. Threads: thread-compatible; weights() is copy-on-write.
class blender {
 public:
  /// The most that an item alone on its page weighs.
  static constexpr double max_importance = 10;

  explicit blender(std::size_t n_sources = 0, blender_options options = {}) : options_(options) {
    options_.validate();
    blend_weights first;
    first.n_sources = n_sources;
    first.weight.assign((1 + n_moments) * first.width(), 0.0F);
    std::fill_n(first.weight.begin(), n_sources, 1 / static_cast<float>(std::max<std::size_t>(1, n_sources)));
    first.leader = n_sources == 1 ? 0 : n_sources;
    curvature_ = blend_curvature(first.width());
    slope_ = choice_slope(first.width());
    standing_.assign(n_sources + 1, 0.0);
    scatter_.assign(n_sources, 0.0);
    weights_ = cow<blend_weights>(std::move(first));
  }

  /// The weights as they are now; a copy stays as it is.
  [[nodiscard]] const cow<blend_weights>& weights() const noexcept { return weights_; }
  /// What places add, and how often an item alone is taken.
  [[nodiscard]] const page_effects& effects() const noexcept { return effects_; }

  /// Learns that candidate `taken` was chosen among `offered` (subscripts of `set`, `taken` among them), wherever they
  /// stood. Complexity: O(offered * sources^2 + sources^3). Allocates: scratch, and for a new block.
  blended_choice learn(const candidate_set& set, std::span<const std::size_t> offered, std::size_t taken) {
    return learn_choice(set, offered, taken, false);
  }

  /// Learns that candidate `taken` was chosen from a page: `shown` in order of place.
  /// @param propensity  of the item in the first place; of a page of one alone. Range (0, 1].
  blended_choice learn_page(const candidate_set& set, std::span<const std::size_t> shown, std::size_t taken,
                            double propensity = 1) {
    if (shown.size() == 1) learn_alone(set, shown.front(), true, propensity);
    return learn_choice(set, shown, taken, true);
  }

  /// Learns that nothing was taken from a page. One of several items says nothing of them: another reason to take none
  /// is always at hand. But see learn_miss().
  void learn_silence(const candidate_set& set, std::span<const std::size_t> shown, double propensity = 1) {
    if (shown.size() == 1) learn_alone(set, shown.front(), false, propensity);
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
    curvature_.save(out);
    effects_.save(out);
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
    out.curvature_ = blend_curvature::load(in, out.weights_->width(), blend_weights::max_blocks);
    out.effects_ = page_effects::load(in, max_channels);
    fill(out.standing_);
    fill(out.scatter_);
    out.ranker_ahead_ = in.get_finite<double>();
    for (const double x : out.standing_) in.check(std::isfinite(x) && x >= 0, "an impossible standing");
    for (const double x : out.scatter_) in.check(std::isfinite(x) && x >= 0, "an impossible standing");
    return out;
  }

 private:
  blended_choice learn_choice(const candidate_set& set, std::span<const std::size_t> offered, std::size_t taken,
                              bool in_places) {
    blended_choice out;
    out.score.resize(set.size());
    weights_->blend(set, out.score);
    if (in_places) {
      out.effect.reserve(offered.size());
      for (std::size_t k = 0; k < offered.size(); ++k) out.effect.push_back(effects_.of_place(set.channel, k));
    }
    const auto at = static_cast<std::size_t>(std::find(offered.begin(), offered.end(), taken) - offered.begin());
    const std::vector<float> probability = softmax(offered, out.score, out.effect);
    judge(set, taken, out.score, ranker_gain(set, offered, at, probability, out.effect));
    if (offered.size() < 2 || weights_->width() == 0) return out;
    take_slope(set, offered, at, probability);
    step(set);
    if (in_places) effects_.learn_place(set.channel, probability, at, static_cast<float>(options_.rate));
    return out;
  }

  // the slope of the choice of offered[at]
  void take_slope(const candidate_set& set, std::span<const std::size_t> offered, std::size_t at,
                  std::span<const float> probability) {
    const std::size_t width = weights_->width();
    const std::size_t n = offered.size();
    std::vector<float> rows(n * width);
    slope_.clear();
    const auto row = [&](std::size_t k) { return std::span(rows).subspan(k * width, width); };
    for (std::size_t k = 0; k < n; ++k) weights_->features(set, offered[k], row(k));
    std::vector<float>& mean = slope_.gradient;
    kernels().gather_sum(rows.data(), width, nullptr, probability.data(), n, width, mean.data());
    for (std::size_t k = 0; k < n; ++k) kernels().axpy(-1, mean.data(), row(k).data(), width);
    kernels().gram_accumulate(rows.data(), width, nullptr, probability.data(), n, width, slope_.curvature.data());
    std::transform(row(at).begin(), row(at).end(), slope_.gradient.begin(), std::negate<>());
  }

  void learn_alone(const candidate_set& set, std::size_t shown, bool taken, double propensity) {
    const std::size_t width = weights_->width();
    slope_.clear();
    std::vector<float>& x = slope_.gradient;
    weights_->features(set, shown, x);
    float score = effects_.of_alone(set.channel);
    for (std::size_t j = 0; j < width; ++j) score += weights_->weight_of(set, j) * x[j];
    const auto p = static_cast<float>(1 / (1 + std::exp(-double{score})));
    const double rarity = propensity > 0 ? 1 / propensity : max_importance;
    const auto importance = static_cast<float>(std::min(max_importance, rarity));
    kernels().rank_one_update(importance * p * (1 - p), x.data(), width, slope_.curvature.data());
    for (float& each : x) each *= importance * (taken ? p - 1 : p);
    step(set);
    effects_.learn_alone(set.channel, p, taken, importance, static_cast<float>(options_.rate));
  }

  // the probability of each offered candidate, by its score and what its place adds (empty = nothing)
  static std::vector<float> softmax(std::span<const std::size_t> offered, std::span<const float> score,
                                    std::span<const float> effect) {
    const auto at = [&](std::size_t k) { return effect.empty() ? score[offered[k]] : score[offered[k]] + effect[k]; };
    float highest = -std::numeric_limits<float>::infinity();
    for (std::size_t k = 0; k < offered.size(); ++k) highest = std::max(highest, at(k));
    double total = 0;
    for (std::size_t k = 0; k < offered.size(); ++k) total += std::exp(double{at(k) - highest});
    std::vector<float> out(offered.size());
    for (std::size_t k = 0; k < out.size(); ++k) {
      out[k] = static_cast<float>(std::exp(double{at(k) - highest}) / total);
    }
    return out;
  }

  // by how much the choice of offered[at] was likelier, in logarithms, with the ranker's scores than with the blend's
  static double ranker_gain(const candidate_set& set, std::span<const std::size_t> offered, std::size_t at,
                            std::span<const float> probability, std::span<const float> effect) {
    if (set.ranked.empty()) return 0;
    constexpr float least = 1e-30F;
    const float ranked = softmax(offered, set.ranked, effect)[at];
    return std::log(double{std::max(least, ranked)}) - std::log(double{std::max(least, probability[at])});
  }

  // one step in every block that the request has; all memory is had before the first
  void step(const candidate_set& set) {
    blend_weights& w = weights_.write();
    const std::size_t width = w.width();
    std::array<std::size_t, 4> blocks{0, blend_weights::block_of(set.when)};
    std::size_t n = 2;
    if (set.channel != 0) blocks[n++] = blend_weights::block_of_channel(set.channel);
    if (set.segment != 0) blocks[n++] = blend_weights::block_of_segment(set.segment);
    for (const std::size_t each : std::span(blocks).first(n)) {
      curvature_.make_room(each);
      if (!w.has_block(each)) w.weight.resize((each + 1) * width);
    }
    for (const std::size_t each : std::span(blocks).first(n)) {
      curvature_.step(each, slope_, static_cast<float>(options_.rate),
                      std::span(w.weight).subspan(each * width, width));
    }
  }

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
  void judge(const candidate_set& set, std::size_t taken, std::span<const float> score, double ranker_gain) {
    learn_miss();
    const std::size_t n = set.n_sources;
    const double blended = gain(place_of(taken, score));
    ranker_ahead_ += ranker_gain;
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
  blend_curvature curvature_;
  choice_slope slope_;  // of the choice under way
  page_effects effects_;
  std::vector<double> standing_;
  std::vector<double> scatter_;  // per source: variance of the difference of its sum from the blend's
  double ranker_ahead_ = 0;      // discounted log likelihood by which the ranker was ahead of the blend
};

}  // namespace hybrid
TANDEM_END
