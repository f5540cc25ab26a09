#include "tandem/batch/time_folds.hpp"

#include <algorithm>
#include <vector>

#include "grouped_log.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::batch;
using grouped::field_of;

TEST_CASE("folds train on the past and hold out what came next") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<interaction> events;
    random_stream random(seed);
    for (std::uint32_t e = 0; e < 400; ++e) {
      // the item says the time, so that the folds' contents tell theirs
      const auto moment = static_cast<std::uint32_t>(random.below(80));
      events.push_back({user_index{e % 7}, item_index{moment}, 1, from_millis(static_cast<std::int64_t>(moment) - 40)});
    }
    const std::size_t n_folds = 1 + seed % 4;
    const std::vector<time_fold> folds = time_folds(events, 7, 80, n_folds, 0.4);
    REQUIRE(folds.size() == n_folds);
    std::uint32_t held_before = 0;
    for (const time_fold& fold : folds) {
      std::uint32_t last_trained = 0;
      std::uint32_t first_held = 80;
      std::uint32_t last_held = 0;
      for (std::uint32_t i = 0; i < 80; ++i) {
        if (fold.train.users_of(item_index{i}).size() > 0) last_trained = i;
        if (fold.held_out.users_of(item_index{i}).size() == 0) continue;
        first_held = std::min(first_held, i);
        last_held = i;
      }
      CHECK(last_trained < first_held);
      CHECK(first_held > held_before);
      held_before = last_held;
    }
    CHECK(folds.back().held_out.users_of(item_index{79}).size() > 0);
  }
}

TEST_CASE("folds that cannot be cut are refused") {
  const std::vector<interaction> events = grouped::events(1, 20, 50);
  CHECK(field_of([&] { (void)time_folds(events, 20, 50, 0); }) == "folds");
  CHECK(field_of([&] { (void)time_folds(events, 20, 50, 1, 0.0); }) == "held_out_share");
  CHECK(field_of([&] { (void)time_folds(events, 20, 50, 1, 1.0); }) == "held_out_share");
  CHECK(field_of([&] { (void)time_folds({}, 20, 50); }) == "folds");
  std::vector<interaction> timeless = events;
  for (interaction& e : timeless) e.time = {};
  CHECK(field_of([&] { (void)time_folds(timeless, 20, 50); }) == "folds");
}
