#pragma once
// CRC-32 (IEEE 802.3, reflected polynomial EDB88320), the checksum of zlib, gzip and PNG: Python's zlib.crc32.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail {

using crc32_tables = std::array<std::array<std::uint32_t, 256>, 8>;

/// Table k advances a byte by k + 1 places, so that eight bytes are taken at a step (Kounavis and Berry 2005).
[[nodiscard]] consteval crc32_tables make_crc32_tables() {
  crc32_tables out{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
    out[0][byte] = crc;
  }
  for (std::size_t k = 1; k < out.size(); ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = out[k - 1][byte];
      out[k][byte] = (crc >> 8U) ^ out[0][crc & 0xFFU];
    }
  }
  return out;
}

inline constexpr crc32_tables crc32_table = make_crc32_tables();

/// The checksum of what came before, `before` (0 = nothing), followed by `bytes`.
/// Complexity: O(bytes), eight a step. Allocates: nothing. Threads: pure.
[[nodiscard]] constexpr std::uint32_t crc32(std::string_view bytes, std::uint32_t before = 0) noexcept {
  std::uint32_t crc = ~before;
  const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(bytes[i])}; };
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const std::uint32_t low = crc ^ (byte(i) | byte(i + 1) << 8U | byte(i + 2) << 16U | byte(i + 3) << 24U);
    crc = crc32_table[7][low & 0xFFU] ^ crc32_table[6][(low >> 8U) & 0xFFU] ^ crc32_table[5][(low >> 16U) & 0xFFU] ^
          crc32_table[4][low >> 24U] ^ crc32_table[3][byte(i + 4)] ^ crc32_table[2][byte(i + 5)] ^
          crc32_table[1][byte(i + 6)] ^ crc32_table[0][byte(i + 7)];
  }
  for (; i < bytes.size(); ++i) crc = (crc >> 8U) ^ crc32_table[0][(crc ^ byte(i)) & 0xFFU];
  return ~crc;
}

}  // namespace detail
TANDEM_END
