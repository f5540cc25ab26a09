#include "everything.hpp"
#include "use.hpp"

const void* kernels_seen_by_two();
std::size_t used_by_two();

int main() {
  const bool one_table = kernels_seen_by_two() == &tandem::kernels();
  return one_table && use_tandem(8) == 3 && used_by_two() == 3 ? 0 : 1;
}
