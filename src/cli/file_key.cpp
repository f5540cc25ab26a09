#include "file_key.hpp"

#include <fstream>
#include <iostream>

#include "tandem/core/error.hpp"

namespace tandem_cli {

using tandem::errc;
using tandem::error;

void add_key_option(CLI::App& command, std::string& key_file) {
#ifdef TANDEM_CLI_FILES
  command
      .add_option(
          "--key-file", key_file,
          "A file with the master key of an encrypted engine's\nfile, 64 hexadecimal digits; - is standard input")
      ->type_name("KEY")
      ->group("The file");
#else
  (void)command, (void)key_file;
#endif
}

#ifdef TANDEM_CLI_ENCRYPTION

namespace {

tandem::master_key read_key(std::istream& from, const std::string& path) {
  std::string digits;
  std::string more;
  from >> digits;
  if (from >> more) throw error(errc::invalid_argument, "holds more than a key", {path, 0, {}}, "keep one key in it");
  try {
    return tandem::master_key::from_hex(digits);
  } catch (const error& e) {
    throw error(e.code(), e.message(), {path, 0, e.where().field}, e.remedy());
  }
}

}  // namespace

file_key::file_key(const std::string& path) {
  if (path.empty()) return;
  if (path == "-") {
    key_.emplace(read_key(std::cin, "standard input"));
    return;
  }
  std::ifstream from(path, std::ios::binary);
  if (!from) throw error(errc::io_error, "cannot be read", {path, 0, {}}, "give a file with the master key");
  key_.emplace(read_key(from, path));
}

#elif defined(TANDEM_CLI_FILES)

file_key::file_key(const std::string& path) {
  if (path.empty()) return;
  throw error(errc::invalid_argument, "this tandem was built without encryption", {path, 0, {}},
              "build it with libsodium");
}

#endif

}  // namespace tandem_cli
