#pragma once
// Diversity of a page: what a candidate is worth at a place, given the items above it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/core/kernels.hpp"
#include "tandem/data/page_rules.hpp"
#include "tandem/hybrid/page_rules.hpp"
#include "tandem/hybrid/source.hpp"
#include "tandem/online/estimate.hpp"

TANDEM_BEGIN
namespace hybrid {

/// What an item is compared by. Borrows from the knowledge.
struct portrait {
  std::span<const float> factors;        ///< of the batch model; empty for an item that it did not learn
  float inverse_norm = 0;                ///< of the factors
  std::span<const std::uint32_t> facts;  ///< attributes
};

/// Complexity: O(rank). Allocates: nothing. Threads: pure.
[[nodiscard]] inline portrait portrait_of(const knowledge& known, item_index item) noexcept {
  portrait out;
  out.facts = detail::facts_of(known, item);
  if (known.batch == nullptr || slot(item) >= known.batch->model->n_items()) return out;
  const std::span<const float> y = known.batch->model->item_factors(item);
  const float square = kernels().dot(y.data(), y.data(), y.size());
  if (!(square > 0)) return out;
  out.factors = y;
  out.inverse_norm = 1 / std::sqrt(square);
  return out;
}

/// How alike two items are: the cosine of their factors, in [-1, 1], where both have some; else the share of their
/// attributes that they have in common (Jaccard), in [0, 1]. Unrelated is 0 in both.
/// Complexity: O(rank), or O(facts^2). Allocates: nothing. Threads: pure.
[[nodiscard]] inline float likeness(const portrait& a, const portrait& b) noexcept {
  if (!a.factors.empty() && !b.factors.empty()) {
    const float inner = kernels().dot(a.factors.data(), b.factors.data(), a.factors.size());
    return std::clamp(inner * a.inverse_norm * b.inverse_norm, -1.0F, 1.0F);
  }
  std::size_t common = 0;
  for (const std::uint32_t fact : a.facts) common += std::ranges::find(b.facts, fact) != b.facts.end() ? 1U : 0U;
  const std::size_t all = a.facts.size() + b.facts.size() - common;
  return all == 0 ? 0.0F : static_cast<float>(common) / static_cast<float>(all);
}

/// Weighs candidates by the items above them on the page. A policy that is shown the weighed estimates draws from what
/// it is shown, so its propensities stay exact.
///
/// With s the spread of the scores, sim the likeness, and the items above a place as A:
///   mmr   mean' = (1 - lambda) mean - lambda s max(0, max over a in A of sim(i, a)),  variance' = (1 - lambda)^2
///   variance. dpp   mean' = mean + s log(max(d_i^2, 1e-6)) / (2 theta), d_i^2 = det S_{A + i} / det S_A, S the
///   likenesses with a diagonal of 1. Taking the highest mean' at each place maximises log det L greedily, L_ij = q_i
///   S_ij q_j, q = exp(theta mean / s).
/// For a determinant opposite is as alike as equal; and where some items have factors and others not, S need not be
/// positive definite: d^2 then stops at the floor, which is also what a copy of an item above gets: it comes late, not
/// never.
/// Source: Carbonell and Goldstein, SIGIR 1998 (their lambda is 1 - ours); Chen, Zhang and Zhou, NeurIPS 2018,
/// algorithm 1 and equation 6.
/// Complexity: a page of n places from pools of p: O(n p rank) for mmr, O(n p (rank + n)) for dpp. Allocates: 100 bytes
/// a candidate seen, for dpp 8 a place above it besides. Threads: thread-compatible.
class diversifier {
 public:
  /// @param known   must outlive it.
  /// @param spread  of the scores: their standard deviation. > 0.
  diversifier(const diversity_rule& rule, const knowledge& known, double spread)
      : rule_(rule), known_(&known), spread_(spread) {}

  /// The estimate of a candidate as it counts at the next place. @param c  the candidate's number, always the same.
  [[nodiscard]] online::estimate weigh(std::size_t c, item_index item, const online::estimate& e) {
    if (rule_.kind == diversity_kind::none || placed_.empty() || !e.finite()) return first(e);
    const member& m = up_to_date(c, item);
    if (rule_.kind == diversity_kind::dpp) {
      const double penalty = spread_ * std::log(std::max(m.left, floor)) / (2 * rule_.theta);
      return {static_cast<float>(double{e.mean} + penalty), e.variance};
    }
    online::estimate out = first(e);
    out.mean = static_cast<float>(double{out.mean} - rule_.lambda * spread_ * m.most_alike);
    return out;
  }

  /// The candidate has come onto the page.
  void place(std::size_t c, item_index item) {
    if (rule_.kind == diversity_kind::none) return;
    (void)up_to_date(c, item);
    placed_.push_back(c);
  }

 private:
  static constexpr double floor = 1e-6;

  struct member {
    portrait looks;
    bool known = false;
    std::size_t taken_in = 0;   // items of the page, from the top
    double most_alike = 0;      // mmr
    double left = 1;            // dpp: d^2
    std::vector<double> along;  // dpp: the row of the Cholesky factor, one number for each item of the page
  };

  // at the first place: nothing is like what stands above
  [[nodiscard]] online::estimate first(const online::estimate& e) const noexcept {
    if (rule_.kind != diversity_kind::mmr) return e;
    const double kept = 1 - rule_.lambda;
    return {static_cast<float>(kept * double{e.mean}), static_cast<float>(kept * kept * double{e.variance})};
  }

  const member& up_to_date(std::size_t c, item_index item) {
    if (c >= members_.size()) members_.resize(c + 1);
    member& m = members_[c];
    if (!m.known) m.looks = portrait_of(*known_, item);
    m.known = true;
    for (; m.taken_in < placed_.size(); ++m.taken_in) take_in(m, members_[placed_[m.taken_in]]);
    return m;
  }

  void take_in(member& m, const member& above) const {
    const double alike{likeness(m.looks, above.looks)};
    m.most_alike = std::max(m.most_alike, alike);
    if (rule_.kind != diversity_kind::dpp) return;
    double known = 0;
    for (std::size_t j = 0; j < m.along.size(); ++j) known += m.along[j] * above.along[j];
    // what was at the floor when it was placed adds no direction
    const double more = above.left > floor ? (alike - known) / std::sqrt(above.left) : 0;
    m.along.push_back(more);
    m.left -= more * more;
  }

  diversity_rule rule_;
  const knowledge* known_;
  double spread_;
  std::vector<member> members_;      // by number of the candidate
  std::vector<std::size_t> placed_;  // from the top
};

}  // namespace hybrid
TANDEM_END
