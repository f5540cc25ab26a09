#pragma once
// A mutex for what takes less than a sleep and a call to wake up: it looks again for some microseconds before it
// sleeps.

#include <mutex>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// Meets Lockable's lock() and unlock(). Threads: thread-safe; no order among those who wait: fair_mutex.hpp has one.
class brief_mutex {
 public:
  void lock() {
    for (int look = 0; look < looks; ++look) {
      if (mutex_.try_lock()) return;
      pause();
    }
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }

 private:
  static constexpr int looks = 200;

  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
    __asm__ __volatile__("yield");
#endif
  }

  std::mutex mutex_;
};

TANDEM_END
