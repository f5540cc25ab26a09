#pragma once
// Where the engine's members are: in the library tandem::engine, or in the headers for hosts with other flags.

#include <Eigen/Core>

// TANDEM_COMPILED_ENGINE is the alignment of Eigen that the library was built with. A host with another
// (-march=native), or with the standard library's debug containers, compiles the engine itself: what one of the two
// made the other could not use.
#if defined(TANDEM_COMPILED_ENGINE) && TANDEM_COMPILED_ENGINE == EIGEN_MAX_ALIGN_BYTES && !defined(_GLIBCXX_DEBUG)
#define TANDEM_LINKS_ENGINE 1
#define TANDEM_ENGINE_INLINE
#else
#define TANDEM_LINKS_ENGINE 0
#define TANDEM_ENGINE_INLINE inline
#endif
