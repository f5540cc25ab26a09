#pragma once
// `tandem replay FILE --into NEW`: the log learned again under other options, and what they change.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_replay(CLI::App& app);

}  // namespace tandem_cli
