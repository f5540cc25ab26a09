// The shim: each method asks whether it is time to fail, does what the default VFS does, and notes it for the platter.

#include "durable/shim_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include "durable/platter.hpp"

namespace tandem_test {

class shim_state {
 public:
  explicit shim_state(bool platter_is_kept);
  ~shim_state() { sqlite3_vfs_unregister(&vfs); }
  shim_state(const shim_state&) = delete;
  shim_state& operator=(const shim_state&) = delete;

  // SQLITE_OK, or the code that an operation of this kind on this file fails with
  int meet(unsigned kind, std::string_view path) {
    const std::lock_guard lock(mutex);
    if (off) return code_of(fault::power, kind);
    if ((kind & kinds) == 0 || path.size() < suffix.size() || path.substr(path.size() - suffix.size()) != suffix) {
      return SQLITE_OK;
    }
    ++count;
    if (arranged == fault::none || (count != nth && !(for_ever && count > nth))) return SQLITE_OK;
    happened = true;
    if (arranged == fault::kill) (void)std::raise(SIGKILL);
    if (arranged == fault::power) off = true;
    return code_of(arranged, kind);
  }

  template <class F>
  void with_platter(const char* path, F&& f) {
    if (!keeps_platter) return;
    const std::lock_guard lock(mutex);
    if (!off) f(platter[path]);
  }
  void sync_names() {  // requires the lock; all files of a test are in one folder
    for (auto& [path, file] : platter) file.sync_name();
  }
  void note(const char* path, unsynced::kind what, sqlite3_int64 at = 0, std::string_view bytes = {}) {
    with_platter(path, [&](platter_file& file) {
      file.later.push_back({what, static_cast<std::size_t>(at), std::string(bytes)});
    });
  }

  sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
  sqlite3_vfs vfs = *real;
  std::string name;
  std::mutex mutex;
  const bool keeps_platter;
  std::map<std::string, platter_file> platter;
  fault arranged = fault::none;
  std::uint64_t nth = 0, count = 0;
  unsigned kinds = file_op::changes;
  bool for_ever = false, happened = false;
  bool off = false;  // the power
  std::string suffix;

 private:
  static int code_of(fault why, unsigned kind) {
    switch (kind) {
      case file_op::open: return SQLITE_CANTOPEN;
      case file_op::read: return SQLITE_IOERR_READ;
      case file_op::write: return why == fault::full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
      case file_op::truncate: return SQLITE_IOERR_TRUNCATE;
      case file_op::sync: return SQLITE_IOERR_FSYNC;
      case file_op::remove: return SQLITE_IOERR_DELETE;
      case file_op::lock: return SQLITE_IOERR_LOCK;
      default: return SQLITE_IOERR_SHMLOCK;
    }
  }
};

namespace {

// ---- an open file: SQLite gives the memory for this and, behind it, the real one -----------------------------------

struct shim_file {
  sqlite3_file base;
  shim_state* owner;
  const char* path;  // SQLite keeps it until the file is closed; null: a temporary file

  [[nodiscard]] sqlite3_file* real() noexcept { return reinterpret_cast<sqlite3_file*>(this + 1); }
  [[nodiscard]] int meet(unsigned kind) const { return owner->meet(kind, path != nullptr ? path : temporary_file); }
};

shim_file& of(sqlite3_file* file) { return *reinterpret_cast<shim_file*>(file); }
sqlite3_file* real_of(sqlite3_file* file) { return of(file).real(); }

int close(sqlite3_file* file) { return real_of(file)->pMethods->xClose(real_of(file)); }

int read(sqlite3_file* file, void* to, int n, sqlite3_int64 at) {
  const int code = of(file).meet(file_op::read);
  return code != SQLITE_OK ? code : real_of(file)->pMethods->xRead(real_of(file), to, n, at);
}

int write(sqlite3_file* file, const void* from, int n, sqlite3_int64 at) {
  const int fails = of(file).meet(file_op::write);
  if (fails != SQLITE_OK) n /= 2;
  if (of(file).owner->off) return fails;
  const int code = real_of(file)->pMethods->xWrite(real_of(file), from, n, at);
  if (code == SQLITE_OK && of(file).path != nullptr) {
    of(file).owner->note(of(file).path, unsynced::kind::write, at,
                         {static_cast<const char*>(from), static_cast<std::size_t>(n)});
  }
  return fails != SQLITE_OK ? fails : code;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (const int fails = of(file).meet(file_op::truncate); fails != SQLITE_OK) return fails;
  const int code = real_of(file)->pMethods->xTruncate(real_of(file), size);
  if (code == SQLITE_OK && of(file).path != nullptr) {
    of(file).owner->note(of(file).path, unsynced::kind::truncate, size);
  }
  return code;
}

// the platter below is a model: nothing waits for the real one
int sync(sqlite3_file* file, int) {
  const int fails = of(file).meet(file_op::sync);
  if (of(file).path == nullptr) return fails;
  of(file).owner->with_platter(of(file).path, [&](platter_file& f) {
    if (fails == SQLITE_OK) {
      // the default VFS syncs the folder too when a journal is new
      if (std::any_of(f.later.begin(), f.later.end(), [](const unsynced& op) { return op.is_name(); })) {
        of(file).owner->sync_names();
      }
      return f.sync();
    }
    std::erase_if(f.later, [](const unsynced& op) { return !op.is_name(); });  // marked clean, and nowhere
  });
  return fails;
}

int file_size(sqlite3_file* file, sqlite3_int64* out) { return real_of(file)->pMethods->xFileSize(real_of(file), out); }
int lock(sqlite3_file* file, int level) {
  const int code = of(file).meet(file_op::lock);
  return code != SQLITE_OK ? code : real_of(file)->pMethods->xLock(real_of(file), level);
}
int unlock(sqlite3_file* file, int level) { return real_of(file)->pMethods->xUnlock(real_of(file), level); }
int check_reserved(sqlite3_file* file, int* out) {
  return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}
int control(sqlite3_file* file, int op, void* arg) {
  return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}
int sector_size(sqlite3_file* file) { return real_of(file)->pMethods->xSectorSize(real_of(file)); }
int device(sqlite3_file* file) { return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file)); }
int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  const int code = of(file).meet(file_op::shared);
  return code != SQLITE_OK ? code : real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}
int lock_shared(sqlite3_file* file, int offset, int n, int flags) {
  const int code = (flags & SQLITE_SHM_LOCK) != 0 ? of(file).meet(file_op::shared) : SQLITE_OK;
  return code != SQLITE_OK ? code : real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}
void barrier(sqlite3_file* file) { real_of(file)->pMethods->xShmBarrier(real_of(file)); }
int unmap_shared(sqlite3_file* file, int remove) { return real_of(file)->pMethods->xShmUnmap(real_of(file), remove); }

constexpr sqlite3_io_methods methods{2,           close,   read,           write,   truncate,    sync,   file_size,
                                     lock,        unlock,  check_reserved, control, sector_size, device, map_shared,
                                     lock_shared, barrier, unmap_shared,   nullptr, nullptr};

// ---- the VFS ------------------------------------------------------------------------------------------------------

shim_state& of(sqlite3_vfs* vfs) { return *static_cast<shim_state*>(vfs->pAppData); }

int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  shim_state& s = of(vfs);
  shim_file& made = of(file);
  made = {{nullptr}, &s, nullptr};
  if (const int fails = s.meet(file_op::open, path != nullptr ? path : temporary_file); fails != SQLITE_OK)
    return fails;
  int there = 0;
  if (path != nullptr) (void)s.real->xAccess(s.real, path, SQLITE_ACCESS_EXISTS, &there);
  const int code = s.real->xOpen(s.real, path, made.real(), flags, out_flags);
  if (made.real()->pMethods == nullptr) return code;
  made.base.pMethods = &methods;
  if (path == nullptr || code != SQLITE_OK) return code;
  made.path = path;
  if (there == 0) s.note(path, unsynced::kind::create);
  return code;
}

int remove(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  shim_state& s = of(vfs);
  if (const int fails = s.meet(file_op::remove, path); fails != SQLITE_OK) return fails;
  const int code = s.real->xDelete(s.real, path, sync_folder);
  if (code != SQLITE_OK) return code;
  s.note(path, unsynced::kind::remove);
  if (sync_folder != 0) s.with_platter(path, [&](platter_file&) { s.sync_names(); });
  return code;
}

}  // namespace

shim_state::shim_state(bool platter_is_kept) : keeps_platter(platter_is_kept) {
  static std::atomic<int> made{0};
  name = "tandem-shim-" + std::to_string(++made);
  vfs.pNext = nullptr;
  vfs.zName = name.c_str();
  vfs.pAppData = this;
  vfs.szOsFile = static_cast<int>(sizeof(shim_file)) + real->szOsFile;
  vfs.xOpen = open;
  vfs.xDelete = remove;
  sqlite3_vfs_register(&vfs, 0);
}

shim_vfs::shim_vfs(bool keeps_platter) : state_(std::make_unique<shim_state>(keeps_platter)) {}
shim_vfs::~shim_vfs() = default;

const std::string& shim_vfs::name() const noexcept { return state_->name; }
std::uint64_t shim_vfs::operations() const noexcept { return state_->count; }
bool shim_vfs::happened() const noexcept { return state_->happened; }

void shim_vfs::arrange(fault what, std::uint64_t nth, unsigned of, bool for_ever, const std::string& suffix) {
  const std::lock_guard lock(state_->mutex);
  state_->arranged = what;
  state_->nth = nth;
  state_->kinds = of;
  state_->for_ever = for_ever;
  state_->suffix = suffix;
  state_->count = 0;
  state_->happened = false;
}

void shim_vfs::adopt(const std::filesystem::path& folder) {
  for (const auto& each : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(each.path(), std::ios::binary);
    state_->platter[each.path().string()].synced = {true, {std::istreambuf_iterator<char>(in), {}}};
  }
}

void shim_vfs::power_fails(std::uint64_t seed, const std::filesystem::path& folder) const {
  std::filesystem::create_directories(folder);
  std::uint64_t nth = 0;
  for (const auto& [path, file] : state_->platter) {
    tandem::random_stream random(seed, ++nth);
    const file_image left = file.after_power_failure(seed, random);
    if (!left.exists) continue;
    std::ofstream(folder / std::filesystem::path(path).filename(), std::ios::binary) << left.bytes;
  }
}

}  // namespace tandem_test
