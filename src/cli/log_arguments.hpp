#pragma once
// What was said on the command line about how log files are written and what their events count.

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

namespace tandem_cli {

/// The options as typed; lists are still text.
struct log_arguments {
  std::string format, columns, names, actions;
  std::string key_file;  ///< of an engine's file
  std::string unit = "automatic";
  bool no_times = false, skip_bad = false, value_as_weight = false, dislikes = false;
  bool order_is_time = false;  ///< the command asks for no times: what files say of them is not read
  std::vector<std::pair<std::string, double>> action_weights;  ///< of `actions`
  std::vector<std::string> given;                              ///< options that were named, e.g. "--format"

  [[nodiscard]] bool was_given(const std::string& option) const {
    for (const std::string& each : given) {
      if (each == option) return true;
    }
    return false;
  }
};

/// The options that were named, for log_arguments::given.
[[nodiscard]] inline std::vector<std::string> named_options(const CLI::App& command) {
  std::vector<std::string> out;
  for (const CLI::Option* each : command.get_options()) {
    if (each->count() > 0) out.push_back(each->get_name());
  }
  return out;
}

/// Ends with exit code 2 and one line: `option` and why it cannot be as it is.
[[noreturn]] inline void refuse(const std::string& option, const std::string& why) {
  throw CLI::ValidationError(option, why);
}

}  // namespace tandem_cli
