#pragma once
// Which sources an answer can afford: what they have cost lately, and what is left out to keep within a budget.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/data/decision.hpp"

TANDEM_BEGIN
namespace hybrid {

/// How an answer is to be made: in full, or without some sources.
struct effort {
  answer_level level = answer_level::full;
  std::vector<bool> left_out;  ///< by source; empty = none
};

/// Seconds since it was made, or since the last lap; 0 always, and no clock is read, when it is off.
class stopwatch {
 public:
  explicit stopwatch(bool on) : on_(on) {
    if (on_) last_ = clock::now();
  }
  double lap() {
    if (!on_) return 0;
    const clock::time_point now = clock::now();
    const double out = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return out;
  }

 private:
  using clock = std::chrono::steady_clock;
  bool on_;
  clock::time_point last_{};
};

/// What the sources and the rest of an answer have cost lately, from answers that were timed.
///
/// An average moves a tenth of the way to each new time. What was left out is not timed: its average fades by a
/// fiftieth an answer, so that it is tried again once it looks cheap enough, and left out again if it is not.
/// Nothing an answer says depends on these numbers but its level and which sources it leaves out.
/// Threads: thread-compatible.
class cost_book {
 public:
  /// @param popular  by source: whether it is one of popularity and trends, which the last level keeps.
  explicit cost_book(std::vector<bool> popular) : popular_(std::move(popular)), seconds_(popular_.size(), 0.0) {}

  /// The most that the budget affords:
  ///   full     all sources, if they have fitted in;
  ///   lean     without the dearest ones, one after the other until the others fit in; popularity and trends stay;
  ///   popular  popularity and trends only, whether these fit in or not; without any of them the cheapest source.
  /// A budget of zero is none. Complexity: O(sources log sources).
  [[nodiscard]] effort afford(std::chrono::nanoseconds budget) const {
    effort out;
    const double most = std::chrono::duration<double>(budget).count();
    double sum = rest_;
    for (const double each : seconds_) sum += each;
    if (budget <= std::chrono::nanoseconds::zero() || sum <= most) return out;
    out.left_out.assign(seconds_.size(), false);
    for (const std::size_t s : dearest_first()) {
      if (sum <= most) {
        out.level = answer_level::lean;
        return out;
      }
      out.left_out[s] = true;
      sum -= seconds_[s];
    }
    out.level = answer_level::popular;
    return out;
  }

  /// Learns what an answer cost. @param left_out  as effort::left_out.   @param seconds  by source; of those that were
  /// left out nothing is read; empty = no source was asked.   @param total  with all that was done besides.
  void learn(const std::vector<bool>& left_out, std::span<const double> seconds, double total) {
    if (seconds.size() != seconds_.size()) return;
    for (std::size_t s = 0; s < seconds.size(); ++s) {
      const bool asked = left_out.empty() || !left_out[s];
      seconds_[s] = asked ? moved(seconds_[s], seconds[s]) : seconds_[s] * 0.98;
      total -= asked ? seconds[s] : 0.0;
    }
    rest_ = moved(rest_, std::max(0.0, total));
    known_ = true;
  }

  /// The averages by source, in seconds.
  [[nodiscard]] std::span<const double> seconds() const noexcept { return seconds_; }

 private:
  [[nodiscard]] double moved(double from, double to) const noexcept { return known_ ? from + (to - from) / 10 : to; }

  // what may be left out, dearest first; all but popularity and trends, or all but the cheapest
  [[nodiscard]] std::vector<std::size_t> dearest_first() const {
    std::vector<std::size_t> order;
    order.reserve(seconds_.size());
    for (std::size_t s = 0; s < seconds_.size(); ++s) {
      if (!popular_[s]) order.push_back(s);
    }
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return seconds_[a] > seconds_[b]; });
    if (order.size() == seconds_.size() && !order.empty()) order.pop_back();
    return order;
  }

  std::vector<bool> popular_;
  std::vector<double> seconds_;
  double rest_ = 0;
  bool known_ = false;
};

/// Whether a source is one of those that the last level keeps.
[[nodiscard]] inline bool is_popular(std::string_view source) noexcept {
  return source == "popularity" || source.starts_with("trend_");
}

}  // namespace hybrid
TANDEM_END
