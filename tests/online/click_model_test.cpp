#include "tandem/online/click_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/count_bandit.hpp"

using namespace tandem::online;
using tandem::item_index;
using tandem::random_stream;

namespace {

constexpr std::size_t n_items = 30;
const std::vector<double> true_bias = {1, 0.7, 0.45, 0.3, 0.15};

item_index item(std::size_t i) { return static_cast<item_index>(i); }

std::vector<double> some_attractions(random_stream& random) {
  std::vector<double> out(n_items);
  for (double& each : out) each = 0.02 + 0.4 * random.uniform();
  return out;
}

/// Items in an order that favours the good ones: `strength` 0 = at random.
std::vector<std::size_t> some_page(const std::vector<double>& attraction, double strength, random_stream& random) {
  std::vector<std::pair<double, std::size_t>> scored;
  for (std::size_t i = 0; i < n_items; ++i) scored.emplace_back(-strength * attraction[i] - random.uniform(), i);
  std::sort(scored.begin(), scored.end());
  std::vector<std::size_t> page;
  for (std::size_t k = 0; k < true_bias.size(); ++k) page.push_back(scored[k].second);
  return page;
}

std::string refused(const position_bias_options& options) {
  try {
    position_bias_model model(options);
  } catch (const tandem::error& e) {
    return e.where().field;
  }
  return "nothing";
}

}  // namespace

TEST_CASE(
    "the position-based model recovers the places' and the items' share of clicks, though good items stand high") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    random_stream random(seed);
    const std::vector<double> attraction = some_attractions(random);
    position_bias_model model({.places = 5});
    std::vector<double> naive(5, 0);  // what clicks by place would say
    for (int t = 0; t < 200000; ++t) {
      const std::vector<std::size_t> page = some_page(attraction, 1, random);
      for (std::size_t k = 0; k < page.size(); ++k) {
        const bool clicked = random.uniform() < true_bias[k] * attraction[page[k]];
        naive[k] += clicked ? 1 : 0;
        REQUIRE(model.add(k, item(page[k]), clicked));
      }
    }
    double worst = 0;
    double worst_naive = 0;
    for (std::size_t k = 0; k < 5; ++k) {
      worst = std::max(worst, std::abs(model.examination(k) - true_bias[k]));
      worst_naive = std::max(worst_naive, std::abs(naive[k] / naive[0] - true_bias[k]));
    }
    double error = 0;
    for (std::size_t i = 0; i < n_items; ++i) {
      error += std::abs(model.attraction(item(i)) - attraction[i]) / static_cast<double>(n_items);
    }
    INFO("seed " << seed << ": places within " << worst << " (naive " << worst_naive << "), items " << error);
    CHECK(worst < 0.07);
    CHECK(worst < worst_naive);
    CHECK(error < 0.03);
  }
}

TEST_CASE("weights by examination give a bandit of a slate the items' own worth") {
  random_stream random(7);
  position_bias_model model({.places = 5});
  count_bandit<thompson> weighed;
  count_bandit<thompson> plain;
  for (int a = 0; a < 2; ++a) {
    weighed.add_arm();
    plain.add_arm();
  }
  for (int t = 0; t < 60000; ++t) {
    // the better item, 1, mostly stands low
    const bool usual = random.uniform() < 0.8;
    for (std::size_t a = 0; a < 2; ++a) {
      const std::size_t place = (a == 0) == usual ? 0 : 4;
      const bool clicked = random.uniform() < true_bias[place] * (a == 0 ? 0.2 : 0.4);
      const double weight = model.examined(place, item(a), clicked);
      model.add(place, item(a), clicked);
      weighed.learn(weighed.arms()[a], clicked ? 1 : 0, weight);
      plain.learn(plain.arms()[a], clicked ? 1 : 0);
    }
  }
  CHECK(plain.counts(plain.arms()[0])->mean() > plain.counts(plain.arms()[1])->mean());
  CHECK(weighed.counts(weighed.arms()[0])->mean() == Approx(0.2).margin(0.03));
  CHECK(weighed.counts(weighed.arms()[1])->mean() == Approx(0.4).margin(0.06));
}

TEST_CASE("swaps recover the places' examination within their standard errors") {
  int outside = 0;
  int asked = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    random_stream random(seed);
    const std::vector<double> attraction = some_attractions(random);
    swap_bias bias(5);
    for (int t = 0; t < 20000; ++t) {
      const std::vector<std::size_t> page = some_page(attraction, 2, random);
      const std::size_t k = 1 + random.below(4);
      const bool swapped = random.below(2) == 0;
      for (const std::size_t meant : {std::size_t{0}, k}) {
        const bool at_k = (meant == k) != swapped;
        bias.add(k, at_k, random.uniform() < true_bias[at_k ? k : 0] * attraction[page[meant]]);
      }
    }
    for (std::size_t k = 1; k < 5; ++k) {
      REQUIRE(bias.examination(k));
      const double z = std::log(*bias.examination(k) / true_bias[k]) / bias.log_standard_error(k);
      outside += std::abs(z) > 1.96 ? 1 : 0;
      ++asked;
    }
  }
  INFO(outside << " of " << asked);
  CHECK(outside <= 18);  // 8 expected
}

TEST_CASE("the cascade model recovers the items from first clicks") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    random_stream random(seed);
    const std::vector<double> attraction = some_attractions(random);
    cascade_model model;
    for (int t = 0; t < 50000; ++t) {
      std::vector<item_index> slate;
      for (const std::size_t i : some_page(attraction, 0.3, random)) slate.push_back(item(i));
      std::size_t click = 0;
      while (click < slate.size() && random.uniform() >= attraction[tandem::slot(slate[click])]) ++click;
      REQUIRE(model.add(slate, click));
    }
    for (std::size_t i = 0; i < n_items; ++i) CHECK(model.attraction(item(i)) == Approx(attraction[i]).margin(0.04));
    const std::vector<item_index> slate = {item(3), item(5), item(8)};
    std::vector<double> read(3);
    model.examination(slate, read);
    CHECK(read[0] == 1);
    CHECK(read[1] == Approx(1 - model.attraction(item(3))));
    CHECK(read[2] == Approx(read[1] * (1 - model.attraction(item(5)))));
  }
  CHECK(cascade_model::examined(2, 2) == 1);
  CHECK(cascade_model::examined(3, 2) == 0);
}

TEST_CASE("click models refuse places and items that cannot be, and options out of range") {
  position_bias_model model({.places = 2});
  CHECK(!model.add(2, item(0), true));
  CHECK(!model.add(0, tandem::no_id<item_index>, true));
  CHECK(model.examination(2) == 0);
  CHECK(model.examined(2, item(0), true) == 0);
  CHECK(model.attraction(item(99)) == 0.1);
  cascade_model cascade;
  const std::vector<item_index> slate = {item(0), tandem::no_id<item_index>};
  CHECK(!cascade.add(slate, 0));
  CHECK(!cascade.add(std::span(slate).first(1), 2));
  CHECK(cascade.attraction(item(0)) == Approx(0.1));
  swap_bias bias(3);
  CHECK(!bias.add(0, true, true));
  CHECK(!bias.add(3, true, true));
  CHECK(!bias.examination(1));
  CHECK(std::isinf(bias.log_standard_error(1)));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(refused({.places = 0}) == "places");
  CHECK(refused({.prior_examinations = 0}) == "prior_examinations");
  CHECK(refused({.prior_attraction = nan}) == "prior_attraction");
  CHECK(refused({.decay = 0.5}) == "decay");
  CHECK_THROWS_AS(swap_bias(0), tandem::error);
  CHECK_THROWS_AS(cascade_model(5, 1), tandem::error);
}
