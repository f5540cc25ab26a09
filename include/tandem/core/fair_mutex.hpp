#pragma once
// A mutex in which one busy thread cannot starve the others.

#include <mutex>

#include "tandem/core/brief_mutex.hpp"
#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// std::mutex may let the thread that just unlocked lock again and again while another sleeps on it. Here the next one
/// waits at a door of its own, and the door stays shut until it got in. Behind the door nobody queues: a queue in order
/// of arrival would wait for a thread whose turn it is and that has no core, some milliseconds each time. The one at
/// the door looks for some microseconds before it sleeps: what the engine does under its lock takes less than a sleep
/// and a call to wake up. Meets Lockable's lock() and unlock(). Threads: thread-safe.
class fair_mutex {
 public:
  void lock() {
    const std::lock_guard next(door_);
    inside_.lock();
  }
  void unlock() { inside_.unlock(); }

 private:
  std::mutex door_;
  brief_mutex inside_;
};

TANDEM_END
