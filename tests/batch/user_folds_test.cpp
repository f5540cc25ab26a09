#include "tandem/batch/user_folds.hpp"

#include <map>
#include <vector>

#include "grouped_log.hpp"
#include "learners.hpp"
#include "support/catch.hpp"
#include "tandem/batch/validation.hpp"

using namespace tandem;
using namespace tandem::batch;
using grouped::field_of;

namespace {

using entries = std::map<std::pair<std::uint32_t, std::uint32_t>, float>;

entries entries_of(const interactions& log) {
  entries out;
  for (std::uint32_t u = 0; u < log.n_users(); ++u) {
    const auto row = log.items_of(user_index{u});
    for (std::size_t e = 0; e < row.size(); ++e) out[{u, row.index[e]}] = row.weight[e];
  }
  return out;
}

interactions random_log(std::uint64_t seed) {
  random_stream random(seed);
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < 80; ++u) {
    for (std::uint64_t e = random.below(9); e > 0; --e) {
      events.push_back({user_index{u},
                        item_index{static_cast<std::uint32_t>(random.below(30))},
                        static_cast<float>(random.uniform()) + 0.5F,
                        {}});
    }
  }
  return interactions::from_events(events, 80, 30, merge_rule::max);
}

}  // namespace

TEST_CASE("the parts of a fold are the whole log, each user on one side") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const interactions log = random_log(seed);
    const user_fold_options options{.folds = 1 + seed % 4, .held_out_share = 0.4, .target_share = 0.3, .seed = seed};
    std::vector<int> times_held(80, 0);
    for (const user_fold& fold : user_folds(log, options)) {
      entries joined = entries_of(fold.train);
      for (const interactions* part : {&fold.known, &fold.held_out}) {
        CHECK(part->n_users() == 80);
        CHECK(part->n_items() == 30);
        const entries more = entries_of(*part);
        joined.insert(more.begin(), more.end());
      }
      CHECK(joined == entries_of(log));
      CHECK(fold.train.size() + fold.known.size() + fold.held_out.size() == log.size());
      for (std::uint32_t u = 0; u < 80; ++u) {
        const user_index user{u};
        const std::size_t known = fold.known.items_of(user).size();
        const std::size_t targets = fold.held_out.items_of(user).size();
        CHECK((known > 0) == (targets > 0));
        if (known == 0) continue;
        ++times_held[u];
        CHECK(fold.train.items_of(user).size() == 0);
        const double wanted = std::round(0.3 * static_cast<double>(known + targets));
        CHECK(static_cast<double>(targets) == std::max(1.0, wanted));
      }
    }
    std::size_t eligible = 0;
    std::size_t held = 0;
    for (std::uint32_t u = 0; u < 80; ++u) {
      eligible += log.items_of(user_index{u}).size() > 1 ? 1U : 0U;
      held += times_held[u] > 0 ? 1U : 0U;
      CHECK(times_held[u] <= 1);
    }
    CHECK(held == static_cast<std::size_t>(0.4 * static_cast<double>(eligible)));
  }
}

TEST_CASE("the seed says who is held out, and which of their items") {
  const interactions log = random_log(1);
  const auto held = [&](std::uint64_t seed) { return entries_of(user_folds(log, {.seed = seed})[0].held_out); };
  CHECK(held(1) == held(1));
  CHECK(held(1) != held(2));
  const auto all = [&](std::uint64_t seed) {
    return entries_of(user_folds(log, {.held_out_share = 0.99, .seed = seed})[0].held_out);
  };
  CHECK(all(1) != all(2));
}

TEST_CASE("a fold is what validation judges by") {
  const interactions log = interactions::from_events(grouped::events(2, 60, 40), 60, 40, merge_rule::binary);
  const user_fold fold = user_folds(log, {.held_out_share = 0.25})[0];
  CHECK(validation(fold.known, fold.held_out).n_users() == 15);
}

TEST_CASE("folds that cannot be are refused") {
  const interactions log = random_log(1);
  const auto refused = [&](const user_fold_options& options) {
    return field_of([&] { (void)user_folds(log, options); });
  };
  CHECK(refused({.folds = 0}) == "folds");
  CHECK(refused({.folds = 1001}) == "folds");
  CHECK(refused({.folds = 81}) == "folds");
  CHECK(refused({.held_out_share = 0}) == "held_out_share");
  CHECK(refused({.held_out_share = 1}) == "held_out_share");
  CHECK(refused({.held_out_share = std::nan("")}) == "held_out_share");
  CHECK(refused({.target_share = 0}) == "target_share");
  CHECK(refused({.target_share = 1}) == "target_share");
  const auto of = [](const std::vector<interaction>& events) {
    return field_of([&] { (void)user_folds(interactions::from_events(events, 3, 3)); });
  };
  const auto event = [](std::uint32_t u, std::uint32_t i) { return interaction{user_index{u}, item_index{i}, 1, {}}; };
  CHECK(of({}) == "folds");
  CHECK(of({event(0, 0), event(0, 1), event(0, 2)}) == "folds");  // nobody would be left to train on
  CHECK(of({event(0, 0), event(1, 1), event(2, 2)}) == "folds");  // nobody has a part to know and one to foresee
  CHECK(of({event(0, 0), event(0, 1), event(1, 2)}) == "accepted");
}
