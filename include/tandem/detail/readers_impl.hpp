#pragma once
// Bodies of data/readers.hpp.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <istream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "tandem/core/utf8.hpp"
#include "tandem/data/readers.hpp"
#include "tandem/detail/delimited_reader.hpp"
#include "tandem/detail/line_source.hpp"
#include "tandem/detail/parse_text.hpp"

TANDEM_BEGIN
namespace detail {

inline std::ifstream open_log(const std::filesystem::path& path, std::uint64_t& bytes) {
  const auto refuse = [&path](const std::string& what) { throw error(errc::io_error, what, {path.string(), 0, {}}); };
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure)) refuse("is a directory");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) refuse("cannot be opened: " + std::generic_category().message(errno != 0 ? errno : EIO));
  bytes = std::filesystem::file_size(path, failure);
  if (failure) bytes = 0;  // a pipe: its size is not known
  return in;
}

/// Opens a line source on `in` and has `read(source, report)` make a log of it.
template <class Read>
event_log read_stream(std::istream& in, std::string name, std::uint64_t bytes, const read_options& options,
                      read_report* report, const progress& callback, Read read) {
  options.validate();
  read_report unasked;
  read_report& filled = report != nullptr ? *report : unasked;
  filled = {};
  line_source source(in, std::move(name), options.max_line_bytes, bytes, callback, filled.lines);
  return read(source, filled);
}

inline event_log read_text(std::istream& in, std::string name, std::uint64_t bytes, const read_options& options,
                           read_report* report, const progress& callback) {
  if (options.format == log_format::jsonl) {
    throw error(errc::invalid_argument, "read_events() reads no JSON Lines", {{}, 0, "format"},
                "include tandem/data/jsonl_reader.hpp and call read_jsonl()");
  }
  return read_stream(in, std::move(name), bytes, options, report, callback,
                     [&options](line_source& source, read_report& filled) {
                       return delimited_reader(source, options, filled).read();
                     });
}

}  // namespace detail

inline void read_options::validate() const {
  const auto refuse = [](const char* option, const std::string& what) {
    throw error(errc::invalid_argument, what, {{}, 0, option});
  };
  for (const std::string& each : columns) {
    const auto& known = detail::part_names;
    if (each != "-" && std::find(known.begin(), known.end(), each) == known.end()) {
      refuse("columns", detail::shown(each) + " is none of user, item, time, action, value, key, -");
    }
    if (each != "-" && std::count(columns.begin(), columns.end(), each) > 1) {
      refuse("columns", detail::shown(each) + " stands there twice");
    }
  }
  if (delimiter == '\n' || delimiter == '\r' || delimiter == '"') refuse("delimiter", "is a line end or a quote");
  if (names.user.empty() || names.item.empty()) refuse("names", "user or item is empty");
  if (action.empty() || action.size() > max_id_bytes || !is_utf8(action)) {
    refuse("action", "must be 1 to " + std::to_string(max_id_bytes) + " bytes of UTF-8");
  }
  if (max_line_bytes == 0) refuse("max_line_bytes", "is 0");
}

inline event_log read_events(std::istream& in, std::string_view name, const read_options& options, read_report* report,
                             const progress& callback) {
  return detail::read_text(in, std::string(name), 0, options, report, callback);
}

inline event_log read_events(const std::filesystem::path& path, const read_options& options, read_report* report,
                             const progress& callback) {
  std::uint64_t bytes = 0;
  std::ifstream in = detail::open_log(path, bytes);
  return detail::read_text(in, path.string(), bytes, options, report, callback);
}

TANDEM_END
