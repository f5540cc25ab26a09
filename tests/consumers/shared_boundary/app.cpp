#include <cstdio>

#include "shop.hpp"
#include "use.hpp"

int main() {
  bool caught = false;
  try {
    shop_fail();
  } catch (const tandem::error& e) {  // one type on both sides
    caught = e.code() == tandem::errc::invalid_argument;
  }
  const std::size_t there = shop_use();
  const std::size_t here = use_tandem(24);
  std::printf("library %zu, program %zu, error caught %d\n", there, here, caught);
  return caught && there == 3 && here == 3 && shop_use() == 3 ? 0 : 1;
}
