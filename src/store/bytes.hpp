#pragma once
// Bodies of rows: numbers of few bytes where they are small, texts with their length.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "tandem/core/error.hpp"
#include "tandem/core/time.hpp"

TANDEM_BEGIN
namespace detail::file {

// Appends to a string. Integers are LEB128: seven bits a byte, the lowest first.
class body_writer {
 public:
  explicit body_writer(std::string& out) : out_(&out) {}

  void number(std::uint64_t x) {
    for (; x >= 0x80U; x >>= 7U) out_->push_back(static_cast<char>(x | 0x80U));
    out_->push_back(static_cast<char>(x));
  }
  // of either sign: zigzag
  void signed_number(std::int64_t x) {
    number(static_cast<std::uint64_t>(x) << 1U ^ static_cast<std::uint64_t>(x >> 63));
  }
  void byte(std::uint8_t x) { out_->push_back(static_cast<char>(x)); }
  void real(double x) { fixed(std::bit_cast<std::uint64_t>(x), 8); }
  void real(float x) { fixed(std::bit_cast<std::uint32_t>(x), 4); }
  void text(std::string_view x) {
    number(x.size());
    out_->append(x);
  }

 private:
  void fixed(std::uint64_t bits, int bytes) {
    for (int i = 0; i < bytes; ++i) out_->push_back(static_cast<char>(bits >> (8 * i)));
  }
  std::string* out_;
};

// Reads what a body_writer wrote. Errors: damaged, when it ends early or is longer than it should be.
class body_reader {
 public:
  explicit body_reader(std::string_view in) : in_(in) {}

  std::uint64_t number() {
    std::uint64_t out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      out |= static_cast<std::uint64_t>(next & 0x7FU) << shift;
      if ((next & 0x80U) == 0) return out;
    }
    fail();
  }
  std::int64_t signed_number() {
    const std::uint64_t x = number();
    return static_cast<std::int64_t>(x >> 1U ^ (~(x & 1U) + 1));
  }
  // near enough that the distance of any two is a duration
  timestamp time() {
    constexpr std::int64_t limit = std::int64_t{1} << 61U;
    const std::int64_t millis = signed_number();
    if (millis < -limit || millis > limit) fail();
    return from_millis(millis);
  }
  // a count of things that take at least a byte each
  std::size_t count() {
    const std::uint64_t n = number();
    if (n > in_.size()) fail();
    return static_cast<std::size_t>(n);
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  double real() { return std::bit_cast<double>(fixed(8)); }
  float real_float() { return std::bit_cast<float>(static_cast<std::uint32_t>(fixed(4))); }
  std::string_view text() { return take(count()); }
  void end() const {
    if (!in_.empty()) fail();
  }

 private:
  [[noreturn]] static void fail() { throw error(errc::damaged, "a record is not of the form it should have"); }
  std::string_view take(std::size_t n) {
    if (n > in_.size()) fail();
    const std::string_view out = in_.substr(0, n);
    in_.remove_prefix(n);
    return out;
  }
  std::uint64_t fixed(int bytes) {
    const std::string_view from = take(static_cast<std::size_t>(bytes));
    std::uint64_t out = 0;
    for (int i = 0; i < bytes; ++i) {
      out |= static_cast<std::uint64_t>(static_cast<unsigned char>(from[static_cast<std::size_t>(i)])) << (8 * i);
    }
    return out;
  }
  std::string_view in_;
};

}  // namespace detail::file
TANDEM_END
