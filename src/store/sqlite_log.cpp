// Appending, committing and reading back.

#include "sqlite_log.hpp"

#include <sqlite3.h>

#include <algorithm>
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
    make_tables(*db_);
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
  add_user_.reset();
  add_item_.reset();
  add_word_.reset();
  set_tail_.reset();
  db_.reset();
  owner_.reset();
}

void sqlite_log::prepare() {
  begin_.emplace(*db_, "BEGIN IMMEDIATE");
  commit_.emplace(*db_, "COMMIT");
  rollback_.emplace(*db_, "ROLLBACK");
  add_record_.emplace(*db_, "INSERT INTO record VALUES(?, ?, ?, ?, ?)");
  add_user_.emplace(*db_, "INSERT INTO user VALUES(?, ?, ?)");
  add_item_.emplace(*db_, "INSERT INTO item VALUES(?, ?, ?)");
  add_word_.emplace(*db_, "INSERT INTO word VALUES(?, ?, ?)");
  set_tail_.emplace(*db_, "UPDATE tail SET last = ?, users = ?, items = ?, words = ?, sum = ?");
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
  names_ = read_names(*db_, path_, tail_);
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
  for (std::size_t k = 0; k < e.record.slate.size(); ++k) register_item(e.record.slate[k].item, k);
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

void sqlite_log::write_in_transaction(const row_queue& rows) {
  tail_row tail = tail_;
  for (const queued_row& row : rows.rows()) {
    const std::string_view body = rows.body(row);
    if (row.to == table::record) {
      add_record_->bind(1, row.id);
      add_record_->bind(2, std::int32_t{row.kind});
      if (row.user != 0) {
        add_record_->bind(3, row.user);
      } else {
        add_record_->bind(3);
      }
      add_record_->bindNoCopy(4, body.data(), static_cast<int>(body.size()));
      add_record_->bind(5, std::int64_t{sum_of(row.id, row.kind, row.user, body)});
      add_record_->exec();
      add_record_->reset();
      tail.last = row.id;
      continue;
    }
    SQLite::Statement& add = *(row.to == table::user ? add_user_ : row.to == table::item ? add_item_ : add_word_);
    add.bind(1, row.id);
    add.bindNoCopy(2, body.data(), static_cast<int>(body.size()));
    add.bind(3, std::int64_t{sum_of(row.id, static_cast<std::int64_t>(row.to), 0, body)});
    add.exec();
    add.reset();
    (row.to == table::user ? tail.users : row.to == table::item ? tail.items : tail.words) = row.id;
  }
  set_tail_->bind(1, tail.last);
  set_tail_->bind(2, tail.users);
  set_tail_->bind(3, tail.items);
  set_tail_->bind(4, tail.words);
  set_tail_->bind(5, std::int64_t{tail.sum()});
  set_tail_->exec();
  set_tail_->reset();
  commit_->exec();
  commit_->reset();
  tail_ = tail;
}

// What a failure left open. Without memory even this can fail: it is called before a transaction too.
void sqlite_log::end_transaction() noexcept {
  if (sqlite3_get_autocommit(db_->getHandle()) != 0) return;
  rollback_->tryExecuteStep();
  rollback_->tryReset();
}

void sqlite_log::write(const row_queue& rows) {
  const std::lock_guard lock(file_mutex_);
  end_transaction();
  distrust(std::exchange(copy_failure_, SQLITE_OK));
  begin_->exec();
  begin_->reset();
  try {
    write_in_transaction(rows);
    distrust(std::exchange(copy_failure_, SQLITE_OK));
  } catch (...) {
    for (auto* statement : {&add_record_, &add_user_, &add_item_, &add_word_, &set_tail_, &commit_}) {
      (*statement)->tryReset();
    }
    end_transaction();
    throw;
  }
}

bool sqlite_log::commit(entry_number entry) noexcept {
  std::unique_lock lock(queue_mutex_);
  if (poisoned_) return false;
  while (raw(written_) < raw(entry)) {
    if (poisoned_) return false;
    if (leading_) {
      written_more_.wait(lock);
      continue;
    }
    if (writing_.empty()) {
      writing_.swap(queue_);
      reaches_ = queued_;
    }
    leading_ = true;
    lock.unlock();
    const bool written = write_queued();
    lock.lock();
    leading_ = false;
    if (written) {
      writing_.clear();
      written_ = reaches_;
      failing_ = poisoned_;
    }
    written_more_.notify_all();
    if (!written) return false;
  }
  return true;
}

bool sqlite_log::write_queued() noexcept {
  try {
    write(writing_);
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

bool sqlite_log::after_append(entry_number entry) noexcept {
  if (options_.level == durability::process_crash) return commit(entry);
  {
    const std::lock_guard lock(queue_mutex_);
    if (queue_.bytes() < options_.queue_bytes || leading_) return true;
  }
  return commit(entry);
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

// ---- reading back -------------------------------------------------------------------------------------------------

void sqlite_log::replay(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) {
  translated(path_, [&] {
    const moment now(*db_);
    decoder at(names_);
    replayed_ = &at;
    read_rows(*db_, path_, static_cast<std::int64_t>(raw(from)), std::numeric_limits<std::int64_t>::max(),
              [&](const record_row& row) {
                const journal_entry& entry = at.read(row);
                last_ = entry_number{static_cast<std::uint64_t>(row.number)};
                f(last_, entry);
              });
    replayed_ = nullptr;
    last_ = entry_number{static_cast<std::uint64_t>(tail_.last)};
  });
}

void sqlite_log::scan(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) const {
  translated(path_, [&] {
    const auto db = open_database(path_, access::read, options_);
    const moment now(*db);
    const tail_row tail = read_tail(*db, path_);
    const name_lists names = read_names(*db, path_, tail);
    decoder at(names);
    read_rows(*db, path_, static_cast<std::int64_t>(raw(from)), tail.last,
              [&](const record_row& row) { f(entry_number{static_cast<std::uint64_t>(row.number)}, at.read(row)); });
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

void sqlite_log::opened() {
  replaying_ = false;
  names_ = {};
}

// ---- frozen prefixes ----------------------------------------------------------------------------------------------

class sqlite_log::prefix_reader final : public log_prefix {
 public:
  prefix_reader(sqlite_log& log, bool opening)
      : log_(&log),
        users_(log.ids_.users),
        items_(log.ids_.items),
        last_(log.last_),
        position_(log.position_),
        opening_(opening) {}

  [[nodiscard]] log_position end() const noexcept override { return position_; }

  void read(log_position from, function_ref<void(std::span<const logged_event>)> f) const override {
    std::vector<logged_event> run;
    run.reserve(run_length);
    std::uint64_t at = first_position();
    const auto take = [&](const record_row& row) {
      if (static_cast<entry_kind>(row.kind) != entry_kind::event) return;
      if (at++ < raw(from)) return;
      const bare_event e = read_bare_event(row);
      const std::uint32_t user = users_.index_of(e.user);
      const std::uint32_t item = items_.index_of(e.item);
      if (user == id_map::none || item == id_map::none) {
        throw error(errc::damaged, "entry " + std::to_string(row.number) + " names an id that is not there",
                    {log_->path_});
      }
      run.push_back({user_index{user}, item_index{item}, action_index{static_cast<std::uint32_t>(e.action)}, e.weight,
                     e.time, e.decision});
      if (run.size() == run_length) {
        f(run);
        run.clear();
      }
    };
    with_file(
        [&](SQLite::Database& db) { read_rows(db, log_->path_, 0, static_cast<std::int64_t>(raw(last_)), take); });
    if (!run.empty()) f(run);
  }

  void read_decisions(function_ref<void(std::span<const decision>)> f) const override;

 private:
  static constexpr std::size_t run_length = 4096;

  // events that came before the first that is kept
  [[nodiscard]] std::uint64_t first_position() const noexcept { return 0; }

  // calls f(database) with the file as of now, which holds all of the prefix
  template <class F>
  void with_file(F&& f) const {
    translated(log_->path_, [&] {
      if (!opening_ && !log_->commit(last_)) throw error(errc::io_error, log_->failure(), {log_->path_});
      const auto db = open_database(log_->path_, access::read, log_->options_);
      const moment now(*db);
      f(*db);
    });
  }

  sqlite_log* log_;  // outlives its prefixes
  id_map users_, items_;
  entry_number last_;
  log_position position_;
  bool opening_;
};

void sqlite_log::prefix_reader::read_decisions(function_ref<void(std::span<const decision>)> f) const {
  with_file([&](SQLite::Database& db) {
    const name_lists names = read_names(db, log_->path_, read_tail(db, log_->path_));
    decoder at(names);
    std::uint64_t events = first_position();
    read_rows(db, log_->path_, 0, static_cast<std::int64_t>(raw(last_)), [&](const record_row& row) {
      if (static_cast<entry_kind>(row.kind) == entry_kind::event) ++events;
      if (static_cast<entry_kind>(row.kind) != entry_kind::answer) return;
      const auto& entry = std::get<answer_entry>(at.read(row));
      decision d = entry.record;
      d.position = log_position{events - std::min(events, entry.events_since)};
      const std::uint32_t user = users_.index_of(at.user_id());
      d.user = user == id_map::none ? no_id<user_index> : user_index{user};
      for (std::size_t k = 0; k < d.slate.size(); ++k) d.slate[k].item = item_index{items_.index_of(at.item_ids()[k])};
      f(std::span(&d, 1));
    });
  });
}

std::shared_ptr<const log_prefix> sqlite_log::prefix() const {
  return std::make_shared<prefix_reader>(const_cast<sqlite_log&>(*this), replaying_);
}

}  // namespace detail::file
TANDEM_END
