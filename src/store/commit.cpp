// Committing: one leader writes what is queued, in one transaction, for all who wait.

#include <sqlite3.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "sqlite_log.hpp"

TANDEM_BEGIN
namespace detail::file {
namespace {

bool is_of_device(int code) noexcept { return (code & 0xFF) == SQLITE_IOERR && code != SQLITE_IOERR_NOMEM; }

void bind_record(SQLite::Statement& to, int first, const queued_row& row, std::string_view body) {
  to.bind(first, row.id);
  to.bind(first + 1, std::int32_t{row.kind});
  if (row.user != 0) {
    to.bind(first + 2, row.user);
  } else {
    to.bind(first + 2);
  }
  to.bindNoCopy(first + 3, body.data(), static_cast<int>(body.size()));
  to.bind(first + 4, std::int64_t{sum_of(row.id, row.kind, row.user, body)});
}

}  // namespace

// Many rows a statement: about half the time of one by one.
void sqlite_log::insert_records(std::span<const ready_row> records) {
  while (!records.empty()) {
    const bool many = records.size() >= records_together;
    SQLite::Statement& add = many ? *add_records_ : *add_record_;
    const std::size_t n = many ? records_together : 1;
    for (std::size_t k = 0; k < n; ++k) {
      bind_record(add, static_cast<int>(k) * 5 + 1, *records[k].row, records[k].body);
    }
    add.exec();
    add.reset();
    records = records.subspan(n);
  }
}

void sqlite_log::insert(const queued_row& row, std::string_view body, tail_row& tail) {
  if (row.to == table::stream) {
    put_stream_->bindNoCopy(1, body.data(), static_cast<int>(row.name_size));
    put_stream_->bindNoCopy(2, body.data() + row.name_size, static_cast<int>(row.size - row.name_size));
    put_stream_->bind(3, std::int64_t{sum_of(static_cast<std::int64_t>(row.name_size), 0, 0, body)});
    put_stream_->exec();
    put_stream_->reset();
    tail.streams = db_->execAndGet("SELECT count(*) FROM stream").getInt64();
    return;
  }
  SQLite::Statement& add = *(row.to == table::user ? add_user_ : row.to == table::item ? add_item_ : add_word_);
  std::int64_t& latest = row.to == table::user ? tail.users : row.to == table::item ? tail.items : tail.words;
  add.bind(1, row.id);
  add.bindNoCopy(2, body.data(), static_cast<int>(body.size()));
  add.bind(3, std::int64_t{sum_of(row.id, static_cast<std::int64_t>(row.to), 0, body)});
  add.exec();
  add.reset();
  latest = std::max(latest, row.id);
}

// What a failure left open. Without memory even this can fail: it is called before a transaction too.
void sqlite_log::end_transaction() noexcept {
  if (sqlite3_get_autocommit(db_->getHandle()) != 0) return;
  rollback_->tryExecuteStep();
  rollback_->tryReset();
}

// Runs f as one transaction: all of it or nothing.
void sqlite_log::transaction(function_ref<void()> f) {
  end_transaction();
  distrust(std::exchange(copy_failure_, SQLITE_OK));
  begin_->exec();
  begin_->reset();
  try {
    f();
    commit_->exec();
    commit_->reset();
    distrust(std::exchange(copy_failure_, SQLITE_OK));
  } catch (...) {
    distrust(sqlite3_extended_errcode(db_->getHandle()));
    for (auto* statement : {&add_record_, &add_records_, &add_user_, &add_item_, &add_word_, &put_stream_, &commit_}) {
      (*statement)->tryReset();
    }
    end_transaction();
    throw;
  }
}

void sqlite_log::write(const row_queue& rows) {
  const std::lock_guard lock(file_mutex_);
  tail_row tail = tail_;
  seals_->prepare(rows);
  std::deque<std::string> sealed;
  transaction([&] {
    std::vector<ready_row> records;
    for (const queued_row& row : rows.rows()) {
      std::string_view body = rows.body(row);
      if (seals_->on() && row.to != table::stream) body = sealed.emplace_back(seals_->seal(row, body));
      if (row.to == table::record) {
        records.push_back({&row, body});
        tail.last = row.id;
      } else {
        insert(row, body, tail);
      }
    }
    insert_records(records);
    write_tail(*db_, tail);
  });
  tail_ = tail;
}

// Writes what is at hand, without queue_mutex_; false if that failed.
bool sqlite_log::lead(std::unique_lock<std::mutex>& lock) noexcept {
  if (batch_.empty()) {
    batch_.swap(queue_);
    batch_end_ = queued_;
  }
  leading_ = true;
  lock.unlock();
  const bool written = write_batch();
  lock.lock();
  leading_ = false;
  if (written) {
    batch_.clear();
    written_ = batch_end_;
    stream_waits_ = stream_waits_ && !queue_.empty();
    failing_ = poisoned_;
  }
  written_more_.notify_all();
  return written;
}

bool sqlite_log::write_batch() noexcept {
  try {
    write(batch_);
    return true;
  } catch (const SQLite::Exception& e) {
    remember_failure(e.getExtendedErrorCode(), [&] { return std::string(as_error(e, path_).what()); });
  } catch (const error& e) {  // of the key ring
    remember_failure(e.code() == errc::io_error ? SQLITE_IOERR : SQLITE_ERROR, [&] { return std::string(e.what()); });
  } catch (const std::exception& e) {
    remember_failure(SQLITE_ERROR, [&] { return std::string(e.what()); });
  }
  return false;
}

// a device that failed once is not believed again
void sqlite_log::remember_failure(int code, function_ref<std::string()> why) noexcept {
  const std::lock_guard lock(queue_mutex_);
  failing_ = true;
  poisoned_ = poisoned_ || is_of_device(code);
  try {
    failure_ = why();
  } catch (...) {
    failure_ = "out of memory";  // short enough to need none
  }
}

void sqlite_log::distrust(int code) noexcept {
  if (!is_of_device(code)) return;
  remember_failure(code,
                   [&] { return std::string(as_error(SQLite::Exception(sqlite3_errstr(code), code), path_).what()); });
}

bool sqlite_log::commit(entry_number entry) noexcept {
  std::unique_lock lock(queue_mutex_);
  if (poisoned_) return false;
  while (raw(written_) < raw(entry) || (stream_waits_ && raw(entry) >= raw(queued_))) {
    if (poisoned_) return false;
    if (leading_ || grouping_) {
      written_more_.wait(lock);
      continue;
    }
    if (!lead(lock)) return false;
  }
  return true;
}

bool sqlite_log::after_append(entry_number entry) noexcept {
  if (options_.level == durability::process_crash) return commit(entry);
  {
    const std::lock_guard lock(queue_mutex_);
    const std::size_t waiting = queue_.bytes();
    if (waiting < options_.queue_bytes || (leading_ && waiting < 4 * options_.queue_bytes)) return true;
  }
  return commit(entry);
}

// from here on nobody leads, and nothing but memory can fail
void sqlite_log::begin_group() {
  std::unique_lock lock(queue_mutex_);
  while (leading_) written_more_.wait(lock);
  if (poisoned_ || failing_) throw error(errc::io_error, failure_, {path_});
  grouping_ = true;
}

void sqlite_log::end_group() noexcept {
  const std::lock_guard lock(queue_mutex_);
  grouping_ = false;
  written_more_.notify_all();
}

bool sqlite_log::ready() noexcept {
  entry_number queued{};
  {
    const std::lock_guard lock(queue_mutex_);
    if (poisoned_) return false;
    if (!failing_) return true;
    queued = queued_;
  }
  return commit(queued);
}

bool sqlite_log::failing() const noexcept {
  const std::lock_guard lock(queue_mutex_);
  return poisoned_ || failing_;
}

std::string sqlite_log::failure() const {
  const std::lock_guard lock(queue_mutex_);
  return failure_;
}

}  // namespace detail::file
TANDEM_END
