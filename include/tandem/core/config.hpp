#pragma once
// Build switches that every header shares: the ABI namespace and the contract check.

#include "tandem/version.hpp"

// Objects built with and without the compiled kernels live in different inline namespaces, so that linking
// the two into one program fails with a missing symbol instead of behaving oddly.
#if defined(TANDEM_COMPILED_KERNELS) && TANDEM_COMPILED_KERNELS
#define TANDEM_ABI v0_1_kernels
#else
#define TANDEM_ABI v0_1
#endif

#define TANDEM_BEGIN \
  namespace tandem { \
  inline namespace TANDEM_ABI {
#define TANDEM_END \
  }                \
  }

/// Checks a precondition that only a programming error breaks. A host may define it (before the first include of
/// tandem) to log, throw or do nothing; by default it is assert().
#ifndef TANDEM_ASSERT
#include <cassert>
#define TANDEM_ASSERT(condition) assert(condition)
#endif
