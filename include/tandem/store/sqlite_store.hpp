#pragma once
// A log in one SQLite file: entries, names and snapshots, each row under a checksum. Compiled: link tandem::sqlite.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tandem/store/durable_store.hpp"
#include "tandem/store/master_key.hpp"

TANDEM_BEGIN

/// What may be lost when things end badly. Whatever the level, the file opens again, and holds a prefix of the log
/// that is whole: never an event without those before it.
enum class durability : std::uint8_t {
  /// Nothing that wait_durable() or flush() has returned for, even if the power fails. What observe() took and nobody
  /// waited for may be lost with the process: what file_options.queue_bytes lets wait.
  power_loss,
  /// Nothing that observe() has returned for, if the process dies. If the machine dies, the latest seconds may be lost.
  process_crash,
  /// As process_crash, but observe() does not wait: what file_options.queue_bytes lets wait may be lost with the
  /// process.
  none,
};

/// Options of a file. A default-constructed object is a sensible start.
struct file_options {
  durability level = durability::process_crash;
  /// Entries wait in memory for a commit up to this much, at levels that do not wait for each; then the observe() that
  /// fills it commits for all. While one commits, others go on up to four times as much, and then wait; as the commit
  /// itself may be of so much, about eight times is the most that can be lost. Range [4 KiB, 1 GiB].
  std::size_t queue_bytes = std::size_t{1} << 20U;
  /// The most the file may take; beyond, observe() answers store_failed until something is compacted or the engine is
  /// opened with more. Range [1 MiB, inf).
  std::uint64_t max_bytes = std::uint64_t{1} << 46U;
  /// Encrypts a new file, and opens one that is: with users' keys in a file beside it, see docs/encryption.md. Read
  /// while opening, not kept. Null = not encrypted.
  const master_key* key = nullptr;
  /// The name of an SQLite VFS to use; empty = SQLite's default. For tests and unusual systems.
  std::string vfs = {};

  /// Errors: invalid_argument, naming the option.
  void validate() const;
};

/// Opens, or makes, the file of a log for writing. One engine at a time may: beside it any number of readers.
///
/// Files made: `path`, beside it, while it is open, `path`-wal and `path`-shm (SQLite's), and `path`-owner (empty; its
/// lock says who writes; it stays). A copy made by SQLite's backup API, or of all of them while nobody writes, is a
/// valid file. Errors: io_error (a directory, no permission), bad_format (another program's file, a newer format),
/// damaged, wrong_state (open for writing elsewhere), no_space, invalid_argument.
[[nodiscard]] std::unique_ptr<durable_store> open_sqlite(const std::string& path, const file_options& options = {});

/// Wraps all keys of an encrypted file anew, in one step: what was sealed stays readable, with `next` only. Nobody may
/// have the file open. Errors: wrong_key, not_found, wrong_state; see key_ring::rotate_master().
void rotate_key(const std::string& path, const master_key& key, const master_key& next);

/// What a file says of itself.
struct file_summary {
  int format = 0;  ///< version of the file's format
  std::uint64_t bytes = 0, users = 0, items = 0;
  std::uint64_t erased = 0;     ///< entries that are gone: users who were forgotten, and what was compacted away
  entry_number compacted_to{};  ///< entries up to here were compacted away; 0 = none
  std::vector<snapshot_info> snapshots;                      ///< newest first
  std::vector<std::pair<std::string, std::string>> streams;  ///< how far each was read
};

/// Reads the log of a file beside the engine that writes it, without its lock. scan() gives the entries up to last(),
/// the latest one when the reader was made, so that several scans agree; an entry erased since is left out.
/// Threads: thread-compatible. Errors: damaged, io_error.
class file_reader : public journal {
 public:
  [[nodiscard]] virtual entry_number last() const noexcept = 0;
  /// Complexity: O(users + items + snapshots).
  [[nodiscard]] virtual file_summary summary() const = 0;
};

/// Errors: io_error, bad_format (another program's file, a newer format), damaged; wrong_key, of an encrypted file.
[[nodiscard]] std::unique_ptr<file_reader> read_sqlite(const std::string& path, const file_options& options = {});

/// What reading a whole file found.
struct file_report {
  std::uint64_t entries = 0, events = 0, decisions = 0, users = 0, items = 0, snapshots = 0, erased = 0;
  std::uint64_t bytes = 0;
  bool encrypted = false;             ///< then, without the key, checksums are checked and not what they guard
  std::vector<std::string> problems;  ///< in words; empty = everything matches its checksum

  [[nodiscard]] bool sound() const noexcept { return problems.empty(); }
};

/// Reads every byte of a file that means anything and checks it. May run beside the engine that writes it, but with the
/// key of an encrypted one only while nobody has it open.
/// Errors: io_error and bad_format, when there is nothing to check.
[[nodiscard]] file_report verify_file(const std::string& path, const file_options& options = {});

/// Copies a file as it is now, while its engine goes on: by SQLite's backup API. The copy is a valid file.
/// Errors: as open_sqlite(), of either path; invalid_argument when `to` exists.
void copy_file(const std::string& from, const std::string& to, const file_options& options = {});

TANDEM_END
