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
/// and Zhu 2019). Taking back leaves rounding behind, so the arms are built anew from the window once in its length.
///
/// @tparam Bandit  a linear_bandit: it learns with a negative weight what is to be taken back.
/// Threads: as the bandit's; runs in a decision_loop, at_window_end, since an old reward cannot be corrected.
/// Allocates: on construction, and when arms are added. Memory: 4 d + 48 bytes a reward.
template <class Bandit>
class sliding_window {
 public:
  using scratch = typename Bandit::scratch;

  /// @param length  rewards, [1, 2^28]. Errors: invalid_argument; also for a bandit with a discount, since what has
  /// faded
  ///                cannot be taken back.
  sliding_window(Bandit bandit, std::size_t length) : bandit_(std::move(bandit)) {
    tandem::detail::require_or(length >= 1 && length <= (std::size_t{1} << 28U), "length",
                               "give a number in [1, 2^28]");
    tandem::detail::require_or(bandit_.options().discount == 1, "discount", "a bandit in a window keeps all: give 1");
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

  /// As the bandit's; then takes back the reward that leaves the window. Requires weight >= 0, or it refuses.
  /// Complexity: O(d^2), and O(length * d^2) every length-th time.
  bool learn(const choice& chosen, std::span<const float> context, float reward, float weight = 1) noexcept {
    if (!(weight >= 0) || !bandit_.learn(chosen, context, reward, weight)) return false;
    const auto at = static_cast<std::size_t>(n_ % kept_.size());
    if (n_ >= kept_.size()) bandit_.learn(kept_[at].arm, place(at), kept_[at].reward, -kept_[at].weight);
    kept_[at] = {chosen.arm, reward, weight};
    std::copy(context.begin(), context.end(), place(at).begin());
    if (++n_ % kept_.size() == 0) rebuild();
    return true;
  }

  /// Rewards learned so far, those that have left among them.
  [[nodiscard]] std::uint64_t learned() const noexcept { return n_; }

 private:
  struct entry {
    arm_index arm{};
    float reward = 0, weight = 0;
  };

  [[nodiscard]] std::span<float> place(std::size_t at) noexcept {
    return std::span(contexts_).subspan(at * dimension(), dimension());
  }
  // the ring begins at 0 then: oldest first
  void rebuild() noexcept {
    for (const arm_index arm : arms()) bandit_.discount(arm, 0);
    for (std::size_t at = 0; at < kept_.size(); ++at) {
      bandit_.learn(kept_[at].arm, place(at), kept_[at].reward, kept_[at].weight);
    }
  }

  Bandit bandit_;
  std::vector<entry> kept_;
  std::vector<float> contexts_;
  std::uint64_t n_ = 0;
};

}  // namespace online
TANDEM_END
