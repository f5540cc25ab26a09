#include "tandem/core/fair_mutex.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace tandem;

TEST_CASE("one thread at a time is inside, with more threads than cores", "[concurrency]") {
  constexpr std::uint64_t n_threads = 20;
  constexpr std::uint64_t each_locks = 500;
  fair_mutex mutex;
  std::uint64_t count = 0;
  std::vector<std::thread> threads;
  threads.reserve(n_threads);
  for (std::uint64_t t = 0; t < n_threads; ++t) {
    threads.emplace_back([&] {
      for (std::uint64_t k = 0; k < each_locks; ++k) {
        const std::lock_guard lock(mutex);
        ++count;
      }
    });
  }
  for (std::thread& each : threads) each.join();
  CHECK(count == n_threads * each_locks);
}

TEST_CASE("a reader beside two busy writers is seldom overtaken", "[concurrency]") {
  constexpr std::uint64_t turn = 100;  // what a writer writes before it unlocks
  fair_mutex mutex;
  std::uint64_t written = 0;  // under the mutex
  std::atomic<std::uint64_t> seen{0};
  std::atomic<bool> stop{false};
  const auto write = [&] {
    while (!stop) {
      const std::lock_guard lock(mutex);
      for (std::uint64_t k = 0; k < turn; ++k) seen = ++written;
    }
  };
  std::thread one(write);
  std::thread other(write);
  while (seen == 0) std::this_thread::yield();
  int often_overtaken = 0;
  for (int k = 0; k < 400; ++k) {
    const std::uint64_t before = seen;
    const std::lock_guard lock(mutex);
    if (written - before > 3 * turn) ++often_overtaken;  // who is inside, the other one, and part of one more
  }
  stop = true;
  one.join();
  other.join();
  CHECK(often_overtaken <= 40);  // the scheduler may stop the reader before it gets to the door
}
