#include "use.hpp"
//
#include "everything.hpp"

const void* kernels_seen_by_two() { return &tandem::kernels(); }
std::size_t used_by_two() { return use_tandem(16); }
