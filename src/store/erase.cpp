// Taking entries out of the file: those of somebody who is to be forgotten, and those that are too old.

#include <SQLiteCpp/Statement.h>
#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sqlite_log.hpp"

TANDEM_BEGIN
namespace detail::file {

// One entry that was found.
struct found_row {
  std::int64_t number = 0;
  entry_kind kind{};
  std::vector<std::uint32_t> words;
};

namespace {

// Finds what is to be erased, and which words only that uses. A page for a visitor who was nobody yet is of whoever the
// visitor becomes: rows are looked at in order, and such pages wait for a merge.
class search {
 public:
  search(const erasure& what, const name_lists& names)
      : users_(what.users.begin(), what.users.end()), names_(what.names.begin(), what.names.end()), at_(names) {}

  void use_names(const name_lists& names) { at_ = decoder(names); }

  void look_at(const record_row& row) {
    const journal_entry& entry = at_.read(row);
    found_row here{row.number, static_cast<entry_kind>(row.kind), {at_.word_ids().begin(), at_.word_ids().end()}};
    if (const auto* answer = std::get_if<answer_entry>(&entry); answer != nullptr && row.user == 0) {
      nobodys_[answer->record.user_name].push_back(std::move(here));
      return;
    }
    const bool theirs = users_.contains(static_cast<std::uint32_t>(row.user));
    const auto* change = std::get_if<change_entry>(&entry);
    if (const auto* merge = change != nullptr ? std::get_if<merge_entry>(change) : nullptr) {
      settle(std::string(merge->from), theirs);
    }
    settle(std::move(here), theirs);
  }
  // what is found, once all rows were looked at; in order
  std::vector<found_row> finish() {
    while (!nobodys_.empty()) {
      const std::string name = nobodys_.begin()->first;
      settle(name, names_.contains(name));
    }
    std::sort(found_.begin(), found_.end(), [](const found_row& a, const found_row& b) { return a.number < b.number; });
    return std::move(found_);
  }
  // after finish(): words that nothing else uses
  [[nodiscard]] std::vector<std::uint32_t> words_of(const std::vector<found_row>& found) const {
    std::unordered_set<std::uint32_t> out;
    for (const found_row& row : found) out.insert(row.words.begin(), row.words.end());
    std::erase_if(out, [&](std::uint32_t word) { return words_left_.contains(word); });
    return {out.begin(), out.end()};
  }
  // after finish(): visitors whose pages are all found
  [[nodiscard]] std::vector<std::string> visitors() const {
    std::vector<std::string> out(names_.begin(), names_.end());
    out.insert(out.end(), theirs_.begin(), theirs_.end());
    std::erase_if(out, [&](const std::string& visitor) { return others_.contains(visitor); });
    return out;
  }

 private:
  void settle(const std::string& visitor, bool theirs) {
    const auto pages = nobodys_.find(visitor);
    if (pages == nobodys_.end()) return;
    (theirs ? theirs_ : others_).insert(visitor);
    for (found_row& page : pages->second) settle(std::move(page), theirs);
    nobodys_.erase(pages);
  }
  void settle(found_row row, bool theirs) {
    if (!theirs) words_left_.insert(row.words.begin(), row.words.end());
    if (theirs) found_.push_back(std::move(row));
  }

  std::unordered_set<std::uint32_t> users_;
  std::unordered_set<std::string> names_;
  decoder at_;
  std::unordered_map<std::string, std::vector<found_row>> nobodys_;  // pages by visitor
  std::unordered_set<std::string> theirs_, others_;                  // visitors, by whose their pages are
  std::vector<found_row> found_;
  std::unordered_set<std::uint32_t> words_left_;
};

// the gaps with another entry among them, in order
void add_to_gaps(std::vector<gap>& gaps, std::int64_t number, bool event, bool compacted) {
  const auto after = std::find_if(gaps.begin(), gaps.end(), [&](const gap& each) { return each.first > number; });
  const std::int64_t events = event ? 1 : 0;
  if (after != gaps.begin() && (after - 1)->last == number - 1 && (after - 1)->compacted == compacted) {
    (after - 1)->last = number;
    (after - 1)->events += events;
    if (after != gaps.end() && after->first == number + 1 && after->compacted == compacted) {
      (after - 1)->last = after->last;
      (after - 1)->events += after->events;
      gaps.erase(after);
    }
  } else if (after != gaps.end() && after->first == number + 1 && after->compacted == compacted) {
    after->first = number;
    after->events += events;
  } else {
    gaps.insert(after, gap{number, number, events, compacted});
  }
}

void delete_each(SQLite::Database& db, const char* sql, const auto& ids) {
  SQLite::Statement row(db, sql);
  for (const auto id : ids) {
    row.bind(1, static_cast<std::int64_t>(id));
    row.exec();
    row.reset();
  }
}

}  // namespace

std::vector<std::uint32_t> sqlite_log::numbers_of(std::span<const user_index> users) const {
  std::unordered_set<std::uint32_t> wanted;
  for (const user_index user : users) wanted.insert(static_cast<std::uint32_t>(slot(user)));
  std::vector<std::uint32_t> out;
  for (std::uint32_t id = 1; id <= ids_.users.n_ids(); ++id) {
    if (wanted.contains(ids_.users.index_of(id))) out.push_back(id);
  }
  return out;
}

erasure sqlite_log::left_of(std::span<const user_index> users) const {
  return translated(path_, [&] {
    erasure out;
    const std::lock_guard lock(file_mutex_);
    SQLite::Statement row(*db_, "SELECT 1 FROM user WHERE id = ?");
    for (const std::uint32_t id : numbers_of(users)) {
      row.bind(1, static_cast<std::int64_t>(id));
      if (row.executeStep()) out.users.push_back(id);
      row.reset();
    }
    if (out.users.empty()) return out;
    const name_lists names = read_names(*db_, path_, tail_, seals_.get());
    for (const std::uint32_t id : out.users) {
      if (names.users[id - 1].has_value()) out.names.push_back(*names.users[id - 1]);
    }
    return out;
  });
}

// After this the log is on the disk, at every level.
void sqlite_log::sync_log() {
  db_->exec("PRAGMA synchronous=FULL");
  transaction([&] { write_tail(*db_, tail_); });
  if (options_.level != durability::power_loss) db_->exec("PRAGMA synchronous=NORMAL");
}

// Snapshots that were written for the time after it must not be lost with the power, when the keys of others are gone.
void sqlite_log::erase_keys(const erasure& what, const std::vector<std::string>& visitors) {
  if (!seals_->on()) return;
  sync_log();
  try {
    seals_->forget(what.users, visitors);
  } catch (const error& e) {
    if (e.code() == errc::io_error) distrust(SQLITE_IOERR);
    throw;
  }
}

// Rows of users whose keys are gone: an earlier attempt came so far.
void sqlite_log::add_unreadable(std::vector<found_row>& rows, const std::vector<std::uint32_t>& users) const {
  if (!seals_->lacks_key(users)) return;
  std::unordered_set<std::int64_t> known;
  for (const found_row& row : rows) known.insert(row.number);
  SQLite::Statement theirs(*db_, "SELECT seq, kind FROM record WHERE user = ?");
  for (const std::uint32_t user : users) {
    theirs.bind(1, static_cast<std::int64_t>(user));
    while (theirs.executeStep()) {
      const std::int64_t number = theirs.getColumn(0).getInt64();
      if (!known.contains(number)) rows.push_back({number, static_cast<entry_kind>(theirs.getColumn(1).getInt()), {}});
    }
    theirs.reset();
  }
  std::ranges::sort(rows, {}, &found_row::number);
}

erased_counts sqlite_log::erase(const erasure& what, std::uint64_t keep_from, std::unique_lock<fair_mutex>& lock) {
  return translated(path_, [&] {
    erased_counts out;
    for (const snapshot_info& each : snapshots()) {
      if (each.id >= keep_from) continue;
      drop_snapshot(each.id);
      ++out.snapshots;
    }
    const auto commit_all = [&] {
      if (!commit(last_)) throw error(errc::io_error, failure(), {path_});
      return static_cast<std::int64_t>(raw(last_));
    };
    lock.lock();
    const std::int64_t most = commit_all();
    lock.unlock();
    const auto db = open_database(path_, access::read, options_);
    const name_lists names = read_names(*db, path_, read_tail(*db, path_), seals_.get());
    search found(what, names);
    {
      const moment now(*db);
      read_rows(
          *db, path_, 0, most, [&](const record_row& row) { found.look_at(row); }, seals_.get());
    }
    lock.lock();  // what came in the meantime, and the erasing
    const std::int64_t all = commit_all();
    const std::lock_guard file_lock(file_mutex_);
    name_lists names_now;
    if (all > most) {
      names_now = read_names(*db_, path_, tail_, seals_.get());
      found.use_names(names_now);
    }
    read_rows(
        *db_, path_, most, all, [&](const record_row& row) { found.look_at(row); }, seals_.get());
    std::vector<found_row> rows = found.finish();
    add_unreadable(rows, what.users);
    erase_keys(what, found.visitors());
    erase_rows(rows, what.users, found.words_of(rows));
    lock.unlock();
    write_anew();
    out.names = what.users.size();
    out.entries = rows.size();
    for (const found_row& row : rows) {
      out.events += row.kind == entry_kind::event ? 1U : 0U;
      out.decisions += row.kind == entry_kind::answer ? 1U : 0U;
    }
    return out;
  });
}

void sqlite_log::erase_rows(const std::vector<found_row>& rows, const std::vector<std::uint32_t>& users,
                            const std::vector<std::uint32_t>& words) {
  tail_row tail = tail_;
  transaction([&] {
    note_erasing();
    std::vector<gap> gaps = read_gaps(*db_, path_);
    SQLite::Statement drop(*db_, "DELETE FROM record WHERE seq = ?");
    for (const found_row& row : rows) {
      add_to_gaps(gaps, row.number, row.kind == entry_kind::event, false);
      drop.bind(1, row.number);
      drop.exec();
      drop.reset();
    }
    delete_each(*db_, "DELETE FROM user WHERE id = ?", users);
    delete_each(*db_, "DELETE FROM word WHERE id = ?", words);
    write_gaps(*db_, gaps);
    tail.gaps = static_cast<std::int64_t>(gaps.size());
    write_tail(*db_, tail);
  });
  tail_ = tail;
  const std::unordered_set<std::uint32_t> gone(words.begin(), words.end());
  std::erase_if(ids_.words, [&](const auto& word) { return gone.contains(word.second); });
  for (const found_row& row : rows) erased_here_.emplace_back(row.number, row.kind == entry_kind::event);
}

void sqlite_log::scan_of(const erasure& whose, function_ref<void(entry_number, const journal_entry&)> f) const {
  translated(path_, [&] {
    const auto db = open_database(path_, access::read, options_);
    const moment now(*db);
    const tail_row tail = read_tail(*db, path_);
    const name_lists names = read_names(*db, path_, tail, seals_.get());
    search found(whose, names);
    read_rows(
        *db, path_, 0, tail.last, [&](const record_row& row) { found.look_at(row); }, seals_.get());
    const std::vector<found_row> rows = found.finish();
    decoder at(names);
    std::size_t next = 0;
    read_rows(
        *db, path_, 0, tail.last,
        [&](const record_row& row) {
          if (next == rows.size() || rows[next].number != row.number) return;
          ++next;
          f(entry_number{static_cast<std::uint64_t>(row.number)}, at.read(row));
        },
        seals_.get());
  });
}

// runs f; a device that fails in it is not believed again
void sqlite_log::believed(function_ref<void()> f) {
  try {
    f();
  } catch (const SQLite::Exception& e) {
    distrust(e.getExtendedErrorCode());
    throw;
  }
}

// Overwriting rows is not enough: where SQLite moved them between pages, copies stay in the unused parts. All that is
// left is written anew, and the write-ahead log emptied.
void sqlite_log::write_anew() {
  believed([&] { db_->exec("VACUUM"); });
  truncate_wal();
  transaction([&] { db_->exec("DELETE FROM snapshot WHERE kind = 2"); });
}

// Inside a transaction: the file is to be written anew, by whoever opens it if not by this process.
void sqlite_log::note_erasing() { db_->exec("INSERT INTO snapshot(kind, seq, options) VALUES(2, 0, '')"); }

void sqlite_log::finish_erasing() {
  if (db_->execAndGet("SELECT count(*) FROM snapshot WHERE kind = 2").getInt64() == 0) return;
  try {
    write_anew();
  } catch (const std::exception&) {  // a reader holds old pages, or there is no room: the next time it is opened
  }
}

// leaves nothing of what was overwritten in the write-ahead log
void sqlite_log::truncate_wal() {
  bool done = false;
  believed([&] {
    SQLite::Statement checkpoint(*db_, "PRAGMA wal_checkpoint(TRUNCATE)");
    done = checkpoint.executeStep() && checkpoint.getColumn(0).getInt() == 0;
  });
  if (done) return;
  throw error(errc::wrong_state, "it is erased, but a reader keeps old pages in the write-ahead log", {path_},
              "close the reader, then erase again");
}

std::uint64_t sqlite_log::compact(entry_number to) {
  return translated(path_, [&] {
    std::uint64_t states = 0;
    for (const snapshot_info& each : snapshots()) {
      states += each.kind == snapshot_kind::state && raw(each.at) >= raw(to) ? 1U : 0U;
    }
    if (states == 0) throw error(errc::wrong_state, "no snapshot stands for what would be forgotten", {path_});
    std::uint64_t out = 0;
    constexpr std::int64_t run = 50000;  // rows a transaction: events are committed in between
    for (std::int64_t from = static_cast<std::int64_t>(raw(compacted_to())); from < static_cast<std::int64_t>(raw(to));
         from += run) {
      const std::int64_t end = std::min(from + run, static_cast<std::int64_t>(raw(to)));
      const std::lock_guard lock(file_mutex_);
      tail_row tail = tail_;
      transaction([&] {
        SQLite::Statement count(*db_, "SELECT count(*), sum(kind = 1) FROM record WHERE seq <= ?");
        count.bind(1, end);
        (void)count.executeStep();
        const std::int64_t events = count.getColumn(1).getInt64();
        out += static_cast<std::uint64_t>(count.getColumn(0).getInt64());
        std::vector<gap> gaps = read_gaps(*db_, path_);
        gap front{1, end, events, true};
        std::erase_if(gaps, [&](const gap& each) {
          if (each.last > end) return false;
          front.events += each.compacted ? each.events : 0;
          return true;
        });
        gaps.insert(gaps.begin(), front);
        if (gaps.size() > 1 && gaps[1].first <= end) gaps[1].first = end + 1;
        SQLite::Statement rows(*db_, "DELETE FROM record WHERE seq <= ?");
        rows.bind(1, end);
        rows.exec();
        write_gaps(*db_, gaps);
        tail.gaps = static_cast<std::int64_t>(gaps.size());
        write_tail(*db_, tail);
      });
      tail_ = tail;
    }
    const std::lock_guard lock(file_mutex_);
    believed([&] { db_->exec("PRAGMA incremental_vacuum"); });
    return out;
  });
}

entry_number sqlite_log::compacted_to() const {
  return translated(path_, [&] {
    const std::lock_guard lock(file_mutex_);
    const std::vector<gap> gaps = read_gaps(*db_, path_);
    if (gaps.empty() || !gaps.front().compacted) return entry_number{};
    return entry_number{static_cast<std::uint64_t>(gaps.front().last)};
  });
}

}  // namespace detail::file
TANDEM_END
