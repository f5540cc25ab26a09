#include "tandem/batch/next_item_ridge.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "dense_reference.hpp"
#include "learners.hpp"
#include "support/catch.hpp"
#include "tandem/batch/history_model.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::batch;
using namespace learners;

static_assert(history_model<next_item_ridge_model>);

namespace {

using reference::matrix;

logged_event event_of(std::uint32_t user, std::uint32_t item, float weight = 1) {
  logged_event e;
  e.user = user_index{user};
  e.item = item_index{item};
  e.weight = weight;
  return e;
}

/// A log in which popular items come more often, some of them twice in a row, and an event in ten is a dislike.
std::vector<logged_event> random_events(std::uint64_t seed, std::size_t n, std::uint32_t users, std::uint32_t items) {
  random_stream random(seed, 7);
  std::vector<logged_event> out;
  out.reserve(n);
  for (std::size_t e = 0; e < n; ++e) {
    const double skewed = random.uniform() * random.uniform();
    const auto user = static_cast<std::uint32_t>(random.below(users));
    const float weight = random.below(10) == 0 ? -1.0F : 1.0F;
    out.push_back(event_of(user, static_cast<std::uint32_t>(skewed * items), weight));
  }
  return out;
}

/// The weighted window of a user before an event, of length 1; zeros without a past. By row of the model.
Eigen::RowVectorXd window_of(const std::vector<item_index>& past, const next_item_ridge_model& model,
                             const next_item_ridge_options& o) {
  const auto kept = model.kept();
  Eigen::RowVectorXd x = Eigen::RowVectorXd::Zero(static_cast<Eigen::Index>(kept.size()));
  for (std::size_t k = 0; k < std::min(past.size(), o.window); ++k) {
    const auto at = std::find(kept.begin(), kept.end(), past[past.size() - 1 - k]);
    if (at != kept.end()) x[at - kept.begin()] += std::pow(static_cast<double>(o.decay), static_cast<double>(k));
  }
  return x.norm() > 0 ? Eigen::RowVectorXd(x / x.norm()) : x;
}

/// B as the header defines it, event by event, in double.
matrix closed_form(const std::vector<logged_event>& events, const next_item_ridge_model& model,
                   const next_item_ridge_options& o) {
  const auto kept = model.kept();
  const auto m = static_cast<Eigen::Index>(kept.size());
  matrix gram = matrix::Identity(m, m) * static_cast<double>(o.regularization);
  matrix target = matrix::Zero(m, m);
  std::vector<std::vector<item_index>> past(64);
  std::vector<std::vector<timestamp>> times(64);
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (!(events[e].weight > 0)) continue;
    std::vector<item_index>& before = past[slot(events[e].user)];
    std::vector<timestamp>& when = times[slot(events[e].user)];
    std::vector<item_index> known = before;
    for (std::size_t k = when.size(); o.by_visit && k-- > 0 && when[k] == events[e].time;) known.pop_back();
    when.push_back(events[e].time);
    const Eigen::RowVectorXd x = window_of(known, model, o);
    const double s = std::exp2(-static_cast<double>(events.size() - 1 - e) / o.half_life);
    gram += s * x.transpose() * x;
    const auto at = std::find(kept.begin(), kept.end(), events[e].item);
    if (at != kept.end()) target.col(at - kept.begin()) += s * x.transpose();
    before.push_back(events[e].item);
  }
  return gram.llt().solve(target);
}

matrix weights_of(const next_item_ridge_model& model) {
  return reference::rows_of(model.weights(), model.kept().size());
}

std::vector<item_index> items_of(std::initializer_list<std::uint32_t> items) {
  std::vector<item_index> out;
  out.reserve(items.size());
  for (const std::uint32_t i : items) out.push_back(item_index{i});
  return out;
}

}  // namespace

TEST_CASE("next-item ridge equals the closed form in double", "[next_item_ridge]") {
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    INFO("seed " << seed);
    next_item_ridge_options o;
    o.regularization = seed % 2 == 0 ? 1.0F : 30.0F;
    o.decay = seed % 3 == 0 ? 1.0F : 0.7F;
    o.window = seed % 4 == 0 ? 1 : 3 * seed;
    o.half_life = seed % 5 == 0 ? std::numeric_limits<double>::infinity() : 300;
    o.max_items = seed % 2 == 0 ? 1000 : 20;
    o.by_visit = seed % 4 >= 2;
    std::vector<logged_event> events = random_events(seed, 1500, 40, 60);
    for (std::size_t e = 0; e < events.size(); ++e) events[e].time = from_millis(static_cast<std::int64_t>(e / 130));
    const next_item_ridge_model model = fit_next_item_ridge(events, 70, o);
    REQUIRE(model.kept().size() > 10);
    CHECK((weights_of(model) - closed_form(events, model, o)).cwiseAbs().maxCoeff() <= 2e-5);
  }
}

TEST_CASE("next-item ridge is right at sizes around a block of the inverse", "[next_item_ridge]") {
  for (const std::uint32_t n : {63U, 65U, 256U, 300U}) {
    INFO(n << " items");
    std::vector<logged_event> events = random_events(n, 3000, 40, n);
    for (std::uint32_t i = 0; i < 2 * n; ++i) events.push_back(event_of(i % 7, i % n));  // every item twice
    const next_item_ridge_model model = fit_next_item_ridge(events, n, {.regularization = 5});
    REQUIRE(model.kept().size() == n);
    const matrix expected = closed_form(events, model, {.regularization = 5});
    CHECK((weights_of(model) - expected).cwiseAbs().maxCoeff() <= 2e-5);
  }
}

TEST_CASE("a hand-made log: after the tea comes the milk", "[next_item_ridge]") {
  // two users, tea (1) then milk (0), no other past: x is tea alone, so B has 2 / (2 + lambda) in one cell
  const std::vector<logged_event> events = {event_of(0, 1), event_of(0, 0), event_of(1, 1), event_of(1, 0)};
  next_item_ridge_options o;
  o.regularization = 0.5F;
  o.half_life = std::numeric_limits<double>::infinity();
  const next_item_ridge_model model = fit_next_item_ridge(events, 3, o);
  std::vector<float> out(3, 9.0F);
  CHECK(model.score_recent(items_of({1}), out));
  CHECK(std::abs(out[0] - 0.8F) < 1e-6F);
  CHECK(out[1] == 0);
  CHECK(out[2] == 0);  // never seen: not kept
  CHECK(model.score_recent(items_of({0}), out));
  CHECK(out == std::vector<float>(3, 0.0F));  // nothing ever followed the milk
}

TEST_CASE("the order of events is what next-item ridge learns", "[next_item_ridge]") {
  std::vector<logged_event> events;
  for (std::uint32_t u = 0; u < 20; ++u) {
    for (std::uint32_t k = 0; k < 9; ++k) events.push_back(event_of(u, (u + k) % 3));
  }
  const next_item_ridge_model model = fit_next_item_ridge(events, 3, {.regularization = 1, .window = 1});
  std::vector<float> out(3);
  for (std::uint32_t i = 0; i < 3; ++i) {
    CHECK(model.score_recent(items_of({i}), out));
    CHECK(std::max_element(out.begin(), out.end()) - out.begin() == (i + 1) % 3);
  }
}

TEST_CASE("scores of next-item ridge are the window times the weights", "[next_item_ridge]") {
  next_item_ridge_options o;
  o.window = 4;
  o.decay = 0.5F;
  o.max_items = 12;
  const next_item_ridge_model model = fit_next_item_ridge(random_events(3, 900, 20, 40), 45, o);
  const std::vector<item_index> latest = items_of({0, 1, 40, 2, 1, 0, 3, 99});  // 99 is beyond the model
  const Eigen::RowVectorXd expected = window_of(latest, model, o) * weights_of(model);
  std::vector<float> out(45, 9.0F);
  CHECK(model.score_recent(latest, out));
  for (std::size_t k = 0; k < model.kept().size(); ++k) {
    CHECK(std::abs(double{out[slot(model.kept()[k])]} - expected[static_cast<Eigen::Index>(k)]) < 1e-6);
  }
  CHECK(std::count(out.begin(), out.end(), 0.0F) >= 45 - 12);

  CHECK(!model.score_recent(items_of({44}), out));  // an item that is not kept
  CHECK(out == std::vector<float>(45, 0.0F));
  CHECK(!model.score_recent({}, out));

  std::vector<float> twice(45), once(45);
  const std::vector<item_index> pair = items_of({1, 1});
  model.score_history(pair, std::vector<float>{1, 1}, twice);
  model.score_history(items_of({1}), std::vector<float>{3}, once);
  CHECK(twice == once);  // length 1 either way
}

TEST_CASE("next-item ridge has the same bits for every executor", "[next_item_ridge]") {
  const std::vector<logged_event> events = random_events(11, 6000, 50, 300);
  const next_item_ridge_model one = fit_next_item_ridge(events, 300);
  striping_executor threads{4};
  backwards_executor backwards{3};
  const next_item_ridge_model four = fit_next_item_ridge(events, 300, {}, threads);
  const next_item_ridge_model odd = fit_next_item_ridge(events, 300, {}, backwards);
  REQUIRE(one.kept().size() > 128);
  CHECK(same_bits(one.weights(), four.weights()));
  CHECK(same_bits(one.weights(), odd.weights()));
}

TEST_CASE("next-item ridge keeps the items with the most events", "[next_item_ridge]") {
  std::vector<logged_event> events;
  for (const std::uint32_t item : {4U, 2U, 2U, 3U, 3U, 0U, 4U, 4U, 1U}) events.push_back(event_of(0, item));
  events.push_back(event_of(0, 1, 0));   // counts nothing
  events.push_back(event_of(0, 1, -1));  // a dislike
  const next_item_ridge_model all = fit_next_item_ridge(events, 5);
  CHECK(std::vector<item_index>(all.kept().begin(), all.kept().end()) == items_of({4, 2, 3}));
  const next_item_ridge_model two = fit_next_item_ridge(events, 5, {.max_items = 2});
  CHECK(std::vector<item_index>(two.kept().begin(), two.kept().end()) == items_of({4, 2}));
  const next_item_ridge_model none = fit_next_item_ridge({}, 5);
  CHECK(none.kept().empty());
  CHECK(none.n_items() == 5);
  CHECK(fit_next_item_ridge({}, 0).n_items() == 0);
}

TEST_CASE("next-item ridge takes histories, reports progress and can be cancelled", "[next_item_ridge]") {
  const std::vector<logged_event> events = random_events(8, 3000, 30, 300);
  check_histories(fit_next_item_ridge(events, 300));
  check_progress("next-item ridge",
                 [&](const progress& report) { (void)fit_next_item_ridge(events, 300, {}, {}, report); });
}

TEST_CASE("a next-item ridge made of its weights scores with the same bits", "[next_item_ridge]") {
  const next_item_ridge_options o{.decay = 0.6F, .window = 5};
  const next_item_ridge_model model = fit_next_item_ridge(random_events(5, 900, 20, 40), 40, o);
  const next_item_ridge_model again = next_item_ridge_model::from_weights(
      {model.kept().begin(), model.kept().end()}, {model.weights().begin(), model.weights().end()}, 40, o);
  std::vector<float> a(40), b(40);
  CHECK(model.score_recent(items_of({0, 3, 1}), a));
  CHECK(again.score_recent(items_of({0, 3, 1}), b));
  CHECK(same_bits(a, b));
}

TEST_CASE("bad input to next-item ridge is refused, and says what", "[next_item_ridge]") {
  const std::vector<logged_event> events = random_events(1, 400, 10, 20);
  const auto refusal = [&](auto change) {
    next_item_ridge_options o;
    change(o);
    return refused_field([&] { (void)fit_next_item_ridge(events, 20, o); });
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(refusal([](auto& o) { o.regularization = 0; }) == "regularization");
  CHECK(refusal([&](auto& o) { o.regularization = nan; }) == "regularization");
  CHECK(refusal([](auto& o) { o.decay = 1.1F; }) == "decay");
  CHECK(refusal([](auto& o) { o.window = 0; }) == "window");
  CHECK(refusal([](auto& o) { o.window = 1025; }) == "window");
  CHECK(refusal([](auto& o) { o.half_life = 0; }) == "half_life");
  CHECK(refusal([](auto& o) { o.max_items = 0; }) == "max_items");
  CHECK(refusal([](auto& o) { o.max_bytes = 0; }) == "max_bytes");
  CHECK(refusal([](auto& o) { o.max_bytes = 2000; }) == "max_bytes");
  CHECK(error_of([&] { (void)fit_next_item_ridge(events, 3); })->code() == errc::invalid_argument);
  CHECK(error_of([&] {
          (void)next_item_ridge_model::from_weights(items_of({1, 1}), {1, 2, 3, 4}, 3);
        })->code() == errc::invalid_argument);
  CHECK(error_of([&] {
          (void)next_item_ridge_model::from_weights(items_of({1}), {1, 2}, 3);
        })->code() == errc::invalid_argument);
  CHECK(error_of([&] { (void)next_item_ridge_model::from_weights(items_of({1}), {nan}, 3); })->code() ==
        errc::not_finite);
  const next_item_ridge_model model = fit_next_item_ridge(events, 20);
  std::vector<float> out(20);
  CHECK(error_of([&] { model.score_history(items_of({20}), std::vector<float>{1}, out); })->code() ==
        errc::invalid_argument);
}
