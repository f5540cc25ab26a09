#pragma once
// A stream of bytes as lines, read in large blocks; a record may take several lines, and give all but one back.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <istream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/detail/parse_text.hpp"

TANDEM_BEGIN
namespace detail {

/// Lines of a stream. `lines` counts them for the caller, and is the number of the line at hand.
class line_source {
 public:
  line_source(std::istream& in, std::string name, std::size_t max_line_bytes, std::uint64_t total_bytes,
              const progress& callback, std::uint64_t& lines)
      : in_(in),
        name_(std::move(name)),
        max_line_bytes_(max_line_bytes),
        total_(total_bytes),
        callback_(callback),
        lines_(lines),
        buffer_(block_bytes) {
    if (in_.fail()) throw error(errc::io_error, "cannot be read", {name_, 0, {}});
    fill();
    refuse_other_encodings();
    if (text().substr(0, 3) == "\xEF\xBB\xBF") next_ = 3;
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The line the record at hand begins in, counted from 1.
  [[nodiscard]] std::uint64_t line_number() const noexcept { return first_line_; }

  /// Goes on to the next line that is not empty; false at the end. Errors: bad_format, for a line that is too long.
  bool next() {
    if (overlong_) skip_overlong();
    do {
      record_ = next_;
      first_line_ = lines_ + 1;
      if (!take_line()) return false;
      second_ = next_;
    } while (record().empty());
    return true;
  }

  /// Passes over one line, empty or not; false at the end.
  bool skip_line() {
    record_ = next_;
    first_line_ = lines_ + 1;
    return take_line();
  }

  /// Takes one more line into the record at hand; false at the end of the stream.
  bool extend() { return take_line(); }

  /// The record at hand without its last line end; the caller may change its bytes. Valid until the next call.
  [[nodiscard]] std::string_view record() const noexcept { return {buffer_.data() + record_, end_ - record_}; }
  [[nodiscard]] char* record_bytes() noexcept { return buffer_.data() + record_; }

  /// Gives back all lines of the record but its first.
  void keep_first_line() noexcept {
    next_ = second_;
    lines_ = first_line_;
  }

  /// Gives back the whole record: next() finds it again.
  void give_back() noexcept {
    next_ = record_;
    lines_ = first_line_ - 1;
  }

 private:
  static constexpr std::size_t block_bytes = std::size_t{1} << 18U;

  [[nodiscard]] std::string_view text() const noexcept { return {buffer_.data(), filled_}; }

  bool take_line() {
    for (std::size_t searched = next_;;) {
      const void* found =
          filled_ == searched ? nullptr : std::memchr(buffer_.data() + searched, '\n', filled_ - searched);
      const std::size_t end =
          found == nullptr ? filled_ : static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
      if (end - record_ > max_line_bytes_) {
        overlong_ = record_ == next_;
        if (overlong_) ++lines_;
        throw error(errc::bad_format, "is longer than " + std::to_string(max_line_bytes_) + " bytes",
                    {name_, first_line_, {}},
                    "see that the file is text with line ends and closed quotes, or raise max_line_bytes");
      }
      if (found != nullptr) {
        ++lines_;
        next_ = end + 1;
        end_ = end > record_ && buffer_[end - 1] == '\r' ? end - 1 : end;
        return true;
      }
      searched = filled_ - record_;  // fill() moves the record to the front
      if (!fill()) break;
    }
    if (next_ == filled_) return false;
    ++lines_;
    next_ = end_ = filled_;  // the last line has no line end
    return true;
  }

  // Reads one more block behind what is still wanted; false at the end of the stream.
  bool fill() {
    std::memmove(buffer_.data(), buffer_.data() + record_, filled_ - record_);
    next_ -= record_;
    second_ -= std::min(second_, record_);
    filled_ -= record_;
    record_ = 0;
    if (buffer_.size() < filled_ + block_bytes) buffer_.resize(filled_ + block_bytes);
    const std::size_t got = read(buffer_.data() + filled_);
    filled_ += got;
    bytes_ += got;
    report_progress(callback_, {"read", static_cast<std::size_t>(bytes_), static_cast<std::size_t>(total_)});
    return got != 0;
  }

  // The stream's buffer is asked, not the stream: it may be set to throw at its end.
  std::size_t read(char* to) {
    try {
      return static_cast<std::size_t>(in_.rdbuf()->sgetn(to, static_cast<std::streamsize>(block_bytes)));
    } catch (const std::exception&) {
      throw error(errc::io_error, "reading failed after " + std::to_string(bytes_) + " bytes", {name_, 0, {}});
    }
  }

  void skip_overlong() {
    overlong_ = false;
    for (;;) {
      const void* found = filled_ == next_ ? nullptr : std::memchr(buffer_.data() + next_, '\n', filled_ - next_);
      if (found != nullptr) {
        next_ = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data()) + 1;
        return;
      }
      record_ = next_ = filled_;
      if (!fill()) return;
    }
  }

  void refuse_other_encodings() const {
    const auto refuse = [this](const char* what, const char* remedy) {
      throw error(errc::bad_format, what, {name_, 0, {}}, remedy);
    };
    const std::string_view head = text().substr(0, 4);
    if (head.substr(0, 2) == "\xFF\xFE" || head.substr(0, 2) == "\xFE\xFF") {
      refuse("the file is UTF-16", "convert it to UTF-8");
    }
    if (head.substr(0, 2) == "\x1F\x8B") refuse("the file is compressed (gzip)", "unpack it first");
    if (head == "PK\x03\x04") refuse("the file is a zip archive or a spreadsheet", "unpack it, or export it as CSV");
  }

  std::istream& in_;
  std::string name_;
  std::size_t max_line_bytes_;
  std::uint64_t total_;
  const progress& callback_;
  std::uint64_t& lines_;
  std::vector<char> buffer_;
  std::uint64_t bytes_ = 0;
  std::uint64_t first_line_ = 0;
  std::size_t record_ = 0;  // the record at hand is [record_, end_)
  std::size_t end_ = 0;
  std::size_t second_ = 0;  // where its second line begins
  std::size_t next_ = 0;    // where the next line begins
  std::size_t filled_ = 0;
  bool overlong_ = false;  // the line at next_ is too long and still to be passed over
};

[[noreturn]] inline void refuse_empty(const line_source& source) {
  throw error(errc::bad_format, "the file is empty", {source.name(), 0, {}});
}

}  // namespace detail
TANDEM_END
