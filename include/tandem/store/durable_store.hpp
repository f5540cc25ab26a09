#pragma once
// A log that outlives its engine: entries are read back, and what was learned is kept beside them in snapshots.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/core/fair_mutex.hpp"
#include "tandem/core/function_ref.hpp"
#include "tandem/store/event_store.hpp"

TANDEM_BEGIN

/// What a snapshot holds.
enum class snapshot_kind : std::uint8_t {
  state,  ///< all that was learned up to an entry, but for the batch model
  model,  ///< one batch model
};

/// A snapshot that was written whole.
struct snapshot_info {
  std::uint64_t id = 0;
  snapshot_kind kind{};
  entry_number at{};  ///< the last entry it stands for
  std::uint64_t bytes = 0;
  std::string options;  ///< what the engine was made with: a state is of use to an engine made alike
};

/// Reads a snapshot, run by run. Errors: damaged, when a run does not match its checksum.
class snapshot_reader {
 public:
  virtual ~snapshot_reader() = default;
  /// The next run, valid until the next call; empty at the end.
  [[nodiscard]] virtual std::span<const std::byte> next() = 0;
};

/// Takes a snapshot, run by run; it does not exist until finish(), and never does if that is not called.
class snapshot_writer {
 public:
  virtual ~snapshot_writer() = default;
  virtual void write(std::span<const std::byte> run) = 0;
  /// Makes it whole, and returns its id.
  virtual std::uint64_t finish() = 0;
};

/// The store's own numbers of users and items, by this engine's indices: part of a state.
struct store_ids {
  std::vector<std::uint32_t> users, items;
};

/// Which entries to erase: those of these users, of pages shown to visitors of these names, and of merges of either.
struct erasure {
  std::vector<std::uint32_t> users;  ///< the store's own numbers
  std::vector<std::string> names;
};

/// What an erasure took away.
struct erased_counts {
  std::uint64_t entries = 0, events = 0, decisions = 0, names = 0, snapshots = 0;
};

/// An event_store whose entries can be read back after the process has ended.
///
/// append() only queues an entry; commit() makes it survive. While a store is being opened, append() takes what
/// replay() gives out and stores nothing. Threads: append(), end(), prefix(), last() and ids() under one lock of the
/// engine, as event_store says; all others are thread-safe, and called without that lock.
class durable_store : public event_store, public journal {
 public:
  [[nodiscard]] durable_store* durable() noexcept final { return this; }

  /// The latest entry appended; entry_number{0} when there is none.
  [[nodiscard]] virtual entry_number last() const noexcept = 0;

  // ---- durability -----------------------------------------------------------------------------------------------
  /// Makes everything up to `entry` as durable as the store's level says, together with what others wait for.
  /// False when that failed: the entries stay queued, and later calls try again, unless a sync has failed.
  virtual bool commit(entry_number entry) noexcept = 0;
  /// What the level asks for before a caller is told that `entry` is taken. False as commit().
  virtual bool after_append(entry_number entry) noexcept = 0;
  /// False while what was appended cannot be stored, after one more attempt: nothing should be appended then.
  virtual bool ready() noexcept = 0;
  /// True while the latest attempt has failed; tries nothing.
  [[nodiscard]] virtual bool failing() const noexcept = 0;
  /// Why the latest attempt failed; empty when it did not.
  [[nodiscard]] virtual std::string failure() const = 0;
  /// What is appended until it is destroyed is committed together. Threads: under the lock of the engine.
  class group {
   public:
    /// Errors: io_error, while the store cannot be appended to.
    explicit group(durable_store* of) : store_(of) {
      if (store_ != nullptr) store_->begin_group();
    }
    group(const group&) = delete;
    group& operator=(const group&) = delete;
    ~group() {
      if (store_ != nullptr) store_->end_group();
    }

   private:
    durable_store* store_;
  };
  /// Remembers how far a stream was read, with the entries of the same group. Under the lock of the engine.
  virtual void set_stream(std::string_view name, std::string_view position) = 0;
  /// How far it was read; empty when it never was.
  [[nodiscard]] virtual std::string stream(std::string_view name) const = 0;

  // ---- opening --------------------------------------------------------------------------------------------------
  /// Calls f with every entry after `from`, in order; f appends each. Errors: damaged, io_error, what f throws.
  virtual void replay(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) = 0;
  /// As journal: what is in the file, for looking ahead.
  void scan(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) const override = 0;
  /// The entries that erase() would take, as scan() gives them.
  virtual void scan_of(const erasure& whose, function_ref<void(entry_number, const journal_entry&)> f) const = 0;
  /// Goes on from a state that has seen everything up to `at`, `position` events among it, instead of replaying it.
  virtual void restore(const store_ids& ids, entry_number at, log_position position) = 0;
  /// Ends opening: from here on append() stores.
  virtual void opened() = 0;

  // ---- snapshots ------------------------------------------------------------------------------------------------
  /// The ids to go on with: see restore(). Complexity: O(users + items).
  [[nodiscard]] virtual store_ids ids() const = 0;
  /// Whole snapshots, newest first.
  [[nodiscard]] virtual std::vector<snapshot_info> snapshots() const = 0;
  [[nodiscard]] virtual std::unique_ptr<snapshot_reader> read_snapshot(std::uint64_t id) = 0;
  /// @param outlives_keys  of an encrypted log: the snapshot stays readable when keys are erased by erase().
  [[nodiscard]] virtual std::unique_ptr<snapshot_writer> write_snapshot(snapshot_kind kind, entry_number at,
                                                                        std::string_view options,
                                                                        bool outlives_keys = false) = 0;
  virtual void drop_snapshot(std::uint64_t id) = 0;

  /// What opening the file could not finish, in words.
  [[nodiscard]] virtual std::vector<std::string> problems() const { return {}; }

  // ---- erasing --------------------------------------------------------------------------------------------------
  /// The store's numbers of users. Under the lock of the engine.
  [[nodiscard]] virtual std::vector<std::uint32_t> numbers_of(std::span<const user_index> users) const = 0;
  /// Of users whom a snapshot has as forgotten: which of them the file has all the same, since erase() did not come to
  /// its end, and the names they had. Under the lock of the engine.
  [[nodiscard]] virtual erasure left_of(std::span<const user_index> users) const = 0;
  /// Drops all snapshots before `keep_from`, overwrites the entries and the names that only they used, and leaves no
  /// copy of them in the write-ahead log. `lock` keeps the engine from appending while the last of it is done.
  /// Complexity: O(log), most of it without the lock.
  virtual erased_counts erase(const erasure& what, std::uint64_t keep_from, std::unique_lock<fair_mutex>& lock) = 0;
  /// Forgets entries up to `to`, for which a snapshot stands from now on; gives the room back to the file system.
  /// Returns how many. Errors: wrong_state, when no whole snapshot is at `to` or later.
  virtual std::uint64_t compact(entry_number to) = 0;
  /// The ceiling of the file, file_options.max_bytes, does not hold while it is lifted: to make room takes some.
  virtual void lift_ceiling(bool lifted) = 0;

 private:
  virtual void begin_group() = 0;
  virtual void end_group() noexcept = 0;
};

TANDEM_END
