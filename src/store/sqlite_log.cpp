// Appending, and reading back.

#include "sqlite_log.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <utility>

TANDEM_BEGIN
namespace detail::file {

sqlite_log::sqlite_log(const std::string& path, file_options options)
    : path_(path.empty() ? path : std::filesystem::absolute(path).string()), options_(std::move(options)) {
  options_.validate();
  translated(path_, [&] {
    owner_ = lock_for_writing(path_, options_);
    db_ = open_database(path_, access::write, options_);
    const bool fresh = db_->execAndGet("PRAGMA schema_version").getInt64() == 0;
    if (fresh) {  // keys first: a log that says it is sealed has them
      seals_ = std::make_unique<sealing>(path_, options_, false);
      make_tables(*db_, seals_->on());
    }
    require_key_for(read_tail(*db_, path_).sealed, path_, options_);
    if (!fresh) seals_ = std::make_unique<sealing>(path_, options_, true);
    lift_ceiling(false);
    copy_back_in_time();
    prepare();
    drop_unfinished();
    finish_erasing_keys();
    load();
    finish_erasing();
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

void sqlite_log::lift_ceiling(bool lifted) {
  constexpr std::uint64_t most = 4294967294U;  // SQLite's own
  translated(path_, [&] {
    const std::lock_guard lock(file_mutex_);
    db_->exec("PRAGMA max_page_count=" + std::to_string(lifted ? most : std::min(options_.max_bytes / 4096, most)));
  });
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
  streams_ = read_streams(*db_, path_, tail_);
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
  if ((poisoned_ || failing_) && !grouping_) throw error(errc::io_error, failure_, {path_});
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
  if (user == no_id<user_index>) return;
  const std::uint32_t id = replayed_->user_id();
  if (!ids_.users.has_index(slot(user))) return ids_.users.put(id);
  if (ids_.users.index_of(id) == id_map::none) ids_.users.put_also(id, static_cast<std::uint32_t>(slot(user)));
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
  for (const std::vector<item_index>* list : {&e.only, &e.blocked, &e.candidate_items}) {
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

// ---- streams ------------------------------------------------------------------------------------------------------

void sqlite_log::set_stream(std::string_view name, std::string_view position) {
  const std::lock_guard lock(queue_mutex_);
  if ((poisoned_ || failing_) && !grouping_) throw error(errc::io_error, failure_, {path_});
  const row_queue::mark before = queue_.size();
  try {
    queue_.add_stream(name, position);
    streams_.insert_or_assign(std::string(name), std::string(position));
    stream_waits_ = true;
  } catch (...) {
    queue_.shrink(before);
    throw;
  }
}

std::string sqlite_log::stream(std::string_view name) const {
  const std::lock_guard lock(queue_mutex_);
  const auto known = streams_.find(std::string(name));
  return known == streams_.end() ? std::string() : known->second;
}

std::vector<std::pair<std::string, std::string>> sqlite_log::streams() const {
  const std::lock_guard lock(queue_mutex_);
  return {streams_.begin(), streams_.end()};
}

// ---- reading back -------------------------------------------------------------------------------------------------

void sqlite_log::replay(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) {
  translated(path_, [&] {
    const moment now(*db_);
    decoder at(names_);
    from_the_start_ = raw(from) == 0;
    replayed_ = &at;
    passed_over_ = !read_rows(
        *db_, path_, static_cast<std::int64_t>(raw(from)), std::numeric_limits<std::int64_t>::max(),
        [&](const record_row& row) {
          journal_entry& entry = at.read(row);
          if (auto* answer = std::get_if<answer_entry>(&entry)) {
            const std::uint32_t user = ids_.users.index_of(at.user_id());
            answer->record.user = user == id_map::none ? no_id<user_index> : user_index{user};
          }
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
  if (raw(position) > raw(at)) {  // whoever reads the log makes room for its events
    throw error(errc::damaged, "a snapshot counts more events than there were entries", {path_});
  }
  check(ids_.users, ids.users);
  check(ids_.items, ids.items);
  put_all(ids_.users, ids.users);
  put_all(ids_.items, ids.items);
  join_same_names();
  last_ = at;
  position_ = position;
}

// A snapshot has one id of each user. Those who came again before forget() had erased what they were have more.
void sqlite_log::join_same_names() {
  std::unordered_map<std::string_view, std::uint32_t> index_of;  // of names of ids that have none
  const name_lists::list& names = names_.users;
  const auto each = [&](auto&& f) {
    for (std::size_t id = 1; id <= names.size(); ++id) {
      if (names[id - 1].has_value()) f(static_cast<std::uint32_t>(id), std::string_view(*names[id - 1]));
    }
  };
  each([&](std::uint32_t id, std::string_view name) {
    if (ids_.users.index_of(id) == id_map::none) index_of.emplace(name, id_map::none);
  });
  if (index_of.empty()) return;
  each([&](std::uint32_t id, std::string_view name) {
    const auto other = index_of.find(name);
    if (other == index_of.end()) return;
    const std::uint32_t own = ids_.users.index_of(id);
    if (own != id_map::none) other->second = own;
    if (own == id_map::none && other->second != id_map::none) ids_.users.put_also(id, other->second);
  });
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
    if (!passed_over_)
      drop(names_.items, ids_.items, "DELETE FROM item WHERE id = ?");  // with another ring they may be read
    if (dropped) note_erasing();
  });
  if (dropped) finish_erasing();
}

void sqlite_log::opened() {
  if (from_the_start_) translated(path_, [&] { drop_unused_names(); });
  replaying_ = false;
  names_ = {};
}

}  // namespace detail::file
TANDEM_END
