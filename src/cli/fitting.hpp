#pragma once
// What `tandem fit` and `tandem evaluate` share: fitting a chosen model with a bar, on threads, and its cost.

#include <CLI/CLI.hpp>
#include <cstddef>
#include <ctime>
#include <string>

#include "interruption.hpp"
#include "log_arguments.hpp"
#include "models.hpp"
#include "progress_bar.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/study/detail/findings.hpp"

namespace tandem_cli {

/// Processor time of all threads of this process so far.
[[nodiscard]] inline double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// A model and the processor time that fitting it took.
struct timed_model {
  any_model model;
  double cpu_seconds;
};

[[nodiscard]] inline timed_model fit_timed(const chosen_model& chosen, const tandem::interactions& log,
                                           tandem::thread_pool& threads, progress_bar& bar) {
  const double start = cpu_seconds();
  any_model model = chosen.kind.fit(log, chosen.options, threads, interruption::callback(bar));
  bar.clear();
  return {std::move(model), cpu_seconds() - start};
}

/// "4,034 users, 3,468 items, 388,246 entries"
[[nodiscard]] inline std::string size_text(const tandem::interactions& log) {
  using tandem::study::detail::thousands;
  return thousands(log.n_users()) + " users, " + thousands(log.n_items()) + " items, " + thousands(log.size()) +
         " entries";
}

/// Refuses a log of which nothing is left to learn from.
inline void require_entries(const tandem::interactions& log, const std::string& path) {
  if (log.size() > 0) return;
  throw tandem::error(tandem::errc::invalid_argument, "no event counts more than 0, so there is nothing to learn",
                      {path, 0, {}}, "see --actions and --value-as-weight");
}

/// What a model of ratings asks of the log: ratings, and the latest of several. Ends with exit code 2 where they cannot
/// be.
inline void settle_ratings(const model_kind& kind, const log_arguments& asked, std::string& merge) {
  if (!kind.of_ratings) return;
  if (!asked.value_as_weight) {
    refuse("--model", kind.name + " learns ratings, and every event counts 1: add --value-as-weight");
  }
  if (merge == "binary") refuse("--merge", "binary makes every rating 1: leave it out for " + kind.name);
  if (!asked.was_given("--merge")) merge = "latest";
}

/// Ends with exit code 2 for a model that would take dislikes for likes.
inline void check_dislikes(const model_kind& kind, const log_arguments& asked) {
  if (asked.dislikes && !kind.knows_dislikes) refuse("--dislikes", kind.name + " knows no dislikes: leave it out");
}

inline void add_threads_option(CLI::App& command, std::size_t& threads) {
  command.add_option("--threads", threads, "Threads (0 = one a core); they do not change the result")
      ->type_name("N")
      ->check(CLI::Range(0, 1024).description(""))
      ->group("The work");
}

}  // namespace tandem_cli
