#include "tandem/batch/early_stopping.hpp"

#include <vector>

#include "grouped_log.hpp"
#include "support/catch.hpp"
#include "tandem/batch/time_folds.hpp"

using namespace tandem;
using namespace tandem::batch;
using grouped::field_of;

TEST_CASE("a fit ends when held-out events are predicted no better, with the best epoch's model") {
  const std::vector<time_fold> folds = time_folds(grouped::events(3, 400, 100), 400, 100, 1, 0.3, merge_rule::binary);
  const validation judge(folds[0].train, folds[0].held_out);
  ials_options options{.rank = 16, .regularization = 0.0005F, .epochs = 60};
  const stopped_fit fit = fit_ials_until_stale(folds[0].train, judge, options);
  CHECK(fit.each.size() < 60);
  CHECK(fit.epochs >= 1);
  CHECK(fit.each.size() >= fit.epochs);
  for (const double ndcg : fit.each) CHECK(ndcg <= fit.ndcg);
  CHECK(fit.each[fit.epochs - 1] == fit.ndcg);
  CHECK(judge.ndcg(fit.model) == fit.ndcg);
  options.epochs = fit.epochs;
  const factor_model again = fit_ials(folds[0].train, options);
  CHECK(std::vector<float>(again.item_matrix().begin(), again.item_matrix().end()) ==
        std::vector<float>(fit.model.item_matrix().begin(), fit.model.item_matrix().end()));
  CHECK(field_of([&] { (void)fit_ials_until_stale(folds[0].train, judge, options, {.patience = 0}); }) ==
        "stopping.patience");
  CHECK(field_of([&] { (void)fit_ials_until_stale(folds[0].train, judge, options, {.min_gain = -1}); }) ==
        "stopping.min_gain");
}
