#pragma once
// `tandem explain FILE DECISION`: why somebody was shown what they were shown.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_explain(CLI::App& app);

}  // namespace tandem_cli
