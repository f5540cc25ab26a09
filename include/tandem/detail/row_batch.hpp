#pragma once
// Rows whose small systems are solved sixteen at a time: what they leave between forming a system and its solution.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "tandem/detail/row_solvers.hpp"

TANDEM_BEGIN
namespace detail {

/// One row's system: where it is written, and what its solution is of.
struct batched_row {
  std::uint32_t row = 0;
  std::span<const std::uint32_t> index;  // of its history
  float ridge = 0;
  bool is_short = false;  // of the order of its history, not of the rank
  std::size_t order = 0;
  float* matrix = nullptr;  // order x order
  float* x = nullptr;       // the right side, then the solution
  float* root = nullptr;    // of a short row's weights
};

/// Up to sixteen systems. Whether a row goes this way depends on the order of its system alone, and its bits on nothing
/// but that system, so that they are the same whatever rows it meets here.
class row_batch {
 public:
  static constexpr std::size_t width = 16;

  [[nodiscard]] static bool takes(std::size_t order) noexcept { return order <= kernels().sixteen_pays_to; }

  /// For rows of rank k.
  explicit row_batch(std::size_t k)
      : order_((std::min(k, kernels().sixteen_pays_to) + 3) / 4 * 4),
        stride_(order_ * order_ + 4),
        memory_(
            std::make_unique_for_overwrite<float[]>(width * (stride_ + 2 * order_) + 8 * order_ * (order_ + 6) + 16)) {}

  [[nodiscard]] bool full() const noexcept { return size_ == width; }
  [[nodiscard]] std::span<const batched_row> rows() const noexcept { return {rows_, size_}; }

  /// Room for one more system; the caller forms it. Requires: not full, takes(order).
  batched_row& add(std::size_t order) noexcept {
    batched_row& r = rows_[size_];
    r.order = orders_[size_] = order;
    r.matrix = memory_.get() + size_ * stride_;
    r.x = right_sides() + size_ * order_;
    r.root = roots() + size_ * order_;
    std::fill_n(r.matrix + order * order, 3, 0.0F);
    std::fill_n(r.x + order, (order + 3) / 4 * 4 - order, 0.0F);
    ++size_;
    return r;
  }

  /// Bit l says whether the l-th was solved.
  [[nodiscard]] std::uint32_t solve() noexcept {
    std::fill(orders_ + size_, orders_ + width, std::size_t{0});
    return kernels().cholesky_solve_sixteen(memory_.get(), stride_, orders_, right_sides(), order_,
                                            roots() + width * order_);
  }
  void clear() noexcept { size_ = 0; }

 private:
  [[nodiscard]] float* right_sides() const noexcept { return memory_.get() + width * stride_; }
  [[nodiscard]] float* roots() const noexcept { return right_sides() + width * order_; }

  std::size_t order_;                // the largest, a multiple of 4
  std::size_t stride_;               // from matrix to matrix
  std::unique_ptr<float[]> memory_;  // matrices, right sides, roots, and what the kernel works in
  std::size_t size_ = 0;
  batched_row rows_[width];
  std::size_t orders_[width] = {};
};

}  // namespace detail
TANDEM_END
