#include "tandem/batch/align.hpp"

#include <cmath>
#include <vector>

#include "dense_reference.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

double distance(const factor_model& a, const factor_model& b) {
  double sum = 0;
  const std::size_t n = std::min(a.item_matrix().size(), b.item_matrix().size());
  for (std::size_t j = 0; j < n; ++j) {
    const double difference = static_cast<double>(a.item_matrix()[j]) - static_cast<double>(b.item_matrix()[j]);
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("aligning keeps every score", "[align]") {
  const interactions log = reference::random_log(1, 60, 50, 8, false);
  const factor_model old_model = fit_ials(log, {.rank = 9, .seed = 1});
  const factor_model model = fit_ials(log, {.rank = 9, .seed = 2});
  const factor_model aligned = align(model, old_model);
  for (std::uint32_t u = 0; u < 60; ++u) {
    for (std::uint32_t i = 0; i < 50; ++i) {
      CHECK(std::abs(aligned.score(user_index{u}, item_index{i}) - model.score(user_index{u}, item_index{i})) < 2e-6F);
    }
  }
}

TEST_CASE("aligning recovers a rotation exactly", "[align]") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    INFO("seed " << seed);
    const std::size_t k = 1 + seed * 3;
    random_stream random(seed);
    const auto n = static_cast<Eigen::Index>(k);
    Eigen::MatrixXd square(n, n);
    for (double& x : square.reshaped()) x = random.normal();
    const Eigen::MatrixXd rotation = detail::nearest_rotation(square);
    CHECK((rotation * rotation.transpose() - Eigen::MatrixXd::Identity(n, n)).norm() < 1e-10);
    std::vector<float> items(60 * k);
    for (float& x : items) x = static_cast<float>(random.normal());
    const factor_model original = factor_model::from_factors({}, items, k, {});
    const factor_model turned = factor_model::from_factors({}, detail::rotated_rows(items, rotation), k, {});
    CHECK(distance(align(turned, original), original) < 1e-5 * std::sqrt(static_cast<double>(items.size())));
  }
}

TEST_CASE("two cold seeds lie close together once aligned", "[align]") {
  const interactions log = reference::random_log(2, 400, 60, 12, false);
  const ials_options options{.rank = 4, .alpha0 = 0.3F, .regularization = 0.01F, .epochs = 40};
  ials_options other = options;
  other.seed = 99;
  const factor_model a = fit_ials(log, options);
  const factor_model b = fit_ials(log, other);
  CHECK(distance(align(b, a), a) < 0.5 * distance(b, a));
}

TEST_CASE("aligning takes models of different sizes, and without common items", "[align]") {
  const interactions log = reference::random_log(3, 40, 30, 6, false);
  const factor_model model = fit_ials(log, {.rank = 5});
  const factor_model small = factor_model::from_factors({}, {1, 2, 3, 4, 5}, 5, {});
  const factor_model none = factor_model::from_factors({}, {}, 5, {});
  for (const factor_model* earlier : {&small, &none}) {
    const factor_model aligned = align(model, *earlier);
    CHECK(aligned.n_users() == 40);
    CHECK(std::abs(aligned.score(user_index{1}, item_index{2}) - model.score(user_index{1}, item_index{2})) < 2e-6F);
  }
  CHECK(align(none, model).n_items() == 0);
}

TEST_CASE("aligning keeps fold_in's answers", "[align]") {
  const interactions log = reference::random_log(4, 60, 50, 8, false);
  const factor_model model = fit_ials(log, {.rank = 7, .seed = 2});
  const factor_model aligned = align(model, fit_ials(log, {.rank = 7, .seed = 1}));
  const std::vector<item_index> items{item_index{1}, item_index{4}, item_index{6}};
  const std::vector<float> weights{1, 1, 1};
  std::vector<float> x(7);
  std::vector<float> y(7);
  model.fold_in(items, weights, x);
  aligned.fold_in(items, weights, y);
  std::vector<float> scores_x(50);
  std::vector<float> scores_y(50);
  model.score(x, scores_x);
  aligned.score(y, scores_y);
  for (std::size_t i = 0; i < 50; ++i) CHECK(std::abs(scores_x[i] - scores_y[i]) < 1e-5F);
}

TEST_CASE("aligning models of different rank is refused", "[align]") {
  const factor_model a = factor_model::from_factors({}, {1, 2}, 2, {});
  const factor_model b = factor_model::from_factors({}, {1, 2, 3}, 3, {});
  try {
    (void)align(a, b);
    FAIL("no error");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::invalid_argument);
  }
}
