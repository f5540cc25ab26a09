#pragma once
// `tandem fit`: learns a model from a log and saves it as a folder.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_fit(CLI::App& app);

}  // namespace tandem_cli
