#pragma once
// An SQLite VFS that fails when a test says so, and knows what a disk would hold if the power failed now.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace tandem_test {

/// Kinds of operations, to be combined with |.
namespace file_op {
inline constexpr unsigned open = 1, read = 2, write = 4, truncate = 8, sync = 16, remove = 32, lock = 64, shared = 128;
/// All that change what is on the disk, or promise to have.
inline constexpr unsigned changes = open | write | truncate | sync | remove;
inline constexpr unsigned all = 255;
}  // namespace file_op

/// What arrange() calls a file that SQLite gives no name.
inline constexpr const char* temporary_file = "a temporary file";

enum class fault : std::uint8_t {
  none,   ///< operations are counted, and succeed
  power,  ///< the machine stops before the operation: it and all later ones fail, and reach no disk
  full,   ///< the disk has no room: a write is half done
  error,  ///< the device fails. After a sync that failed, what it should have synced is never on the disk
  kill,   ///< the process is killed before the operation
};

class shim_state;

/// A VFS over the default one. Real files hold what the operating system would show; beside them it keeps what is on
/// the platter: everything synced, and in order the writes, truncations, creations and removals that were not.
/// Threads: thread-safe, but for its life and power_fails().
class shim_vfs {
 public:
  /// Registers it with SQLite, under a name of its own, until it is destroyed.
  /// @param keeps_platter  false: power_fails() is of no use, syncs cost nothing, and nothing is allocated.
  explicit shim_vfs(bool keeps_platter = true);
  ~shim_vfs();
  shim_vfs(const shim_vfs&) = delete;
  shim_vfs& operator=(const shim_vfs&) = delete;

  /// For file_options.vfs.
  [[nodiscard]] const std::string& name() const noexcept;

  /// Takes what is in the folder as synced; files that are there and were not adopted are as good as new ones. Before
  /// anything in it is opened.
  void adopt(const std::filesystem::path& folder);

  /// From now on, the `nth` operation (from 1) of the kinds `of` fails, and with `for_ever` every one after it.
  /// @param suffix  counts only operations on files whose names end so.
  void arrange(fault what, std::uint64_t nth, unsigned of = file_op::changes, bool for_ever = false,
               const std::string& suffix = {});
  /// Operations of those kinds since arrange().
  [[nodiscard]] std::uint64_t operations() const noexcept;
  /// Whether the fault has come.
  [[nodiscard]] bool happened() const noexcept;

  /// Writes into `folder` the files as they might be found after the power failed now: every unsynced write is kept,
  /// dropped or torn at sectors of 512 bytes, and all come in any order. Seed 0 drops all of them, seed 1 keeps all.
  /// The shared memory of the write-ahead log is lost.
  void power_fails(std::uint64_t seed, const std::filesystem::path& folder) const;

 private:
  std::unique_ptr<shim_state> state_;
};

}  // namespace tandem_test
