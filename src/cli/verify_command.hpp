#pragma once
// `tandem verify FILE`: whether the engine's file is what was written.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_verify(CLI::App& app);

}  // namespace tandem_cli
