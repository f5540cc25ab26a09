#pragma once
// The whole loop around a bandit, for many threads: decide by id, remember, join rewards that come late, learn, report.
//
//   decide(id, context, time) ─► the bandit draws ─► pending ─► reward(id, value, time) joins and learns ─► settled
//
// The bandit stands twice (core/left_right.hpp), so that who decides does not wait for who learns. A decision is a pure
// function of (seed, id, context, version of the bandit), whichever thread asks.

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/left_right.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/time.hpp"
#include "tandem/detail/pending_table.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/online/arms.hpp"
#include "tandem/online/reward_join.hpp"

TANDEM_BEGIN
namespace online {

/// A bandit that a decision_loop can run: linear_bandit, auto_bandit, hybrid_bandit, logistic_bandit. One without
/// revise(chosen, context, change) cannot correct what it has learned: let it learn at_window_end.
template <class B>
concept contextual_bandit = requires(B& bandit, const B& fixed, std::span<const float> context, random_stream& random,
                                     typename B::scratch& memory, const choice& chosen, float reward) {
  { fixed.choose(context, random, memory) } -> std::same_as<choice>;
  { bandit.learn(chosen, context, reward) } -> std::same_as<bool>;
  { fixed.dimension() } -> std::convertible_to<std::size_t>;
  { fixed.arms() } -> std::convertible_to<std::span<const arm_index>>;
};

/// When a reward is learned.
enum class learn_when : std::uint8_t {
  on_arrival,     ///< at once; what comes later for the same decision corrects it
  at_window_end,  ///< when the window has passed: right where silence means no reward, or rewards would come first
};

/// Options of a decision_loop.
struct decision_loop_options {
  /// Seed of the draws: with a decision's id it decides them.
  std::uint64_t seed = 0;
  /// How long after its decision a reward counts. >= 0.
  duration reward_window = std::chrono::hours(24);
  /// What a decision is taken to have earned when its window passes in silence; nothing = it is not learned.
  std::optional<double> default_reward = 0.0;
  /// How several rewards become one.
  join_rule join = join_rule::sum;
  learn_when learn = learn_when::on_arrival;
  /// Rewards outside are refused, since one wrong unit spoils every arm. Finite or infinite; least <= largest.
  double least_reward = -std::numeric_limits<double>::infinity();
  double largest_reward = std::numeric_limits<double>::infinity();
  /// Decisions kept for their rewards, in 64 rings by id, or 16; the oldest of a ring give way, and are settled then.
  /// Each takes 4 d + 250 bytes, from the start. Range [16, 2^28].
  std::size_t capacity = 1U << 14U;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    tandem::detail::require_or(reward_window >= duration::zero(), "reward_window", "give a time >= 0");
    tandem::detail::require_or(!default_reward || std::isfinite(*default_reward), "default_reward",
                               "give a finite number, or nothing");
    tandem::detail::require_or(least_reward <= largest_reward, "least_reward", "give a number <= largest_reward");
    tandem::detail::require_or(
        !default_reward || (*default_reward >= least_reward && *default_reward <= largest_reward), "default_reward",
        "give a number in [least_reward, largest_reward]");
    tandem::detail::require_or(join <= join_rule::max, "join", "give sum, mean, earliest or max");
    tandem::detail::require_or(learn <= learn_when::at_window_end, "learn", "give on_arrival or at_window_end");
    tandem::detail::require_or(capacity >= 16 && capacity <= (std::size_t{1} << 28U), "capacity",
                               "give a number in [16, 2^28]");
  }
};

/// What became of a request for a decision.
enum class decide_status : std::uint8_t {
  decided,
  repeated,         ///< this id was decided before and is still kept: the same answer, nothing drawn
  no_arms,          ///< nothing to choose from
  wrong_dimension,  ///< the context's length is not the bandit's
  no_id,            ///< the id is decision_id::none
  out_of_memory,    ///< the scratch that a thread needs once could not be had
};

/// A decision, as it is to be logged.
struct loop_decision {
  decide_status status = decide_status::decided;
  decision_id id = decision_id::none;
  choice chosen;              ///< meaningless unless decided or repeated
  std::uint64_t version = 0;  ///< how much the bandit had learned: counts its changes
  timestamp time{};

  [[nodiscard]] bool ok() const noexcept { return status <= decide_status::repeated; }
};

/// What became of a reward.
enum class reward_status : std::uint8_t {
  learned,     ///< the next decision on any thread knows it
  joined,      ///< kept until the window has passed
  late,        ///< after the window: counted, not learned
  duplicate,   ///< a reward with this key came before
  early,       ///< before its decision: a clock is wrong
  unknown,     ///< no such decision, or too old to be kept
  refused,     ///< not finite, or outside [least_reward, largest_reward]
  unlearnable  ///< the arm is gone, or its context was not finite: counted as come, and not learned
};

/// A decision whose window has passed, or that gave way: what off-policy evaluation reads.
struct settled_decision {
  decision_id id = decision_id::none;
  arm_index arm{};
  double propensity = 0;
  std::uint64_t version = 0;
  timestamp time{};
  double reward = 0;          ///< joined, or the default; 0 without either
  std::uint32_t rewards = 0;  ///< how many came
  bool evicted = false;       ///< gave way before its window had passed
};

/// Counters for the host's metrics; all since construction.
struct decision_loop_stats {
  std::uint64_t decisions = 0, repeated = 0, rewards = 0, late = 0, duplicates = 0, early = 0, unknown = 0, refused = 0,
                unlearnable = 0, defaults = 0, evicted = 0, settled = 0, settled_lost = 0, version = 0;
  std::size_t pending = 0;  ///< neither settled nor evicted
};

/// The loop.
///
/// Threads: thread-safe; decide() waits for another thread only while that copies a context from or into the same
/// ring, and never for a learner, unless a decision gives way to it that was not settled yet: then it settles that
/// first. When reward() returns `learned`, every later decide() reflects it.
/// Allocates: on construction, and a scratch the first time a thread decides, and after arms were added; else nothing.
/// Deterministic: the same calls in the same order give the same bits, and a decision whatever the other threads do,
/// given its version.
template <contextual_bandit Bandit>
class decision_loop {
 public:
  /// Errors: invalid_argument as decision_loop_options::validate(), and for a bandit without revise() that is to learn
  /// on_arrival.
  explicit decision_loop(const Bandit& bandit, const decision_loop_options& options = {});

  /// Draws an arm for a context. An id that was decided before, and is still kept, gets the same answer. Complexity:
  /// the bandit's choose().
  loop_decision decide(decision_id id, std::span<const float> context, timestamp time) noexcept;

  /// What came of a decision. @param key  names the reward among those of its decision, so that one told twice is
  /// counted once; 0 = none. The latest four are remembered. Complexity: the bandit's learn() twice, or nothing.
  reward_status reward(decision_id id, double value, timestamp time, std::uint64_t key = 0) noexcept;

  /// Says that it is `now`: decisions whose window has passed are settled, ring by ring in the order in which they were
  /// made; one whose time lies ahead of the others' holds up those behind it in its ring until then, or until they give
  /// way. Complexity: O(settled). Call it as often as silence is to be learned.
  void advance(timestamp now) noexcept;

  /// Moves settled decisions out, ring by ring, each oldest first; returns how many. Those that nobody takes give way
  /// when about `capacity` newer ones have been settled.
  std::size_t take_settled(std::span<settled_decision> out) noexcept;

  /// Changes the bandit, e.g. [](auto& b) { return b.add_arm(); }. Called twice, on two copies: it must do the same to
  /// both. Errors: those of f's first call, and then nothing changed.
  template <class F>
  auto change(F f) {
    return bandit_.write([&](state& s) {
      auto out = f(s.bandit);
      ++s.version;
      return out;
    });
  }
  /// Reads the bandit: returns f(bandit). Keep it short: a learner waits for it.
  template <class F>
  auto read(F f) const {
    return bandit_.read([&](const state& s, auto&) { return f(s.bandit); });
  }

  [[nodiscard]] decision_loop_stats stats() const noexcept;
  [[nodiscard]] const decision_loop_options& options() const noexcept { return options_; }

 private:
  struct state {
    Bandit bandit;
    std::uint64_t version = 0;
  };
  using pending = tandem::detail::pending_choice;

  // a part of the table of decisions with all that is written when one is decided: threads share no line but by id
  struct alignas(128) part : tandem::detail::pending_table {
    part(std::size_t capacity, std::size_t dimension) : pending_table(capacity, dimension), settled(capacity) {}
    // guarded by the table's mutex
    std::vector<settled_decision> settled;  // a ring
    std::uint64_t n_settled = 0, n_taken = 0, n_lost = 0;
    std::uint64_t decisions = 0, repeated = 0, defaults = 0, evicted = 0;
    std::array<std::atomic<std::uint64_t>, 8> rewards{};  // by reward_status; guarded by nothing
  };

  struct lesson {
    choice chosen;
    float reward = 0;         // to learn, or to add to what was learned
    bool correction = false;  // the latter
    bool any = false;
  };

  static constexpr bool corrects() {
    return requires(Bandit & bandit, const choice& chosen, std::span<const float> context, float change) {
      bandit.revise(chosen, context, change);
    };
  }
  std::optional<loop_decision> decided_before(part& table, decision_id id) noexcept;
  decide_status draw(std::span<const float> context, loop_decision& out) noexcept;
  lesson prepare(pending& p, double value) noexcept;
  bool teach(part& table, const lesson& due, std::span<const float> context) noexcept;
  reward_status take(pending& p, double value, timestamp time, std::uint64_t key) const noexcept;
  lesson settle(part& table, pending& p, bool evicted) noexcept;
  static void count(part& table, reward_status status) noexcept {
    table.rewards[static_cast<std::size_t>(status)].fetch_add(1, std::memory_order_relaxed);
  }

  [[nodiscard]] part& shard(decision_id id) noexcept { return *shards_[mix64(raw(id)) % shards_.size()]; }

  decision_loop_options options_;
  std::size_t dimension_;
  left_right<state, typename Bandit::scratch> bandit_;
  std::vector<std::unique_ptr<part>> shards_;
};

}  // namespace online
TANDEM_END

#include "tandem/detail/decision_loop_impl.hpp"
