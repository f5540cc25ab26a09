#pragma once
// Event time: milliseconds since the Unix epoch, negative before 1970; never the wall clock's.

#include <chrono>
#include <cstdint>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// A span of event time.
using duration = std::chrono::milliseconds;

/// A moment of event time. From a host's clock:
/// `std::chrono::floor<tandem::duration>(std::chrono::system_clock::now())`.
using timestamp = std::chrono::time_point<std::chrono::system_clock, duration>;

/// The moment `milliseconds` after the epoch.
[[nodiscard]] constexpr timestamp from_millis(std::int64_t milliseconds) noexcept {
  return timestamp{duration{milliseconds}};
}

/// Milliseconds since the epoch.
[[nodiscard]] constexpr std::int64_t to_millis(timestamp time) noexcept { return time.time_since_epoch().count(); }

TANDEM_END
