#pragma once
// `tandem evaluate`: judges a model on held-out events.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_evaluate(CLI::App& app);

}  // namespace tandem_cli
