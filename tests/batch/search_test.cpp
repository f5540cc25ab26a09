#include "tandem/batch/search.hpp"

#include <cmath>
#include <vector>

#include "grouped_log.hpp"
#include "learners.hpp"
#include "support/catch.hpp"
#include "tandem/batch/bpr.hpp"
#include "tandem/batch/ease.hpp"
#include "tandem/batch/item_knn.hpp"
#include "tandem/batch/time_folds.hpp"
#include "tandem/batch/user_folds.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;
using namespace tandem::batch;
using grouped::field_of;

namespace {

// A learner without a log: what it is worth is a function of its options.
struct bowl_options {
  float x = 0;
  float y = 0;
  std::size_t n = 0;
  void validate() const {
    if (!(x <= 100)) throw error(errc::invalid_argument, "is more than 100", {{}, 0, "x"});
  }
};

const interactions& some_log() {
  static const interactions log = interactions::from_events(grouped::events(1, 40, 30), 40, 30, merge_rule::binary);
  return log;
}

struct held_fold {
  user_fold parts = user_folds(some_log(), {.held_out_share = 0.3})[0];
  validation judge{parts.known, parts.held_out};
  tuning_fold fold{parts.train, judge};
};

const std::vector<tuned_option<bowl_options>> bowl_ranges = {{"x", &bowl_options::x, {0.01F, 100}},
                                                             {"y", &bowl_options::y, {-1, 1}, tuning_scale::linear},
                                                             {"n", &bowl_options::n, {1, 1000}}};

double bowl(const bowl_options& o) {
  const double x = std::log(static_cast<double>(o.x) / 3.0);
  const double y = static_cast<double>(o.y) - 0.4;
  const double n = std::log(static_cast<double>(o.n) / 50.0);
  return std::exp(-(x * x + 4 * y * y + n * n) / 20);
}

search_result<bowl_options> search_bowl(const search_options& options) {
  const held_fold one;
  const tuning_fold folds[] = {one.fold, one.fold};
  return search<bowl_options>(
      folds, {}, bowl_ranges, options,
      [](const tuning_fold&, const bowl_options& o, const progress&) { return tuning_score{bowl(o)}; });
}

}  // namespace

TEST_CASE("a search closes in on the best place of a bowl, from every seed") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto found = search_bowl({.trials = 60, .seed = seed});
    INFO(seed);
    CHECK(found.ndcg > 0.97);
    CHECK(found.ndcg == Approx(bowl(found.best)));
    double first_half = 0;
    for (std::size_t t = 0; t < 30; ++t) first_half = std::max(first_half, found.trials[t].ndcg);
    CHECK(found.ndcg >= first_half);
    for (const auto& trial : found.trials) {
      CHECK((trial.options.x >= 0.01F && trial.options.x <= 100));
      CHECK((trial.options.y >= -1 && trial.options.y <= 1));
      CHECK((trial.options.n >= 1 && trial.options.n <= 1000));
      CHECK(trial.ndcg <= found.ndcg);
    }
  }
}

TEST_CASE("the first trials spread over every range, evenly on its scale") {
  const auto found = search_bowl({.trials = 200, .seed = 3});
  std::size_t low_x = 0;
  std::size_t low_y = 0;
  for (std::size_t t = 0; t < 100; ++t) {
    low_x += found.trials[t].options.x < 1 ? 1U : 0U;  // half of the orders of magnitude
    low_y += found.trials[t].options.y < 0 ? 1U : 0U;
  }
  CHECK((low_x >= 45 && low_x <= 55));
  CHECK((low_y >= 45 && low_y <= 55));
}

TEST_CASE("equal ends keep an option, and the same seed gives the same trials") {
  const held_fold one;
  const tuning_fold folds[] = {one.fold};
  const std::vector<tuned_option<bowl_options>> ranges = {{"x", &bowl_options::x, {0.7F, 0.7F}},
                                                          {"n", &bowl_options::n, {5, 5}}};
  const auto judge = [](const tuning_fold&, const bowl_options& o, const progress&) { return tuning_score{bowl(o)}; };
  for (const auto& trial : search<bowl_options>(folds, {.y = 0.5F}, ranges, {}, judge).trials) {
    CHECK(trial.options.x == 0.7F);
    CHECK(trial.options.n == 5);
    CHECK(trial.options.y == 0.5F);
  }
  const auto first = search_bowl({.seed = 9});
  const auto second = search_bowl({.seed = 9});
  const auto other = search_bowl({.seed = 10});
  CHECK(first.best.x == second.best.x);
  CHECK(first.trials[3].options.x == second.trials[3].options.x);
  CHECK(first.trials[3].options.x != other.trials[3].options.x);
}

TEST_CASE("a setting that has no solution counts as 0, other failures end the search") {
  const held_fold one;
  const tuning_fold folds[] = {one.fold};
  const auto found =
      search<bowl_options>(folds, {}, bowl_ranges, {}, [](const tuning_fold&, const bowl_options& o, const progress&) {
        if (o.x > 1) throw error(errc::not_finite, "diverged");
        return tuning_score{bowl(o)};
      });
  CHECK(found.best.x <= 1);
  CHECK(std::any_of(found.trials.begin(), found.trials.end(), [](const auto& each) { return each.ndcg == 0; }));
  const auto fails = [&](errc code) {
    return learners::error_of([&] {
             (void)search<bowl_options>(folds, {}, bowl_ranges, {},
                                        [&](const tuning_fold&, const bowl_options&, const progress&) -> tuning_score {
                                          throw error(code, "");
                                        });
           })->code() == code;
  };
  CHECK(fails(errc::invalid_argument));
  CHECK(fails(errc::cancelled));
  CHECK(fails(errc::not_finite));  // every setting

  const tuning_fold two[] = {one.fold, one.fold};
  std::size_t calls = 0;
  const auto second_fold_fails = [&](const tuning_fold&, const bowl_options& o, const progress&) {
    if (calls++ % 2 == 1 && o.x > 1) throw error(errc::not_finite, "diverged");
    return tuning_score{bowl(o)};
  };
  for (const auto& trial : search<bowl_options>(two, {}, bowl_ranges, {}, second_fold_fails).trials) {
    CHECK((trial.ndcg == 0) == (trial.options.x > 1));
  }
}

TEST_CASE("a search refuses what it cannot do before it fits anything") {
  const held_fold one;
  const tuning_fold folds[] = {one.fold};
  const auto with = [&](const std::vector<tuned_option<bowl_options>>& ranges, const search_options& options = {},
                        std::span<const tuning_fold> on = {}) {
    return field_of([&] {
      (void)search<bowl_options>(on, {}, ranges, options,
                                 [](const tuning_fold&, const bowl_options&, const progress&) -> tuning_score {
                                   throw std::logic_error("fitted");
                                 });
    });
  };
  const auto x = [](tuning_range range, tuning_scale scale = tuning_scale::logarithmic) {
    return std::vector<tuned_option<bowl_options>>{{"x", &bowl_options::x, range, scale}};
  };
  CHECK(with(bowl_ranges, {.trials = 0}, folds) == "tuning.trials");
  CHECK(with(bowl_ranges, {.trials = 10001}, folds) == "tuning.trials");
  CHECK(with({}, {}, folds) == "tuning.ranges");
  CHECK(with(std::vector<tuned_option<bowl_options>>(7, bowl_ranges[0]), {}, folds) == "tuning.ranges");
  CHECK(with(x({0, 1}), {}, folds) == "tuning.x");
  CHECK(with(x({2, 1}), {}, folds) == "tuning.x");
  CHECK(with(x({1, HUGE_VALF}), {}, folds) == "tuning.x");
  CHECK(with(x({std::nanf(""), 1}, tuning_scale::linear), {}, folds) == "tuning.x");
  CHECK(with(x({1, 101}), {}, folds) == "x");  // by the options' own validate()
  CHECK(with(bowl_ranges) == "folds");
}

TEST_CASE("every learner can be tuned, is the better for it, and the same by any executor") {
  const interactions log = interactions::from_events(grouped::events(4, 250, 100), 250, 100, merge_rule::binary);
  const std::vector<user_fold> parts = user_folds(log, {.folds = 2, .held_out_share = 0.4});
  const validation first(parts[0].known, parts[0].held_out);
  const validation second(parts[1].known, parts[1].held_out);
  const tuning_fold folds[] = {{parts[0].train, first}, {parts[1].train, second}};
  const auto check = [&](const auto& fit, const auto& start, const auto& ranges) {
    const search_options options{.trials = 8};
    const auto found = tune(folds, fit, start, ranges, options);
    const auto ndcg_of = [&](const auto& with) {
      return (first.ndcg(fit(parts[0].train, with, {}, {})) + second.ndcg(fit(parts[1].train, with, {}, {}))) / 2;
    };
    CHECK(found.ndcg > ndcg_of(start));
    CHECK(found.ndcg == Approx(ndcg_of(found.best)));
    thread_pool pool(3);
    const auto again = tune(folds, fit, start, ranges, options, pool);
    CHECK(again.ndcg == found.ndcg);
    std::size_t steps = 0;
    CHECK(learners::error_of([&] {
            (void)tune(folds, fit, start, ranges, options, {}, [&](const progress_report& report) {
              CHECK(report.stage == "tune");
              CHECK(report.total == 16);
              return ++steps < 2;
            });
          })->code() == errc::cancelled);
    CHECK(steps == 2);
  };
  const std::vector<tuned_option<ease_options>> ease = {{"regularization", &ease_options::regularization, {1, 1000}}};
  check(fit_ease, ease_options{.regularization = 1e6F}, ease);
  const std::vector<tuned_option<item_knn_options>> knn = {
      {"neighbours", &item_knn_options::neighbours, {5, 100}},
      {"shrinkage", &item_knn_options::shrinkage, {0, 50}, tuning_scale::linear}};
  check(fit_item_knn, item_knn_options{.neighbours = 1}, knn);
  const std::vector<tuned_option<bpr_options>> bpr = {{"learning_rate", &bpr_options::learning_rate, {0.005F, 0.2F}}};
  check(fit_bpr, bpr_options{.rank = 8, .learning_rate = 1e-5F, .epochs = 5}, bpr);
}
