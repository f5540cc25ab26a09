#pragma once
// Intervals that may be looked at after every observation: with probability `confidence` none of them, ever, misses.
//
// An ordinary 95 % interval misses 5 % of the time at one n that was fixed beforehand; who looks daily and stops when
// it pleases is misled far more often. A confidence sequence holds at all n at once, so stopping when it pleases is
// allowed. The price is width: about twice that of a normal interval.
//
//   betting_sequence     exact at every n, for observations of a declared range; any distribution in it
//   asymptotic_sequence  for any finite variance, without a range; exact only as n grows: look from some 100 on
//
// Both ask of the stream that its mean, given the past, does not change.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/detail/running_moments.hpp"
#include "tandem/evaluation/interval.hpp"

TANDEM_BEGIN
namespace evaluation {

/// Options of betting_sequence, and of whatever bounds a mean by betting.
struct betting_options {
  /// What the sequence covers, over all n together. Range (0, 1).
  double confidence = 0.95;
  /// What observations lie in, ends included; finite, low < high. For an off-policy estimate: the reward's range.
  interval values = {0, 1};
  /// Candidate means tried on each side. Range [8, 1000000]. An end is rounded outward to one of them, which lie
  /// pi / candidates * sqrt(m (1 - m)) apart at m, on the range scaled to [0, 1]; memory is 144 bytes each.
  std::size_t candidates = 1000;

  /// Errors: invalid_argument, naming the option.
  void validate() const;
};

namespace detail {

/// The largest lower bound that bets support for the mean, in [0, 1], of observations >= 0 (no upper limit needed).
///
/// Who holds that the mean is m must accept, before each x, a bet that pays 1 + lambda (x - m). Capital of 1 / error
/// made of 1 refutes m (Ville 1939). It starts in eight equal parts with lambda = 4^-k / 2m, k = 0 ... 7: one of them
/// fits, whatever the variance, even where a single x in thousands is large. All fall in m: what is refuted is always
/// an interval from 0.
class betting_bound {
 public:
  static constexpr std::size_t stakes = 8;

  /// @param error  probability with which the bound may ever lie above the mean.
  betting_bound(double error, std::size_t candidates);
  /// Requires x >= 0, finite. Candidates above `most` are let be: something else has refuted them.
  /// Complexity: O(candidates between low() and most).
  void add(double x, double most) noexcept;
  [[nodiscard]] double low() const noexcept { return refuted_ == 0 ? 0 : mean_[refuted_ - 1]; }

 private:
  double enough_;
  std::size_t refuted_ = 0;  // candidates below this index
  std::size_t end_;          // candidates from this index on are let be
  std::vector<double> mean_;
  std::vector<std::array<double, stakes>> capital_;
};

/// Two bounds that close in on a mean in [0, 1], each at half the error; the range never grows.
class betting_range {
 public:
  betting_range(double error, std::size_t candidates) : above_(error / 2, candidates), below_(error / 2, candidates) {}
  /// @param x  >= 0 of the same mean as the range's.   @param mirrored  >= 0 with mean 1 - that mean.
  void add(double x, double mirrored) noexcept;
  [[nodiscard]] const interval& range() const noexcept { return range_; }
  [[nodiscard]] std::uint64_t n() const noexcept { return n_; }
  [[nodiscard]] bool contradictory() const noexcept { return contradictory_; }

 private:
  betting_bound above_;
  betting_bound below_;
  interval range_ = {0, 1};
  std::uint64_t n_ = 0;
  bool contradictory_ = false;
};

}  // namespace detail

/// Exact at every n: with probability `confidence` the mean of a bounded stream lies in range() at all n.
///
/// Threads: thread-compatible. Allocates: at construction, 144 bytes a candidate. Deterministic.
/// Source: Waudby-Smith and Ramdas, JRSS-B 2024: hedged capital (theorem 3, theta = 1/2) with grid Kelly bets, here on
/// a geometric grid; ranges are intersected as n grows.
class betting_sequence {
 public:
  /// Errors: invalid_argument for an option out of its range.
  explicit betting_sequence(const betting_options& options = {});

  /// Complexity: O(candidates in range()): a few microseconds at first, less and less as the range shrinks.
  /// Errors (x is not counted): invalid_argument for x outside the declared range, NaN too.
  void add(double x);

  /// Starts as the declared range; never grows.
  [[nodiscard]] interval range() const noexcept;
  [[nodiscard]] std::uint64_t n() const noexcept { return range_.n(); }
  /// True when the observations refute every mean: it changes over the stream (or 1 - confidence has struck). range()
  /// is then the last that was not empty, and stays.
  [[nodiscard]] bool contradictory() const noexcept { return range_.contradictory(); }

 private:
  betting_options options_;
  detail::betting_range range_;
};

/// The interval of an asymptotic confidence sequence around an estimate that is a mean of n independent terms, or
/// nearly so: IPS, SNIPS, DR, a difference of two arms (n then counts both).
///
/// half width = standard_error * sqrt(2 (n rho^2 + 1) / (n rho^2) * ln(sqrt(n rho^2 + 1) / alpha)), alpha = 1 -
/// confidence.
/// @param tuned_for  the n at which the sequence is narrowest, > 0; rho^2 = (-2 ln alpha + ln(1 - 2 ln alpha)) /
///                   tuned_for. Choose it before looking.
/// Requires 0 < confidence < 1, n > 0. Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics
/// 2024, theorem 2.2 (rho there), with the N* of GrowthBook's sequential tests.
[[nodiscard]] interval asymptotic_interval(double estimate, double standard_error, double n, double confidence = 0.95,
                                           double tuned_for = 5000) noexcept;

/// Options of asymptotic_sequence.
struct asymptotic_options {
  /// What the sequence covers, over all n together, as n grows. Range (0, 1).
  double confidence = 0.95;
  /// The n at which the sequence is to be narrowest. Range [1, 1e15]. Choose it before looking. N* in GrowthBook.
  double tuned_for = 5000;

  /// Errors: invalid_argument, naming the option.
  void validate() const;
};

/// For observations of unknown range. Its coverage is a limit: early ranges, before the variance is known, may miss
/// more often than asked, above all for rare or heavy-tailed rewards. Look from some 100 observations (or 30 clicks)
/// on. Threads: thread-compatible. Allocates: nothing.
class asymptotic_sequence {
 public:
  /// Errors: invalid_argument for an option out of its range.
  explicit asymptotic_sequence(const asymptotic_options& options = {}) : options_(options) { options.validate(); }

  /// Errors (x is not counted): not_finite.
  void add(double x) {
    if (!std::isfinite(x)) throw error(errc::not_finite, "is " + std::to_string(x), {.field = "x"});
    moments_.add(x);
  }

  /// The whole line for fewer than two observations.
  [[nodiscard]] interval range() const noexcept;
  [[nodiscard]] std::uint64_t n() const noexcept { return moments_.n(); }
  [[nodiscard]] double mean() const noexcept { return moments_.mean(); }

 private:
  asymptotic_options options_;
  detail::running_moments moments_;
};

}  // namespace evaluation
TANDEM_END

#include "tandem/detail/confidence_sequence_impl.hpp"
