// Every way to solve a row, beside dense algebra in double.

#include "tandem/detail/row_solvers.hpp"

#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "dense_reference.hpp"
#include "support/catch.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/detail/diagonalize.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

/// A side of random vectors with a decaying spectrum in its own axes, and one history.
struct problem {
  std::size_t k;
  std::vector<float> rows;
  detail::fixed_side fixed;
  std::vector<std::uint32_t> index;
  std::vector<float> weight;  // in a fourth of the problems negative for some: disliked
  detail::signed_weights weights;
  float ridge = 0.3F;

  problem(std::uint64_t seed, std::size_t rank, std::size_t history, double weight_scale) : k(rank), rows(500 * rank) {
    random_stream random(seed);
    for (std::size_t j = 0; j < rows.size(); ++j) {
      rows[j] = static_cast<float>(random.normal() / std::sqrt(1.0 + static_cast<double>(j % k)));
    }
    fixed.rows = rows;
    fixed.k = k;
    fixed.gram = detail::gram_of_rows(rows.data(), 500, k, 0.1F, {});
    for (std::size_t r = 0; r < history; ++r) {
      index.push_back(static_cast<std::uint32_t>(r < 3 ? r / 2 : random.below(500)));  // two are the same
      const double sign = seed % 4 == 1 && r % 3 == 2 ? -1 : 1;
      weight.push_back(static_cast<float>(sign * (weight_scale * random.gamma(1) + 1e-9)));
    }
  }
  [[nodiscard]] detail::row_history row() { return weights.split(index, weight, true); }

  [[nodiscard]] Eigen::VectorXd solution(std::span<const float> prior = {}) const {
    const reference::matrix y = reference::rows_of(rows, k);
    const auto n = static_cast<Eigen::Index>(k);
    Eigen::MatrixXd a = 0.1 * (y.transpose() * y) + static_cast<double>(ridge) * Eigen::MatrixXd::Identity(n, n);
    Eigen::VectorXd b = Eigen::VectorXd::Zero(n);
    for (std::size_t r = 0; r < index.size(); ++r) {
      const Eigen::VectorXd v = y.row(index[r]).transpose();
      a += std::abs(static_cast<double>(weight[r])) * v * v.transpose();
      b += std::max(0.0, static_cast<double>(weight[r])) * v;
    }
    for (std::size_t j = 0; j < prior.size(); ++j) {
      b[static_cast<Eigen::Index>(j)] += static_cast<double>(ridge) * static_cast<double>(prior[j]);
    }
    return a.ldlt().solve(b);
  }
};

double distance(const std::vector<float>& x, const Eigen::VectorXd& expected) {
  double sum = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const double d = static_cast<double>(x[j]) - expected[static_cast<Eigen::Index>(j)];
    sum += d * d;
  }
  return std::sqrt(sum) / (expected.norm() + 1e-12);
}

/// `p` turned so that its Gramian is diagonal, and the way back.
struct turned_problem {
  std::vector<float> vectors, rows;
  detail::fixed_side fixed;

  explicit turned_problem(const problem& p) {
    detail::eigenbasis basis(p.k);
    basis.fit(p.fixed.gram);
    vectors.assign(basis.vectors.begin(), basis.vectors.end());
    rows.resize(p.rows.size());
    kernels().score_rows(p.rows.data(), 500, vectors.data(), p.k, p.k, p.k, rows.data());
    fixed.rows = rows;
    fixed.k = p.k;
    fixed.gram.assign(p.k * p.k, 0.0F);
    fixed.spectrum.assign(basis.values.begin(), basis.values.end());
    for (std::size_t a = 0; a < p.k; ++a) fixed.gram[a * p.k + a] = fixed.spectrum[a];
  }
  [[nodiscard]] std::vector<float> back(const std::vector<float>& y) const {
    std::vector<float> x(y.size(), 0.0F);
    kernels().gather_sum(vectors.data(), y.size(), nullptr, y.data(), y.size(), y.size(), x.data());
    return x;
  }
};

}  // namespace

TEST_CASE("an eigenbasis diagonalises, whatever it starts from", "[ials]") {
  for (const std::size_t k : {1U, 2U, 7U, 32U, 65U}) {
    INFO("k " << k);
    random_stream random(k);
    const std::size_t n_rows = k == 7 ? 3 : 3 * k;  // one matrix has rank 3 of 7
    std::vector<float> rows(n_rows * k);
    for (float& x : rows) x = static_cast<float>(random.normal());
    detail::eigenbasis basis(k);
    for (int round = 0; round < 3; ++round) {
      const std::vector<float> gram = detail::gram_of_rows(rows.data(), n_rows, k, 1, {});
      basis.fit(gram);
      const Eigen::MatrixXd g = reference::rows_of(gram, k);
      const Eigen::Map<const reference::matrix> v(basis.vectors.data(), static_cast<Eigen::Index>(k),
                                                  static_cast<Eigen::Index>(k));
      const auto n = static_cast<Eigen::Index>(k);
      CHECK((v * v.transpose() - Eigen::MatrixXd::Identity(n, n)).norm() < 1e-10);
      Eigen::MatrixXd d = v * g * v.transpose();
      for (Eigen::Index a = 0; a < n; ++a) d(a, a) -= basis.values[static_cast<std::size_t>(a)];
      CHECK(d.norm() <= 1e-6 * g.norm());
      for (float& x : rows) x += 0.05F * static_cast<float>(random.normal());  // the next epoch
    }
  }
  detail::eigenbasis nothing(4);
  nothing.fit(std::vector<float>(16, 0.0F));
  for (const double value : nothing.values) CHECK(value == 0);
}

TEST_CASE("every solver of a row agrees with dense algebra", "[ials]") {
  const std::size_t ranks[] = {1, 4, 16, 33, 64};
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const std::size_t k = ranks[seed % 5];
    const std::size_t history = 1 + seed * 7 % 90;
    const double weight_scale = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 1e-4 : 50;
    INFO("seed " << seed << ", rank " << k << ", history " << history << ", weights " << weight_scale);
    problem p(seed, k, history, weight_scale);
    const Eigen::VectorXd expected = p.solution();
    detail::row_scratch scratch(k);
    std::vector<float> x(k);
    REQUIRE(detail::solve_full(p.fixed, p.row(), p.ridge, scratch, x));
    CHECK(distance(x, expected) < 1e-4);
    REQUIRE(detail::solve_long(p.fixed, p.row(), p.ridge, {}, scratch, x));
    CHECK(distance(x, expected) < 1e-4);
    const turned_problem turned(p);
    if (history <= k) {
      REQUIRE(detail::solve_short(turned.fixed, p.row(), p.ridge, scratch, x));
      CHECK(distance(turned.back(x), expected) < 1e-4);
    }
    REQUIRE(detail::solve_full(turned.fixed, p.row(), p.ridge, scratch, x));
    CHECK(distance(turned.back(x), expected) < 1e-4);
    std::fill(x.begin(), x.end(), 0.0F);
    REQUIRE(detail::solve_by_gradient(p.fixed, p.row(), p.ridge, 6 * k + 20, scratch, x));
    CHECK(distance(x, expected) < 1e-3);
    std::fill(x.begin(), x.end(), 0.0F);
    REQUIRE(detail::solve_by_blocks(p.fixed, p.row(), p.ridge, k, scratch, x));  // one block of all: exact
    CHECK(distance(x, expected) < 1e-4);
    std::fill(x.begin(), x.end(), 0.0F);
    for (int pass = 0; pass < 200; ++pass) REQUIRE(detail::solve_by_blocks(p.fixed, p.row(), p.ridge, 5, scratch, x));
    CHECK(distance(x, expected) < 1e-2);  // blocks that hardly agree take many passes
  }
}

TEST_CASE("every solver of a row is pulled to a prior as dense algebra is", "[ials]") {
  const std::size_t ranks[] = {1, 4, 16, 33, 64};
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const std::size_t k = ranks[seed % 5];
    const std::size_t history = 1 + seed * 7 % 60;
    INFO("seed " << seed << ", rank " << k << ", history " << history);
    problem p(seed, k, history, 1);
    p.ridge = seed % 2 == 0 ? 0.3F : 30.0F;
    random_stream random(seed, 8);
    std::vector<float> prior(k);
    for (float& x : prior) x = static_cast<float>(random.normal());
    const Eigen::VectorXd expected = p.solution(prior);
    detail::row_scratch scratch(k);
    std::vector<float> x(k);
    REQUIRE(detail::solve_full(p.fixed, p.row(), p.ridge, scratch, x, prior));
    CHECK(distance(x, expected) < 1e-4);
    REQUIRE(detail::solve_long(p.fixed, p.row(), p.ridge, {}, scratch, x, prior));
    CHECK(distance(x, expected) < 1e-4);
    const turned_problem turned(p);
    const std::vector<float> turned_prior = detail::rotated(prior, turned.vectors, k, {});
    if (history <= k) {
      REQUIRE(detail::solve_short(turned.fixed, p.row(), p.ridge, scratch, x, turned_prior));
      CHECK(distance(turned.back(x), expected) < 1e-4);
    }
    REQUIRE(detail::solve_full(turned.fixed, p.row(), p.ridge, scratch, x, turned_prior));
    CHECK(distance(turned.back(x), expected) < 1e-4);
    std::fill(x.begin(), x.end(), 0.0F);
    REQUIRE(detail::solve_by_gradient(p.fixed, p.row(), p.ridge, 6 * k + 20, scratch, x, prior));
    CHECK(distance(x, expected) < 1e-3);
    std::fill(x.begin(), x.end(), 0.0F);
    REQUIRE(detail::solve_by_blocks(p.fixed, p.row(), p.ridge, k, scratch, x, prior));
    CHECK(distance(x, expected) < 1e-4);
    std::fill(x.begin(), x.end(), 0.0F);
    for (int pass = 0; pass < 200; ++pass) {
      REQUIRE(detail::solve_by_blocks(p.fixed, p.row(), p.ridge, 5, scratch, x, prior));
    }
    CHECK(distance(x, expected) < 1e-2);
  }
}

TEST_CASE("weights that a float can hold and a solver cannot use are refused, not returned", "[ials]") {
  for (const std::size_t history : {3U, 30U}) {
    problem p(1, 16, history, 1);
    for (float& w : p.weight) w = 3e38F;
    detail::row_scratch scratch(16);
    std::vector<float> x(16);
    CHECK_FALSE(detail::solve_full(p.fixed, p.row(), p.ridge, scratch, x));
    if (history < 16 && detail::solve_short(turned_problem(p).fixed, p.row(), p.ridge, scratch, x)) {
      CHECK(detail::all_finite(x));  // its numbers stay smaller: at some levels it gets through
    }
    std::fill(x.begin(), x.end(), 0.0F);
    CHECK_FALSE(detail::solve_by_gradient(p.fixed, p.row(), p.ridge, 3, scratch, x));
    std::fill(x.begin(), x.end(), 0.0F);
    CHECK_FALSE(detail::solve_by_blocks(p.fixed, p.row(), p.ridge, 8, scratch, x));
  }
}

TEST_CASE("a log of many short rows is solved exactly, on both sides", "[ials]") {
  for (const bool weighted : {false, true}) {
    const interactions log = reference::random_log(4, 4000, 700, 5, weighted);
    const ials_options options{.rank = 24, .alpha0 = 0.3F, .regularization = 0.02F, .nu = 0.7F, .epochs = 2};
    const factor_model model = fit_ials(log, options);
    const reference::matrix w = reference::dense(log);
    const reference::matrix y = reference::rows_of(model.item_matrix(), options.rank);
    const reference::matrix x = reference::rows_of(model.user_matrix(), options.rank);
    for (Eigen::Index u = 0; u < w.rows(); u += 7) {
      const auto e = reference::equations(w.row(u).transpose(), y, model.weights());
      REQUIRE((e.a * x.row(u).transpose() - e.b).norm() <= 2e-5 * (1 + e.b.norm()));
    }
    std::vector<float> folded(options.rank);
    for (std::uint32_t u = 0; u < 50; ++u) {
      const interactions::row row = log.items_of(user_index{u});
      std::vector<item_index> items;
      for (const std::uint32_t i : row.index) items.push_back(item_index{i});
      model.fold_in(items, row.weight, folded);
      const Eigen::VectorXd trained = x.row(u).transpose();
      CHECK(distance(folded, trained) < 1e-4);
    }
  }
}

TEST_CASE("an item that everybody has is solved by all threads, to the same bits", "[ials][concurrency]") {
  constexpr std::uint32_t n_users = 17000;
  std::vector<interaction> events;
  random_stream random(5);
  for (std::uint32_t u = 0; u < n_users; ++u) {
    events.push_back({user_index{u}, item_index{0}, 1, {}});
    events.push_back({user_index{u}, item_index{1 + static_cast<std::uint32_t>(random.below(20))}, 1, {}});
  }
  const interactions log = interactions::from_events(events, n_users, 21);
  const ials_options options{.rank = 6, .epochs = 1};
  const factor_model expected = fit_ials(log, options);
  thread_pool pool(3);
  const factor_model got = fit_ials(log, options, pool);
  CHECK(std::memcmp(got.item_matrix().data(), expected.item_matrix().data(), expected.item_matrix().size_bytes()) == 0);
  CHECK(std::memcmp(got.user_matrix().data(), expected.user_matrix().data(), expected.user_matrix().size_bytes()) == 0);
}

TEST_CASE("the stepwise solvers lower the objective and end where the exact one does", "[ials]") {
  const interactions log = reference::random_log(8, 80, 50, 7, true);
  for (const ials_solver solver : {ials_solver::conjugate_gradient, ials_solver::block}) {
    ials_options options{.rank = 12, .alpha0 = 0.3F, .regularization = 0.05F, .solver = solver, .block = 5};
    double before = std::numeric_limits<double>::infinity();
    for (options.epochs = 1; options.epochs <= 6; ++options.epochs) {
      const double now = reference::objective(log, fit_ials(log, options));
      CHECK(now <= before * (1 + 1e-6));
      before = now;
    }
    options.epochs = 300;
    const double end = reference::objective(log, fit_ials(log, options));
    options.solver = ials_solver::cholesky;
    CHECK(end == Approx(reference::objective(log, fit_ials(log, options))).epsilon(0.01));
  }
}

TEST_CASE("every solver gives the same bits on any number of threads", "[ials][concurrency]") {
  const interactions log = reference::random_log(3, 2000, 600, 8, true);
  for (const ials_solver solver : {ials_solver::cholesky, ials_solver::conjugate_gradient, ials_solver::block}) {
    const ials_options options{.rank = 12, .epochs = 1, .solver = solver, .block = 5};
    const factor_model expected = fit_ials(log, options);
    for (const std::size_t threads : {1U, 2U, 5U}) {
      thread_pool pool(threads);
      const factor_model got = fit_ials(log, options, pool);
      CHECK(std::memcmp(got.user_matrix().data(), expected.user_matrix().data(), expected.user_matrix().size_bytes()) ==
            0);
    }
  }
}

TEST_CASE("bfloat16 is near float32, and the users returned are exact all the same", "[ials]") {
  const interactions log = reference::random_log(4, 300, 120, 30, true);
  ials_options options{.rank = 20, .alpha0 = 0.3F, .regularization = 0.02F, .epochs = 4};
  const factor_model exact = fit_ials(log, options);
  options.precision = ials_precision::bfloat16;
  std::vector<factor_model> models;
  models.push_back(fit_ials(log, options));
  options.epochs = 9;  // ended after the fourth
  std::vector<factor_model> seen;
  models.push_back(fit_ials(log, options, {}, {}, nullptr, [&](const ials_epoch& at) {
    seen.push_back(at.model());
    return at.epoch < 4;
  }));
  models.push_back(seen.back());
  const double objective = reference::objective(log, exact);
  for (const factor_model& model : models) {
    CHECK(std::abs(reference::objective(log, model) / objective - 1) < 2e-3);
    CHECK_FALSE(std::equal(model.item_matrix().begin(), model.item_matrix().end(), exact.item_matrix().begin()));
    const reference::matrix w = reference::dense(log);
    const reference::matrix y = reference::rows_of(model.item_matrix(), options.rank);
    const reference::matrix x = reference::rows_of(model.user_matrix(), options.rank);
    for (Eigen::Index u = 0; u < w.rows(); ++u) {
      const auto e = reference::equations(w.row(u).transpose(), y, model.weights());
      CHECK((e.a * x.row(u).transpose() - e.b).norm() <= 2e-5 * (1 + e.b.norm()));
    }
  }
}

TEST_CASE("bfloat16 gives the same bits on any number of threads, long rows among them", "[ials][concurrency]") {
  std::vector<interaction> events;
  random_stream random(5);
  for (std::uint32_t u = 0; u < 20000; ++u) {
    events.push_back({user_index{u}, item_index{0}, 1.5F});
    for (int e = 0; e < 6; ++e) {
      events.push_back({user_index{u}, item_index{static_cast<std::uint32_t>(random.below(200))}, 1});
    }
  }
  const interactions log = interactions::from_events(events, 20000, 200);
  const ials_options options{.rank = 16, .epochs = 1, .precision = ials_precision::bfloat16};
  const factor_model one = fit_ials(log, options);
  thread_pool pool(3);
  const factor_model three = fit_ials(log, options, pool);
  CHECK(std::equal(one.user_matrix().begin(), one.user_matrix().end(), three.user_matrix().begin()));
  CHECK(std::equal(one.item_matrix().begin(), one.item_matrix().end(), three.item_matrix().begin()));
}

TEST_CASE("dislikes lower the objective with every solver, and users are exact, also folded in", "[ials]") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    INFO("seed " << seed);
    const interactions log = reference::log_with_dislikes(seed, 60, 40, seed % 2 == 0 ? 5 : 20);
    REQUIRE(log.keeps_dislikes());
    for (const ials_solver solver : {ials_solver::cholesky, ials_solver::conjugate_gradient, ials_solver::block}) {
      ials_options options{.rank = 10, .alpha0 = 0.2F, .regularization = 0.02F, .solver = solver, .block = 4};
      double before = std::numeric_limits<double>::infinity();
      for (options.epochs = 1; options.epochs <= 5; ++options.epochs) {
        const double now = reference::objective(log, fit_ials(log, options));
        CHECK(now <= before * (1 + 1e-6));
        before = now;
      }
    }
    const factor_model model = fit_ials(log, {.rank = 10, .alpha0 = 0.2F, .regularization = 0.02F});
    REQUIRE(model.weights().dislikes);
    const reference::matrix w = reference::dense(log);
    const reference::matrix y = reference::rows_of(model.item_matrix(), 10);
    const reference::matrix x = reference::rows_of(model.user_matrix(), 10);
    for (std::uint32_t u = 0; u < log.n_users(); ++u) {
      const Eigen::VectorXd own = x.row(u).transpose();
      CHECK((reference::solve(reference::equations(w.row(u).transpose(), y, model.weights())) - own).norm() <= 1e-4);
      const interactions::row row = log.items_of(user_index{u});
      std::vector<item_index> items;
      for (const std::uint32_t i : row.index) items.push_back(item_index{i});
      std::vector<float> folded(10);
      model.fold_in(items, row.weight, folded);
      for (std::size_t j = 0; j < 10; ++j) {
        CHECK(std::abs(static_cast<double>(folded[j]) - own[static_cast<Eigen::Index>(j)]) <= 1e-4);
      }
      // a like and a dislike that cancel out are no event
      if (w(u, 38) != 0) continue;
      std::vector<float> weights(row.weight.begin(), row.weight.end());
      items.insert(items.end(), {item_index{38}, item_index{38}});
      weights.insert(weights.end(), {2.0F, -2.0F});
      std::vector<float> again(10);
      model.fold_in(items, weights, again);
      CHECK(again == folded);
    }
  }
}

TEST_CASE("what a user disliked ends below what nobody touched", "[ials]") {
  // users of two camps; each dislikes one item of their own camp, which others of it like
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < 40; ++u) {
    const std::uint32_t camp = u % 2 * 10;
    for (std::uint32_t i = 0; i < 10; ++i) {
      const float weight = i == u / 2 % 10 ? -4.0F : 1.0F;
      if (i % 3 != u % 3 || weight < 0) events.push_back({user_index{u}, item_index{camp + i}, weight});
    }
  }
  const ials_options options{.rank = 12, .alpha0 = 0.1F, .regularization = 0.01F, .epochs = 20};
  const auto with = interactions::from_events(events, 40, 20, merge_rule::sum, dislike_rule::keep);
  const auto without = interactions::from_events(events, 40, 20);
  CHECK(with.size() == without.size() + 40);
  const factor_model knows = fit_ials(with, options);
  const factor_model ignores = fit_ials(without, options);
  double known = 0;
  double ignored = 0;
  for (std::uint32_t u = 0; u < 40; ++u) {
    const item_index disliked{u % 2 * 10 + u / 2 % 10};
    known += static_cast<double>(knows.score(user_index{u}, disliked));
    ignored += static_cast<double>(ignores.score(user_index{u}, disliked));
  }
  CHECK(known < 0.3 * ignored);
}
