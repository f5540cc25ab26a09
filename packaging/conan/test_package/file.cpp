#include <cstdio>
#include <tandem/open.hpp>

int main() {
  const char* const path = "shop.tandem";
  tandem::open(path, {.rank = 8}).observe({.user = "ada", .item = "kettle", .time = tandem::from_millis(0)});
  const tandem::engine again = tandem::open(path, {.rank = 8});
  std::printf("%zu events in %s\n", static_cast<std::size_t>(again.stats().events), path);
  return again.stats().events > 0 ? 0 : 1;
}
