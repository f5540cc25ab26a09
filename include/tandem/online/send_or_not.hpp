#pragma once
// Send, or stay silent: a bandit over one offer to one user at one moment, with what it costs to disturb people.
//
//   worth of sending = E[reward | sent, z] - opt_out_cost * P(opt-out | sent, z) - price * (1 + price_growth * f) -
//   later worth of silence = 0, or E[reward | silent, z]
//
//   f      fatigue: the user's sends, each halved for every half-life that has passed since (send_history.hpp)
//   z      the host's context, a piecewise linear curve over f, and how this user has answered so far
//   later  foresight * f * (w(f) - w(f + 1)), w = the first two terms: what this send takes from those around it
//
// `later` is the marginal revenue of a monopolist who spoils the price. At a steady rate of r sends a time, f = r h /
// ln 2; one more raises the fatigue of the next ones by 2^(-t/h), together r h / ln 2 = f times one unit. Both
// expectations are linear posteriors (linear_posterior.hpp); a policy (policy.hpp) turns the two worths into a
// probability.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/brief_mutex.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/flat_table.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/time.hpp"
#include "tandem/detail/pending_ring.hpp"
#include "tandem/evaluation/off_policy.hpp"
#include "tandem/online/estimate.hpp"
#include "tandem/online/linear_posterior.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/reward_join.hpp"
#include "tandem/online/send_history.hpp"

TANDEM_BEGIN
namespace online {

/// Options of send_or_not. Rewards, prices and costs are in one unit, the host's.
struct send_or_not_options {
  /// Length of the host's context, d; a constant is not needed. Range [0, 1024].
  std::size_t dimension = 0;
  /// Seed of the draws: with a decision's id it decides them.
  std::uint64_t seed = 0;
  /// How the two worths become probabilities.
  any_policy policy = thompson{};
  /// The least probability of either action where no rule decides, so that the log can judge other policies. Range
  /// [0, 0.5].
  double floor = 0.01;

  /// How soon a send is forgotten. >= 0; 0 = at once: there is no fatigue.
  duration half_life = std::chrono::hours(24);
  /// What a send costs, and by how much of that more for each unit of fatigue. Range [0, 1e12].
  double price = 0;
  double price_growth = 1;
  /// What it costs that somebody opts out: what they would have brought. Range [0, 1e12].
  double opt_out_cost = 0;
  /// How much of what a send takes from the later ones counts. Range [0, 1]; 0 = each send is judged alone.
  double foresight = 1;
  /// Rules that no estimate overrides.
  send_limits limits = {};

  /// How long after a decision its rewards and opt-outs count; it is learned when that has passed. >= 0.
  duration reward_window = std::chrono::hours(24);
  /// How several rewards of one decision become one. Without any it is 0.
  join_rule join = join_rule::sum;
  /// Learn what silence earns, too (people buy unasked): then a send is worth what it adds. Otherwise silence is 0.
  bool learn_silence = false;

  /// About what rewards of sends differ by, until 20 have shown it. Range [1e-9, 1e9].
  double reward_scale = 1;
  /// The opt-out rate of a send before any was seen, and how many sends that guess is worth. Ranges (0, 1), [1, 1e6].
  double opt_out_rate = 0.01;
  double opt_out_strength = 20;
  /// Prior precision of the rewards' coefficients: see linear_options.
  float regularization = 1;

  /// Users kept; see send_status::full. Range [1, 2^24 - 1].
  std::size_t max_users = 1U << 20U;
  /// Decisions kept for their rewards, and settled ones kept until they are taken; the oldest give way, and are settled
  /// then. Each takes 4 d + 350 bytes, from the start. Range [16, 2^28].
  std::size_t capacity = 1U << 14U;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// What decided. All but the first two are silence by rule: probability 1, not kept, nothing to learn.
enum class send_status : std::uint8_t {
  drawn,
  repeated,         ///< this id was drawn before and is still kept: the same answer, nothing drawn
  opted_out,        ///< the user said no
  capped,           ///< a cap is reached
  quiet,            ///< the user's quiet hours
  full,             ///< max_users are kept and none of them has faded: a user not kept is not sent anything
  wrong_dimension,  ///< the context's length is not options.dimension
  not_finite,       ///< a number of the context is not finite
  bad_time,         ///< beyond +-2^61 milliseconds: in the wrong unit
  no_id,            ///< the id is decision_id::none
  out_of_memory,    ///< nothing changed
};

/// One offer to one user at one moment.
struct send_request {
  decision_id id = decision_id::none;
  user_index user{};
  timestamp time{};
  std::span<const float> context = {};  ///< length options.dimension; e.g. the engine's score, the channel, the hour
  duration utc_offset{0};               ///< the user's local time less UTC, for quiet hours
};

/// A decision, as it is to be logged.
struct send_decision {
  send_status status = send_status::drawn;
  bool send = false;
  double propensity = 1;    ///< probability of what was decided
  double probability = 0;   ///< that of sending
  double fatigue = 0;       ///< before the decision
  double opt_out_rate = 0;  ///< expected if sent
  double later = 0;         ///< the term above
  estimate sent, silent;    ///< of the two worths, what sending costs included

  [[nodiscard]] bool drawn() const noexcept { return status <= send_status::repeated; }
};

/// What became of a reward or an opt-out.
enum class send_feedback : std::uint8_t {
  joined,     ///< kept until the window has passed
  late,       ///< after the window: counted, not learned; an opt-out holds all the same
  duplicate,  ///< one with this key came before; the user had opted out already
  early,      ///< before its decision: a clock is wrong
  unknown,    ///< no such decision, or too old to be kept; an opt-out of who was sent nothing, which holds
  refused,    ///< not finite, or the sum would not be
};

/// A decision whose window has passed, or that gave way: what off-policy evaluation reads.
struct settled_send {
  decision_id id = decision_id::none;
  user_index user{};
  timestamp time{};
  bool send = false;
  bool opted_out = false;
  bool evicted = false;    ///< gave way before its window had passed
  double probability = 0;  ///< of sending
  double fatigue = 0;
  double reward = 0;  ///< joined; of silence 0 without learn_silence
  double cost = 0;    ///< price with its growth, and opt_out_cost if it came to that
  std::uint32_t rewards = 0;

  /// The record for the estimators of evaluation/: reward - cost, the propensity, and the probability with which the
  /// policy in question would have done the same. It compares policies in the states that this one led to: what a
  /// policy does to later fatigue it does not see, unless `later` is taken off the reward.
  /// @param target  that policy's probability of sending.
  [[nodiscard]] evaluation::logged_reward judged_by(double target) const noexcept {
    return {reward - cost, send ? probability : 1 - probability, send ? target : 1 - target};
  }
};

/// Counters for the host's metrics, since the log began.
struct send_stats {
  std::uint64_t drawn = 0, sent = 0, repeated = 0, opted_out = 0, capped = 0, quiet = 0, full = 0, refused = 0;
  std::uint64_t rewards = 0, late = 0, duplicates = 0, unknown = 0, opt_outs = 0, settled = 0, settled_lost = 0,
                evicted = 0, unlearned = 0, faded_users = 0;
  std::size_t users = 0, pending = 0;
};

/// The bandit.
///
/// A decision is a pure function of options, seed, id, the user's state and what was learned. A send counts as made
/// when decide() returns: its fatigue and caps hold for the next call on any thread. Threads: thread-safe; one call at
/// a time goes through, each a few microseconds at d = 20. Hosts with more to decide keep one for each part of their
/// users. Deterministic: the same calls in the same order give the same bits. Memory: bounded: about 150 bytes a user,
/// 4 d + 350 a decision (a thousand users and 2^14 decisions of 20 features take 7 MB), besides users who opted out:
/// their word is kept above max_users, too, up to 2^24. Allocates: on construction; when a user is new; when a policy's
/// support grows; else nothing.
class send_or_not {
 public:
  /// Errors: invalid_argument as send_or_not_options::validate().
  explicit send_or_not(const send_or_not_options& options);

  /// Sends or not. Complexity: O(d^2), and the policy's for two candidates; O(users) when max_users are kept, a user is
  /// new and an hour has passed since the last time.
  send_decision decide(const send_request& asked) noexcept;

  /// What came of a decision. @param key  names the reward among those of its decision, so that one told twice is
  /// counted once; 0 = none. The latest four are remembered. Complexity: O(1).
  send_feedback reward(decision_id id, double value, timestamp time, std::uint64_t key = 0) noexcept;

  /// The user wants no more, and gets none. The latest send to them is taken to be why, if its window holds `time`.
  /// Complexity: O(1). Errors: std::bad_alloc, std::length_error (2^24 users): the word was not kept.
  send_feedback opt_out(user_index user, timestamp time);
  /// They want to hear again.
  void opt_in(user_index user) noexcept;
  [[nodiscard]] bool is_opted_out(user_index user) const noexcept;
  /// Forgets a user: fatigue, answers and opt-out. What the posteriors learned from them stays.
  void forget(user_index user);

  /// Says that it is `now`: decisions whose window has passed are settled and learned, in the order in which they were
  /// made; one whose time lies ahead holds up those behind it. Complexity: O(settled * d^2).
  void advance(timestamp now) noexcept;

  /// Moves settled decisions out, oldest first; returns how many. Those that nobody takes give way at `capacity`.
  std::size_t take_settled(std::span<settled_send> out) noexcept;

  /// The user's fatigue at `time`; 0 for who is not kept.
  [[nodiscard]] double fatigue(user_index user, timestamp time) const noexcept;
  [[nodiscard]] send_stats stats() const noexcept;
  [[nodiscard]] const send_or_not_options& options() const noexcept { return options_; }

  /// Writes everything: what was learned, users, decisions that wait, settled ones, counters.
  void save(byte_writer& out) const;
  /// The bandit that save() wrote: it goes on with the same bits. Errors: bad_format, also for another dimension or a
  /// smaller capacity; invalid_argument as the constructor.
  [[nodiscard]] static send_or_not load(byte_reader& in, const send_or_not_options& options);

 private:
  static constexpr std::size_t knots = 5;        // of the curve over log2(1 + fatigue): 0, 1, 2, 3, 4
  static constexpr std::size_t own = knots + 2;  // features beside the host's

  struct pending_send {
    decision_id id = decision_id::none;
    user_index user{};
    timestamp time{};
    bool opted_out = false, settled = false;
    send_decision decided;
    reward_join joined;
    std::array<std::uint64_t, 4> keys{};

    void save(byte_writer& out) const;
    static pending_send load(byte_reader& in);
  };

  // a posterior whose noise is learned: as if `trust` rewards with the noise of the options had come before
  struct outcome {
    linear_posterior posterior;
    double squares, observed;

    [[nodiscard]] double noise() const noexcept { return squares / observed; }
    [[nodiscard]] estimate predict(std::span<const float> z) const noexcept;
    bool learn(std::span<const float> z, double value) noexcept;
    void save(byte_writer& out) const;
    void load(byte_reader& in);
  };

  send_or_not(const send_or_not_options& options, byte_reader& in);

  [[nodiscard]] send_status rule(const send_request& asked, const send_history& past) const noexcept;
  [[nodiscard]] send_history past_of(user_index user) const noexcept;
  bool remember(const send_request& asked, send_decision& out) noexcept;
  bool has_room(user_index user, timestamp time);
  void describe(const send_request& asked, const send_history& past, double fatigue) noexcept;
  void bend(double fatigue, std::vector<float>& z) const noexcept;
  [[nodiscard]] double worth(std::span<const float> z) const noexcept;
  void weigh(send_decision& out) noexcept;
  void draw(const send_request& asked, send_decision& out);
  void settle(pending_send& p, bool evicted) noexcept;
  void learn(const pending_send& p, std::span<const float> z, double reward) noexcept;
  send_decision silent(send_status why) noexcept;

  send_or_not_options options_;
  mutable brief_mutex mutex_;
  // guarded by it
  std::shared_ptr<const linear_prior> reward_prior_, opt_out_prior_;
  outcome sent_, silent_, left_;  // rewards of sends and of silence; opt-outs of sends
  double sum_ = 0, count_ = 0;    // rewards of all sends, and how many
  flat_table<send_history> users_;
  timestamp next_sweep_;
  tandem::detail::pending_ring<pending_send> pending_;
  std::vector<settled_send> settled_;  // a ring
  std::uint64_t n_settled_ = 0, n_taken_ = 0;
  send_stats stats_;
  std::vector<float> z_, bent_;  // scratch of one decision
};

}  // namespace online
TANDEM_END

#include "tandem/detail/send_or_not_impl.hpp"
