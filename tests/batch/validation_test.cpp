#include "tandem/batch/validation.hpp"

#include <vector>

#include "grouped_log.hpp"
#include "support/catch.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/batch/time_folds.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;
using namespace tandem::batch;
using grouped::field_of;

TEST_CASE("validation is the mean NDCG over users with something new") {
  // user 0 has item 0 and later takes 1 and 2; user 1 takes what it has; user 2 has no history
  const std::vector<interaction> before{{user_index{0}, item_index{0}},
                                        {user_index{1}, item_index{3}},
                                        {user_index{1}, item_index{2}},
                                        {user_index{1}, item_index{1}}};
  const std::vector<interaction> later{{user_index{0}, item_index{1}},
                                       {user_index{0}, item_index{2}},
                                       {user_index{0}, item_index{0}},
                                       {user_index{1}, item_index{3}},
                                       {user_index{2}, item_index{1}}};
  const interactions train = interactions::from_events(before, 3, 5);
  const interactions held_out = interactions::from_events(later, 3, 5);
  const validation judge(train, held_out, {.at = 3});
  CHECK(judge.n_users() == 1);
  // popularity without item 0: items 1, 2, 3 tie at 1 and stand by index: the targets are first and second
  CHECK(judge.ndcg(popularity(train)) == Approx(1));
  const validation strict(train, held_out, {.at = 1});
  CHECK(strict.ndcg(popularity(train)) == Approx(1));
  const interactions other = interactions::from_events(before, 3, 6);
  CHECK(field_of([&] { validation(train, other); }) == "held_out");
  CHECK(field_of([&] { validation(train, train); }) == "held_out");
  CHECK(field_of([&] { validation(train, held_out, {.at = 0}); }) == "validation.at");
  CHECK(field_of([&] { validation(train, held_out, {.max_users = 0}); }) == "validation.max_users");
}

TEST_CASE("a sample of users is judged to the same bits by any executor", "[concurrency]") {
  const std::vector<time_fold> folds = time_folds(grouped::events(2, 300, 100), 300, 100, 1, 0.3, merge_rule::binary);
  const validation all(folds[0].train, folds[0].held_out);
  const validation some(folds[0].train, folds[0].held_out, {.max_users = 50, .seed = 3});
  CHECK(all.n_users() > 250);
  CHECK(some.n_users() == 50);
  const factor_model model = fit_ials(folds[0].train, {.rank = 8});
  thread_pool pool(3);
  CHECK(some.ndcg(model, pool) == some.ndcg(model));
  CHECK(some.ndcg(model) == Approx(all.ndcg(model)).margin(0.1));
}
