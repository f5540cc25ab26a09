#pragma once
// One value that any number of threads read without waiting while another changes it.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// Two copies of a value: readers use one while a writer brings the other up to date; then they change sides, and the
/// writer repeats on the copy that was left. A reader sees all of a write or none of it, and never waits for a writer;
/// when write() returns, every read that begins sees it.
///
/// Source: Ramalhete and Correia, Left-Right, 2015; readers announce their side as hazard pointers do (Michael 2004).
/// Memory: two values, and a Local for each reader slot, of which threads that read at the same time take one each.
/// Threads: thread-safe. More than max_readers threads at once take turns. Reads must not nest.
template <class Value, class Local>
class left_right {
 public:
  static constexpr std::size_t max_readers = 64;

  explicit left_right(const Value& value) : sides_{value, value} {}
  left_right(const left_right&) = delete;
  left_right& operator=(const left_right&) = delete;

  /// Returns f(value, local): a constant value, and memory that no other reader uses meanwhile.
  template <class F>
  decltype(auto) read(F&& f) const {
    const reader here(*this);
    return std::forward<F>(f)(sides_[here.side], here.at.local);
  }

  /// Applies f to the value and returns what it said; writers one at a time. f is called twice and must do the same to
  /// both copies. When its first call throws, nothing changed. When only the second throws (memory is out), the write
  /// stands. In both cases the copy that was spoilt is made afresh by the next write, which may throw for that.
  template <class F>
  auto write(F&& f) {
    const std::lock_guard one_writer(writing_);
    const std::uint8_t old = side_.load(std::memory_order_relaxed);
    const std::uint8_t fresh = old ^ 1U;
    if (stale_) sides_[fresh] = sides_[old];
    stale_ = false;
    auto out = first(f, sides_[fresh]);  // whoever read it has left: the previous write waited for that
    side_.store(fresh, std::memory_order_seq_cst);
    wait_until_left(old);
    try {
      (void)f(sides_[old]);
    } catch (...) {
      stale_ = true;
    }
    return out;
  }

 private:
  enum : std::uint8_t { left = 0, right = 1, nowhere = 2 };

  struct alignas(128) slot {
    std::atomic<bool> taken{false};
    std::atomic<std::uint8_t> reads{nowhere};
    Local local{};
  };

  struct reader {
    explicit reader(const left_right& of) : at(of.take()) {
      do {
        side = of.side_.load(std::memory_order_seq_cst);
        at.reads.store(side, std::memory_order_seq_cst);
      } while (of.side_.load(std::memory_order_seq_cst) != side);  // or the writer may have looked before we said so
    }
    ~reader() {
      at.reads.store(nowhere, std::memory_order_release);
      at.taken.store(false, std::memory_order_release);
    }
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;
    slot& at;
    std::uint8_t side = left;
  };

  template <class F>
  auto first(F&& f, Value& value) {
    try {
      return f(value);
    } catch (...) {
      stale_ = true;
      throw;
    }
  }

  // a thread comes back to its own slot, so that its memory stays in its core's cache; the counter of threads decides
  // where it looks first, never what it reads
  static std::size_t home() noexcept {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t mine = threads.fetch_add(1, std::memory_order_relaxed);
    return mine;
  }
  slot& take() const {
    for (std::size_t look = home();; ++look) {
      slot& each = slots_[look % max_readers];
      bool free = false;
      if (!each.taken.load(std::memory_order_relaxed) &&
          each.taken.compare_exchange_strong(free, true, std::memory_order_acquire)) {
        return each;
      }
      if (look % max_readers == max_readers - 1) std::this_thread::yield();
    }
  }
  void wait_until_left(std::uint8_t side) const noexcept {
    for (const slot& each : slots_) {
      while (each.reads.load(std::memory_order_seq_cst) == side) std::this_thread::yield();
    }
  }

  std::array<Value, 2> sides_;
  std::atomic<std::uint8_t> side_{left};
  std::mutex writing_;
  bool stale_ = false;  // the side that nobody reads lacks the latest write
  mutable std::array<slot, max_readers> slots_;
};

TANDEM_END
