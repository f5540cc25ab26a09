// Which level is in use: the best there is, or the one TANDEM_SIMD names.

#include "tandem/core/kernels.hpp"

#include <array>
#include <atomic>
#include <cstdlib>

#include "levels.hpp"
#include "tandem/detail/kernels_portable.hpp"

TANDEM_BEGIN
namespace {

constexpr const char* amx = "amx";

struct registry {
  std::array<kernel_table, 12> tables{};
  std::array<std::string_view, 12> names{};
  std::size_t size = 0;
  std::atomic<const kernel_table*> chosen{nullptr};

  registry() noexcept {
    add(detail::portable_kernels);
    const detail::level_list found = detail::highway_levels();
    for (std::size_t l = 0; l < found.size; ++l) add(found.tables[l]);
    kernel_table best = tables[size - 1];
    if (detail::use_vnni(best)) add(best);
    const bool has_bfloat16 = detail::use_bfloat16(best);
    if (has_bfloat16) add(best);
    chosen = &tables[size - 1];
    if (has_bfloat16 && detail::has_amx()) {  // in use only when it is asked for: it changes the process
      best.name = amx;
      add(best);
    }
    if (const char* asked = std::getenv("TANDEM_SIMD"); asked != nullptr) choose(asked);
  }

  // a later table replaces an earlier one of its name: several AVX-512 targets are one level
  void add(const kernel_table& table) noexcept {
    const std::string_view name = table.name;
    if (size == 0 || names[size - 1] != name) ++size;
    tables[size - 1] = table;
    names[size - 1] = name;
  }

  bool choose(std::string_view level) noexcept {
    for (std::size_t l = 0; l < size; ++l) {
      if (names[l] != level) continue;
      if (level == amx && !detail::use_amx(tables[l])) return false;
      chosen = &tables[l];
      return true;
    }
    return false;
  }
};

registry& levels() noexcept {
  static registry all;
  return all;
}

}  // namespace

const kernel_table& kernels() noexcept { return *levels().chosen.load(std::memory_order_relaxed); }

std::span<const std::string_view> available_simd_levels() noexcept { return {levels().names.data(), levels().size}; }

bool set_simd_level(std::string_view level) noexcept { return levels().choose(level); }

TANDEM_END
