#pragma once
// Pearson's chi-square: do counts fit the probabilities they are said to come from?

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "support/distributions.hpp"

namespace tandem_test {

/// P(a statistic at least this large) when counts[i] were drawn with probabilities[i]. Entries of fewer than 10
/// expected counts are judged together; a count where the probability is 0 gives 0.
inline double chi_square_p(std::span<const std::size_t> counts, std::span<const double> probabilities) {
  const auto n = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::size_t{0}));
  std::vector<std::pair<double, double>> cells;  // expected, observed
  std::pair<double, double> rare{0, 0};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (probabilities[i] <= 0 && counts[i] > 0) return 0;
    const std::pair<double, double> cell{n * probabilities[i], static_cast<double>(counts[i])};
    if (cell.first >= 10) {
      cells.push_back(cell);
    } else {
      rare = {rare.first + cell.first, rare.second + cell.second};
    }
  }
  if (rare.first >= 10 || cells.empty()) {
    cells.push_back(rare);
  } else {
    auto& smallest = *std::min_element(cells.begin(), cells.end());
    smallest = {smallest.first + rare.first, smallest.second + rare.second};
  }
  if (cells.size() < 2) return 1;
  double statistic = 0;
  for (const auto& [expected, observed] : cells) {
    statistic += (observed - expected) * (observed - expected) / expected;
  }
  return 1 - gamma_cdf(0.5 * static_cast<double>(cells.size() - 1), 0.5 * statistic);
}

}  // namespace tandem_test
