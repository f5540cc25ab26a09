// The engine compiled once: a host would otherwise compile it, for a minute, in each of its files that use it.

#include "tandem/engine.hpp"

#if TANDEM_LINKS_ENGINE
#include "tandem/detail/engine_impl.hpp"
#elif !defined(_GLIBCXX_DEBUG)  // with it every host compiles the engine
#error "Eigen aligns otherwise than this build was configured for: use the same flags, or TANDEM_ENGINE=OFF"
#endif
