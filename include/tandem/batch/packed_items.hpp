#pragma once
// Item factors packed for scoring them all: half the memory to read, and no sums across a vector.
//
// Layout: panels of 16 items, in each the 16 numbers of factor 0, then of factor 1, ...; a number is a 16-bit integer,
// times the item's scale. The last panel is filled up with zeros.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/core/kernels.hpp"

TANDEM_BEGIN
namespace batch {

/// The items of a factor model, rounded for scanning. Each factor is off by at most 1/65534 of the item's largest one,
/// so a score by at most |largest| * sum_j |user_j| / 65534: enough to propose candidates, not for factor_model's exact
/// answers. Threads: immutable. Memory: 2 bytes a factor and 4 an item.
class packed_items {
 public:
  packed_items() = default;
  /// Complexity: O(n_items * rank).
  explicit packed_items(const factor_model& model)
      : rank_(model.rank()),
        scale_(model.n_items()),
        panels_((model.n_items() + panel_items - 1) / panel_items * panel_items * model.rank(), 0) {
    for (std::size_t i = 0; i < size(); ++i) pack(i, model.item_factors(item_index{static_cast<std::uint32_t>(i)}));
  }

  [[nodiscard]] std::size_t size() const noexcept { return scale_.size(); }
  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }

  /// out[q * size() + i] = about <user q, item i>, for user vectors of length rank() one after the other; one pass over
  /// the items for all. Complexity: O(size() * rank() * users). Allocates: nothing.
  void score(std::span<const float> users, std::span<float> out) const noexcept {
    TANDEM_ASSERT(users.size() % rank_ == 0 && out.size() == users.size() / rank_ * size());
    kernels().score_panels(users.data(), users.size() / rank_, panels_.data(), scale_.data(), size(), rank_,
                           out.data());
  }

  static constexpr std::size_t panel_items = 16;

 private:
  void pack(std::size_t i, std::span<const float> factors) {
    float largest = 0;
    for (const float y : factors) largest = std::max(largest, std::abs(y));
    scale_[i] = largest / 32767;
    if (!(scale_[i] > 0)) return;
    std::int16_t* to = panels_.data() + i / panel_items * panel_items * rank_ + i % panel_items;
    for (std::size_t j = 0; j < rank_; ++j) {
      to[j * panel_items] = static_cast<std::int16_t>(std::lround(double{factors[j]} / double{scale_[i]}));
    }
  }

  std::size_t rank_ = 1;
  std::vector<float> scale_;
  std::vector<std::int16_t> panels_;
};

}  // namespace batch
TANDEM_END
