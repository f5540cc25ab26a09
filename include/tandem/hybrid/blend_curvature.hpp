#pragma once
// What is known of the blend's weights: how sharply the choices so far bend their likelihood, and steps down it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/kernels.hpp"

TANDEM_BEGIN
namespace hybrid {

/// A choice as the weights see it: the gradient of its negative log likelihood, and its curvature.
struct choice_slope {
  std::vector<float> gradient;   ///< width
  std::vector<float> curvature;  ///< width x width, row-major, the lower triangle: Fisher information

  explicit choice_slope(std::size_t width = 0) : gradient(width), curvature(width * width) {}
  void clear() noexcept {
    std::fill(gradient.begin(), gradient.end(), 0.0F);
    std::fill(curvature.begin(), curvature.end(), 0.0F);
  }
};

/// The curvature of every block of weights, in full: sources say much alike, and what is known of one weight depends on
/// what is known of the others.
///
///   C <- keep C + H,   w <- w - rate (prior I + C)^-1 g
///
/// for a choice of gradient g and curvature H: a Newton step on its likelihood, where all choices so far say how far
/// (an extended Kalman filter of the weights; the online Newton step of Hazan, Agarwal and Kale 2007 has g g' for H).
/// keep = 1 - 1e-4 forgets over about 10,000 choices of a block. prior = 50 for the weights of all, and 200 for those
/// that stand beside them, which move when much speaks for it (docs/study.md).
///
/// Threads: thread-compatible. Memory: 2 width (width + 1) bytes a block that learned something: 6 KB for 18 sources.
class blend_curvature {
 public:
  static constexpr float prior_of_all = 50;
  static constexpr float prior_beside = 200;

  explicit blend_curvature(std::size_t width = 0) : width_(width), memory_(width * (width + 1)) {}

  /// Makes room for a block: step() of it takes none. Allocates: then.
  void make_room(std::size_t block) {
    if (block >= known_.size()) known_.resize(block + 1);
    if (known_[block].empty()) known_[block].resize(width_ * (width_ + 1) / 2);
  }

  /// One step of a block that has room. @param weight  the block's, length width. Complexity: O(width^3 / 6).
  void step(std::size_t block, const choice_slope& choice, float rate, std::span<float> weight) noexcept {
    constexpr float keep = 1 - 1e-4F;
    const float prior = block == 0 ? prior_of_all : prior_beside;
    float* known = known_[block].data();
    const std::span<float> matrix = std::span(memory_).first(width_ * width_);
    const std::span<float> way = std::span(memory_).last(width_);
    for (std::size_t a = 0; a < width_; ++a) {
      for (std::size_t b = 0; b <= a; ++b, ++known) {
        *known = keep * *known + choice.curvature[a * width_ + b];
        matrix[a * width_ + b] = *known;
      }
      matrix[a * width_ + a] += prior;
      way[a] = choice.gradient[a];
    }
    if (!kernels().cholesky_solve(matrix.data(), way.data(), width_)) return;  // float32 cannot: it moves later
    for (std::size_t a = 0; a < width_; ++a) weight[a] -= rate * way[a];
  }

  /// Writes everything it knows.
  void save(byte_writer& out) const {
    out.section("blend_curvature");
    out.count(known_.size());
    for (const std::vector<float>& block : known_) out.put(block);
  }
  /// What save() wrote. Errors: bad_format, also for another width and for more than `max_blocks`.
  [[nodiscard]] static blend_curvature load(byte_reader& in, std::size_t width, std::size_t max_blocks) {
    in.section("blend_curvature");
    blend_curvature out(width);
    const std::size_t whole = width * (width + 1) / 2;
    for (std::size_t n = in.count(max_blocks); n > 0; --n) {
      out.known_.push_back(in.get_vector<float>(whole));
      const std::vector<float>& block = out.known_.back();
      in.check(block.empty() || block.size() == whole, "another number of sources");
      for (const float x : block) in.check(std::isfinite(x), "an impossible curvature");
      for (std::size_t a = 0; a < width && !block.empty(); ++a) {
        in.check(block[a * (a + 3) / 2] >= 0, "an impossible curvature");
      }
    }
    return out;
  }

 private:
  std::size_t width_;
  std::vector<std::vector<float>> known_;  // by block: the lower triangle, row after row; empty = nothing yet
  std::vector<float> memory_;              // of step()
};

}  // namespace hybrid
TANDEM_END
