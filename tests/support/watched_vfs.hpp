#pragma once
// SQLite's file system with a watcher in front of every change of a file: to look at the disk as a crash would leave
// it, or to fail.

#include <sqlite3.h>

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace tandem_test {

/// While it lives, `f` is called before each write, truncation and sync of files opened through the VFS name(); false
/// makes it an I/O error. One at a time. That VFS never syncs: a test does not outlive the machine, and waits less.
class watched_vfs {
 public:
  explicit watched_vfs(std::function<bool()> f) { watcher() = std::move(f); }
  ~watched_vfs() { watcher() = nullptr; }
  watched_vfs(const watched_vfs&) = delete;
  watched_vfs& operator=(const watched_vfs&) = delete;

  static const char* name() {
    static const bool registered = [] {
      static sqlite3_vfs vfs = *base();
      vfs.zName = "watched";
      vfs.xOpen = open;
      return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
    }();
    return registered ? "watched" : "could not be registered";
  }

 private:
  static std::function<bool()>& watcher() {
    static std::function<bool()> one;
    return one;
  }
  static bool allowed() { return watcher() == nullptr || watcher()(); }
  static sqlite3_vfs* base() {
    static sqlite3_vfs* const one = sqlite3_vfs_find(nullptr);
    return one;
  }

  // The functions of a file, watched, and those they stand before.
  struct methods {
    sqlite3_io_methods watched;
    const sqlite3_io_methods* real;
  };
  static const sqlite3_io_methods* real(const sqlite3_file* file) {
    return reinterpret_cast<const methods*>(file->pMethods)->real;
  }

  static int open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    static std::map<const sqlite3_io_methods*, methods> known;
    const int code = base()->xOpen(base(), path, file, flags, out_flags);
    if (code != SQLITE_OK || file->pMethods == nullptr) return code;
    const auto [at, is_new] = known.try_emplace(file->pMethods, methods{*file->pMethods, file->pMethods});
    if (is_new) {
      sqlite3_io_methods& watched = at->second.watched;
      watched.xWrite = [](sqlite3_file* f, const void* bytes, int n, sqlite3_int64 to) {
        return allowed() ? real(f)->xWrite(f, bytes, n, to) : SQLITE_IOERR_WRITE;
      };
      watched.xTruncate = [](sqlite3_file* f, sqlite3_int64 n) {
        return allowed() ? real(f)->xTruncate(f, n) : SQLITE_IOERR_TRUNCATE;
      };
      watched.xSync = [](sqlite3_file*, int) { return allowed() ? SQLITE_OK : SQLITE_IOERR_FSYNC; };
    }
    file->pMethods = &at->second.watched;
    return code;
  }
};

}  // namespace tandem_test
