#include "tandem/evaluation/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::evaluation;

namespace {

// Clusters of 1 ... 9 values that share an effect: clicks of users of different taste.
struct clustered {
  std::vector<double> a;
  std::vector<double> b;
  std::vector<std::uint32_t> cluster;
};

// a = 2 + effect + noise, b = 1 + effect + noise: the difference of means is 1, their ratio 2.
clustered two_arms(std::uint64_t seed, std::size_t n_clusters) {
  random_stream random(seed, 77);
  clustered out;
  for (std::uint32_t c = 0; c < n_clusters; ++c) {
    const double effect = random.normal();
    const std::uint64_t size = 1 + random.below(9);
    for (std::uint64_t i = 0; i < size; ++i) {
      out.a.push_back(2 + effect + 0.5 * random.normal());
      out.b.push_back(1 + effect + 0.5 * random.normal());
      out.cluster.push_back(c * 7 + 3);  // labels need not be dense
    }
  }
  return out;
}

// Runs the calls of parallel_for in reverse: an order that no program should depend on.
struct reverse_executor {
  void parallel_for(std::size_t n, function_ref<void(std::size_t)> f) {
    for (std::size_t i = n; i-- > 0;) f(i);
  }
  [[nodiscard]] std::size_t concurrency() const { return 2; }
};

errc code_of(function_ref<void()> f) {
  try {
    f();
  } catch (const error& e) {
    return e.code();
  }
  FAIL("nothing was thrown");
  return errc::io_error;
}

}  // namespace

TEST_CASE("the normal quantile agrees with tables and with the distribution it inverts") {
  CHECK(normal_quantile(0.5) == Approx(0).margin(1e-15));
  CHECK(normal_quantile(0.975) == Approx(1.959963984540054).epsilon(1e-13));
  CHECK(normal_quantile(0.995) == Approx(2.5758293035489004).epsilon(1e-13));
  CHECK(normal_quantile(1e-10) == Approx(-6.361340902404056).epsilon(1e-13));
  for (double p = 1e-300; p < 0.5; p *= 3.7) {
    CHECK(0.5 * std::erfc(-normal_quantile(p) / std::sqrt(2.0)) == Approx(p).epsilon(1e-10));
  }
  for (double p = 0.01; p < 1; p += 0.01) CHECK(normal_quantile(p) == Approx(-normal_quantile(1 - p)).margin(1e-12));
  for (const double p : {0.0, 1.0, -1.0, 2.0, std::nan("")}) CHECK(std::isnan(normal_quantile(p)));
}

TEST_CASE("the bootstrap is a function of data, options and seed, whoever runs it") {
  const clustered data = two_arms(1, 50);
  reverse_executor reverse;
  const auto forward = bootstrap_mean(data.a, data.cluster);
  const auto backward = bootstrap_mean(data.a, data.cluster, {}, reverse);
  CHECK(forward.range == backward.range);
  CHECK(forward.value == backward.value);
  CHECK_FALSE(bootstrap_mean(data.a, data.cluster, {.seed = 1}).range == forward.range);
  CHECK(bootstrap_mean(data.a, data.cluster, {.seed = 1}).value == forward.value);
}

TEST_CASE("the bootstrap reports the statistic of all the data") {
  const std::vector<double> a = {3, 5, 1, 7};
  const std::vector<double> b = {2, 2, 1, 3};
  const std::vector<std::uint32_t> users = {9, 4, 9, 4};
  CHECK(bootstrap_mean(a).value == 4);
  CHECK(bootstrap_mean(a).clusters == 4);
  CHECK(bootstrap_mean(a, users).n == 4);
  CHECK(bootstrap_mean(a, users).clusters == 2);
  CHECK(bootstrap_difference(a, b, users).value == 2);
  CHECK(bootstrap_ratio(a, b, users).value == 2);
}

// Two clusters with means 0 and 1: a resample's mean is 0, 1/2 or 1 with probability 1/4, 1/2, 1/4. So the quartiles'
// neighbourhood [0.3, 0.7] holds 1/2 only, and the 95 % interval is [0, 1].
TEST_CASE("the interval is made of the percentiles of the resamples") {
  const std::vector<double> values = {0, 0, 0, 1, 1, 1};
  const std::vector<std::uint32_t> users = {0, 0, 0, 1, 1, 1};
  CHECK(bootstrap_mean(values, users).range == interval{0, 1});
  CHECK(bootstrap_mean(values, users, {.confidence = 0.4}).range == interval{0.5, 0.5});
}

TEST_CASE("values that do not vary give an interval without width") {
  const std::vector<double> same(20, 3.0);
  CHECK(bootstrap_mean(same).range == interval{3, 3});
  CHECK(bootstrap_mean(std::vector<double>{5}).range == interval{5, 5});
}

TEST_CASE("intervals move and stretch with the data") {
  const clustered data = two_arms(2, 40);
  const auto before = bootstrap_mean(data.a, data.cluster);
  std::vector<double> moved = data.a;
  for (double& x : moved) x = 10 - 2 * x;
  const auto after = bootstrap_mean(moved, data.cluster);
  CHECK(after.range.low == Approx(10 - 2 * before.range.high));
  CHECK(after.range.high == Approx(10 - 2 * before.range.low));
  CHECK(bootstrap_mean(data.a, data.cluster, {.confidence = 0.5}).range.width() < before.range.width());
}

TEST_CASE("pairing removes what two arms have in common") {
  const clustered data = two_arms(3, 100);
  const double paired = bootstrap_difference(data.a, data.b, data.cluster).range.width();
  const double alone = bootstrap_mean(data.a, data.cluster).range.width();
  CHECK(paired < alone / 2);
}

TEST_CASE("95 % intervals of mean, difference and ratio cover what is true about 95 times of 100") {
  constexpr int trials = 1000;
  int mean = 0;
  int difference = 0;
  int ratio = 0;
  int ignoring_clusters = 0;
  for (std::uint64_t seed = 0; seed < trials; ++seed) {
    const clustered data = two_arms(seed, 100);
    const bootstrap_options options{.resamples = 400, .seed = seed};
    mean += bootstrap_mean(data.a, data.cluster, options).range.contains(2);
    difference += bootstrap_difference(data.a, data.b, data.cluster, options).range.contains(1);
    ratio += bootstrap_ratio(data.a, data.b, data.cluster, options).range.contains(2);
    ignoring_clusters += bootstrap_mean(data.a, {}, options).range.contains(2);
  }
  INFO("mean " << mean << ", difference " << difference << ", ratio " << ratio << ", as if independent "
               << ignoring_clusters);
  for (const int covered : {mean, difference, ratio}) CHECK((covered >= 920 && covered <= 970));
  CHECK(ignoring_clusters < 800);  // why the clusters matter
}

TEST_CASE("the bootstrap refuses what it cannot use") {
  const std::vector<double> values = {1, 2};
  const std::vector<double> zeros = {0, 0};
  const std::vector<std::uint32_t> one_label = {1};
  const std::vector<double> broken = {1, std::numeric_limits<double>::quiet_NaN()};
  CHECK(code_of([&] { (void)bootstrap_mean({}); }) == errc::invalid_argument);
  CHECK(code_of([&] { (void)bootstrap_mean(values, one_label); }) == errc::invalid_argument);
  CHECK(code_of([&] { (void)bootstrap_difference(values, {}); }) == errc::invalid_argument);
  CHECK(code_of([&] { (void)bootstrap_mean(broken); }) == errc::not_finite);
  CHECK(code_of([&] { (void)bootstrap_ratio(values, zeros); }) == errc::not_finite);
  CHECK(code_of([&] { (void)bootstrap_ratio(values, std::vector<double>{0, 1}); }) == errc::not_finite);
  for (const double confidence : {0.0, 1.0, -0.5, std::nan("")}) {
    CHECK(code_of([&] { (void)bootstrap_mean(values, {}, {.confidence = confidence}); }) == errc::invalid_argument);
  }
  CHECK(code_of([&] { (void)bootstrap_mean(values, {}, {.resamples = 1}); }) == errc::invalid_argument);
}
