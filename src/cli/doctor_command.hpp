#pragma once
// `tandem doctor FILE`: what is wrong with the data of a log.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_doctor(CLI::App& app);

}  // namespace tandem_cli
