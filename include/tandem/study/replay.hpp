#pragma once
// Replays a log through one engine: every event is predicted before it is learned, and the clock runs.
//
// The log is in visit order (order_visits()). Its first half only teaches; in its second half every K-th event is
// judged: where did the engine, and each of its sources, rank the item that was taken? Events of one user at one time
// are one visit, and a log does not know their order, so two protocols stand side by side: next_event knows the part
// of a visit that comes earlier in the hashed order, next_visit knows earlier visits only.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tandem/core/progress.hpp"
#include "tandem/data/event_log.hpp"
#include "tandem/data/split.hpp"
#include "tandem/engine.hpp"
#include "tandem/evaluation/ranking.hpp"
#include "tandem/study/latency.hpp"

TANDEM_BEGIN
namespace study {

/// What is known when an event is predicted.
enum class protocol : std::uint8_t {
  next_event,  ///< every event before it
  next_visit,  ///< every visit before its own
};

/// The items a slate holds, and the k of NDCG@k and HR@k.
inline constexpr std::size_t slate_size = 10;

/// Options of a replay. A default-constructed object is a sensible start.
struct replay_options {
  /// Refits in the judged half, the first at its start; as often in the half before. Range [0, 10000]; 0 = none.
  std::size_t refits = 12;
  /// Judge every so manieth event of the second half; in the first half decide as often. Range [1, inf).
  std::size_t every = 5;
  /// Whether an item that the user already had may be recommended, and its events judged.
  bool repeat_items = false;
  /// How much an event of an action counts, as engine_options::actions: in [-max_event_weight, max_event_weight];
  /// actions not named here count 1. An event that counts 0 or less (a return, a skip) is learned, but nobody wants it
  /// foreseen: it is not judged.
  std::vector<std::pair<std::string, double>> actions = {};

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const {
    if (refits > 10000) throw error(errc::invalid_argument, "must lie in [0, 10000]", {{}, 0, "refits"});
    if (every == 0) throw error(errc::invalid_argument, "must be at least 1", {{}, 0, "every"});
    for (const auto& [action, weight] : actions) {
      if (std::abs(weight) <= max_event_weight) continue;
      throw error(errc::invalid_argument, "must have weights in [-1e6, 1e6]", {{}, 0, "actions"});
    }
  }
};

/// One event that is predicted before it is learned.
struct planned_prediction {
  std::uint32_t event = 0;    ///< its place in the log
  std::uint32_t history = 0;  ///< events of its user before it that count more than 0
};

/// Which events are predicted: the same for every arm and protocol, so that results pair up.
struct replay_plan {
  std::vector<planned_prediction> predictions;  ///< ascending by event
  std::size_t first_judged = 0;                 ///< subscript of the first prediction in the second half
  std::vector<std::size_t> refits;              ///< the log up to here (exclusive) is known at a refit; ascending

  [[nodiscard]] std::size_t n_judged() const noexcept { return predictions.size() - first_judged; }
};

/// Plans the replay of a log in visit order. Complexity: O(events). Memory while it runs: about 40 bytes an event.
/// Errors: invalid_argument (options; more than 2^32 - 1 events); wrong_state when nothing is left to judge.
[[nodiscard]] replay_plan plan_replay(const event_log& log, const replay_options& options);

/// What one engine did with one log.
struct replay_result {
  std::vector<double> rank;           ///< of the item taken, one a judged prediction; evaluation::missed = not found
  std::vector<std::string> sources;   ///< names, in the engine's order
  std::vector<float> source_rank;     ///< rank.size() x sources.size(): over all items that the request allows
  std::vector<std::string> experts;   ///< who served judged predictions: the blend, or a source
  std::vector<std::uint64_t> served;  ///< how often, beside each expert
  double coverage = 0;                ///< share of the log's items that some judged slate held
  std::uint64_t events = 0;
  std::uint64_t refits = 0;
  latency_histogram decide;  ///< calls of recommend(), both halves
  latency_histogram learn;   ///< calls of observe(), both halves
  double refit_s = 0;        ///< wall time of refits
  double refit_cpu_s = 0;    ///< processor time of refits
  double cpu_s = 0;          ///< processor time of everything but looking ranks up
  double peak_rss_mb = 0;    ///< for the caller to fill in: of the process that ran this
  double log_rss_mb = 0;     ///< for the caller to fill in: of the same process before it started

  /// Events a second of wall time spent deciding, learning and refitting.
  [[nodiscard]] double events_per_s() const noexcept {
    const double seconds = decide.total_seconds() + learn.total_seconds() + refit_s;
    return seconds > 0 ? static_cast<double>(events) / seconds : 0;
  }
  /// What 1,000 answers cost, with all that was learned and refitted meanwhile: seconds of processor time, and
  /// kilobytes of memory that came to the log's. 0 when nothing was answered.
  [[nodiscard]] double cpu_s_per_thousand() const noexcept { return per_thousand(cpu_s); }
  [[nodiscard]] double kb_per_thousand() const noexcept {
    return per_thousand(1e3 * std::max(0.0, peak_rss_mb - log_rss_mb));
  }

 private:
  [[nodiscard]] double per_thousand(double what) const noexcept {
    return decide.size() > 0 ? 1e3 * what / static_cast<double>(decide.size()) : 0;
  }
};

/// Drives `subject` through the log. All work, refits too, is done on the calling thread.
///
/// An event is told with its action, and with its weight in the log as its value.
/// @param subject   an engine that has seen nothing yet, with exclude_seen = !repeat_items and the actions of the plan.
/// @param callback  hears of events done (stage "replay"), about a thousand times.
/// Errors: wrong_state when the engine does not take an event (a time far in the future, an id that is too long);
/// cancelled; what engine::refit() throws.
[[nodiscard]] replay_result replay(const event_log& log, const replay_plan& plan, protocol known, engine& subject,
                                   const progress& callback = {});

}  // namespace study
TANDEM_END

#include "tandem/study/detail/replay_impl.hpp"
