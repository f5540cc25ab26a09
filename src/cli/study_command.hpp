#pragma once
// `tandem study`: four arms on one log, each in a process of its own, and the report.

#include <CLI/CLI.hpp>

namespace tandem_cli {

/// Adds the subcommand. Its callback runs the study. @param command_line  as typed, for the report.
void add_study(CLI::App& app, std::string command_line);

}  // namespace tandem_cli
