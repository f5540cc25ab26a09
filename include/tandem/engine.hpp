#pragma once
// tandem::engine: the whole loop in one object: observe events, recommend items, learn from rewards, refit.
//
// It wires the rooms and holds no mathematics: the log (store/), the sources and the blender (hybrid/), the batch
// learner (batch/). Everything it answers is a function of (options, seed, the sequence of calls): event time comes
// from the host, never from a clock. A request with a budget is the exception: a clock chooses which sources it leaves
// out, and the log keeps the choice.

#include <chrono>
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
#include "tandem/batch/next_item_ridge.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/function_ref.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/core/time.hpp"
#include "tandem/data/decision.hpp"
#include "tandem/data/event.hpp"
#include "tandem/data/page_rules.hpp"
#include "tandem/detail/engine_linkage.hpp"
#include "tandem/hybrid/blender.hpp"
#include "tandem/hybrid/live_affinity.hpp"
#include "tandem/hybrid/ranker.hpp"
#include "tandem/hybrid/slate.hpp"
#include "tandem/hybrid/source.hpp"
#include "tandem/hybrid/sources.hpp"
#include "tandem/online/sequence.hpp"
#include "tandem/store/durable_store.hpp"
#include "tandem/store/event_store.hpp"

TANDEM_BEGIN

/// The most an event may weigh: |weight of its action * its value|. Beyond, a number is in the wrong unit.
inline constexpr double max_event_weight = 1e6;

/// The facts of one context that count; further ones are ignored.
inline constexpr std::size_t max_context_facts = 64;

/// The most items one answer has.
inline constexpr std::size_t max_request_count = 1000;

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
  /// Names of the built-in sources to blend, each once; see hybrid::built_in_sources(). Empty = those marked
  /// by_default there: all but batch_fold_in.
  std::vector<std::string> sources = {};
  /// The batch learner.
  batch::ials_options ials = {};
  /// The model of what comes next, fitted at each refit if a source asks for it: of the latest 20 half_life events.
  /// A refit then takes 4 m^3 operations more for m = ridge.max_items kept items (3,000: a second or two), a model
  /// 4 m^2 bytes (36 MB), in memory and in a file.
  batch::next_item_ridge_options ridge = {};
  /// How much of the user's latest taste live affinity keeps.
  hybrid::live_affinity_options live = {};
  /// What goes with what.
  online::sequence_options sequence = {};
  /// How sources are blended.
  hybrid::blender_options blender = {};
  /// How the best of the blend are ordered anew, by trees fitted at each refit to the latest choices. They are kept for
  /// it: 3 KB each, in memory and in a file. choices = 0 does without.
  hybrid::ranker_options ranker = {};
  /// How the slate is drawn, and how much is explored.
  hybrid::slate_options slate = {};
  /// The fact of contexts whose values are channels (e.g. "channel", with web, mobile, mail): how often an item is
  /// taken when shown (online/channel_rates.hpp), and how far each source is trusted (hybrid/blend_weights.hpp), is
  /// then learned for each, beside all together. Text of at most max_id_bytes; empty = channels are not kept apart.
  std::string channel_fact = {};
  /// The fact of contexts whose values are segments of users (e.g. "segment", with new, loyal, wholesale): how far each
  /// source is trusted is then learned for each of the first 64, beside all together; a new one starts at the weights
  /// of all (hybrid/blend_weights.hpp). Text of at most max_id_bytes; empty = one set of weights for all users.
  std::string segment_fact = {};
  /// A decision without a reward learns `default_reward` when the clock passes its time by this much, or when it gives
  /// way at max_pending_decisions. duration::max() = never.
  duration reward_window = std::chrono::minutes(30);
  double default_reward = 0;
  /// Events older than the newest one seen by more than this are answered `late` (and learned all the same).
  duration lateness = std::chrono::hours(24);
  /// Once the host has told the time with advance(), events ahead of the clock (the latest of advance() and the events
  /// taken since) by more than this are rejected. Set it only when the host calls advance() at least that often.
  duration max_ahead = duration::max();

  // ---- change time or memory only -------------------------------------------------------------------------------
  /// Decisions that can be rewarded; the oldest give way. Each takes 8 + 5 * sources bytes a candidate within its
  /// reward_window (about 12 KB for a page of ten from the whole catalogue), and 0.5 KB and 12 bytes a place besides.
  std::size_t max_pending_decisions = 2048;
  /// Decisions the log in memory keeps for read_decisions(); the oldest give way. About 150 bytes each and 16 a place.
  std::size_t max_logged_decisions = 100000;
  /// Event keys kept for finding duplicates; the oldest give way. About 80 bytes each.
  std::size_t max_event_keys = 1U << 20U;
  /// Distinct facts of contexts that are learned; further ones are ignored. Up to 4 bytes an item each.
  std::size_t max_facts = 4096;
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
  store_failed,   ///< the store cannot append, and not for lack of memory; nothing changed
  full,           ///< options.max_events reached; nothing changed
  out_of_memory,  ///< nothing changed
  unconfirmed,    ///< learned and queued, but the file could not be written: it will be once it can, see flush(); lost
                  ///< if the process ends before. With a key it may be told again
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
  entry_number ticket{};    ///< for wait_durable(), when taken into a file

  /// True when the event is in the log.
  [[nodiscard]] bool taken() const noexcept {
    return status == observe_status::accepted || status == observe_status::late;
  }
};

/// One place of a page that something else than the engine filled.
struct shown_item {
  std::string_view item;
  double propensity = 1;  ///< the probability it had there, given the places above; 1 where nothing was drawn. (0, 1]
};

/// What a host asks. All text is borrowed until recommend() returns.
struct request {
  std::string_view user;      ///< one that observe() would reject is answered like one not seen before
  std::size_t count = 10;     ///< more than max_request_count counts as that
  timestamp time{};           ///< one outside the years 1 to 9999 counts as the nearest inside
  context_list context = {};  ///< facts not seen with an event, or that are no text, say nothing
  /// Choose among these items only; empty = the engine finds candidates in the whole catalogue. All of them are kept
  /// until the answer's reward_window has passed: how many there may be is for the host to bound.
  std::span<const std::string_view> candidates = {};
  /// Never answer these items.
  std::span<const std::string_view> blocked = {};
  /// Overrides options.exclude_seen.
  std::optional<bool> exclude_seen = {};
  /// The answer is not shown to anybody (replay of a log, trial beside another system): what the user takes then is a
  /// choice from the whole catalogue, and the blender learns it as one. Nothing is explored.
  bool shadow = false;
  /// What the page must keep to: filters, caps, boosts, diversity (docs/page_rules.md). Null = nothing. Rules that
  /// page_rules::validate() refuses are answered with nothing, as a failure; explain() throws what it throws.
  const page_rules* rules = nullptr;
  /// What scoring, blending and drawing may take; zero = as long as they take. Not a deadline: sources are left out
  /// beforehand, by what they took in earlier answers with a budget, and the answer says which level that came to. See
  /// hybrid/effort.hpp and docs/embedding.md.
  std::chrono::microseconds budget{};
  /// The page was filled by something else (editors, another system, the log of one): it is the answer, in this order,
  /// and its rewards teach the blend and the rates as those of the engine's own do. Known items, each once, at most
  /// max_request_count; anything else is answered with nothing, as a failure. Of the rest of the request only user,
  /// time and context count. Empty = the engine fills it.
  std::span<const shown_item> shown = {};
};

/// One recommended item.
struct recommended_item {
  std::string item;
  float score = 0;        ///< with the boosts of rules; comparable within one answer only
  double propensity = 1;  ///< probability of this item in this place, given the ones above it
};

/// An answer. Iterating it goes through the items, best first.
struct recommendation {
  decision_id id = decision_id::none;  ///< name it in reward() or in later events; none = the answer failed
  std::vector<recommended_item> items;
  log_position position{};          ///< the log up to here was known
  std::uint64_t model_version = 0;  ///< 0 = no batch model yet
  answer_level level = answer_level::full;

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
  bool allowed = false;    ///< not filtered (seen, blocked, retired, disliked, rules), among request.candidates if any
  bool candidate = false;  ///< considered for the page: proposed by a source, asked for by the host, or to fill it up
  double rank = 0;         ///< from 0, by score: before exploration, caps and diversity; meaningless unless candidate
  float score = 0;
  std::string_view served_by;           ///< the expert that leads: "blend", "ranker" or a source
  std::vector<source_opinion> sources;  ///< empty unless allowed
};

/// A reward of a logged answer: an event that named it, the first of its item.
struct logged_reward {
  std::string item;
  double value = 0;  ///< the event's weight: its action's times its value
  timestamp time{};
};

/// One answer as the log keeps it, in the host's ids, with what came of it so far: what off-policy evaluation needs.
struct logged_decision {
  decision_id id = decision_id::none;
  std::string user;  ///< as asked for; empty when it was no id
  timestamp time{};
  log_position position{};          ///< the log up to here was known
  std::uint64_t model_version = 0;  ///< 0 = no batch model yet
  bool shadow = false;              ///< shown to nobody: leave it out when estimating rewards
  std::vector<recommended_item> items;
  std::vector<logged_reward> rewards;  ///< in order of the log
  answer_level level = answer_level::full;
  bool given = false;  ///< request::shown filled it
};

/// What was done to forget a user: keep it outside of the file.
struct erasure_receipt {
  std::string user;
  timestamp asked{};     ///< as the host said
  erased_counts counts;  ///< of the file
  entry_number up_to{};  ///< no entry up to here is theirs

  /// For people and archives: line by line, with a checksum of the lines at the end.
  [[nodiscard]] std::string text() const;
};

/// An event of a user's, in the host's words.
struct told_event {
  std::string user, item, action;
  double value = 1;
  timestamp time{};
  std::string key;
  decision_id decision = decision_id::none;
  std::vector<std::pair<std::string, std::string>> context;
};

/// An answer that a user was given.
struct told_answer {
  decision_id id = decision_id::none;
  std::string user;
  timestamp time{};
  bool shadow = false;
  bool given = false;  ///< something else filled the page: request::shown
  std::vector<recommended_item> items;
  std::vector<std::pair<std::string, std::string>> context;
};

/// All that the file holds of one user.
struct user_data {
  std::string user;
  std::vector<std::string> names;  ///< theirs, and those that were merged into it
  bool consent = true;
  std::vector<told_event> events;    ///< in order of the log
  std::vector<told_answer> answers;  ///< the same
};

/// What to keep of a log.
struct retention {
  std::uint64_t max_events = ~std::uint64_t{0};         ///< the latest so many
  timestamp not_before = from_millis(-62135596800000);  ///< from the first event at or after this time on
};

/// Where the host is in a stream that it reads events from.
struct stream_position {
  std::string_view stream;    ///< e.g. "orders/3": a topic and its partition
  std::string_view position;  ///< the host's own: where to go on reading
};

/// What opening a file found and did.
struct open_report {
  entry_number from{};                  ///< the entry of the snapshot it went on from; 0 = the whole log was replayed
  std::uint64_t replayed = 0;           ///< entries after it
  std::uint64_t refitted = 0;           ///< models that were fitted again, since they were not in the file
  std::uint64_t decided_otherwise = 0;  ///< answers that this machine decides otherwise than the log has them
  std::vector<std::string> problems;    ///< damage that was passed over, in words
};

/// An answer of a log, and the one that an engine gives in its place: items, best first.
struct answer_again {
  decision_id id = decision_id::none;
  std::span<const std::string_view> logged;
  std::span<const std::string_view> now;
};

/// Counters for the host's metrics; all since construction, but for what the log of a file tells (events, late,
/// decisions, rewards and what became of both, refits): that is since the file was made.
struct engine_stats {
  std::uint64_t events = 0, duplicates = 0, late = 0, rejected = 0;
  std::uint64_t half_learned = 0;   ///< events, answers and answers' silences that some learner had no memory for
  std::uint64_t ignored_facts = 0;  ///< of contexts: beyond max_facts or max_context_facts, or no text
  std::uint64_t decisions = 0, rewards = 0, duplicate_rewards = 0, unknown_rewards = 0;
  std::uint64_t failed_answers = 0;     ///< memory was out, or the store failed
  std::uint64_t unlogged_answers = 0;   ///< given, with no id, while the file could not be written
  std::uint64_t late_rewards = 0;       ///< among rewards: those that came after their decision had expired
  std::uint64_t expired_decisions = 0;  ///< learned that nothing came
  std::uint64_t evicted_decisions = 0;  ///< gave way at max_pending_decisions before their window had passed
  std::uint64_t refits = 0, failed_refits = 0, model_version = 0;
  std::uint64_t failed_checkpoints = 0;  ///< snapshots after a refit or forget() that could not be written
  std::size_t users = 0, items = 0, retired_items = 0, pending_decisions = 0;  ///< users: those merged away not counted
  log_position position{}, model_position{};  ///< the log's end; the position the batch model covers
  timestamp newest{};                         ///< time of the newest event or advance()
  bool has_ranker = false;                    ///< trees came with the model: they serve while they lead
  std::string leader;                         ///< the expert that serves now: "blend", "ranker" or a source
};

/// The engine.
///
/// Threads: thread-safe. Any number of threads may call any member at once. When observe() returns, every later
/// recommend() on any thread reflects it. A refit never makes recommend() wait: it works on a frozen prefix of the log
/// and swaps the model in under a short lock. The engine starts no thread.
/// Errors: observe, reward and recommend do not throw; everything else throws tandem::error or std::bad_alloc, and has
/// then changed nothing, but for a file that could not be written: a change is then made and queued, which the error
/// says, and flush() stores it. forget() and observe() of a stream say what they leave. What a learner was about to
/// learn when memory ran out may be lost to it: see observe(). An engine that was moved from may be destroyed or
/// assigned to, and nothing else.
class engine {
 public:
  /// @param store  where the log is kept; null = in memory. A durable_store is read back: the engine goes on with the
  ///               bits that an engine never closed would have. Any other must be empty. The engine alone calls it.
  /// Errors: invalid_argument as engine_options::validate(); wrong_state when a store that is not durable holds events;
  /// damaged when the log is.
  /// @param sources  the host's own, behind the built-in ones; with a file they must be given here.
  explicit engine(engine_options options = {}, std::unique_ptr<event_store> store = nullptr,
                  std::span<const std::shared_ptr<const hybrid::source>> sources = {});
  ~engine();
  engine(engine&&) noexcept;
  engine& operator=(engine&&) noexcept;
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  // ---- events ---------------------------------------------------------------------------------------------------
  /// Takes one event: into the log, then into every online learner. An event that names a decision is its reward too.
  ///
  /// An event that is not taken changed nothing, and may be tried again with the same key. One that is taken is in the
  /// log, whole, and the next refit learns it. If memory runs out behind the log, learners that found none miss the
  /// event, at most part of it (the others do not): the answer is `accepted` all the same, stats().half_learned counts.
  /// Complexity: amortised O(window of recent items), not O(items) or O(users): now and then a learner rescales its
  /// counts, O(items), and a clock that moves settles decisions, O(log pending) each. Threads: thread-safe.
  observe_result observe(const event& e) noexcept;
  /// Takes events in order, each as observe(); returns how many were taken.
  /// @param results  what became of each; as long as `events`, or shorter: then of the first ones.
  std::size_t observe(std::span<const event> events, std::span<observe_result> results = {}) noexcept;
  /// Takes events as above and remembers how far their stream was read, all in one transaction: after a crash
  /// stream() tells where to go on, and every event of the stream was taken once. Other threads' calls wait meanwhile.
  /// False if that could not be stored yet: see flush(). Errors: wrong_state without a file; io_error, when an event
  /// could not be taken for lack of memory or beyond max_events: those before it are, without the position, so give it
  /// and those after it again; std::bad_alloc, the same: `results` tell which were taken, perhaps all.
  bool observe(std::span<const event> events, const stream_position& at, std::span<observe_result> results = {});
  /// The position given last for this stream; empty if there was none. Errors: wrong_state without a file, damaged.
  [[nodiscard]] std::string stream(std::string_view name) const;
  /// Rewards an item of an answer: observe({.user = its user, .item, .action = "reward", .value, .time, .decision}).
  /// Its user is whoever has the account after merge(). A positive reward is itself an event of that user with that
  /// item: do not observe it a second time. Once a decision has expired its candidates are gone: a late reward moves
  /// the item's response rate (by what it is above the default that was learned), and not the blend.
  observe_result reward(decision_id id, std::string_view item, double value, timestamp time) noexcept;

  // ---- durability: of an engine with a file; see store/sqlite_store.hpp for the levels --------------------------
  /// Returns when everything up to `ticket` is as durable as the file's level says, together with what other threads
  /// wait for: one of them commits for all. False when the file cannot be written: flush() tries again.
  /// Threads: thread-safe.
  bool wait_durable(entry_number ticket) noexcept;
  /// As wait_durable() for everything taken so far. After a failure (a full disk) it tries again. False if that fails
  /// too, or a sync ever failed: then what the file holds is known only when it is opened again.
  bool flush() noexcept;
  /// Keeps all that was learned in the file, so that opening it replays only what comes later. Other threads go on.
  /// refit() and the destructor do it too. Complexity: O(what was learned). Errors: io_error, no_space, wrong_state.
  void checkpoint();
  /// Does again what another log says, as if its host had told this engine: into an engine in a file of its own, made
  /// with any options, that has taken nothing yet. Decisions are kept as they were; models are fitted again.
  /// Streams are taken over. Errors: wrong_state without a file, with one that is not empty, or of a log that was
  /// compacted; damaged; io_error, no_space; what refit() throws. After one, start again with a new file.
  open_report learn_from(const journal& log);
  /// The same, and calls f with each of its answers and what this engine would have answered: what other options
  /// change. Pages that were given (request::shown) are left out. f must not call the engine. Complexity: as learning
  /// the log and answering every request of it again.
  open_report learn_from(const journal& log, function_ref<void(const answer_again&)> f);
  /// How the file was found when it was opened.
  [[nodiscard]] const open_report& opened() const noexcept;
  /// A checksum of all that was learned: equal for engines that will answer alike for ever.
  [[nodiscard]] std::uint64_t digest() const;

  // ---- answers --------------------------------------------------------------------------------------------------
  /// The items to show. Empty when no item is allowed; and, with id `none`, when memory was out or the store failed.
  /// While a file cannot be written answers go on, without exploration, with id `none`: they cannot be rewarded.
  /// Complexity: O(items * rank) for the factor sources, at worst and usually far less (docs/top_n.md); O(items) for
  /// response_rate, next_item_ridge, context and the host's dense ones; O(ranker.depth * trees) for a ranker.
  recommendation recommend(const request& asked) noexcept;
  /// What every source and the blend think of one item, as a recommend() at this moment would see it. Logs nothing.
  [[nodiscard]] explanation explain(const request& asked, std::string_view item_id) const;

  // ---- batch ----------------------------------------------------------------------------------------------------
  /// Fits the batch model on the log so far, and beside it what options.ridge and options.ranker ask for, and swaps all
  /// of it in. Refits one at a time: a second caller waits. Reports of the three come one after the other, by stage.
  /// When the weights of the log are too large for float32, it fits once more with none of them above 32.
  /// With a file the model and a snapshot of the state go into it; a snapshot that fails is counted only.
  /// Errors: cancelled (the model stays as it was), not_finite; io_error, no_space (the same) when a file cannot take
  /// it.
  void refit(executor_ref executor = {}, const progress& report = {});
  /// Runs refit() through `post`, which must run the function it is given some time, on some thread, or drop it.
  /// Returns false, and does nothing, while an earlier one is still pending. A failure leaves the model as it was and
  /// is counted; `done` (may be empty) hears of it, null = all went well.
  /// Lifetime: the function keeps alive what it needs of the engine, which may be moved or destroyed before it runs;
  /// `executor`, and what `report` and `done` refer to, must live until it has run. Errors: what `post` throws.
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
  /// Gives everything `from` did to `to` (an anonymous visitor logs in), and the rewards of pages it was shown; `from`
  /// starts afresh. The log keeps both. Complexity: O(users + pending decisions).
  void merge(std::string_view from, std::string_view to);

  /// Whether the user's events may be learned from; everybody's may until told otherwise. Without consent events are
  /// logged and make up the user's own history, and change what nobody else is shown: neither the online learners nor
  /// a refit learns from them. What was learned before stays, until a refit or, for all learners, forget().
  void set_consent(std::string_view user, bool given);

  // ---- erasure and access: see docs/durability.md ---------------------------------------------------------------
  /// Forgets a user and everybody merged into them: their entries are overwritten in the file, their names, histories
  /// and waiting answers dropped, all snapshots with them. What their events added to counts that all users share is
  /// forgotten when the file is opened next, which learns the rest of the log anew; until then there are no new
  /// snapshots. Of a file that was compacted nothing can be learned anew: there a snapshot without the user takes the
  /// place of the others, the counts stay, and keys of events that went are known no more. Their late rewards are
  /// unknown. In memory: history and name are dropped, and no refit learns from them.
  /// @param asked  for the receipt.
  /// Complexity: O(log); events wait while the file is written anew, which takes as much room as it has bytes, beside
  /// it and where SQLite has its temporary files. Errors: not_found, with nothing changed; others leave the user
  /// forgotten in memory, and what is left to erase to the next call: io_error; no_space; wrong_state when another
  /// program reads the file just then (what is erased is, but the write-ahead log may hold old pages). Should the
  /// process end first, the file opens with all of the user's entries or with none; what was begun is finished then,
  /// but for entries that are whole: forget the user again.
  erasure_receipt forget(std::string_view user, timestamp asked);
  /// All that the file holds of a user. json.hpp writes it. Complexity: O(log). Errors: not_found; wrong_state without
  /// a file; damaged.
  [[nodiscard]] user_data export_user(std::string_view user) const;
  /// Forgets old entries of the file; what was learned from them stays, in snapshots. Later refits learn from what is
  /// kept. Returns how many went. Complexity: O(log). Errors: wrong_state without a file, or after forget() until it is
  /// opened again; io_error, no_space.
  std::uint64_t compact(const retention& keep);

  // ---- time -----------------------------------------------------------------------------------------------------
  /// Says that it is `now` and nothing else happened: decisions whose window has passed learn the default reward. An
  /// earlier time than one told before changes nothing. Memory that runs out is counted as half_learned.
  /// Errors: invalid_argument outside the years 1 to 9999.
  void advance(timestamp now);

  // ---- the log ---------------------------------------------------------------------------------------------------
  /// Calls f with every logged decision, oldest first, with its rewards so far: as of this moment, whatever other
  /// threads add meanwhile. f may call the engine. What was on the host's page beside (the context) it joins by id.
  /// Complexity: O(decisions + events since the oldest of them). Threads: thread-safe; holds no lock while it reads.
  /// Errors: std::bad_alloc, and what the store or f throws.
  void read_decisions(function_ref<void(const logged_decision&)> f) const;

  // ---- the host's own sources -----------------------------------------------------------------------------------
  /// Adds a source to the blend. Call it before the first recommend(), or it throws wrong_state.
  /// Errors: wrong_state, invalid_argument (null, or a name that is there already).
  void add_source(std::shared_ptr<const hybrid::source> source);

  [[nodiscard]] engine_stats stats() const;
  [[nodiscard]] const engine_options& options() const noexcept;

 private:
  struct state;
  std::shared_ptr<state> state_;  // shared with refits in the background only
  std::shared_ptr<open_report> opened_;
};

TANDEM_END

#if !TANDEM_LINKS_ENGINE
#include "tandem/detail/engine_impl.hpp"
#endif
