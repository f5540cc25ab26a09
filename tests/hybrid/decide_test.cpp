#include "tandem/hybrid/decide.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "hybrid/small_world.hpp"
#include "support/catch.hpp"
#include "support/chi_square.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using namespace small_world;

namespace {

// a world with sources, asked many times
struct shop {
  explicit shop(std::size_t n_items) : base(n_items) {}

  void add(std::shared_ptr<const source> s) { from.push_back(std::move(s)); }
  void add_random(std::uint64_t seed, bool uncertain = false) {
    random_stream random(seed);
    const std::size_t n = base.known.items.size();
    std::vector<float> scores(n);
    std::vector<float> variances(uncertain ? n : 0);
    for (float& s : scores) s = static_cast<float>(random.normal());
    for (float& v : variances) v = static_cast<float>(random.uniform());
    add(std::make_shared<told>(scores, score_scale::standard, variances));
  }

  [[nodiscard]] decided answer(const wish& w, const slate_options& options = {}) const {
    view v;
    v.known = base.known;
    v.weights = blender(from.size()).weights();
    v.forbidden = forbidden;
    v.only = only;
    v.limited = limited;
    query q{v.known, "ada", user_index{0}, base.time, base.context};
    q.seen_excluded = seen_excluded;
    gather_scratch scratch;
    return decide(v, q, from, w, options, scratch);
  }

  world base;
  sources from;
  std::vector<item_index> forbidden;
  std::vector<item_index> only;
  bool limited = false;
  bool seen_excluded = false;
};

wish wanting(std::size_t count, std::uint64_t id, bool explore = true) {
  wish w;
  w.count = count;
  w.explore = explore;
  w.seed = 11;
  w.id = decision_id{id};
  return w;
}

std::vector<std::size_t> items_of(const decided& d) {
  std::vector<std::size_t> out;
  for (const slate_place& p : d.slate) out.push_back(slot(d.candidates.items[p.candidate]));
  return out;
}

// its scores are sound, its variances are not
class uncertain_of_itself final : public told {
 public:
  uncertain_of_itself(std::vector<float> scores, float variance, bool fails)
      : told(std::move(scores)), variance_(variance), fails_(fails) {}
  void variances(const query&, std::span<const item_index>, std::span<float> out) const override {
    std::fill(out.begin(), out.end(), variance_);
    if (fails_) throw std::runtime_error("no variances today");
  }

 private:
  float variance_;
  bool fails_;
};

}  // namespace

TEST_CASE("the same view, wish and decision give the same slate, others another") {
  shop s(200);
  s.add_random(1);
  s.add_random(2);
  const slate_options options{online::epsilon_greedy{0.5}, 30};
  std::set<std::vector<std::size_t>> different;
  for (std::uint64_t id = 1; id <= 40; ++id) {
    const decided a = s.answer(wanting(10, id), options);
    const decided b = s.answer(wanting(10, id), options);
    REQUIRE(a.slate.size() == 10);
    CHECK(items_of(a) == items_of(b));
    CHECK(a.score == b.score);
    for (std::size_t k = 0; k < 10; ++k) CHECK(a.slate[k].propensity == b.slate[k].propensity);
    different.insert(items_of(a));
  }
  CHECK(different.size() > 30);
  wish other_seed = wanting(10, 1);
  other_seed.seed = 12;
  CHECK(items_of(s.answer(other_seed, options)) != items_of(s.answer(wanting(10, 1), options)));
}

TEST_CASE("without exploration the best are answered, whatever the decision") {
  shop s(200);
  s.add_random(1);
  s.add_random(2);
  const decided first = s.answer(wanting(10, 1, false), {online::epsilon_greedy{1}, 30});
  for (std::size_t k = 0; k < 10; ++k) {
    CHECK(first.slate[k].propensity == 1);
    CHECK(first.slate[k].candidate == order_by_score(first.score, k + 1)[k]);
  }
  for (std::uint64_t id = 2; id < 20; ++id) {
    CHECK(items_of(s.answer(wanting(10, id, false), {online::softmax{9}, 3})) == items_of(first));
  }
}

TEST_CASE("scratch memory of another request changes no answer") {
  shop big(3000);
  big.add_random(1);
  big.add_random(2);
  big.forbidden = {item(1), item(2999)};
  shop small(50);
  small.add_random(3);
  view v;
  v.known = small.base.known;
  v.weights = blender(1).weights();
  const query q{v.known, "ada", user_index{0}, small.base.time, small.base.context};
  gather_scratch scratch;
  view w;
  w.known = big.base.known;
  w.weights = blender(2).weights();
  w.forbidden = big.forbidden;
  const query r{w.known, "ada", user_index{0}, big.base.time, big.base.context};
  (void)decide(w, r, big.from, wanting(10, 1), {}, scratch);
  const decided used = decide(v, q, small.from, wanting(10, 2), {}, scratch);
  CHECK(items_of(used) == items_of(small.answer(wanting(10, 2))));
}

TEST_CASE("answers come with the frequencies their propensities say") {
  constexpr std::uint64_t n_ids = 8000;
  for (const online::any_policy& policy :
       {online::any_policy(online::thompson{1}), online::any_policy(online::linear_ucb{1, 0.3}),
        online::any_policy(online::softmax{0.5})}) {
    CAPTURE(policy.name());
    shop s(12);
    s.add_random(5, true);
    s.add_random(6, true);
    std::map<std::vector<std::size_t>, std::pair<std::size_t, double>> seen;
    for (std::uint64_t id = 1; id <= n_ids; ++id) {
      const decided d = s.answer(wanting(2, id), {policy, 5});
      auto& [count, logged] = seen[items_of(d)];
      ++count;
      logged = d.slate[0].propensity * d.slate[1].propensity;
    }
    CHECK(seen.size() > 5);
    std::vector<std::size_t> counts;
    std::vector<double> logged;
    double sum = 0;
    for (const auto& [items, each] : seen) {
      counts.push_back(each.first);
      logged.push_back(each.second);
      sum += each.second;
    }
    CHECK(sum <= 1 + 1e-9);
    counts.push_back(0);
    logged.push_back(std::max(0.0, 1 - sum));
    CHECK(tandem_test::chi_square_p(counts, logged) > 1e-5);
  }
}

TEST_CASE("uncertainty reaches the policy for every candidate that can be drawn") {
  // equal means and variances: every candidate of the pool is as likely as any other, down to the last place
  shop s(60);
  std::vector<float> scores(60, 1.0F);
  scores[0] = 0;  // the lowest score is no opinion
  s.add(std::make_shared<told>(scores, score_scale::standard, std::vector<float>(60, 0.5F)));
  s.forbidden = {item(0)};
  const std::size_t pool = 4;
  const decided d = s.answer(wanting(59, 1), {online::thompson{1}, pool});
  REQUIRE(d.slate.size() == 59);
  for (std::size_t k = 0; k < 59; ++k) {
    const auto expected = 1 / static_cast<double>(std::min(pool, 59 - k));
    CHECK(d.slate[k].propensity == Approx(expected).margin(1e-5));
  }
}

TEST_CASE("a source whose variances fail or are nonsense counts as certain") {
  shop plain(50);
  plain.add_random(1);
  random_stream random(1);
  std::vector<float> scores(50);
  for (float& x : scores) x = static_cast<float>(random.normal());
  const slate_options options{online::thompson{1}, 10};
  const auto expected = items_of(plain.answer(wanting(5, 3), options));
  REQUIRE(expected.size() == 5);
  const float nonsense[] = {1.0F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -1.0F};
  for (const float v : nonsense) {
    shop s(50);
    s.add(std::make_shared<uncertain_of_itself>(scores, v, v == 1.0F));
    const decided d = s.answer(wanting(5, 3), options);
    CHECK(items_of(d) == expected);
    for (const slate_place& p : d.slate) CHECK(p.propensity == 1);
  }
}

TEST_CASE("what is forbidden, had or not on the host's list is never answered") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    random_stream random(seed);
    const std::size_t n = 1 + random.below(60);
    shop s(n);
    s.add_random(seed);
    s.add_random(seed + 1000);
    std::vector<bool> allowed(n, true);
    for (std::size_t k = 0; k < random.below(n); ++k) {
      s.forbidden.push_back(item(random.below(n)));
      allowed[slot(s.forbidden.back())] = false;
    }
    s.seen_excluded = random.below(2) == 0;
    for (std::size_t k = 0; k < random.below(n); ++k) {
      const std::size_t had = random.below(n);
      s.base.known.history.write().add({item(had), from_millis(0)});
      if (s.seen_excluded) allowed[had] = false;
    }
    if (random.below(3) == 0) {
      s.limited = true;
      std::vector<bool> listed(n, false);
      for (std::size_t k = 0; k < random.below(n + 1); ++k) {
        s.only.push_back(item(random.below(n)));
        listed[slot(s.only.back())] = true;
      }
      for (std::size_t i = 0; i < n; ++i) allowed[i] = allowed[i] && listed[i];
    }
    const std::size_t count = random.below(n + 10);
    const std::vector<std::size_t> items = items_of(s.answer(wanting(count, seed), {online::softmax{1}, 7}));
    const auto n_allowed = static_cast<std::size_t>(std::count(allowed.begin(), allowed.end(), true));
    REQUIRE(items.size() == std::min(count, n_allowed));  // never short while there is something to show
    for (const std::size_t i : items) REQUIRE(allowed[i]);
    REQUIRE(std::set<std::size_t>(items.begin(), items.end()).size() == items.size());
  }
}

TEST_CASE("an empty catalogue, list or wish gives an empty slate") {
  shop empty(0);
  empty.add_random(1);
  CHECK(empty.answer(wanting(10, 1)).slate.empty());
  shop s(20);
  s.add_random(1);
  CHECK(s.answer(wanting(0, 1)).slate.empty());
  CHECK(s.answer(wanting(0, 1, false)).slate.empty());
  s.limited = true;  // the host listed items, none of them known
  CHECK(s.answer(wanting(10, 1)).slate.empty());
  shop sourceless(20);
  CHECK(sourceless.answer(wanting(10, 1)).slate.size() == 10);
}

TEST_CASE("a wish for everything gives everything") {
  shop s(300);
  s.add_random(1, true);
  for (const std::size_t count : {std::size_t{300}, std::size_t{1000}, std::numeric_limits<std::size_t>::max()}) {
    for (const bool explore : {true, false}) {
      CHECK(s.answer(wanting(count, 1, explore), {online::epsilon_greedy{0.1}, 30}).slate.size() == 300);
      CHECK(s.answer(wanting(count, 1, explore), {online::linear_ucb{1, 0.1}, 30}).slate.size() == 300);
    }
  }
}

TEST_CASE("sources that fail leave an answer of the others") {
  shop s(100);
  s.add_random(1);
  s.add(std::make_shared<failing>());
  shop same(100);
  same.add_random(1);
  same.add(std::make_shared<told>(std::vector<float>{}));
  CHECK(items_of(s.answer(wanting(10, 1))) == items_of(same.answer(wanting(10, 1))));
}
