// The whole loop: tell the engine what happened, refit, ask what to show, say what was taken.
#include <iostream>
#include <string_view>
#include <tandem/tandem.hpp>
#include <utility>

int main() {
  tandem::engine shop({.rank = 8});
  const auto now = tandem::from_millis(1'750'000'000'000);  // event time, given by the host
  constexpr std::pair<std::string_view, std::string_view> views[] = {
      {"ada", "kettle"}, {"ada", "cup"},    {"bob", "kettle"}, {"bob", "teapot"},
      {"cyd", "cup"},    {"cyd", "teapot"}, {"dan", "kettle"}, {"dan", "lamp"}};
  for (const auto& [user, item] : views) shop.observe({.user = user, .item = item, .time = now});
  shop.refit();

  const auto shown = shop.recommend({.user = "ada", .count = 3, .time = now});
  for (const auto& [item, score, propensity] : shown) std::cout << item << "  p = " << propensity << '\n';
  const auto learned = shop.reward(shown.id, "teapot", 1.0, now);

  // Ada has the kettle and the cup; teapots go with both.
  return shown.items.size() == 2 && shown.items[0].item == "teapot" && learned.taken() ? 0 : 1;
}
