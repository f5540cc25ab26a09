#include "tandem/batch/factor_model.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "dense_reference.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

factor_model random_model(std::uint64_t seed, std::size_t n_users, std::size_t n_items, std::size_t rank) {
  random_stream random(seed, 2);
  std::vector<float> users(n_users * rank);
  std::vector<float> items(n_items * rank);
  // few distinct values, so that equal scores are common
  for (float& x : users) x = static_cast<float>(random.below(3)) - 1;
  for (float& x : items) x = static_cast<float>(random.below(3)) - 1;
  return factor_model::from_factors(users, items, rank, {});
}

std::vector<scored_item> brute_force(const factor_model& model, std::span<const float> x, std::size_t n,
                                     std::span<const item_index> exclude) {
  std::vector<float> scores(model.n_items());
  model.score(x, scores);
  std::vector<scored_item> all;
  for (std::uint32_t i = 0; i < model.n_items(); ++i) {
    if (!std::binary_search(exclude.begin(), exclude.end(), item_index{i})) all.push_back({item_index{i}, scores[i]});
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  all.resize(std::min(n, all.size()));
  return all;
}

bool same(std::span<const scored_item> a, std::span<const scored_item> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.item == y.item && x.score == y.score; });
}

}  // namespace

TEST_CASE("a model hands out its factors by row", "[factor_model]") {
  const factor_model model = factor_model::from_factors({1, 2, 3, 4}, {5, 6, 7, 8, 9, 10}, 2, {.alpha0 = 0.5F});
  CHECK(model.n_users() == 2);
  CHECK(model.n_items() == 3);
  CHECK(model.rank() == 2);
  CHECK(model.user_factors(user_index{1})[0] == 3);
  CHECK(model.item_factors(item_index{2})[1] == 10);
  CHECK(model.score(user_index{1}, item_index{2}) == 3 * 9 + 4 * 10);
  // alpha0 Y'Y, both triangles
  CHECK(model.gram()[0] == 0.5F * (25 + 49 + 81));
  CHECK(model.gram()[1] == 0.5F * (30 + 56 + 90));
  CHECK(model.gram()[2] == model.gram()[1]);
}

TEST_CASE("a view into a temporary model does not compile", "[factor_model]") {
  const auto callable = [](auto f) { return std::is_invocable_v<decltype(f), factor_model>; };
  CHECK_FALSE(callable([](auto&& m) -> decltype(std::forward<decltype(m)>(m).item_matrix()) { return {}; }));
  CHECK_FALSE(callable([](auto&& m) -> decltype(std::forward<decltype(m)>(m).gram()) { return {}; }));
  CHECK_FALSE(
      callable([](auto&& m) -> decltype(std::forward<decltype(m)>(m).user_factors(user_index{})) { return {}; }));
}

TEST_CASE("factors that are no whole rows, or no numbers, are refused", "[factor_model]") {
  const auto code_of = [](std::vector<float> users, std::vector<float> items, std::size_t rank) {
    try {
      (void)factor_model::from_factors(std::move(users), std::move(items), rank, {});
    } catch (const error& failure) {
      return std::string(name(failure.code()));
    }
    return std::string("accepted");
  };
  CHECK(code_of({1, 2, 3}, {1, 2}, 2) == "invalid_argument");
  CHECK(code_of({1, 2}, {1, 2, 3}, 2) == "invalid_argument");
  CHECK(code_of({}, {}, 0) == "invalid_argument");
  CHECK(code_of({1, std::nanf("")}, {1, 2}, 2) == "not_finite");
  CHECK(code_of({1, 2}, {1, -HUGE_VALF}, 2) == "not_finite");
  CHECK(code_of({}, {}, 3) == "accepted");
}

TEST_CASE("an empty model answers nothing", "[factor_model]") {
  const factor_model model;
  CHECK(model.n_users() == 0);
  CHECK(model.n_items() == 0);
  const std::vector<float> x(model.rank(), 1.0F);
  std::vector<scored_item> out(3);
  CHECK(model.top_n(x, out) == 0);
  std::vector<float> folded(model.rank(), 7.0F);
  model.fold_in({}, {}, folded);
  CHECK(folded == std::vector<float>(model.rank(), 0.0F));
}

TEST_CASE("score of a pair has the bits of the score among all", "[factor_model]") {
  random_stream random(1);
  for (const std::size_t rank : {1U, 7U, 16U, 33U, 64U}) {
    std::vector<float> users(20 * rank);
    std::vector<float> items(37 * rank);
    for (float& x : users) x = static_cast<float>(random.normal());
    for (float& x : items) x = static_cast<float>(random.normal());
    const factor_model model = factor_model::from_factors(users, items, rank, {});
    std::vector<float> scores(37);
    for (std::uint32_t u = 0; u < 20; ++u) {
      model.score(model.user_factors(user_index{u}), scores);
      for (std::uint32_t i = 0; i < 37; ++i) CHECK(model.score(user_index{u}, item_index{i}) == scores[i]);
    }
  }
}

TEST_CASE("top_n is the head of the sorted catalogue, ties by index, without the excluded", "[factor_model]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    random_stream random(seed, 9);
    const std::size_t n_items = 1 + random.below(1500);  // several blocks of scores
    const factor_model model = random_model(seed, 3, n_items, 1 + random.below(6));
    std::vector<item_index> exclude;
    const double share = random.uniform();
    for (std::uint32_t i = 0; i < n_items + 5; ++i) {
      if (random.uniform() < share) exclude.push_back(item_index{i});
    }
    for (const std::size_t n : {0U, 1U, 10U, 100U, 2000U}) {
      INFO("seed " << seed << ", n " << n);
      const auto x = model.user_factors(user_index{1});
      std::vector<scored_item> out(n);
      out.resize(model.top_n(x, out, exclude));
      CHECK(same(out, brute_force(model, x, n, exclude)));
    }
  }
}

TEST_CASE("similar_items ranks by cosine and leaves out itself and empty rows", "[factor_model]") {
  const factor_model model =
      factor_model::from_factors({}, {1, 0, /**/ 2, 2, /**/ 0, 0, /**/ 0, 3, /**/ -1, 0, /**/ 5, 5}, 2, {});
  std::vector<scored_item> out(10);
  REQUIRE(model.similar_items(item_index{0}, out) == 4);
  CHECK(out[0].item == item_index{1});  // a tie of items 1 and 5, whatever their length
  CHECK(out[1].item == item_index{5});
  CHECK(out[0].score == Approx(std::sqrt(0.5)));
  CHECK(out[1].score == Approx(std::sqrt(0.5)));
  CHECK(out[2].item == item_index{3});
  CHECK(out[3].item == item_index{4});
  CHECK(out[3].score == Approx(-1.0));
  CHECK(model.similar_items(item_index{2}, out) == 0);
}

TEST_CASE("regularizer grows with history as in training", "[factor_model]") {
  const factor_model model =
      factor_model::from_factors({}, std::vector<float>(100), 1, {.alpha0 = 0.5F, .regularization = 0.01F, .nu = 0.5F});
  CHECK(model.regularizer(14) == Approx(0.01 * std::sqrt(14 + 50.0)));
  CHECK(model.regularizer(0) == Approx(0.01 * std::sqrt(50.0)));
}

TEST_CASE("fold_in gives a trained user's own vector, up to rounding", "[factor_model]") {
  const interactions log = reference::random_log(3, 60, 40, 7, true);
  for (const std::size_t rank : {1U, 8U, 17U, 65U}) {
    const factor_model model = fit_ials(log, {.rank = rank, .epochs = 2});
    for (std::uint32_t u = 0; u < log.n_users(); ++u) {
      const interactions::row row = log.items_of(user_index{u});
      std::vector<item_index> items;
      for (const std::uint32_t i : row.index) items.push_back(item_index{i});
      std::vector<float> x(rank);
      model.fold_in(items, row.weight, x);
      const auto trained = model.user_factors(user_index{u});
      double difference = 0;
      double length = 0;
      for (std::size_t j = 0; j < rank; ++j) {
        difference += std::pow(double{x[j]} - double{trained[j]}, 2);
        length += std::pow(double{trained[j]}, 2);
      }
      CHECK(std::sqrt(difference) <= 1e-5 * std::sqrt(length));
    }
  }
}

TEST_CASE("fold_in solves the normal equations of any history", "[factor_model]") {
  const interactions log = reference::random_log(4, 60, 40, 7, false);
  const factor_model model = fit_ials(log, {.rank = 10, .alpha0 = 0.3F, .epochs = 3});
  const reference::matrix y = reference::rows_of(model.item_matrix(), 10);
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    random_stream random(seed);
    std::vector<item_index> items;
    std::vector<float> weights;
    Eigen::VectorXd w = Eigen::VectorXd::Zero(40);
    for (std::size_t e = 0; e < 1 + random.below(30); ++e) {  // unsorted, with repetitions
      items.push_back(item_index{static_cast<std::uint32_t>(random.below(40))});
      weights.push_back(static_cast<float>(random.gamma(1)));
      w(static_cast<Eigen::Index>(raw(items.back()))) += static_cast<double>(weights.back());
    }
    std::vector<float> x(10);
    model.fold_in(items, weights, x);
    const Eigen::VectorXd expected = reference::solve(reference::equations(w, y, model.weights()));
    for (std::size_t j = 0; j < 10; ++j) {
      CHECK(static_cast<double>(x[j]) == Approx(expected(static_cast<Eigen::Index>(j))).margin(1e-4));
    }
  }
}

TEST_CASE("fold_in does not care about order and passes over what is not liked", "[factor_model]") {
  const interactions log = reference::random_log(5, 60, 40, 7, false);
  const factor_model model = fit_ials(log, {.rank = 6, .epochs = 2});
  const std::vector<item_index> items{item_index{3}, item_index{7}, item_index{9}};
  std::vector<float> a(6);
  std::vector<float> b(6);
  model.fold_in(items, std::vector<float>{1, 2, 3}, a);
  const std::vector<item_index> other{item_index{9}, item_index{1}, item_index{7}, item_index{3}, item_index{2}};
  model.fold_in(other, std::vector<float>{3, -4, 2, 1, 0}, b);
  CHECK(a == b);
  model.fold_in(other, std::vector<float>{0, -1, 0, 0, -2}, b);
  CHECK(b == std::vector<float>(6, 0.0F));
}

TEST_CASE("fold_in refuses items and weights it cannot use", "[factor_model]") {
  const factor_model model = random_model(1, 2, 5, 3);
  const auto code_of = [&](item_index item, float weight) {
    std::vector<float> x(3);
    try {
      model.fold_in(std::vector<item_index>{item}, std::vector<float>{weight}, x);
    } catch (const error& failure) {
      return failure.code();
    }
    FAIL("accepted");
    return errc::io_error;
  };
  CHECK(code_of(item_index{5}, 1) == errc::invalid_argument);
  CHECK(code_of(item_index{0}, std::nanf("")) == errc::not_finite);
  CHECK(code_of(item_index{0}, HUGE_VALF) == errc::not_finite);
}
