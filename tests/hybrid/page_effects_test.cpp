#include "tandem/hybrid/page_effects.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using namespace tandem::hybrid;

namespace {

constexpr std::size_t channels = 3;

std::vector<float> probabilities(const std::vector<double>& log_odds) {
  std::vector<float> out;
  double sum = 0;
  for (const double x : log_odds) sum += std::exp(x);
  for (const double x : log_odds) out.push_back(static_cast<float>(std::exp(x) / sum));
  return out;
}

std::size_t drawn_from(const std::vector<float>& probability, random_stream& random) {
  double left = random.uniform();
  for (std::size_t k = 0; k < probability.size(); ++k) {
    left -= static_cast<double>(probability[k]);
    if (left < 0) return k;
  }
  return probability.size() - 1;
}

// a page of `n` whose items differ in what they are worth, taken with the true effects, learned with those known so far
void learn_page(page_effects& of, std::size_t channel, const std::vector<double>& truth, random_stream& random) {
  std::vector<double> worth(truth.size());
  for (double& each : worth) each = random.normal();
  std::vector<double> felt = worth;
  std::vector<double> believed = worth;
  for (std::size_t k = 0; k < truth.size(); ++k) {
    felt[k] += truth[k];
    believed[k] += static_cast<double>(of.of_place(channel, k));
  }
  of.learn_place(channel, probabilities(believed), drawn_from(probabilities(felt), random), 1);
}

std::vector<double> fading(double strength, std::size_t n) {
  std::vector<double> out;
  for (std::size_t k = 0; k < n; ++k) out.push_back(-strength * std::log(static_cast<double>(k + 1)));
  return out;
}

}  // namespace

TEST_CASE("nothing is known of places at first, and a lone item is taken rarely") {
  const page_effects of;
  for (std::size_t k = 0; k < 30; ++k) CHECK(of.of_place(0, k) == 0);
  CHECK(of.of_place(2, 3) == 0);
  CHECK(of.of_alone(0) == of.of_alone(5));
  CHECK(1 / (1 + std::exp(-of.of_alone(0))) == Approx(0.05).margin(0.01));
}

TEST_CASE("the effects of places are found, in every channel its own") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    random_stream random(seed);
    page_effects of;
    const std::vector<double> strengths{0.3, 0.8, 1.5};  // channels 1 and 2 are learned from, 3 and 0 are not
    for (int t = 0; t < 20000; ++t) {
      const std::size_t channel = 1 + random.below(2);
      learn_page(of, channel, fading(strengths[channel], 10), random);
    }
    for (const std::size_t channel : {std::size_t{1}, std::size_t{2}}) {
      const std::vector<double> truth = fading(strengths[channel], 10);
      for (std::size_t k = 1; k < 10; ++k) {
        const double found = static_cast<double>(of.of_place(channel, k) - of.of_place(channel, 0));
        CHECK(found == Approx(truth[k]).margin(0.3));
      }
    }
    const auto last = [&](std::size_t channel) { return of.of_place(channel, 9) - of.of_place(channel, 0); };
    CHECK(last(2) < last(0));
    CHECK(last(0) < -1);  // what channels have in common is known in a new one
    CHECK(last(3) == last(0));
  }
}

TEST_CASE("places beyond those told apart count as the last") {
  random_stream random(3);
  page_effects of;
  std::vector<double> truth(30, -2.0);
  truth[0] = 0;
  for (int t = 0; t < 5000; ++t) learn_page(of, 0, truth, random);
  CHECK(of.of_place(0, 19) == of.of_place(0, 29));
  CHECK(static_cast<double>(of.of_place(0, 25) - of.of_place(0, 0)) == Approx(-2).margin(0.4));
  of.learn_place(0, std::vector<float>(40, 1.0F / 40), 35, 1);
}

TEST_CASE("how often an item alone is taken is found") {
  for (const double share : {0.01, 0.3, 0.9}) {
    random_stream random(1);
    page_effects of;
    for (int t = 0; t < 20000; ++t) {
      const float believed = 1 / (1 + std::exp(-of.of_alone(1)));
      of.learn_alone(1, believed, random.uniform() < share, 1, 1);
    }
    CHECK(1 / (1 + std::exp(-static_cast<double>(of.of_alone(1)))) == Approx(share).epsilon(0.25));
  }
}

TEST_CASE("effects that were saved go on as if they never were, and damage is found") {
  const auto step = [](page_effects& of, random_stream& random) {
    const std::size_t channel = random.below(channels + 1);
    if (random.below(2) == 0) return of.learn_alone(channel, 0.2F, random.below(3) == 0, 2, 0.5F);
    const std::size_t n = 2 + random.below(25);
    of.learn_place(channel, std::vector<float>(n, 1 / static_cast<float>(n)), random.below(n), 1);
  };
  const auto ask = [](const page_effects& of, random_stream& random) {
    const std::size_t channel = random.below(channels + 1);
    return std::vector<float>{of.of_place(channel, random.below(25)), of.of_alone(channel)};
  };
  const auto load = [](byte_reader& in) { return page_effects::load(in, channels); };
  tandem_test::check_goes_on([] { return page_effects(); }, step, ask, load);

  page_effects small;
  random_stream random(1);
  for (int k = 0; k < 5; ++k) step(small, random);
  tandem_test::check_damage(tandem_test::saved(small), load, [&](page_effects& of, random_stream& r) {
    for (int k = 0; k < 10; ++k) step(of, r);
    (void)ask(of, r);
  });
  page_effects wide;
  wide.learn_alone(channels + 1, 0.5F, true, 1, 1);
  CHECK(tandem_test::is_refused(tandem_test::saved(wide), load));
}
