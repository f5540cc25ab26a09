#pragma once
// Features as bytes: each feature is cut at quantiles into at most 255 bins, and one more for missing values.
//
// Cuts lie halfway between neighbouring values, so that x < cut[b] holds exactly when bin(x) <= b: a tree grown on bins
// and its walk over the features themselves agree on every row. Quantiles are exact, over all rows or over a stratified
// sample of them, by radix sort; weighted as in Chen and Guestrin 2016 (section 3.3), with the rows' own weights.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/batch/boosted_trees_model.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/random.hpp"

TANDEM_BEGIN
namespace detail {

constexpr std::size_t rows_a_chunk = 4096;  // of work that takes every row; small enough to stay in a near cache

/// Calls f(first, last) for chunks of rows, in parallel.
template <class F>
void for_each_chunk(std::size_t n, executor_ref executor, const F& f) {
  executor.parallel_for((n + rows_a_chunk - 1) / rows_a_chunk,
                        [&](std::size_t chunk) { f(chunk * rows_a_chunk, std::min(n, (chunk + 1) * rows_a_chunk)); });
}

/// A value of a feature, as an unsigned integer in the same order, and the weight of its row.
struct weighted_value {
  std::uint32_t key;
  float weight;
};

[[nodiscard]] inline std::uint32_t ordered_key(float x) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(x == 0 ? 0.0F : x);  // -0 and 0 are one value
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

[[nodiscard]] inline float value_of_key(std::uint32_t key) noexcept {
  return std::bit_cast<float>((key & 0x80000000U) != 0 ? key & 0x7fffffffU : ~key);
}

/// Sorts by key: four passes of counting sort, without those in which all keys agree. Stable.
inline void radix_sort(std::vector<weighted_value>& values, std::vector<weighted_value>& scratch) {
  scratch.resize(values.size());
  std::array<std::array<std::uint32_t, 256>, 4> counts{};
  for (const weighted_value& each : values) {
    for (unsigned pass = 0; pass < 4; ++pass) ++counts[pass][(each.key >> (8 * pass)) & 255U];
  }
  for (unsigned pass = 0; pass < 4; ++pass) {
    std::array<std::uint32_t, 256>& next = counts[pass];
    if (values.empty() || next[(values[0].key >> (8 * pass)) & 255U] == values.size()) continue;
    std::uint32_t sum = 0;
    for (std::uint32_t& each : next) sum += std::exchange(each, sum);
    for (const weighted_value& each : values) scratch[next[(each.key >> (8 * pass)) & 255U]++] = each;
    values.swap(scratch);
  }
}

/// A number c with low < c <= high, halfway if there is one.
[[nodiscard]] inline float cut_between(float low, float high) noexcept {
  const float middle = low + (high / 2 - low / 2);
  return middle > low && middle < high ? middle : high;
}

/// At most max_cuts cuts of values sorted by key: between all distinct values if they are few enough, otherwise so that
/// each bin has about the same weight. A value heavier than a bin gets one of its own.
[[nodiscard]] inline std::vector<float> cuts_of(std::span<const weighted_value> sorted, std::size_t max_cuts) {
  std::vector<std::pair<float, double>> distinct;
  double total = 0;
  for (const weighted_value& each : sorted) {
    const float x = value_of_key(each.key);
    if (distinct.empty() || distinct.back().first != x) distinct.emplace_back(x, 0.0);
    distinct.back().second += static_cast<double>(each.weight);
    total += static_cast<double>(each.weight);
  }
  std::vector<float> cuts;
  double left = total;  // weight not yet in a closed bin
  double open = 0;      // weight of the bin being filled
  for (std::size_t i = 0; i + 1 < distinct.size() && cuts.size() < max_cuts; ++i) {
    open += distinct[i].second;
    const std::size_t bins_left = max_cuts + 1 - cuts.size();
    const double share = left / static_cast<double>(bins_left);
    const bool few_enough = distinct.size() - i <= bins_left;
    // closed here if that is nearer to its share than after the next value
    if (few_enough || open + distinct[i + 1].second / 2 >= share) {
      cuts.push_back(cut_between(distinct[i].first, distinct[i + 1].first));
      left -= open;
      open = 0;
    }
  }
  return cuts;
}

/// The rows that cuts are found from: one of each of max_rows equal strata, or all.
[[nodiscard]] inline std::vector<std::size_t> sampled_rows(std::size_t n_rows, std::size_t max_rows,
                                                           std::uint64_t seed) {
  std::vector<std::size_t> rows(std::min(n_rows, max_rows));
  const std::size_t m = rows.size();
  for (std::size_t i = 0; i < m; ++i) {
    const std::size_t first = i * (n_rows / m) + i * (n_rows % m) / m;
    const std::size_t last = (i + 1) * (n_rows / m) + (i + 1) * (n_rows % m) / m;
    rows[i] = first + mix64(mix64(seed) ^ i) % (last - first);
  }
  return rows;
}

/// The cuts of every feature, and the bin of a value.
class feature_bins {
 public:
  /// Finds the cuts. @param weights  one a row, or empty: all 1; rows of weight 0 are left out, infinite values too.
  feature_bins(const batch::feature_matrix& rows, std::span<const float> weights, std::size_t max_bins,
               std::size_t max_rows, std::uint64_t seed, executor_ref executor)
      : cuts_(rows.n_features) {
    const std::vector<std::size_t> sample = sampled_rows(rows.n_rows(), max_rows, seed);
    constexpr std::size_t features_a_task = 4;  // rows are read once for several features
    executor.parallel_for((cuts_.size() + features_a_task - 1) / features_a_task, [&](std::size_t task) {
      const std::size_t first = task * features_a_task;
      const std::size_t count = std::min(features_a_task, cuts_.size() - first);
      std::array<std::vector<weighted_value>, features_a_task> values;
      for (const std::size_t r : sample) {
        const float weight = weights.empty() ? 1.0F : weights[r];
        if (weight == 0) continue;
        for (std::size_t f = 0; f < count; ++f) {
          const float x = rows.values[r * rows.n_features + first + f];
          if (std::isfinite(x)) values[f].push_back({ordered_key(x), weight});
        }
      }
      std::vector<weighted_value> scratch;
      for (std::size_t f = 0; f < count; ++f) {
        radix_sort(values[f], scratch);
        cuts_[first + f] = cuts_of(values[f], max_bins - 2);
      }
    });
    for (const std::vector<float>& each : cuts_) padded_.push_back(padded(each));
  }

  [[nodiscard]] std::size_t n_features() const noexcept { return cuts_.size(); }
  /// Bins of a feature, the last one for missing values.
  [[nodiscard]] std::size_t n_bins(std::size_t feature) const noexcept { return cuts_[feature].size() + 2; }
  [[nodiscard]] std::span<const float> cuts(std::size_t feature) const noexcept { return cuts_[feature]; }

  /// How many cuts are <= x; the missing bin for NaN.
  [[nodiscard]] std::uint8_t bin_of(std::size_t feature, float x) const noexcept {
    const float* cuts = padded_[feature].data();
    std::size_t at = 0;
    for (std::size_t step = 128; step > 0; step /= 2) at += cuts[at + step - 1] <= x ? step : 0;
    return static_cast<std::uint8_t>(std::isnan(x) ? cuts_[feature].size() + 1 : at);
  }

 private:
  // a branchless search wants 255 cuts: no value reaches NaN
  static std::array<float, 255> padded(std::span<const float> cuts) noexcept {
    std::array<float, 255> out;
    out.fill(std::numeric_limits<float>::quiet_NaN());
    std::copy(cuts.begin(), cuts.end(), out.begin());
    return out;
  }

  std::vector<std::vector<float>> cuts_;
  std::vector<std::array<float, 255>> padded_;
};

/// The bins of rows, twice: row by row, to be summed, and feature by feature, to tell rows apart by one of them.
class binned_rows {
 public:
  /// Errors: not_finite for an infinite feature, naming row and feature.
  binned_rows(const batch::feature_matrix& rows, const feature_bins& bins, executor_ref executor)
      : n_rows_(rows.n_rows()),
        n_features_(rows.n_features),
        by_row_(rows.values.size()),
        by_feature_(rows.values.size()) {
    for_each_chunk(n_rows_, executor, [&](std::size_t first, std::size_t last) {
      for (std::size_t f = 0; f < n_features_; ++f) {
        bool finite = true;
        for (std::size_t r = first; r < last; ++r) {
          const float x = rows.values[r * n_features_ + f];
          by_feature_[f * n_rows_ + r] = by_row_[r * n_features_ + f] = bins.bin_of(f, x);
          finite &= !std::isinf(x);
        }
        if (!finite) refuse_infinite(rows, f, first);
      }
    });
  }

  [[nodiscard]] std::size_t n_rows() const noexcept { return n_rows_; }
  [[nodiscard]] std::size_t n_features() const noexcept { return n_features_; }
  /// One bin a feature.
  [[nodiscard]] const std::uint8_t* row(std::size_t r) const noexcept { return by_row_.data() + r * n_features_; }
  /// One bin a row.
  [[nodiscard]] const std::uint8_t* feature(std::size_t f) const noexcept { return by_feature_.data() + f * n_rows_; }

 private:
  [[noreturn]] static void refuse_infinite(const batch::feature_matrix& rows, std::size_t feature, std::size_t row) {
    while (!std::isinf(rows.row(row)[feature])) ++row;
    throw error(errc::not_finite,
                "feature " + std::to_string(feature) + " of row " + std::to_string(row) + " is infinite",
                {{}, 0, "features"}, "give NaN for a missing value");
  }

  std::size_t n_rows_;
  std::size_t n_features_;
  std::vector<std::uint8_t> by_row_;
  std::vector<std::uint8_t> by_feature_;
};

}  // namespace detail
TANDEM_END
