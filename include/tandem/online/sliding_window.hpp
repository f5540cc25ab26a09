#pragma once
// A bandit that knows its latest rewards and no older ones: what leaves the window is taken back.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/arms.hpp"

TANDEM_BEGIN
namespace online {

/// A window over the rewards of all arms together. Where discount fades, a window cuts: after `length` rewards an arm
/// that was not played since knows nothing (SW-UCB: Garivier and Moulines 2011; for linear bandits Cheung, Simchi-Levi
/// and Zhu 2019).
///
/// @tparam Bandit  learns with a negative weight what is to be taken back: linear_bandit, auto_bandit, both without
/// discounts of their own (what has faded can no longer be taken back whole, and is refused then).
/// Threads: as the bandit's; runs in a decision_loop, at_window_end, since an old reward cannot be corrected.
/// Allocates: on construction, and when arms are added. Memory: 4 d + 48 bytes a reward.
template <class Bandit>
class sliding_window {
 public:
  using scratch = typename Bandit::scratch;

  /// @param length  rewards, [1, 2^28]. Errors: invalid_argument.
  sliding_window(Bandit bandit, std::size_t length) : bandit_(std::move(bandit)) {
    tandem::detail::require_or(length >= 1 && length <= (std::size_t{1} << 28U), "length",
                               "give a number in [1, 2^28]");
    kept_.resize(length);
    contexts_.resize(length * bandit_.dimension());
  }

  template <class... Known>
  arm_index add_arm(Known&&... known) {
    return bandit_.add_arm(std::forward<Known>(known)...);
  }
  bool remove_arm(arm_index arm) { return bandit_.remove_arm(arm); }

  [[nodiscard]] const Bandit& bandit() const noexcept { return bandit_; }
  [[nodiscard]] std::span<const arm_index> arms() const noexcept { return bandit_.arms(); }
  [[nodiscard]] std::size_t dimension() const noexcept { return bandit_.dimension(); }

  /// As the bandit's.
  [[nodiscard]] choice choose(std::span<const float> context, random_stream& random, scratch& memory) const {
    return bandit_.choose(context, random, memory);
  }
  [[nodiscard]] choice choose(std::span<const float> context, random_stream& random) {
    return bandit_.choose(context, random);
  }

  /// As the bandit's; then takes back the reward that leaves the window. Requires weight >= 0.
  bool learn(const choice& chosen, std::span<const float> context, float reward, float weight = 1) noexcept {
    if (!(weight >= 0) || !bandit_.learn(chosen, context, reward, weight)) return false;
    const std::size_t at = static_cast<std::size_t>(n_ % kept_.size());
    const std::span<float> place = std::span(contexts_).subspan(at * dimension(), dimension());
    if (n_ >= kept_.size() && !bandit_.learn(kept_[at].chosen, place, kept_[at].reward, -kept_[at].weight)) ++lost_;
    kept_[at] = {chosen, reward, weight};
    std::copy(context.begin(), context.end(), place.begin());
    ++n_;
    return true;
  }

  /// Rewards learned, and those that could not be taken back since their arm is gone or had forgotten them.
  [[nodiscard]] std::uint64_t learned() const noexcept { return n_; }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  struct entry {
    choice chosen;
    float reward = 0, weight = 0;
  };

  Bandit bandit_;
  std::vector<entry> kept_;
  std::vector<float> contexts_;
  std::uint64_t n_ = 0, lost_ = 0;
};

}  // namespace online
TANDEM_END
