#pragma once
// What is popular now: counts that halve every so many ticks.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "tandem/core/binary.hpp"
#include "tandem/core/cow.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/ids.hpp"

TANDEM_BEGIN
namespace online {

/// Exponentially decayed counts per item. A tick is whatever the caller counts: events, or milliseconds since 1970.
///
/// Equation: score_i(t) = sum over events e of item i of weight_e * 2^(-(t - t_e) / half_life).
/// Counts are kept multiplied by 2^(t / half_life), so an event costs one addition and silence costs nothing. They are
/// float32: without forgetting, an item's count is exact up to 2^24 events and then stays there.
/// Threads: thread-compatible; a copy is a consistent snapshot for the price of n_items / 512 pointers.
class trend {
 public:
  /// @param half_life  ticks, > 0; infinity = plain counts. Errors: invalid_argument.
  explicit trend(double half_life) : half_life_(half_life) {
    if (!(half_life > 0)) throw error(errc::invalid_argument, "a trend's half-life must be positive");
  }

  /// Counts an event at `tick`; an earlier tick than the latest is fine.
  /// Complexity: O(1), of a negative weight O(512), and O(n_items) every 20 half-lives. Allocates: when items grow.
  void add(item_index item, double tick, float weight = 1) {
    if (counts_.size() == 0) base_ = tick;
    peaks_.grow(slot(item) / cow_vector<float>::block_size + 1);
    counts_.grow(slot(item) + 1);
    double exponent = (tick - base_) / half_life_;
    if (exponent > rescale_exponent) {
      rescale(tick);
      exponent = 0;
    }
    const float grown = weight * static_cast<float>(std::exp2(exponent));
    const std::size_t b = slot(item) / cow_vector<float>::block_size;
    float& peak = peaks_.write(b);
    float& count = counts_.write(slot(item));
    count += grown;
    total_ += double{grown};
    peak = grown < 0 ? std::ranges::max(counts_.block(b)) : std::max(peak, count);
  }

  /// The decayed count up to a factor that all items share until the next add().
  [[nodiscard]] float relative(item_index item) const noexcept {
    return slot(item) < counts_.size() ? counts_[slot(item)] : 0.0F;
  }

  /// The decayed count of one item at `tick`.
  [[nodiscard]] double count(item_index item, double tick) const noexcept {
    return double{relative(item)} * std::exp2(-(tick - base_) / half_life_);
  }

  /// out[i] = relative score of item i, for i < out.size(); 0 for items not seen. Complexity: O(n_items).
  void scores(std::span<float> out) const {
    counts_.for_each_block([&](std::size_t first, const float* values, std::size_t n) {
      if (first < out.size()) std::copy_n(values, std::min(n, out.size() - first), out.data() + first);
    });
    for (std::size_t i = counts_.size(); i < out.size(); ++i) out[i] = 0;
  }

  /// Calls f(item subscript, relative score) for every item below the highest seen. Complexity: O(n_items).
  template <class F>
  void for_each(F&& f) const {
    counts_.for_each_block([&](std::size_t first, const float* values, std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) f(first + i, values[i]);
    });
  }

  /// Relative scores of blocks of items; the largest of each.
  [[nodiscard]] std::size_t n_blocks() const noexcept { return counts_.n_blocks(); }
  [[nodiscard]] std::span<const float> block(std::size_t b) const noexcept { return counts_.block(b); }
  [[nodiscard]] float peak(std::size_t b) const noexcept { return peaks_[b]; }

  /// Sum of all relative scores.
  [[nodiscard]] double total() const noexcept { return total_; }
  [[nodiscard]] double half_life() const noexcept { return half_life_; }

  /// Writes everything it knows.
  void save(byte_writer& out) const {
    out.section("trend");
    out.put(half_life_);
    out.put(base_);
    out.put(total_);
    counts_.save(out);
  }
  /// The trend that save() wrote: it goes on with the same bits. Errors: bad_format, also for items beyond `n_items`.
  [[nodiscard]] static trend load(byte_reader& in, std::size_t n_items = no_limit) {
    in.section("trend");
    const auto half_life = in.get<double>();
    in.check(half_life > 0, "a half-life that is not positive");
    trend out(half_life);
    out.base_ = in.get_finite<double>();
    out.total_ = in.get_finite<double>();
    out.counts_ = cow_vector<float>::load(in, n_items);
    out.for_each([&](std::size_t, float count) { in.check(std::isfinite(count), "a count that is not finite"); });
    out.peaks_.grow(out.counts_.n_blocks());
    for (std::size_t b = 0; b < out.n_blocks(); ++b) out.peaks_.write(b) = std::ranges::max(out.block(b));
    return out;
  }

 private:
  static constexpr double rescale_exponent = 20;  // sums of squares of scores stay far from overflow

  void rescale(double tick) {
    const float factor = static_cast<float>(std::exp2(-(tick - base_) / half_life_));
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_.write(i) *= factor;
    for (std::size_t b = 0; b < peaks_.size(); ++b) peaks_.write(b) *= factor;
    total_ *= double{factor};
    base_ = tick;
  }

  double half_life_;
  double base_ = 0;
  double total_ = 0;
  cow_vector<float> counts_;
  cow_vector<float> peaks_;  // by block of counts_
};

}  // namespace online
TANDEM_END
