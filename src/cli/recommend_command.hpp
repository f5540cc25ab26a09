#pragma once
// `tandem recommend`: serves a user from a saved model.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_recommend(CLI::App& app);

}  // namespace tandem_cli
