#include "tandem/online/linear_arms.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "tandem/core/random.hpp"

using namespace tandem::online;
using tandem::random_stream;
using vector = std::vector<float>;

namespace {

vector normal_vector(random_stream& random, std::size_t d) {
  vector x(d);
  for (float& each : x) each = static_cast<float>(random.normal());
  return x;
}

std::vector<estimate> predict(const linear_arms& arms, const vector& x) {
  linear_arms::scratch memory;
  std::vector<estimate> out(arms.size());
  arms.predict(x, memory, out);
  return out;
}

// arms whose coefficients all lie on one plane
struct plane_of_arms {
  std::vector<vector> theta;

  plane_of_arms(std::size_t n_arms, std::size_t d, random_stream& random) : theta(n_arms, vector(d)) {
    const vector first = normal_vector(random, d);
    const vector second = normal_vector(random, d);
    for (vector& each : theta) {
      const auto a = static_cast<float>(random.normal());
      const auto b = static_cast<float>(random.normal());
      for (std::size_t j = 0; j < d; ++j) each[j] = a * first[j] + b * second[j];
    }
  }
  [[nodiscard]] float pays(std::size_t arm, const vector& x) const {
    return std::inner_product(x.begin(), x.end(), theta[arm].begin(), 0.0F);
  }
};

}  // namespace

TEST_CASE("arms side by side know what each would know alone") {
  for (const std::size_t d : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{20}, std::size_t{67}}) {
    for (const float discount : {1.0F, 0.99F, 0.8F}) {
      INFO("d " << d << ", discount " << discount);
      random_stream random(d);
      linear_arms arms({.dimension = d, .regularization = 2, .discount = discount});
      std::vector<linear_posterior> alone;
      for (int a = 0; a < 35; ++a) {
        arms.add();
        alone.emplace_back(tandem::online::linear_options{.dimension = d, .regularization = 2});
      }
      for (int n = 0; n < 2000; ++n) {
        const auto a = static_cast<std::size_t>(random.below(35));
        const vector x = normal_vector(random, d);
        const auto reward = static_cast<float>(random.normal());
        const float weight = n % 4 == 0 ? 0.5F : 1.0F;
        REQUIRE(arms.update(arms.handles()[a], x, reward, weight));
        REQUIRE(alone[a].update(x, reward, weight));
        alone[a].discount(discount);
        if (n % 7 == 0) {
          REQUIRE(arms.revise(arms.handles()[a], x, 0.5F, weight));
          REQUIRE(alone[a].revise(x, 0.5F, weight));
        }
      }
      const vector x = normal_vector(random, d);
      const std::vector<estimate> together = predict(arms, x);
      for (std::size_t a = 0; a < 35; ++a) {
        const estimate expected = alone[a].predict(x);
        CHECK(together[a].mean == Approx(expected.mean).epsilon(2e-3).margin(2e-3));
        CHECK(together[a].variance == Approx(expected.variance).epsilon(2e-3));
        const estimate taken_out = arms.posterior(arms.handles()[a])->predict(x);
        CHECK(taken_out.mean == Approx(together[a].mean).epsilon(1e-4).margin(1e-4));
        CHECK(taken_out.variance == Approx(together[a].variance).epsilon(1e-4));
      }
    }
  }
}

TEST_CASE("an arm that learns moves no bit of the others") {
  random_stream random(1);
  linear_arms arms({.dimension = 9, .discount = 0.9F});
  for (int a = 0; a < 20; ++a) arms.add();
  for (int n = 0; n < 100; ++n) arms.update(arms.handles()[random.below(20)], normal_vector(random, 9), 1);
  const vector probe = normal_vector(random, 9);
  const std::vector<estimate> before = predict(arms, probe);
  for (int n = 0; n < 10; ++n) arms.update(arms.handles()[6], normal_vector(random, 9), 5);
  const std::vector<estimate> after = predict(arms, probe);
  for (std::size_t a = 0; a < 20; ++a) {
    CHECK((after[a].mean == before[a].mean) == (a != 6));
    CHECK((after[a].variance == before[a].variance) == (a != 6));
  }
}

TEST_CASE("arms that come and go leave the others as they were, and their places are used again") {
  random_stream random(2);
  linear_arms arms({.dimension = 3});
  std::vector<std::pair<arm_index, linear_posterior>> alone;
  for (int n = 0; n < 3000; ++n) {
    const std::uint64_t what = random.below(10);
    if (what == 0 || alone.empty()) {
      alone.emplace_back(arms.add(), tandem::online::linear_options{.dimension = 3});
    } else if (what == 1 && alone.size() > 30) {
      const auto gone = static_cast<std::ptrdiff_t>(random.below(alone.size()));
      CHECK(arms.remove((alone.begin() + gone)->first));
      CHECK(!arms.remove((alone.begin() + gone)->first));
      CHECK(!arms.update((alone.begin() + gone)->first, vector(3), 1));
      CHECK(!arms.posterior((alone.begin() + gone)->first));
      alone.erase(alone.begin() + gone);
    } else {
      auto& [arm, posterior] = alone[random.below(alone.size())];
      const vector x = normal_vector(random, 3);
      REQUIRE(arms.update(arm, x, x[1]));
      posterior.update(x, x[1]);
    }
  }
  REQUIRE(arms.size() == alone.size());
  const vector probe = normal_vector(random, 3);
  const std::vector<estimate> together = predict(arms, probe);
  for (std::size_t a = 0; a < alone.size(); ++a) {
    CHECK(arms.handles()[a] == alone[a].first);
    CHECK(together[a].mean == Approx(alone[a].second.mean(probe)).margin(1e-4));
    CHECK(together[a].variance == Approx(alone[a].second.variance(probe)).epsilon(1e-3));
  }
}

TEST_CASE("the noise is learned in the scale of the rewards") {
  for (const float size : {0.01F, 1.0F, 1000.0F}) {
    random_stream random(3);
    linear_arms arms({.dimension = 4, .noise_variance = 0});
    for (int a = 0; a < 3; ++a) arms.add();
    for (int n = 0; n < 5000; ++n) {
      const vector x = normal_vector(random, 4);
      arms.update(arms.handles()[random.below(3)], x, size * (x[0] - x[2] + static_cast<float>(random.normal(0, 0.5))));
    }
    CHECK(std::sqrt(arms.noise_variance()) == Approx(0.5 * size).epsilon(0.05));
  }
}

TEST_CASE("intervals of a linear reward hold as often as they say") {
  std::size_t within = 0;
  std::size_t n_probes = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    random_stream random(seed);
    linear_arms arms({.dimension = 5, .regularization = 0.25F, .noise_variance = 0});
    arms.add();
    vector truth = normal_vector(random, 5);
    for (int n = 0; n < 200; ++n) {
      const vector x = normal_vector(random, 5);
      float reward = static_cast<float>(random.normal(0, 0.5));  // the prior's variance is noise / regularization = 1
      for (std::size_t j = 0; j < 5; ++j) reward += truth[j] * x[j];
      arms.update(arms.handles()[0], x, reward);
    }
    for (int probe = 0; probe < 20; ++probe, ++n_probes) {
      const vector x = normal_vector(random, 5);
      float mean = 0;
      for (std::size_t j = 0; j < 5; ++j) mean += truth[j] * x[j];
      const estimate e = predict(arms, x)[0];
      if (std::fabs(e.mean - mean) < 1.96 * e.sd()) ++within;
    }
  }
  const double share = static_cast<double>(within) / static_cast<double>(n_probes);
  CHECK(share > 0.91);
  CHECK(share < 0.98);
}

TEST_CASE("a new arm may start as the others make it likely") {
  double squares = 0;
  double variances = 0;
  double blind = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    random_stream random(seed);
    linear_arms arms({.dimension = 3, .noise_variance = 0});
    const vector centre = {0.5F, -0.3F, 0};
    std::vector<vector> truth;
    const auto draw = [&] {
      vector out = centre;
      for (float& each : out) each += static_cast<float>(random.normal(0, 0.1));
      return out;
    };
    for (int a = 0; a < 25; ++a) {
      arms.add();
      truth.push_back(draw());
    }
    for (int n = 0; n < 5000; ++n) {
      const auto a = static_cast<std::size_t>(random.below(25));
      const vector x = normal_vector(random, 3);
      float reward = static_cast<float>(random.normal(0, 0.5));
      for (std::size_t j = 0; j < 3; ++j) reward += truth[a][j] * x[j];
      arms.update(arms.handles()[a], x, reward);
    }
    const linear_posterior likely = arms.group_prior();
    const vector fresh = draw();
    for (std::size_t j = 0; j < 3; ++j) {
      vector unit(3);
      unit[j] = 1;
      const double off = static_cast<double>(likely.theta(j) - fresh[j]);
      squares += off * off / 90;
      variances += static_cast<double>(arms.noise_variance() * likely.variance(unit)) / 90;
      blind += static_cast<double>(fresh[j] * fresh[j]) / 90;
    }
    const arm_index added = arms.add(likely);
    CHECK(arms.posterior(added)->theta(0) == Approx(likely.theta(0)));
  }
  INFO("squared error " << squares << ", said " << variances << ", without a prior " << blind);
  CHECK(squares < 0.15 * blind);
  CHECK(variances == Approx(squares).epsilon(0.5));
}

TEST_CASE("without three arms that have learned something, the group prior is that of the options") {
  linear_arms arms({.dimension = 2, .regularization = 4});
  for (int a = 0; a < 5; ++a) arms.add();
  for (int n = 0; n < 50; ++n) {
    arms.update(arm_index{0}, vector{1, 1}, 3);
    arms.update(arm_index{1}, vector{1, -1}, 3);
  }
  const linear_posterior likely = arms.group_prior();
  CHECK(likely.theta(0) == 0);
  CHECK(likely.variance(vector{1, 0}) == Approx(0.25));
}

TEST_CASE("what one arm forgets the others keep") {
  linear_arms arms({.dimension = 2});
  for (int a = 0; a < 2; ++a) arms.add();
  const vector x = {1, 1};
  for (const arm_index arm : {arm_index{0}, arm_index{1}}) {
    for (int n = 0; n < 20; ++n) arms.update(arm, x, 3);
  }
  const std::vector<estimate> before = predict(arms, x);
  CHECK(arms.discount(arm_index{0}, 0.5F));
  CHECK(predict(arms, x)[0].variance > 1.5F * before[0].variance);
  CHECK(arms.discount(arm_index{0}, 0));
  CHECK(predict(arms, x)[0].mean == 0);
  CHECK(predict(arms, x)[0].variance == 2);
  CHECK(predict(arms, x)[1].mean == before[1].mean);
  CHECK(!arms.discount(arm_index{9}, 0.5F));
}

TEST_CASE("contexts, rewards and arms that are none are refused and change nothing") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  linear_arms arms({.dimension = 2, .noise_variance = 0});
  const arm_index arm = arms.add();
  arms.update(arm, vector{1, 2}, 3);
  const std::vector<estimate> before = predict(arms, {1, 1});
  CHECK(!arms.update(arm_index{7}, vector{1, 1}, 1));
  for (const vector& odd : {vector{nan, 1}, vector{1, std::numeric_limits<float>::infinity()}, vector{1e30F, 1}}) {
    CHECK(!arms.update(arm, odd, 1));
    CHECK(!arms.revise(arm, odd, 1));
  }
  CHECK(!arms.update(arm, vector{1, 1}, nan));
  CHECK(!arms.update(arm, vector{1, 1}, 1, nan));
  CHECK(predict(arms, {1, 1})[0].mean == before[0].mean);
  CHECK(predict(arms, {1, 1})[0].variance == before[0].variance);
  CHECK_THROWS_AS(arms.add(linear_posterior(tandem::online::linear_options{.dimension = 3})), tandem::error);
  CHECK_THROWS_AS(linear_arms({.noise_variance = -1}), tandem::error);
}

TEST_CASE("a failed allocation loses no arm and nothing that was learned") {
  linear_arms arms({.dimension = 3});
  for (int a = 0; a < 16; ++a) arms.add();
  arms.update(arms.handles()[3], vector{1, 2, 3}, 4);
  const std::vector<estimate> before = predict(arms, {1, 1, 1});
  for (long allowed = 0;; ++allowed) {
    try {
      const tandem_test::fail_new_after failing(allowed);
      arms.add();
      break;
    } catch (const std::bad_alloc&) {
      REQUIRE(arms.size() == 16);
    }
  }
  CHECK(arms.size() == 17);
  CHECK(predict(arms, {1, 1, 1})[3].mean == before[3].mean);
  CHECK(predict(arms, {1, 1, 1})[16].variance == 3);
}

TEST_CASE("arms that learn their prior know from few rewards what arms alone do not") {
  const auto squared_error = [](bool learn_prior, float discount) {
    float sum = 0;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      random_stream random(seed);
      linear_arms arms({.dimension = 8, .noise_variance = 0, .discount = discount, .learn_prior = learn_prior});
      const plane_of_arms truth(40, 8, random);
      for (int a = 0; a < 40; ++a) arms.add();
      for (int n = 0; n < 800; ++n) {
        const auto arm = static_cast<std::size_t>(random.below(40));
        const vector x = normal_vector(random, 8);
        arms.update(arms.handles()[arm], x, truth.pays(arm, x) + static_cast<float>(random.normal(0, 3)));
      }
      for (int n = 0; n < 200; ++n) {
        const vector x = normal_vector(random, 8);
        const std::vector<estimate> expected = predict(arms, x);
        for (std::size_t a = 0; a < 40; ++a) sum += std::pow(expected[a].mean - truth.pays(a, x), 2.0F);
      }
    }
    return sum;
  };
  CHECK(squared_error(true, 1) < 0.75F * squared_error(false, 1));
  CHECK(squared_error(true, 0.99F) < 0.75F * squared_error(false, 0.99F));
}

TEST_CASE("with a learned prior, arms come, go, forget and are corrected without one allocation in between") {
  linear_arms arms({.dimension = 5, .noise_variance = 0, .discount = 0.98F, .learn_prior = true});
  for (int a = 0; a < 20; ++a) arms.add();
  const arm_index own = arms.add(linear_posterior(tandem::online::linear_options{.dimension = 5}));
  const auto play = [&](linear_arms& with, std::uint64_t seed) {
    random_stream dice(seed);
    for (int n = 0; n < 2000; ++n) {
      const arm_index arm = with.handles()[dice.below(with.size())];
      float x[5];
      for (float& each : x) each = static_cast<float>(dice.normal());
      with.update(arm, x, 2 + x[0] + static_cast<float>(dice.normal()));
      if (n % 5 == 0) with.revise(arm, x, 0.25F);
      if (n % 7 == 0) with.update(arm, x, 2, -0.5F);
      if (n % 300 == 0) with.discount(arm, n % 600 == 0 ? 0.0F : 0.5F);
    }
  };
  linear_arms copy = arms;
  {
    const tandem_test::fail_new_after failing(0);
    play(arms, 13);
  }
  play(copy, 13);
  const vector probe = {0, 1, 0, 0, 0};
  const std::vector<estimate> here = predict(arms, probe);
  const std::vector<estimate> there = predict(copy, probe);
  for (std::size_t a = 0; a < arms.size(); ++a) {
    CHECK(here[a].finite());
    CHECK(here[a].mean == there[a].mean);
    CHECK(here[a].variance == there[a].variance);
  }
  CHECK(arms.posterior(own)->prior()->state()[0] == 0);  // keeps to its own
  CHECK(arms.remove(arms.handles()[4]));
  const arm_index fresh = arms.add();  // in the place of the arm that went
  const float expected = arms.posterior(fresh)->mean(vector{1, 0, 0, 0, 0});
  CHECK(expected == Approx(arms.group_prior().mean(vector{1, 0, 0, 0, 0})).epsilon(1e-3));
  CHECK(expected > 0.5F);
  CHECK(arms.discount(arms.handles()[2], 0));
  CHECK(predict(arms, {1, 0, 0, 0, 0})[2].mean == Approx(expected).epsilon(1e-3));
  CHECK_THROWS_AS(linear_arms({.dimension = 257, .learn_prior = true}), tandem::error);
}
