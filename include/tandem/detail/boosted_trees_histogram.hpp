#pragma once
// Sums of gradients over the rows of a node, bin by bin, in integers: the same in whatever order rows are taken.
//
// Gradients of a tree are rounded to multiples of a power of two, 2^-30 of the greatest (a float32 has 24 bits), and
// added in 64 bits, which 2^32 rows cannot overflow. An integer add of both sums costs what a double add of both costs,
// and the histogram of a child taken from its parent's (parent - sibling) is exact.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/core/prefetch.hpp"
#include "tandem/detail/boosted_trees_bins.hpp"
#include "tandem/detail/boosted_trees_loss.hpp"

TANDEM_BEGIN
namespace detail {

/// A row's rounded gradient.
struct row_gradient {
  std::int32_t first = 0;
  std::int32_t second = 0;
};

/// Sums of rounded gradients.
struct alignas(16) gradient_sum {
  std::int64_t first = 0;
  std::int64_t second = 0;

  [[nodiscard]] bool empty() const noexcept { return (first | second) == 0; }
  friend gradient_sum operator+(gradient_sum a, gradient_sum b) noexcept {
    return {a.first + b.first, a.second + b.second};
  }
  friend gradient_sum operator-(gradient_sum a, gradient_sum b) noexcept {
    return {a.first - b.first, a.second - b.second};
  }
};

/// What the rounded gradients of a tree count: gradient = integer * unit.
struct gradient_units {
  double first = 1;
  double second = 1;
};

/// The power of two that 2^-30 of `greatest` rounds up to.
[[nodiscard]] inline double rounding_unit(float greatest) noexcept {
  int exponent = 0;
  std::frexp(greatest, &exponent);
  return std::ldexp(1.0, exponent - 30);
}

/// The nearest integer, of |x| <= 2^30. The sum leaves no bits for a fraction.
[[nodiscard]] inline std::int32_t rounded(double x) noexcept {
  constexpr double no_fraction = 0x1.8p52;
  return static_cast<std::int32_t>((x + no_fraction) - no_fraction);
}

[[noreturn]] inline void refuse_range(const std::string& what) {
  throw error(errc::not_finite, "boosted trees: " + what + " have left the range of float32", {},
              "scale labels, weights or margins down, or raise lambda");
}

/// Rounds the gradients of a tree. Errors: not_finite.
inline gradient_units round_gradients(std::span<const gradient> exact, std::span<row_gradient> out,
                                      executor_ref executor) {
  std::vector<gradient> greatest((exact.size() + rows_a_chunk - 1) / rows_a_chunk);
  for_each_chunk(exact.size(), executor, [&](std::size_t first, std::size_t last) {
    gradient most;
    bool finite = true;
    for (std::size_t r = first; r < last; ++r) {
      most.first = std::max(most.first, std::abs(exact[r].first));
      most.second = std::max(most.second, exact[r].second);
      finite &= std::isfinite(exact[r].first) && std::isfinite(exact[r].second);
    }
    if (!finite) refuse_range("gradients");
    greatest[first / rows_a_chunk] = most;
  });
  gradient most;
  for (const gradient& each : greatest) {
    most = {std::max(most.first, each.first), std::max(most.second, each.second)};
  }
  const gradient_units units{rounding_unit(most.first), rounding_unit(most.second)};
  const gradient_units scale{1 / units.first, 1 / units.second};  // exact: powers of two
  for_each_chunk(exact.size(), executor, [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) {
      out[r].first = rounded(static_cast<double>(exact[r].first) * scale.first);
      out[r].second = rounded(static_cast<double>(exact[r].second) * scale.second);
    }
  });
  return units;
}

/// Which features a tree sees, ascending, and where the bins of each begin in a histogram.
struct histogram_layout {
  std::vector<std::uint32_t> features;
  std::vector<std::uint32_t> begins;  // one more than features
  bool all_features = false;

  [[nodiscard]] std::size_t size() const noexcept { return features.size(); }
  [[nodiscard]] std::size_t n_cells() const noexcept { return begins.back(); }

  static histogram_layout of(std::vector<std::uint32_t> features, const feature_bins& bins) {
    histogram_layout out;
    out.begins.push_back(0);
    for (const std::uint32_t f : features) {
      out.begins.push_back(out.begins.back() + static_cast<std::uint32_t>(bins.n_bins(f)));
    }
    out.all_features = features.size() == bins.n_features();
    out.features = std::move(features);
    return out;
  }
};

/// cell += g. Both halves in one instruction where the compiler has a type for that.
inline void add_to(gradient_sum& cell, const gradient_sum& g) noexcept {
#if defined(__GNUC__)
  using both = long long __attribute__((vector_size(16)));
  both sum;
  both term;
  std::memcpy(&sum, &cell, sizeof sum);
  std::memcpy(&term, &g, sizeof term);
  sum += term;
  std::memcpy(static_cast<void*>(&cell), &sum, sizeof sum);
#else
  cell = cell + g;
#endif
}

template <bool AllFeatures>
void add_rows(const binned_rows& bins, std::span<const std::uint32_t> rows, const row_gradient* gradients,
              const histogram_layout& layout, std::size_t first, std::size_t last, gradient_sum* cells) noexcept {
  constexpr std::size_t ahead = 16;  // rows on their way
  const std::uint32_t* features = layout.features.data();
  const std::uint32_t* begins = layout.begins.data();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t later = rows[std::min(i + ahead, rows.size() - 1)];
    const std::uint8_t* later_row = bins.row(later) + first;
    prefetch(later_row);
    prefetch(later_row + (last - first - 1));
    prefetch(gradients + later);
    const std::uint8_t* row = bins.row(rows[i]);
    const gradient_sum g{gradients[rows[i]].first, gradients[rows[i]].second};
    const auto add = [&](std::size_t f) { add_to(cells[begins[f] + row[AllFeatures ? f : features[f]]], g); };
    std::size_t f = first;
    for (; f + 4 <= last; f += 4) {
      add(f);
      add(f + 1);
      add(f + 2);
      add(f + 3);
    }
    for (; f < last; ++f) add(f);
  }
}

/// Sets the cells of features [first, last) of the layout to the sums over rows. Complexity: O(rows * features +
/// cells).
inline void build_histogram(const binned_rows& bins, std::span<const std::uint32_t> rows, const row_gradient* gradients,
                            const histogram_layout& layout, std::size_t first, std::size_t last, gradient_sum* cells) {
  std::fill(cells + layout.begins[first], cells + layout.begins[last], gradient_sum{});
  const auto add = layout.all_features ? add_rows<true> : add_rows<false>;
  add(bins, rows, gradients, layout, first, last, cells);
}

/// Histograms that are used again.
class histogram_pool {
 public:
  using histogram = std::vector<gradient_sum>;

  [[nodiscard]] std::unique_ptr<histogram> take(std::size_t n_cells) {
    std::unique_ptr<histogram> out;
    if (free_.empty()) {
      out = std::make_unique<histogram>();
    } else {
      out = std::move(free_.back());
      free_.pop_back();
    }
    out->resize(n_cells);
    return out;
  }
  void give_back(std::unique_ptr<histogram> used) {
    if (used) free_.push_back(std::move(used));
  }

 private:
  std::vector<std::unique_ptr<histogram>> free_;
};

}  // namespace detail
TANDEM_END
