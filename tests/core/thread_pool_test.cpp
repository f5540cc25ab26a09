#include "tandem/core/thread_pool.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using tandem::thread_pool;

TEST_CASE("every index is called once, whatever the numbers of threads and calls", "[concurrency]") {
  for (const std::size_t threads : {1U, 2U, 3U, 8U}) {
    thread_pool pool(threads);
    CHECK(pool.concurrency() == threads);
    for (const std::size_t n : {0U, 1U, 2U, 3U, 7U, 64U, 5000U}) {
      std::vector<std::atomic<int>> calls(n);
      pool.parallel_for(n, [&](std::size_t i) { ++calls.at(i); });
      for (const auto& each : calls) REQUIRE(each == 1);
    }
  }
}

TEST_CASE("plain writes of the calls can be read after parallel_for", "[concurrency]") {
  thread_pool pool(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<int> out(100, 0);
    pool.parallel_for(out.size(), [&](std::size_t i) { out[i] = static_cast<int>(i) + round; });
    int sum = 0;
    for (const int each : out) sum += each;
    REQUIRE(sum == 4950 + 100 * round);
  }
}

TEST_CASE("a pool asked for no number has as many threads as the hardware") {
  thread_pool pool;
  CHECK(pool.concurrency() == std::max<std::size_t>(1, std::thread::hardware_concurrency()));
}

TEST_CASE("calls run side by side: as many as threads can wait for each other", "[concurrency]") {
  for (const std::size_t threads : {2U, 4U}) {
    thread_pool pool(threads);
    std::mutex mutex;
    std::condition_variable all_here;
    std::size_t here = 0;
    std::set<std::thread::id> ids;
    pool.parallel_for(threads, [&](std::size_t) {
      std::unique_lock lock(mutex);
      ids.insert(std::this_thread::get_id());
      ++here;
      all_here.notify_all();
      all_here.wait(lock, [&] { return here == threads; });
    });
    CHECK(ids.size() == threads);
    CHECK(ids.count(std::this_thread::get_id()) == 1);  // the caller takes part
  }
}

TEST_CASE("never more calls at once than concurrency says", "[concurrency]") {
  thread_pool pool(3);
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  pool.parallel_for(300, [&](std::size_t) {
    const int inside = ++now;
    int seen = most;
    while (inside > seen && !most.compare_exchange_weak(seen, inside)) {
    }
    std::this_thread::yield();
    --now;
  });
  CHECK(most <= 3);
}

TEST_CASE("parallel_for may be called inside parallel_for, to any depth", "[concurrency]") {
  for (const std::size_t threads : {1U, 2U, 5U}) {
    thread_pool pool(threads);
    std::atomic<int> leaves{0};
    pool.parallel_for(6, [&](std::size_t) {
      pool.parallel_for(5, [&](std::size_t) { pool.parallel_for(4, [&](std::size_t) { ++leaves; }); });
    });
    CHECK(leaves == 120);
  }
}

TEST_CASE("several threads may call parallel_for at once", "[concurrency]") {
  thread_pool pool(3);
  std::atomic<std::size_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 6; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) pool.parallel_for(20, [&](std::size_t i) { sum += i; });
    });
  }
  for (auto& each : callers) each.join();
  CHECK(sum == 6U * 50U * 190U);
}

TEST_CASE("parallel_for ends although every thread is busy with something else", "[concurrency]") {
  thread_pool pool(2);
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  for (int i = 0; i < 2; ++i) pool.post([released] { released.wait(); });
  std::atomic<int> calls{0};
  for (int round = 0; round < 1000; ++round) pool.parallel_for(8, [&](std::size_t) { ++calls; });
  CHECK(calls == 8000);
  release.set_value();
}

TEST_CASE("what a call throws is thrown to the caller, after the calls that had begun", "[concurrency]") {
  thread_pool pool(4);
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> inside{0};
    std::string caught;
    try {
      pool.parallel_for(100, [&](std::size_t i) {
        ++inside;
        std::this_thread::yield();
        --inside;
        // all from 20 on fail: the smallest is reported, as by a loop, whichever came first
        if (i >= 20) throw std::runtime_error(std::to_string(i));
      });
    } catch (const std::runtime_error& e) {
      caught = e.what();
    }
    REQUIRE(inside == 0);
    REQUIRE(caught == "20");
  }
  std::atomic<int> calls{0};
  pool.parallel_for(10, [&](std::size_t) { ++calls; });
  CHECK(calls == 10);  // the pool is as good as new
}

TEST_CASE("an exception inside a nested parallel_for reaches the outermost caller", "[concurrency]") {
  thread_pool pool(3);
  const auto nested = [&](std::size_t i) {
    pool.parallel_for(8, [i](std::size_t j) {
      if (i == 2 && j == 5) throw std::invalid_argument("here");
    });
  };
  CHECK_THROWS_AS(pool.parallel_for(4, nested), std::invalid_argument);
}

TEST_CASE("posted functions begin in the order posted", "[concurrency]") {
  std::vector<int> order;
  {
    thread_pool pool(1);
    for (int i = 0; i < 100; ++i) pool.post([&order, i] { order.push_back(i); });
  }
  std::vector<int> expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(order == expected);
}

TEST_CASE("the destructor runs what was posted to the end, and what that posts", "[concurrency]") {
  std::atomic<int> ran{0};
  {
    thread_pool pool(2);
    for (int i = 0; i < 20; ++i) {
      pool.post([&] {
        ++ran;
        pool.post([&] {
          ++ran;
          pool.parallel_for(5, [&](std::size_t) { ++ran; });
        });
      });
    }
  }
  CHECK(ran == 20 * 7);
}

TEST_CASE("what a posted function holds is gone when the pool is", "[concurrency]") {
  const auto held = std::make_shared<int>(1);
  {
    thread_pool pool(2);
    for (int i = 0; i < 10; ++i) pool.post([held] {});
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("a posted function runs while parallel_for keeps every thread asking for work", "[concurrency]") {
  thread_pool pool(2);
  std::atomic<bool> ran{false};
  std::atomic<bool> stop{false};
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&] {
      while (!stop) pool.parallel_for(50, [](std::size_t) { std::this_thread::yield(); });
    });
  }
  pool.post([&] { ran = true; });
  while (!ran) std::this_thread::yield();  // a pool that starves it would hang here
  stop = true;
  for (auto& each : callers) each.join();
  CHECK(ran);
}
