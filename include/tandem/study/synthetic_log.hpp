#pragma once
// An invented shop: a log to try the study on when no real one is at hand. What it shows is true of this generator
// only.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/core/random.hpp"
#include "tandem/core/time.hpp"
#include "tandem/data/event_log.hpp"

TANDEM_BEGIN
namespace study {

/// Options of synthetic_shop(). The defaults give about 50,000 events.
struct synthetic_options {
  std::uint64_t seed = 0;
  std::size_t shoppers = 2000;  ///< range [1, inf)
  std::size_t products = 800;   ///< range [16, inf): at least one in each department
  std::size_t days = 180;       ///< range [1, inf)
};

/// One line of an order. Numbers count from 0.
struct synthetic_purchase {
  std::uint32_t shopper = 0;
  std::uint32_t product = 0;
  timestamp time{};
};

namespace detail {

inline constexpr std::array<std::string_view, 16> departments = {
    "tea",   "coffee",  "bread",   "cheese", "soap", "paper", "wool",  "candles",
    "books", "pottery", "baskets", "lamps",  "toys", "pans",  "seeds", "knives"};
inline constexpr std::size_t n_departments = departments.size();
inline constexpr std::size_t n_consumables = 6;  ///< the first departments sell what is bought again

/// A product: its department, when it came to the shop, how much it sells, its style, what goes with it.
struct synthetic_product {
  std::size_t department = 0;
  double launch_day = 0;
  double appeal = 1;
  std::array<double, 3> style{};
  std::array<std::uint32_t, 3> goes_with{};
};

/// A shopper: taste by department, style, and what was bought so far.
struct synthetic_shopper {
  std::array<double, n_departments> taste{};
  std::array<double, 3> style{};
  std::vector<std::uint32_t> bought;
};

/// Draws an index with probability proportional to its weight; requires one positive weight.
inline std::size_t draw_weighted(random_stream& random, std::span<const double> weight) {
  double total = 0;
  for (const double w : weight) total += w;
  double left = random.uniform() * total;
  for (std::size_t i = 0; i + 1 < weight.size(); ++i) {
    left -= weight[i];
    if (left < 0) return i;
  }
  return weight.size() - 1;
}

/// The shop and its customers; generates one shopper's orders at a time.
class synthetic_shop_world {
 public:
  explicit synthetic_shop_world(const synthetic_options& options) : options_(options) {
    random_stream random(options.seed, 1);
    shelf_.resize(n_departments);
    for (std::size_t p = 0; p < options.products; ++p) {
      synthetic_product product;
      product.department = p % n_departments;
      // A third of the range is launched while the log runs; one product a department is there from the start.
      const bool launched = p >= n_departments && random.uniform() < 0.35;
      product.launch_day = launched ? random.uniform() * static_cast<double>(options.days) : -60;
      product.appeal = std::exp(random.normal(0, 1.1));
      for (double& s : product.style) s = random.normal();
      for (std::uint32_t& g : product.goes_with) g = static_cast<std::uint32_t>(random.below(options.products));
      shelf_[product.department].push_back(static_cast<std::uint32_t>(p));
      products_.push_back(product);
    }
  }

  /// Appends everything one shopper buys.
  void shop(std::uint32_t number, std::vector<synthetic_purchase>& out) const {
    random_stream random(options_.seed, 1000 + std::uint64_t{number});
    synthetic_shopper shopper = meet(random);
    const double last_day = static_cast<double>(options_.days);
    const double gap = 5 + 22 * random.gamma(1.2);  // days between visits
    // A third of the shoppers are there from the start, the others arrive as the log goes on.
    double day = random.uniform() < 0.35 ? random.uniform() * gap : random.uniform() * last_day;
    while (day < last_day) {
      visit(random, shopper, number, day, out);
      day += 0.3 + gap * -std::log(random.uniform_open());
    }
  }

 private:
  static synthetic_shopper meet(random_stream& random) {
    synthetic_shopper shopper;
    for (double& t : shopper.taste) t = random.gamma(0.25) + 0.002;
    for (double& s : shopper.style) s = random.normal();
    return shopper;
  }

  void visit(random_stream& random, synthetic_shopper& shopper, std::uint32_t number, double day,
             std::vector<synthetic_purchase>& out) const {
    if (random.uniform() < 0.06) shopper.taste[random.below(n_departments)] += random.gamma(1.0);  // taste moves on
    const double hour = std::clamp(random.normal(16, 4), 0.0, 23.5);
    auto millis = static_cast<std::int64_t>((std::floor(day) * 24 + hour) * 3'600'000.0);
    const bool one_order = random.uniform() < 0.5;  // all lines share one time, as in an invoice
    std::size_t department = draw_department(random, shopper, day);
    std::vector<std::uint32_t> taken;
    const std::size_t lines = 1 + static_cast<std::size_t>(-std::log(random.uniform_open()) * 3.4);
    for (std::size_t k = 0; k < std::min<std::size_t>(lines, 25); ++k) {
      if (random.uniform() < 0.3) department = draw_department(random, shopper, day);
      const std::uint32_t product = draw_product(random, shopper, taken, department, day);
      if (std::find(taken.begin(), taken.end(), product) != taken.end()) continue;
      taken.push_back(product);
      shopper.bought.push_back(product);
      out.push_back({number, product, from_millis(first_day_millis + millis)});
      if (!one_order) millis += 20'000 + static_cast<std::int64_t>(random.uniform() * 240'000.0);
    }
  }

  /// By taste and season: every department has its time of the year.
  std::size_t draw_department(random_stream& random, const synthetic_shopper& shopper, double day) const {
    std::array<double, n_departments> weight{};
    for (std::size_t d = 0; d < n_departments; ++d) {
      const double phase = 2 * std::numbers::pi * (day / 365 + static_cast<double>(d) / n_departments);
      weight[d] = shopper.taste[d] * (1 + 0.7 * std::sin(phase));
    }
    return draw_weighted(random, weight);
  }

  /// Something bought before, something that goes with the last line, or the department's range by appeal,
  /// novelty and style.
  std::uint32_t draw_product(random_stream& random, const synthetic_shopper& shopper,
                             std::span<const std::uint32_t> taken, std::size_t department, double day) const {
    const double chance = random.uniform();
    if (chance < 0.22 && !shopper.bought.empty()) {
      const std::uint32_t again = shopper.bought[random.below(shopper.bought.size())];
      if (products_[again].department < n_consumables) return again;
    }
    if (chance > 0.75 && !taken.empty()) {
      const std::uint32_t companion = products_[taken.back()].goes_with[random.below(3)];
      if (products_[companion].launch_day <= day) return companion;
    }
    const std::vector<std::uint32_t>& shelf = shelf_[department];
    std::vector<double> weight(shelf.size());
    for (std::size_t k = 0; k < shelf.size(); ++k) {
      const synthetic_product& product = products_[shelf[k]];
      if (product.launch_day > day) continue;
      double match = 0;
      for (std::size_t s = 0; s < 3; ++s) match += product.style[s] * shopper.style[s];
      const double novelty = 1 + 4 * std::exp(-(day - product.launch_day) / 12);
      weight[k] = product.appeal * novelty * std::exp(0.6 * match);
    }
    return shelf[draw_weighted(random, weight)];
  }

  static constexpr std::int64_t first_day_millis = 1'735'689'600'000;  // 1 January 2025

  synthetic_options options_;
  std::vector<synthetic_product> products_;
  std::vector<std::vector<std::uint32_t>> shelf_;
};

}  // namespace detail

/// The purchases of an invented shop, in time order: shoppers with latent taste that moves, visits of several lines,
/// products launched along the way, seasons, things that go together, things bought again.
///
/// Complexity: O(shoppers * visits * products). Threads: a pure function of its options.
[[nodiscard]] inline std::vector<synthetic_purchase> synthetic_shop(const synthetic_options& options = {}) {
  const detail::synthetic_shop_world world(options);
  std::vector<synthetic_purchase> out;
  for (std::size_t s = 0; s < options.shoppers; ++s) world.shop(static_cast<std::uint32_t>(s), out);
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  return out;
}

/// The id of a shopper, e.g. "shopper-0042".
[[nodiscard]] inline std::string shopper_id(std::uint32_t number) {
  const std::string digits = std::to_string(number);
  return "shopper-" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

/// The id of a product, e.g. "cheese-017".
[[nodiscard]] inline std::string product_id(std::uint32_t number) {
  const std::string digits = std::to_string(number / detail::n_departments);
  return std::string(detail::departments[number % detail::n_departments]) + "-" +
         std::string(digits.size() < 3 ? 3 - digits.size() : 0, '0') + digits;
}

/// synthetic_shop() as a log, with the ids above.
[[nodiscard]] inline event_log synthetic_log(const synthetic_options& options = {}) {
  event_log log;
  const action_index purchase = log.actions.intern("purchase");
  for (const synthetic_purchase& each : synthetic_shop(options)) {
    logged_event e;
    e.user = log.users.intern(shopper_id(each.shopper));
    e.item = log.items.intern(product_id(each.product));
    e.action = purchase;
    e.time = each.time;
    log.events.push_back(e);
  }
  return log;
}

}  // namespace study
TANDEM_END
