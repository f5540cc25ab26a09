#pragma once
// `tandem tune`: options of a model from held-out events of the log that it will be fitted to.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand. Its callback runs the search.
void add_tune(CLI::App& app);

}  // namespace tandem_cli
