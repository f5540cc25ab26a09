// What is served is not worse than the best source, whatever the world rewards, and without the guard, which may let
// one source serve alone, nor is the blend: each event is predicted before it is learned.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/study/replay.hpp"
#include "tandem/study/synthetic_log.hpp"

using namespace tandem;

namespace {

// NDCG@10 of what is served and of the best of the sources, which hindsight chooses
struct outcome {
  double served = 0;
  double best = 0;
  std::string best_name = {};
};

outcome judge(event_log log, std::uint64_t seed, bool repeat_items, bool guard) {
  order_visits(log, seed);
  study::replay_options options;
  options.refits = 3;
  options.every = 2;
  options.repeat_items = repeat_items;
  engine_options o;
  o.rank = 8;
  o.seed = seed;
  o.exclude_seen = !repeat_items;
  o.blender.guard = guard;
  engine subject(o);
  const study::replay_result result =
      study::replay(log, study::plan_replay(log, options), study::protocol::next_event, subject);
  const auto n = static_cast<double>(result.rank.size());
  outcome out;
  for (const double rank : result.rank) out.served += evaluation::ndcg_at(rank, 10) / n;
  const std::size_t width = result.sources.size();
  for (std::size_t s = 0; s < width; ++s) {
    double sum = 0;
    for (std::size_t k = s; k < result.source_rank.size(); k += width) {
      sum += evaluation::ndcg_at(double{result.source_rank[k]}, 10) / n;
    }
    if (sum > out.best) out = {out.served, sum, result.sources[s]};
  }
  return out;
}

// n events of 50 users a minute apart, of 100 items: pick(random, the user's last item) names the next
template <class Pick>
event_log world(std::uint64_t seed, std::size_t n, Pick pick) {
  random_stream random(seed, 7);
  event_log log;
  std::array<std::size_t, 50> last{};
  for (std::size_t& item : last) item = random.below(100);
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t user = random.below(last.size());
    last[user] = pick(random, last[user]);
    logged_event e;
    e.user = log.users.intern("u" + std::to_string(user));
    e.item = log.items.intern("i" + std::to_string(last[user]));
    e.action = log.actions.intern("view");
    e.time = from_millis(static_cast<std::int64_t>(k) * 60'000);
    log.events.push_back(e);
  }
  return log;
}

// only the item before matters: each has a few followers, and every item is had equally often
event_log sequence_world(std::uint64_t seed) {
  return world(seed, 6000, [](random_stream& random, std::size_t last) {
    std::size_t which = 0;
    while (which < 5 && random.uniform() < 0.5) ++which;
    return (37 * last + 11 + 17 * which) % 100;
  });
}

// only the item matters, whoever asks and whatever came before
event_log popularity_world(std::uint64_t seed) {
  return world(seed, 6000, [](random_stream& random, std::size_t) {
    return static_cast<std::size_t>(100 * std::pow(random.uniform(), 3.0));
  });
}

void check(const outcome& found) {
  INFO(found.served << " against " << found.best << " of " << found.best_name);
  CHECK(found.served >= 0.98 * found.best);
}

}  // namespace

TEST_CASE("blended or led, an answer keeps up with the best source in an invented shop", "[engine][property]") {
  for (const bool guard : {true, false}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const study::synthetic_options shop{.seed = seed, .shoppers = 250, .products = 200, .days = 120};
      check(judge(study::synthetic_log(shop), seed, true, guard));
      check(judge(study::synthetic_log(shop), seed, false, guard));
    }
  }
}

TEST_CASE("blended or led, an answer keeps up with the best source where only sequence matters", "[engine][property]") {
  for (const bool guard : {true, false}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const outcome found = judge(sequence_world(seed), seed, true, guard);
      CHECK(found.best > 0.5);
      check(found);
    }
  }
}

TEST_CASE("blended or led, an answer keeps up with the best source where only popularity matters",
          "[engine][property]") {
  for (const bool guard : {true, false}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      check(judge(popularity_world(seed), seed, true, guard));
    }
  }
}
