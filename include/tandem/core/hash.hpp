#pragma once
// A hash of text that is the same on every machine and in every release, unlike std::hash.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tandem/core/config.hpp"
#include "tandem/core/random.hpp"

TANDEM_BEGIN

/// 64 bits that depend on every byte of `text`, its length and `seed`. Not for untrusted input in tables: it can be
/// attacked. Complexity: O(length), eight bytes a step. Allocates: nothing. Threads: pure.
[[nodiscard]] constexpr std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0) noexcept {
  std::uint64_t hash = mix64(mix64(seed) ^ text.size());
  for (std::size_t i = 0; i < text.size(); i += 8) {
    std::uint64_t word = 0;  // little-endian, whatever the machine is
    for (std::size_t j = 0; j < 8 && i + j < text.size(); ++j) {
      word |= std::uint64_t{static_cast<unsigned char>(text[i + j])} << (8 * j);
    }
    hash = mix64(hash ^ word);
  }
  return hash;
}

TANDEM_END
