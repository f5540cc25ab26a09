#pragma once
// What a study found: the arms' results side by side, every figure with the interval that the users' variety leaves it.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tandem/data/event_log.hpp"
#include "tandem/data/split.hpp"
#include "tandem/evaluation/bootstrap.hpp"
#include "tandem/study/arms.hpp"
#include "tandem/study/replay.hpp"

TANDEM_BEGIN
namespace study {

/// A figure and its 95 % bootstrap interval over users; NaN where the data does not give one.
struct estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  evaluation::interval range{value, value};
};

/// The three measures of a ranking.
struct quality {
  estimate ndcg;  ///< NDCG@10
  estimate hr;    ///< HR@10: the share of predictions with the item taken among the first ten
  estimate mrr;   ///< mean reciprocal rank, no cut-off
};

/// One arm under one protocol.
struct arm_report {
  quality all;
  std::vector<estimate> by_history;  ///< NDCG@10 of users with a history as in history_groups; NaN for an empty group
  std::vector<double> over_time;     ///< NDCG@10 in equal slices of the judged predictions
  replay_result raw;                 ///< ranks, latencies, coverage, memory
};

/// One source of the hybrid, ranking the whole catalogue by itself.
struct source_report {
  std::string name;
  bool needs_model = false;
  estimate ndcg;
  double hr = 0;
  double alone = 0;  ///< share of predictions for which this source, and no other, had the item in its first ten
};

/// The hybrid beside something else.
struct comparison {
  std::string with;     ///< an arm's name, or "best_source"
  estimate ratio;       ///< of NDCG@10
  estimate difference;  ///< in NDCG@10
};

/// All arms under one protocol.
struct protocol_report {
  std::array<arm_report, n_arms> arms;
  std::vector<source_report> sources;   ///< best first
  std::vector<comparison> comparisons;  ///< with batch, batch_fold_in, realtime, realtime_ranked, best_source
  [[nodiscard]] const arm_report& operator[](arm a) const noexcept { return arms[static_cast<std::size_t>(a)]; }
};

/// Users by the number of their events before a prediction: from `first` to before the next group's.
struct history_group {
  std::uint32_t first = 0;
  double share = 0;  ///< of the judged predictions
};

/// The whole study.
struct study_report {
  std::string dataset;     ///< the file's name, for people
  bool synthetic = false;  ///< the log is invented
  std::string command;     ///< repeats the study; may be empty
  std::uint64_t events = 0, users = 0, items = 0, visits = 0;
  std::uint64_t tied_events = 0;   ///< share a visit with another
  std::uint64_t bad_lines = 0;     ///< of the file, left out
  bool value_as_weight = false;    ///< an event counts its value times its action's weight
  std::vector<std::string> notes;  ///< sentences about how the log was read that a reader should know
  timestamp first{}, last{};       ///< times of the log
  std::uint64_t judged = 0;        ///< predictions, per arm and protocol
  std::uint64_t judged_users = 0;  ///< their users: what the bootstrap draws
  std::vector<timestamp> slices;   ///< times at which the slices of arm_report::over_time begin, and the end
  std::vector<history_group> history_groups;
  replay_options options;
  std::uint64_t seed = 0;
  protocol_report next_event, next_visit;
};

/// The facts of a log, and the plan's; protocols are still to be filled in by summarise().
[[nodiscard]] study_report describe(const event_log& log, const replay_plan& plan, const replay_options& options,
                                    std::uint64_t seed);

/// Puts all arms' results, in the order of all_arms, side by side.
/// Complexity: about 60 bootstraps of 1,000 resamples over the judged users. Errors: invalid_argument when the results
/// are not of this plan.
[[nodiscard]] protocol_report summarise(const event_log& log, const replay_plan& plan, const study_report& facts,
                                        std::array<replay_result, n_arms> results, executor_ref executor = {});

}  // namespace study
TANDEM_END

#include "tandem/study/detail/report_impl.hpp"
