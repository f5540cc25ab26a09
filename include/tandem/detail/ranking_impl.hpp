#pragma once
// Bodies of evaluation/ranking.hpp.

#include "tandem/evaluation/ranking.hpp"

TANDEM_BEGIN
namespace evaluation {
namespace detail {

inline float comparable(float score) noexcept {
  return std::isnan(score) ? -std::numeric_limits<float>::infinity() : score;
}

inline bool is_ranked(std::size_t n_items, item_index target, std::span<const std::uint8_t> allowed) noexcept {
  return slot(target) < n_items && (allowed.empty() || allowed[slot(target)] != 0);
}

inline std::size_t hits(std::span<const double> ranks, std::size_t k) noexcept {
  return static_cast<std::size_t>(std::lower_bound(ranks.begin(), ranks.end(), static_cast<double>(k)) - ranks.begin());
}

}  // namespace detail

inline double expected_rank(std::span<const float> scores, item_index target,
                            std::span<const std::uint8_t> allowed) noexcept {
  TANDEM_ASSERT(allowed.empty() || allowed.size() == scores.size());
  if (!detail::is_ranked(scores.size(), target, allowed)) return missed;
  const float own = detail::comparable(scores[slot(target)]);
  std::size_t above = 0;
  std::size_t tied = 0;  // the target too
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!allowed.empty() && allowed[i] == 0) continue;
    const float other = detail::comparable(scores[i]);
    above += other > own ? 1U : 0U;
    tied += other == own ? 1U : 0U;
  }
  return static_cast<double>(above) + static_cast<double>(tied - 1) / 2;
}

inline std::vector<double> expected_ranks(std::span<const float> scores, std::span<const item_index> targets,
                                          std::span<const std::uint8_t> allowed) {
  TANDEM_ASSERT(allowed.empty() || allowed.size() == scores.size());
  struct level {
    float score;
    std::size_t targets = 0;  // that score so
    std::size_t tied = 0;     // items that score so
    std::size_t between = 0;  // items that score less than the level before and more than this one
  };
  std::vector<level> levels;  // descending by score
  for (const item_index target : targets) {
    if (detail::is_ranked(scores.size(), target, allowed)) {
      levels.push_back({detail::comparable(scores[slot(target)]), 1});
    }
  }
  std::sort(levels.begin(), levels.end(), [](const level& a, const level& b) { return a.score > b.score; });
  std::size_t kept = 0;
  for (const level& each : levels) {
    if (kept > 0 && levels[kept - 1].score == each.score) {
      ++levels[kept - 1].targets;
    } else {
      levels[kept++] = each;
    }
  }
  levels.resize(kept);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!allowed.empty() && allowed[i] == 0) continue;
    const float score = detail::comparable(scores[i]);
    const auto at =
        std::lower_bound(levels.begin(), levels.end(), score, [](const level& l, float s) { return l.score > s; });
    if (at == levels.end()) continue;
    ++(at->score == score ? at->tied : at->between);
  }
  std::vector<double> ranks;
  ranks.reserve(targets.size());
  std::size_t first = 0;
  for (const level& each : levels) {
    first += each.between;
    const double gap = static_cast<double>(each.tied + 1) / static_cast<double>(each.targets + 1);
    for (std::size_t j = 1; j <= each.targets; ++j) {
      ranks.push_back(static_cast<double>(first) + static_cast<double>(j) * gap - 1);
    }
    first += each.tied;
  }
  ranks.resize(targets.size(), missed);
  return ranks;
}

inline std::vector<double> ranks_in(std::span<const item_index> list, std::span<const item_index> targets) {
  std::vector<item_index> wanted(targets.begin(), targets.end());
  std::sort(wanted.begin(), wanted.end());
  std::vector<double> ranks;
  ranks.reserve(targets.size());
  for (std::size_t r = 0; r < list.size(); ++r) {
    if (std::binary_search(wanted.begin(), wanted.end(), list[r])) ranks.push_back(static_cast<double>(r));
  }
  TANDEM_ASSERT(ranks.size() <= targets.size());  // else the list repeats an item
  ranks.resize(targets.size(), missed);
  return ranks;
}

inline double recall_at(std::span<const double> ranks, std::size_t k, recall_of divisor) noexcept {
  const std::size_t of = divisor == recall_of::all ? ranks.size() : std::min(k, ranks.size());
  return of == 0 ? 0.0 : static_cast<double>(detail::hits(ranks, k)) / static_cast<double>(of);
}

inline double precision_at(std::span<const double> ranks, std::size_t k) noexcept {
  return k == 0 ? 0.0 : static_cast<double>(detail::hits(ranks, k)) / static_cast<double>(k);
}

inline double ndcg_at(std::span<const double> ranks, std::size_t k) noexcept {
  const std::size_t reachable = std::min(k, ranks.size());
  if (reachable == 0) return 0;
  double gain = 0;
  double ideal = 0;
  for (std::size_t j = 0; j < ranks.size() && ranks[j] < static_cast<double>(k); ++j) gain += ndcg_at(ranks[j], k);
  for (std::size_t j = 0; j < reachable; ++j) ideal += ndcg_at(static_cast<double>(j), k);
  return gain / ideal;
}

inline double average_precision_at(std::span<const double> ranks, std::size_t k) noexcept {
  const std::size_t reachable = std::min(k, ranks.size());
  if (reachable == 0) return 0;
  double sum = 0;
  for (std::size_t j = 0; j < ranks.size() && ranks[j] < static_cast<double>(k); ++j) {
    sum += static_cast<double>(j + 1) / (ranks[j] + 1);
  }
  return sum / static_cast<double>(reachable);
}

inline double reciprocal_rank(std::span<const double> ranks) noexcept {
  return ranks.empty() ? 0.0 : reciprocal_rank(ranks.front());
}

inline void ranking_total::add(std::span<const double> ranks) noexcept {
  if (ranks.empty()) return;
  ++sum_.n;
  sum_.ndcg += ndcg_at(ranks, sum_.k);
  sum_.recall += recall_at(ranks, sum_.k);
  sum_.precision += precision_at(ranks, sum_.k);
  sum_.map += average_precision_at(ranks, sum_.k);
  sum_.mrr += reciprocal_rank(ranks);
}

inline ranking_report ranking_total::report() const noexcept {
  ranking_report mean = sum_;
  if (mean.n == 0) return mean;
  const double n = static_cast<double>(mean.n);
  for (double* each : {&mean.ndcg, &mean.recall, &mean.precision, &mean.map, &mean.mrr}) *each /= n;
  return mean;
}

inline catalogue_total::catalogue_total(std::span<const std::uint64_t> popularity)
    : shown_(popularity.size(), 0), bits_(popularity.size()) {
  double total = 0;
  for (const std::uint64_t count : popularity) total += static_cast<double>(std::max<std::uint64_t>(count, 1));
  for (std::size_t i = 0; i < popularity.size(); ++i) {
    bits_[i] = static_cast<float>(std::log2(total / static_cast<double>(std::max<std::uint64_t>(popularity[i], 1))));
  }
}

inline void catalogue_total::add(std::span<const item_index> slate) noexcept {
  ++slates_;
  for (const item_index item : slate) {
    TANDEM_ASSERT(slot(item) < shown_.size());
    ++shown_[slot(item)];
    if (!bits_.empty()) bits_shown_ += static_cast<double>(bits_[slot(item)]);
  }
}

inline catalogue_report catalogue_total::report() const {
  catalogue_report out;
  out.slates = slates_;
  std::size_t covered = 0;
  for (const std::uint64_t count : shown_) {
    out.shown += count;
    covered += count > 0 ? 1U : 0U;
  }
  if (!shown_.empty()) out.coverage = static_cast<double>(covered) / static_cast<double>(shown_.size());
  if (out.shown > 0) out.novelty = bits_shown_ / static_cast<double>(out.shown);
  out.gini = evaluation::gini(shown_);
  return out;
}

inline double gini(std::span<const std::uint64_t> amounts) {
  std::vector<std::uint64_t> ascending(amounts.begin(), amounts.end());
  std::sort(ascending.begin(), ascending.end());
  const double n = static_cast<double>(ascending.size());
  double total = 0;
  double tilted = 0;
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    const double x = static_cast<double>(ascending[i]);
    total += x;
    tilted += (2 * static_cast<double>(i + 1) - n - 1) * x;
  }
  return total > 0 ? tilted / (n * total) : 0.0;
}

}  // namespace evaluation
TANDEM_END
