#pragma once
// Arms as data: handles that stay valid while other arms come and go.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/online/estimate.hpp"

TANDEM_BEGIN
namespace online {

/// Names an arm of a bandit. Given in order, starting at 0; never used twice.
enum class arm_index : std::uint32_t {};

/// What a bandit decided: log it, and give arm and context back with the reward.
struct choice {
  arm_index arm{};
  double propensity = 0;  ///< the probability with which the arm was drawn
  estimate expected = {};
  std::size_t part = 0;  ///< which part of a policy that learns is credited with it
};

/// A value for each arm, dense and in order of addition.
///
/// Threads: thread-compatible. Complexity: find O(log n), add O(1) amortised, remove O(n).
template <class T>
class arm_table {
 public:
  /// Makes room for `n` arms in all, so that add() allocates nothing before there are more.
  void reserve(std::size_t n) {
    if (n > handles_.capacity()) handles_.reserve(std::max(n, 2 * handles_.size()));
    if (n > values_.capacity()) values_.reserve(std::max(n, 2 * values_.size()));
  }
  arm_index add(T value) {
    reserve(handles_.size() + 1);
    values_.push_back(std::move(value));
    handles_.push_back(static_cast<arm_index>(added_));
    return static_cast<arm_index>(added_++);
  }
  bool remove(arm_index arm) {
    const std::size_t at = position(arm);
    if (at == handles_.size()) return false;
    handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(at));
    values_.erase(values_.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
  }
  /// The arm's value; null when there is no such arm.
  [[nodiscard]] T* find(arm_index arm) noexcept {
    const std::size_t at = position(arm);
    return at == handles_.size() ? nullptr : &values_[at];
  }
  [[nodiscard]] const T* find(arm_index arm) const noexcept {
    const std::size_t at = position(arm);
    return at == handles_.size() ? nullptr : &values_[at];
  }

  [[nodiscard]] std::size_t size() const noexcept { return handles_.size(); }
  [[nodiscard]] bool empty() const noexcept { return handles_.empty(); }
  [[nodiscard]] std::span<const arm_index> handles() const noexcept { return handles_; }
  [[nodiscard]] std::span<const T> values() const noexcept { return values_; }
  [[nodiscard]] std::span<T> values() noexcept { return values_; }

 private:
  // handles ascend: they are added in order
  [[nodiscard]] std::size_t position(arm_index arm) const noexcept {
    const auto at = std::lower_bound(handles_.begin(), handles_.end(), arm);
    return at != handles_.end() && *at == arm ? static_cast<std::size_t>(at - handles_.begin()) : handles_.size();
  }

  std::vector<arm_index> handles_;
  std::vector<T> values_;
  std::uint32_t added_ = 0;
};

}  // namespace online
TANDEM_END
