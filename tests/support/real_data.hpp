#pragma once
// Where the real logs are that some tests want; they are no part of the project, so a test goes without when it must.

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/catch.hpp"

/// The path of a file below TANDEM_DATA (default: shared/data beside the source tree). Empty, with a warning, if
/// absent.
inline std::filesystem::path real_data(const char* file) {
  const char* root = std::getenv("TANDEM_DATA");
  const std::filesystem::path beside = std::filesystem::path(__FILE__).parent_path() / "../../../shared/data";
  const std::filesystem::path path = (root != nullptr ? std::filesystem::path(root) : beside) / file;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return path;
  WARN("not run: no " << path.string() << "; set TANDEM_DATA to the folder of real logs");
  return {};
}
