#pragma once
// What the tests of saved models share: a folder of their own, files byte by byte, files as NumPy writes them.

#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/core/error.hpp"

namespace model_folder {

namespace fs = std::filesystem;
using tandem::errc;
using tandem::error;
using test_support::bytes_of;
using test_support::scratch;
using test_support::write_bytes;

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
