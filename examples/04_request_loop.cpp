// The hybrid in a host's request loop: recommend, reward what was clicked, observe the rest, let time pass, refit.
#include <iostream>
#include <string>
#include <tandem/tandem.hpp>

using namespace std::chrono_literals;

// An invented shop: 12 departments; a visitor likes two of them, and some products are better than others.
struct world {
  static constexpr std::size_t n_visitors = 300, n_products = 600, n_departments = 12;
  tandem::random_stream chance{1};

  static double click_rate(std::size_t visitor, std::size_t product) {
    const std::size_t department = product % n_departments;
    const bool liked =
        department == tandem::mix64(visitor) % n_departments || department == tandem::mix64(~visitor) % n_departments;
    return (liked ? 0.3 : 0.02) * (0.5 + tandem::random_stream(2, product).uniform());
  }
  static double at_random() {
    double sum = 0;
    for (std::size_t v = 0; v < n_visitors; ++v) {
      for (std::size_t p = 0; p < n_products; ++p) sum += click_rate(v, p);
    }
    return sum / (n_visitors * n_products);
  }
  bool clicks(std::size_t visitor, std::size_t product) { return chance.uniform() < click_rate(visitor, product); }
};

int main() {
  tandem::engine shop({.rank = 8, .actions = {{"found", 1}, {"reward", 1}}, .reward_window = 10min});
  for (std::size_t p = 0; p < world::n_products; ++p) shop.upsert_item("product-" + std::to_string(p));

  world people;
  constexpr std::size_t n_requests = 8000, period = 1000;
  std::size_t shown = 0;
  std::size_t clicked = 0;
  double rate = 0;
  auto now = tandem::from_millis(1'750'000'000'000);
  for (std::size_t request = 1; request <= n_requests; ++request) {
    now += 5s;
    shop.advance(now);  // silence is learned too: a page without a click for ten minutes
    const std::size_t visitor = people.chance.below(world::n_visitors);
    const std::string user = "visitor-" + std::to_string(visitor);

    const tandem::recommendation page = shop.recommend({.user = user, .count = 5, .time = now});
    for (const tandem::recommended_item& each : page) {
      ++shown;
      if (!people.clicks(visitor, std::stoul(each.item.substr(8)))) continue;
      ++clicked;
      shop.reward(page.id, each.item, 1, now + 20s);  // is an event of that visitor too: do not observe it again
    }
    for (int look = 0; look < 3; ++look) {  // people find things without us, too
      const std::size_t found = people.chance.below(world::n_products);
      if (!people.clicks(visitor, found)) continue;
      shop.observe({.user = user, .item = "product-" + std::to_string(found), .action = "found", .time = now + 30s});
    }
    if (request % 1000 == 0) shop.refit();  // a busy host calls refit_in_background(): 05_hot_swap.cpp

    if (request % period == 0) {
      rate = static_cast<double>(clicked) / static_cast<double>(shown);
      std::cout << "requests to " << request << ": " << 100 * rate << " % clicked, led by " << shop.stats().leader
                << '\n';
      shown = clicked = 0;
    }
  }
  const tandem::engine_stats stats = shop.stats();
  std::cout << stats.events << " events, " << stats.rewards << " of them rewards, " << stats.expired_decisions
            << " pages without one, model " << stats.model_version << "; at random " << 100 * world::at_random()
            << " %\n";
  return rate > 2 * world::at_random() && stats.rejected == 0 && stats.refits == 8 ? 0 : 1;
}
