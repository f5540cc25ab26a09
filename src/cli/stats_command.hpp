#pragma once
// `tandem stats FILE`: what is in the engine's file, in numbers.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_stats(CLI::App& app);

}  // namespace tandem_cli
