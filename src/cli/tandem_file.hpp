#pragma once
// A tandem file on the command line: where it is, what its engine is made with, and how results are told.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "file_key.hpp"
#include "file_kind.hpp"
#include "output_file.hpp"
#include "tandem/core/time.hpp"
#include "tandem/engine.hpp"

namespace tandem_cli {

/// As typed.
struct tandem_file {
  std::string path;
  std::string options;   ///< a JSON file of engine options; empty = the defaults
  std::string key_file;  ///< see file_key
};

/// Adds the FILE that a command is about, and --key-file.
void add_file_argument(CLI::App& command, tandem_file& asked);

/// Adds --options, for commands that open the engine.
void add_options_option(CLI::App& command, tandem_file& asked);

/// Adds --json OUT.
void add_json_option(CLI::App& command, std::string& json);

/// Errors: as load_json().
[[nodiscard]] tandem::engine_options engine_options_of(const tandem_file& asked);

/// The engine of a file that is there. Errors: io_error when it is not; as tandem::open().
/// @param key  of asked.key_file.
[[nodiscard]] tandem::engine open_existing(const tandem_file& asked, const file_key& key);

/// "2025-01-31 17:05:09.250", in UTC.
[[nodiscard]] std::string time_text(tandem::timestamp time);

/// What a command found: text for people, JSON for programs. With `--json -` the text goes to standard error.
class result_output {
 public:
  /// @param json  the path; empty = nobody asked. Errors: io_error when nothing can be written there.
  explicit result_output(const std::string& json) {
    if (!json.empty()) json_.emplace(json);
  }
  void write(const std::string& text, const nlohmann::ordered_json& json) {
    (json_ && json_->is_standard_output() ? std::cerr : std::cout) << text << std::flush;
    if (json_) json_->write(json.dump(2) + "\n");
  }

 private:
  std::optional<output_file> json_;
};

/// Ends the command with exit code 1, all having been said.
[[noreturn]] inline void end_as_failed() { throw CLI::RuntimeError(1); }

}  // namespace tandem_cli
