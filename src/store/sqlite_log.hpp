#pragma once
// The store itself: appends go to a queue under the engine's lock, one leader commits the queue for all who wait.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "codec.hpp"
#include "file.hpp"
#include "row_queue.hpp"
#include "rows.hpp"
#include "tandem/core/function_ref.hpp"
#include "tandem/store/sqlite_store.hpp"

TANDEM_BEGIN
namespace detail::file {

struct found_row;

class sqlite_log final : public durable_store {
 public:
  sqlite_log(const std::string& path, file_options options);
  ~sqlite_log() override;

  // ---- as the engine's log, under its lock ----------------------------------------------------------------------
  log_position append(const event_entry& entry) override;
  void append(const answer_entry& entry) override;
  void append(const change_entry& entry) override;
  [[nodiscard]] log_position end() const noexcept override { return position_; }
  [[nodiscard]] std::shared_ptr<const log_prefix> prefix() const override;
  [[nodiscard]] entry_number last() const noexcept override { return last_; }
  [[nodiscard]] store_ids ids() const override;

  // ---- durability -----------------------------------------------------------------------------------------------
  bool commit(entry_number entry) noexcept override;
  bool after_append(entry_number entry) noexcept override;
  bool ready() noexcept override;
  [[nodiscard]] bool failing() const noexcept override;
  [[nodiscard]] std::string failure() const override;

  void set_stream(std::string_view name, std::string_view position) override;
  [[nodiscard]] std::string stream(std::string_view name) const override;
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> streams() const override;

  // ---- opening --------------------------------------------------------------------------------------------------
  void replay(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) override;
  void scan(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) const override;
  void scan_of(const erasure& whose, function_ref<void(entry_number, const journal_entry&)> f) const override;
  void restore(const store_ids& ids, entry_number at, log_position position) override;
  void opened() override;
  [[nodiscard]] std::vector<std::string> problems() const override { return problems_; }

  // ---- snapshots ------------------------------------------------------------------------------------------------
  [[nodiscard]] std::vector<snapshot_info> snapshots() const override;
  [[nodiscard]] std::unique_ptr<snapshot_reader> read_snapshot(std::uint64_t id) override;
  [[nodiscard]] std::unique_ptr<snapshot_writer> write_snapshot(snapshot_kind kind, entry_number at,
                                                                std::string_view options, bool outlives_keys) override;
  void drop_snapshot(std::uint64_t id) override;

  // ---- erasing --------------------------------------------------------------------------------------------------
  [[nodiscard]] std::vector<std::uint32_t> numbers_of(std::span<const user_index> users) const override;
  [[nodiscard]] erasure left_of(std::span<const user_index> users) const override;
  erased_counts erase(const erasure& what, std::uint64_t keep_from, std::unique_lock<fair_mutex>& lock) override;
  std::uint64_t compact(entry_number to) override;
  void lift_ceiling(bool lifted) override;
  [[nodiscard]] entry_number compacted_to() const override;

 private:
  class prefix_reader;
  class part_reader;
  class part_writer;

  template <class Entry>
  void enqueue(const Entry& entry);
  void register_item(item_index item, std::size_t nth);
  void register_user(user_index user);
  bool lead(std::unique_lock<std::mutex>& lock) noexcept;
  bool write_batch() noexcept;
  void write(const row_queue& rows);
  struct ready_row {
    const queued_row* row;
    std::string_view body;
  };
  void insert_records(std::span<const ready_row> records);
  void insert(const queued_row& row, std::string_view body, tail_row& tail);
  void transaction(function_ref<void()> f);
  void end_transaction() noexcept;
  template <class F>
  void with_file(F&& f);
  void copy_back_in_time();
  void distrust(int code) noexcept;
  void remember_failure(int code, function_ref<std::string()> why) noexcept;
  void begin_group() override;
  void end_group() noexcept override;
  void erase_rows(const std::vector<found_row>& rows, const std::vector<std::uint32_t>& users,
                  const std::vector<std::uint32_t>& words, const std::string& pseudonyms);
  void believed(function_ref<void()> f);
  void transaction_on_disk(function_ref<void()> f);
  void note_keys(const std::string& pseudonyms);
  void erase_keys(std::string_view pseudonyms);
  [[nodiscard]] std::string without_those_who_came_again(std::string_view pseudonyms) const;
  void finish_erasing_keys();
  void write_anew();
  void vacuum();
  void note_erasing();
  void finish_erasing();
  void truncate_wal();
  void join_same_names();
  void drop_unused_names();
  void prepare();
  void load();
  void drop_unfinished();

  static constexpr std::size_t records_together = 16;

  const std::string path_;
  const file_options options_;

  // ---- under the engine's lock ----------------------------------------------------------------------------------
  id_space ids_;
  log_position position_{};
  entry_number last_{};
  bool replaying_ = true;                                   // until opened()
  const decoder* replayed_ = nullptr;                       // the entry at hand
  name_lists names_;                                        // for replay()
  bool from_the_start_ = false;                             // it replays the whole log
  bool passed_over_ = false;                                // rows whose keys the ring does not have
  std::vector<std::string> problems_;                       // of opening
  std::vector<std::pair<std::int64_t, bool>> erased_here_;  // entries erased since it was opened, and if events

  // ---- under queue_mutex_ ---------------------------------------------------------------------------------------
  mutable std::mutex queue_mutex_;
  std::condition_variable written_more_;
  row_queue queue_;                             // appended, and not taken yet
  row_queue batch_;                             // being written, or to be written again; only who leads touches it
  entry_number queued_{};                       // the last entry in queue_ or beyond
  entry_number batch_end_{};                    // the last entry in batch_
  entry_number written_{};                      // the last entry in the file
  bool leading_ = false;                        // somebody writes batch_
  std::map<std::string, std::string> streams_;  // positions, as appended
  bool stream_waits_ = false;                   // one is in queue_ or batch_
  bool grouping_ = false;                       // what is appended must stay together
  bool failing_ = false;                        // the latest attempt failed
  bool poisoned_ = false;  // a sync failed: what the file holds is unknown until it is opened again
  std::string failure_;

  // ---- under file_mutex_ ----------------------------------------------------------------------------------------
  mutable std::mutex file_mutex_;
  std::unique_ptr<SQLite::Database> owner_;
  std::unique_ptr<SQLite::Database> db_;
  std::optional<SQLite::Statement> begin_, commit_, rollback_, add_record_, add_records_, add_user_, add_item_,
      add_word_, put_stream_;
  tail_row tail_;                   // as it is in the file
  std::unique_ptr<sealing> seals_;  // thread-safe, but for prepare() and seal()
  int copy_failure_ = 0;            // SQLite's code, when the write-ahead log could not be copied back
};

// Whole snapshots, newest first; those that do not match their checksum are left out.
std::vector<snapshot_info> read_snapshots(SQLite::Database& db);

// Reads all snapshots and tells what does not match; returns how many there are.
std::uint64_t check_snapshots(SQLite::Database& db, function_ref<void(const std::string&)> problem);

}  // namespace detail::file
TANDEM_END
