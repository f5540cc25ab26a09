#include "tandem/batch/item_knn.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "dense_reference.hpp"
#include "learners.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::batch;
using namespace learners;

namespace {

using reference::matrix;

/// s_ij of all items, written down densely from the formulas of the header.
matrix similarities(const interactions& log, const item_knn_options& o) {
  matrix x = reference::dense(log);
  const auto n = static_cast<double>(x.cols());
  const double average = x.sum() / n;
  const Eigen::VectorXd popularity = x.colwise().sum();
  for (Eigen::Index u = 0; u < x.rows(); ++u) {
    const double idf = std::log(n) - std::log1p(static_cast<double>((x.row(u).array() > 0).count()));
    for (Eigen::Index i = 0; i < x.cols(); ++i) {
      const double w = x(u, i);
      const double k1 = static_cast<double>(o.k1);
      const double b = static_cast<double>(o.b);
      if (w == 0) continue;
      if (o.weighting == item_weighting::tf_idf) x(u, i) = std::sqrt(w) * idf;
      if (o.weighting == item_weighting::bm25) {
        x(u, i) = w * (k1 + 1) / (k1 * (1 - b + b * popularity(i) / average) + w) * idf;
      }
    }
  }
  matrix s = x.transpose() * x;
  const Eigen::VectorXd length = s.diagonal().cwiseSqrt();
  for (Eigen::Index i = 0; i < s.rows() && o.normalize; ++i) {
    for (Eigen::Index j = 0; j < s.cols(); ++j) {
      if (s(i, j) != 0) s(i, j) /= length(i) * length(j) + static_cast<double>(o.shrinkage);
    }
  }
  s.diagonal().setZero();
  return s;
}

matrix dense(const item_weights& w) {
  const auto n = static_cast<Eigen::Index>(w.n_items());
  matrix out = matrix::Zero(n, n);
  for (std::uint32_t i = 0; i < w.n_items(); ++i) {
    const auto row = w.row_of(item_index{i});
    for (std::size_t e = 0; e < row.size(); ++e) out(i, row.index[e]) = static_cast<double>(row.weight[e]);
  }
  return out;
}

std::vector<item_knn_options> kinds() {
  return {{.weighting = item_weighting::none},
          {.weighting = item_weighting::none, .shrinkage = 7.5F},
          {.weighting = item_weighting::tf_idf},
          {.weighting = item_weighting::tf_idf, .shrinkage = 2},
          {.weighting = item_weighting::bm25, .normalize = false},
          {.weighting = item_weighting::bm25, .shrinkage = 1, .k1 = 1.2F, .b = 0.75F},
          {.weighting = item_weighting::bm25, .normalize = false, .k1 = 0, .b = 1},
          {.weighting = item_weighting::none, .normalize = false}};
}

bool same_model(const item_weights& a, const item_weights& b) {
  if (a.n_items() != b.n_items() || a.size() != b.size()) return false;
  for (std::uint32_t i = 0; i < a.n_items(); ++i) {
    const auto x = a.row_of(item_index{i});
    const auto y = b.row_of(item_index{i});
    if (!std::equal(x.index.begin(), x.index.end(), y.index.begin(), y.index.end())) return false;
    if (!learners::same_bits(x.weight, y.weight)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("item-kNN with all neighbours equals the formulas", "[item_knn]") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const interactions log = reference::random_log(seed, 50, 30, 6, seed % 2 == 1);
    for (const item_knn_options& options : kinds()) {
      INFO("seed " << seed << ", weighting " << static_cast<int>(options.weighting) << ", shrinkage "
                   << options.shrinkage);
      const matrix expected = similarities(log, options);
      const matrix fitted = dense(fit_item_knn(log, options));
      CHECK((fitted - expected).cwiseAbs().maxCoeff() <= 1e-5 * (1 + expected.cwiseAbs().maxCoeff()));
    }
  }
}

TEST_CASE("item-kNN keeps the most alike of each item", "[item_knn]") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const interactions log = reference::random_log(seed, 80, 40, 6, true);
    const item_knn_options options{.shrinkage = 3, .neighbours = 5};
    const matrix s = similarities(log, options);
    const matrix kept = dense(fit_item_knn(log, options));
    for (Eigen::Index j = 0; j < s.cols(); ++j) {
      const auto n = (kept.col(j).array() > 0).count();
      CHECK(n == std::min<Eigen::Index>(5, (s.col(j).array() > 0).count()));
      double worst_kept = 1e9;
      double best_left = 0;
      for (Eigen::Index i = 0; i < s.rows(); ++i) {
        if (kept(i, j) > 0) worst_kept = std::min(worst_kept, s(i, j));
        if (kept(i, j) == 0) best_left = std::max(best_left, s(i, j));
      }
      CHECK((n < 5 || worst_kept >= best_left - 1e-6));
    }
  }
}

TEST_CASE("item-kNN keeps the smaller index of two that are alike", "[item_knn]") {
  std::vector<interaction> events;  // three items that the same users take
  for (std::uint32_t u = 0; u < 3; ++u) {
    for (std::uint32_t i = 0; i < 3; ++i) events.push_back({user_index{u}, item_index{i}});
  }
  const matrix kept = dense(fit_item_knn(interactions::from_events(events, 3, 9), {.neighbours = 1}));
  matrix expected = matrix::Zero(9, 9);
  expected(1, 0) = expected(0, 1) = expected(0, 2) = 1;
  CHECK(kept.isApprox(expected));
}

TEST_CASE("item-kNN: any executor gives the same bits", "[item_knn][concurrency]") {
  const interactions log = reference::random_log(2, 600, 900, 8, true);
  for (const item_knn_options& options : kinds()) {
    const item_weights expected = fit_item_knn(log, options);
    for (const std::size_t threads : {2U, 3U, 7U}) {
      backwards_executor backwards{threads};
      striping_executor striping{threads};
      CHECK(same_model(fit_item_knn(log, options, backwards), expected));
      CHECK(same_model(fit_item_knn(log, options, striping), expected));
    }
  }
}

TEST_CASE("item-kNN on empty and tiny logs", "[item_knn]") {
  for (const item_knn_options& options : kinds()) {
    CHECK(fit_item_knn({}, options).n_items() == 0);
    const item_weights nothing = fit_item_knn(interactions::from_events({}, 3, 4), options);
    CHECK(nothing.n_items() == 4);
    CHECK(nothing.size() == 0);
    const interaction one{user_index{0}, item_index{0}};
    CHECK(fit_item_knn(interactions::from_events({&one, 1}, 2, 1), options).size() == 0);
    // a user who has every item: the logarithm of their weight is below zero, their similarities are not
    const interaction all[] = {{user_index{0}, item_index{0}}, {user_index{0}, item_index{1}}};
    const item_weights pair = fit_item_knn(interactions::from_events(all, 2, 2), options);
    REQUIRE(pair.size() == 2);
    CHECK(pair.row_of(item_index{0}).weight[0] > 0);
  }
}

TEST_CASE("item-kNN scores histories", "[item_knn]") {
  check_histories(fit_item_knn(reference::random_log(4, 60, 30, 8, true), {.weighting = item_weighting::tf_idf}));
}

TEST_CASE("item-kNN: bad options are refused by name", "[item_knn]") {
  const interactions log = reference::random_log(5, 10, 10, 2, false);
  const auto field_of = [&](const item_knn_options& options) {
    return refused_field([&] { (void)fit_item_knn(log, options); });
  };
  for (const float bad : {-1.0F, std::nanf(""), HUGE_VALF}) {
    CHECK(field_of({.shrinkage = bad}) == "shrinkage");
    CHECK(field_of({.k1 = bad}) == "k1");
  }
  CHECK(field_of({.normalize = false, .shrinkage = 1}) == "shrinkage");
  for (const float bad : {-0.1F, 1.1F, std::nanf("")}) CHECK(field_of({.b = bad}) == "b");
  CHECK(field_of({.neighbours = 0}) == "neighbours");
  CHECK(field_of({.weighting = static_cast<item_weighting>(9)}) == "weighting");
  CHECK(field_of({}) == "accepted");
}

TEST_CASE("item-kNN: weights beyond float32 end in an error that says what to do", "[item_knn]") {
  std::vector<interaction> events;
  for (std::uint32_t i = 0; i < 3; ++i) events.push_back({user_index{0}, item_index{i}, 3e38F, {}});
  const interactions log = interactions::from_events(events, 1, 3);
  const auto failure =
      error_of([&] { (void)fit_item_knn(log, {.weighting = item_weighting::none, .normalize = false}); });
  REQUIRE(failure);
  CHECK(failure->code() == errc::not_finite);
  CHECK(failure->remedy().find("weights down") != std::string::npos);
  const item_weights cosines = fit_item_knn(log, {.weighting = item_weighting::none});
  CHECK(cosines.row_of(item_index{0}).weight[0] == Approx(1));
}

TEST_CASE("item-kNN reports progress and is cancelled", "[item_knn]") {
  const interactions log = reference::random_log(7, 100, 9000, 5, false);
  check_progress("item_knn", [&](const progress& report) { (void)fit_item_knn(log, {}, {}, report); });
}
