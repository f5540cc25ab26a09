#pragma once
// One log file: from the options that describe it to its events.

#include <string>
#include <utility>
#include <vector>

#include "log_arguments.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/event_log.hpp"
#include "tandem/data/read_options.hpp"

namespace tandem_cli {

/// Adds the options that describe log files, in the group "The log"; those about times only where times are read.
void add_file_options(CLI::App& command, log_arguments& asked);

/// Adds the options that say how much an event counts.
void add_weight_options(CLI::App& command, log_arguments& asked, const char* actions_help);

/// Ends with exit code 2 where one option would be ignored because of another, and says what to do; else reads
/// `actions` into action_weights. @param path  the log, whose name may tell its format.
void settle_log_options(log_arguments& asked, const std::string& path);

/// A log, and what reading it came to.
struct read_log_result {
  tandem::event_log log;
  tandem::read_report report;
  std::vector<std::string> notes;  ///< what the file says and the command does not use
};

/// Reads a file. Weights are the file's values with --value-as-weight, else 1; what its action counts is for the
/// caller.
/// @param all  the file must have an event of each action of --actions, and values for --value-as-weight.
/// Errors: as the readers, with remedies as this command spells them; invalid_argument for what `all` asks.
[[nodiscard]] read_log_result read_log_file(const log_arguments& asked, const std::string& path,
                                            const tandem::progress& callback, bool all = true);

/// Says on standard error how many lines were left out, if any. @param path  named when it is not empty.
void tell_bad_lines(const tandem::read_report& read, const std::string& path);

}  // namespace tandem_cli
