#pragma once
// The log that a study replays: from the options that describe it to its events.

#include <string>
#include <utility>
#include <vector>

#include "study_arguments.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/event_log.hpp"
#include "tandem/data/read_options.hpp"

namespace tandem_cli {

/// Ends with exit code 2 where one option would be ignored because of another, and says what to do.
void check_log_options(const study_arguments& asked);

/// "view=1,return=-1" as engine_options::actions. Ends with exit code 2 when it is not that.
[[nodiscard]] std::vector<std::pair<std::string, double>> actions_of(const std::string& list);

/// A log, and what reading it came to.
struct read_log_result {
  tandem::event_log log;
  tandem::read_report report;
  std::vector<std::string> notes;  ///< what the file says and the study does not use
};

/// Reads the file, or invents the shop. Weights are the file's values with --value-as-weight, else 1.
/// Errors: as the readers, with remedies as this command spells them; invalid_argument for an action of --actions that
/// no event has, and for --value-as-weight without values.
[[nodiscard]] read_log_result read_log(const study_arguments& asked, const tandem::progress& callback);

}  // namespace tandem_cli
