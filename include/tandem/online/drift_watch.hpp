#pragma once
// A bandit that notices when an arm pays otherwise than it did, and lets that arm start afresh.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/drift.hpp"

TANDEM_BEGIN
namespace online {

/// What a detector saw.
struct arm_change {
  arm_index arm{};
  std::uint64_t reward = 0;  ///< the how manieth reward of all showed it, from 1
};

/// Options of a drift_watch.
template <change_detector Detector>
struct drift_watch_options {
  /// Copied for each arm; it sees reward - expected, divided by `scale`.
  Detector detector = Detector();
  /// What rewards differ by, about: detectors think in units of 1. Range (0, 1e12].
  double scale = 1;
  /// The share of what the arm has learned that it keeps when it has changed. Range [0, 1); 0 = it knows nothing.
  float keep = 0.01F;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(scale > 0 && scale <= 1e12, "scale", "give a number in (0, 1e12]");
    tandem::detail::require_or(keep >= 0 && keep < 1, "keep", "give a number in [0, 1)");
  }
};

/// A bandit whose arms are watched, each by a detector of its own. Only the arm that changed forgets; the others go on.
///
/// @tparam Bandit  has discount(arm, gamma): linear_bandit, auto_bandit.
/// Threads: as the bandit's; runs in a decision_loop, at_window_end, since what an arm has forgotten cannot be
/// corrected. Allocates: when arms are added, else nothing. Memory: a detector an arm (adwin 4.6 KB).
template <class Bandit, change_detector Detector = adwin>
class drift_watch {
 public:
  using options_type = drift_watch_options<Detector>;
  using scratch = typename Bandit::scratch;

  /// Errors: invalid_argument as options_type::validate().
  explicit drift_watch(Bandit bandit, options_type options = {})
      : options_((options.validate(), std::move(options))), bandit_(std::move(bandit)) {
    for (const arm_index arm : bandit_.arms()) watched_.push_back({arm, options_.detector});
  }

  /// As the bandit's add_arm(). Errors: the bandit's, and no arm was added.
  template <class... Known>
  arm_index add_arm(Known&&... known) {
    if (watched_.size() == watched_.capacity()) watched_.reserve(2 * watched_.size() + 8);
    const arm_index out = bandit_.add_arm(std::forward<Known>(known)...);
    watched_.push_back({out, options_.detector});
    return out;
  }
  bool remove_arm(arm_index arm) {
    if (watch* const at = find(arm)) watched_.erase(watched_.begin() + (at - watched_.data()));
    return bandit_.remove_arm(arm);
  }

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

  /// As the bandit's; then the detector of the arm looks at reward - chosen.expected.mean.
  bool learn(const choice& chosen, std::span<const float> context, float reward, float weight = 1) noexcept {
    if (!bandit_.learn(chosen, context, reward, weight)) return false;
    if (!(weight > 0)) return true;
    ++rewards_;
    watch* const at = find(chosen.arm);
    if (at != nullptr && at->detector.add((double{reward} - double{chosen.expected.mean}) / options_.scale)) {
      bandit_.discount(chosen.arm, options_.keep);
      at->detector.reset();  // what the arm is expected to pay is another now
      latest_[changes_++ % latest_.size()] = {chosen.arm, rewards_};
    }
    return true;
  }
  bool discount(arm_index arm, float gamma) noexcept { return bandit_.discount(arm, gamma); }

  /// How many changes were seen, and the latest of them, up to 16: i = 0 is the newest. Requires i < min(changes(),
  /// 16).
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }
  [[nodiscard]] const arm_change& change(std::size_t i) const noexcept {
    return latest_[(changes_ - 1 - i) % latest_.size()];
  }

 private:
  struct watch {
    arm_index arm{};
    Detector detector;
  };

  // ascending: arms are added in order
  [[nodiscard]] watch* find(arm_index arm) noexcept {
    const auto at = std::lower_bound(watched_.begin(), watched_.end(), arm,
                                     [](const watch& w, arm_index wanted) { return w.arm < wanted; });
    return at != watched_.end() && at->arm == arm ? &*at : nullptr;
  }

  options_type options_;
  Bandit bandit_;
  std::vector<watch> watched_;
  std::array<arm_change, 16> latest_{};
  std::uint64_t changes_ = 0, rewards_ = 0;
};

}  // namespace online
TANDEM_END
