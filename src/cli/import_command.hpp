#pragma once
// `tandem import FILE --from LOG`: logs of any kind into the engine's file.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand, whose callback does the work.
void add_import(CLI::App& app);

}  // namespace tandem_cli
