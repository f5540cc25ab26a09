#pragma once
// What highway.cpp and the files for single instruction sets hand to kernels.cpp: one table for each instruction set
// that build and CPU share.

#include <array>
#include <cstddef>

#include "tandem/core/kernels.hpp"

TANDEM_BEGIN
namespace detail {

/// Tables in ascending order of preference; more of one name, the later is better.
struct level_list {
  std::array<kernel_table, 8> tables{};
  std::size_t size = 0;
};

/// The levels that Highway was compiled for and this CPU has. Calls no code of a level that the CPU lacks.
[[nodiscard]] level_list highway_levels() noexcept;

/// Turns the table of level "avx512" into that of "avx512vnni", where this build and this CPU have it: the same bits,
/// with AVX-512 VNNI's sums of 8-bit products. Returns false, and changes nothing, elsewhere.
[[nodiscard]] bool use_vnni(kernel_table& table) noexcept;

/// Turns the table of level "avx512vnni" into that of "avx512bf16": the same bits but for Gramians of bfloat16 rows,
/// with AVX512-BF16's products. Returns false, and changes nothing, elsewhere.
[[nodiscard]] bool use_bfloat16(kernel_table& table) noexcept;

/// Whether this build, CPU and system have the tiles that level "amx" needs beyond "avx512bf16".
[[nodiscard]] bool has_amx() noexcept;

/// Turns a table of "avx512bf16" into one of "amx": the same, but for Gramians of bfloat16 rows with AMX's tiles where
/// the rank is a multiple of 16. Asks the system to grant the process the tiles' state, and tries a Gramian. Returns
/// false, and changes nothing, where it was refused or did not come out right. Requires: has_amx().
[[nodiscard]] bool use_amx(kernel_table& table) noexcept;

}  // namespace detail
TANDEM_END
