#pragma once
// A mutex that serves waiters in the order they came: no number of busy writers can starve a reader.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// std::mutex may let the thread that just unlocked lock again and again while another sleeps on it. Here everybody
/// draws a ticket, and tickets are served in order. A thread looks for some microseconds before it sleeps: what the
/// engine does under its lock takes less than a sleep and a call to wake up. Meets Lockable's lock() and unlock().
/// Threads: thread-safe. Allocates: nothing.
class fair_mutex {
 public:
  void lock() noexcept {
    const std::uint32_t mine = next_.fetch_add(1, std::memory_order_relaxed);
    std::atomic<std::uint32_t>& called = called_[mine % seats];
    std::uint32_t seen = called.load(std::memory_order_acquire);
    for (int look = 0; seen != mine && look < looks; ++look) {
      pause();
      seen = called.load(std::memory_order_acquire);
    }
    for (; seen != mine; seen = called.load(std::memory_order_acquire)) called.wait(seen, std::memory_order_acquire);
    serving_ = mine;
  }
  void unlock() noexcept {
    const std::uint32_t next = serving_ + 1;
    std::atomic<std::uint32_t>& called = called_[next % seats];
    called.exchange(next);  // not store(): whether somebody sleeps must not be looked up before it
    called.notify_all();
  }

 private:
  static constexpr int looks = 200;
  static constexpr std::size_t seats = 16;  // more waiters than seats share them: some wake up for nothing

  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
    __asm__ __volatile__("yield");
#endif
  }

  std::atomic<std::uint32_t> next_{0};
  std::array<std::atomic<std::uint32_t>, seats> called_{};  // by ticket % seats: the latest ticket whose turn came
  std::uint32_t serving_ = 0;                               // of whoever is inside
};

TANDEM_END
