#pragma once
// What is known of users or items besides their events: a sparse matrix, one row each, mostly zeros.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tandem/core/error.hpp"

TANDEM_BEGIN

/// One value of a feature matrix. A genre, a brand or a word is a column of its own, with value 1 where it applies.
struct feature_entry {
  std::uint32_t row = 0;      ///< index of the user or item
  std::uint32_t feature = 0;  ///< column
  float value = 1;            ///< finite
};

/// Features of one row: columns and values, of equal length, each column once. Zeros are left out.
struct feature_row {
  std::span<const std::uint32_t> index;
  std::span<const float> value;
  [[nodiscard]] std::size_t size() const noexcept { return index.size(); }
};

/// An immutable sparse matrix of rows x features, compressed by rows (CSR).
/// Threads: immutable. Complexity: row access O(1); building O(entries log entries). Memory: 8 bytes an entry and a
/// row.
class feature_matrix {
 public:
  /// No rows.
  feature_matrix() = default;

  /// Gathers `entries` in any order. An entry given twice adds up; zeros are dropped.
  /// Errors: invalid_argument for a row or feature out of range; not_finite for a value, or a sum of them.
  [[nodiscard]] static feature_matrix from_entries(std::span<const feature_entry> entries, std::size_t n_rows,
                                                   std::size_t n_features);

  [[nodiscard]] std::size_t n_rows() const noexcept { return start_.size() - 1; }
  [[nodiscard]] std::size_t n_features() const noexcept { return n_features_; }
  /// Stored entries.
  [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }

  /// The features of one row, ascending by column.
  [[nodiscard]] feature_row row(std::size_t r) const noexcept {
    TANDEM_ASSERT(r < n_rows());
    const std::size_t n = start_[r + 1] - start_[r];
    return {{index_.data() + start_[r], n}, {value_.data() + start_[r], n}};
  }

 private:
  std::size_t n_features_ = 0;
  std::vector<std::size_t> start_ = std::vector<std::size_t>(1, 0);
  std::vector<std::uint32_t> index_;
  std::vector<float> value_;
};

inline feature_matrix feature_matrix::from_entries(std::span<const feature_entry> entries, std::size_t n_rows,
                                                   std::size_t n_features) {
  for (const feature_entry& e : entries) {
    const std::string where = "feature " + std::to_string(e.feature) + " of row " + std::to_string(e.row);
    if (e.row >= n_rows || e.feature >= n_features) {
      throw error(errc::invalid_argument, where + " lies outside " + std::to_string(n_rows) + " rows x " +
                                              std::to_string(n_features) + " features");
    }
    if (!std::isfinite(e.value)) throw error(errc::not_finite, where + " is not finite");
  }
  std::vector<feature_entry> sorted(entries.begin(), entries.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const feature_entry& a, const feature_entry& b) {
    return a.row < b.row || (a.row == b.row && a.feature < b.feature);
  });
  feature_matrix out;
  out.n_features_ = n_features;
  out.start_.assign(n_rows + 1, 0);
  for (std::size_t e = 0; e < sorted.size();) {
    const feature_entry& first = sorted[e];
    double sum = 0;
    for (; e < sorted.size() && sorted[e].row == first.row && sorted[e].feature == first.feature; ++e) {
      sum += double{sorted[e].value};
    }
    const auto value = static_cast<float>(sum);
    if (!std::isfinite(value)) {
      throw error(errc::not_finite, "the values of feature " + std::to_string(first.feature) + " of row " +
                                        std::to_string(first.row) + " add up beyond a float");
    }
    if (value == 0) continue;
    out.index_.push_back(first.feature);
    out.value_.push_back(value);
    ++out.start_[first.row + 1];
  }
  for (std::size_t r = 0; r < n_rows; ++r) out.start_[r + 1] += out.start_[r];
  return out;
}

TANDEM_END
