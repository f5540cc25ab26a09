#include "tandem/batch/tune.hpp"

#include <vector>

#include "grouped_log.hpp"
#include "support/catch.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;
using namespace tandem::batch;
using grouped::field_of;

TEST_CASE("tuning finds better settings than it starts with, the same ones every time") {
  const std::vector<time_fold> folds = time_folds(grouped::events(4, 250, 100), 250, 100, 2, 0.3, merge_rule::binary);
  const validation first(folds[0].train, folds[0].held_out);
  const validation second(folds[1].train, folds[1].held_out);
  const tuning_fold both[] = {{folds[0].train, first}, {folds[1].train, second}};
  const ials_options start{.rank = 8, .alpha0 = 1, .regularization = 1, .epochs = 8};
  const tuning_options options{.trials = 8};
  std::vector<std::size_t> steps;
  const tuning_result result = tune_ials(both, start, options, {}, [&](const progress_report& report) {
    CHECK(report.stage == "tune");
    CHECK(report.total == 16);
    steps.push_back(report.done);
    return true;
  });
  CHECK(steps.back() == 16);
  REQUIRE(result.trials.size() == 8);
  const double without =
      (first.ndcg(fit_ials(folds[0].train, start)) + second.ndcg(fit_ials(folds[1].train, start))) / 2;
  CHECK(result.ndcg > without);
  for (const tuning_trial& trial : result.trials) {
    CHECK(trial.ndcg <= result.ndcg);
    CHECK(trial.options.alpha0 >= 0.01F);
    CHECK(trial.options.alpha0 <= 1.0F);
    CHECK(trial.options.regularization >= 0.0003F);
    CHECK(trial.options.regularization <= 0.1F);
    CHECK(trial.options.nu == 1);
    CHECK(trial.options.epochs >= 1);
    CHECK(trial.options.rank == 8);
  }
  thread_pool pool(2);
  const tuning_result again = tune_ials(both, start, options, pool);
  CHECK(again.ndcg == result.ndcg);
  CHECK(again.best.alpha0 == result.best.alpha0);
  CHECK(again.best.regularization == result.best.regularization);
}

TEST_CASE("tuning can be cancelled, and refuses what it cannot search") {
  const std::vector<time_fold> folds = time_folds(grouped::events(5, 60, 50), 60, 50, 1, 0.3, merge_rule::binary);
  const validation judge(folds[0].train, folds[0].held_out);
  const tuning_fold fold[] = {{folds[0].train, judge}};
  try {
    (void)tune_ials(fold, {.rank = 4}, {}, {}, [](const progress_report& report) { return report.done < 3; });
    FAIL("not cancelled");
  } catch (const error& failure) {
    CHECK(failure.code() == errc::cancelled);
  }
  const auto tune = [&](const tuning_options& options) { (void)tune_ials(fold, {.rank = 4}, options); };
  CHECK(field_of([&] { tune({.trials = 0}); }) == "tuning.trials");
  CHECK(field_of([&] { tune({.alpha0 = {0, 1}}); }) == "tuning.alpha0");
  CHECK(field_of([&] { tune({.regularization = {2, 1}}); }) == "tuning.regularization");
  CHECK(field_of([&] { tune({.nu = {0, 2}}); }) == "tuning.nu");
  CHECK(field_of([&] { (void)tune_ials({}, {.rank = 4}); }) == "folds");
  CHECK(field_of([&] { (void)tune_ials(fold, {.rank = 0}); }) == "rank");
}
