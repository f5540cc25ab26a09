#pragma once
// A hint to the memory system, so that several rows are on their way at once.

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// Asks for the cache line at `where` to be brought near for reading. Changes nothing; any address will do.
inline void prefetch(const void* where) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(where);
#else
  (void)where;
#endif
}

TANDEM_END
