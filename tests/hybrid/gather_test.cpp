#include "tandem/hybrid/gather.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "hybrid/small_world.hpp"
#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::hybrid;
using namespace small_world;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

struct wanted {
  std::size_t per_source = 5;
  std::vector<item_index> forbidden = {};
  std::vector<item_index> only = {};
  std::size_t at_least = 0;
};

candidate_set gathered(const world& w, const sources& from, const wanted& want) {
  gather_scratch scratch;
  scratch.forbidden = want.forbidden;
  return gather(w.ask(), from, want.per_source, want.only, want.at_least, scratch);
}

bool allows(const wanted& want, std::size_t i) {
  const auto lists = [&](const std::vector<item_index>& list) {
    return std::find(list.begin(), list.end(), item(i)) != list.end();
  };
  return !lists(want.forbidden) && (want.only.empty() || lists(want.only));
}

// a source's list by sorting everything: allowed items above its lowest score, best first, ties by smaller index
std::vector<std::size_t> best_by_sorting(const std::vector<float>& scores, const wanted& want) {
  const float lowest = *std::min_element(scores.begin(), scores.end());
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (allows(want, i) && scores[i] > lowest) list.push_back(i);
  }
  std::stable_sort(list.begin(), list.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  if (list.size() > want.per_source) list.resize(want.per_source);
  return list;
}

std::vector<float> random_scores(random_stream& random, std::size_t n) {
  const std::uint64_t levels = std::uint64_t{1} << random.below(10);  // 1 = says nothing; few = many ties
  std::vector<float> scores(n);
  for (float& s : scores) s = static_cast<float>(random.below(levels)) - (random.below(2) == 0 ? 0.0F : 3.0F);
  return scores;
}

std::vector<item_index> random_items(random_stream& random, std::size_t n, std::size_t count) {
  std::vector<item_index> out;
  for (std::size_t k = 0; k < count; ++k) out.push_back(item(random.below(n)));  // with repetitions
  return out;
}

struct random_case {
  explicit random_case(std::uint64_t seed) : random(seed), w(1 + random.below(seed % 10 == 0 ? 3000 : 100)) {
    const std::size_t n = w.known.items.size();
    const std::size_t n_sources = 1 + random.below(4);
    for (std::size_t s = 0; s < n_sources; ++s) {
      scores.push_back(random_scores(random, n));
      from.push_back(std::make_shared<told>(scores.back()));
    }
    want.per_source = 1 + random.below(30);
    if (random.below(2) == 0) want.forbidden = random_items(random, n, random.below(n));
    if (random.below(3) == 0) want.only = random_items(random, n, 1 + random.below(n));
    want.at_least = random.below(40);
  }
  random_stream random;
  world w;
  std::vector<std::vector<float>> scores;
  sources from;
  wanted want;
};

}  // namespace

TEST_CASE("candidates are the union of each source's best, with their places") {
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    random_case c(seed);
    c.want.at_least = 0;
    const candidate_set set = gathered(c.w, c.from, c.want);
    std::map<std::size_t, std::size_t> at;
    for (std::size_t k = 0; k < set.size(); ++k) REQUIRE(at.emplace(slot(set.items[k]), k).second);
    std::set<std::size_t> expected;
    std::vector<std::uint8_t> place(set.size() * c.from.size(), candidate_set::not_proposed);
    for (std::size_t s = 0; s < c.from.size(); ++s) {
      const std::vector<std::size_t> list = best_by_sorting(c.scores[s], c.want);
      for (std::size_t k = 0; k < list.size(); ++k) {
        expected.insert(list[k]);
        REQUIRE(at.count(list[k]) == 1);
        place[at[list[k]] * c.from.size() + s] = static_cast<std::uint8_t>(k);
      }
    }
    for (const item_index i : c.want.only) {
      if (allows(c.want, slot(i))) expected.insert(slot(i));
    }
    REQUIRE(set.place == place);
    REQUIRE(set.size() == expected.size());
    REQUIRE(set.value.size() == set.size() * c.from.size());
    REQUIRE(set.n_sources == c.from.size());
  }
}

TEST_CASE("what is forbidden or not asked for is never a candidate") {
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    const random_case c(seed);
    const candidate_set set = gathered(c.w, c.from, c.want);
    for (const item_index i : set.items) REQUIRE(allows(c.want, slot(i)));
  }
}

TEST_CASE("a place amid ties is the mean over all orders of the source's ranking") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    random_stream random(seed);
    const std::size_t n = 2 + random.below(6);
    const world w(n);
    std::vector<float> scores(n);
    for (float& s : scores) s = static_cast<float>(random.below(3));
    wanted want;
    want.per_source = 1 + random.below(n);
    if (random.below(2) == 0) want.forbidden = random_items(random, n, 1);
    if (random.below(4) == 0) want.only = random_items(random, n, 1 + random.below(n));
    const auto scale = random.below(2) == 0 ? score_scale::share : score_scale::standard;
    const candidate_set set = gathered(w, {std::make_shared<told>(scores, scale)}, want);

    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    order.erase(std::remove_if(order.begin(), order.end(), [&](std::size_t i) { return !allows(want, i); }),
                order.end());
    std::vector<double> sum(n);
    double orders = 0;
    do {
      if (!std::is_sorted(order.begin(), order.end(),
                          [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; })) {
        continue;
      }
      orders += 1;
      for (std::size_t k = 0; k < order.size(); ++k) sum[order[k]] += static_cast<double>(k);
    } while (std::next_permutation(order.begin(), order.end()));

    for (std::size_t c = 0; c < set.size(); ++c) {
      if (set.place[c] == candidate_set::not_proposed) {
        CHECK(std::isinf(set.tied_place(c, 0)));
      } else {
        CHECK(set.tied_place(c, 0) == Approx(sum[slot(set.items[c])] / orders));
      }
    }
  }
}

TEST_CASE("places amid ties are exact where they matter, whatever the list leaves out") {
  std::size_t left_out = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const random_case c(seed);
    const candidate_set set = gathered(c.w, c.from, c.want);
    for (std::size_t k = 0; k < set.size(); ++k) {
      for (std::size_t s = 0; s < c.from.size(); ++s) {
        if (set.place[k * c.from.size() + s] == candidate_set::not_proposed) continue;
        const float mine = c.scores[s][slot(set.items[k])];
        double expected = 0;
        for (std::size_t i = 0; i < c.scores[s].size(); ++i) {
          if (!allows(c.want, i) || item(i) == set.items[k]) continue;
          expected += c.scores[s][i] > mine ? 1 : c.scores[s][i] == mine ? 0.5 : 0;
        }
        const double place = set.tied_place(k, s);
        if (expected < static_cast<double>(candidate_set::exact_places)) {
          REQUIRE(place == expected);
          left_out += set.tied_beyond[s] > 0 ? 1U : 0U;
        } else {
          REQUIRE(place >= static_cast<double>(candidate_set::exact_places));
        }
      }
    }
  }
  CHECK(left_out > 100);
}

TEST_CASE("values are deviations from the mean, or logs of shares") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    random_stream random(seed);
    const std::size_t n = 10 + random.below(500);
    const world w(n);
    std::vector<float> scores(n);
    for (float& s : scores) s = static_cast<float>(random.uniform() * 10);
    const candidate_set set = gathered(
        w, {std::make_shared<told>(scores, score_scale::standard), std::make_shared<told>(scores, score_scale::share)},
        {});
    double sum = 0;
    double squares = 0;
    for (const float s : scores) {
      sum += static_cast<double>(s);
      squares += static_cast<double>(s) * static_cast<double>(s);
    }
    const double mean = sum / static_cast<double>(n);
    const double sd = std::sqrt(squares / static_cast<double>(n) - mean * mean);
    CHECK(static_cast<double>(set.unit[0]) == Approx(1 / sd).epsilon(1e-4));
    CHECK(set.unit[1] == 0);
    for (std::size_t c = 0; c < set.size(); ++c) {
      const auto x = static_cast<double>(scores[slot(set.items[c])]);
      CHECK(static_cast<double>(set.value[2 * c]) == Approx((x - mean) / sd).epsilon(1e-4).margin(1e-4));
      CHECK(static_cast<double>(set.value[2 * c + 1]) == Approx(std::log(x / sum + 1e-5)).epsilon(1e-4));
    }
  }
}

TEST_CASE("values do not depend on where a source's zero lies") {
  const std::size_t n = 2000;
  const world w(n);
  random_stream random(4);
  std::vector<float> scores(n);
  std::vector<float> shifted(n);
  for (std::size_t i = 0; i < n; ++i) {
    scores[i] = static_cast<float>(random.below(512)) / 256;  // exact after the shift
    shifted[i] = scores[i] + 10000;
  }
  const candidate_set set = gathered(w, {std::make_shared<told>(scores), std::make_shared<told>(shifted)}, {});
  CHECK(static_cast<double>(set.unit[1]) == Approx(static_cast<double>(set.unit[0])).epsilon(1e-3));
  for (std::size_t c = 0; c < set.size(); ++c) {
    CHECK(static_cast<double>(set.value[2 * c + 1]) == Approx(static_cast<double>(set.value[2 * c])).epsilon(1e-2));
  }
}

TEST_CASE("a source that says the same of every item proposes nothing and weighs nothing") {
  const world w(1003);
  for (const float same : {0.0F, 0.1F, -12345.678F}) {
    const candidate_set set = gathered(w, {std::make_shared<told>(std::vector<float>(1003, same))}, {5, {}, {}, 7});
    REQUIRE(set.size() == 7);
    CHECK(set.unit[0] == 1);
    for (std::size_t c = 0; c < set.size(); ++c) {
      CHECK(set.place[c] == candidate_set::not_proposed);
      CHECK(set.value[c] == 0);
    }
  }
}

TEST_CASE("a source with nothing to say proposes nothing and adds nothing") {
  const world w(100);
  std::vector<float> scores(100);
  std::iota(scores.begin(), scores.end(), 0.0F);
  for (const auto scale : {score_scale::standard, score_scale::share}) {
    const candidate_set set =
        gathered(w, {std::make_shared<told>(std::vector<float>{}, scale), std::make_shared<told>(scores)}, {});
    REQUIRE(set.size() == 5);
    CHECK(set.unit[0] == 0);
    for (std::size_t c = 0; c < set.size(); ++c) {
      CHECK(set.place[2 * c] == candidate_set::not_proposed);
      CHECK(set.value[2 * c] == 0);
      CHECK(set.place[2 * c + 1] == c);
    }
  }
}

TEST_CASE("a source that fails or speaks nonsense is silent and others do not notice") {
  const std::size_t n = 300;
  world w(n);
  random_stream random(5);
  std::vector<float> factors(n * 4);
  for (float& f : factors) f = static_cast<float>(random.normal());
  auto batch = std::make_shared<batch_snapshot>(std::make_shared<const tandem::batch::factor_model>(
      tandem::batch::factor_model::from_factors(std::vector<float>(4, 1.0F), factors, 4, {})));
  w.known.batch = batch;
  std::vector<float> good(n);
  for (float& g : good) g = static_cast<float>(random.normal());
  const auto sound = std::make_shared<told>(good);
  const auto pointer = std::make_shared<pointing>(std::vector<float>{1, -1, 0.5F, 2});
  const auto silent = std::make_shared<told>(std::vector<float>{});
  const candidate_set expected = gathered(w, {sound, silent, pointer}, {});
  REQUIRE(expected.size() >= 5);

  const sources nonsense{std::make_shared<failing>(),
                         std::make_shared<told>(std::vector<float>(n, not_a_number)),
                         std::make_shared<told>(std::vector<float>(n, infinity)),
                         std::make_shared<told>(std::vector<float>(n, -infinity)),
                         std::make_shared<pointing>(std::vector<float>{0, not_a_number, 0, 0}),
                         std::make_shared<pointing>(std::vector<float>{infinity, 0, 0, 0}),
                         std::make_shared<pointing>(std::vector<float>{3e38F, 3e38F, 3e38F, 3e38F}),
                         std::make_shared<told>(std::vector<float>(n, 3e38F)),
                         std::make_shared<told>(std::vector<float>(n, -3e38F), score_scale::share)};
  for (const auto& bad : nonsense) {
    const candidate_set set = gathered(w, {sound, bad, pointer}, {});
    CHECK(set.items == expected.items);
    CHECK(set.place == expected.place);
    REQUIRE(set.value.size() == expected.value.size());
    for (std::size_t c = 0; c < set.size(); ++c) {
      CHECK(set.value[3 * c] == expected.value[3 * c]);
      CHECK(set.value[3 * c + 2] == expected.value[3 * c + 2]);
      CHECK(std::isfinite(set.value[3 * c + 1]));
    }
  }
}

TEST_CASE("one nonsensical score among sound ones counts as 0") {
  const world w(50);
  for (const float bad : {not_a_number, infinity, -infinity, 3e38F, -3e38F}) {
    for (const auto scale : {score_scale::standard, score_scale::share}) {
      std::vector<float> scores(50);
      for (std::size_t i = 0; i < 50; ++i) scores[i] = static_cast<float>(i);
      scores[30] = 0;
      const candidate_set expected = gathered(w, {std::make_shared<told>(scores, scale)}, {});
      scores[30] = bad;
      const candidate_set set = gathered(w, {std::make_shared<told>(scores, scale)}, {});
      CHECK(set.items == expected.items);
      CHECK(set.value == expected.value);
    }
  }
}

TEST_CASE("sources that point score by inner product, and items without factors get 0") {
  const std::size_t n = 80;
  const std::size_t n_known = 60;
  world w(n);
  random_stream random(6);
  std::vector<float> factors(n_known * 3);
  for (float& f : factors) f = static_cast<float>(random.normal());
  auto batch = std::make_shared<batch_snapshot>(std::make_shared<const tandem::batch::factor_model>(
      tandem::batch::factor_model::from_factors({1, 1, 1}, factors, 3, {})));
  w.known.batch = batch;
  const std::vector<std::vector<float>> direction{{1, 2, -1}, {0.5F, 0, 3}};
  const sources from{std::make_shared<pointing>(direction[0]), std::make_shared<told>(std::vector<float>(n, 1.0F)),
                     std::make_shared<pointing>(direction[1])};
  gather_scratch scratch;
  const candidate_set set = gather(w.ask(), from, 10, {}, 0, scratch);
  CHECK(set.size() >= 10);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t d = 0; d < 2; ++d) {
      double expected = 0;
      for (std::size_t j = 0; j < 3 && i < n_known; ++j) {
        expected += static_cast<double>(direction[d][j]) * static_cast<double>(factors[i * 3 + j]);
      }
      CHECK(static_cast<double>(all_scores(2 * d, scratch)[i]) == Approx(expected).margin(2e-4));
    }
    CHECK(all_scores(1, scratch)[i] == 1);
  }
}

TEST_CASE("what is said of few items is proposed and normalised as the same scores of all items are") {
  gather_scratch kept;  // what one request leaves must not reach the next
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    random_stream random(seed);
    const std::size_t n = 1 + random.below(seed % 10 == 0 ? 3000 : 100);
    const world w(n);
    const std::uint64_t kind = random.below(8);  // 0: with negative scores, 1: with absurd ones
    std::vector<std::pair<std::size_t, float>> given;
    std::vector<float> scores(n);
    for (std::uint64_t k = random.below(2 * n); k > 0; --k) {
      float x = static_cast<float>(random.below(6));
      if (kind == 0) x -= 2;
      if (kind == 1 && random.below(20) == 0) x = random.below(2) == 0 ? not_a_number : 1e30F;
      given.emplace_back(random.below(n), x);
      scores[given.back().first] += x;
    }
    if (given.empty()) scores.clear();
    wanted want;
    want.per_source = 1 + random.below(30);
    if (random.below(2) == 0) want.forbidden = random_items(random, n, random.below(n));
    if (random.below(3) == 0) want.only = random_items(random, n, 1 + random.below(n));
    const auto scale = random.below(2) == 0 ? score_scale::share : score_scale::standard;
    const auto other = std::make_shared<told>(random_scores(random, n));
    const candidate_set all = gathered(w, {std::make_shared<told>(scores, scale), other}, want);
    kept.forbidden = want.forbidden;
    const candidate_set few =
        gather(w.ask(), sources{std::make_shared<adding>(given, scale), other}, want.per_source, want.only, 0, kept);
    REQUIRE(few.items == all.items);
    REQUIRE(few.place == all.place);
    REQUIRE(few.tied_beyond == all.tied_beyond);
    REQUIRE(few.value.size() == all.value.size());
    for (std::size_t k = 0; k < few.value.size(); ++k) {
      REQUIRE(static_cast<double>(few.value[k]) ==
              Approx(static_cast<double>(all.value[k])).epsilon(1e-4).margin(1e-4));
    }
  }
}

TEST_CASE("what points is proposed and normalised as its inner products with all items are") {
  gather_scratch kept;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    random_stream random(seed);
    const std::size_t n = 1 + random.below(seed % 4 == 0 ? 2000 : 100);
    const std::size_t n_known = random.below(3) == 0 ? n : random.below(n + 1);  // items came after the refit
    const std::size_t rank = 1 + random.below(20);
    world w(n);
    std::vector<float> factors(n_known * rank);
    const bool whole = random.below(4) == 0;  // whole numbers: ties
    for (float& f : factors) f = static_cast<float>(whole ? std::round(random.normal() / 2) : random.normal());
    if (random.below(5) == 0) std::fill_n(factors.begin(), factors.size() / 2, 0.0F);
    w.known.batch = std::make_shared<batch_snapshot>(std::make_shared<const tandem::batch::factor_model>(
        tandem::batch::factor_model::from_factors(std::vector<float>(rank), factors, rank, {})));
    std::vector<float> direction(rank);
    for (float& x : direction) x = static_cast<float>(whole ? std::round(random.normal() / 2) : random.normal());
    std::vector<float> scores(n);
    kernels().score_rows(direction.data(), 1, factors.data(), n_known, rank, rank, scores.data());
    wanted want;
    want.per_source = 1 + random.below(30);
    if (random.below(2) == 0) want.forbidden = random_items(random, n, random.below(n));
    if (random.below(5) == 0) want.only = random_items(random, n, 1 + random.below(n));
    const auto other = std::make_shared<told>(random_scores(random, n));
    const candidate_set expected = gathered(w, {std::make_shared<told>(scores), other}, want);
    kept.forbidden = want.forbidden;
    const sources from{std::make_shared<pointing>(direction), other};
    const candidate_set set = gather(w.ask(), from, want.per_source, want.only, 0, kept);
    REQUIRE(set.items == expected.items);
    REQUIRE(set.place == expected.place);
    REQUIRE(set.tied_beyond == expected.tied_beyond);
    for (std::size_t k = 0; k < set.value.size(); ++k) {
      REQUIRE(static_cast<double>(set.value[k]) ==
              Approx(static_cast<double>(expected.value[k])).epsilon(1e-3).margin(1e-3));
    }
    const std::span<const float> all = all_scores(0, kept);
    for (std::size_t i = 0; i < n; ++i) REQUIRE(all[i] == (allows(want, i) ? scores[i] : -infinity));
  }
}

TEST_CASE("what counts for all alike is proposed and normalised as the same scores of all items are") {
  gather_scratch kept;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    random_stream random(seed);
    const std::size_t n = 1 + random.below(seed % 3 == 0 ? 100 : 6000);
    const world w(n);
    std::vector<float> counts(random.below(4) == 0 ? random.below(n) + 1 : n);  // items without an event yet
    const std::uint64_t levels = std::uint64_t{1} << (1 + random.below(12));
    const bool rare = random.below(2) == 0;
    for (float& x : counts) x = rare && random.below(50) != 0 ? 0.0F : static_cast<float>(random.below(levels));
    counts[0] = 0;  // a row's list leaves out its lowest score, one of counts what has none
    std::vector<float> scores = counts;
    scores.resize(n);
    if (std::ranges::all_of(scores, [](float x) { return x == 0; })) continue;
    wanted want;
    want.per_source = 1 + random.below(30);
    if (random.below(2) == 0) want.forbidden = random_items(random, n, random.below(n));
    if (random.below(6) == 0) want.only = random_items(random, n, 1 + random.below(n));
    const auto other = std::make_shared<told>(random_scores(random, n));
    const candidate_set expected = gathered(w, {std::make_shared<told>(scores, score_scale::share), other}, want);
    kept.forbidden = want.forbidden;
    const query q = w.ask();
    const sources from{std::make_shared<counting>(counts), other};
    const candidate_set set = gather(q, from, want.per_source, want.only, 0, kept);
    REQUIRE(set.items == expected.items);
    REQUIRE(set.place == expected.place);
    REQUIRE(set.tied_beyond == expected.tied_beyond);
    for (std::size_t k = 0; k < set.value.size(); ++k) {
      REQUIRE(static_cast<double>(set.value[k]) ==
              Approx(static_cast<double>(expected.value[k])).epsilon(1e-4).margin(1e-4));
    }
    const std::span<const float> all = all_scores(0, kept);
    for (std::size_t i = 0; i < n; ++i) REQUIRE(all[i] == (allows(want, i) ? scores[i] : -infinity));
  }
}

TEST_CASE("a host's source of counts that fails is silent, and absurd counts count as none") {
  class broken final : public counting {
   public:
    broken(std::span<const float> counts, bool throws, float score)
        : counting(counts), throws_(throws), score_(score) {}
    float peak(const query& q, std::size_t b) const override {
      if (throws_) throw std::runtime_error("the host's service is down");
      return counting::peak(q, b);
    }
    float score_of(const query&, item_index) const override { return score_; }

   private:
    bool throws_;
    float score_;
  };
  const std::size_t n = 3000;
  const world w(n);
  std::vector<float> counts(n);
  for (std::size_t i = 0; i < n; ++i) counts[i] = static_cast<float>(i % 100);
  const auto other = std::make_shared<told>(counts);
  const candidate_set alone = gathered(w, {std::make_shared<told>(std::vector<float>{}), other}, {});
  const candidate_set failed = gathered(w, {std::make_shared<broken>(counts, true, 1.0F), other}, {});
  CHECK(failed.items == alone.items);
  CHECK(failed.value == alone.value);
  for (const float bad : {infinity, not_a_number}) {
    for (const float v : gathered(w, {std::make_shared<broken>(counts, false, bad), other}, {}).value) {
      REQUIRE(std::isfinite(v));
    }
    counts[7] = bad;
    for (const float v : gathered(w, {std::make_shared<counting>(counts), other}, {}).value) REQUIRE(std::isfinite(v));
  }
}

TEST_CASE("a source that writes and says nothing leaves nothing to the next request") {
  class untidy final : public told {
   public:
    using told::told;
    bool score(const query& q, std::span<float> out) const override {
      (void)told::score(q, out);
      return false;
    }
  };
  const world w(20);
  gather_scratch kept;
  (void)gather(w.ask(), sources{std::make_shared<untidy>(std::vector<float>(20, 5.0F))}, 5, {}, 0, kept);
  class adds final : public told {
   public:
    using told::told;
    bool score(const query& q, std::span<float> out) const override {
      for (const float x : out) CHECK(x == 0);
      return told::score(q, out);
    }
  };
  (void)gather(w.ask(), sources{std::make_shared<adds>(std::vector<float>(20, 5.0F))}, 5, {}, 0, kept);
}

TEST_CASE("candidates are filled up with the newest items") {
  const world w(20);
  std::vector<float> scores(20);
  scores[3] = 2;
  scores[18] = 1;
  const sources from{std::make_shared<told>(scores, score_scale::share)};
  const auto items_with = [&](const wanted& want) {
    std::vector<std::size_t> out;
    for (const item_index i : gathered(w, from, want).items) out.push_back(slot(i));
    return out;
  };
  CHECK(items_with({5, {}, {}, 2}) == std::vector<std::size_t>{3, 18});
  CHECK(items_with({5, {}, {}, 5}) == std::vector<std::size_t>{3, 18, 19, 17, 16});
  CHECK(items_with({5, {item(19), item(18)}, {}, 4}) == std::vector<std::size_t>{3, 17, 16, 15});
  CHECK(items_with({5, {}, {}, 100}).size() == 20);
  CHECK(items_with({5, {}, {item(2), item(3)}, 100}) == std::vector<std::size_t>{3, 2});  // the host's list is all
}

TEST_CASE("scratch memory of other requests leaves no trace") {
  gather_scratch scratch;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const random_case c(seed);
    scratch.forbidden = c.want.forbidden;
    const candidate_set again = gather(c.w.ask(), c.from, c.want.per_source, c.want.only, c.want.at_least, scratch);
    const candidate_set fresh = gathered(c.w, c.from, c.want);
    CHECK(again.items == fresh.items);
    CHECK(again.place == fresh.place);
    CHECK(again.value == fresh.value);
    CHECK(again.tied_beyond == fresh.tied_beyond);
  }
}

TEST_CASE("the moment of a request is where in a visit the user is") {
  const auto moment_after = [](std::size_t n_events, std::int64_t last, std::int64_t now) {
    world w(10);
    for (std::size_t e = 0; e < n_events; ++e) w.known.history.write().add({item(e % 10), from_millis(last)});
    w.time = from_millis(now);
    return moment_of(w.ask());
  };
  constexpr std::int64_t minute = 60000;
  CHECK(moment_after(0, 0, 0) == moment::new_user);
  CHECK(moment_after(1, 5, 5) == moment::visit_start);
  CHECK(moment_after(5, 5, 5) == moment::visit_start);
  CHECK(moment_after(6, 5, 5) == moment::visit_deep);
  CHECK(moment_after(2, 0, minute) == moment::session_start);
  CHECK(moment_after(3, 0, 30 * minute - 1) == moment::session_deep);
  CHECK(moment_after(3, 0, 30 * minute) == moment::returning);
  CHECK(moment_after(9, minute, 0) == moment::session_deep);  // a request that comes late
  world w(10);                                                // a regular, early in this visit
  for (std::size_t e = 0; e < 20; ++e) w.known.history.write().add({item(e % 10), from_millis(e < 15 ? 0 : minute)});
  w.time = from_millis(minute);
  CHECK(moment_of(w.ask()) == moment::visit_start);
}
