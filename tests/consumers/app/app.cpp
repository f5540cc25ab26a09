// A host. Exit code 0 when tandem works here.
#include <cstdio>

#include "use.hpp"

int main() {
  const std::size_t shown = use_tandem(24);  // 24: a multiple of 8, not of 16
  std::printf("%zu items, kernels: %s\n", shown, tandem::kernels().name);
  return shown == 3 ? 0 : 1;
}
