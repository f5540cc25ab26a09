// Prints the instruction set that the kernels use here; 0 when it is the one named by the argument.
#include <cstdio>
#include <string_view>

#include "tandem/core/kernels.hpp"

int main(int argc, char** argv) {
  const std::string_view level = tandem::simd_level();
  std::printf("%.*s\n", static_cast<int>(level.size()), level.data());
  return argc == 2 && level == argv[1] ? 0 : 1;
}
