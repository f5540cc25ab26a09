#pragma once
// What the tests of saved models share: a folder of their own, files byte by byte, files as NumPy writes them.

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/error.hpp"

namespace model_folder {

namespace fs = std::filesystem;
using tandem::errc;
using tandem::error;

/// A directory of its own for each test, gone with it.
struct scratch {
  fs::path path;
  explicit scratch(const char* name) : path(fs::temp_directory_path() / (std::string("tandem-model-files-") + name)) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~scratch() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
};

inline std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline bool same(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

template <class Code>
error failure(Code&& code) {
  try {
    code();
  } catch (const error& e) {
    return e;
  }
  FAIL("nothing was thrown");
  return error(errc::cancelled, "");
}

/// A file as numpy.save() writes it: version 1, padded to 64 bytes.
template <class Number>
std::string numpy_file(const std::string& descr, const std::string& fortran, const std::string& shape,
                       const std::vector<Number>& numbers) {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
  header.resize(117, ' ');
  std::string data(numbers.size() * sizeof(Number), '\0');
  if (!numbers.empty()) std::memcpy(data.data(), numbers.data(), data.size());
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n" + data;
}

inline const std::vector<std::string> three_ids = {"a,b", "line\nbreak \"quoted\"", "\xC3\xA9t\xC3\xA9"};

}  // namespace model_folder
