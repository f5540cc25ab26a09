#pragma once
// `tandem export FILE` and `tandem export-user FILE USER`: what the engine's file holds, as JSON.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds both subcommands, whose callbacks do the work.
void add_export(CLI::App& app);

}  // namespace tandem_cli
