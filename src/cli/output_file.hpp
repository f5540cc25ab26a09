#pragma once
// A file that appears whole or not at all, and whose place is known to be writable before the work begins.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>

#include "tandem/core/error.hpp"

namespace tandem_cli {

/// "-" is standard output. What exists and is no regular file (a pipe, /dev/null) is written to directly.
class output_file {
 public:
  /// Errors: io_error when nothing can be written there.
  explicit output_file(std::string path) : path_(std::move(path)) {
    if (is_standard_output()) return;
    std::error_code ignored;
    const bool direct = std::filesystem::exists(path_, ignored) && !std::filesystem::is_regular_file(path_, ignored);
    partial_ = direct ? path_ : path_ + ".partial";
    out_.open(partial_, std::ios::binary | std::ios::trunc);
    if (!out_.is_open()) {
      throw tandem::error(tandem::errc::io_error, "cannot be written", {path_, 0, {}},
                          "check that its folder exists and may be written to");
    }
  }
  ~output_file() {
    std::error_code ignored;
    if (out_.is_open() && partial_ != path_) std::filesystem::remove(partial_, ignored);
  }
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;

  [[nodiscard]] bool is_standard_output() const { return path_ == "-"; }

  /// Writes everything and puts the file in its place. Call it once, or the two below. Errors: io_error.
  void write(const std::string& text) {
    append(text);
    finish();
  }

  /// Writes a part of it. Errors: io_error.
  void append(const std::string& text) {
    if (!(to() << text)) fail();
  }
  /// Puts the file, whose parts were all written, in its place. Call it once. Errors: io_error.
  void finish() {
    if (!(to() << std::flush)) fail();
    if (is_standard_output()) return;
    out_.close();
    std::error_code failed;
    if (partial_ != path_) std::filesystem::rename(partial_, path_, failed);
    if (failed || !out_) fail();
  }

 private:
  std::ostream& to() { return is_standard_output() ? std::cout : out_; }
  [[noreturn]] void fail() const {
    throw tandem::error(tandem::errc::io_error, "could not be written", {path_, 0, {}}, "is the disk full?");
  }

  std::string path_;
  std::string partial_;
  std::ofstream out_;
};

}  // namespace tandem_cli
