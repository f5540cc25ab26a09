#pragma once
// A CSV or TSV file with a header, a line at a time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/detail/delimited_reader.hpp"
#include "tandem/detail/line_source.hpp"
#include "tandem/detail/parse_text.hpp"
#include "tandem/detail/record_splitter.hpp"

namespace tandem_cli {

/// A file with a header, line by line; columns are asked for by name. Errors: io_error; bad_format, naming the place.
class table_file {
 public:
  table_file(const std::string& path, const tandem::progress& progress)
      : path_(path), in_(path, std::ios::binary), source_(opened(), path, max_line_bytes, size(), progress, lines_) {
    if (!source_.next()) throw tandem::error(tandem::errc::bad_format, "the file is empty", {path_, 0, {}});
    const std::string first(source_.record());
    source_.give_back();
    const std::string_view delimiter = tandem::detail::find_delimiter(first, 0);
    records_.emplace(source_, delimiter.empty() ? "," : std::string(delimiter));
    records_->next();
    for (const std::string_view name : records_->fields()) header_.emplace_back(name);
  }

  /// The next line; false at the end.
  bool next() {
    if (!records_->next()) return false;
    if (records_->fields().size() != header_.size()) {
      throw tandem::error(
          tandem::errc::bad_format,
          "has " + std::to_string(records_->fields().size()) + " fields, not " + std::to_string(header_.size()), here(),
          "correct the line, or leave it out");
    }
    return true;
  }

  /// The names of the columns.
  [[nodiscard]] const std::vector<std::string>& header() const { return header_; }

  /// Of a name, the number of its column. The option that named it says which one is missing.
  [[nodiscard]] std::size_t column(const std::string& name, const std::string& option) const {
    const auto found = std::find(header_.begin(), header_.end(), name);
    if (found == header_.end()) {
      throw tandem::error(
          tandem::errc::bad_format,
          "there is no column " + tandem::detail::shown(name) + "; there are: " + tandem::detail::list_of(header_),
          {path_, 1, {}}, "name it with " + option);
    }
    if (std::find(found + 1, header_.end(), name) != header_.end()) {
      throw tandem::error(tandem::errc::bad_format, "two columns are called " + tandem::detail::shown(name),
                          {path_, 1, {}}, "rename one");
    }
    return static_cast<std::size_t>(found - header_.begin());
  }

  /// What stands in a column of the line at hand; valid until next().
  [[nodiscard]] std::string_view text(std::size_t column) const { return records_->fields()[column]; }

  /// The number in a column of the line at hand.
  [[nodiscard]] double number(std::size_t column) const {
    const auto found = tandem::detail::parse_number(text(column));
    if (!found) {
      throw tandem::error(tandem::errc::bad_format, tandem::detail::shown(text(column)) + " is not a finite number",
                          {path_, source_.line_number(), header_[column]}, "correct the line, or leave it out");
    }
    return *found;
  }

  [[nodiscard]] tandem::place here() const { return {path_, source_.line_number(), {}}; }

 private:
  static constexpr std::size_t max_line_bytes = std::size_t{1} << 24;

  std::istream& opened() {
    std::error_code ignored;
    if (!in_.is_open() || std::filesystem::is_directory(path_, ignored)) {
      throw tandem::error(tandem::errc::io_error, "cannot be read", {path_, 0, {}},
                          "check its name and that it may be read");
    }
    return in_;
  }
  [[nodiscard]] std::uint64_t size() const {
    std::error_code failed;
    const auto bytes = std::filesystem::file_size(path_, failed);
    return failed ? 0 : bytes;
  }

  std::string path_;
  std::ifstream in_;
  std::uint64_t lines_ = 0;
  tandem::detail::line_source source_;
  std::optional<tandem::detail::record_splitter> records_;
  std::vector<std::string> header_;
};

}  // namespace tandem_cli
