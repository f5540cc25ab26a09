#pragma once
// What a file is, by how it begins.

#include <fstream>
#include <string>
#include <string_view>

namespace tandem_cli {

[[nodiscard]] inline bool begins_with(const std::string& path, std::string_view beginning) {
  std::string first(beginning.size(), '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(first.data(), static_cast<std::streamsize>(first.size()));
  return in.good() && first == beginning;
}

/// Whether it is an SQLite file, as that of an engine is; logs of other formats do not begin so.
[[nodiscard]] inline bool is_tandem_file(const std::string& path) {
  return begins_with(path, std::string_view("SQLite format 3\0", 16));
}

/// Whether it is what `tandem export` writes.
[[nodiscard]] inline bool is_export(const std::string& path) { return begins_with(path, "{\"entry\":"); }

}  // namespace tandem_cli
