#pragma once
// Matrices of float32 in NumPy's file format (.npy), read strictly; vectors: detail/npy_vector.hpp.
//
// A file: the bytes 93 'NUMPY', a version, the header's length (2 bytes little-endian in version 1, 4 in 2 and 3), the
// header (a Python dictionary as text, ended by a line feed), then the numbers. Ours are little-endian float32 in rows;
// float64 and columns, which NumPy writes too, are read where the caller allows it.
// xtensor's own reader takes a file that was cut short for a whole one, so it is not used here.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/core/error.hpp"

TANDEM_BEGIN
namespace detail {

static_assert(std::endian::native == std::endian::little, "the files are little-endian; bytes are copied as they are");

/// rows x columns numbers, row-major.
struct npy_matrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> values;
};

/// Which files are taken.
enum class npy_rules : std::uint8_t {
  as_written,    ///< float32 in rows, whatever their values
  any_numbers,   ///< float64, which is narrowed, and column order too; but every number must be finite as a float32
  real_vector,   ///< one-dimensional, float32 or float64; finite as above
  index_vector,  ///< one-dimensional, whole numbers of 32 or 64 bits, none below 0
};

/// What a file's numbers are.
enum class npy_type : std::uint8_t { f4, f8, i4, i8, u4, u8 };

[[nodiscard]] constexpr std::size_t bytes_of(npy_type type) noexcept {
  return type == npy_type::f4 || type == npy_type::i4 || type == npy_type::u4 ? 4 : 8;
}

/// What a header says about the numbers that follow.
struct npy_layout {
  std::array<std::size_t, 2> shape{1, 1};  ///< of a vector, its length and 1
  npy_type type = npy_type::f4;
  bool by_columns = false;  ///< Fortran order
};

inline constexpr std::string_view npy_magic = "\x93NUMPY";

/// Writes version 1, the data aligned to 64 bytes as NumPy does. Errors: io_error.
/// @param shape  as Python writes it, "(3, 2)" or "(3,)".
inline void write_npy_bytes(const std::string& path, const char* descr, const std::string& shape, const void* data,
                            std::size_t bytes) {
  std::string header = "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': " + shape + ", }";
  header.resize((npy_magic.size() + 4 + header.size() + 64) / 64 * 64 - npy_magic.size() - 5, ' ');
  header += '\n';
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << npy_magic << '\1' << '\0' << static_cast<char>(header.size() & 0xffU) << static_cast<char>(header.size() >> 8U)
      << header;
  out.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
  out.flush();
  if (!out.good()) throw error(errc::io_error, "cannot be written", {.file = path});
}

/// A matrix of float32. Errors: io_error.
inline void write_npy(const std::string& path, std::span<const float> values, std::size_t rows, std::size_t columns) {
  TANDEM_ASSERT(values.size() == rows * columns);
  write_npy_bytes(path, "<f4", "(" + std::to_string(rows) + ", " + std::to_string(columns) + ")", values.data(),
                  values.size_bytes());
}

/// Takes the header apart, token by token; each function skips spaces first and leaves the cursor after what it took.
class npy_header {
 public:
  npy_header(std::string_view text, const std::string& file, npy_rules rules)
      : rest_(text), file_(file), rules_(rules) {}

  /// Errors: bad_format for what is not a matrix that the rules allow.
  npy_layout layout() {
    npy_layout out;
    std::array<bool, 3> seen{};
    expect("{");
    while (!take("}")) {
      if (take("'descr'")) {
        expect(":");
        out.type = type();
        seen[0] = true;
      } else if (take("'fortran_order'")) {
        expect(":");
        out.by_columns = rules_ != npy_rules::as_written && take("True");
        if (!out.by_columns && !take("False")) refuse("its numbers are not in rows (fortran_order)");
        seen[1] = true;
      } else {
        expect("'shape'");
        out.shape = shape();
        seen[2] = true;
      }
      if (!take(",")) {
        expect("}");
        break;
      }
    }
    if (!seen[0] || !seen[1] || !seen[2]) refuse("its header lacks descr, fortran_order or shape");
    return out;
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw error(errc::bad_format, why, {.file = file_}, remedy());
  }

 private:
  [[nodiscard]] const char* remedy() const {
    switch (rules_) {
      case npy_rules::as_written: return "save a two-dimensional float32 array in C order as .npy";
      case npy_rules::any_numbers: return "save a two-dimensional array of float32 or float64 as .npy";
      case npy_rules::real_vector: return "save a one-dimensional array of float32 or float64 as .npy";
      case npy_rules::index_vector: return "save a one-dimensional array of int32 or int64 as .npy";
    }
    return "";
  }
  [[nodiscard]] bool is_vector() const { return rules_ == npy_rules::real_vector || rules_ == npy_rules::index_vector; }
  npy_type type() {
    if (rules_ == npy_rules::index_vector) {
      if (take("'<i4'")) return npy_type::i4;
      if (take("'<i8'")) return npy_type::i8;
      if (take("'<u4'")) return npy_type::u4;
      if (take("'<u8'")) return npy_type::u8;
      refuse("its numbers are not little-endian whole numbers of 32 or 64 bits ('<i4', '<i8', '<u4', '<u8')");
    }
    if (take("'<f4'")) return npy_type::f4;
    if (rules_ != npy_rules::as_written && take("'<f8'")) return npy_type::f8;
    refuse(rules_ == npy_rules::as_written ? "its numbers are not little-endian float32 ('<f4')"
                                           : "its numbers are not little-endian float32 ('<f4') or float64 ('<f8')");
  }
  std::array<std::size_t, 2> shape() {
    std::array<std::size_t, 2> out{1, 1};
    expect(":");
    expect("(");
    out[0] = number();
    expect(",");
    if (is_vector()) {
      if (!take(")")) refuse("its shape is not that of a vector");
      return out;
    }
    out[1] = number();
    (void)take(",");
    expect(")");
    return out;
  }
  bool take(std::string_view token) {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) refuse("its header has no " + std::string(token) + " where one belongs");
  }
  std::size_t number() {
    (void)take("");
    std::size_t value = 0;
    std::size_t digits = 0;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; rest_.remove_prefix(1), ++digits) {
      if (digits == 18) refuse("its shape is too large");
      value = value * 10 + static_cast<std::size_t>(rest_.front() - '0');
    }
    if (digits == 0) refuse(is_vector() ? "its shape is not that of a vector" : "its shape is not that of a matrix");
    return value;
  }

  std::string_view rest_;
  const std::string& file_;
  npy_rules rules_;
};

/// Reads numbers a block at a time into rows of float32. Errors: not_finite, with row and column.
template <class Number>
void read_npy_numbers(std::istream& in, npy_matrix& out, bool by_columns, const std::string& path) {
  std::vector<Number> block(std::min<std::size_t>(out.values.size(), 1U << 16U));
  for (std::size_t first = 0; first < out.values.size(); first += block.size()) {
    const std::size_t count = std::min(block.size(), out.values.size() - first);
    in.read(reinterpret_cast<char*>(block.data()), static_cast<std::streamsize>(count * sizeof(Number)));
    if (!in) return;
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t at = first + n;
      const std::size_t row = by_columns ? at % out.rows : at / out.columns;
      const std::size_t column = by_columns ? at / out.rows : at % out.columns;
      const auto limit = static_cast<Number>(std::numeric_limits<float>::max());
      if (!(std::abs(block[n]) <= limit)) {
        throw error(errc::not_finite,
                    "row " + std::to_string(row) + ", column " + std::to_string(column) +
                        ", counted from 0, is not a finite float32",
                    {.file = path}, "the training diverged: train again with smaller weights or more regularization");
      }
      out.values[row * out.columns + column] = static_cast<float>(block[n]);
    }
  }
}

/// An opened file: what its header says, with the stream at the first number.
struct npy_input {
  std::ifstream in;
  npy_layout layout;
};

/// Opens a file whose length is just what its header says. Errors: io_error when it cannot be read; bad_format when the
/// rules do not allow it, or it is longer or shorter.
inline npy_input open_npy(const std::string& path, npy_rules rules) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const std::streamoff length = in.good() ? static_cast<std::streamoff>(in.tellg()) : -1;
  if (length < 0) throw error(errc::io_error, "cannot be read", {.file = path});
  in.seekg(0);
  const npy_header nothing({}, path, rules);
  std::array<char, 12> start{};
  in.read(start.data(), 10);
  if (!in || std::string_view(start.data(), 6) != npy_magic || start[6] < 1 || start[6] > 3) {
    nothing.refuse("not a .npy file of version 1, 2 or 3");
  }
  if (start[6] > 1) in.read(start.data() + 10, 2);
  std::array<unsigned char, 4> bytes{};
  std::memcpy(bytes.data(), start.data() + 8, 4);
  const std::size_t header_size =
      bytes[0] | std::size_t{bytes[1]} << 8U | std::size_t{bytes[2]} << 16U | std::size_t{bytes[3]} << 24U;
  const std::size_t before = start[6] > 1 ? 12 : 10;
  const std::size_t size = static_cast<std::size_t>(length);
  if (!in || header_size > size - before) nothing.refuse("it ends within its header");
  std::string header(header_size, ' ');
  in.read(header.data(), static_cast<std::streamsize>(header_size));

  const npy_layout layout = npy_header(header, path, rules).layout();
  const std::size_t rows = layout.shape[0];
  const std::size_t columns = layout.shape[1];
  const std::size_t bytes_each = bytes_of(layout.type);
  const std::size_t bytes_left = size - before - header_size;
  const bool fits = columns == 0 || rows <= bytes_left / bytes_each / columns;
  if (!fits || rows * columns * bytes_each != bytes_left) {
    nothing.refuse("it holds " + std::to_string(bytes_left) + " bytes of numbers, not the " + std::to_string(rows) +
                   " x " + std::to_string(columns) + " x " + std::to_string(bytes_each) + " that its header says");
  }
  return {std::move(in), layout};
}

/// Errors: as open_npy(); not_finite. Allocates no more than the file is long, and half a megabyte.
inline npy_matrix read_npy(const std::string& path, npy_rules rules = npy_rules::as_written) {
  npy_input file = open_npy(path, rules);
  npy_matrix out;
  out.rows = file.layout.shape[0];
  out.columns = file.layout.shape[1];
  out.values.resize(out.rows * out.columns);
  if (rules == npy_rules::as_written) {
    file.in.read(reinterpret_cast<char*>(out.values.data()),
                 static_cast<std::streamsize>(out.values.size() * sizeof(float)));
  } else if (file.layout.type == npy_type::f8) {
    read_npy_numbers<double>(file.in, out, file.layout.by_columns, path);
  } else {
    read_npy_numbers<float>(file.in, out, file.layout.by_columns, path);
  }
  if (!file.in) throw error(errc::io_error, "cannot be read to its end", {.file = path});
  return out;
}

}  // namespace detail
TANDEM_END
