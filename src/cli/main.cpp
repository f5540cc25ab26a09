// The tandem command: what a library user wants to know before linking, from a terminal.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "bandit_command.hpp"
#include "doctor_command.hpp"
#include "evaluate_command.hpp"
#include "explain_command.hpp"
#include "export_command.hpp"
#include "fit_command.hpp"
#include "forget_command.hpp"
#include "import_command.hpp"
#include "ope_command.hpp"
#include "recommend_command.hpp"
#include "replay_command.hpp"
#include "simulate_command.hpp"
#include "stats_command.hpp"
#include "study_command.hpp"
#include "tandem/core/error.hpp"
#include "tandem/version.hpp"
#include "tune_command.hpp"
#include "verify_command.hpp"

namespace {

// The command as it was typed, quoted where a shell needs it.
std::string command_line(int argc, const char* const* argv) {
  std::string out = "tandem";
  for (int k = 1; k < argc; ++k) {
    const std::string word = argv[k];
    const bool plain = !word.empty() && word.find_first_of(" \t\n'\"\\$`&|;<>()*?[]{}#~!") == std::string::npos;
    out += ' ';
    if (plain) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += '\'';
  }
  return out;
}

constexpr int failure = 1;
constexpr int usage = 2;

#ifdef TANDEM_CLI_FILES
void add_file_commands(CLI::App& app) {
  tandem_cli::add_stats(app);
  tandem_cli::add_verify(app);
  tandem_cli::add_import(app);
  tandem_cli::add_export(app);
  tandem_cli::add_replay(app);
  tandem_cli::add_explain(app);
  tandem_cli::add_forget(app);
  tandem_cli::add_doctor(app);
}
#endif

int run(int argc, char** argv) {
  CLI::App app{"tandem: a personalization engine inside your application", "tandem"};
  app.set_version_flag("--version", "tandem " TANDEM_VERSION_STRING);
  app.require_subcommand(1);
  app.get_formatter()->column_width(24);
  app.footer(
      "\"tandem COMMAND --help\" says more about a command; to see one at work without a\n"
      "log of your own: tandem study --synthetic --html report.html\n\n"
      "Exit codes: 0 done, 1 failure, 2 wrong usage.\n");
  app.failure_message([](const CLI::App* at, const CLI::Error& e) {
    const auto chosen = at->get_subcommands();
    const std::string where = chosen.empty() ? "tandem" : "tandem " + chosen.front()->get_name();
    return "tandem: " + std::string(e.what()) + "; see \"" + where + " --help\"\n";
  });
  tandem_cli::add_study(app, command_line(argc, argv));
  tandem_cli::add_simulate(app, command_line(argc, argv));
  tandem_cli::add_fit(app);
  tandem_cli::add_tune(app);
  tandem_cli::add_evaluate(app);
  tandem_cli::add_recommend(app);
  tandem_cli::add_ope(app);
  tandem_cli::add_bandit(app);
#ifdef TANDEM_CLI_FILES
  add_file_commands(app);
#endif
  const auto named = [&](const CLI::App* command) { return argc > 1 && command->check_name(argv[1]); };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(named).empty()) {
    std::cerr << "tandem: there is no command '" << argv[1] << "'; see \"tandem --help\"\n";
    return usage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& e) {  // all was said
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : usage;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tandem: %s\n", e.what());
    return failure;
  }
}
