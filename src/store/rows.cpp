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

std::uint32_t tail_row::sum() const noexcept {
  std::string rest;
  body_writer(rest).signed_number(words);
  return sum_of(last, users, items, rest);
}

tail_row read_tail(SQLite::Database& db, const std::string& path) {
  SQLite::Statement rows(db, "SELECT last, users, items, words, sum FROM tail");
  if (!rows.executeStep()) damaged(path, "the row of table tail is missing");
  const tail_row out{rows.getColumn(0).getInt64(), rows.getColumn(1).getInt64(), rows.getColumn(2).getInt64(),
                     rows.getColumn(3).getInt64()};
  if (rows.getColumn(4).getInt64() != std::int64_t{out.sum()}) damaged(path, "table tail does not match its checksum");
  return out;
}

std::vector<gap> read_gaps(SQLite::Database& db, const std::string& path) {
  std::vector<gap> out;
  SQLite::Statement rows(db, "SELECT first, last, events, sum FROM gap ORDER BY first");
  while (rows.executeStep()) {
    const gap each{rows.getColumn(0).getInt64(), rows.getColumn(1).getInt64(), rows.getColumn(2).getInt64()};
    if (rows.getColumn(3).getInt64() != std::int64_t{sum_of(each.first, each.last, each.events, {})}) {
      damaged(path, "a row of table gap does not match its checksum");
    }
    out.push_back(each);
  }
  return out;
}

namespace {

name_lists::list read_names_of(SQLite::Database& db, const std::string& path, table of, const char* name_of,
                               std::int64_t count) {
  name_lists::list out;
  SQLite::Statement rows(db, std::string("SELECT id, name, sum FROM ") + name_of + " ORDER BY id");
  while (rows.executeStep()) {
    const std::int64_t id = rows.getColumn(0).getInt64();
    const SQLite::Column name_column = rows.getColumn(1);
    const std::string_view name = bytes_of(name_column);
    if (id < 1 || id > count ||
        rows.getColumn(2).getInt64() != std::int64_t{sum_of(id, static_cast<std::int64_t>(of), 0, name)}) {
      damaged(path, std::string("a row of table ") + name_of + " does not match its checksum");
    }
    if (out.size() < static_cast<std::size_t>(id)) out.resize(static_cast<std::size_t>(id));
    out[static_cast<std::size_t>(id) - 1] = name;
  }
  return out;
}

}  // namespace

name_lists read_names(SQLite::Database& db, const std::string& path, const tail_row& tail) {
  name_lists out;
  out.users = read_names_of(db, path, table::user, "user", tail.users);
  out.items = read_names_of(db, path, table::item, "item", tail.items);
  out.words = read_names_of(db, path, table::word, "word", tail.words);
  return out;
}

void read_rows(SQLite::Database& db, const std::string& path, std::int64_t from, std::int64_t to,
               function_ref<void(const record_row&)> f) {
  const std::vector<gap> gaps = read_gaps(db, path);
  to = std::min(to, read_tail(db, path).last);
  SQLite::Statement rows(db, "SELECT seq, kind, user, body, sum FROM record WHERE seq > ? AND seq <= ? ORDER BY seq");
  rows.bind(1, from);
  rows.bind(2, to);
  std::int64_t expected = from + 1;
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
    f({number, static_cast<std::uint8_t>(kind), user, body});
  }
  if (expected <= to) require_gaps(gaps, expected, to, path);
}

}  // namespace detail::file
TANDEM_END
