#pragma once
// The master key of an encrypted engine's file: read from a file, since others on the machine see a command line.

#include <CLI/CLI.hpp>
#include <string>

#ifdef TANDEM_CLI_FILES
#include <optional>

#include "tandem/store/sqlite_store.hpp"
#endif

namespace tandem_cli {

/// Adds --key-file to a command that reads an engine's file.
void add_key_option(CLI::App& command, std::string& key_file);

#ifdef TANDEM_CLI_FILES
/// What opens an engine's file, and makes one that is encrypted with the same key.
class file_key {
 public:
  /// @param path  a file with 64 hexadecimal digits, - is standard input; empty = the file is not encrypted.
  /// Errors: io_error; invalid_argument, when it holds anything else.
  explicit file_key(const std::string& path);

  /// Valid as long as this is.
  [[nodiscard]] tandem::file_options options(tandem::durability level = tandem::durability::process_crash) const {
    return {.level = level, .key = key_ ? &*key_ : nullptr};
  }

 private:
  std::optional<tandem::master_key> key_;
};
#endif

}  // namespace tandem_cli
