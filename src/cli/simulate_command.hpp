#pragma once
// `tandem simulate`: the engine's arms meet an invented population, several times, and the survey's tables come out.

#include <CLI/CLI.hpp>
#include <string>

namespace tandem_cli {

/// Adds the subcommand. Its callback runs the simulation. @param command_line  as typed, for the report.
void add_simulate(CLI::App& app, std::string command_line);

}  // namespace tandem_cli
