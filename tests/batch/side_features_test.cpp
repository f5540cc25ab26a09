#include "tandem/batch/side_features.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "dense_reference.hpp"
#include "support/catch.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;
using namespace tandem::batch;
using tandem::feature_matrix;  // and not that of the trees

namespace {

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

bool same_bits(const factor_model& a, const factor_model& b) {
  return same_bits(a.user_matrix(), b.user_matrix()) && same_bits(a.item_matrix(), b.item_matrix());
}

feature_matrix random_features(std::uint64_t seed, std::size_t n_rows, std::size_t n_features) {
  random_stream random(seed, 33);
  std::vector<feature_entry> entries;
  for (std::uint32_t r = 0; r < n_rows; ++r) {
    for (std::size_t e = 0; e < random.below(4); ++e) {
      const auto feature = static_cast<std::uint32_t>(random.below(n_features));
      entries.push_back({r, feature, static_cast<float>(random.normal())});
    }
  }
  return feature_matrix::from_entries(entries, n_rows, n_features);
}

reference::matrix dense(const feature_matrix& features) {
  reference::matrix out = reference::matrix::Zero(static_cast<Eigen::Index>(features.n_rows()),
                                                  static_cast<Eigen::Index>(features.n_features() + 1));
  for (std::size_t r = 0; r < features.n_rows(); ++r) {
    const feature_row row = features.row(r);
    for (std::size_t e = 0; e < row.size(); ++e) {
      out(static_cast<Eigen::Index>(r), row.index[e]) = static_cast<double>(row.value[e]);
    }
  }
  out.col(out.cols() - 1).setOnes();
  return out;
}

/// W above c.
reference::matrix dense(const feature_map& map) {
  reference::matrix out(static_cast<Eigen::Index>(map.n_features() + 1), static_cast<Eigen::Index>(map.rank()));
  for (std::size_t f = 0; f < map.n_features(); ++f) {
    out.row(static_cast<Eigen::Index>(f)) = reference::rows_of(map.weights(f), map.rank()).row(0);
  }
  out.row(out.rows() - 1) = reference::rows_of(map.intercept(), map.rank()).row(0);
  return out;
}

/// A random log in which every user and item has an event.
interactions full_log(std::uint64_t seed, std::uint32_t n_users, std::uint32_t n_items) {
  random_stream random(seed, 2);
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < n_users; ++u) events.push_back({user_index{u}, item_index{u % n_items}});
  for (std::uint32_t e = 0; e < 5 * n_users; ++e) {
    const auto user = static_cast<std::uint32_t>(random.below(n_users));
    const auto item = static_cast<std::uint32_t>(random.uniform() * random.uniform() * n_items);
    events.push_back({user_index{user}, item_index{item}});
  }
  return interactions::from_events(events, n_users, n_items, merge_rule::binary);
}

/// The penalty of one side beyond that of reference::objective().
double prior_penalty(const reference::matrix& rows, const reference::matrix& f, const feature_map& map,
                     const std::vector<double>& ridges, double shrinkage) {
  const reference::matrix w = dense(map);
  const reference::matrix priors = f * w;
  double sum = 0;
  double total = 0;
  for (Eigen::Index r = 0; r < rows.rows(); ++r) {
    const double ridge = ridges[static_cast<std::size_t>(r)];
    sum += ridge * ((rows.row(r) - priors.row(r)).squaredNorm() - rows.row(r).squaredNorm());
    total += ridge;
  }
  return sum + shrinkage * total / static_cast<double>(rows.rows()) * w.topRows(w.rows() - 1).squaredNorm();
}

/// Two kinds of users and items, each user at home in one; item i is of kind i % 2, and features 0 and 1 say so.
struct two_kinds {
  interactions log;
  feature_matrix items;
  feature_matrix users;

  explicit two_kinds(std::uint32_t n_cold, double events_per_user = 8) {
    random_stream random(4);
    std::vector<interaction> events;
    std::vector<feature_entry> of_items;
    std::vector<feature_entry> of_users;
    for (std::uint32_t u = 0; u < 120; ++u) {
      of_users.push_back({u, u % 2});
      if (u >= 110) continue;  // ten users without events
      for (int e = 0; e < static_cast<int>(events_per_user); ++e) {
        const auto item =
            static_cast<std::uint32_t>(2 * random.below(25) + (random.uniform() < 0.9 ? u % 2 : 1 - u % 2));
        events.push_back({user_index{u}, item_index{item}});
      }
    }
    for (std::uint32_t i = 0; i < 50 + n_cold; ++i) of_items.push_back({i, i % 2});
    log = interactions::from_events(events, 120, 50 + n_cold, merge_rule::binary);
    items = feature_matrix::from_entries(of_items, 50 + n_cold, 2);
    users = feature_matrix::from_entries(of_users, 120, 2);
  }
};

}  // namespace

TEST_CASE("without features nothing changes, bit for bit", "[features]") {
  for (const auto solver : {ials_solver::cholesky, ials_solver::conjugate_gradient, ials_solver::block}) {
    const interactions log = reference::random_log(1, 200, 90, 6, true);
    const ials_options options{.rank = 9, .epochs = 3, .solver = solver, .block = 4};
    const feature_model model = fit_feature_ials(log, {}, options);
    CHECK(same_bits(model.factors(), fit_ials(log, options)));
    CHECK(model.item_map().n_features() == 0);
    std::vector<float> x(9, 1.0F);
    model.predict_item({}, x);
    CHECK(x == std::vector<float>(9, 0.0F));
    const std::vector<item_index> items{item_index{3}, item_index{5}};
    std::vector<float> expected(9);
    model.factors().fold_in(items, std::vector<float>(2, 1.0F), expected);
    model.fold_in(items, std::vector<float>(2, 1.0F), {}, x);
    CHECK(same_bits(x, expected));
  }
}

TEST_CASE("the ridge regression agrees with dense algebra", "[features]") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    INFO("seed " << seed);
    random_stream random(seed);
    const std::size_t n = 5 + random.below(60);
    const std::size_t d = 1 + random.below(30);
    const feature_matrix features = random_features(seed, n, d);
    std::vector<double> weights(n);
    std::vector<float> target(n);
    for (std::size_t r = 0; r < n; ++r) {
      weights[r] = random.uniform() < 0.2 ? 0 : random.gamma(1) * (seed % 2 == 0 ? 1 : 1e4);
      target[r] = weights[r] > 0 ? static_cast<float>(random.normal()) : std::nanf("");
    }
    const double penalty = seed % 3 == 0 ? 0.01 : 3;
    std::vector<double> x(d + 1, 0.0);
    detail::feature_ridge(features, weights, penalty).solve([&](std::size_t r) { return target[r]; }, x);
    const reference::matrix f = dense(features);
    reference::matrix a = reference::matrix::Zero(f.cols(), f.cols());
    Eigen::VectorXd b = Eigen::VectorXd::Zero(f.cols());
    for (std::size_t r = 0; r < n; ++r) {
      const Eigen::VectorXd row = f.row(static_cast<Eigen::Index>(r)).transpose();
      if (weights[r] == 0) continue;
      a += weights[r] * row * row.transpose();
      b += weights[r] * static_cast<double>(target[r]) * row;
    }
    a.topLeftCorner(f.cols() - 1, f.cols() - 1).diagonal().array() += penalty;
    const Eigen::VectorXd expected = a.ldlt().solve(b);
    const Eigen::Map<const Eigen::VectorXd> solved(x.data(), static_cast<Eigen::Index>(x.size()));
    CHECK((solved - expected).norm() <= 1e-6 * (1 + expected.norm()));
  }
}

TEST_CASE("every epoch lowers the objective with its priors", "[features]") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    INFO("seed " << seed);
    const interactions log = full_log(seed, 60, 40);
    const feature_matrix items = random_features(seed, 40, 7);
    const feature_matrix users = random_features(seed + 100, 60, 5);
    const side_features features{&users, &items, seed % 2 == 0 ? 1.0F : 20.0F};
    ials_options options{
        .rank = 4 + seed, .alpha0 = 0.2F, .regularization = 0.02F, .nu = seed % 3 == 0 ? 0.5F : 1.0F, .seed = seed};
    double before = std::numeric_limits<double>::infinity();
    for (options.epochs = 1; options.epochs <= 6; ++options.epochs) {
      const feature_model model = fit_feature_ials(log, features, options);
      const reference::matrix w = reference::dense(log);
      std::vector<double> user_ridges;
      std::vector<double> item_ridges;
      const auto ridge = [&](const auto& row, Eigen::Index other) {
        return reference::ridge(model.factors().weights(), static_cast<double>((row.array() > 0).count()), other);
      };
      for (Eigen::Index u = 0; u < w.rows(); ++u) user_ridges.push_back(ridge(w.row(u), w.cols()));
      for (Eigen::Index i = 0; i < w.cols(); ++i) item_ridges.push_back(ridge(w.col(i), w.rows()));
      const double now = reference::objective(log, model.factors()) +
                         prior_penalty(reference::rows_of(model.factors().user_matrix(), options.rank), dense(users),
                                       model.user_map(), user_ridges, static_cast<double>(features.shrinkage)) +
                         prior_penalty(reference::rows_of(model.factors().item_matrix(), options.rank), dense(items),
                                       model.item_map(), item_ridges, static_cast<double>(features.shrinkage));
      CHECK(now <= before * (1 + 1e-6));
      before = now;
    }
  }
}

TEST_CASE("users equal their fold-in with features; rows without events are their prediction", "[features]") {
  for (const std::size_t rank : {3U, 12U, 40U}) {
    INFO("rank " << rank);
    const two_kinds data(6);
    const feature_model model =
        fit_feature_ials(data.log, {&data.users, &data.items}, {.rank = rank, .alpha0 = 0.3F, .epochs = 4});
    std::vector<float> x(rank);
    for (std::uint32_t u = 0; u < 120; ++u) {
      const auto row = data.log.items_of(user_index{u});
      std::vector<item_index> items;
      for (const std::uint32_t i : row.index) items.push_back(item_index{i});
      model.fold_in(items, row.weight, data.users.row(u), x);
      const auto own = model.factors().user_factors(user_index{u});
      double away = 0;
      double norm = 0;
      for (std::size_t j = 0; j < rank; ++j) {
        away += std::pow(static_cast<double>(x[j]) - static_cast<double>(own[j]), 2);
        norm += std::pow(static_cast<double>(own[j]), 2);
      }
      CHECK(std::sqrt(away) <= 1e-4 * (1e-3 + std::sqrt(norm)));
      CHECK(norm > 0);
    }
    for (std::uint32_t u = 110; u < 120; ++u) {
      model.predict_user(data.users.row(u), x);
      CHECK(same_bits(x, model.factors().user_factors(user_index{u})));
    }
    for (std::uint32_t i = 50; i < 56; ++i) {
      model.predict_item(data.items.row(i), x);
      CHECK(same_bits(x, model.factors().item_factors(item_index{i})));
    }
  }
}

TEST_CASE("users equal their fold-in when short rows are solved in a basis of their own", "[features]") {
  const interactions log = full_log(8, 900, 300);
  const feature_matrix users = random_features(8, 900, 6);
  const feature_matrix items = random_features(9, 300, 6);
  const ials_options options{.rank = 40, .alpha0 = 0.3F, .epochs = 2};
  const auto row_of = [&](std::size_t u) { return log.items_of(user_index{static_cast<std::uint32_t>(u)}); };
  REQUIRE(detail::solved_side(row_of, 900, 300, options).rotates);
  const feature_model model = fit_feature_ials(log, {&users, &items}, options);
  std::vector<float> x(40);
  for (std::uint32_t u = 0; u < 900; ++u) {
    std::vector<item_index> history;
    for (const std::uint32_t i : row_of(u).index) history.push_back(item_index{i});
    model.fold_in(history, row_of(u).weight, users.row(u), x);
    const auto own = model.factors().user_factors(user_index{u});
    double away = 0;
    double norm = 0;
    for (std::size_t j = 0; j < 40; ++j) {
      away += std::pow(static_cast<double>(x[j]) - static_cast<double>(own[j]), 2);
      norm += std::pow(static_cast<double>(own[j]), 2);
    }
    CHECK(std::sqrt(away) <= 1e-3 * std::sqrt(norm));
  }
}

TEST_CASE("a new item is offered to those who like its kind, a new user what hers likes", "[features]") {
  for (const auto solver : {ials_solver::cholesky, ials_solver::conjugate_gradient, ials_solver::block}) {
    const two_kinds data(2);
    const feature_model model =
        fit_feature_ials(data.log, {&data.users, &data.items},
                         {.rank = 8, .alpha0 = 0.3F, .regularization = 0.02F, .solver = solver, .block = 4});
    std::size_t right = 0;
    for (std::uint32_t u = 0; u < 110; ++u) {
      const float even = model.factors().score(user_index{u}, item_index{50});
      const float odd = model.factors().score(user_index{u}, item_index{51});
      right += (even > odd) == (u % 2 == 0) ? 1U : 0U;
    }
    CHECK(right >= 107);
    std::vector<float> newcomer(8);
    const std::vector<std::uint32_t> kind{1};
    const std::vector<float> one{1.0F};
    model.predict_user({kind, one}, newcomer);
    std::vector<scored_item> best(10);
    REQUIRE(model.factors().top_n(newcomer, best) == 10);
    for (const scored_item& item : best) CHECK(raw(item.item) % 2 == 1);
    std::vector<float> unknown(8);  // nothing known: between the two
    model.predict_user({}, unknown);
    CHECK(same_bits(unknown, model.user_map().intercept()));
  }
}

TEST_CASE("an item with a single event stays nearer to its kind than without features", "[features]") {
  two_kinds data(0);
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < 120; ++u) {
    for (const std::uint32_t i : data.log.items_of(user_index{u}).index) {
      if (i != 7) events.push_back({user_index{u}, item_index{i}});
    }
  }
  events.push_back({user_index{0}, item_index{7}});  // an odd item, taken by one who likes even ones
  data.log = interactions::from_events(events, 120, 50);
  const ials_options options{.rank = 8, .alpha0 = 0.05F, .regularization = 0.1F};
  const feature_model with = fit_feature_ials(data.log, {nullptr, &data.items}, options);
  const factor_model without = fit_ials(data.log, options);
  const auto preference = [](const factor_model& model) {  // of those who like odd items, relative
    double odd = 0;
    double all = 0;
    for (std::uint32_t u = 0; u < 110; ++u) {
      const auto score = static_cast<double>(model.score(user_index{u}, item_index{7}));
      odd += u % 2 == 1 ? score : 0;
      all += std::abs(score);
    }
    return odd / all;
  };
  CHECK(preference(with.factors()) > 0.5);
  CHECK(preference(without) < 0.5);
}

TEST_CASE("any executor gives the same bits with features", "[features][concurrency]") {
  const interactions log = reference::random_log(3, 1500, 400, 6, true);
  const feature_matrix items = random_features(1, 400, 30);
  const feature_matrix users = random_features(2, 1500, 12);
  const ials_options options{.rank = 12, .epochs = 2};
  const feature_model expected = fit_feature_ials(log, {&users, &items}, options);
  for (const std::size_t threads : {1U, 2U, 5U}) {
    thread_pool pool(threads);
    const feature_model model = fit_feature_ials(log, {&users, &items}, options, pool);
    CHECK(same_bits(model.factors(), expected.factors()));
    for (std::size_t f = 0; f < 30; ++f) CHECK(same_bits(model.item_map().weights(f), expected.item_map().weights(f)));
  }
}

TEST_CASE("a warm start with features goes on from the factors", "[features]") {
  const two_kinds data(4);
  const side_features features{&data.users, &data.items};
  const ials_options options{.rank = 6, .alpha0 = 0.3F, .regularization = 0.05F, .epochs = 60, .warm_epochs = 1};
  const feature_model cold = fit_feature_ials(data.log, features, options);
  const feature_model warm = fit_feature_ials(data.log, features, options, {}, {}, &cold.factors());
  double away = 0;
  double norm = 0;
  for (std::size_t j = 0; j < cold.factors().item_matrix().size(); ++j) {
    const auto a = static_cast<double>(cold.factors().item_matrix()[j]);
    away += std::pow(static_cast<double>(warm.factors().item_matrix()[j]) - a, 2);
    norm += a * a;
  }
  CHECK(std::sqrt(away / norm) < 0.02);
}

TEST_CASE("features of nothing, and nothing to learn from, do no harm", "[features]") {
  const interactions log = reference::random_log(5, 30, 20, 4, false);
  const feature_matrix none = feature_matrix::from_entries({}, 20, 0);
  const feature_model mean = fit_feature_ials(log, {nullptr, &none}, {.rank = 4});
  CHECK(same_bits(mean.factors().item_factors(item_index{19}), mean.item_map().intercept()));
  const feature_matrix items = random_features(6, 20, 3);
  const feature_model empty = fit_feature_ials(interactions::from_events({}, 30, 20), {nullptr, &items}, {.rank = 4});
  for (const float x : empty.factors().item_matrix()) CHECK(x == 0);
  CHECK(fit_feature_ials({}, {}, {.rank = 2}).factors().n_users() == 0);
}

TEST_CASE("progress and cancelling are those of the fit", "[features]") {
  const two_kinds data(3);
  std::size_t done = 0;
  std::size_t total = 0;
  (void)fit_feature_ials(data.log, {&data.users, &data.items}, {.rank = 3, .epochs = 2}, {},
                         [&](const progress_report& report) {
                           done = report.done;
                           total = report.total;
                           return true;
                         });
  CHECK(done == 3 * 120 + 2 * 53);
  CHECK(total == done);
  std::size_t calls = 0;
  try {
    (void)fit_feature_ials(data.log, {&data.users, &data.items}, {.rank = 3}, {},
                           [&](const progress_report&) { return ++calls < 3; });
    FAIL("not cancelled");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::cancelled);
  }
}

TEST_CASE("bad features are refused by name", "[features]") {
  const two_kinds data(1);
  const auto field_of = [&](const side_features& features) {
    try {
      (void)fit_feature_ials(data.log, features, {.rank = 2, .epochs = 1});
    } catch (const error& failure) {
      CHECK(failure.code() == errc::invalid_argument);
      return failure.where().field;
    }
    return std::string("accepted");
  };
  CHECK(field_of({&data.users, &data.items}) == "accepted");
  CHECK(field_of({&data.items, nullptr}) == "users");
  CHECK(field_of({nullptr, &data.users}) == "items");
  for (const float bad : {0.0F, -1.0F, std::nanf(""), HUGE_VALF}) {
    CHECK(field_of({nullptr, &data.items, bad}) == "shrinkage");
  }
  const feature_model model = fit_feature_ials(data.log, {&data.users, &data.items}, {.rank = 2, .epochs = 1});
  std::vector<float> x(2);
  const auto code_of = [&](std::vector<std::uint32_t> index, std::vector<float> value) {
    try {
      model.predict_item({index, value}, x);
    } catch (const error& failure) {
      return failure.code();
    }
    return errc::wrong_state;
  };
  CHECK(code_of({0, 1}, {1, 1}) == errc::wrong_state);
  CHECK(code_of({2}, {1}) == errc::invalid_argument);
  CHECK(code_of({0, 1}, {1}) == errc::invalid_argument);
  CHECK(code_of({0}, {std::nanf("")}) == errc::not_finite);
  CHECK(code_of({0, 1}, {3e38F, -3e38F}) != errc::invalid_argument);
  const std::vector<item_index> beyond{item_index{51}};
  CHECK_THROWS_AS(model.fold_in(beyond, std::vector<float>(1, 1.0F), {}, x), error);
}
