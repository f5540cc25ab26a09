#pragma once
// `tandem bandit`: bandits beside each other, on a file of classes or a log of decisions.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_bandit(CLI::App& app);

}  // namespace tandem_cli
