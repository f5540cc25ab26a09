#pragma once
// The names of those who meet a population.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace study {

/// Who fills the pages.
enum class contender : std::uint8_t {
  random,    ///< chance: the floor
  batch,     ///< arm::batch, refitted every night
  realtime,  ///< arm::realtime
  hybrid,    ///< arm::hybrid, refitted every night
  oracle,    ///< knows what nobody can know: the ceiling
};

inline constexpr std::size_t n_contenders = 5;
inline constexpr std::array<contender, n_contenders> all_contenders = {
    contender::random, contender::batch, contender::realtime, contender::hybrid, contender::oracle};

/// The key in reports, as it stands in the enum.
[[nodiscard]] constexpr std::string_view name(contender c) noexcept {
  constexpr std::array<std::string_view, n_contenders> names = {"random", "batch", "realtime", "hybrid", "oracle"};
  return names[static_cast<std::size_t>(c)];
}

/// The name for people.
[[nodiscard]] constexpr std::string_view title(contender c) noexcept {
  constexpr std::array<std::string_view, n_contenders> titles = {"Random", "Batch", "Real-time", "Hybrid", "Oracle"};
  return titles[static_cast<std::size_t>(c)];
}

}  // namespace study
TANDEM_END
