// Memory that runs out at any allocation of a fit: std::bad_alloc, nothing half done, and the next fit as if nothing
// had been.

#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "tandem/batch/biased_mf.hpp"
#include "tandem/batch/boosted_trees.hpp"
#include "tandem/batch/bpr.hpp"
#include "tandem/batch/ease.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/item_knn.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/batch/segments.hpp"
#include "tandem/batch/side_features.hpp"
#include "tandem/batch/top_n.hpp"
#include "tandem/core/random.hpp"

#if TANDEM_TEST_CAN_FAIL_NEW

using namespace tandem;

namespace {

interactions some_log() {
  random_stream random(3);
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < 40; ++u) {
    for (int e = 0; e < 6; ++e) {
      const item_index item{static_cast<std::uint32_t>(random.below(25))};
      events.push_back({user_index{u}, item, 1 + static_cast<float>(random.below(4))});
    }
  }
  return interactions::from_events(events, 41, 26);  // the last of each has nothing
}

/// What a model says of a history, as the learners' concept has it.
template <class Model>
std::vector<float> scores(const Model& model) {
  const item_index items[] = {item_index{3}, item_index{7}};
  const float weights[] = {1, 2};
  std::vector<float> out(model.n_items());
  model.score_history(items, weights, out);
  return out;
}

/// make() with 0, 1, 2, ... allocations allowed until it succeeds; say(result) is compared with that of an undisturbed
/// run. Returns how often memory ran out.
template <class Make, class Say>
std::size_t survive(const Make& make, const Say& say) {
  const std::vector<float> expected = say(make());
  std::size_t failures = 0;
  for (long allowed = 0;; allowed += 1 + allowed / 100) {
    REQUIRE(allowed < 1000000);
    std::optional<decltype(make())> made;
    bool ran_out = false;
    {
      const tandem_test::fail_new_after limit(allowed);
      try {
        made.emplace(make());
      } catch (const std::bad_alloc&) {
        ran_out = true;
      }
    }
    if (ran_out) {
      ++failures;
      continue;
    }
    const std::vector<float> found = say(*made);
    CHECK(found.size() == expected.size());
    CHECK(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)) == 0);
    return failures;
  }
}

}  // namespace

TEST_CASE("a fit whose memory runs out says so and disturbs nothing", "[batch]") {
  const interactions log = some_log();
  const auto by_history = [](const auto& model) { return scores(model); };
  for (const auto precision : {batch::ials_precision::float32, batch::ials_precision::bfloat16}) {
    CHECK(survive([&] { return batch::fit_ials(log, {.rank = 6, .epochs = 2, .precision = precision}); }, by_history) >
          5);
  }
  for (const auto solver : {batch::ials_solver::conjugate_gradient, batch::ials_solver::block}) {
    CHECK(survive([&] { return batch::fit_ials(log, {.rank = 6, .epochs = 2, .solver = solver}); }, by_history) > 5);
  }
  CHECK(survive([&] { return batch::fit_ease(log, {}); }, by_history) > 2);
  CHECK(survive([&] { return batch::fit_item_knn(log, {}); }, by_history) > 2);
  CHECK(survive([&] { return batch::fit_bpr(log, {.rank = 6}); }, by_history) > 5);
  CHECK(survive([&] { return batch::fit_biased_mf(log, {.rank = 6, .epochs = 2}); }, by_history) > 5);
  CHECK(survive([&] { return batch::popularity(log); }, by_history) > 0);
}

TEST_CASE("a log, an index and segments whose memory runs out say so and disturb nothing", "[batch]") {
  const interactions log = some_log();
  const batch::factor_model model = batch::fit_ials(log, {.rank = 6, .epochs = 2});
  const auto entries = [](const interactions& built) {
    return std::vector<float>(1, static_cast<float>(built.size()));
  };
  CHECK(survive(some_log, entries) > 5);
  const auto best = [&](const batch::top_n_index& index) {
    std::vector<scored_item> out(5);
    const std::size_t n = index.top_n(model.user_factors(user_index{2}), out);
    std::vector<float> flat;
    for (std::size_t i = 0; i < n; ++i) flat.push_back(out[i].score);
    return flat;
  };
  CHECK(survive([&] { return batch::top_n_index(model); }, best) > 2);
  const auto sizes = [](const batch::segmentation& made) {
    std::vector<float> out;
    for (const batch::segment_index s : made.assignment()) out.push_back(static_cast<float>(raw(s)));
    return out;
  };
  CHECK(survive([&] { return batch::fit_segments(model, {.count = 3}); }, sizes) > 5);
}

TEST_CASE("features and trees whose memory runs out say so and disturb nothing", "[batch]") {
  const interactions log = some_log();
  std::vector<feature_entry> entries;
  for (std::uint32_t i = 0; i < 26; ++i) entries.push_back({i, i % 4, 1});
  const tandem::feature_matrix genres = tandem::feature_matrix::from_entries(entries, 26, 4);
  const batch::side_features sides{.items = &genres};
  const auto items = [](const batch::feature_model& model) {
    const std::span<const float> rows = model.factors().item_matrix();
    return std::vector<float>(rows.begin(), rows.end());
  };
  CHECK(survive([&] { return batch::fit_feature_ials(log, sides, {.rank = 5, .epochs = 2}); }, items) > 10);

  random_stream random(4);
  std::vector<float> values(300);
  std::vector<float> labels(100);
  for (float& x : values) x = static_cast<float>(random.normal());
  for (std::size_t r = 0; r < 100; ++r) labels[r] = values[3 * r] > 0 ? 1.0F : 0.0F;
  const batch::labelled_rows rows{{values, 3}, labels};
  const auto margins = [&](const batch::boosted_trees& model) {
    std::vector<float> out(100);
    model.margins(rows.features, out);
    return out;
  };
  CHECK(survive([&] { return batch::fit_boosted_trees(rows, {.rounds = 3, .max_depth = 2}); }, margins) > 10);
}

#endif
