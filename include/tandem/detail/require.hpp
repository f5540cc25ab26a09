#pragma once
// The refusal of an option that does not lie in its range.

#include <string>

#include "tandem/core/error.hpp"

TANDEM_BEGIN
namespace detail {

/// @param option  as the host calls it.   @param range  e.g. "[1, 1024]".
/// Errors: invalid_argument, naming both, unless `holds`.
inline void require(bool holds, const char* option, const char* range) {
  if (!holds) throw error(errc::invalid_argument, std::string("must lie in ") + range, {{}, 0, option});
}

/// The same where the remedy, e.g. "give a number in [0.1, 1e9]", says the range.
inline void require_or(bool holds, const char* option, const char* remedy) {
  if (!holds) throw error(errc::invalid_argument, "out of range", {{}, 0, option}, remedy);
}

}  // namespace detail
TANDEM_END
