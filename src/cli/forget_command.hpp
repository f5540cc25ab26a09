#pragma once
// `tandem forget FILE USER` and `tandem compact FILE`: what is to be forgotten.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds both subcommands, whose callbacks do the work.
void add_forget(CLI::App& app);

}  // namespace tandem_cli
