#pragma once
// Lines into fields: by a delimiter of one or two bytes, with RFC 4180 quotes where the delimiter calls for them.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/detail/line_source.hpp"

TANDEM_BEGIN
namespace detail {

/// The number of fields that `delimiter` splits a line into; delimiters between quotes do not count where it quotes.
inline std::size_t count_fields(std::string_view line, std::string_view delimiter, bool quotes) noexcept {
  std::size_t fields = 1;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quotes && line[i] == '"') quoted = !quoted;
    if (!quoted && line.substr(i, delimiter.size()) == delimiter) {
      ++fields;
      i += delimiter.size() - 1;
    }
  }
  return fields;
}

inline bool delimiter_quotes(std::string_view delimiter) noexcept { return delimiter == "," || delimiter == ";"; }

/// The delimiter that fits a line best: into exactly `columns` fields if that is not 0, else into most. Empty: none.
inline std::string_view find_delimiter(std::string_view line, std::size_t columns) noexcept {
  std::string_view best;
  std::size_t most = 1;
  for (const std::string_view each : {"\t", "::", ",", ";"}) {
    const std::size_t fields = count_fields(line, each, delimiter_quotes(each));
    if (fields == columns && fields > 1) return each;
    if (fields > most) {
      most = fields;
      best = each;
    }
  }
  return best;
}

/// Takes records from a source and splits them. The fields are views into the source's buffer.
class record_splitter {
 public:
  record_splitter(line_source& source, std::string delimiter)
      : source_(source), delimiter_(std::move(delimiter)), quotes_(delimiter_quotes(delimiter_)) {}

  /// The next record; false at the end. Errors: bad_format, after which the next call goes on with the next line.
  bool next() {
    if (!source_.next()) return false;
    const std::string_view line = source_.record();
    fields_.clear();
    if (quotes_ && std::memchr(line.data(), '"', line.size()) != nullptr) {
      split_quoted();
    } else {
      split_plain(line);
    }
    return true;
  }

  [[nodiscard]] const std::vector<std::string_view>& fields() const noexcept { return fields_; }

 private:
  // A field as offsets from the record's start, which hold while the record grows and its buffer moves.
  struct extent {
    std::size_t first;
    std::size_t last;
    bool doubled;  // holds doubled quotes
  };

  void split_plain(std::string_view line) {
    const char first = delimiter_.front();
    std::size_t start = 0;
    for (std::size_t i = 0; i < line.size();) {
      const void* found = std::memchr(line.data() + i, first, line.size() - i);
      if (found == nullptr) break;
      i = static_cast<std::size_t>(static_cast<const char*>(found) - line.data());
      if (delimiter_.size() > 1 && line.substr(i, delimiter_.size()) != delimiter_) {
        ++i;
        continue;
      }
      fields_.push_back(line.substr(start, i - start));
      start = i += delimiter_.size();
    }
    fields_.push_back(line.substr(start));
  }

  void split_quoted() {
    extents_.clear();
    for (std::size_t at = 0;;) {
      const bool last = at < source_.record().size() && source_.record()[at] == '"' ? take_quoted(at) : take_bare(at);
      if (last) break;
    }
    char* const bytes = source_.record_bytes();
    for (extent& each : extents_) {
      if (each.doubled) each.last = undouble(bytes, each);
      fields_.emplace_back(bytes + each.first, each.last - each.first);
    }
  }

  // Takes an unquoted field that begins at `at`; true when it is the record's last, else `at` is the next one's start.
  bool take_bare(std::size_t& at) {
    const std::string_view record = source_.record();
    const std::size_t end = std::min(record.find(delimiter_, at), record.size());
    extents_.push_back({at, end, false});
    at = end + 1;
    return end == record.size();
  }

  // The same for a field in quotes, taking in more lines until the closing one.
  bool take_quoted(std::size_t& at) {
    extent field{at + 1, 0, false};
    for (std::size_t i = at + 1;;) {
      std::string_view record = source_.record();
      i = record.find('"', i);
      if (i == std::string_view::npos) {
        i = record.size();
        extend();
      } else if (i + 1 < record.size() && record[i + 1] == '"') {
        field.doubled = true;
        i += 2;
      } else if (i + 1 == record.size() || record[i + 1] == delimiter_.front()) {
        field.last = i;
        extents_.push_back(field);
        at = i + 2;
        return i + 1 == record.size();
      } else {
        give_up("has text after the closing quote");
      }
    }
  }

  void extend() {
    try {
      if (source_.extend()) return;
    } catch (const error& e) {
      if (e.code() != errc::bad_format) throw;
    }
    give_up("has a quote that is not closed");
  }

  [[noreturn]] void give_up(const std::string& reason) {
    const std::string field = "column " + std::to_string(extents_.size() + 1);
    source_.keep_first_line();
    throw error(errc::bad_format, reason, {source_.name(), source_.line_number(), field},
                "correct it (a quote inside a quoted field is doubled), or leave out such lines (skip_bad)");
  }

  static std::size_t undouble(char* bytes, const extent& field) {
    std::size_t to = field.first;
    for (std::size_t i = field.first; i < field.last; ++i) {
      bytes[to++] = bytes[i];
      if (bytes[i] == '"') ++i;
    }
    return to;
  }

  line_source& source_;
  std::string delimiter_;
  bool quotes_;
  std::vector<std::string_view> fields_;
  std::vector<extent> extents_;
};

}  // namespace detail
TANDEM_END
