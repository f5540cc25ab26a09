#pragma once
// The one exception tandem throws: what happened, where, and what to do about it.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// What kind of failure an error reports; a host branches on this, a person reads what().
enum class errc : std::uint8_t {
  invalid_argument,  ///< an option or argument is out of its range
  bad_format,        ///< input that cannot be parsed
  io_error,          ///< a file could not be opened, read or written
  not_found,         ///< a name that does not exist
  not_finite,        ///< a computation or an input is NaN or infinite
  cancelled,         ///< the progress callback asked to stop
  wrong_state,       ///< the call does not fit the object's state
  damaged,           ///< stored bytes do not match their checksum, or stored parts do not fit together
  no_space,          ///< the disk, or a ceiling on the file, is full
  wrong_key,         ///< the key is well formed, but not the one that something was encrypted with
};

/// The name of a code, as it stands in the enum.
[[nodiscard]] constexpr std::string_view name(errc code) noexcept {
  switch (code) {
    case errc::invalid_argument: return "invalid_argument";
    case errc::bad_format: return "bad_format";
    case errc::io_error: return "io_error";
    case errc::not_found: return "not_found";
    case errc::not_finite: return "not_finite";
    case errc::cancelled: return "cancelled";
    case errc::wrong_state: return "wrong_state";
    case errc::damaged: return "damaged";
    case errc::no_space: return "no_space";
    case errc::wrong_key: return "wrong_key";
  }
  return "unknown";
}

/// Where in the input a failure lies. Empty parts are not known or do not apply.
struct place {
  std::string file = {};
  std::uint64_t line = 0;  ///< counted from 1; 0 = not a line
  std::string field = {};  ///< column, JSON key or option name
};

/// Thrown by opening, configuring, reading files and training. Serving calls (observe, recommend) never throw it.
///
/// what() reads "file:line: field 'f': message; remedy", leaving out the parts that are empty.
class error : public std::runtime_error {
 public:
  error(errc code, const std::string& message, place where = {}, std::string remedy = {})
      : std::runtime_error(format(message, where, remedy)),
        code_(code),
        message_(message),
        where_(std::move(where)),
        remedy_(std::move(remedy)) {}

  [[nodiscard]] errc code() const noexcept { return code_; }
  /// What happened, without place and remedy.
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const place& where() const noexcept { return where_; }
  /// What the caller can do; empty when nothing is known.
  [[nodiscard]] const std::string& remedy() const noexcept { return remedy_; }

 private:
  static std::string format(const std::string& message, const place& where, const std::string& remedy) {
    std::string text;
    if (!where.file.empty()) text += where.file + ":";
    if (where.line != 0) text += (where.file.empty() ? "line " : "") + std::to_string(where.line) + ":";
    if (!text.empty()) text += " ";
    if (!where.field.empty()) text += "field '" + where.field + "': ";
    text += message;
    if (!remedy.empty()) text += "; " + remedy;
    return text;
  }

  errc code_;
  std::string message_;
  place where_;
  std::string remedy_;
};

TANDEM_END
