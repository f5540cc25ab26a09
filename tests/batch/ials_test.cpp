#include "tandem/batch/ials.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "dense_reference.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

bool same_bits(const factor_model& a, const factor_model& b) {
  return same_bits(a.user_matrix(), b.user_matrix()) && same_bits(a.item_matrix(), b.item_matrix()) &&
         same_bits(a.gram(), b.gram());
}

bool all_zero(std::span<const float> x) {
  return std::all_of(x.begin(), x.end(), [](float each) { return each == 0; });
}

/// Runs calls last to first, as if on n threads.
struct backwards_executor {
  std::size_t threads;
  void parallel_for(std::size_t n, function_ref<void(std::size_t)> f) {
    while (n-- > 0) f(n);
  }
  [[nodiscard]] std::size_t concurrency() const { return threads; }
};

/// Runs calls in a random order.
struct shuffling_executor {
  random_stream random{3};
  void parallel_for(std::size_t n, function_ref<void(std::size_t)> f) {
    std::vector<std::size_t> order(n);
    for (std::size_t i = 0; i < n; ++i) order[i] = i;
    for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    for (const std::size_t i : order) f(i);
  }
  [[nodiscard]] std::size_t concurrency() const { return 5; }
};

/// Real threads, each taking every threads-th call.
struct striping_executor {
  std::size_t threads;
  void parallel_for(std::size_t n, function_ref<void(std::size_t)> f) {
    std::vector<std::thread> running;
    for (std::size_t t = 0; t < threads; ++t) {
      running.emplace_back([=, this] {
        for (std::size_t i = t; i < n; i += threads) f(i);
      });
    }
    for (std::thread& each : running) each.join();
  }
  [[nodiscard]] std::size_t concurrency() const { return threads; }
};

}  // namespace

TEST_CASE("every epoch lowers the objective", "[ials]") {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    INFO("seed " << seed);
    const bool weighted = seed % 2 == 1;
    const interactions log = reference::random_log(seed, 60, 40, 7, weighted);
    const float nus[] = {0.0F, 0.5F, 1.0F};
    ials_options options{.rank = 5 + seed, .alpha0 = 0.2F, .nu = nus[seed % 3], .seed = seed};
    double before = std::numeric_limits<double>::infinity();
    for (options.epochs = 1; options.epochs <= 6; ++options.epochs) {
      const double now = reference::objective(log, fit_ials(log, options));
      CHECK(now <= before * (1 + 1e-6));
      before = now;
    }
  }
}

TEST_CASE("users are the exact minimiser for the items returned", "[ials]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::size_t ranks[] = {1, 3, 8, 17, 33};
    const ials_options options{.rank = ranks[seed % 5],
                               .alpha0 = 0.3F,
                               .regularization = 0.02F,
                               .nu = seed % 2 == 0 ? 1.0F : 0.3F,
                               .epochs = 1 + seed % 4,
                               .seed = seed};
    INFO("seed " << seed << ", rank " << options.rank);
    const interactions log = reference::random_log(seed, 50, 30, 6, seed % 3 == 0);
    const factor_model model = fit_ials(log, options);
    const reference::matrix w = reference::dense(log);
    const reference::matrix y = reference::rows_of(model.item_matrix(), options.rank);
    const reference::matrix x = reference::rows_of(model.user_matrix(), options.rank);
    for (Eigen::Index u = 0; u < w.rows(); ++u) {
      const auto e = reference::equations(w.row(u).transpose(), y, model.weights());
      const Eigen::VectorXd gradient = e.a * x.row(u).transpose() - e.b;
      CHECK(gradient.norm() <= 2e-5 * (1 + e.b.norm()));
      CHECK((reference::solve(e) - x.row(u).transpose()).norm() <= 1e-4);
    }
  }
}

TEST_CASE("items reach their minimiser too when epochs are many", "[ials]") {
  const interactions log = reference::random_log(5, 60, 40, 7, true);
  const factor_model model = fit_ials(log, {.rank = 6, .alpha0 = 0.3F, .regularization = 0.05F, .epochs = 400});
  const reference::matrix w = reference::dense(log);
  const reference::matrix x = reference::rows_of(model.user_matrix(), 6);
  const reference::matrix y = reference::rows_of(model.item_matrix(), 6);
  for (Eigen::Index i = 0; i < w.cols(); ++i) {
    const auto e = reference::equations(w.col(i), x, model.weights());
    CHECK((e.a * y.row(i).transpose() - e.b).norm() <= 2e-4 * (1 + e.b.norm()));
  }
}

TEST_CASE("rows without history are zero and carry no weight beyond their count", "[ials]") {
  const interactions log = reference::random_log(1, 40, 30, 5, false);
  const factor_model model = fit_ials(log, {.rank = 8});
  CHECK(model.n_users() == 40);
  CHECK(model.n_items() == 30);
  CHECK(all_zero(model.user_factors(user_index{39})));
  CHECK(all_zero(model.item_factors(item_index{29})));
  CHECK_FALSE(all_zero(model.item_factors(item_index{0})));
}

TEST_CASE("any executor gives the same bits", "[ials]") {
  // more than one wave of rows and more than one block of the Gramian on the users' side
  const interactions log = reference::random_log(2, 5000, 300, 8, true);
  const ials_options options{.rank = 12, .epochs = 1};
  const factor_model expected = fit_ials(log, options);
  for (const std::size_t threads : {1U, 2U, 3U, 7U}) {
    INFO(threads << " threads");
    backwards_executor backwards{threads};
    CHECK(same_bits(fit_ials(log, options, backwards), expected));
  }
  shuffling_executor shuffling;
  CHECK(same_bits(fit_ials(log, options, shuffling), expected));
}

TEST_CASE("any number of threads gives the same bits", "[ials][concurrency]") {
  const interactions log = reference::random_log(3, 2000, 600, 8, true);
  const ials_options options{.rank = 12, .epochs = 1};
  const factor_model expected = fit_ials(log, options);
  for (const std::size_t threads : {1U, 2U, 3U, 7U}) {
    INFO(threads << " threads");
    striping_executor striping{threads};
    CHECK(same_bits(fit_ials(log, options, striping), expected));
  }
}

TEST_CASE("the seed decides the start, and nothing else does", "[ials]") {
  const interactions log = reference::random_log(4, 60, 40, 7, false);
  const factor_model a = fit_ials(log, {.rank = 8, .seed = 1});
  CHECK(same_bits(a, fit_ials(log, {.rank = 8, .seed = 1})));
  CHECK_FALSE(same_bits(a, fit_ials(log, {.rank = 8, .seed = 2})));
}

TEST_CASE("a warm start goes on where the earlier model stopped", "[ials]") {
  const interactions log = reference::random_log(6, 80, 50, 8, false);
  const factor_model cold = fit_ials(log, {.rank = 8, .epochs = 6});
  const factor_model warm = fit_ials(log, {.rank = 8, .warm_epochs = 3}, {}, {}, &cold);
  CHECK(same_bits(warm, fit_ials(log, {.rank = 8, .epochs = 9})));
}

TEST_CASE("a warm start on a grown log is worth more than a cold epoch and hardly turns the space", "[ials]") {
  const interactions old_log = reference::random_log(7, 80, 50, 8, false);
  const factor_model old_model = fit_ials(old_log, {.rank = 6, .alpha0 = 0.3F, .regularization = 0.02F, .epochs = 60});
  // the same events, ten more users and five more items
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < 80; ++u) {
    for (const std::uint32_t i : old_log.items_of(user_index{u}).index)
      events.push_back({user_index{u}, item_index{i}});
  }
  for (std::uint32_t u = 80; u < 90; ++u) {
    for (std::uint32_t i = u - 80; i < 55; i += 6) events.push_back({user_index{u}, item_index{i}});
  }
  const interactions log = interactions::from_events(events, 90, 55, merge_rule::binary);
  const ials_options options{.rank = 6, .alpha0 = 0.3F, .regularization = 0.02F, .epochs = 1, .warm_epochs = 1};
  const factor_model warm = fit_ials(log, options, {}, {}, &old_model);
  CHECK(warm.n_users() == 90);
  CHECK(warm.n_items() == 55);
  CHECK_FALSE(all_zero(warm.item_factors(item_index{54})));
  CHECK(reference::objective(log, warm) < reference::objective(log, fit_ials(log, options)));
  double agreement = 0;
  double norms = 0;
  for (std::uint32_t i = 0; i < 49; ++i) {
    const auto a = warm.item_factors(item_index{i});
    const auto b = old_model.item_factors(item_index{i});
    for (std::size_t j = 0; j < 6; ++j) {
      agreement += static_cast<double>(a[j]) * static_cast<double>(b[j]);
      norms += (static_cast<double>(a[j]) * static_cast<double>(a[j]) +
                static_cast<double>(b[j]) * static_cast<double>(b[j])) /
               2;
    }
  }
  CHECK(agreement / norms > 0.9);
}

TEST_CASE("the random start of a row depends on the seed and its index alone", "[ials]") {
  std::vector<float> a(8);
  std::vector<float> b(8);
  detail::random_row(5, 17, 0.1, a);
  detail::random_row(5, 17, 0.1, b);
  CHECK(same_bits(std::span<const float>(a), std::span<const float>(b)));
  detail::random_row(5, 18, 0.1, b);
  CHECK_FALSE(same_bits(std::span<const float>(a), std::span<const float>(b)));
}

TEST_CASE("a warm start of another rank is refused", "[ials]") {
  const interactions log = reference::random_log(8, 30, 20, 5, false);
  const factor_model other = fit_ials(log, {.rank = 4, .epochs = 1});
  try {
    (void)fit_ials(log, {.rank = 8}, {}, {}, &other);
    FAIL("no error");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::invalid_argument);
    CHECK(failure.where().field == "rank");
  }
}

TEST_CASE("progress counts rows to the end, often enough, on the calling thread", "[ials]") {
  const interactions log = reference::random_log(9, 9000, 100, 2, false);
  std::vector<std::size_t> steps{0};
  std::size_t total = 0;
  const auto caller = std::this_thread::get_id();
  striping_executor striping{2};
  (void)fit_ials(log, {.rank = 2, .epochs = 2}, striping, [&](const progress_report& report) {
    CHECK(report.stage == "ials");
    CHECK(std::this_thread::get_id() == caller);
    steps.push_back(report.done);
    total = report.total;
    return true;
  });
  CHECK(total == 3 * 9000 + 2 * 100);
  CHECK(steps.back() == total);
  for (std::size_t s = 1; s < steps.size(); ++s) {
    CHECK(steps[s] > steps[s - 1]);
    CHECK(steps[s] - steps[s - 1] <= 4096);
  }
}

TEST_CASE("cancelling at any step throws cancelled and leaves everything as it was", "[ials]") {
  const interactions log = reference::random_log(10, 60, 40, 6, false);
  const factor_model start = fit_ials(log, {.rank = 4, .epochs = 2});
  const factor_model copy = start;
  const factor_model expected = fit_ials(log, {.rank = 4}, {}, {}, &start);
  for (std::size_t stop = 1; stop <= 9; ++stop) {
    std::size_t calls = 0;
    try {
      (void)fit_ials(
          log, {.rank = 4}, {}, [&](const progress_report&) { return ++calls < stop; }, &start);
      FAIL("not cancelled at call " << stop);
    } catch (const error& failure) {
      CHECK(failure.code() == errc::cancelled);
      CHECK(calls == stop);
    }
  }
  CHECK(same_bits(start, copy));
  CHECK(same_bits(fit_ials(log, {.rank = 4}, {}, {}, &start), expected));
}

TEST_CASE("an exception of the progress callback comes through", "[ials]") {
  const interactions log = reference::random_log(11, 20, 20, 4, false);
  CHECK_THROWS_AS(
      fit_ials(log, {.rank = 2}, {}, [](const progress_report&) -> bool { throw std::logic_error("host"); }),
      std::logic_error);
}

TEST_CASE("empty and tiny logs are fitted", "[ials]") {
  CHECK(fit_ials({}, {.rank = 8}).n_users() == 0);
  CHECK(fit_ials({}, {.rank = 8}).rank() == 8);
  const factor_model no_events = fit_ials(interactions::from_events({}, 3, 2), {.rank = 4});
  CHECK(no_events.n_users() == 3);
  CHECK(all_zero(no_events.user_matrix()));
  CHECK(all_zero(no_events.item_matrix()));
  const factor_model no_users = fit_ials(interactions::from_events({}, 0, 5), {.rank = 4});
  CHECK(no_users.n_items() == 5);
  const interaction one{user_index{0}, item_index{0}};
  const factor_model single =
      fit_ials(interactions::from_events({&one, 1}, 1, 1), {.rank = 1, .alpha0 = 0.1F, .epochs = 20});
  CHECK(single.score(user_index{0}, item_index{0}) > 0.5F);
}

TEST_CASE("a rank above the number of items is fitted", "[ials]") {
  const interactions log = reference::random_log(12, 40, 7, 3, false);
  const factor_model model = fit_ials(log, {.rank = 64});
  const std::vector<float> wide(model.user_matrix().begin(), model.user_matrix().end());
  CHECK(detail::all_finite(wide));
  CHECK(reference::objective(log, model) < reference::objective(log, fit_ials(log, {.rank = 1})) * 1.000001);
}

TEST_CASE("without an alpha0 what a user did not have weighs as 500 events in all", "[ials]") {
  const auto alpha0_of = [](std::uint32_t n_items, const ials_options& options) {
    const interactions log = reference::random_log(15, 20, n_items, 3, false);
    const factor_model model = fit_ials(log, options);
    const factor_model same = fit_ials(log, [&] {
      ials_options explicitly = options;
      explicitly.alpha0 = model.weights().alpha0;
      return explicitly;
    }());
    CHECK(std::ranges::equal(model.item_matrix(), same.item_matrix()));
    return model.weights().alpha0;
  };
  CHECK(alpha0_of(2000, {.rank = 3, .epochs = 1}) == 0.25F);
  CHECK(alpha0_of(500, {.rank = 3, .epochs = 1}) == 1);
  CHECK(alpha0_of(7, {.rank = 3, .epochs = 1}) == 1);  // never more than an event
  CHECK(alpha0_of(2000, {.rank = 3, .alpha0 = 0.1F, .epochs = 1}) == 0.1F);
  CHECK(ials_options{}.for_items(0).alpha0 == 1);
}

TEST_CASE("bad options are refused by name", "[ials]") {
  const interactions log = reference::random_log(13, 10, 10, 2, false);
  const auto field_of = [&](const ials_options& options) {
    try {
      (void)fit_ials(log, options);
    } catch (const error& failure) {
      CHECK(failure.code() == errc::invalid_argument);
      return failure.where().field;
    }
    return std::string("accepted");
  };
  const float nan = std::nanf("");
  const float inf = HUGE_VALF;
  CHECK(field_of({.rank = 0}) == "rank");
  CHECK(field_of({.rank = 1025}) == "rank");
  for (const float bad : {-1.0F, nan, inf}) CHECK(field_of({.alpha0 = bad}) == "alpha0");
  for (const float bad : {0.0F, -1.0F, nan, inf}) {
    CHECK(field_of({.regularization = bad}) == "regularization");
    CHECK(field_of({.init_stddev = bad}) == "init_stddev");
  }
  for (const float bad : {-0.1F, 1.1F, nan}) CHECK(field_of({.nu = bad}) == "nu");
  CHECK(field_of({.epochs = 0}) == "epochs");
  CHECK(field_of({.warm_epochs = 0}) == "warm_epochs");
  CHECK(field_of({.solver = static_cast<ials_solver>(3)}) == "solver");
  CHECK(field_of({.steps = 0}) == "steps");
  CHECK(field_of({.steps = 1001}) == "steps");
  CHECK(field_of({.block = 0}) == "block");
  CHECK(field_of({.precision = static_cast<ials_precision>(2)}) == "precision");
  CHECK(field_of({.solver = ials_solver::block, .precision = ials_precision::bfloat16}) == "precision");
  CHECK(field_of({.rank = 2, .epochs = 1}) == "accepted");
}

TEST_CASE("weights beyond float32 end in an error that says what to do", "[ials]") {
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < 8; ++u) {
    for (std::uint32_t i = 0; i < 4; ++i) events.push_back({user_index{u}, item_index{(u + i) % 8}, 3e38F, {}});
  }
  const interactions log = interactions::from_events(events, 8, 8);
  try {
    (void)fit_ials(log, {.rank = 4, .init_stddev = 10.0F});
    FAIL("no error");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::not_finite);
    CHECK(failure.remedy().find("regularization") != std::string::npos);
  }
}
