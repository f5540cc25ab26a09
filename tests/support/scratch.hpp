#pragma once
// A folder of its own for a test, gone with it: tests run beside each other, and each in a process of its own.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

namespace test_support {

class scratch {
 public:
  const std::filesystem::path path;

  scratch() : path(std::filesystem::temp_directory_path() / name()) { std::filesystem::create_directory(path); }
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

 private:
  static std::string name() {
    std::random_device random;
    return "tandem-test-" + std::to_string(random()) + "-" + std::to_string(random());
  }
};

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace test_support
