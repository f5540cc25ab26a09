#include "tandem/batch/biased_mf.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "dense_reference.hpp"
#include "learners.hpp"
#include "support/catch.hpp"
#include "tandem/batch/history_model.hpp"

using namespace tandem;
using namespace tandem::batch;
using namespace learners;

static_assert(history_model<biased_mf_model>);

namespace {

/// Ratings of 1 to 5 from biases, two tastes and noise; the last user and the last item have none.
interactions random_ratings(std::uint64_t seed, std::uint32_t n_users, std::uint32_t n_items, int per_user) {
  random_stream random(seed, 3);
  const auto lean = [&](std::uint64_t who) { return random_stream(seed + 1, who).normal(0, 0.7); };
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u + 1 < n_users; ++u) {
    for (int e = 0; e < per_user; ++e) {
      const auto i = static_cast<std::uint32_t>(random.below(n_items - 1));
      const double taste = (u % 2 == i % 2) ? 0.8 : -0.8;
      const double rating = 3 + lean(u) + lean(1000 + i) + taste + random.normal(0, 0.3);
      events.push_back({user_index{u}, item_index{i}, static_cast<float>(std::min(5.0, std::max(1.0, rating))), {}});
    }
  }
  return interactions::from_events(events, n_users, n_items, merge_rule::latest);
}

double as_double(float x) { return static_cast<double>(x); }

/// The objective of the header, in double, term by term.
double objective(const interactions& log, const biased_mf_model& model) {
  const biased_mf_options& o = model.options();
  double sum = 0;
  const auto penalty = [&](std::size_t n, double bias, std::span<const float> vector) {
    double square = 0;
    for (const float x : vector) square += as_double(x) * as_double(x);
    const double scale = n == 0 ? 0 : std::pow(static_cast<double>(n), as_double(o.nu));
    return scale * (as_double(o.regularization) * square + as_double(o.bias_regularization) * bias * bias);
  };
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    const auto x = model.user_vector(user_index{u});
    const auto row = log.items_of(user_index{u});
    for (std::size_t e = 0; e < row.size(); ++e) {
      const item_index i{row.index[e]};
      double rating = as_double(model.mean()) + as_double(x[0]) + as_double(model.item_bias(i));
      for (std::size_t j = 0; j < model.rank(); ++j)
        rating += as_double(x[j + 1]) * as_double(model.item_factors(i)[j]);
      sum += (as_double(row.weight[e]) - rating) * (as_double(row.weight[e]) - rating);
    }
    sum += penalty(row.size(), as_double(x[0]), x.subspan(1));
  }
  for (std::uint32_t i = 0; i < log.n_items(); ++i) {
    sum += penalty(log.users_of(item_index{i}).size(), as_double(model.item_bias(item_index{i})),
                   model.item_factors(item_index{i}));
  }
  return sum;
}

double rmse(const interactions& log, const biased_mf_model& model) {
  double sum = 0;
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    const auto row = log.items_of(user_index{u});
    for (std::size_t e = 0; e < row.size(); ++e) {
      const double miss = as_double(row.weight[e]) - as_double(model.predict(user_index{u}, item_index{row.index[e]}));
      sum += miss * miss;
    }
  }
  return std::sqrt(sum / static_cast<double>(log.size()));
}

bool same_model(const biased_mf_model& a, const biased_mf_model& b) {
  for (std::uint32_t u = 0; u < a.n_users(); ++u) {
    if (!learners::same_bits(a.user_vector(user_index{u}), b.user_vector(user_index{u}))) return false;
  }
  for (std::uint32_t i = 0; i < a.n_items(); ++i) {
    if (!learners::same_bits(a.item_factors(item_index{i}), b.item_factors(item_index{i}))) return false;
    if (a.item_bias(item_index{i}) != b.item_bias(item_index{i})) return false;
  }
  return a.n_users() == b.n_users() && a.n_items() == b.n_items() && a.mean() == b.mean();
}

}  // namespace

TEST_CASE("every epoch of biased MF lowers the objective", "[biased_mf]") {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    INFO("seed " << seed);
    const interactions log = random_ratings(seed, 60, 40, 9);
    const float nus[] = {0.0F, 0.5F, 1.0F};
    biased_mf_options options{
        .rank = seed, .regularization = 0.2F, .bias_regularization = 0.05F, .nu = nus[seed % 3], .seed = seed};
    double before = std::numeric_limits<double>::infinity();
    for (options.epochs = 1; options.epochs <= 6; ++options.epochs) {
      const double now = objective(log, fit_biased_mf(log, options));
      CHECK(now <= before * (1 + 1e-5));
      before = now;
    }
  }
}

TEST_CASE("users of biased MF are the exact minimiser for the items returned", "[biased_mf]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::size_t ranks[] = {0, 1, 8, 17, 33};
    const biased_mf_options options{.rank = ranks[seed % 5],
                                    .regularization = 0.3F,
                                    .bias_regularization = 0.7F,
                                    .nu = seed % 2 == 0 ? 1.0F : 0.3F,
                                    .epochs = 1 + seed % 4,
                                    .seed = seed};
    INFO("seed " << seed << ", rank " << options.rank);
    const interactions log = random_ratings(seed, 50, 30, 8);
    const biased_mf_model model = fit_biased_mf(log, options);
    const auto k = static_cast<Eigen::Index>(options.rank + 1);
    for (std::uint32_t u = 0; u < 50; ++u) {
      const auto row = log.items_of(user_index{u});
      const double n = std::pow(static_cast<double>(row.size()), as_double(options.nu));
      Eigen::MatrixXd a = as_double(options.regularization) * n * Eigen::MatrixXd::Identity(k, k);
      a(0, 0) = as_double(options.bias_regularization) * n;
      Eigen::VectorXd b = Eigen::VectorXd::Zero(k);
      for (std::size_t e = 0; e < row.size(); ++e) {
        Eigen::VectorXd f = Eigen::VectorXd::Ones(k);
        for (Eigen::Index j = 1; j < k; ++j)
          f(j) = as_double(model.item_factors(item_index{row.index[e]})[static_cast<std::size_t>(j - 1)]);
        a += f * f.transpose();
        b += (as_double(row.weight[e]) - as_double(model.mean()) -
              as_double(model.item_bias(item_index{row.index[e]}))) *
             f;
      }
      const Eigen::VectorXd expected = row.size() == 0 ? Eigen::VectorXd::Zero(k) : Eigen::VectorXd(a.llt().solve(b));
      const auto x = model.user_vector(user_index{u});
      for (Eigen::Index j = 0; j < k; ++j)
        CHECK(as_double(x[static_cast<std::size_t>(j)]) == Approx(expected(j)).margin(2e-4));
    }
  }
}

TEST_CASE("items of biased MF reach their minimiser too when epochs are many", "[biased_mf]") {
  const interactions log = random_ratings(5, 60, 40, 9);
  const biased_mf_options options{.rank = 3, .regularization = 0.1F, .epochs = 300};
  const biased_mf_model model = fit_biased_mf(log, options);
  // a further epoch changes nothing that can be seen
  biased_mf_options more = options;
  more.epochs = 301;
  const biased_mf_model further = fit_biased_mf(log, more);
  for (std::uint32_t i = 0; i < 40; ++i) {
    CHECK(further.item_bias(item_index{i}) == Approx(model.item_bias(item_index{i})).margin(1e-4));
  }
  CHECK(objective(log, further) == Approx(objective(log, model)).epsilon(1e-5));
}

TEST_CASE("biased MF learns ratings it has not seen", "[biased_mf]") {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    INFO("seed " << seed);
    const interactions log = random_ratings(seed, 200, 100, 40);
    std::vector<interaction> train;
    std::vector<interaction> test;
    for (std::uint32_t u = 0; u < 200; ++u) {
      const auto row = log.items_of(user_index{u});
      for (std::size_t e = 0; e < row.size(); ++e) {
        (e % 5 == u % 5 ? test : train).push_back({user_index{u}, item_index{row.index[e]}, row.weight[e], {}});
      }
    }
    const interactions seen = interactions::from_events(train, 200, 100);
    const interactions unseen = interactions::from_events(test, 200, 100);
    const double biases = rmse(unseen, fit_biased_mf(seen, {.rank = 0, .bias_regularization = 0.02F}));
    const double factors =
        rmse(unseen, fit_biased_mf(seen, {.rank = 4, .regularization = 0.05F, .bias_regularization = 0.02F}));
    CHECK(biases < 1.1);   // the tastes, .8 either way, and some
    CHECK(factors < 0.6);  // the noise, .3, and what is left to learn
  }
}

TEST_CASE("biased MF: any number of threads gives the same bits", "[biased_mf][concurrency]") {
  const interactions log = random_ratings(2, 5000, 300, 8);
  const biased_mf_options options{.rank = 7, .epochs = 1};
  const biased_mf_model expected = fit_biased_mf(log, options);
  for (const std::size_t threads : {1U, 2U, 3U, 7U}) {
    INFO(threads << " threads");
    backwards_executor backwards{threads};
    striping_executor striping{threads};
    CHECK(same_model(fit_biased_mf(log, options, backwards), expected));
    CHECK(same_model(fit_biased_mf(log, options, striping), expected));
  }
}

TEST_CASE("folding a user's own ratings in gives the user", "[biased_mf]") {
  const interactions log = random_ratings(6, 60, 40, 9);
  const biased_mf_model model = fit_biased_mf(log, {.rank = 6});
  std::vector<float> x(7);
  std::vector<float> scores(40);
  for (std::uint32_t u = 0; u < 60; ++u) {
    const history given = history_of(log, u);
    model.fold_in(given.items, given.weights, x);
    CHECK(learners::same_bits(x, model.user_vector(user_index{u})));
    scores = scores_of(model, given);
    for (std::uint32_t i = 0; i < 40; ++i) CHECK(scores[i] == model.predict(user_index{u}, item_index{i}));
  }
  check_histories(model);
}

TEST_CASE("biased MF predicts the mean and the biases where it knows no more", "[biased_mf]") {
  const interactions log = random_ratings(7, 60, 40, 9);
  const biased_mf_model model = fit_biased_mf(log, {.rank = 6});
  const item_index known{3};
  CHECK(model.predict(user_index{59}, known) == Approx(model.mean() + model.item_bias(known)));
  CHECK(model.predict(user_index{0}, item_index{39}) == Approx(model.mean() + model.user_vector(user_index{0})[0]));
  CHECK(scores_of(model, {})[3] == Approx(model.mean() + model.item_bias(known)));
  CHECK(model.lowest() >= 1);
  CHECK(model.highest() <= 5);
  CHECK(model.clipped(9) == model.highest());
  CHECK(model.clipped(-9) == model.lowest());
  CHECK(model.clipped(3) == 3);
}

TEST_CASE("biased MF on empty and tiny logs", "[biased_mf]") {
  CHECK(fit_biased_mf({}, {}).n_items() == 0);
  CHECK(biased_mf_model().n_users() == 0);
  const biased_mf_model nothing = fit_biased_mf(interactions::from_events({}, 3, 2), {});
  CHECK(nothing.predict(user_index{2}, item_index{1}) == 0);
  CHECK(nothing.clipped(4) == 0);
  const interaction one{user_index{0}, item_index{0}, 4.0F, {}};
  const biased_mf_model single = fit_biased_mf(interactions::from_events({&one, 1}, 1, 1), {.rank = 2});
  CHECK(single.predict(user_index{0}, item_index{0}) == Approx(4));
  std::vector<interaction> events;  // a user with every item
  for (std::uint32_t i = 0; i < 5; ++i)
    events.push_back({user_index{0}, item_index{i}, 1.0F + static_cast<float>(i), {}});
  const biased_mf_model all = fit_biased_mf(interactions::from_events(events, 2, 5),
                                            {.rank = 8, .regularization = 0.01F, .bias_regularization = 0.01F});
  for (std::uint32_t i = 0; i + 1 < 5; ++i) {
    CHECK(all.predict(user_index{0}, item_index{i}) < all.predict(user_index{0}, item_index{i + 1}));
  }
}

TEST_CASE("the seed decides a biased MF, and nothing else does", "[biased_mf]") {
  const interactions log = random_ratings(4, 60, 40, 7);
  const biased_mf_model a = fit_biased_mf(log, {.rank = 8, .epochs = 2, .seed = 1});
  CHECK(same_model(a, fit_biased_mf(log, {.rank = 8, .epochs = 2, .seed = 1})));
  CHECK_FALSE(same_model(a, fit_biased_mf(log, {.rank = 8, .epochs = 2, .seed = 2})));
}

TEST_CASE("biased MF: bad options are refused by name", "[biased_mf]") {
  const interactions log = random_ratings(8, 10, 10, 2);
  const auto field_of = [&](const biased_mf_options& options) {
    return refused_field([&] { (void)fit_biased_mf(log, options); });
  };
  CHECK(field_of({.rank = 1025}) == "rank");
  for (const float bad : {0.0F, -1.0F, std::nanf(""), HUGE_VALF}) {
    CHECK(field_of({.regularization = bad}) == "regularization");
    CHECK(field_of({.bias_regularization = bad}) == "bias_regularization");
    CHECK(field_of({.init_stddev = bad}) == "init_stddev");
  }
  for (const float bad : {-0.1F, 1.1F, std::nanf("")}) CHECK(field_of({.nu = bad}) == "nu");
  CHECK(field_of({.epochs = 0}) == "epochs");
  CHECK(field_of({.epochs = 10001}) == "epochs");
  CHECK(field_of({.rank = 0, .epochs = 1}) == "accepted");
}

TEST_CASE("ratings beyond float32 end in an error that says what to do", "[biased_mf]") {
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < 8; ++u) {
    for (std::uint32_t i = 0; i < 4; ++i)
      events.push_back({user_index{u}, item_index{i}, (u + i) % 2 == 0 ? 3e38F : 1.0F, {}});
  }
  const interactions log = interactions::from_events(events, 8, 4);
  const auto failure = error_of([&] { (void)fit_biased_mf(log, {.rank = 4, .init_stddev = 100.0F}); });
  REQUIRE(failure);
  CHECK(failure->code() == errc::not_finite);
  CHECK(failure->remedy().find("ratings down") != std::string::npos);
}

TEST_CASE("biased MF reports progress and is cancelled", "[biased_mf]") {
  const interactions log = random_ratings(9, 5000, 20, 3);
  check_progress("biased_mf",
                 [&](const progress& report) { (void)fit_biased_mf(log, {.rank = 2, .epochs = 2}, {}, report); });
}
