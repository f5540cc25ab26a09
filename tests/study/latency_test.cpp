#include "tandem/study/latency.hpp"

#include <cmath>
#include <limits>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using tandem::study::latency_histogram;

TEST_CASE("a percentile is right within the width of a bin, from nanoseconds to a minute") {
  for (const double us : {0.07, 0.5, 1.0, 3.7, 99.0, 12345.0, 6e7}) {
    latency_histogram h;
    for (int k = 0; k < 100; ++k) h.add(us);
    CHECK(std::abs(h.percentile(0.5) / us - 1) < 0.011);
    CHECK(std::abs(h.percentile(0.99) / us - 1) < 0.011);
  }
}

TEST_CASE("percentiles of many durations agree with the sorted ones") {
  random_stream random(5);
  std::vector<double> all;
  latency_histogram h;
  for (int k = 0; k < 20000; ++k) {
    all.push_back(20 * std::exp(random.normal()));
    h.add(all.back());
  }
  std::sort(all.begin(), all.end());
  for (const double p : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    CHECK(h.percentile(p) == Approx(all[static_cast<std::size_t>(p * 20000) - 1]).epsilon(0.02));
  }
}

TEST_CASE("percentiles do not fall as p grows, and stay inside for any p") {
  random_stream random(6);
  latency_histogram h;
  for (int k = 0; k < 300; ++k) h.add(random.gamma(0.5) * 1000);
  double before = 0;
  for (double p = -0.5; p <= 1.5; p += 0.01) {
    CHECK(h.percentile(p) >= before);
    before = h.percentile(p);
  }
}

TEST_CASE("an empty histogram answers 0, and odd durations fall into the outer bins") {
  latency_histogram h;
  CHECK(h.percentile(0.5) == 0);
  h.add(-1);
  h.add(0);
  h.add(std::numeric_limits<double>::quiet_NaN());
  h.add(1e12);
  CHECK(h.size() == 4);
  CHECK(h.counts().front() == 3);
  CHECK(h.counts().back() == 1);
}

TEST_CASE("the sum of durations is exact") {
  latency_histogram h;
  h.add(1.5e6);
  h.add(250);
  CHECK(h.total_seconds() == Approx(1.50025));
}
