// Every row that is read passes through here.

#include "rows.hpp"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <limits>

#include "file.hpp"

TANDEM_BEGIN
namespace detail::file {
namespace {

[[noreturn]] void damaged(const std::string& path, const std::string& what) {
  throw error(errc::damaged, what, {path}, "run `tandem verify`, take the latest copy");
}

// whether (and how far) gaps cover the entries from `first` to `last`
void require_gaps(const std::vector<gap>& gaps, std::int64_t first, std::int64_t last, const std::string& path) {
  for (const gap& each : gaps) {
    if (each.first <= first && first <= each.last) first = each.last + 1;
  }
  if (first > last) return;
  damaged(path, "entry " + std::to_string(first) + " is missing");
}

}  // namespace

std::uint32_t tail_row::sum() const {
  std::string rest;
  body_writer out(rest);
  for (const std::int64_t n : {words, streams, gaps, std::int64_t{sealed}}) out.signed_number(n);
  return sum_of(last, users, items, rest);
}

void write_tail(SQLite::Database& db, const tail_row& tail) {
  SQLite::Statement row(db, "INSERT OR REPLACE INTO tail VALUES(1, ?, ?, ?, ?, ?, ?, ?, ?)");
  int at = 0;
  for (const std::int64_t n :
       {tail.last, tail.users, tail.items, tail.words, tail.streams, tail.gaps, std::int64_t{tail.sealed}})
    row.bind(++at, n);
  row.bind(++at, std::int64_t{tail.sum()});
  row.exec();
}

tail_row read_tail(SQLite::Database& db, const std::string& path) {
  SQLite::Statement rows(db, "SELECT last, users, items, words, streams, gaps, sealed, sum FROM tail");
  if (!rows.executeStep()) damaged(path, "the row of table tail is missing");
  const tail_row out{rows.getColumn(0).getInt64(),     rows.getColumn(1).getInt64(), rows.getColumn(2).getInt64(),
                     rows.getColumn(3).getInt64(),     rows.getColumn(4).getInt64(), rows.getColumn(5).getInt64(),
                     rows.getColumn(6).getInt64() != 0};
  if (rows.getColumn(7).getInt64() != std::int64_t{out.sum()}) damaged(path, "table tail does not match its checksum");
  return out;
}

std::map<std::string, std::string> read_streams(SQLite::Database& db, const std::string& path, const tail_row& tail) {
  std::map<std::string, std::string> out;
  SQLite::Statement rows(db, "SELECT name, position, sum FROM stream");
  while (rows.executeStep()) {
    const SQLite::Column name_column = rows.getColumn(0);
    const SQLite::Column position_column = rows.getColumn(1);
    const std::string name(bytes_of(name_column));
    const std::string position(bytes_of(position_column));
    const auto size = static_cast<std::int64_t>(name.size());
    if (rows.getColumn(2).getInt64() != std::int64_t{sum_of(size, 0, 0, name + position)}) {
      damaged(path, "the position of stream '" + name + "' does not match its checksum");
    }
    out.emplace(name, position);
  }
  if (static_cast<std::int64_t>(out.size()) != tail.streams) damaged(path, "the position of a stream is missing");
  return out;
}

std::uint32_t gap::sum() const noexcept {
  return sum_of(first, last, events, compacted ? std::string_view("c") : std::string_view("e"));
}

std::vector<gap> read_gaps(SQLite::Database& db, const std::string& path) {
  std::vector<gap> out;
  SQLite::Statement rows(db, "SELECT first, last, events, kind, sum FROM gap ORDER BY first");
  while (rows.executeStep()) {
    const gap each{rows.getColumn(0).getInt64(), rows.getColumn(1).getInt64(), rows.getColumn(2).getInt64(),
                   rows.getColumn(3).getInt64() != 0};
    if (rows.getColumn(4).getInt64() != std::int64_t{each.sum()}) {
      damaged(path, "a row of table gap does not match its checksum");
    }
    out.push_back(each);
  }
  return out;
}

void write_gaps(SQLite::Database& db, const std::vector<gap>& gaps) {
  db.exec("DELETE FROM gap");
  SQLite::Statement add(db, "INSERT INTO gap VALUES(?, ?, ?, ?, ?)");
  for (const gap& each : gaps) {
    add.bind(1, each.first);
    add.bind(2, each.last);
    add.bind(3, each.events);
    add.bind(4, each.compacted ? 1 : 0);
    add.bind(5, std::int64_t{each.sum()});
    add.exec();
    add.reset();
  }
}

namespace {

name_lists::list read_names_of(SQLite::Database& db, const std::string& path, table of, const std::string& name_of,
                               std::int64_t count, sealing* seals) {
  name_lists::list out;
  SQLite::Statement rows(db, "SELECT id, name, sum FROM " + name_of + " ORDER BY id");
  while (rows.executeStep()) {
    const std::int64_t id = rows.getColumn(0).getInt64();
    const SQLite::Column name_column = rows.getColumn(1);
    const std::string_view name = bytes_of(name_column);
    if (id < 1 || id > count ||
        rows.getColumn(2).getInt64() != std::int64_t{sum_of(id, static_cast<std::int64_t>(of), 0, name)}) {
      damaged(path, "a row of table " + name_of + " does not match its checksum");
    }
    if (out.size() < static_cast<std::size_t>(id)) out.resize(static_cast<std::size_t>(id));
    std::optional<std::string>& to = out[static_cast<std::size_t>(id) - 1];
    if (seals == nullptr || !seals->on()) {
      to = name;
    } else {
      to = of == table::user ? seals->open_user(id, name) : seals->open_name(name_of.c_str(), id, name);
    }
  }
  return out;
}

}  // namespace

name_lists read_names(SQLite::Database& db, const std::string& path, const tail_row& tail, sealing* seals) {
  name_lists out;
  out.users = read_names_of(db, path, table::user, "user", tail.users, seals);
  out.items = read_names_of(db, path, table::item, "item", tail.items, seals);
  out.words = read_names_of(db, path, table::word, "word", tail.words, seals);
  return out;
}

bool read_rows(SQLite::Database& db, const std::string& path, std::int64_t from, std::int64_t to,
               function_ref<void(const record_row&)> f, const sealing* seals) {
  const std::vector<gap> gaps = read_gaps(db, path);
  const tail_row tail = read_tail(db, path);
  if (static_cast<std::int64_t>(gaps.size()) != tail.gaps) damaged(path, "a row of table gap is missing");
  to = std::min(to, tail.last);
  SQLite::Statement rows(db, "SELECT seq, kind, user, body, sum FROM record WHERE seq > ? AND seq <= ? ORDER BY seq");
  rows.bind(1, from);
  rows.bind(2, to);
  std::int64_t expected = from + 1;
  bool all = true;
  while (rows.executeStep()) {
    const std::int64_t number = rows.getColumn(0).getInt64();
    const std::int64_t kind = rows.getColumn(1).getInt64();
    const std::int64_t user = rows.getColumn(2).getInt64();
    const SQLite::Column body_column = rows.getColumn(3);
    const std::string_view body = bytes_of(body_column);
    if (rows.getColumn(4).getInt64() != std::int64_t{sum_of(number, kind, user, body)} || kind < 0 || kind > 255) {
      damaged(path, "entry " + std::to_string(number) + " does not match its checksum");
    }
    if (number != expected) require_gaps(gaps, expected, number - 1, path);
    expected = number + 1;
    std::optional<std::string> opened;
    if (seals != nullptr && seals->on()) {
      opened = seals->open_record(number, kind, user, body);
      if (!opened.has_value()) {  // its key was erased
        all = false;
        continue;
      }
    }
    f({number, static_cast<std::uint8_t>(kind), user, opened.has_value() ? std::string_view(*opened) : body});
  }
  if (expected <= to) require_gaps(gaps, expected, to, path);
  return all;
}

}  // namespace detail::file
TANDEM_END
