// Appending, committing and reading back.

#include "sqlite_log.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

TANDEM_BEGIN
namespace detail::file {
namespace {

bool is_of_device(int code) noexcept { return (code & 0xFF) == SQLITE_IOERR && code != SQLITE_IOERR_NOMEM; }

}  // namespace

sqlite_log::sqlite_log(std::string path, const file_options& options) : path_(std::move(path)), options_(options) {
  options_.validate();
  translated(path_, [&] {
    owner_ = lock_for_writing(path_, options_);
    db_ = open_database(path_, access::write, options_);
    const bool fresh = make_tables(*db_, options_.key != nullptr);
    const bool sealed = read_tail(*db_, path_).sealed;
    if (sealed && options_.key == nullptr) {
      throw error(errc::wrong_key, "is encrypted", {path_, 0, "key"}, "give the master key it was made with");
    }
    if (!sealed && options_.key != nullptr) {
      throw error(errc::wrong_key, "is not encrypted", {path_, 0, "key"},
                  "give no key, or learn from it into a new file that has one");
    }
    seals_ = std::make_unique<sealing>(path_, options_, !fresh);
    db_->exec("PRAGMA max_page_count=" +
              std::to_string(std::min<std::uint64_t>(options_.max_bytes / 4096, 4294967294U)));
    copy_back_in_time();
    prepare();
    drop_unfinished();
    load();
  });
}

sqlite_log::~sqlite_log() {
  (void)commit(last_);
  const std::lock_guard lock(file_mutex_);
  begin_.reset();
  commit_.reset();
  rollback_.reset();
  add_record_.reset();
  add_records_.reset();
  add_user_.reset();
  add_item_.reset();
  add_word_.reset();
  put_stream_.reset();
  db_.reset();
  owner_.reset();
}

void sqlite_log::prepare() {
  begin_.emplace(*db_, "BEGIN IMMEDIATE");
  commit_.emplace(*db_, "COMMIT");
  rollback_.emplace(*db_, "ROLLBACK");
  std::string values = "(?, ?, ?, ?, ?)";
  add_record_.emplace(*db_, "INSERT INTO record VALUES" + values);
  for (std::size_t k = 1; k < records_together; ++k) values += ", (?, ?, ?, ?, ?)";
  add_records_.emplace(*db_, "INSERT INTO record VALUES" + values);
  add_user_.emplace(*db_, "INSERT INTO user VALUES(?, ?, ?)");
  add_item_.emplace(*db_, "INSERT INTO item VALUES(?, ?, ?)");
  add_word_.emplace(*db_, "INSERT INTO word VALUES(?, ?, ?)");
  put_stream_.emplace(*db_, "INSERT OR REPLACE INTO stream VALUES(?, ?, ?)");
}

// SQLite's own way to copy the write-ahead log back keeps to itself that a sync failed. Then the next one would believe
// that the log is on the disk, and write over pages that it alone could mend.
void sqlite_log::copy_back_in_time() {
  constexpr int pages = 1000;
  const auto committed = [](void* self, sqlite3* db, const char*, int n) -> int {
    if (n < pages) return SQLITE_OK;
    const int code = sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    if (code != SQLITE_OK) static_cast<sqlite_log*>(self)->copy_failure_ = sqlite3_extended_errcode(db);
    return SQLITE_OK;
  };
  sqlite3_wal_hook(db_->getHandle(), committed, this);
}

void sqlite_log::load() {
  const moment now(*db_);
  tail_ = read_tail(*db_, path_);
  last_ = queued_ = written_ = entry_number{static_cast<std::uint64_t>(tail_.last)};
  names_ = read_names(*db_, path_, tail_, seals_.get());
  ids_.users.reserve_ids(static_cast<std::size_t>(tail_.users));
  ids_.items.reserve_ids(static_cast<std::size_t>(tail_.items));
  ids_.n_words = static_cast<std::size_t>(tail_.words);
  for (std::size_t id = 1; id <= ids_.n_words; ++id) {
    const bool there = id <= names_.words.size() && names_.words[id - 1].has_value();
    if (there) ids_.words.emplace(*names_.words[id - 1], static_cast<std::uint32_t>(id));
  }
}

// ---- appending ----------------------------------------------------------------------------------------------------

template <class Entry>
void sqlite_log::enqueue(const Entry& entry) {
  const std::lock_guard lock(queue_mutex_);
  if (poisoned_ || failing_) throw error(errc::io_error, failure_, {path_});
  const entry_number number{raw(last_) + 1};
  encoder to(ids_, queue_);
  if constexpr (std::is_same_v<Entry, answer_entry>) {
    to.write(number, entry, position_);
  } else {
    to.write(number, entry);
  }
  to.keep();
  last_ = queued_ = number;
}

void sqlite_log::register_item(item_index item, std::size_t nth) {
  if (ids_.items.has_index(slot(item))) return;
  ids_.items.put(replayed_->item_ids()[nth]);
}

void sqlite_log::register_user(user_index user) {
  if (user == no_id<user_index> || ids_.users.has_index(slot(user))) return;
  ids_.users.put(replayed_->user_id());
}

log_position sqlite_log::append(const event_entry& e) {
  if (replaying_) {
    register_item(e.record.item, 0);
    register_user(e.record.user);
  } else {
    enqueue(e);
  }
  const log_position at = position_;
  position_ = log_position{raw(position_) + 1};
  return at;
}

void sqlite_log::append(const answer_entry& e) {
  if (!replaying_) return enqueue(e);
  std::size_t nth = 0;
  for (const placed_item& place : e.record.slate) register_item(place.item, nth++);
  for (const std::vector<item_index>* list : {&e.only, &e.blocked}) {
    for (const item_index item : *list) register_item(item, nth++);
  }
}

void sqlite_log::append(const change_entry& e) {
  if (!replaying_) return enqueue(e);
  if (const auto* made = std::get_if<item_entry>(&e)) register_item(made->index, 0);
  if (const auto* retired = std::get_if<retire_entry>(&e)) register_item(retired->index, 0);
  if (const auto* merged = std::get_if<merge_entry>(&e)) register_user(merged->to_index);
  if (const auto* asked = std::get_if<consent_entry>(&e)) register_user(asked->index);
}

store_ids sqlite_log::ids() const {
  store_ids out;
  for (std::size_t u = 0; ids_.users.has_index(u); ++u) out.users.push_back(ids_.users.id_of(u));
  for (std::size_t i = 0; ids_.items.has_index(i); ++i) out.items.push_back(ids_.items.id_of(i));
  return out;
}

// ---- committing ---------------------------------------------------------------------------------------------------

namespace {

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

// Runs f as one transaction: all of it or nothing.
void sqlite_log::transaction(function_ref<void()> f) {
  distrust(std::exchange(copy_failure_, SQLITE_OK));
  begin_->exec();
  begin_->reset();
  try {
    f();
    commit_->exec();
    commit_->reset();
    distrust(std::exchange(copy_failure_, SQLITE_OK));
  } catch (...) {
    for (auto* statement : {&add_record_, &add_records_, &add_user_, &add_item_, &add_word_, &put_stream_, &commit_}) {
      (*statement)->tryReset();
    }
    if (sqlite3_get_autocommit(db_->getHandle()) == 0) {
      rollback_->tryExecuteStep();
      rollback_->tryReset();
    }
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
  while (raw(written_) < raw(entry)) {
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

void sqlite_log::begin_group() noexcept {
  const std::lock_guard lock(queue_mutex_);
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

std::string sqlite_log::failure() const {
  const std::lock_guard lock(queue_mutex_);
  return failure_;
}

// ---- streams ------------------------------------------------------------------------------------------------------

void sqlite_log::set_stream(std::string_view name, std::string_view position) {
  const std::lock_guard lock(queue_mutex_);
  if (poisoned_ || failing_) throw error(errc::io_error, failure_, {path_});
  const row_queue::mark before = queue_.size();
  try {
    queue_.add_stream(name, position);
  } catch (...) {
    queue_.shrink(before);
    throw;
  }
}

std::string sqlite_log::stream(std::string_view name) const {
  return translated(path_, [&] {
    const std::lock_guard lock(file_mutex_);
    SQLite::Statement rows(*db_, "SELECT position, sum FROM stream WHERE name = ?");
    rows.bindNoCopy(1, name.data(), static_cast<int>(name.size()));
    if (!rows.executeStep()) return std::string();
    const SQLite::Column column = rows.getColumn(0);
    std::string position(bytes_of(column));
    const auto size = static_cast<std::int64_t>(name.size());
    if (rows.getColumn(1).getInt64() != std::int64_t{sum_of(size, 0, 0, std::string(name) + position)}) {
      throw error(errc::damaged, "the position of stream '" + std::string(name) + "' does not match its checksum",
                  {path_}, "run `tandem verify`, take the latest copy");
    }
    return position;
  });
}

// ---- reading back -------------------------------------------------------------------------------------------------

void sqlite_log::replay(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) {
  translated(path_, [&] {
    const moment now(*db_);
    decoder at(names_);
    from_the_start_ = raw(from) == 0;
    replayed_ = &at;
    read_rows(
        *db_, path_, static_cast<std::int64_t>(raw(from)), std::numeric_limits<std::int64_t>::max(),
        [&](const record_row& row) {
          const journal_entry& entry = at.read(row);
          last_ = entry_number{static_cast<std::uint64_t>(row.number)};
          f(last_, entry);
        },
        seals_.get());
    replayed_ = nullptr;
    last_ = entry_number{static_cast<std::uint64_t>(tail_.last)};
  });
}

void sqlite_log::scan(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) const {
  translated(path_, [&] {
    const auto db = open_database(path_, access::read, options_);
    const moment now(*db);
    const tail_row tail = read_tail(*db, path_);
    const name_lists names = read_names(*db, path_, tail, seals_.get());
    decoder at(names);
    const auto each = [&](const record_row& row) {
      f(entry_number{static_cast<std::uint64_t>(row.number)}, at.read(row));
    };
    read_rows(*db, path_, static_cast<std::int64_t>(raw(from)), tail.last, each, seals_.get());
  });
}

void sqlite_log::restore(const store_ids& ids, entry_number at, log_position position) {
  const auto check = [&](const id_map& map, const std::vector<std::uint32_t>& from) {
    for (const std::uint32_t id : from) {
      if (id >= 1 && id <= map.n_ids()) continue;
      throw error(errc::damaged, "a snapshot names an id that the file does not have", {path_});
    }
  };
  const auto put_all = [](id_map& map, const std::vector<std::uint32_t>& from) {
    map.shrink({0, map.n_ids()});
    for (const std::uint32_t id : from) map.put(id);
  };
  check(ids_.users, ids.users);
  check(ids_.items, ids.items);
  put_all(ids_.users, ids.users);
  put_all(ids_.items, ids.items);
  last_ = at;
  position_ = position;
}

// names that nothing in the log uses any more: of somebody who was forgotten
void sqlite_log::drop_unused_names() {
  bool dropped = false;
  const auto drop = [&](const name_lists::list& names, const id_map& map, const char* sql) {
    SQLite::Statement row(*db_, sql);
    for (std::size_t id = 1; id <= names.size(); ++id) {
      if (!names[id - 1].has_value() || map.index_of(id) != id_map::none) continue;
      row.bind(1, static_cast<std::int64_t>(id));
      row.exec();
      row.reset();
      dropped = true;
    }
  };
  const std::lock_guard lock(file_mutex_);
  transaction([&] {
    drop(names_.users, ids_.users, "DELETE FROM user WHERE id = ?");
    drop(names_.items, ids_.items, "DELETE FROM item WHERE id = ?");
  });
  if (dropped) truncate_wal();
}

void sqlite_log::opened() {
  if (from_the_start_) translated(path_, [&] { drop_unused_names(); });
  replaying_ = false;
  names_ = {};
}

}  // namespace detail::file
TANDEM_END
