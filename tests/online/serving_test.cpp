#include "tandem/online/serving.hpp"

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/online/sampler.hpp"

using namespace tandem::online;
using tandem::random_stream;

TEST_CASE("log-only serves the host's choice with probability 1") {
  std::vector<double> p = {0.3, 0.3, 0.4};
  CHECK(serve_host(1, p) == served_by::host);
  CHECK(p == std::vector<double>{0, 1, 0});
}

TEST_CASE("a thrown kill switch makes the baseline serve, and says so") {
  kill_switch off;
  const std::vector<double> learner = {0.3, 0.3, 0.4};
  const std::vector<double> baseline = {0, 1, 0};
  std::vector<double> p = learner;
  CHECK(off.apply(served_by::learner, baseline, p) == served_by::learner);
  CHECK(p == learner);
  off.throw_switch();
  CHECK(off.thrown());
  CHECK(off.apply(served_by::learner, baseline, p) == served_by::kill_switch);
  CHECK(p == baseline);
  random_stream random(1);
  CHECK(sample(p, random).probability == 1);
  off.restore();
  p = learner;
  CHECK(off.apply(served_by::host, baseline, p) == served_by::host);
  CHECK(p == learner);
  CHECK(name(served_by::kill_switch) == "kill_switch");
  CHECK(name(served_by::baseline) == "baseline");
}

TEST_CASE("what a decision says of the switch is what it did, whoever throws it meanwhile", "[concurrency]") {
  kill_switch off;
  std::atomic<bool> done{false};
  std::thread other([&] {
    for (int n = 0; n < 20000; ++n) n % 2 == 0 ? off.throw_switch() : off.restore();
    done = true;
  });
  const std::vector<double> learner = {0.5, 0.5};
  const std::vector<double> baseline = {1, 0};
  std::size_t wrong = 0;
  while (!done) {
    std::vector<double> p = learner;
    const served_by who = off.apply(served_by::learner, baseline, p);
    wrong += p == (who == served_by::kill_switch ? baseline : learner) ? 0U : 1U;
  }
  other.join();
  CHECK(wrong == 0);
}
