#pragma once
// Vectors of numbers in NumPy's file format (.npy): what a sparse matrix is made of.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/detail/npy.hpp"

TANDEM_BEGIN
namespace detail {

/// Writes float32, int32 or int64. Errors: io_error.
template <class Number>
void write_npy_vector(const std::string& path, std::span<const Number> values) {
  static_assert(std::same_as<Number, float> || std::same_as<Number, std::int32_t> ||
                std::same_as<Number, std::int64_t>);
  const char* descr = std::same_as<Number, float> ? "<f4" : sizeof(Number) == 4 ? "<i4" : "<i8";
  write_npy_bytes(path, descr, "(" + std::to_string(values.size()) + ",)", values.data(), values.size_bytes());
}

/// Reads whole numbers of one type a block at a time. Errors: bad_format for one that is not in [0, limit of Out].
template <class Number, class Out>
void read_npy_indices(std::istream& in, std::vector<Out>& out, const std::string& path) {
  std::vector<Number> block(std::min<std::size_t>(out.size(), 1U << 16U));
  for (std::size_t first = 0; first < out.size(); first += block.size()) {
    const std::size_t count = std::min(block.size(), out.size() - first);
    in.read(reinterpret_cast<char*>(block.data()), static_cast<std::streamsize>(count * sizeof(Number)));
    if (!in) return;
    for (std::size_t n = 0; n < count; ++n) {
      if (!std::in_range<Out>(block[n])) {
        throw error(errc::bad_format,
                    "number " + std::to_string(first + n) + ", counted from 0, is " + std::to_string(block[n]),
                    {.file = path}, "give whole numbers from 0 to " + std::to_string(std::numeric_limits<Out>::max()));
      }
      out[first + n] = static_cast<Out>(block[n]);
    }
  }
}

/// A vector of whole numbers that fit Out. Errors: as open_npy(); bad_format for a number that does not fit.
/// Allocates: the result, and half a megabyte.
template <std::unsigned_integral Out>
std::vector<Out> read_npy_indices(const std::string& path) {
  npy_input file = open_npy(path, npy_rules::index_vector);
  std::vector<Out> out(file.layout.shape[0]);
  switch (file.layout.type) {
    case npy_type::i4: read_npy_indices<std::int32_t>(file.in, out, path); break;
    case npy_type::u4: read_npy_indices<std::uint32_t>(file.in, out, path); break;
    case npy_type::i8: read_npy_indices<std::int64_t>(file.in, out, path); break;
    default: read_npy_indices<std::uint64_t>(file.in, out, path);
  }
  if (!file.in) throw error(errc::io_error, "cannot be read to its end", {.file = path});
  return out;
}

/// A vector of float32; float64 is narrowed. Errors: as read_npy().
inline std::vector<float> read_npy_reals(const std::string& path) {
  return read_npy(path, npy_rules::real_vector).values;
}

}  // namespace detail
TANDEM_END
