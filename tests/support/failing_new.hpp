#pragma once
// Memory that runs out when a test says so. The program must have core/failing_new_test.cpp, which replaces operator
// new.

// 0 under ThreadSanitizer: its runtime defines operator new itself
#if defined(__SANITIZE_THREAD__)
#define TANDEM_TEST_CAN_FAIL_NEW 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TANDEM_TEST_CAN_FAIL_NEW 0
#endif
#endif
#ifndef TANDEM_TEST_CAN_FAIL_NEW
#define TANDEM_TEST_CAN_FAIL_NEW 1
#endif

namespace tandem_test {

extern thread_local long allocations_allowed;  // negative: no limit

/// While it lives, `allowed` more allocations of this thread succeed and then all fail.
class fail_new_after {
 public:
  explicit fail_new_after(long allowed) { allocations_allowed = allowed; }
  ~fail_new_after() { allocations_allowed = -1; }
  fail_new_after(const fail_new_after&) = delete;
  fail_new_after& operator=(const fail_new_after&) = delete;
};

}  // namespace tandem_test
