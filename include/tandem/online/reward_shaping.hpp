#pragma once
// What is an action worth? Views, clicks, purchases and return visits as one reward a decision.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/time.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace online {

/// The most actions that can be declared.
inline constexpr std::size_t max_shaped_actions = 16;

/// What one action earns.
struct action_reward {
  /// The host's name of it, e.g. "purchase". Not empty, and no other has it.
  std::string action = {};
  /// Reward of one, times the value that comes with it (1 when the host gives none). Finite; negative = unwanted.
  double weight = 1;
  /// The most, in absolute value, that one decision earns by this action. Range (0, infinity].
  double cap = std::numeric_limits<double>::infinity();
  /// Counts when it comes within so long of the decision. Range [1 ms, 10 years].
  duration window = std::chrono::hours(24);
};

/// Options of a reward_shaper.
struct reward_shaping_options {
  /// At most max_shaped_actions. What is not among them earns nothing.
  std::vector<action_reward> actions = {};
  /// The total of a decision is cut to [lowest, highest]; both finite, lowest < highest. unit() maps them to 0 and 1.
  double lowest = 0;
  double highest = 1;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    const auto finite = [](double x) { return std::abs(x) <= 1e12; };
    tandem::detail::require_or(finite(lowest), "lowest", "give a number in [-1e12, 1e12]");
    tandem::detail::require_or(finite(highest) && highest > lowest, "highest",
                               "give a number above lowest, at most 1e12");
    tandem::detail::require_or(actions.size() <= max_shaped_actions, "actions", "give at most 16");
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const action_reward& each = actions[i];
      const std::string field = "actions[" + std::to_string(i) + "].";
      const bool again = std::any_of(actions.begin(), actions.begin() + static_cast<std::ptrdiff_t>(i),
                                     [&](const action_reward& other) { return other.action == each.action; });
      tandem::detail::require_or(!each.action.empty() && !again, (field + "action").c_str(),
                                 "give a name that no other has");
      tandem::detail::require_or(finite(each.weight), (field + "weight").c_str(), "give a number in [-1e12, 1e12]");
      tandem::detail::require_or(each.cap > 0, (field + "cap").c_str(), "give a number > 0, or infinity");
      tandem::detail::require_or(each.window >= duration{1} && each.window <= std::chrono::hours(24 * 3653),
                                 (field + "window").c_str(), "give 1 ms to 10 years");
    }
  }
};

/// What became of one action.
enum class shaping_outcome : std::uint8_t {
  counted,
  capped,          ///< its cap was reached: some or all of it earns nothing
  unknown_action,  ///< not declared
  out_of_window,   ///< came before the decision, or too late
  not_finite,      ///< its value is NaN, infinite or beyond 1e12
};

/// What one decision has earned so far, by action; 128 bytes, so that a table of decisions can hold it.
struct shaped_reward {
  std::array<double, max_shaped_actions> earned{};
};

/// Turns actions into rewards, by declared weights, caps and windows.
///
/// reward = cut(sum over actions a of cut(weight_a * sum of values, +-cap_a), lowest, highest)
/// Threads: immutable. Allocates: on construction.
class reward_shaper {
 public:
  /// Errors: invalid_argument as reward_shaping_options::validate().
  explicit reward_shaper(reward_shaping_options options) : options_((options.validate(), std::move(options))) {}

  [[nodiscard]] const reward_shaping_options& options() const noexcept { return options_; }

  /// Counts an action that came `after` the decision. Nothing changes unless it is counted or capped.
  /// The order of arrival does not matter while weights times values of an action have one sign.
  /// Complexity: O(actions). Allocates: nothing.
  shaping_outcome add(shaped_reward& to, std::string_view action, duration after, double value = 1) const noexcept {
    const auto found = std::find_if(options_.actions.begin(), options_.actions.end(),
                                    [&](const action_reward& each) { return each.action == action; });
    if (found == options_.actions.end()) return shaping_outcome::unknown_action;
    if (after < duration{0} || after > found->window) return shaping_outcome::out_of_window;
    if (!(std::abs(value) <= 1e12)) return shaping_outcome::not_finite;
    double& earned = to.earned[static_cast<std::size_t>(found - options_.actions.begin())];
    const double all = earned + found->weight * value;
    earned = std::clamp(all, -found->cap, found->cap);
    return earned == all ? shaping_outcome::counted : shaping_outcome::capped;
  }

  /// The decision's reward so far, in [lowest, highest].
  [[nodiscard]] double total(const shaped_reward& of) const noexcept {
    double sum = 0;
    for (const double each : of.earned) sum += each;
    return std::clamp(sum, options_.lowest, options_.highest);
  }
  /// The same in [0, 1], for learners that ask for it (beta_bandit, kl_ucb, logistic_bandit, exp3_ix).
  [[nodiscard]] double unit(const shaped_reward& of) const noexcept {
    return (total(of) - options_.lowest) / (options_.highest - options_.lowest);
  }
  /// How long after a decision something can still come: the longest window; 0 without actions.
  [[nodiscard]] duration longest_window() const noexcept {
    duration longest{0};
    for (const action_reward& each : options_.actions) longest = std::max(longest, each.window);
    return longest;
  }

 private:
  reward_shaping_options options_;
};

}  // namespace online
TANDEM_END
