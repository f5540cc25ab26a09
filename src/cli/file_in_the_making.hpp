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
    for (const std::string& each : {path_, keys_of(path_)}) {
      if (!std::filesystem::exists(each, ignored)) continue;
      throw tandem::error(tandem::errc::invalid_argument, "exists, and " + why, {each, 0, {}}, "name a new file");
    }
    remove();
  }
  ~file_in_the_making() { remove(); }
  file_in_the_making(const file_in_the_making&) = delete;
  file_in_the_making& operator=(const file_in_the_making&) = delete;

  /// Where it is made.
  [[nodiscard]] const std::string& partial() const { return partial_; }
  /// Requires that nobody has it open.
  void finish() const {
    if (std::filesystem::exists(keys_of(partial_))) std::filesystem::rename(keys_of(partial_), keys_of(path_));
    std::filesystem::rename(partial_, path_);
  }

 private:
  void remove() const {
    std::error_code ignored;
    for (const char* part : {"", "-wal", "-shm", "-owner", "-keys", "-keys-journal"}) {
      std::filesystem::remove(partial_ + part, ignored);
    }
  }
  static std::string keys_of(const std::string& path) { return path + "-keys"; }  // as key_ring::path_beside()

  std::string path_, partial_;
};

}  // namespace tandem_cli
