#pragma once
// `tandem ope`: what another policy would have earned, from a log with propensities.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_ope(CLI::App& app);

}  // namespace tandem_cli
