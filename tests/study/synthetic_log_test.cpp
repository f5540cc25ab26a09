#include "tandem/study/synthetic_log.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::study;

namespace {

bool same(const synthetic_purchase& a, const synthetic_purchase& b) {
  return a.shopper == b.shopper && a.product == b.product && a.time == b.time;
}

}  // namespace

TEST_CASE("the default shop has about 50,000 events, in time order") {
  const auto log = synthetic_shop();
  CHECK(log.size() > 40000);
  CHECK(log.size() < 60000);
  CHECK(std::is_sorted(log.begin(), log.end(), [](const auto& a, const auto& b) { return a.time < b.time; }));
}

TEST_CASE("the same seed gives the same shop, another seed another one") {
  const auto once = synthetic_shop({.seed = 4, .shoppers = 200});
  const auto again = synthetic_shop({.seed = 4, .shoppers = 200});
  const auto other = synthetic_shop({.seed = 5, .shoppers = 200});
  REQUIRE(once.size() == again.size());
  CHECK(std::equal(once.begin(), once.end(), again.begin(), same));
  CHECK(!(once.size() == other.size() && std::equal(once.begin(), once.end(), other.begin(), same)));
}

TEST_CASE("the shop has what real shops have: new products, new shoppers, invoices, repeats, favourites") {
  const auto log = synthetic_shop({.seed = 1});
  const std::size_t half = log.size() / 2;
  std::set<std::uint32_t> early_products, early_shoppers, late_products, late_shoppers;
  std::map<std::pair<std::uint32_t, std::int64_t>, int> lines;
  std::set<std::pair<std::uint32_t, std::uint32_t>> pairs;
  std::map<std::uint32_t, std::size_t> sales;
  for (std::size_t k = 0; k < log.size(); ++k) {
    (k < half ? early_products : late_products).insert(log[k].product);
    (k < half ? early_shoppers : late_shoppers).insert(log[k].shopper);
    ++lines[{log[k].shopper, to_millis(log[k].time)}];
    pairs.emplace(log[k].shopper, log[k].product);
    ++sales[log[k].product];
  }
  const auto missing = [](const auto& late, const auto& early) {
    return std::count_if(late.begin(), late.end(), [&](std::uint32_t id) { return early.count(id) == 0; });
  };
  CHECK(missing(late_products, early_products) > 50);
  CHECK(missing(late_shoppers, early_shoppers) > 100);
  const auto several = std::count_if(lines.begin(), lines.end(), [](const auto& v) { return v.second > 1; });
  CHECK(several > 1000);
  CHECK(pairs.size() < log.size() * 9 / 10);
  std::vector<std::size_t> best;
  for (const auto& [product, n] : sales) best.push_back(n);
  std::sort(best.rbegin(), best.rend());
  const std::size_t top = best.size() / 10;
  std::size_t of_top = 0;
  for (std::size_t k = 0; k < top; ++k) of_top += best[k];
  CHECK(of_top > log.size() / 4);  // the first tenth of the range makes over a quarter of the sales
}

TEST_CASE("ids read as the shop's and are distinct") {
  CHECK(shopper_id(42) == "shopper-0042");
  CHECK(shopper_id(123456) == "shopper-123456");
  CHECK(product_id(0) == "tea-000");
  CHECK(product_id(3 + 17 * 16) == "cheese-017");
  const event_log log = synthetic_log({.seed = 2, .shoppers = 100});
  CHECK(log.users.size() <= 100);
  CHECK(log.items.size() <= 800);
  CHECK(log.events.size() == synthetic_shop({.seed = 2, .shoppers = 100}).size());
}

TEST_CASE("a shop of the smallest size works") {
  const auto log = synthetic_shop({.shoppers = 1, .products = 16, .days = 1});
  CHECK(log.size() < 100);
}
