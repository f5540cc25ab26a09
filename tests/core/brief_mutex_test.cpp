#include "tandem/core/brief_mutex.hpp"

#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "support/catch.hpp"

TEST_CASE("a brief mutex lets one in at a time", "[concurrency]") {
  tandem::brief_mutex mutex;
  std::size_t counted = 0;  // not atomic: ThreadSanitizer looks, too
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5000; ++n) {
        const std::lock_guard lock(mutex);
        ++counted;
      }
    });
  }
  for (std::thread& each : threads) each.join();
  CHECK(counted == 20000);
}
