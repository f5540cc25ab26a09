#pragma once
// What was asked of `tandem study` on the command line.

#include <cstdint>
#include <string>

#include "log_arguments.hpp"
#include "tandem/study/replay.hpp"

namespace tandem_cli {

/// The options as typed.
struct study_arguments : log_arguments {
  std::string events, json, html, command;
  bool synthetic = false;
  tandem::study::replay_options replay;
  std::uint64_t seed = 0;
};

}  // namespace tandem_cli
