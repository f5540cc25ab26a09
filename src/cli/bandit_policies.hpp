#pragma once
// The bandits that `tandem bandit` can run, by name, behind one face.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/online/arms.hpp"

namespace tandem_cli {

/// A bandit whose arms are 0, 1, ...; one that knows no context ignores it.
class any_bandit {
 public:
  any_bandit() = default;
  virtual ~any_bandit() = default;
  any_bandit(const any_bandit&) = delete;
  any_bandit& operator=(const any_bandit&) = delete;

  [[nodiscard]] virtual tandem::online::choice choose(std::span<const float> context,
                                                      tandem::random_stream& random) = 0;
  virtual void probabilities(std::span<const float> context, std::span<double> out) = 0;
  /// An arm that another policy drew, as a choice to learn from.
  [[nodiscard]] virtual tandem::online::choice logged(std::size_t arm, double propensity,
                                                      std::span<const float> context, tandem::random_stream& random) {
    (void)context;
    (void)random;
    return {static_cast<tandem::online::arm_index>(arm), propensity};
  }
  virtual void learn(const tandem::online::choice& chosen, std::span<const float> context, float reward) = 0;
};

/// What a bandit is made for.
struct bandit_shape {
  std::size_t dimension = 1;
  std::size_t arms = 2;
  double epsilon = 0;
};

/// A kind of bandit.
struct bandit_kind {
  std::string name = {};
  std::string parameter = {};      ///< what a number behind the name means; empty: it takes none
  double value = 0;                ///< and what it is when none is given
  std::string about = {};          ///< one line for people
  bool unit_rewards = false;       ///< learns rewards in [0, 1] only
  bool takes_epsilon = false;      ///< --epsilon is for it
  std::size_t dimensions = 65536;  ///< the longest context
  std::unique_ptr<any_bandit> (*make)(const bandit_shape&, double value) = nullptr;
};

/// All of them.
[[nodiscard]] const std::vector<bandit_kind>& bandit_kinds();

/// One that was asked for.
struct chosen_bandit {
  const bandit_kind* kind = nullptr;
  double value = 0;
  std::string text;  ///< as typed
};

/// "auto,lin_ucb:0.1,beta". Ends with exit code 2 for a name there is not, a number that is out of range or not wanted.
[[nodiscard]] std::vector<chosen_bandit> bandits_in(const std::string& option, const std::string& list);

}  // namespace tandem_cli
