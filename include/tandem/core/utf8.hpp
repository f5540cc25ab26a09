#pragma once
// Whether text is UTF-8, asked where text from outside becomes an id.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// True when `text` is well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, none cut short.
/// Complexity: O(length), eight bytes at a time while they are ASCII. Allocates: nothing. Threads: pure.
[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    if (i + 8 <= text.size()) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + i, 8);
      if ((word & 0x8080808080808080ULL) == 0) {
        i += 8;
        continue;
      }
    }
    const unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    if (lead < 0xC2 || lead > 0xF4) return false;
    const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (text.size() - i < length) return false;
    // the second byte's range rules out overlong forms, surrogates and what lies beyond U+10FFFF
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(i + 1) < low || byte(i + 1) > high) return false;
    for (std::size_t j = 2; j < length; ++j) {
      if ((byte(i + j) & 0xC0U) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

TANDEM_END
