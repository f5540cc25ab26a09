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
// visitor becomes: rows are looked at in order, and such pages wait for a merge, or for a row of a user of that name.
class search {
 public:
  search(const erasure& what, const name_lists& names)
      : users_(what.users.begin(), what.users.end()),
        names_(what.names.begin(), what.names.end()),
        user_names_(&names.users),
        at_(names) {}

  void use_names(const name_lists& names) {
    user_names_ = &names.users;
    at_ = decoder(names);
  }

  void look_at(const record_row& row) {
    const journal_entry& entry = at_.read(row);
    found_row here{row.number, static_cast<entry_kind>(row.kind), {at_.word_ids().begin(), at_.word_ids().end()}};
    if (const auto* answer = std::get_if<answer_entry>(&entry); answer != nullptr && row.user == 0) {
      nobodys_[answer->record.user_name].push_back(std::move(here));
      return;
    }
    const bool theirs = users_.contains(static_cast<std::uint32_t>(row.user));
    if (row.user > 0 && !nobodys_.empty()) settle_those_of(static_cast<std::size_t>(row.user), theirs);
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
  void settle_those_of(std::size_t user, bool theirs) {
    if (user <= user_names_->size() && (*user_names_)[user - 1].has_value()) settle(*(*user_names_)[user - 1], theirs);
  }
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
  const name_lists::list* user_names_;
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

// What f commits, and all before it, is on the disk, at every level.
void sqlite_log::transaction_on_disk(function_ref<void()> f) {
  const bool as_usual = options_.level == durability::power_loss;
  if (!as_usual) db_->exec("PRAGMA synchronous=FULL");
  const auto back = [&] {
    if (!as_usual) db_->tryExec("PRAGMA synchronous=NORMAL");
  };
  try {
    transaction(f);
  } catch (...) {
    back();
    throw;
  }
  back();
}

// Inside a transaction: the keys of these pseudonyms are to be erased, by whoever opens the file if not by this
// process.
void sqlite_log::note_keys(const std::string& pseudonyms) {
  SQLite::Statement add(*db_, "INSERT INTO snapshot(kind, seq, options, sum) VALUES(3, 0, ?, ?)");
  add.bindNoCopy(1, pseudonyms.data(), static_cast<int>(pseudonyms.size()));
  add.bind(2, std::int64_t{sum_of(3, 0, 0, pseudonyms)});
  add.exec();
}

// The keys go once nothing in the file needs them, and then the notes of them: whatever happens in between, nobody is
// half forgotten.
void sqlite_log::erase_keys(std::string_view pseudonyms) {
  try {
    if (!pseudonyms.empty()) seals_->forget(pseudonyms);
  } catch (const error& e) {
    if (e.code() == errc::io_error) distrust(SQLITE_IOERR);
    throw;
  }
  transaction([&] { db_->exec("DELETE FROM snapshot WHERE kind = 3"); });
}

// Of the pseudonyms in a note: visitors who came again keep their keys.
std::string sqlite_log::without_those_who_came_again(std::string_view pseudonyms) const {
  std::string out;
  SQLite::Statement page(*db_, "SELECT 1 FROM record WHERE user IS NULL AND substr(body, 1, ?) = ?");
  page.bind(1, static_cast<std::int32_t>(sealing::pseudonym_size));
  for (; !pseudonyms.empty(); pseudonyms.remove_prefix(sealing::pseudonym_size)) {
    const std::string_view one = pseudonyms.substr(0, sealing::pseudonym_size);
    page.bindNoCopy(2, static_cast<const void*>(one.data()), static_cast<int>(one.size()));
    if (!page.executeStep()) out += one;
    page.reset();
  }
  return out;
}

// Keys that a process before this one did not come to erase. Should that fail again, the file opens all the same.
void sqlite_log::finish_erasing_keys() {
  try {
    bool any = false;
    std::string pseudonyms;
    {
      SQLite::Statement notes(*db_, "SELECT options, sum FROM snapshot WHERE kind = 3");
      for (; notes.executeStep(); any = true) {
        const SQLite::Column column = notes.getColumn(0);
        const std::string_view body = bytes_of(column);
        if (notes.getColumn(1).getInt64() != std::int64_t{sum_of(3, 0, 0, body)} ||
            body.size() % sealing::pseudonym_size != 0) {
          throw error(errc::damaged, "a note of keys to erase does not match its checksum", {path_});
        }
        pseudonyms += without_those_who_came_again(body);
      }
    }
    if (any) erase_keys(pseudonyms);
  } catch (const std::exception& e) {
    problems_.push_back(std::string("keys of somebody who was forgotten are not erased yet: ") + e.what());
  }
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
    const std::vector<found_row> rows = found.finish();
    const std::string pseudonyms = seals_->pseudonyms_of(what.users, found.visitors());
    erase_rows(rows, what.users, found.words_of(rows), pseudonyms);
    if (!pseudonyms.empty()) erase_keys(pseudonyms);
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
                            const std::vector<std::uint32_t>& words, const std::string& pseudonyms) {
  const std::unordered_set<std::uint32_t> gone(words.begin(), words.end());
  erased_here_.reserve(erased_here_.size() + rows.size());  // what was committed must be remembered
  tail_row tail = tail_;
  const auto erase = [&] {
    note_erasing();
    if (!pseudonyms.empty()) note_keys(pseudonyms);
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
  };
  pseudonyms.empty() ? transaction(erase) : transaction_on_disk(erase);
  tail_ = tail;
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
  believed([&] { vacuum(); });
  truncate_wal();
  transaction([&] { db_->exec("DELETE FROM snapshot WHERE kind = 2"); });
}

// SQLite's copy of what is left is a temporary file, for in memory it takes as much as the file has bytes; as it does
// where one cannot be made
void sqlite_log::vacuum() {
  const auto copied_to = [&](const char* place) {
    db_->exec(std::string("PRAGMA temp_store=") + place);
    db_->exec("VACUUM");
  };
  try {
    copied_to("FILE");
  } catch (const SQLite::Exception& e) {
    sqlite3_exec(db_->getHandle(), "PRAGMA temp_store=MEMORY", nullptr, nullptr, nullptr);
    if (e.getErrorCode() == SQLITE_FULL) {
      throw error(errc::no_space, "no room to write anew what is left", {path_},
                  "it takes the file's size beside it, and in the directory for temporary files ($SQLITE_TMPDIR)");
    }
    if (e.getErrorCode() != SQLITE_CANTOPEN && e.getExtendedErrorCode() != SQLITE_IOERR_GETTEMPPATH) throw;
    copied_to("MEMORY");
  }
  db_->exec("PRAGMA temp_store=MEMORY");
}

// Inside a transaction: the file is to be written anew, by whoever opens it if not by this process. seq counts attempts
// while opening that nobody came back from.
void sqlite_log::note_erasing() { db_->exec("INSERT INTO snapshot(kind, seq, options) VALUES(2, 0, '')"); }

void sqlite_log::finish_erasing() {
  if (db_->execAndGet("SELECT count(*) FROM snapshot WHERE kind = 2").getInt64() == 0) return;
  const std::string left = "bytes of what was erased are left in the file, which could not be written anew: ";
  const auto count = [&](const char* attempts) {
    transaction([&] { db_->exec(std::string("UPDATE snapshot SET seq = ") + attempts + " WHERE kind = 2"); });
  };
  if (db_->execAndGet("SELECT max(seq) FROM snapshot WHERE kind = 2").getInt64() >= 2) {
    problems_.push_back(left + "twice that was the end of the process");
    return;
  }
  try {
    count("seq + 1");
    write_anew();
  } catch (const std::exception& e) {  // a reader holds old pages, or there is no room: the next time it is opened
    problems_.push_back(left + e.what());
    try {
      count("0");
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): it counts as one
    }
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
