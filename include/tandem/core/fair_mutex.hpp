#pragma once
// A mutex that serves waiters before whoever unlocked it last: a busy writer cannot starve readers.

#include <mutex>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// std::mutex may let the thread that just unlocked lock again and again while another sleeps on it. Here the next one
/// waits at a door of its own, and the door stays shut until it got in.
/// Meets Lockable's lock() and unlock(). Threads: thread-safe.
class fair_mutex {
 public:
  void lock() {
    const std::lock_guard next(door_);
    inside_.lock();
  }
  void unlock() { inside_.unlock(); }

 private:
  std::mutex door_;
  std::mutex inside_;
};

TANDEM_END
