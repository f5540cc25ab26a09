#pragma once
// SQLite's memory, which runs out when a test says so. A program that includes it anywhere has it everywhere: it is set
// before SQLite starts.

#include <sqlite3.h>

namespace tandem_test {

/// SQLite's allocations that still succeed before one fails; negative: no limit.
inline thread_local long sqlite_allocations_allowed = -1;
inline thread_local bool sqlite_memory_comes_back = false;  ///< after one failure
inline thread_local bool sqlite_memory_failed = false;

namespace sqlite_memory {

inline sqlite3_mem_methods usual{};

inline bool may_have() noexcept {
  if (sqlite_allocations_allowed < 0) return true;
  if (sqlite_allocations_allowed-- > 0) return true;
  sqlite_allocations_allowed = sqlite_memory_comes_back ? -1 : 0;
  sqlite_memory_failed = true;
  return false;
}
inline void* take(int n) { return may_have() ? usual.xMalloc(n) : nullptr; }
inline void* grow(void* at, int n) { return may_have() ? usual.xRealloc(at, n) : nullptr; }

inline bool install() {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual);
  sqlite3_mem_methods failing = usual;
  failing.xMalloc = take;
  failing.xRealloc = grow;
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK &&
         sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK;  // or most of them would never be asked for
}
inline const bool installed = install();

}  // namespace sqlite_memory

/// While it lives, `allowed` more allocations of SQLite on this thread succeed; then one fails, or all do.
class fail_sqlite_after {
 public:
  explicit fail_sqlite_after(long allowed, bool once) {
    sqlite_memory_failed = false;
    sqlite_memory_comes_back = once;
    sqlite_allocations_allowed = allowed;
  }
  ~fail_sqlite_after() { sqlite_allocations_allowed = -1; }
  fail_sqlite_after(const fail_sqlite_after&) = delete;
  fail_sqlite_after& operator=(const fail_sqlite_after&) = delete;
};

}  // namespace tandem_test
