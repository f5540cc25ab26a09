// A host. Exit code 0 when tandem works here.
#include <cstdio>

#include "use.hpp"

#ifdef HOST_LINKS_ENGINE
static_assert(TANDEM_LINKS_ENGINE == 1);
#elif defined(HOST_COMPILES_ENGINE)
static_assert(TANDEM_LINKS_ENGINE == 0);
#endif

int main() {
  const std::size_t shown = use_tandem(24);  // 24: a multiple of 8, not of 16
  std::printf("%zu items, kernels: %s\n", shown, tandem::kernels().name);
  return shown == 3 ? 0 : 1;
}
