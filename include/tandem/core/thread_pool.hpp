#pragma once
// An executor with threads of its own: the host that makes one decides that threads exist, and how many.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tandem/core/config.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/function_ref.hpp"

TANDEM_BEGIN

/// A fixed number of threads; models executor, and runs functions in the background. The only class that starts
/// threads.
///
/// The thread that calls parallel_for() works too, and waits only for calls that have begun, so parallel_for() may be
/// called from several threads at once, from inside another parallel_for(), and from posted functions, and cannot
/// deadlock. Posted functions go first when a thread becomes free; neither kind of work can starve the other.
/// Threads: thread-safe, but for construction and destruction.
class thread_pool {
 public:
  /// Starts the threads. @param threads  how many; 0 = one for each hardware thread.
  /// Errors: std::system_error when the system gives no more threads; those already started are ended.
  explicit thread_pool(std::size_t threads = 0);
  /// Runs what was posted to the end, then ends the threads. Not to be called from one of them.
  ~thread_pool() { stop(); }
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  /// Calls f(0) ... f(n-1), at most concurrency() at once, begun in this order, and returns when all have returned.
  /// Complexity: one atomic increment a call; make calls large enough (10 us and more) to be worth it.
  /// Errors: when calls throw, those not begun are left out and the exception of the smallest index is rethrown after
  /// the others have ended: the same one that a plain loop would have thrown.
  void parallel_for(std::size_t n, function_ref<void(std::size_t)> f);

  /// Runs `f` some time on one of the threads; functions begin in the order posted. `f` must not throw: an exception
  /// that leaves it ends the program, as one that leaves any std::thread does.
  void post(std::function<void()> f);

  /// The number of threads.
  [[nodiscard]] std::size_t concurrency() const noexcept { return n_threads_; }

 private:
  // One parallel_for, on its caller's stack. `helpers` and membership in jobs_ are guarded by mutex_: a thread may
  // touch the job only while it is counted in helpers.
  struct job {
    function_ref<void(std::size_t)> f;
    std::size_t n;
    std::size_t max_helpers;
    std::size_t helpers = 0;
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> end;  // n, or the smallest index that threw
    std::mutex error_mutex;
    std::exception_ptr error{};
    std::condition_variable helpers_left{};

    job(function_ref<void(std::size_t)> function, std::size_t count, std::size_t most)
        : f(function), n(count), max_helpers(most), end(count) {}
    void run();
  };

  void work();
  void stop();
  job* find_job();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> posted_;
  std::vector<job*> jobs_;
  bool stopping_ = false;
  std::size_t n_threads_;
  std::vector<std::thread> threads_;
};

inline thread_pool::thread_pool(std::size_t threads)
    : n_threads_(threads != 0 ? threads : std::max<std::size_t>(1, std::thread::hardware_concurrency())) {
  try {
    threads_.reserve(n_threads_);
    for (std::size_t t = 0; t < n_threads_; ++t) threads_.emplace_back([this] { work(); });
  } catch (...) {
    stop();
    throw;
  }
}

inline void thread_pool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& each : threads_) each.join();
}

inline void thread_pool::post(std::function<void()> f) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(f));
  }
  wake_.notify_one();
}

inline void thread_pool::parallel_for(std::size_t n, function_ref<void(std::size_t)> f) {
  const std::size_t helpers = std::min(n, n_threads_) - (n == 0 ? 0 : 1);
  if (helpers == 0) return inline_executor{}.parallel_for(n, f);
  job mine(f, n, helpers);
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(&mine);
  }
  wake_.notify_all();
  mine.run();
  {
    std::unique_lock lock(mutex_);
    jobs_.erase(std::find(jobs_.begin(), jobs_.end(), &mine));
    mine.helpers_left.wait(lock, [&mine] { return mine.helpers == 0; });
  }
  if (mine.error) std::rethrow_exception(mine.error);
}

inline void thread_pool::job::run() {
  for (;;) {
    const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
    if (i >= end.load(std::memory_order_relaxed)) return;
    try {
      f(i);
    } catch (...) {
      // indices are handed out in ascending order, so every smaller one has begun and may still lower `end`
      const std::lock_guard lock(error_mutex);
      if (i < end.load(std::memory_order_relaxed)) {
        end.store(i, std::memory_order_relaxed);
        error = std::current_exception();
      }
    }
  }
}

// The first job that can use one more helper, or null.
inline thread_pool::job* thread_pool::find_job() {
  for (job* each : jobs_) {
    if (each->helpers < each->max_helpers && each->next.load(std::memory_order_relaxed) < each->n) return each;
  }
  return nullptr;
}

inline void thread_pool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    job* found = nullptr;
    wake_.wait(lock, [&] { return !posted_.empty() || (found = find_job()) != nullptr || stopping_; });
    if (!posted_.empty()) {
      std::function<void()> f = std::move(posted_.front());
      posted_.pop_front();
      lock.unlock();
      f();
      f = nullptr;  // what it captured goes before the lock comes back
      lock.lock();
    } else if (found != nullptr) {
      ++found->helpers;
      lock.unlock();
      found->run();
      lock.lock();
      if (--found->helpers == 0) found->helpers_left.notify_all();
    } else {
      return;
    }
  }
}

TANDEM_END
