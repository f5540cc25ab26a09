#include "tandem/core/fair_mutex.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace tandem;

TEST_CASE("one thread at a time is inside, with more threads than cores or seats", "[concurrency]") {
  fair_mutex mutex;
  std::uint64_t count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 20; ++t) {
    threads.emplace_back([&] {
      for (int k = 0; k < 500; ++k) {
        const std::lock_guard lock(mutex);
        ++count;
      }
    });
  }
  for (std::thread& each : threads) each.join();
  CHECK(count == 20 * 500);
}

TEST_CASE("who waits is overtaken by those before it only, however busy two writers are", "[concurrency]") {
  fair_mutex mutex;
  std::uint64_t written = 0;  // under the mutex
  std::atomic<std::uint64_t> seen{0};
  std::atomic<bool> stop{false};
  const auto write = [&] {
    while (!stop) {
      const std::lock_guard lock(mutex);
      for (int k = 0; k < 100; ++k) seen = ++written;
    }
  };
  std::thread one(write);
  std::thread other(write);
  while (seen == 0) std::this_thread::yield();
  int often_overtaken = 0;
  for (int k = 0; k < 400; ++k) {
    const std::uint64_t before = seen;
    const std::lock_guard lock(mutex);
    if (written - before > 3 * 100) ++often_overtaken;  // who is inside, the other one, and part of one more
  }
  stop = true;
  one.join();
  other.join();
  CHECK(often_overtaken <= 40);  // the scheduler may stop the reader before it draws its ticket
}
