#include <cstdio>
#include <tandem/tandem.hpp>

int main() {
  tandem::engine shop({.rank = 8});
  shop.observe({.user = "ada", .item = "kettle", .time = tandem::from_millis(0)});
  shop.observe({.user = "bob", .item = "teapot", .time = tandem::from_millis(1)});
  shop.refit();
  const auto shown = shop.recommend({.user = "ada", .count = 1, .time = tandem::from_millis(2)});
  std::printf("tandem %s, kernels %s: %s\n", TANDEM_VERSION_STRING, tandem::kernels().name,
              shown.items.at(0).item.c_str());
  return shown.items.size() == 1 ? 0 : 1;
}
