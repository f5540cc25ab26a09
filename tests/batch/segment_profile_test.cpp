#include "tandem/batch/segment_profile.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;
using namespace tandem::batch;

namespace {

/// Users 0 ... n - 1 in segments by their index modulo 3, through vectors along three axes; the last one in none.
segmentation thirds(std::size_t n) {
  std::vector<float> vectors((n + 1) * 3, 0.0F);
  for (std::size_t u = 0; u < n; ++u) vectors[u * 3 + u % 3] = 1;
  return fit_segments(vectors, 3, {.count = 3, .restarts = 10});
}

interactions random_events(std::uint64_t seed, std::uint32_t n_users, std::uint32_t n_items) {
  random_stream random(seed);
  std::vector<interaction> events;
  for (std::uint32_t e = 0; e < n_users * 9; ++e) {
    const auto user = static_cast<std::uint32_t>(random.uniform() * random.uniform() * n_users);
    const auto item = static_cast<std::uint32_t>(random.uniform() * random.uniform() * n_items);
    events.push_back({user_index{user}, item_index{item}, static_cast<float>(1 + random.below(3))});
  }
  return interactions::from_events(events, n_users, n_items);
}

bool same(const std::vector<segment_profile>& a, const std::vector<segment_profile>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const segment_profile& x, const segment_profile& y) {
    return x.segment == y.segment && x.users == y.users && x.mean_events == y.mean_events &&
           x.median_events == y.median_events && x.mean_weight == y.mean_weight &&
           std::equal(x.items.begin(), x.items.end(), y.items.begin(), y.items.end(), [](const auto& p, const auto& q) {
             return p.item == q.item && p.users == q.users && p.score == q.score;
           });
  });
}

}  // namespace

TEST_CASE("profiles agree with counting by hand", "[segments]") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    INFO("seed " << seed);
    const segmentation segments = thirds(90);
    const interactions log = random_events(seed, 91, 40);
    const profile_options options{.items = 40, .prior_users = 2};
    const auto profiles = profile_segments(log, segments, options);
    REQUIRE(profiles.size() == 3);
    for (std::uint32_t c = 0; c < 3; ++c) {
      const segment_profile& p = profiles[c];
      CHECK(p.segment == segment_index{c});
      CHECK(p.users == 30);
      CHECK(p.share == Approx(1.0 / 3));
      std::vector<double> events;
      double weight = 0;
      std::vector<std::uint32_t> takers(40);
      std::vector<std::uint32_t> all(40);
      for (std::uint32_t u = 0; u < 90; ++u) {
        const auto row = log.items_of(user_index{u});
        for (const std::uint32_t i : row.index) ++all[i];
        if (segments.segment_of(user_index{u}) != segment_index{c}) continue;
        events.push_back(static_cast<double>(row.size()));
        for (const std::uint32_t i : row.index) ++takers[i];
        for (const float w : row.weight) weight += static_cast<double>(w);
      }
      std::sort(events.begin(), events.end());
      double sum = 0;
      for (const double e : events) sum += e;
      CHECK(p.mean_events == Approx(sum / 30));
      CHECK(p.median_events == (events[14] + events[15]) / 2);
      CHECK(p.mean_weight == Approx(weight / 30));
      double all_events = 0;
      for (const std::uint32_t each : all) all_events += each;
      const double share = sum / all_events;
      std::size_t above = 0;
      for (std::size_t i = 0; i < 40; ++i) above += takers[i] > all[i] * share ? 1U : 0U;
      CHECK(p.items.size() == above);
      double before = std::numeric_limits<double>::infinity();
      for (const characteristic_item& item : p.items) {
        CHECK(item.users == takers[slot(item.item)]);
        CHECK(item.all_users == all[slot(item.item)]);
        const double expected = item.all_users * share;
        CHECK(item.lift == Approx(item.users / expected));
        CHECK(item.score == Approx((item.users + 2) / (expected + 2)));
        CHECK(item.lift > 1);
        CHECK(item.score <= before);
        before = item.score;
      }
    }
  }
}

TEST_CASE("neither what everybody takes nor what one user took leads the list", "[segments]") {
  const segmentation segments = thirds(300);
  std::vector<interaction> events;
  const auto take = [&](std::uint32_t user, std::uint32_t item) {
    events.push_back({user_index{user}, item_index{item}});
  };
  for (std::uint32_t u = 0; u < 300; ++u) {
    take(u, 0);                            // everybody's
    if (u % 3 == 0 || u < 30) take(u, 1);  // mostly of the segment of user 0
    if (u == 3) take(u, 2);                // by one user of it only
    if (u % 3 == 0 && u < 90) take(u, 3);  // by a third of it, and nobody else
  }
  const auto profiles = profile_segments(interactions::from_events(events, 301, 5), segments, {.items = 3});
  const segment_profile& p = profiles[slot(segments.segment_of(user_index{0}))];
  REQUIRE(p.items.size() == 3);
  CHECK(p.items[0].item == item_index{3});
  CHECK(p.items[0].users == 30);
  CHECK(p.items[0].lift == Approx(451.0 / 231));  // it has 231 of 451 entries
  CHECK(p.items[1].item == item_index{1});
  CHECK(p.items[1].all_users == 120);
  CHECK(p.items[2].item == item_index{2});
  CHECK(p.items[2].score < 1.2);
  CHECK(p.median_events == 2);
  // with no prior it is the lift alone that counts
  const auto bare =
      profile_segments(interactions::from_events(events, 301, 5), segments, {.items = 1, .prior_users = 0});
  CHECK(bare[slot(p.segment)].items[0].item == item_index{2});
}

TEST_CASE("a segment that is only busier has no characteristic items", "[segments]") {
  std::vector<float> vectors;
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < 100; ++u) {
    vectors.insert(vectors.end(), {u % 2 == 0 ? 1.0F : 0.0F, u % 2 == 0 ? 0.0F : 1.0F});
    for (std::uint32_t e = 0; e < (u % 2 == 0 ? 20U : 5U); ++e) {
      events.push_back({user_index{u}, item_index{(u / 2 * 5 + e) % 20}});
    }
  }
  const segmentation segments = fit_segments(vectors, 2, {.count = 2});
  for (const segment_profile& p : profile_segments(interactions::from_events(events, 100, 20), segments)) {
    for (const characteristic_item& item : p.items) CHECK(item.lift < 1.05);
  }
}

TEST_CASE("profiles do not depend on the executor", "[segments]") {
  const segmentation segments = thirds(150);
  const interactions log = random_events(4, 151, 30);
  const auto expected = profile_segments(log, segments);
  for (const std::size_t threads : {1U, 2U, 5U}) {
    thread_pool pool(threads);
    CHECK(same(profile_segments(log, segments, {}, pool), expected));
  }
}

TEST_CASE("empty segments and empty logs have profiles", "[segments]") {
  const segmentation identical = fit_segments(std::vector<float>(10, 1.0F), 1, {.count = 3});
  const auto profiles = profile_segments(interactions::from_events({}, 10, 4), identical);
  REQUIRE(profiles.size() == 3);
  CHECK(profiles[0].users == 10);
  CHECK(profiles[0].mean_events == 0);
  CHECK(profiles[0].items.empty());
  CHECK(profiles[2].users == 0);
  CHECK(profiles[2].share == 0);
  CHECK(profiles[2].median_events == 0);
  CHECK(profile_segments({}, {}).empty());
}

TEST_CASE("bad input to profiles is refused by name", "[segments]") {
  const segmentation segments = thirds(30);
  const auto field_of = [&](const interactions& log, const profile_options& options) {
    try {
      (void)profile_segments(log, segments, options);
    } catch (const error& failure) {
      CHECK(failure.code() == errc::invalid_argument);
      return failure.where().field;
    }
    return std::string("accepted");
  };
  const interactions log = interactions::from_events({}, 31, 3);
  CHECK(field_of(log, {}) == "accepted");
  CHECK(field_of(interactions::from_events({}, 30, 3), {}) == "log");
  CHECK(field_of(log, {.items = 100001}) == "items");
  for (const double bad : {-1.0, std::nan(""), HUGE_VAL}) CHECK(field_of(log, {.prior_users = bad}) == "prior_users");
}
