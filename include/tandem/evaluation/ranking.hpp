#pragma once
// How well a ranking put what was taken near the top; every measure is a function of the targets' ranks.
//
// Ranks count from 0. Ties: a target among equal scores stands at its expected place when equals are shuffled, and a
// measure is the gain at that place (not the mean of the gain over the tied places). A ranking that says nothing, all
// scores equal, thus earns nothing for a long catalogue; counting ties as wins would flatter sparse scores up to
// twofold. A rank of `missed` (infinity) means that the target was not ranked: it earns 0 in every measure.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"

TANDEM_BEGIN
namespace evaluation {

/// The rank of a target that was not ranked at all.
inline constexpr double missed = std::numeric_limits<double>::infinity();

// ---- ranks ------------------------------------------------------------------------------------------------------

/// The place of `target`: items with a higher score + half of the other items with the same score.
///
/// @param scores   of every item, higher is better. NaN counts as -infinity: the lowest score.
/// @param allowed  one flag an item, 0 = left out of the ranking; empty = all allowed.
/// @return         in [0, n_items), a multiple of 1/2; `missed` when the target is out of range or not allowed.
/// Complexity: O(n_items). Allocates: nothing. Requires: allowed is empty or as long as scores.
[[nodiscard]] double expected_rank(std::span<const float> scores, item_index target,
                                   std::span<const std::uint8_t> allowed = {}) noexcept;

/// The places of several targets, ascending: element j is the expected place of the j-th best of them.
///
/// Of t targets among g tied items whose first place is a, the j-th (from 1) stands at a + j (g + 1) / (t + 1) - 1,
/// the mean of an order statistic of t draws without replacement from g; for one target this is expected_rank().
/// @param targets  distinct items; those that are out of range or not allowed stand at `missed`, so that the result
///                 is as long as targets.
/// Complexity: O((n_items + targets) log targets). Allocates: O(targets).
[[nodiscard]] std::vector<double> expected_ranks(std::span<const float> scores, std::span<const item_index> targets,
                                                 std::span<const std::uint8_t> allowed = {});

/// The places of `targets` (distinct) in a list (distinct, best first), ascending; those not in it stand at `missed`.
/// Complexity: O((list + targets) log targets). Allocates: O(targets).
[[nodiscard]] std::vector<double> ranks_in(std::span<const item_index> list, std::span<const item_index> targets);

// ---- one target (prequential: one event at a time) --------------------------------------------------------------

/// 1 if rank < k, else 0. Also called hit rate, HR@k; with one target it is recall@k.
[[nodiscard]] inline double hit_at(double rank, std::size_t k) noexcept {
  return rank < static_cast<double>(k) ? 1.0 : 0.0;
}

/// 1 / log2(rank + 2) if rank < k, else 0: NDCG (Järvelin and Kekäläinen 2002) with one target of gain 1.
[[nodiscard]] inline double ndcg_at(double rank, std::size_t k) noexcept {
  return rank < static_cast<double>(k) ? 1 / std::log2(rank + 2) : 0.0;
}

/// 1 / (rank + 1); 0 for a rank of `missed`.
[[nodiscard]] inline double reciprocal_rank(double rank) noexcept { return 1 / (rank + 1); }

// ---- several targets (a held-out set) ---------------------------------------------------------------------------
// `ranks` ascends and holds one rank per target, as expected_ranks() and ranks_in() give them. No targets: 0.

/// What recall@k divides by.
enum class recall_of : std::uint8_t {
  reachable,  ///< min(k, targets): k hits make 1 (Liang et al. 2018, "Variational autoencoders for CF")
  all,        ///< targets: the textbook's recall
};

/// Targets with rank < k, divided by min(k, targets) or by all targets.
[[nodiscard]] double recall_at(std::span<const double> ranks, std::size_t k,
                               recall_of divisor = recall_of::reachable) noexcept;

/// Targets with rank < k, divided by k. 0 for k = 0.
[[nodiscard]] double precision_at(std::span<const double> ranks, std::size_t k) noexcept;

/// DCG@k / ideal DCG@k: sum over ranks r < k of 1 / log2(r + 2), divided by the same sum over 0 ... min(k, targets)
/// - 1.
[[nodiscard]] double ndcg_at(std::span<const double> ranks, std::size_t k) noexcept;

/// sum over the j-th best target (from 1) with rank r < k of j / (r + 1), divided by min(k, targets).
/// Its mean over users is MAP@k.
[[nodiscard]] double average_precision_at(std::span<const double> ranks, std::size_t k) noexcept;

/// 1 / (best rank + 1). Its mean over users is MRR.
[[nodiscard]] double reciprocal_rank(std::span<const double> ranks) noexcept;

/// Means of the measures over what was added; all 0 when nothing was.
struct ranking_report {
  std::size_t k = 0;
  std::uint64_t n = 0;   ///< rankings that went in
  double ndcg = 0;       ///< NDCG@k
  double recall = 0;     ///< recall@k over reachable targets; the hit rate when each ranking has one target
  double precision = 0;  ///< precision@k
  double map = 0;        ///< MAP@k
  double mrr = 0;        ///< mean reciprocal rank, no cut-off
};

/// Adds up the measures of many rankings. Threads: thread-compatible. Allocates: nothing.
class ranking_total {
 public:
  explicit ranking_total(std::size_t k) noexcept { sum_.k = k; }

  /// One target, e.g. one event of a prequential walk.
  void add(double rank) noexcept { add(std::span<const double>(&rank, 1)); }
  /// One held-out set, by the ascending ranks of its targets. An empty set is not counted.
  void add(std::span<const double> ranks) noexcept;

  [[nodiscard]] ranking_report report() const noexcept;

 private:
  ranking_report sum_;
};

// ---- the catalogue ----------------------------------------------------------------------------------------------

/// What many slates did with a catalogue of n items.
struct catalogue_report {
  std::uint64_t slates = 0;
  std::uint64_t shown = 0;  ///< places filled, over all slates
  double coverage = 0;      ///< share of the catalogue shown at least once
  double gini = 0;          ///< of exposure over all items: 0 = all shown alike, 1 - 1/n = one item takes all
  double novelty = 0;       ///< mean self-information of what was shown, in bits; 0 without popularity
};

/// Counts how often each item was shown. Threads: thread-compatible. Memory: 8 bytes an item, 12 with popularity.
class catalogue_total {
 public:
  /// @param n_items  the catalogue's size.
  explicit catalogue_total(std::size_t n_items) : shown_(n_items, 0) {}

  /// With novelty: the self-information of item i is -log2(popularity[i] / sum of popularity), its surprise when an
  /// event is drawn at random (Zhou et al. 2010, Vargas and Castells 2011). Counts below 1 count as 1, so that an item
  /// that nobody took yet is as new as the least known one, not infinitely new.
  /// @param popularity  events of each item; its length is the catalogue's size.
  explicit catalogue_total(std::span<const std::uint64_t> popularity);

  /// One slate. Requires: every item lies in the catalogue. Allocates: nothing.
  void add(std::span<const item_index> slate) noexcept;

  /// How often each item was shown.
  [[nodiscard]] std::span<const std::uint64_t> exposure() const noexcept { return shown_; }

  /// Gini coefficient: sum_i (2 i - n - 1) x_i / (n sum x) over the exposures x ascending, i from 1.
  /// Complexity: O(n log n). Allocates: O(n).
  [[nodiscard]] catalogue_report report() const;

 private:
  std::vector<std::uint64_t> shown_;
  std::vector<float> bits_;  // self-information; empty without popularity
  std::uint64_t slates_ = 0;
  double bits_shown_ = 0;
};

/// Gini coefficient of non-negative amounts, as in catalogue_report. 0 when there is nothing to share.
[[nodiscard]] double gini(std::span<const std::uint64_t> amounts);

}  // namespace evaluation
TANDEM_END

#include "tandem/detail/ranking_impl.hpp"
