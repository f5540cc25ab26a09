// Matrix factorization alone: fit a model to a log, list the best items of a user, and take in a user it never saw.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <tandem/batch/ials.hpp>
#include <tandem/core/random.hpp>
#include <tandem/evaluation/ranking.hpp>
#include <vector>

using namespace tandem;

constexpr std::size_t n_users = 400, n_items = 200, n_tastes = 8;

// Item i belongs to taste i % n_tastes, user u likes taste u % n_tastes: 4 events of 5 go there, the fifth anywhere.
item_index draw_item(std::size_t user, random_stream& random) {
  const std::size_t any = random.below(n_items);
  const bool to_taste = random.uniform() < 0.8;
  return item_index(to_taste ? any - any % n_tastes + user % n_tastes : any);
}

int main() {
  random_stream random(1);
  std::vector<interaction> events;
  std::vector<item_index> held_out;  // one event a user that the model does not see
  for (std::size_t u = 0; u < n_users; ++u) {
    for (int k = 0; k < 12; ++k) events.push_back({user_index(u), draw_item(u, random)});
    held_out.push_back(draw_item(u, random));
  }
  const interactions log = interactions::from_events(events, n_users, n_items, merge_rule::binary);
  const batch::factor_model model = batch::fit_ials(log, {.rank = 16, .epochs = 8, .seed = 1});

  // The ten best items of every user, without those the user has.
  evaluation::ranking_total total(10);
  std::vector<scored_item> best(10);
  for (std::size_t u = 0; u < n_users; ++u) {
    std::vector<item_index> had;
    for (const std::uint32_t item : log.items_of(user_index(u)).index) had.push_back(item_index(item));
    if (std::binary_search(had.begin(), had.end(), held_out[u])) continue;
    const std::size_t n = model.top_n(model.user_factors(user_index(u)), best, had);
    std::vector<item_index> list;
    for (const scored_item& each : std::span(best).first(n)) list.push_back(each.item);
    total.add(evaluation::ranks_in(list, std::span(&held_out[u], 1)));
  }
  const evaluation::ranking_report report = total.report();
  std::cout << report.n << " users, recall@10 " << report.recall << " (by chance " << 10.0 / n_items << ")\n";

  // Somebody new has three items of taste 5: solve for their vector, no training needed.
  const std::vector<item_index> basket{item_index(5), item_index(13), item_index(21)};
  const std::vector<float> weight(basket.size(), 1.0F);
  std::vector<float> newcomer(model.rank());
  model.fold_in(basket, weight, newcomer);
  const std::size_t n = model.top_n(newcomer, best, basket);
  const auto in_taste = std::count_if(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(n),
                                      [](const scored_item& each) { return raw(each.item) % n_tastes == 5; });
  std::cout << in_taste << " of the newcomer's " << n << " items are of the same taste\n";

  // Folding in the history of a user it was trained on gives that user's own vector.
  std::vector<float> again(model.rank());
  const auto history = log.items_of(user_index(0));
  std::vector<item_index> items;
  for (const std::uint32_t item : history.index) items.push_back(item_index(item));
  model.fold_in(items, history.weight, again);
  float apart = 0;
  for (std::size_t f = 0; f < model.rank(); ++f) {
    apart = std::max(apart, std::abs(again[f] - model.user_factors(user_index(0))[f]));
  }
  std::cout << "fold-in differs from training by at most " << apart << '\n';
  return report.recall > 0.2 && in_taste >= 8 && apart < 1e-4F ? 0 : 1;
}
