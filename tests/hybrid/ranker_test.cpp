#include "tandem/hybrid/ranker.hpp"

#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/thread_pool.hpp"

using namespace tandem;
using namespace tandem::hybrid;

namespace {

// Two sources, both noise half of the time: the first knows what newcomers take, the second what regulars do. No blend
// that weighs them alike for both can know.
struct split_world {
  explicit split_world(std::uint64_t seed) : random(seed) {}

  struct turn {
    candidate_set set;
    std::vector<float> blended;
    std::size_t taken = 0;
  };

  turn next(std::size_t n = 30) {
    turn out;
    const bool regular = random.below(2) == 0;
    out.set.n_sources = 2;
    out.set.asked = {regular ? 4.0F : 1.0F, 1, 0};
    out.taken = random.below(n);
    for (std::uint32_t c = 0; c < n; ++c) {
      out.set.items.push_back(item_index{c});
      for (const bool knows : {!regular, regular}) {
        out.set.value.push_back(static_cast<float>(random.normal() + (knows && c == out.taken ? 3 : 0)));
      }
      out.blended.push_back((out.set.value[2 * c] + out.set.value[2 * c + 1]) / 2);
    }
    out.set.unit.assign(2, 1.0F);
    return out;
  }

  std::vector<std::shared_ptr<const choice>> choices(std::size_t n) {
    choice_log log(2);
    std::vector<std::size_t> all(30);
    std::iota(all.begin(), all.end(), std::size_t{0});
    for (std::size_t k = 0; k < n; ++k) {
      const turn t = next();
      log.add(t.set, all, t.taken, t.blended, user_index{0});
    }
    return log.latest();
  }

  random_stream random;
};

const std::vector<std::string> two{"first", "second"};

// log of the softmax's probability of what was taken
double log_likelihood(const std::vector<float>& scores, std::size_t taken) {
  double total = 0;
  for (const float s : scores) total += std::exp(static_cast<double>(s - scores[taken]));
  return -std::log(total);
}

}  // namespace

TEST_CASE("a ranker finds where the blend should not be linear") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    split_world world(seed);
    const ranker trees = ranker::fit(world.choices(1500), two);
    REQUIRE(trees.ready());
    double before = 0;
    double after = 0;
    std::vector<float> ranked(30);
    for (int k = 0; k < 400; ++k) {
      const split_world::turn t = world.next();
      trees.rank(t.set, t.blended, 30, ranked);
      before += log_likelihood(t.blended, t.taken) / 400;
      after += log_likelihood(ranked, t.taken) / 400;
    }
    CAPTURE(seed, before, after);
    CHECK(after > before + 0.3);
  }
}

TEST_CASE("few choices make no ranker, and so do none") {
  split_world world(1);
  CHECK_FALSE(ranker::fit(world.choices(ranker::least_choices - 1), two).ready());
  CHECK_FALSE(ranker::fit({}, two).ready());
  CHECK_FALSE(ranker().ready());
}

TEST_CASE("candidates beyond the depth keep the blend's score") {
  split_world world(2);
  const ranker trees = ranker::fit(world.choices(600), two);
  const split_world::turn t = world.next();
  std::vector<float> whole(30);
  std::vector<float> some(30);
  trees.rank(t.set, t.blended, 30, whole);
  trees.rank(t.set, t.blended, 5, some);
  const std::vector<std::size_t> order = order_by_score(t.blended, 30);
  for (std::size_t k = 0; k < 30; ++k) {
    CHECK(some[order[k]] == (k < 5 ? whole[order[k]] : t.blended[order[k]]));
  }
  CHECK(whole != t.blended);
}

TEST_CASE("a ranker is the same for any number of threads, and after it was saved") {
  split_world world(3);
  const auto choices = world.choices(700);
  thread_pool three(3);
  const ranker trees = ranker::fit(choices, two);
  const tandem_test::bytes bytes = tandem_test::saved(trees);
  CHECK(tandem_test::saved(ranker::fit(choices, two, three)) == bytes);
  const ranker again = tandem_test::read_from(bytes, ranker::load);
  CHECK(again.sources() == two);
  CHECK(tandem_test::saved(again) == bytes);
  const split_world::turn t = world.next();
  std::vector<float> first(30);
  std::vector<float> second(30);
  trees.rank(t.set, t.blended, 30, first);
  again.rank(t.set, t.blended, 30, second);
  CHECK(first == second);
  CHECK_FALSE(tandem_test::read_from(tandem_test::saved(ranker()), ranker::load).ready());
}

TEST_CASE("a ranker's options are checked, and fitting it can be cancelled") {
  const auto refused = [](const ranker_options& o) { CHECK_THROWS_AS(o.validate(), error); };
  refused({.choices = 1'000'001});
  refused({.others = 1});
  refused({.depth = 1});
  refused({.depth = 100'000});
  ranker_options{}.validate();
  split_world world(4);
  try {
    (void)ranker::fit(world.choices(300), two, {}, [](const progress_report&) { return false; });
    FAIL("was not cancelled");
  } catch (const error& e) {
    CHECK(e.code() == errc::cancelled);
  }
}

TEST_CASE("damage to a saved ranker is refused, or does no harm") {
  split_world world(5);
  const tandem_test::bytes whole = tandem_test::saved(ranker::fit(world.choices(ranker::least_choices), two));
  const split_world::turn t = world.next();
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    random_stream random(seed, 1);
    tandem_test::bytes damaged = whole;
    damaged[random.below(whole.size())] ^= static_cast<std::byte>(1 + random.below(255));
    if (tandem_test::is_refused(damaged, ranker::load)) continue;
    const ranker trees = tandem_test::read_from(damaged, ranker::load);
    std::vector<float> out(30);
    if (trees.ready() && trees.sources().size() == 2) trees.rank(t.set, t.blended, 30, out);
  }
  for (std::size_t n = 0; n < whole.size(); n += 7) {
    REQUIRE(tandem_test::is_refused(std::span(whole).first(n), ranker::load));
  }
}
