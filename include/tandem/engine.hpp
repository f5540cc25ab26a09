#pragma once
// tandem::engine: the whole loop in one object: observe events, recommend items, learn from rewards, refit.
//
// It wires the rooms and holds no mathematics: the log (store/), the sources and the blender (hybrid/), the batch
// learner (batch/). Everything it answers is a function of (options, seed, the sequence of calls): event time comes
// from the host, never from a clock.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/batch/factor_model.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/core/time.hpp"
#include "tandem/data/event.hpp"
#include "tandem/hybrid/blender.hpp"
#include "tandem/hybrid/live_affinity.hpp"
#include "tandem/hybrid/slate.hpp"
#include "tandem/hybrid/source.hpp"
#include "tandem/hybrid/sources.hpp"
#include "tandem/online/sequence.hpp"

TANDEM_BEGIN

/// The most an event may weigh: |weight of its action * its value|. Beyond, a number is in the wrong unit.
inline constexpr double max_event_weight = 1e6;

/// Options of an engine. A default-constructed object is a sensible start.
struct engine_options {
  // ---- change the result ----------------------------------------------------------------------------------------
  /// Latent factors of the batch model. Range [1, 1024]. Overrides ials.rank.
  std::size_t rank = 64;
  /// Seed of everything random: the first factors, exploration. Same seed, same calls: same answers.
  std::uint64_t seed = 0;
  /// How much an event of an action counts; negative = dislike. Actions not named here count 1. Each named once, in
  /// [-max_event_weight, max_event_weight].
  std::vector<std::pair<std::string, double>> actions = {};
  /// Leave out of recommendations what the user already has. A request may override it.
  bool exclude_seen = true;
  /// Names of the built-in sources to blend, each once; see hybrid::built_in_sources(). Empty = all of them.
  std::vector<std::string> sources = {};
  /// The batch learner.
  batch::ials_options ials = {};
  /// How much of the user's latest taste live affinity keeps.
  hybrid::live_affinity_options live = {};
  /// What goes with what.
  online::sequence_options sequence = {};
  /// How sources are blended.
  hybrid::blender_options blender = {};
  /// How the slate is drawn, and how much is explored.
  hybrid::slate_options slate = {};
  /// A decision without a reward learns `default_reward` when advance() passes its time by this much.
  duration reward_window = std::chrono::minutes(30);
  double default_reward = 0;
  /// Events older than the newest one seen by more than this are answered `late` (and learned all the same).
  duration lateness = std::chrono::hours(24);
  /// Once the host has told the time with advance(), events ahead of the clock (the latest of advance() and the events
  /// taken since) by more than this are rejected. Set it only when the host calls advance() at least that often.
  duration max_ahead = duration::max();

  // ---- change time or memory only -------------------------------------------------------------------------------
  /// Decisions whose candidates are kept for learning from late rewards; the oldest give way. About 10 KB each.
  std::size_t max_pending_decisions = 2048;
  /// Event keys kept for finding duplicates; the oldest give way. About 80 bytes each.
  std::size_t max_event_keys = 1U << 20U;
  /// Events the log takes before observe() answers `full`.
  std::size_t max_events = std::size_t{1} << 32U;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// What became of an event.
enum class observe_status : std::uint8_t {
  accepted,       ///< in the log and learned
  duplicate,      ///< an event with this key was taken before; nothing changed
  late,           ///< as accepted; its time lies before the newest event by more than options.lateness
  rejected,       ///< not taken; reason says why
  store_failed,   ///< the store could not append; nothing changed
  full,           ///< options.max_events reached; nothing changed
  out_of_memory,  ///< nothing changed
};

/// Why an event or reward was not taken.
enum class reject_reason : std::uint8_t {
  none,
  empty_user,
  empty_item,
  id_too_long,  ///< an id, the action, the key or a fact of the context is over max_id_bytes
  not_utf8,     ///< one of the same
  value_not_finite,
  value_too_large,    ///< with the action's weight it is beyond max_event_weight
  time_in_future,     ///< beyond options.max_ahead
  time_out_of_range,  ///< outside the years 1 to 9999: in the wrong unit
  unknown_decision,   ///< no such decision, or too old to be kept
};

/// Names as they stand in the enums.
[[nodiscard]] std::string_view name(observe_status status) noexcept;
[[nodiscard]] std::string_view name(reject_reason reason) noexcept;

/// The answer to observe() and reward().
struct observe_result {
  observe_status status = observe_status::accepted;
  reject_reason reason = reject_reason::none;
  log_position position{};  ///< place in the log, when taken

  /// True when the event is in the log.
  [[nodiscard]] bool taken() const noexcept {
    return status == observe_status::accepted || status == observe_status::late;
  }
};

/// What a host asks. All text is borrowed until recommend() returns.
struct request {
  std::string_view user;
  std::size_t count = 10;
  timestamp time{};  ///< one outside the years 1 to 9999 counts as the nearest inside
  context_list context = {};
  /// Choose among these items only; empty = the engine finds candidates in the whole catalogue.
  std::span<const std::string_view> candidates = {};
  /// Never answer these items.
  std::span<const std::string_view> blocked = {};
  /// Overrides options.exclude_seen.
  std::optional<bool> exclude_seen = {};
  /// The answer is not shown to anybody (replay of a log, trial beside another system): what the user takes then is a
  /// choice from the whole catalogue, and the blender learns it as one. Nothing is explored.
  bool shadow = false;
};

/// One recommended item.
struct recommended_item {
  std::string item;
  float score = 0;        ///< comparable within one answer only
  double propensity = 1;  ///< probability of this item in this place, given the ones above it
};

/// An answer. Iterating it goes through the items, best first.
struct recommendation {
  decision_id id = decision_id::none;  ///< name it in reward() or in later events
  std::vector<recommended_item> items;
  log_position position{};          ///< the log up to here was known
  std::uint64_t model_version = 0;  ///< 0 = no batch model yet

  [[nodiscard]] auto begin() const noexcept { return items.begin(); }
  [[nodiscard]] auto end() const noexcept { return items.end(); }
};

/// What one source, or the blend, thinks of one item for one request.
struct source_opinion {
  std::string_view name;
  float score = 0;
  double rank = 0;        ///< from 0, among all items the request allows; ties at their mean rank
  bool proposed = false;  ///< the source put it among the candidates
};

/// Why an item was, or was not, recommended.
struct explanation {
  bool known = false;      ///< the item has been seen
  bool allowed = false;    ///< not filtered (seen, blocked, retired, disliked)
  bool candidate = false;  ///< some source proposed it
  double rank = 0;         ///< from 0, in the final order before exploration; meaningless unless candidate
  float score = 0;
  std::string_view served_by;  ///< the expert that leads: the blend, or one source
  std::vector<source_opinion> sources;
};

/// Counters for the host's metrics; all since construction.
struct engine_stats {
  std::uint64_t events = 0, duplicates = 0, late = 0, rejected = 0;
  std::uint64_t decisions = 0, rewards = 0, duplicate_rewards = 0, unknown_rewards = 0, expired_decisions = 0;
  std::uint64_t refits = 0, failed_refits = 0, model_version = 0;
  std::size_t users = 0, items = 0, retired_items = 0, pending_decisions = 0;
  log_position position{}, model_position{};  ///< the log's end; the position the batch model covers
  timestamp newest{};                         ///< time of the newest event or advance()
  std::string leader;                         ///< the expert that serves now
};

/// The engine in memory.
///
/// Threads: thread-safe. Any number of threads may call any member at once. When observe() returns, every later
/// recommend() on any thread reflects it. A refit never makes recommend() wait: it works on a frozen prefix of the log
/// and swaps the model in under a short lock. The engine starts no thread.
/// Errors: construction, refit, upsert and merge throw tandem::error; observe, reward and recommend do not.
class engine {
 public:
  /// Errors: invalid_argument as engine_options::validate().
  explicit engine(engine_options options = {});
  ~engine();
  engine(engine&&) noexcept;
  engine& operator=(engine&&) noexcept;
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  // ---- events ---------------------------------------------------------------------------------------------------
  /// Takes one event: into the log, then into every online learner. An event that names a decision is its reward too.
  /// Complexity: O(window of recent items), not O(items) or O(users). Threads: thread-safe.
  observe_result observe(const event& e) noexcept;
  /// Takes events in order; returns how many were taken.
  std::size_t observe(std::span<const event> events) noexcept;
  /// Rewards an item of an answer: observe({.user = its user, .item, .action = "reward", .value, .time, .decision}).
  /// A positive reward is itself an event of that user with that item: do not observe it a second time.
  observe_result reward(decision_id id, std::string_view item, double value, timestamp time) noexcept;

  // ---- answers --------------------------------------------------------------------------------------------------
  /// The items to show. Empty only when no item is allowed (or memory is out).
  /// Complexity: O(items * rank) for the factor sources, O(items) for the others.
  recommendation recommend(const request& r) noexcept;
  /// What every source and the blend think of one item, as a recommend() at this moment would see it. Logs nothing.
  [[nodiscard]] explanation explain(const request& r, std::string_view item) const;

  // ---- batch ----------------------------------------------------------------------------------------------------
  /// Fits the batch model on the log so far and swaps it in. Refits one at a time: a second caller waits.
  /// When the weights of the log are too large for float32, it fits once more with none of them above 32.
  /// Errors: cancelled (the model stays as it was), not_finite.
  void refit(executor_ref executor = {}, const progress& report = {});
  /// Runs refit() through `post`, which must run the function it is given some time, on some thread, while the engine
  /// lives. Returns false, and does nothing, while an earlier one is still pending. A failure leaves the model as it
  /// was and is counted; `done` (may be empty) hears of it.
  bool refit_in_background(const std::function<void(std::function<void()>)>& post, executor_ref executor = {},
                           progress report = {}, std::function<void(std::exception_ptr)> done = {});
  /// The model in use, or null before the first refit.
  [[nodiscard]] std::shared_ptr<const batch::factor_model> model() const;

  // ---- catalogue and users --------------------------------------------------------------------------------------
  /// Makes an item known, or changes its attributes; a retired item comes back. Errors: invalid_argument (the id, or an
  /// attribute: text as in observe()).
  void upsert_item(std::string_view item, const context_list& attributes = {});
  /// Never recommends the item again, until upsert_item(). Its events stay learned. Unknown items are made known.
  void retire_item(std::string_view item);
  /// Gives everything `from` did to `to` (an anonymous visitor logs in); `from` starts afresh. The log keeps both.
  void merge(std::string_view from, std::string_view to);

  // ---- time -----------------------------------------------------------------------------------------------------
  /// Says that it is `now` and nothing else happened: decisions whose window has passed learn the default reward. An
  /// earlier time than one told before changes nothing. Errors: invalid_argument outside the years 1 to 9999.
  void advance(timestamp now);

  // ---- the host's own sources -----------------------------------------------------------------------------------
  /// Adds a source to the blend. Call it before the first recommend(). Errors: wrong_state, invalid_argument (name).
  void add_source(std::shared_ptr<const hybrid::source> source);

  [[nodiscard]] engine_stats stats() const;
  [[nodiscard]] const engine_options& options() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

TANDEM_END

#include "tandem/detail/engine_impl.hpp"
