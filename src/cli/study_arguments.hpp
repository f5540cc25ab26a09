#pragma once
// What was asked of `tandem study` on the command line.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "tandem/study/replay.hpp"

namespace tandem_cli {

/// The options as typed; lists are still text.
struct study_arguments {
  std::string events, format, columns, names, actions, json, html, command;
  std::string unit = "automatic";
  bool synthetic = false, no_times = false, skip_bad = false, value_as_weight = false;
  tandem::study::replay_options replay;
  std::uint64_t seed = 0;
  std::vector<std::string> given;  ///< options that were named, e.g. "--format"
};

/// Ends with exit code 2 and one line: `option` and why it cannot be as it is.
[[noreturn]] inline void refuse(const std::string& option, const std::string& why) {
  throw CLI::ValidationError(option, why);
}

}  // namespace tandem_cli
