#pragma once
// A folder that is known to be writable before the work begins, and goes again when nothing came of it.

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "tandem/core/error.hpp"

namespace tandem_cli {

class output_folder {
 public:
  /// Makes it if need be, in a folder that is there. Errors: io_error when nothing can be written there.
  explicit output_folder(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code failure;
    made_ = std::filesystem::create_directory(path_, failure);
    const std::filesystem::path probe = path_ / "model.json.partial";
    const bool good = std::ofstream(probe).is_open();
    std::filesystem::remove(probe, failure);
    if (good) return;
    if (made_) std::filesystem::remove(path_, failure);
    throw tandem::error(tandem::errc::io_error, "no files can be written there", {path_.string(), 0, {}},
                        "name a folder that may be written to, or a new one in a folder that is there");
  }
  ~output_folder() {
    std::error_code ignored;
    if (made_) std::filesystem::remove(path_, ignored);  // only when it is empty
  }
  output_folder(const output_folder&) = delete;
  output_folder& operator=(const output_folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  bool made_ = false;
};

}  // namespace tandem_cli
