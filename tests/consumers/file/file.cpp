// Events told to one engine are known to the next one of the same file. Exit code 0 when they are.
#include <cstdio>
#include <tandem/open.hpp>

int main() {
  const char* const path = "shop.tandem";
  for (const char* each : {"shop.tandem", "shop.tandem-wal", "shop.tandem-shm", "shop.tandem-owner"}) std::remove(each);
  const auto now = tandem::from_millis(1'700'000'000'000);
  {
    tandem::engine shop = tandem::open(path, {.rank = 24});
    shop.observe({.user = "ada", .item = "kettle", .time = now});
    shop.observe({.user = "bob", .item = "teapot", .time = now});
    shop.refit();
  }
  tandem::engine shop = tandem::open(path, {.rank = 24});
  const auto shown = shop.recommend({.user = "ada", .count = 1, .time = now});
  const bool sound = tandem::verify_file(path).sound();
  std::printf("%zu events, %zu shown, file %s\n", static_cast<std::size_t>(shop.stats().events), shown.items.size(),
              sound ? "sound" : "damaged");
  return sound && shop.stats().events == 2 && shown.items.size() == 1 ? 0 : 1;
}
