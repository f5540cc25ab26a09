// Replaces operator new of this program for support/failing_new.hpp. In a file of its own: a compiler that sees the
// replacement beside code that uses it may inline one half of a pair and not the other.

#include "support/failing_new.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

thread_local long tandem_test::allocations_allowed = -1;

#if TANDEM_TEST_CAN_FAIL_NEW
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  using tandem_test::allocations_allowed;
  if (allocations_allowed == 0) return nullptr;
  if (allocations_allowed > 0) --allocations_allowed;
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
  if (void* memory = ::operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
#endif
