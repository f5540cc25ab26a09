#pragma once
// What highway.cpp hands to kernels.cpp: one table for each instruction set that this build and this CPU share.

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

}  // namespace detail
TANDEM_END
