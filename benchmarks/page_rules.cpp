// What rules cost: drawing a page of ten from a pool of thirty, and resolving filters over a catalogue.
//
// 200 candidates with factors of rank 64, two facts each; the medians of 2,001 pages. usage: page_rules

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tandem/hybrid/page.hpp"

namespace {

using namespace tandem;

constexpr std::size_t n_candidates = 200;
constexpr std::size_t n_items = 100000;
constexpr std::size_t rank = 64;

// items with factors, a category (facts 0 to 19) and a product of four variants
hybrid::knowledge catalogue(hybrid::known_rules& rules) {
  hybrid::knowledge known;
  known.items.grow(n_items);
  known.attributes.grow(n_items);
  rules.attribute_of.grow(20 + n_items / 4);
  for (std::uint32_t f = 0; f < rules.attribute_of.size(); ++f) rules.attribute_of.write(f) = f < 20 ? 0 : 1;
  random_stream random(1);
  std::vector<float> y(n_items * rank);
  for (float& x : y) x = static_cast<float>(random.normal());
  for (std::uint32_t i = 0; i < n_items; ++i) known.attributes.write(i) = {i % 20, 20 + i / 4};
  auto model = std::make_shared<batch::factor_model>(batch::factor_model::from_factors({}, std::move(y), rank, {}));
  known.batch = std::make_shared<const hybrid::batch_snapshot>(std::move(model));
  return known;
}

// the median of what f takes, in microseconds
template <class F>
double microseconds(std::size_t times, F&& f) {
  std::vector<double> taken(times);
  for (double& each : taken) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    each = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
  }
  std::nth_element(taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(times / 2), taken.end());
  return taken[times / 2];
}

struct candidates {
  std::vector<item_index> items;
  std::vector<online::estimate> estimates;
  std::vector<std::size_t> order;

  candidates() : items(n_candidates), estimates(n_candidates), order(n_candidates) {
    random_stream random(2);
    std::vector<float> scores(n_candidates);
    for (std::size_t c = 0; c < n_candidates; ++c) {
      items[c] = static_cast<item_index>(random.below(n_items));
      scores[c] = static_cast<float>(random.normal());
      estimates[c].mean = scores[c];
    }
    order = hybrid::order_by_score(scores, n_candidates);
  }
};

double page_time(const hybrid::known_rules& rules, const hybrid::knowledge& known, const candidates& from) {
  const hybrid::slate_options options;
  std::uint64_t id = 0;
  std::size_t drawn = 0;
  const double median = microseconds(2001, [&] {
    random_stream random(3, ++id);
    hybrid::page_draw page(rules, known, 1, options, true, random);
    page.offer(from.order, from.items, from.estimates);
    page.fill(10);
    drawn += page.places().size();
  });
  if (drawn != 20010) std::puts("pages came short");
  return median;
}

}  // namespace

int main() try {
  hybrid::known_rules rules;
  const hybrid::knowledge known = catalogue(rules);
  const candidates from;
  const hybrid::slate_options options;
  std::uint64_t id = 0;
  std::printf("%-28s %8.1f us\n", "without rules", microseconds(2001, [&] {
                random_stream random(3, ++id);
                (void)hybrid::draw_slate(from.estimates, from.order, 10, options, random);
              }));
  const auto print = [&](const char* name, diversity_kind kind, bool caps) {
    rules.diversity.kind = kind;
    rules.caps.clear();
    if (caps) rules.caps = {{0, 2}, {1, 1}};
    std::printf("%-28s %8.1f us\n", name, page_time(rules, known, from));
  };
  print("caps", diversity_kind::none, true);
  print("mmr", diversity_kind::mmr, false);
  print("dpp", diversity_kind::dpp, false);
  print("caps and dpp", diversity_kind::dpp, true);
  rules.only_with = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}};
  rules.never_with = {3};
  std::vector<item_index> forbidden;
  std::printf("%-28s %8.1f us\n", "filters of 100,000 items", microseconds(51, [&] {
                forbidden.clear();
                hybrid::forbid_by_rules(rules, known, {}, forbidden);
              }));
  return 0;
} catch (const std::exception& e) {
  std::puts(e.what());
  return 1;
}
