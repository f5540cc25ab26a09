#pragma once
// Two rankers compared on one list: each drafts items in turns, and the one whose items are taken wins the showing.
//
// A user who sees both rankers at once compares them himself, so that far fewer users are needed than to compare
// averages of two groups. It says which is preferred, not by how much a metric will move.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/evaluation/interval.hpp"

TANDEM_BEGIN
namespace evaluation {

/// Which ranker an item was drafted by.
enum class team : std::uint8_t { a, b };

/// An item of an interleaved list.
template <class Item>
struct drafted {
  Item item;
  team by;
};

/// Team draft: the team with fewer items picks its best that is not on the list yet, a coin decides when they are even.
///
/// Each of the two is as likely as the other to stand first, whatever they rank. A list that is used up picks no more.
/// @param count  items wanted; fewer when both lists have no more.
/// Complexity: O(count * (length of both lists)). Allocates: the answer. Same stream, same draft: give each showing its
/// own, e.g. random_stream(seed, decision id).
/// Source: Radlinski, Kurup and Joachims, CIKM 2008.
template <class Item>
[[nodiscard]] std::vector<drafted<Item>> team_draft(std::span<const Item> a, std::span<const Item> b, std::size_t count,
                                                    random_stream& random) {
  std::vector<drafted<Item>> out;
  const std::span<const Item> rankings[2] = {a, b};
  std::size_t next[2] = {0, 0};    // how far each list is used up
  std::size_t drafts[2] = {0, 0};  // items of each team
  const auto shown = [&](const Item& item) {
    return std::any_of(out.begin(), out.end(), [&](const drafted<Item>& each) { return each.item == item; });
  };
  while (out.size() < count) {
    for (std::size_t side = 0; side < 2; ++side) {
      while (next[side] < rankings[side].size() && shown(rankings[side][next[side]])) ++next[side];
    }
    const bool left[2] = {next[0] < a.size(), next[1] < b.size()};
    if (!left[0] && !left[1]) break;
    const bool coin = drafts[0] == drafts[1] && random.below(2) == 0;
    std::size_t side = drafts[0] < drafts[1] || coin ? 0 : 1;
    if (!left[side]) side = 1 - side;
    out.push_back({rankings[side][next[side]], side == 0 ? team::a : team::b});
    ++drafts[side];
  }
  return out;
}

/// P(a fair coin falls as unevenly as this or more, either way) in wins + losses throws: the exact sign test.
/// Complexity: O(min(wins, losses)). Allocates: nothing.
[[nodiscard]] inline double sign_test(std::uint64_t wins, std::uint64_t losses) noexcept {
  const double n = static_cast<double>(wins) + static_cast<double>(losses);
  const double least = static_cast<double>(std::min(wins, losses));
  double log_term = -n * std::numbers::ln2;
  for (double k = 1; k <= least; ++k) log_term += std::log((n - k + 1) / k);
  double sum = 0;
  double term = 1;  // of P(k) / P(least), downward
  for (double k = least; k >= 0 && term > sum * 1e-17; --k) {
    sum += term;
    term *= k / (n - k + 1);
  }
  return std::min(1.0, 2 * std::exp(log_term + std::log(sum)));
}

/// Counts showings won by each of two rankers.
/// Threads: thread-compatible. Allocates: nothing.
class interleaving {
 public:
  /// One showing: how many of each team's items were taken (clicked, bought). More wins; equally many is a tie, which
  /// the test leaves out. Showings must be independent: count one a user, of the sums, when users see many.
  void add(std::uint64_t taken_of_a, std::uint64_t taken_of_b) noexcept {
    if (taken_of_a > taken_of_b) {
      ++wins_of_a_;
    } else if (taken_of_b > taken_of_a) {
      ++wins_of_b_;
    } else {
      ++ties_;
    }
  }

  [[nodiscard]] std::uint64_t wins_of_a() const noexcept { return wins_of_a_; }
  [[nodiscard]] std::uint64_t wins_of_b() const noexcept { return wins_of_b_; }
  [[nodiscard]] std::uint64_t ties() const noexcept { return ties_; }

  /// Share of showings that A won, ties by half, less 1/2: in [-1/2, 1/2], above 0 when A is preferred; 0 before any.
  /// Delta_AB in Chapelle, Joachims, Radlinski and Yue, TOIS 2012.
  [[nodiscard]] double preference() const noexcept {
    const double a = static_cast<double>(wins_of_a_);
    const double b = static_cast<double>(wins_of_b_);
    const double n = a + b + static_cast<double>(ties_);
    return n > 0 ? (a - b) / (2 * n) : 0;
  }

  /// Exact, two-sided, for one look at a number of showings fixed beforehand; 1 before any. To look as often as one
  /// likes, feed 1, 0 (and nothing for a tie) to a betting_sequence, and see whether its range leaves 1/2.
  [[nodiscard]] double p_value() const noexcept { return sign_test(wins_of_a_, wins_of_b_); }

 private:
  std::uint64_t wins_of_a_ = 0;
  std::uint64_t wins_of_b_ = 0;
  std::uint64_t ties_ = 0;
};

}  // namespace evaluation
TANDEM_END
