#pragma once
// Who runs the work: the host passes an executor, the library starts no thread of its own.

#include <concepts>
#include <cstddef>
#include <memory>
#include <utility>

#include "tandem/core/config.hpp"
#include "tandem/core/function_ref.hpp"

TANDEM_BEGIN

/// requires: e.parallel_for(n, f) calls f(0) … f(n-1), each once, in any order and on any thread, and returns when all
///           have returned; if a call throws, one of the exceptions is rethrown after all have ended.
///           e.concurrency() is how many calls may run at once, at least 1.
template <class E>
concept executor = requires(E& e, const E& c, std::size_t n, function_ref<void(std::size_t)> f) {
  { e.parallel_for(n, f) } -> std::same_as<void>;
  { c.concurrency() } -> std::convertible_to<std::size_t>;
};

/// Runs everything on the calling thread, in order. Starts no threads. Threads: thread-safe (no state).
class inline_executor {
 public:
  void parallel_for(std::size_t n, function_ref<void(std::size_t)> f) {
    for (std::size_t i = 0; i < n; ++i) f(i);
  }
  [[nodiscard]] std::size_t concurrency() const noexcept { return 1; }
};

/// Refers to any executor; what library functions take. Default: inline. The referred executor must outlive it.
/// Threads: as the executor it refers to. Allocates: nothing.
class executor_ref {
 public:
  executor_ref() noexcept
      : object_(nullptr),
        run_([](void*, std::size_t n, function_ref<void(std::size_t)> f) { inline_executor{}.parallel_for(n, f); }),
        concurrency_([](const void*) -> std::size_t { return 1; }) {}

  template <executor E>
  requires(!std::same_as<E, executor_ref>) executor_ref(E& e)
  noexcept  // NOLINT(google-explicit-constructor): an argument adaptor
      : object_(std::addressof(e)),
        run_([](void* object, std::size_t n, function_ref<void(std::size_t)> f) {
          static_cast<E*>(object)->parallel_for(n, f);
        }),
        concurrency_([](const void* object) -> std::size_t {
          return static_cast<std::size_t>(static_cast<const E*>(object)->concurrency());
        }) {}

  void parallel_for(std::size_t n, function_ref<void(std::size_t)> f) const { run_(object_, n, f); }
  [[nodiscard]] std::size_t concurrency() const { return concurrency_(object_); }

 private:
  void* object_;
  void (*run_)(void*, std::size_t, function_ref<void(std::size_t)>);
  std::size_t (*concurrency_)(const void*);
};

TANDEM_END
