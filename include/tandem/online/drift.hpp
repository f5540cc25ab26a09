#pragma once
// Has the world changed? Detectors over a stream of numbers, such as rewards or the residuals of a model.
//
//   adwin         the mean of a window that is as long as nothing changes; no scale to set, changes of any speed
//   page_hinkley  a sum of deviations; O(1) and a few numbers, for a shift whose size is known beforehand
//
// On residuals (reward - expected) a detector sees what the model did not foresee, not that the audience changed. What
// follows is the host's: reset_arm() or discount() of a bandit; drift_watch.hpp does it for each arm.

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace online {

/// requires: d.add(x) takes the next number and says whether it shows that the mean has changed; what came before the
///           change is then forgotten. Numbers that are not finite, or beyond 1e100, are ignored. d.mean() is that of
///           what is kept. d.reset() forgets all.
template <class D>
concept change_detector = requires(D& d, const D& known, double x) {
  { d.add(x) } -> std::same_as<bool>;
  { d.reset() } -> std::same_as<void>;
  { known.mean() } -> std::same_as<double>;
};

/// Options of adwin.
struct adwin_options {
  /// How often a stream without change may be cut, roughly, per look at a window; smaller is slower and surer. Range
  /// (0, 1). delta in the paper and in river.
  double delta = 0.002;
  /// Looks for a change at every so many numbers: 1 sees it soonest. Range [1, 1000000]. clock in river.
  std::uint32_t clock = 32;
  /// A part of the window is compared from this length on. Range [1, 1000000]. min_window_length in river.
  std::uint32_t min_length = 5;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(delta > 0 && delta < 1, "delta", "give a number in (0, 1)");
    tandem::detail::require_or(clock >= 1 && clock <= 1000000, "clock", "give a number in [1, 1000000]");
    tandem::detail::require_or(min_length >= 1 && min_length <= 1000000, "min_length", "give a number in [1, 1000000]");
  }
};

/// Adaptive windowing: drops the older part of the window while two parts differ by more than chance allows.
///
///   |mean0 - mean1| > sqrt(2 m variance L) + 2/3 m L,  m = 1/n0 + 1/n1,  L = ln(2 ln(n) / delta)
///
/// The window is kept as an exponential histogram: up to 6 buckets each of 1, 2, 4, ... numbers, so O(log W) memory,
/// here 4.6 KB inline, for any W. Numbers should lie in a range of about 1 (rewards in [0, 1]): the second term is in
/// their unit. Threads: thread-compatible. Allocates: nothing.
/// Source: Bifet and Gavalda, SDM 2007, ADWIN2, eq. 3.1; river 0.26 differs: see docs/policies.md.
class adwin {
 public:
  /// Errors: invalid_argument for an option out of its range.
  explicit adwin(const adwin_options& options = {}) : options_(options) { options.validate(); }

  /// Complexity: O(1) amortised, and O(log W) at every clock-th number.
  bool add(double x) noexcept;
  void reset() noexcept { *this = adwin(options_, unchecked{}); }

  /// Mean of the window; 0 when it is empty.
  [[nodiscard]] double mean() const noexcept { return width_ > 0 ? sum_ / width_ : 0.0; }
  /// Variance of the numbers in the window.
  [[nodiscard]] double variance() const noexcept { return width_ > 0 ? std::max(0.0, squares_) / width_ : 0.0; }
  /// Length of the window.
  [[nodiscard]] std::uint64_t width() const noexcept { return static_cast<std::uint64_t>(width_); }

 private:
  static constexpr std::size_t per_row = 6;
  static constexpr std::size_t max_rows = 48;  // of 2^row numbers a bucket: more than will ever come
  struct unchecked {};
  struct bucket {
    double sum = 0;
    double squares = 0;  // of deviations from its mean
  };
  struct row {
    std::uint8_t size = 0;
    std::array<bucket, per_row> buckets{};  // oldest first

    void drop(std::size_t n) noexcept {
      std::copy(buckets.begin() + static_cast<std::ptrdiff_t>(n), buckets.begin() + size, buckets.begin());
      size = static_cast<std::uint8_t>(size - n);
    }
  };

  adwin(const adwin_options& options, unchecked) noexcept : options_(options) {}
  /// squares of two parts together, less those of each
  static double between(double n0, double sum0, double n1, double sum1) noexcept {
    const double gap = sum0 / n0 - sum1 / n1;
    return n0 * n1 / (n0 + n1) * gap * gap;
  }
  void insert(double x) noexcept;
  void compress() noexcept;
  void drop_oldest() noexcept;
  [[nodiscard]] bool some_cut() const noexcept;
  [[nodiscard]] bool differ(double n0, double sum0) const noexcept;

  adwin_options options_;
  std::array<row, max_rows> rows_{};
  std::size_t used_rows_ = 1;
  double width_ = 0, sum_ = 0, squares_ = 0;
  std::uint32_t tick_ = 0;
};

/// Which shifts of the mean count.
enum class shift_direction : std::uint8_t { both, up, down };

/// Options of page_hinkley. The names are river's.
struct page_hinkley_options {
  /// A deviation sum that is a change. In the unit of the numbers; a shift of s is seen after about threshold / s.
  /// Range (0, inf). lambda in the literature.
  double threshold = 50;
  /// Shifts smaller than this are tolerated. Range [0, inf).
  double delta = 0.005;
  /// Each number fades the sum of those before it by this factor. Range (0, 1].
  double alpha = 0.9999;
  /// No change is announced before so many numbers.
  std::uint32_t min_observations = 30;
  shift_direction direction = shift_direction::both;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(threshold > 0 && std::isfinite(threshold), "threshold", "give a number > 0");
    tandem::detail::require_or(delta >= 0 && std::isfinite(delta), "delta", "give a number >= 0");
    tandem::detail::require_or(alpha > 0 && alpha <= 1, "alpha", "give a number in (0, 1]");
    tandem::detail::require_or(direction <= shift_direction::down, "direction", "give both, up or down");
  }
};

/// Page's test with Hinkley's running mean: sum of (x - mean - delta) above its minimum by more than the threshold, or
/// the same downward. Threads: thread-compatible. Allocates: nothing.
/// Source: Page 1954; Hinkley 1971; the fading sum is river's and MOA's.
class page_hinkley {
 public:
  /// Errors: invalid_argument for an option out of its range.
  explicit page_hinkley(const page_hinkley_options& options = {}) : options_(options) { options.validate(); }

  /// Complexity: O(1).
  bool add(double x) noexcept;
  void reset() noexcept {
    n_ = mean_ = 0;
    up_ = down_ = {};
  }

  /// Mean since the last change; 0 before the first number.
  [[nodiscard]] double mean() const noexcept { return mean_; }

 private:
  struct side {
    double sum = 0;
    double extreme = 0;
  };

  page_hinkley_options options_;
  double n_ = 0, mean_ = 0;
  side up_, down_;
};

inline bool adwin::add(double x) noexcept {
  if (!(std::abs(x) <= 1e100)) return false;
  insert(x);
  if (++tick_ < options_.clock) return false;
  tick_ = 0;
  bool changed = false;
  while (some_cut()) {
    drop_oldest();
    changed = true;
  }
  return changed;
}

inline void adwin::insert(double x) noexcept {
  if (width_ > 0) squares_ += between(1, x, width_, sum_);
  width_ += 1;
  sum_ += x;
  rows_[0].buckets[rows_[0].size++] = {x, 0};
  compress();
}

// a full row gives its two oldest buckets, as one, to the next
inline void adwin::compress() noexcept {
  for (std::size_t r = 0; r < used_rows_ && rows_[r].size == per_row; ++r) {
    const double n = std::ldexp(1.0, static_cast<int>(r));
    const bucket a = rows_[r].buckets[0];
    const bucket b = rows_[r].buckets[1];
    rows_[r].drop(2);
    if (r + 1 == max_rows) return;
    used_rows_ = std::max(used_rows_, r + 2);
    row& next = rows_[r + 1];
    next.buckets[next.size++] = {a.sum + b.sum, a.squares + b.squares + between(n, a.sum, n, b.sum)};
  }
}

inline void adwin::drop_oldest() noexcept {
  row& oldest = rows_[used_rows_ - 1];
  const double n = std::ldexp(1.0, static_cast<int>(used_rows_ - 1));
  const bucket gone = oldest.buckets[0];
  oldest.drop(1);
  while (used_rows_ > 1 && rows_[used_rows_ - 1].size == 0) --used_rows_;
  width_ -= n;
  sum_ -= gone.sum;
  squares_ = std::max(0.0, squares_ - gone.squares - between(n, gone.sum, width_, sum_));
}

// does any boundary between buckets part two windows that differ?
inline bool adwin::some_cut() const noexcept {
  double n0 = 0;
  double sum0 = 0;
  for (std::size_t r = used_rows_; r-- > 0;) {
    for (std::size_t b = 0; b < rows_[r].size; ++b) {
      n0 += std::ldexp(1.0, static_cast<int>(r));
      sum0 += rows_[r].buckets[b].sum;
      if (width_ - n0 < options_.min_length) return false;
      if (n0 >= options_.min_length && differ(n0, sum0)) return true;
    }
  }
  return false;
}

inline bool adwin::differ(double n0, double sum0) const noexcept {
  const double n1 = width_ - n0;
  const double m = 1 / n0 + 1 / n1;
  const double log_term = std::log(2 * std::log(std::max(width_, 3.0)) / options_.delta);
  const double cut = std::sqrt(2 * m * variance() * log_term) + 2.0 / 3 * m * log_term;
  return std::abs(sum0 / n0 - (sum_ - sum0) / n1) > cut;
}

inline bool page_hinkley::add(double x) noexcept {
  if (!(std::abs(x) <= 1e100)) return false;
  n_ += 1;
  mean_ += (x - mean_) / n_;
  up_.sum = options_.alpha * up_.sum + (x - mean_) - options_.delta;
  down_.sum = options_.alpha * down_.sum + (x - mean_) + options_.delta;
  up_.extreme = std::min(n_ > 1 ? up_.extreme : up_.sum, up_.sum);
  down_.extreme = std::max(n_ > 1 ? down_.extreme : down_.sum, down_.sum);
  if (n_ < options_.min_observations) return false;
  const bool up = options_.direction != shift_direction::down && up_.sum - up_.extreme > options_.threshold;
  const bool down = options_.direction != shift_direction::up && down_.extreme - down_.sum > options_.threshold;
  if (up || down) reset();
  return up || down;
}

}  // namespace online
TANDEM_END
