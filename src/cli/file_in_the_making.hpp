#pragma once
// An engine's file that takes its name when it is complete.

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "tandem/core/error.hpp"

namespace tandem_cli {

/// What is not finished goes when this does.
class file_in_the_making {
 public:
  /// @param why  a file that is there cannot be taken. Errors: invalid_argument when it is.
  file_in_the_making(std::string path, const std::string& why) : path_(std::move(path)), partial_(path_ + ".partial") {
    std::error_code ignored;
    if (std::filesystem::exists(path_, ignored)) {
      throw tandem::error(tandem::errc::invalid_argument, "exists, and " + why, {path_, 0, {}}, "name a new file");
    }
    remove();
  }
  ~file_in_the_making() { remove(); }
  file_in_the_making(const file_in_the_making&) = delete;
  file_in_the_making& operator=(const file_in_the_making&) = delete;

  /// Where it is made.
  [[nodiscard]] const std::string& partial() const { return partial_; }
  /// Requires that nobody has it open.
  void finish() const { std::filesystem::rename(partial_, path_); }

 private:
  void remove() const {
    std::error_code ignored;
    for (const char* part : {"", "-wal", "-shm", "-owner"}) std::filesystem::remove(partial_ + part, ignored);
  }

  std::string path_, partial_;
};

}  // namespace tandem_cli
