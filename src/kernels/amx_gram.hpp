#pragma once
// A Gramian of bfloat16 pairs in tiles of 16 x 16, over whatever multiplies tiles: AMX, or a test's stand-in.

#include <cstddef>
#include <cstdint>

#include "bfloat16_pairs.hpp"

#ifndef TANDEM_TILES  // the target of Tiles; a stand-in has none of its own
#define TANDEM_TILES TANDEM_BF16
#endif

TANDEM_BEGIN
namespace detail {

constexpr std::size_t tile_side = 16;  // rows; words a row; pairs multiplied at once

/// to[j][i] = from[i][j] for 16 x 16 words, rows of `from` being `step` apart.
TANDEM_BF16_INLINE void turn_tile(const std::uint32_t* from, std::size_t step, std::uint32_t* to) {
  __m512i r[16];
  __m512i t[16];
#pragma GCC unroll 16
  for (std::size_t i = 0; i < 16; ++i) r[i] = _mm512_loadu_si512(from + i * step);
#pragma GCC unroll 16
  for (std::size_t i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 16
  for (std::size_t i = 0; i < 16; i += 4) {
#pragma GCC unroll 16
    for (std::size_t h = 0; h < 2; ++h) {
      r[i + 2 * h] = _mm512_unpacklo_epi64(t[i + h], t[i + 2 + h]);
      r[i + 2 * h + 1] = _mm512_unpackhi_epi64(t[i + h], t[i + 2 + h]);
    }
  }
#pragma GCC unroll 16
  for (std::size_t i = 0; i < 4; ++i) {  // r[4 g + i], block b: column 4 b + i of rows 4 g to 4 g + 3
    const __m512i even_low = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
    const __m512i odd_low = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xDD);
    const __m512i even_high = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
    const __m512i odd_high = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xDD);
    _mm512_storeu_si512(to + i * 16, _mm512_shuffle_i32x4(even_low, even_high, 0x88));
    _mm512_storeu_si512(to + (4 + i) * 16, _mm512_shuffle_i32x4(odd_low, odd_high, 0x88));
    _mm512_storeu_si512(to + (8 + i) * 16, _mm512_shuffle_i32x4(even_low, even_high, 0xDD));
    _mm512_storeu_si512(to + (12 + i) * 16, _mm512_shuffle_i32x4(odd_low, odd_high, 0xDD));
  }
}

/// Pairs, and the same turned tile by tile: turned[(block * k / 16 + a / 16) * 256] has tile (block, a).
struct packed_tiles {
  const std::uint32_t* pairs;
  const std::uint32_t* turned;
  std::size_t k;       // a multiple of 16, and the words a pair has
  std::size_t blocks;  // of 16 pairs

  [[nodiscard]] const std::uint32_t* left(std::size_t block, std::size_t a) const noexcept {
    return turned + (block * (k / tile_side) + a / tile_side) * tile_side * tile_side;
  }
  [[nodiscard]] const std::uint32_t* right(std::size_t block, std::size_t b) const noexcept {
    return pairs + block * tile_side * k + b;
  }
};

/// gram += the tile at (a, b).
template <class Tiles>
TANDEM_TILES void add_tile(const packed_tiles& from, std::size_t a, std::size_t b, float* gram) {
  const std::size_t row_bytes = from.k * sizeof(float);
  float* const out = gram + a * from.k + b;
  Tiles::template load<0>(out, row_bytes);
  for (std::size_t block = 0; block < from.blocks; ++block) {
    Tiles::template load<4>(from.left(block, a), 64);
    Tiles::template load<6>(from.right(block, b), row_bytes);
    Tiles::template multiply_add<0, 4, 6>();
  }
  Tiles::template store<0>(out, row_bytes);
}

/// gram += the four tiles at (a, b), (a, b + 16), (a + 16, b), (a + 16, b + 16).
template <class Tiles>
TANDEM_TILES void add_four_tiles(const packed_tiles& from, std::size_t a, std::size_t b, float* gram) {
  const std::size_t row_bytes = from.k * sizeof(float);
  float* const out = gram + a * from.k + b;
  float* const below = out + tile_side * from.k;
  Tiles::template load<0>(out, row_bytes);
  Tiles::template load<1>(out + tile_side, row_bytes);
  Tiles::template load<2>(below, row_bytes);
  Tiles::template load<3>(below + tile_side, row_bytes);
  for (std::size_t block = 0; block < from.blocks; ++block) {
    Tiles::template load<4>(from.left(block, a), 64);
    Tiles::template load<5>(from.left(block, a + tile_side), 64);
    Tiles::template load<6>(from.right(block, b), row_bytes);
    Tiles::template load<7>(from.right(block, b + tile_side), row_bytes);
    Tiles::template multiply_add<0, 4, 6>();
    Tiles::template multiply_add<1, 4, 7>();
    Tiles::template multiply_add<2, 5, 6>();
    Tiles::template multiply_add<3, 5, 7>();
  }
  Tiles::template store<0>(out, row_bytes);
  Tiles::template store<1>(out + tile_side, row_bytes);
  Tiles::template store<2>(below, row_bytes);
  Tiles::template store<3>(below + tile_side, row_bytes);
}

constexpr std::size_t tile_panel_words = 8192;

/// kernel_table::gram_accumulate_bfloat16 for a k that is a multiple of 16, at most tile_panel_words / 16.
/// Writes some of what lies above the diagonal.
template <class Tiles>
TANDEM_TILES void gram_in_tiles(const bfloat16_rows& rows, std::size_t k, float* gram) {
  alignas(64) std::uint32_t pairs[tile_panel_words];
  alignas(64) std::uint32_t turned[tile_panel_words];
  const bfloat16_rows from = rows.without_unit_weights();
  const std::size_t panel = tile_panel_words / k / tile_side * tile_side;
  for (std::size_t first = 0; first < from.n; first += 2 * panel) {
    std::size_t n = pack_pairs(from, first, panel, k, k, pairs);
    for (; n % tile_side != 0; ++n) {
      for (std::size_t j = 0; j < k; ++j) pairs[n * k + j] = 0;
    }
    const packed_tiles tiles{pairs, turned, k, n / tile_side};
    for (std::size_t block = 0; block < tiles.blocks; ++block) {
      for (std::size_t a = 0; a < k; a += tile_side) {
        turn_tile(tiles.right(block, a), k, turned + (tiles.left(block, a) - turned));
      }
    }
    std::size_t a = 0;
    for (; a + 2 * tile_side <= k; a += 2 * tile_side) {
      for (std::size_t b = 0; b <= a; b += 2 * tile_side) add_four_tiles<Tiles>(tiles, a, b, gram);
    }
    for (std::size_t b = 0; a < k && b <= a; b += tile_side) add_tile<Tiles>(tiles, a, b, gram);
  }
}

}  // namespace detail
TANDEM_END
