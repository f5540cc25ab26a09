#include "tandem/batch/ease.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "dense_reference.hpp"
#include "learners.hpp"
#include "support/catch.hpp"
#include "tandem/batch/history_model.hpp"

using namespace tandem;
using namespace tandem::batch;
using namespace learners;

static_assert(history_model<ease_model>);

namespace {

using reference::matrix;

matrix gramian(const interactions& log) {
  const matrix x = reference::dense(log);
  return x.transpose() * x;
}

/// diag(lambda_i)
matrix penalty(const matrix& g, const ease_options& options) {
  const double p = static_cast<double>(options.dropout);
  const Eigen::VectorXd scaled = p / (1 - p) * g.diagonal();
  matrix out = scaled.asDiagonal();
  out.diagonal().array() += static_cast<double>(options.regularization);
  return out;
}

matrix weights_of(const ease_model& model) { return reference::rows_of(model.weights(), model.n_items()); }

std::vector<interaction> everybody_takes(std::uint32_t n_users, std::uint32_t n_items, float weight = 1) {
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < n_users; ++u) {
    for (std::uint32_t i = 0; i < n_items; ++i) events.push_back({user_index{u}, item_index{i}, weight, {}});
  }
  return events;
}

}  // namespace

TEST_CASE("EASE is the minimiser of its objective", "[ease]") {
  // among B with a zero diagonal the gradient (G + Lambda) B - G vanishes off the diagonal
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const ease_options options{.regularization = 0.5F + static_cast<float>(seed % 5) * 20,
                               .dropout = seed % 3 == 0 ? 0.0F : 0.3F};
    INFO("seed " << seed);
    const interactions log = reference::random_log(seed, 80, 20 + static_cast<std::uint32_t>(seed), 7, seed % 2 == 1);
    const matrix b = weights_of(fit_ease(log, options));
    const matrix g = gramian(log);
    matrix gradient = (g + penalty(g, options)) * b - g;
    gradient.diagonal().setZero();
    CHECK(b.diagonal().cwiseAbs().maxCoeff() == 0);
    CHECK(gradient.cwiseAbs().maxCoeff() <= 2e-5 * (1 + g.cwiseAbs().maxCoeff()));
  }
}

TEST_CASE("EASE equals the closed form in double, at every size around a block", "[ease]") {
  for (const std::uint32_t n : {1U, 2U, 31U, 33U, 255U, 256U, 257U, 300U, 511U, 513U, 700U}) {
    INFO(n << " items");
    const interactions log = reference::random_log(n, 3 * n, n, 9, true);
    const matrix g = gramian(log);
    const matrix p = (g + penalty(g, {.regularization = 10})).llt().solve(matrix::Identity(g.rows(), g.cols()));
    matrix expected = -p * p.diagonal().cwiseInverse().asDiagonal();
    expected.diagonal().setZero();
    const matrix b = weights_of(fit_ease(log, {.regularization = 10}));
    CHECK((b - expected).cwiseAbs().maxCoeff() <= 2e-5);
  }
}

TEST_CASE("an inverse in place leaves what lies above the diagonal alone", "[ease]") {
  constexpr std::size_t n = 300;
  random_stream random(4);
  std::vector<float> a(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) a[i * n + j] = j > i ? -99.0F : static_cast<float>(random.normal(0, 0.1));
    a[i * n + i] = 20;
  }
  matrix dense = reference::rows_of(a, n).triangularView<Eigen::Lower>();
  dense = matrix(dense.selfadjointView<Eigen::Lower>());
  std::size_t swept = 0;
  REQUIRE(detail::negated_inverse(a, n, {}, [&](std::size_t m) { swept += m; }));
  CHECK(swept == n);
  const matrix expected = -dense.llt().solve(matrix::Identity(n, n));
  double worst = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const auto at = static_cast<double>(a[i * n + j]);
      if (j > i) CHECK(at == -99.0);
      if (j <= i) {
        worst = std::max(worst, std::abs(at - expected(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j))));
      }
    }
  }
  CHECK(worst <= 1e-7);
}

TEST_CASE("a matrix that is not positive definite is reported", "[ease]") {
  std::vector<float> a{1, 0, 2, 1};  // [1 2; 2 1]
  CHECK_FALSE(detail::negated_inverse(a, 2, {}, [](std::size_t) {}));
  std::vector<float> none{std::nanf("")};
  CHECK_FALSE(detail::negated_inverse(none, 1, {}, [](std::size_t) {}));
}

TEST_CASE("EASE: any executor gives the same bits", "[ease][concurrency]") {
  const interactions log = reference::random_log(2, 900, 600, 12, true);
  const ease_options options{.regularization = 5};
  const ease_model expected = fit_ease(log, options);
  const item_weights expected_few = expected.truncated(20);
  for (const std::size_t threads : {2U, 3U, 7U}) {
    INFO(threads << " threads");
    backwards_executor backwards{threads};
    striping_executor striping{threads};
    const ease_model a = fit_ease(log, options, backwards);
    const ease_model b = fit_ease(log, options, striping);
    CHECK(same_bits(a.weights(), expected.weights()));
    CHECK(same_bits(b.weights(), expected.weights()));
    const item_weights few = expected.truncated(20, striping);
    for (std::uint32_t i = 0; i < 600; ++i) {
      CHECK(same_bits(few.row_of(item_index{i}).weight, expected_few.row_of(item_index{i}).weight));
    }
  }
}

TEST_CASE("EASE scores a history by its rows", "[ease]") {
  const interactions log = reference::random_log(3, 60, 40, 8, true);
  const ease_model model = fit_ease(log, {.regularization = 3});
  const matrix expected = reference::dense(log) * weights_of(model);
  for (std::uint32_t u = 0; u < 60; ++u) {
    const std::vector<float> scores = scores_of(model, history_of(log, u));
    for (std::size_t j = 0; j < 40; ++j) {
      CHECK(scores[j] == Approx(expected(u, static_cast<Eigen::Index>(j))).margin(1e-5));
    }
  }
  CHECK(scores_of(model, {}) == std::vector<float>(40, 0.0F));
  check_histories(model);
}

TEST_CASE("EASE truncated keeps the entries furthest from zero", "[ease]") {
  const interactions log = reference::random_log(5, 200, 50, 9, false);
  const ease_model model = fit_ease(log, {.regularization = 4});
  const item_weights few = model.truncated(7);
  for (std::uint32_t i = 0; i < 50; ++i) {
    const auto row = few.row_of(item_index{i});
    const auto all = model.row_of(item_index{i});
    float smallest = HUGE_VALF;
    for (std::size_t e = 0; e < row.size(); ++e) {
      CHECK(row.weight[e] == all[row.index[e]]);
      smallest = std::min(smallest, std::abs(row.weight[e]));
    }
    const auto larger = std::count_if(all.begin(), all.end(), [&](float b) { return std::abs(b) > smallest; });
    const auto some = static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](float b) { return b != 0; }));
    CHECK(row.size() == std::min<std::size_t>(7, some));
    CHECK((row.size() == 0 || larger < 7));
  }
  const item_weights all = model.truncated(1000);
  for (std::uint32_t u = 0; u < 200; ++u) {
    const history given = history_of(log, u);
    const std::vector<float> dense = scores_of(model, given);
    const std::vector<float> sparse = scores_of(all, given);
    for (std::size_t j = 0; j < 50; ++j) CHECK(sparse[j] == Approx(dense[j]).margin(1e-6));
  }
  CHECK(model.truncated(0).size() == 0);
  CHECK(model.truncated(0).n_items() == 50);
}

TEST_CASE("EASE on empty and tiny logs", "[ease]") {
  CHECK(fit_ease({}, {}).n_items() == 0);
  CHECK(scores_of(fit_ease({}, {}), {}).empty());
  const ease_model nothing = fit_ease(interactions::from_events({}, 4, 3), {});
  CHECK(scores_of(nothing, {{item_index{0}}, {1}}) == std::vector<float>(3, 0.0F));
  const ease_model one_item = fit_ease(interactions::from_events(everybody_takes(5, 1), 5, 1), {});
  CHECK(scores_of(one_item, {{item_index{0}}, {1}}) == std::vector<float>{0});
  // items that all users have are alike: every weight is the same
  const ease_model alike = fit_ease(interactions::from_events(everybody_takes(6, 4), 9, 4), {.regularization = 1});
  for (std::size_t j = 1; j < 4; ++j) {
    CHECK(alike.weights()[j] == Approx(6.0 / (1 + 3 * 6)));  // the ridge regression of one column on three equal ones
  }
}

TEST_CASE("EASE: bad options are refused by name", "[ease]") {
  const interactions log = reference::random_log(6, 10, 10, 2, false);
  const auto field_of = [&](const ease_options& options) {
    return refused_field([&] { (void)fit_ease(log, options); });
  };
  for (const float bad : {0.0F, -1.0F, std::nanf(""), HUGE_VALF})
    CHECK(field_of({.regularization = bad}) == "regularization");
  for (const float bad : {-0.1F, 1.0F, std::nanf("")}) CHECK(field_of({.dropout = bad}) == "dropout");
  CHECK(field_of({.max_bytes = 0}) == "max_bytes");
  CHECK(field_of({.max_bytes = 10}) == "max_bytes");
  CHECK(field_of({}) == "accepted");
}

TEST_CASE("more items than memory is allowed for are refused with what they would take", "[ease]") {
  const auto failure = error_of([] { (void)fit_ease(interactions::from_events({}, 1, 2'000'000), {}); });
  REQUIRE(failure);
  CHECK(failure->code() == errc::invalid_argument);
  CHECK(failure->where().field == "max_bytes");
  CHECK(failure->message().find("16004.1 GB for 2000000 items") != std::string::npos);
  CHECK(failure->message().find("4.0 GB are allowed") != std::string::npos);
  CHECK_FALSE(failure->remedy().empty());
}

TEST_CASE("EASE: weights beyond float32 end in an error that says what to do", "[ease]") {
  const interactions log = interactions::from_events(everybody_takes(3, 4, 2e19F), 3, 4);
  const auto failure = error_of([&] { (void)fit_ease(log, {}); });
  REQUIRE(failure);
  CHECK(failure->code() == errc::not_finite);
  CHECK(failure->remedy().find("weights down") != std::string::npos);
  // equal columns and next to no penalty: singular in float32
  const interactions equal = interactions::from_events(everybody_takes(1000, 300, 100), 1000, 300);
  const auto singular = error_of([&] { (void)fit_ease(equal, {.regularization = 1e-6F}); });
  REQUIRE(singular);
  CHECK(singular->code() == errc::not_finite);
  CHECK(singular->remedy().find("regularization") != std::string::npos);
}

TEST_CASE("EASE reports progress and is cancelled", "[ease]") {
  const interactions log = reference::random_log(7, 100, 600, 5, false);
  check_progress("ease", [&](const progress& report) { (void)fit_ease(log, {}, {}, report); });
}

TEST_CASE("EASE takes over weights that are given", "[ease]") {
  const ease_model model = ease_model::from_weights({0, 2, 3, 0}, 2);
  CHECK(scores_of(model, {{item_index{0}}, {2}}) == std::vector<float>{0, 4});
  CHECK(error_of([] { (void)ease_model::from_weights({0, 2, 3}, 2); })->code() == errc::invalid_argument);
  CHECK(error_of([] { (void)ease_model::from_weights({1}, 0); })->code() == errc::invalid_argument);
  CHECK(error_of([] { (void)ease_model::from_weights({0, 2, 3, 1}, 2); })->code() == errc::invalid_argument);
  CHECK(error_of([] { (void)ease_model::from_weights({0, HUGE_VALF, 3, 0}, 2); })->code() == errc::not_finite);
}
