#include "tandem/hybrid/blender.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::hybrid;

namespace {

using scores_by_source = std::vector<std::vector<float>>;

// what gather() makes of sources on the standard scale that list their `listed` best
candidate_set set_of(const scores_by_source& scores, moment when, std::size_t listed = 10) {
  candidate_set set;
  set.n_sources = scores.size();
  set.when = when;
  const std::size_t n = scores.empty() ? 0 : scores[0].size();
  for (std::uint32_t i = 0; i < n; ++i) set.items.push_back(item_index{i});
  set.value.resize(n * set.n_sources);
  set.place.assign(n * set.n_sources, candidate_set::not_proposed);
  set.tied_beyond.assign(set.n_sources, 0);
  set.unit.assign(set.n_sources, 1);
  for (std::size_t s = 0; s < set.n_sources; ++s) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores[s][a] > scores[s][b]; });
    for (std::size_t k = 0; k < std::min(n, listed); ++k) {
      set.place[order[k] * set.n_sources + s] = static_cast<std::uint8_t>(k);
    }
    for (std::size_t i = 0; i < n; ++i) set.value[i * set.n_sources + s] = scores[s][i];
  }
  return set;
}

std::vector<std::size_t> everything(const candidate_set& set) {
  std::vector<std::size_t> all(set.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

double ndcg_of(const std::vector<float>& scores, std::size_t taken) {
  double place = -0.5;
  for (const float s : scores) place += s > scores[taken] ? 1 : s == scores[taken] ? 0.5 : 0;
  return place < 10 ? 1 / std::log2(place + 2) : 0;
}

moment some_moment(random_stream& random) { return static_cast<moment>(random.below(n_moments)); }

// users choose among n candidates by a noisy utility; what each source knows of it is for the world to say
struct choice_world {
  using noise_of = std::function<double(std::size_t source, std::size_t t)>;  // infinity = knows nothing

  explicit choice_world(std::uint64_t seed, std::size_t sources, noise_of noise_)
      : random(seed), n_sources(sources), noise(std::move(noise_)) {}

  struct choice {
    candidate_set set;
    std::vector<float> utility;
    std::size_t taken = 0;
  };

  choice next(std::size_t t, std::size_t n = 20) {
    choice c;
    c.utility.resize(n);
    for (float& u : c.utility) u = static_cast<float>(random.normal());
    scores_by_source scores(n_sources, std::vector<float>(n));
    for (std::size_t s = 0; s < n_sources; ++s) {
      const double sd = noise(s, t);
      for (std::size_t i = 0; i < n; ++i) {
        scores[s][i] = static_cast<float>(std::isinf(sd) ? random.normal()
                                                         : (static_cast<double>(c.utility[i]) + sd * random.normal()) /
                                                               std::sqrt(1 + sd * sd));
      }
    }
    c.set = set_of(scores, some_moment(random));
    c.taken = taken_among(c.utility, everything(c.set));
    return c;
  }

  // by the softmax of 4 times the utility
  std::size_t taken_among(const std::vector<float>& utility, const std::vector<std::size_t>& offered) {
    std::size_t taken = offered.front();
    double best = -std::numeric_limits<double>::infinity();
    for (const std::size_t c : offered) {
      const double felt = 4 * static_cast<double>(utility[c]) - std::log(-std::log(random.uniform_open()));
      if (felt > best) {
        best = felt;
        taken = c;
      }
    }
    return taken;
  }

  random_stream random;
  std::size_t n_sources;
  noise_of noise;
};

// mean NDCG@10 over a stretch of time
struct report {
  double served = 0;
  double blend = 0;
  std::vector<double> source;

  [[nodiscard]] double best() const { return *std::max_element(source.begin(), source.end()); }
};

report run(choice_world& world, blender& b, std::size_t from, std::size_t to) {
  report r;
  r.source.resize(world.n_sources);
  std::vector<float> score(20);
  for (std::size_t t = from; t < to; ++t) {
    const choice_world::choice c = world.next(t);
    b.weights()->serve(c.set, score);
    r.served += ndcg_of(score, c.taken);
    b.weights()->blend(c.set, score);
    r.blend += ndcg_of(score, c.taken);
    for (std::size_t s = 0; s < world.n_sources; ++s) {
      const double place = c.set.tied_place(c.taken, s);
      r.source[s] += place < 10 ? 1 / std::log2(place + 2) : 0;
    }
    b.learn(c.set, everything(c.set), c.taken);
  }
  const auto n = static_cast<double>(to - from);
  r.served /= n;
  r.blend /= n;
  for (double& s : r.source) s /= n;
  return r;
}

// log likelihood of a choice in double, by the definition of the model
double log_likelihood(const std::vector<double>& weight, const candidate_set& set,
                      const std::vector<std::size_t>& offered, std::size_t taken) {
  const std::size_t n = set.n_sources;
  const std::size_t here = (1 + static_cast<std::size_t>(set.when)) * 3 * n;
  const auto score = [&](std::size_t c) {
    double sum = 0;
    for (std::size_t s = 0; s < n; ++s) {
      const std::uint8_t place = set.place[c * n + s];
      const bool in = place != candidate_set::not_proposed;
      const double x[3] = {static_cast<double>(set.value[c * n + s]), in ? 4.0 / (place + 2) : 0.0, in ? 1.0 : 0.0};
      for (std::size_t f = 0; f < 3; ++f) sum += (weight[f * n + s] + weight[here + f * n + s]) * x[f];
    }
    return sum;
  };
  double total = 0;
  for (const std::size_t c : offered) total += std::exp(score(c));
  return score(taken) - std::log(total);
}

}  // namespace

TEST_CASE("a step of learning is Newton's, by the curvature of all choices so far") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_stream random(seed);
    const std::size_t n_sources = 1 + random.below(4);
    const std::size_t width = 3 * n_sources;
    blender_options options;
    options.rate = 0.2 + random.uniform() * 0.8;
    options.guard = false;
    blender b(n_sources, options);
    std::vector<double> weight(b.weights()->weight.begin(), b.weights()->weight.end());
    const auto n = static_cast<Eigen::Index>(width);
    std::vector<Eigen::MatrixXd> known(1 + n_moments, Eigen::MatrixXd::Zero(n, n));
    for (int step = 0; step < 25; ++step) {
      scores_by_source scores(n_sources, std::vector<float>(12));
      for (auto& each : scores) {
        for (float& x : each) x = static_cast<float>(random.normal());
      }
      const candidate_set set = set_of(scores, some_moment(random), 5);
      std::vector<std::size_t> offered = everything(set);
      if (step % 2 == 1) offered.resize(2 + random.below(9));
      const std::size_t taken = offered[random.below(offered.size())];
      // by differences of the log likelihood: the weights of all and of a moment add up, so those of all will do
      constexpr double h = 1e-3;
      const auto moved = [&](std::size_t i, double by_i, std::size_t j, double by_j) {
        std::vector<double> w = weight;
        w[i] += by_i;
        w[j] += by_j;
        return log_likelihood(w, set, offered, taken);
      };
      Eigen::VectorXd gradient(n);
      Eigen::MatrixXd bend(n, n);
      for (std::size_t i = 0; i < width; ++i) {
        gradient(static_cast<Eigen::Index>(i)) = (moved(i, h, i, 0) - moved(i, -h, i, 0)) / (2 * h);
        for (std::size_t j = 0; j < width; ++j) {
          bend(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
              -(moved(i, h, j, h) - moved(i, h, j, -h) - moved(i, -h, j, h) + moved(i, -h, j, -h)) / (4 * h * h);
        }
      }
      b.learn(set, offered, taken);
      for (const std::size_t block : {std::size_t{0}, 1 + static_cast<std::size_t>(set.when)}) {
        known[block] = (1 - 1e-4) * known[block] + bend;
        Eigen::MatrixXd whole = known[block];
        whole.diagonal().array() += block == 0 ? 50 : 200;
        const Eigen::VectorXd way = options.rate * whole.ldlt().solve(gradient);
        for (std::size_t j = 0; j < width; ++j) weight[block * width + j] += way(static_cast<Eigen::Index>(j));
      }
      for (std::size_t j = 0; j < weight.size(); ++j) {
        REQUIRE(static_cast<double>(b.weights()->weight[j]) == Approx(weight[j]).margin(1e-5));
      }
    }
  }
}

TEST_CASE("one more source that repeats another costs next to nothing") {
  // five sources, all but the first an echo of the second: it takes weights that know of each other to tell them apart
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const auto after = [&](std::size_t n_sources) {
      choice_world world(seed, n_sources, [](std::size_t s, std::size_t) { return s == 0 ? 1.0 : 1.5; });
      blender_options options;
      options.guard = false;
      blender b(n_sources, options);
      double blend = 0;
      for (std::size_t t = 0; t < 1500; ++t) {
        choice_world::choice c = world.next(t);
        for (std::size_t s = 2; s < n_sources; ++s) {
          for (std::size_t i = 0; i < c.set.size(); ++i) {
            c.set.value[i * n_sources + s] = c.set.value[i * n_sources + 1];
            c.set.place[i * n_sources + s] = c.set.place[i * n_sources + 1];
          }
        }
        std::vector<float> score(c.set.size());
        b.weights()->blend(c.set, score);
        if (t >= 500) blend += ndcg_of(score, c.taken);
        b.learn(c.set, everything(c.set), c.taken);
      }
      return blend / 1000;
    };
    CHECK(after(6) > 0.98 * after(2));
  }
}

TEST_CASE("the blend's score is the weighted sum of its features") {
  blender b(3);
  choice_world world(4, 3, [](std::size_t s, std::size_t) { return static_cast<double>(s); });
  (void)run(world, b, 0, 200);
  const auto c = world.next(0);
  std::vector<float> score(c.set.size());
  b.weights()->blend(c.set, score);
  const std::vector<double> weight(b.weights()->weight.begin(), b.weights()->weight.end());
  // differences of scores are log odds
  for (std::size_t i = 1; i < c.set.size(); ++i) {
    const double odds = log_likelihood(weight, c.set, {0, i}, i) - log_likelihood(weight, c.set, {0, i}, 0);
    CHECK(static_cast<double>(score[i] - score[0]) == Approx(odds).margin(1e-4));
  }
}

TEST_CASE("before it learned anything the blend averages the sources") {
  const candidate_set set = set_of({{1, 2, 3}, {3, 1, 5}}, moment::returning);
  std::vector<float> score(3);
  blender(2).weights()->serve(set, score);
  CHECK(score == std::vector<float>{2, 1.5F, 4});
}

TEST_CASE("the blend converges to the better of two sources") {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    for (const std::size_t good : {0U, 1U}) {
      choice_world world(seed, 2, [&](std::size_t s, std::size_t) { return s == good ? 0.3 : 1e9; });
      blender_options options;
      options.guard = false;
      blender b(2, options);
      (void)run(world, b, 0, 2000);
      const report r = run(world, b, 2000, 5000);
      CHECK(r.blend >= 0.99 * r.source[good]);
      CHECK(r.served == r.blend);
      const std::vector<float>& w = b.weights()->weight;
      CHECK(w[good] > 4 * std::abs(w[1 - good]));
    }
  }
}

TEST_CASE("the blend beats every source when each knows a part") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    choice_world world(seed, 4, [](std::size_t, std::size_t) { return 1.5; });
    blender b(4);
    (void)run(world, b, 0, 2000);
    const report r = run(world, b, 2000, 5000);
    CHECK(r.served > 1.2 * r.best());
  }
}

TEST_CASE("in the long run what is served is not worse than the best source") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    // one source knows all or nearly, the others nothing; learning rates from slow to reckless
    const std::size_t n_sources = 2 + seed % 3;
    const double noise = seed % 2 == 0 ? 0 : 0.5;
    const double infinity = std::numeric_limits<double>::infinity();
    choice_world world(seed, n_sources, [&](std::size_t s, std::size_t) { return s == 1 ? noise : infinity; });
    blender_options options;
    options.rate = seed < 4 ? 0.05 : 1;
    blender b(n_sources, options);
    (void)run(world, b, 0, 3000);
    const report r = run(world, b, 3000, 10000);
    CHECK(r.served >= 0.98 * r.best());
  }
}

TEST_CASE("a source does not lead by chance") {
  // nobody knows anything: by sums alone the blend would lead a quarter of the time
  std::size_t by_blend = 0;
  std::size_t choices = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const double infinity = std::numeric_limits<double>::infinity();
    choice_world world(seed, 3, [&](std::size_t, std::size_t) { return infinity; });
    blender b(3);
    for (std::size_t t = 0; t < 3000; ++t, ++choices) {
      (void)run(world, b, t, t + 1);
      by_blend += b.weights()->leader == 3 ? 1U : 0U;
    }
  }
  CHECK(static_cast<double>(by_blend) > 0.8 * static_cast<double>(choices));
}

TEST_CASE("the guard makes up for a blend that has gone wrong") {
  // two sources repeat each other and the third knows it all: a blend that hardly learns counts the echo twice
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    choice_world world(seed, 6, [](std::size_t s, std::size_t) { return s == 2 ? 0.0 : 1e9; });
    blender_options options;
    options.rate = 1e-6;
    blender guarded(6, options);
    options.guard = false;
    blender bare(6, options);
    choice_world same = world;
    const report with = run(world, guarded, 0, 4000);
    const report without = run(same, bare, 0, 4000);
    CHECK(without.served < 0.8 * without.best());
    CHECK(with.served >= 0.98 * with.best());
  }
}

TEST_CASE("when another source becomes the best, what is served follows") {
  constexpr std::size_t phase = 15000;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const double infinity = std::numeric_limits<double>::infinity();
    choice_world world(seed, 3, [&](std::size_t s, std::size_t t) { return s == (t / phase) % 2 ? 0.3 : infinity; });
    blender b(3);
    double served = 0;
    double best = 0;
    for (std::size_t p = 0; p < 3; ++p) {
      const report early = run(world, b, p * phase, p * phase + 5000);
      const report late = run(world, b, p * phase + 5000, (p + 1) * phase);
      CHECK(late.best() == late.source[p % 2]);
      CHECK(late.served >= 0.98 * late.best());
      served += 5000 * early.served + 10000 * late.served;
      best += 5000 * early.best() + 10000 * late.best();
    }
    CHECK(served >= 0.95 * best);  // the price of three changes within 45,000 choices included
  }
}

TEST_CASE("learning from what was shown only does not entrench who serves") {
  constexpr std::size_t n = 12000;
  choice_world world(1, 2, [](std::size_t s, std::size_t t) { return (s == 0) == (t < n / 2) ? 0.3 : 3.0; });
  blender b(2);
  double served = 0;
  double best = 0;
  std::vector<float> score(40);
  for (std::size_t t = 0; t < n; ++t) {
    const choice_world::choice c = world.next(t, 40);
    b.weights()->serve(c.set, score);
    const auto top = [&](auto better) {
      std::vector<std::size_t> order = everything(c.set);
      std::sort(order.begin(), order.end(), better);
      order.resize(5);
      return order;
    };
    const auto most_useful = [&](const std::vector<std::size_t>& slate) {
      double most = -1e9;
      for (const std::size_t i : slate) most = std::max(most, static_cast<double>(c.utility[i]));
      return most;
    };
    const auto shown = top([&](std::size_t x, std::size_t y) { return score[x] > score[y]; });
    const std::size_t expert = t < n / 2 ? 0 : 1;
    const auto ideal =
        top([&](std::size_t x, std::size_t y) { return c.set.value[2 * x + expert] > c.set.value[2 * y + expert]; });
    if (t % (n / 2) >= n / 4) {
      served += most_useful(shown);
      best += most_useful(ideal);
    }
    const std::size_t taken = world.taken_among(c.utility, shown);
    if (c.utility[taken] > 1) {
      b.learn(c.set, shown, taken);
    } else {
      b.learn_miss();
    }
  }
  CHECK(served >= 0.98 * best);
}

TEST_CASE("the standing of an expert is its discounted NDCG") {
  random_stream random(5);
  blender_options options;
  options.leader_decay = 0.9;
  blender b(2, options);
  std::vector<double> expected(3);
  for (int t = 0; t < 200; ++t) {
    for (double& e : expected) e *= options.leader_decay;
    if (random.uniform() < 0.3) {
      b.learn_miss();
    } else {
      scores_by_source scores(2, std::vector<float>(15));
      for (auto& each : scores) {
        for (float& x : each) x = static_cast<float>(random.below(6));  // with ties
      }
      const candidate_set set = set_of(scores, some_moment(random), 15);
      const std::size_t taken = random.below(15);
      std::vector<float> blend(15);
      b.weights()->blend(set, blend);
      for (std::size_t s = 0; s < 2; ++s) expected[s] += ndcg_of(scores[s], taken);
      expected[2] += ndcg_of(blend, taken);
      b.learn(set, everything(set), taken);
    }
    for (std::size_t e = 0; e < 3; ++e) CHECK(b.standing()[e] == Approx(expected[e]));
  }
}

TEST_CASE("a source that calls everything equal earns no lead by ties") {
  choice_world world(6, 2, [](std::size_t, std::size_t) { return 1.0; });
  blender b(2);
  for (std::size_t t = 0; t < 500; ++t) {
    choice_world::choice c = world.next(t);
    for (std::size_t i = 0; i < c.set.size(); ++i) c.set.value[2 * i] = 0;  // source 0 ties all it lists
    c.set.tied_beyond[0] = 10;
    b.learn(c.set, everything(c.set), c.taken);
  }
  CHECK(b.standing()[0] < 0.6 * b.standing()[1]);
  CHECK(b.weights()->leader != 0);
}

TEST_CASE("a leading source serves its list, and the blend orders the rest") {
  blend_weights w = *blender(2).weights();
  candidate_set set = set_of({{5, 4, 3, 2, 1}, {1, 9, 2, 8, 3}}, moment::returning, 2);
  w.leader = 0;
  std::vector<float> score(5);
  w.serve(set, score);
  std::vector<std::size_t> order = everything(set);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
  CHECK(order == std::vector<std::size_t>{0, 1, 3, 2, 4});  // 0 and 1 by source 0; then averages 5, 2.5, 2
  CHECK(w.slope(set, 0) == 1);
  CHECK(w.slope(set, 1) == 0);
  w.leader = 2;
  CHECK(w.slope(set, 0) == 0.5F);
  // a leader without an opinion leaves it to the blend
  w.leader = 0;
  for (std::size_t c = 0; c < 5; ++c) set.place[2 * c] = candidate_set::not_proposed;
  std::vector<float> blend(5);
  w.blend(set, blend);
  w.serve(set, score);
  CHECK(score == blend);
}

TEST_CASE("weights that a reader holds stay as they were") {
  choice_world world(7, 3, [](std::size_t s, std::size_t) { return 0.5 * static_cast<double>(s); });
  blender b(3);
  (void)run(world, b, 0, 100);
  const cow<blend_weights> held = b.weights();
  const std::vector<float> weight = held->weight;
  const std::size_t leader = held->leader;
  (void)run(world, b, 100, 1000);
  CHECK(held->weight == weight);
  CHECK(held->leader == leader);
  CHECK(b.weights()->weight != weight);
}

TEST_CASE("a choice without alternative teaches who was right, not how to choose") {
  blender b(2);
  const std::vector<float> before = b.weights()->weight;
  const candidate_set set = set_of({{1, 2, 3}, {3, 2, 1}}, moment::returning);
  const std::vector<std::size_t> only{2};
  b.learn(set, only, 2);
  CHECK(b.weights()->weight == before);
  CHECK(b.standing()[0] > b.standing()[1]);
  b.learn_miss();
  CHECK(b.weights()->weight == before);
}

namespace {

// A page of all that there is, in the order of source 1 but for some noise, of which users see less and less: they take
// by the softmax of 4 times the utility, times 1 / place.
struct shown_page {
  std::vector<std::size_t> places;
  std::size_t taken = 0;

  shown_page(choice_world& world, const choice_world::choice& c) : places(everything(c.set)) {
    std::vector<double> by(places.size());
    for (const std::size_t i : places) by[i] = static_cast<double>(c.set.value[2 * i + 1]) + world.random.normal();
    std::sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) { return by[a] > by[b]; });
    std::vector<float> felt = c.utility;
    for (std::size_t k = 0; k < places.size(); ++k) felt[places[k]] -= std::log(static_cast<float>(k + 1)) / 4;
    taken = world.taken_among(felt, places);
  }
};

}  // namespace

TEST_CASE("what stands higher is taken more, and the source that put it there takes no credit for it") {
  const auto noise = [](std::size_t s, std::size_t) { return s == 0 ? 0.5 : 1e9; };
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    blender_options options;
    options.guard = false;
    blender fair(2, options);
    blender naive(2, options);
    choice_world world(seed, 2, noise);
    for (std::size_t t = 0; t < 6000; ++t) {
      const choice_world::choice c = world.next(t, 10);
      const shown_page page(world, c);
      fair.learn_page(c.set, page.places, page.taken);
      naive.learn(c.set, page.places, page.taken);
    }
    const auto trust_in_what_knows_nothing = [](const blender& b) {  // at the middle of its list
      return b.weights()->weight[1] + b.weights()->weight[3] * 4 / 7;
    };
    CHECK(trust_in_what_knows_nothing(fair) < 0.7F * trust_in_what_knows_nothing(naive));
    const auto last = [](const blender& b) { return b.effects().of_place(0, 9) - b.effects().of_place(0, 0); };
    CHECK(last(fair) < -1);
    CHECK(last(fair) > -2.3F);  // log(1 / 10), and less for those whose taste no source knows
    CHECK(last(naive) == 0);
    choice_world later(seed + 100, 2, noise);
    choice_world same(seed + 100, 2, noise);
    CHECK(run(later, fair, 0, 2000).blend >= run(same, naive, 0, 2000).blend);
  }
}

TEST_CASE("an item alone on its page teaches by being taken or not") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (const std::size_t good : {0U, 1U}) {
      blender_options options;
      options.guard = false;
      blender b(2, options);
      choice_world world(seed, 2, [&](std::size_t s, std::size_t) { return s == good ? 0.5 : 1e9; });
      double taken = 0;
      for (std::size_t t = 0; t < 8000; ++t) {
        const choice_world::choice c = world.next(t);
        const std::vector<std::size_t> page{world.random.below(20)};
        const double odds = 2 * static_cast<double>(c.utility[page[0]]) - 3;
        const bool takes = world.random.uniform() < 1 / (1 + std::exp(-odds));
        taken += takes ? 1 : 0;
        if (takes) {
          b.learn_page(c.set, page, page[0], 0.05);
        } else {
          b.learn_silence(c.set, page, 0.05);
        }
      }
      CHECK(taken > 800);
      const std::vector<float>& w = b.weights()->weight;
      CHECK(w[good] > 0.5F);
      CHECK(w[good] > 4 * std::abs(w[1 - good]));
      const report r = run(world, b, 0, 2000);
      CHECK(r.blend >= 0.95 * r.source[good]);
    }
  }
}

TEST_CASE("what was rarely shown alone weighs more, up to a point") {
  const candidate_set set = set_of({{1, 2, 3}, {3, 2, 1}}, moment::returning);
  const auto moved = [&](double propensity) {
    blender b(2);
    b.learn_silence(set, std::vector<std::size_t>{2}, propensity);
    return b.weights()->weight[0] - 0.5F;
  };
  CHECK(moved(1) < 0);
  CHECK(moved(0.5) < 1.8F * moved(1));
  CHECK(moved(0.1) == moved(0.001));
  blender b(2);
  const std::vector<float> before = b.weights()->weight;
  b.learn_silence(set, std::vector<std::size_t>{0, 2});
  b.learn_silence(set, {});
  CHECK(b.weights()->weight == before);
}

TEST_CASE("a channel or segment has weights of its own, and a new one those of all") {
  const auto group = GENERATE(&candidate_set::channel, &candidate_set::segment);
  const auto noise_in = [](std::size_t number) {
    return [number](std::size_t s, std::size_t) { return s == number - 1 ? 0.5 : 1e9; };
  };
  choice_world first(1, 2, noise_in(1));
  choice_world second(2, 2, noise_in(2));
  blender_options options;
  options.guard = false;
  blender b(2, options);
  random_stream random(3);
  for (std::size_t t = 0; t < 6000; ++t) {
    const std::size_t number = random.below(3) == 0 ? 2 : 1;
    choice_world::choice c = (number == 1 ? first : second).next(t);
    c.set.*group = number;
    b.learn(c.set, everything(c.set), c.taken);
  }
  const auto ndcg = [&](choice_world& world, std::size_t number) {
    double sum = 0;
    std::vector<float> score(20);
    for (std::size_t t = 0; t < 1000; ++t) {
      choice_world::choice c = world.next(t);
      c.set.*group = number;
      b.weights()->serve(c.set, score);
      sum += ndcg_of(score, c.taken);
    }
    return sum / 1000;
  };
  for (auto* const world : {&first, &second}) {
    const std::size_t own = world == &first ? 1 : 2;
    CHECK(ndcg(*world, own) > 1.1 * ndcg(*world, 0));
    CHECK(ndcg(*world, 0) > 1.1 * ndcg(*world, 3 - own));
  }
  candidate_set set = set_of({{1, 2, 3}, {3, 2, 1}}, moment::returning);
  std::vector<float> of_all(3);
  std::vector<float> of_new(3);
  b.weights()->blend(set, of_all);
  set.*group = std::min(max_channels, max_segments);  // far beyond what was learned
  b.weights()->blend(set, of_new);
  CHECK(of_new == of_all);
}

TEST_CASE("one source, or none, is a blend too") {
  blender one(1);
  CHECK(one.weights()->leader == 0);
  choice_world world(8, 1, [](std::size_t, std::size_t) { return 0.5; });
  const report r = run(world, one, 0, 500);
  CHECK(r.served == Approx(r.source[0]));
  blender none(0);
  candidate_set set = set_of({}, moment::returning);
  set.items = {item_index{4}, item_index{7}};
  std::vector<float> score(2, 1.0F);
  none.weights()->serve(set, score);
  CHECK(score == std::vector<float>{0, 0});
  none.learn(set, everything(set), 1);
}

TEST_CASE("blender options out of range are named") {
  const auto field_of = [](auto change) -> std::string {
    blender_options options;
    change(options);
    try {
      blender b(2, options);
    } catch (const error& e) {
      CHECK(e.code() == errc::invalid_argument);
      return e.where().field;
    }
    return "accepted";
  };
  CHECK(field_of([](blender_options& o) { o.rate = 0; }) == "blender.rate");
  CHECK(field_of([](blender_options& o) { o.rate = 1.5; }) == "blender.rate");
  CHECK(field_of([](blender_options& o) { o.proposals = 0; }) == "blender.proposals");
  CHECK(field_of([](blender_options& o) { o.proposals = 255; }) == "blender.proposals");
  CHECK(field_of([](blender_options& o) { o.leader_decay = 0; }) == "blender.leader_decay");
  CHECK(field_of([](blender_options&) {}) == "accepted");
}

namespace {

candidate_set some_set(random_stream& random, std::size_t n_sources) {
  scores_by_source scores(n_sources, std::vector<float>(2 + random.below(8)));
  for (std::vector<float>& row : scores) {
    for (float& x : row) x = static_cast<float>(random.below(6));
    row.resize(scores[0].size());
  }
  return set_of(scores, some_moment(random), 1 + random.below(5));
}

}  // namespace

TEST_CASE("a blender that was saved goes on as if it never was") {
  blender_options options;
  options.leader_decay = 0.9;  // leaders change
  const auto step = [](blender& b, random_stream& random) {
    if (random.below(5) == 0) return b.learn_miss();
    candidate_set set = some_set(random, 3);
    set.channel = random.below(4);
    set.segment = random.below(4);
    std::vector<std::size_t> offered = everything(set);
    if (random.below(3) == 0) offered.resize(1 + random.below(2));
    const std::size_t taken = offered[random.below(offered.size())];
    if (random.below(2) == 0) {
      b.learn_page(set, offered, taken, 0.5);
    } else {
      b.learn(set, offered, taken);
    }
    b.learn_silence(set, offered, 0.25);
  };
  const auto ask = [](const blender& b, random_stream& random) {
    const candidate_set set = some_set(random, 3);
    std::vector<float> out(set.size());
    b.weights()->serve(set, out);
    out.push_back(static_cast<float>(b.weights()->leader));
    return out;
  };
  const auto load = [&](byte_reader& in) { return blender::load(in, 3, options); };
  tandem_test::check_goes_on([&] { return blender(3, options); }, step, ask, load);

  blender small(3, options);
  random_stream random(1);
  step(small, random);
  tandem_test::check_damage(tandem_test::saved(small), load, [&](blender& b, random_stream& r) {
    for (int k = 0; k < 10; ++k) step(b, r);
    (void)ask(b, r);
  });
}

TEST_CASE("a saved blender is refused under other options or with other sources") {
  const auto whole = tandem_test::saved(blender(2));
  const auto refused = [&](std::size_t n_sources, const blender_options& options) {
    return tandem_test::is_refused(whole, [&](byte_reader& in) { return blender::load(in, n_sources, options); });
  };
  CHECK_FALSE(refused(2, {}));
  CHECK(refused(1, {}));
  CHECK(refused(3, {}));
  blender_options other;
  other.rate = 0.03;
  CHECK(refused(2, other));
  other = {};
  other.proposals = 26;
  CHECK(refused(2, other));
  other = {};
  other.leader_decay = 1;
  CHECK(refused(2, other));
  other = {};
  other.guard = false;
  CHECK(refused(2, other));
  CHECK_FALSE(
      tandem_test::is_refused(tandem_test::saved(blender()), [](byte_reader& in) { return blender::load(in, 0); }));
}

TEST_CASE("candidates that were saved teach a blender the same") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    random_stream random(seed);
    const candidate_set set = some_set(random, 2);
    const auto whole = tandem_test::saved(set);
    const auto load = [](byte_reader& in) { return candidate_set::load(in, 2, 10); };
    const candidate_set same = tandem_test::read_from(whole, load);
    CHECK(tandem_test::saved(same) == whole);
    blender first(2);
    blender second(2);
    first.learn(set, everything(set), 0);
    second.learn(same, everything(same), 0);
    CHECK(tandem_test::saved(first) == tandem_test::saved(second));
    if (seed != 0) continue;
    CHECK(tandem_test::is_refused(whole, [](byte_reader& in) { return candidate_set::load(in, 3, 10); }));
    CHECK(tandem_test::is_refused(whole, [](byte_reader& in) { return candidate_set::load(in, 2, 1); }));
    tandem_test::check_damage(whole, load, [&](candidate_set& damaged, random_stream&) {
      if (damaged.size() != 0) blender(2).learn(damaged, everything(damaged), damaged.size() - 1);
    });
  }
  candidate_set nobody;  // what decide() leaves when there is nothing to choose from
  nobody.n_sources = 2;
  CHECK_FALSE(
      tandem_test::is_refused(tandem_test::saved(nobody), [](byte_reader& in) { return candidate_set::load(in, 2); }));
}

TEST_CASE(
    "a ranker serves where the blend would while it is ahead of it, and not one choice longer than the sum says") {
  choice_world world(5, 2, [](std::size_t, std::size_t) { return 2.0; });
  blender b(2);
  std::vector<float> served(20);
  const auto rank_by = [](choice_world::choice& c, float quality) {
    c.set.ranked = c.utility;
    for (float& x : c.set.ranked) x *= quality;
  };
  for (std::size_t t = 0; t < 200; ++t) {
    choice_world::choice c = world.next(t);
    rank_by(c, 1);
    b.learn(c.set, everything(c.set), c.taken);
  }
  CHECK(b.weights()->leader == b.weights()->ranker_leads());
  choice_world::choice c = world.next(0);
  b.weights()->serve(c.set, served);  // without a ranker's scores: the blend
  std::vector<float> blended(20);
  b.weights()->blend(c.set, blended);
  CHECK(served == blended);
  rank_by(c, 1);
  b.weights()->serve(c.set, served);
  CHECK(served == c.set.ranked);
  CHECK(b.weights()->slope(c.set, 0) != 0);  // the blend's

  const blender again =
      tandem_test::read_from(tandem_test::saved(b), [](byte_reader& in) { return blender::load(in, 2); });
  CHECK(again.weights()->leader == b.weights()->ranker_leads());
  for (std::size_t t = 0; t < 2000 && b.weights()->leader == b.weights()->ranker_leads(); ++t) {
    c = world.next(t);
    rank_by(c, -1);
    b.learn(c.set, everything(c.set), c.taken);
  }
  CHECK(b.weights()->leader == b.weights()->blend_leads());
}
