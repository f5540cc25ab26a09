#pragma once
// Whether a window of event time has passed, however far apart its ends are.

#include <cstdint>

#include "tandem/core/config.hpp"
#include "tandem/core/time.hpp"

TANDEM_BEGIN
namespace online::detail {

/// Whether more than `window` lies between two moments.
[[nodiscard]] inline bool is_past(timestamp from, timestamp to, duration window) noexcept {
  const auto apart = static_cast<std::uint64_t>(to_millis(to)) - static_cast<std::uint64_t>(to_millis(from));
  return to > from && apart > static_cast<std::uint64_t>(window.count());
}

}  // namespace online::detail
TANDEM_END
