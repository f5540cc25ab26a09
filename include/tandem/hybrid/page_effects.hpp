#pragma once
// What is taken more for where it stands on a page, and how often a lone item is, whatever it is: learned beside the
// blend, so that the blend is not credited with it.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/detail/newton_step.hpp"

TANDEM_BEGIN
namespace hybrid {

/// Log-odds that a page adds to what stands on it: by place, and of one item alone against taking nothing.
///
/// Model: of a page, item c in place k is taken with probability proportional to exp(score(c) + e_k), the score by the
/// blend. That is the position-based model (Craswell et al. 2008; exp(e_k) = its examination probability, up to a
/// factor) inside a conditional logit, with the place as a covariate that serving leaves out (as in PAL, Guo et al.
/// 2019). An item alone is taken with probability 1 / (1 + exp(-score - a)). e and a are sums of one term for all pages
/// and one for the page's channel, which begins at 0. Threads: thread-compatible. Memory: 170 bytes a channel.
class page_effects {
 public:
  /// Places told apart; further ones count as the last.
  static constexpr std::size_t places = 20;

  /// e of a place, from 0, in a channel; 0 = no channel.
  [[nodiscard]] float of_place(std::size_t channel, std::size_t place) const noexcept {
    return sum_at(channel, std::min(place, places - 1));
  }
  /// a in a channel.
  [[nodiscard]] float of_alone(std::size_t channel) const noexcept { return sum_at(channel, places); }

  /// Learns that what stood in place `taken` was, with the probability that each place had before.
  /// Complexity: O(|probability|). Allocates: for a new channel.
  void learn_place(std::size_t channel, std::span<const float> probability, std::size_t taken, float rate) {
    std::array<float, places> share{};
    for (std::size_t k = 0; k < probability.size(); ++k) share[std::min(k, places - 1)] += probability[k];
    const std::size_t last = std::min(probability.size(), places);
    for (std::size_t k = 0; k < last; ++k) {
      const float gradient = share[k] - (k == std::min(taken, places - 1) ? 1.0F : 0.0F);
      step(channel, k, gradient, share[k] * (1 - share[k]), 1, haste * rate, prior_of_places);
    }
  }
  /// Learns whether an item that stood alone was taken, with the probability that it had before, weighing `weight`.
  void learn_alone(std::size_t channel, float probability, bool taken, float weight, float rate) {
    const float gradient = probability - (taken ? 1.0F : 0.0F);
    step(channel, places, gradient, probability * (1 - probability), weight, rate, prior_of_alone);
  }

  void save(byte_writer& out) const {
    out.section("page_effects");
    out.put(effect_);
    out.put(known_);
  }
  /// The effects that save() wrote. Errors: bad_format, also for more than `channels`.
  [[nodiscard]] static page_effects load(byte_reader& in, std::size_t channels) {
    in.section("page_effects");
    page_effects out;
    out.effect_ = in.get_vector<float>((1 + channels) * width);
    out.known_ = in.get_vector<float>((1 + channels) * width);
    in.check(out.effect_.size() >= width && out.effect_.size() % width == 0 && out.known_.size() == out.effect_.size(),
             "an impossible count");
    for (const float x : out.effect_) in.check(std::isfinite(x), "an effect that is not finite");
    for (const float x : out.known_) in.check(std::isfinite(x) && x >= 0, "an impossible curvature");
    return out;
  }

 private:
  static constexpr std::size_t width = places + 1;
  // Pages stand in the order of the blend: what comes first is claimed by whoever learns faster. Effects are not
  // served, so that haste costs nothing but their own precision.
  static constexpr float haste = 3;
  static constexpr float prior_of_places = 10;
  static constexpr float prior_of_alone = 5;
  static constexpr float first_alone = -3;  // 5 % are taken

  [[nodiscard]] float sum_at(std::size_t channel, std::size_t j) const noexcept {
    const std::size_t at = channel * width + j;
    return channel == 0 || at >= effect_.size() ? effect_[j] : effect_[j] + effect_[at];
  }
  void step(std::size_t channel, std::size_t j, float gradient, float bend, float weight, float rate, float prior) {
    if (const std::size_t n = (1 + channel) * width; effect_.size() < n) {
      effect_.reserve(n);
      known_.reserve(n);  // both or none
      effect_.resize(n);
      known_.resize(n);
    }
    const auto one = [&](std::size_t at) {
      tandem::detail::newton_step(effect_[at], known_[at], weight * gradient, weight * bend, {rate, prior});
    };
    one(j);
    if (channel != 0) one(channel * width + j);
  }

  // (1 + channels) x width
  std::vector<float> effect_ = [] {
    std::vector<float> out(width);
    out[places] = first_alone;
    return out;
  }();
  std::vector<float> known_ = std::vector<float>(width);
};

}  // namespace hybrid
TANDEM_END
