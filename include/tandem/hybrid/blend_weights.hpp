#pragma once
// How far each source is trusted here: the weights that serve, and the expert that leads.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/hybrid/candidates.hpp"

TANDEM_BEGIN
namespace hybrid {

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

/// The weights of the blend: one block for all requests, and one for each moment, each channel and each segment of
/// users, over the features of every source.
///
/// Features of candidate c from source s: its normalised score; 4 / (place + 2) in the source's list, 0 if not there;
/// 1 if it is in the list. Score: sum over sources of (global + moment's + channel's + segment's) weight times feature.
/// Blocks but the first begin at 0: where nothing was learned yet, the weights of all hold.
struct blend_weights {
  static constexpr std::size_t per_source = 3;

  std::size_t n_sources = 0;
  std::vector<float> weight;  ///< blocks up to the last one learned from x (n_sources * per_source)
  std::size_t leader = 0;     ///< expert that serves: s < n_sources = that source, or one of the next two

  /// The experts beside the sources.
  [[nodiscard]] std::size_t blend_leads() const noexcept { return n_sources; }
  [[nodiscard]] std::size_t ranker_leads() const noexcept { return n_sources + 1; }
  [[nodiscard]] std::size_t width() const noexcept { return n_sources * per_source; }
  /// The blocks of a moment, and of channels and segments, from 1, in turn.
  [[nodiscard]] static std::size_t block_of(moment when) noexcept { return 1 + static_cast<std::size_t>(when); }
  [[nodiscard]] static std::size_t block_of_channel(std::size_t channel) noexcept {
    return n_moments + 2 * channel - 1;
  }
  [[nodiscard]] static std::size_t block_of_segment(std::size_t segment) noexcept { return n_moments + 2 * segment; }
  static constexpr std::size_t max_blocks = 1 + n_moments + 2 * std::max(max_channels, max_segments);
  [[nodiscard]] bool has_block(std::size_t block) const noexcept { return (block + 1) * width() <= weight.size(); }

  /// The weight of feature j for what is asked: of all its blocks together.
  [[nodiscard]] float weight_of(const candidate_set& set, std::size_t j) const noexcept {
    float sum = weight[j] + weight[block_of(set.when) * width() + j];
    const auto add = [&](std::size_t block) {
      if (has_block(block)) sum += weight[block * width() + j];
    };
    if (set.channel != 0) add(block_of_channel(set.channel));
    if (set.segment != 0) add(block_of_segment(set.segment));
    return sum;
  }

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
    for (std::size_t j = 0; j < width(); ++j) sum[j] = weight_of(set, j);
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
    return weight_of(set, s);
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
    const std::size_t least = (1 + n_moments) * out.width();
    out.weight = in.get_vector<float>(max_blocks * out.width());
    const std::size_t rest = out.width() == 0 ? 0 : out.weight.size() % out.width();
    in.check(out.weight.size() >= least && rest == 0, "another number of sources");
    for (const float w : out.weight) in.check(std::isfinite(w), "a weight that is not finite");
    return out;
  }
};

}  // namespace hybrid
TANDEM_END
