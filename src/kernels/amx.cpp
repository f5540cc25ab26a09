// Gramians of bfloat16 rows with AMX, which multiplies tiles of 16 x 32 by 32 x 16 in one instruction (tdpbf16ps).
//
// The functions here carry their own target attribute and run only where a host asked for this level, and the CPU has
// tiles, the system granted them, and one Gramian came out right; elsewhere there is nothing in this file.

#include <cstddef>
#include <cstdint>

#include "levels.hpp"

#if defined(__x86_64__) && defined(__linux__) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TANDEM_TILES __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16")))
#include "amx_gram.hpp"

TANDEM_BEGIN
namespace detail {
namespace {

/// The eight tile registers of this thread, each 16 rows of 64 bytes. In assembly, since compilers' intrinsics want the
/// register's number as a literal.
struct amx_tiles {
  template <int T>
  __attribute__((always_inline)) TANDEM_TILES static void load(const void* from, std::size_t row_bytes) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(row_bytes), "i"(T) : "memory");
  }
  template <int T>
  __attribute__((always_inline)) TANDEM_TILES static void store(void* to, std::size_t row_bytes) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(row_bytes), "i"(T) : "memory");
  }
  template <int Sum, int Left, int Right>
  __attribute__((always_inline)) TANDEM_TILES static void multiply_add() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sum), "i"(Left), "i"(Right));
  }
};

struct alignas(64) tile_shapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t bytes_a_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// of the level below, for ranks that are no multiple of 16
decltype(kernel_table::gram_accumulate_bfloat16) without_tiles = nullptr;

TANDEM_TILES void gram_accumulate_bfloat16(const std::uint16_t* rows, std::size_t stride, const std::uint32_t* index,
                                           const float* weight, std::size_t n, std::size_t k, float* gram) {
  if (k == 0 || k % tile_side != 0 || k * tile_side > tile_panel_words || n < tile_side) {
    return without_tiles(rows, stride, index, weight, n, k, gram);
  }
  static constexpr tile_shapes shapes{};
  asm volatile("ldtilecfg %0" ::"m"(shapes));
  gram_in_tiles<amx_tiles>({rows, stride, index, weight, n}, k, gram);
  asm volatile("tilerelease");  // threads whose tiles are in use are switched more slowly
}

bool cpu_has_tiles() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  constexpr unsigned bf16 = 1U << 22U;
  constexpr unsigned tile = 1U << 24U;
  return (d & bf16) != 0 && (d & tile) != 0;
}

constexpr long tile_data = 18;  // XFEATURE_XTILEDATA

bool system_has_tiles() noexcept {
  constexpr long supported = 0x1021;  // ARCH_GET_XCOMP_SUPP, since Linux 5.16
  std::uint64_t features = 0;
  return syscall(SYS_arch_prctl, supported, &features) == 0 && (features >> tile_data & 1U) != 0;
}

/// Linux grants the tiles' 8 KB of state to a process that asks. From then on its signal frames are that much larger.
bool system_grants_tiles() noexcept {
  constexpr long ask_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  return syscall(SYS_arch_prctl, ask_permission, tile_data) == 0;
}

/// One Gramian of small whole numbers, whose sums are exact, as the level below gives it.
bool sums_are_right() noexcept {
  constexpr std::size_t k = 48;
  constexpr std::size_t n = 37;
  std::uint16_t rows[n * k];
  for (std::size_t j = 0; j < n * k; ++j) {
    const float x = static_cast<float>(j * 7 % 11) - 5;
    std::uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    rows[j] = static_cast<std::uint16_t>(bits >> 16U);
  }
  float expected[k * k] = {};
  float found[k * k] = {};
  without_tiles(rows, k, nullptr, nullptr, n, k, expected);
  gram_accumulate_bfloat16(rows, k, nullptr, nullptr, n, k, found);
  bool same = true;
  for (std::size_t a = 0; a < k; ++a) {
    for (std::size_t b = 0; b <= a; ++b) same = same && expected[a * k + b] == found[a * k + b];
  }
  return same;
}

}  // namespace

bool has_amx() noexcept { return cpu_has_tiles() && system_has_tiles(); }

bool use_amx(kernel_table& table) noexcept {
  if (table.gram_accumulate_bfloat16 == gram_accumulate_bfloat16) return true;
  if (!system_grants_tiles()) return false;
  without_tiles = table.gram_accumulate_bfloat16;
  if (!sums_are_right()) return false;
  table.gram_accumulate_bfloat16 = gram_accumulate_bfloat16;
  return true;
}

}  // namespace detail
TANDEM_END

#else

TANDEM_BEGIN
namespace detail {
bool has_amx() noexcept { return false; }
bool use_amx(kernel_table&) noexcept { return false; }
}  // namespace detail
TANDEM_END

#endif
