#include "tandem/batch/history_model.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "learners.hpp"
#include "support/catch.hpp"
#include "tandem/batch/biased_mf.hpp"
#include "tandem/batch/bpr.hpp"
#include "tandem/batch/ease.hpp"
#include "tandem/batch/factor_model.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/item_knn.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::batch;

static_assert(history_model<factor_model>);
static_assert(history_model<popularity>);
static_assert(history_model<ease_model>);
static_assert(history_model<item_weights>);
static_assert(history_model<bpr_model>);
static_assert(history_model<biased_mf_model>);

namespace {

interactions some_log() {
  random_stream random(1);
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < 40; ++u) {
    for (int e = 0; e < 8; ++e) {
      events.push_back({user_index{u}, item_index{static_cast<std::uint32_t>(random.below(30))}, 1.0F, {}});
    }
  }
  return interactions::from_events(events, 40, 30);
}

template <class M>
void check_bad_histories(const M& model) {
  std::vector<float> out(model.n_items());
  const auto code_of = [&](std::uint32_t item, float weight) {
    const item_index items[] = {item_index{0}, item_index{item}};
    const float weights[] = {1, weight};
    try {
      model.score_history(items, weights, out);
    } catch (const error& e) {
      return std::optional(e.code());
    }
    return std::optional<errc>();
  };
  CHECK(code_of(30, 1) == errc::invalid_argument);
  CHECK(code_of(5, std::numeric_limits<float>::quiet_NaN()) == errc::not_finite);
  CHECK(code_of(5, std::numeric_limits<float>::infinity()) == errc::not_finite);
  CHECK(code_of(5, -1) == std::nullopt);
}

}  // namespace

namespace {

/// use(model) for every learner's model of a log.
template <class Use>
void with_every_model(const interactions& log, const Use& use) {
  for (const auto solver : {ials_solver::cholesky, ials_solver::conjugate_gradient, ials_solver::block}) {
    use(fit_ials(log, {.rank = 4, .solver = solver}));
  }
  use(fit_ials(log, {.rank = 4, .precision = ials_precision::bfloat16}));
  use(fit_ease(log, {}));
  use(fit_item_knn(log, {}));
  use(fit_bpr(log, {.rank = 4}));
  use(fit_biased_mf(log, {.rank = 4}));
  use(popularity(log));
}

}  // namespace

TEST_CASE("every model refuses a history it cannot read") {
  with_every_model(some_log(), [](const auto& model) { check_bad_histories(model); });
}

TEST_CASE("every learner takes a user who has everything, one who has nothing, and ranks above the items") {
  std::vector<interaction> events;
  for (std::uint32_t i = 0; i < 3; ++i) events.push_back({user_index{0}, item_index{i}, 1});
  events.push_back({user_index{2}, item_index{1}, 2});
  const interactions log = interactions::from_events(events, 4, 3);  // users 1 and 3 have nothing; rank 4 of 3 items
  with_every_model(log, [](const auto& model) {
    REQUIRE(model.n_items() == 3);
    const item_index all[] = {item_index{0}, item_index{1}, item_index{2}};
    const float weights[] = {1, 1, 1};
    for (std::size_t n = 0; n <= 3; ++n) {
      std::vector<float> out(3, std::numeric_limits<float>::quiet_NaN());
      model.score_history(std::span(all).first(n), std::span(weights).first(n), out);
      for (const float score : out) CHECK(std::isfinite(score));
    }
  });
}

TEST_CASE("every learner takes a log without interactions, and one without users and items") {
  for (const std::size_t size : {0U, 3U}) {
    with_every_model(interactions::from_events({}, size, size), [size](const auto& model) {
      REQUIRE(model.n_items() == size);
      std::vector<float> out(size, std::numeric_limits<float>::quiet_NaN());
      model.score_history({}, {}, out);
      for (const float score : out) CHECK(std::isfinite(score));
    });
  }
}

TEST_CASE("learners that know no dislikes refuse a log that holds them") {
  const interaction events[] = {{user_index{0}, item_index{0}, 1}, {user_index{0}, item_index{1}, -1}};
  const interactions log = interactions::from_events(events, 1, 2, merge_rule::sum, dislike_rule::keep);
  const auto refused = [](const auto& fit) { return learners::refused_field(fit); };
  CHECK(refused([&] { (void)fit_ease(log, {}); }) == "log");
  CHECK(refused([&] { (void)fit_item_knn(log, {}); }) == "log");
  CHECK(refused([&] { (void)fit_bpr(log, {.rank = 4}); }) == "log");
  CHECK(refused([&] { (void)fit_biased_mf(log, {.rank = 4}); }) == "log");
  CHECK(refused([&] { (void)fit_ials(log, {.rank = 4}); }) == "accepted");
}

TEST_CASE("a factor model scores a history as it scores the user who has it") {
  const interactions log = some_log();
  ials_options options;
  options.rank = 4;
  const factor_model model = fit_ials(log, options);
  std::vector<float> expected(30);
  std::vector<float> out(30);
  for (std::uint32_t u = 0; u < 40; ++u) {
    const interactions::row row = log.items_of(user_index{u});
    std::vector<item_index> items;
    for (const std::uint32_t i : row.index) items.push_back(item_index{i});
    model.score_history(items, row.weight, out);
    model.score(model.user_factors(user_index{u}), expected);
    for (std::size_t i = 0; i < 30; ++i) CHECK(out[i] == Approx(expected[i]).margin(1e-5));
  }
}

TEST_CASE("popularity scores every history alike") {
  const interactions log = some_log();
  const popularity model(log);
  std::vector<float> out(30);
  model.score_history({}, {}, out);
  for (std::uint32_t i = 0; i < 30; ++i) CHECK(out[i] == model.score(item_index{i}));
}
