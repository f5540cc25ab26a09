#pragma once
// How often an item is taken when it is shown: Beta-Bernoulli counts per item.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tandem/core/binary.hpp"
#include "tandem/core/cow.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/ids.hpp"

TANDEM_BEGIN
namespace online {

/// Shown and taken counts per item, with the posterior mean and variance of the rate.
///
/// Model: taken ~ Binomial(shown, rate), rate ~ Beta(strength * m, strength * (1 - m)), where m is the rate over all
/// items: an item shown little is thought average (empirical Bayes; Efron and Morris 1975 for the idea).
/// Threads: thread-compatible; a copy is a consistent snapshot for the price of 3 n_items / 512 pointers.
class response_rate {
 public:
  /// @param strength  pseudo-impressions of the prior, > 0. Errors: invalid_argument.
  explicit response_rate(double strength = 20) : strength_(strength) {
    if (!(strength > 0)) throw error(errc::invalid_argument, "the strength of a rate's prior must be positive");
  }

  /// The item was shown; O(1).
  void shown(item_index item) {
    counts_.grow(slot(item) + 1);
    counts_.write(slot(item)).shown += 1;
    shown_ += 1;
    weigh(item);
  }
  /// The item was taken, with a reward in [0, 1] (clamped); O(1).
  void taken(item_index item, double reward) {
    const double value = std::clamp(reward, 0.0, 1.0);
    counts_.grow(slot(item) + 1);
    counts_.write(slot(item)).taken += value;
    taken_ += value;
    weigh(item);
  }

  /// Impressions over all items.
  [[nodiscard]] double total_shown() const noexcept { return shown_; }
  /// Rewards over all items.
  [[nodiscard]] double total_taken() const noexcept { return taken_; }

  /// Posterior mean of the item's rate, in [0, 1].
  [[nodiscard]] double mean(item_index item) const noexcept { return mean(of(item), prior()); }
  /// Posterior variance of the item's rate.
  [[nodiscard]] double variance(item_index item) const noexcept {
    const double m = mean(item);
    return m * (1 - m) / (of(item).shown + strength_ + 1);
  }

  /// out[i] = posterior mean of item i, i < out.size(). Complexity: O(n_items).
  void means(std::span<float> out) const {
    const auto average = static_cast<float>(prior());
    const std::size_t known = std::min({out.size(), own_weight_.size(), own_part_.size()});
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(known), out.end(), std::min(1.0F, average));
    own_weight_.for_each_block([&](std::size_t first, const float* weight, std::size_t n) {
      if (first >= known) return;
      float* const to = out.data() + first;
      for (std::size_t i = 0; i < std::min(n, known - first); ++i) to[i] = average * (1 - weight[i]);
    });
    own_part_.for_each_block([&](std::size_t first, const float* part, std::size_t n) {
      if (first >= known) return;
      float* const to = out.data() + first;
      for (std::size_t i = 0; i < std::min(n, known - first); ++i) to[i] = std::min(1.0F, to[i] + part[i]);
    });
  }

  /// The same for a part of what `over` counts, such as one channel of all: an item shown little here is thought to do
  /// as it does there, times how this part does as a whole. That ratio is shrunk to 1 as if by 100 impressions, so a
  /// new part starts from the rates of `over`.
  [[nodiscard]] double mean(item_index item, const response_rate& over) const noexcept {
    return mean(of(item), std::min(1.0, ratio(over) * over.mean(item)));
  }
  [[nodiscard]] double variance(item_index item, const response_rate& over) const noexcept {
    const double m = mean(item, over);
    return m * (1 - m) / (of(item).shown + strength_ + 1);
  }
  /// Complexity: O(n_items).
  void means(const response_rate& over, std::span<float> out) const {
    over.means(out);
    const auto level = static_cast<float>(ratio(over));
    for (float& each : out) each = std::min(1.0F, level * each);
    own_weight_.for_each_block([&](std::size_t first, const float* weight, std::size_t n) {
      if (first >= out.size()) return;
      for (std::size_t i = 0; i < std::min(n, out.size() - first); ++i) out[first + i] *= 1 - weight[i];
    });
    own_part_.for_each_block([&](std::size_t first, const float* part, std::size_t n) {
      if (first >= out.size()) return;
      for (std::size_t i = 0; i < std::min(n, out.size() - first); ++i) {
        out[first + i] = std::min(1.0F, out[first + i] + part[i]);
      }
    });
  }

  /// Writes everything it knows.
  void save(byte_writer& out) const {
    out.section("response_rate");
    out.put(strength_);
    out.put(shown_);
    out.put(taken_);
    counts_.save(out);
  }
  /// The rates that save() wrote: they go on with the same bits. Errors: bad_format, also for items beyond `n_items`.
  [[nodiscard]] static response_rate load(byte_reader& in, std::size_t n_items = no_limit) {
    in.section("response_rate");
    const auto strength = in.get<double>();
    in.check(strength > 0, "a strength that is not positive");
    response_rate out(strength);
    out.shown_ = count_of(in);
    out.taken_ = count_of(in);
    out.counts_ = cow_vector<counts>::load(in, n_items);
    for (std::size_t i = 0; i < out.counts_.size(); ++i) out.weigh(item_index{static_cast<std::uint32_t>(i)});
    return out;
  }

 private:
  struct counts {
    double shown = 0;  // in single precision a count would stop at 2^24
    double taken = 0;

    void save(byte_writer& out) const {
      out.put(shown);
      out.put(taken);
    }
    static counts load(byte_reader& in) {
      const double shown = count_of(in);
      return {shown, count_of(in)};
    }
  };
  static double count_of(byte_reader& in) {
    const auto value = in.get_finite<double>();
    in.check(value >= 0, "a negative count");
    return value;
  }
  [[nodiscard]] counts of(item_index item) const noexcept {
    return slot(item) < counts_.size() ? counts_[slot(item)] : counts{};
  }
  // how this part does beside `over`, all items together
  [[nodiscard]] double ratio(const response_rate& over) const noexcept {
    constexpr double trust = 100;
    return (taken_ / over.prior() + trust) / (shown_ + trust);
  }
  [[nodiscard]] double prior() const noexcept { return (taken_ + 1) / (shown_ + 10); }
  // more may have been taken than was shown: an item can be taken elsewhere
  [[nodiscard]] double mean(const counts& c, double average) const noexcept {
    return std::min(1.0, (c.taken + strength_ * average) / (c.shown + strength_));
  }

  // mean = part + (1 - weight) * prior: what means() reads, so that it divides nothing
  void weigh(item_index item) {
    const counts& c = counts_[slot(item)];
    own_weight_.grow(counts_.size());
    own_part_.grow(counts_.size());
    own_weight_.write(slot(item)) = static_cast<float>(c.shown / (c.shown + strength_));
    own_part_.write(slot(item)) = static_cast<float>(c.taken / (c.shown + strength_));
  }

  double strength_;
  double shown_ = 0;
  double taken_ = 0;
  cow_vector<counts> counts_;
  cow_vector<float> own_weight_;
  cow_vector<float> own_part_;
};

}  // namespace online
TANDEM_END
