// A file whose entries are of any bytes, under checksums that are right: the engine that does them again.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include "engine_life.hpp"
#include "file.hpp"
#include "fuzz.hpp"
#include "rows.hpp"

using namespace tandem::detail::file;

namespace {

constexpr std::int64_t kept = 20;  // entries of the whole file that stay

// `input` is rows: kind, user, length of the body, body
void tell(SQLite::Database& db, std::string_view input) {
  db.exec("PRAGMA synchronous=OFF; BEGIN; DELETE FROM snapshot; DELETE FROM part; DELETE FROM record WHERE seq > 20");
  tail_row tail = read_tail(db, "");
  tail.last = kept;
  SQLite::Statement add(db, "INSERT INTO record VALUES(?, ?, ?, ?, ?)");
  while (input.size() >= 3) {
    const std::int64_t kind = tandem_fuzz::choice(input);
    const std::int64_t user = tandem_fuzz::choice(input);
    const std::string_view body = input.substr(0, tandem_fuzz::choice(input));
    input.remove_prefix(body.size());
    add.bind(1, ++tail.last);
    add.bind(2, kind);
    add.bind(3, user);
    add.bind(4, body.data(), static_cast<int>(body.size()));
    add.bind(5, std::int64_t{sum_of(tail.last, kind, user, body)});
    add.exec();
    add.reset();
  }
  write_tail(db, tail);
  db.exec("COMMIT");
}

}  // namespace

void tandem_fuzz::run(std::string_view input) {
  const bool anew = (choice(input) & 1U) != 0;
  const engine_file& whole = whole_file();
  put(whole.main, whole.wal);
  {
    SQLite::Database db(whole.path, SQLite::OPEN_READWRITE);
    tell(db, input);
  }
  live_on(anew);
}

std::vector<std::string> tandem_fuzz::seeds() {
  const engine_file& whole = whole_file();
  put(whole.main, whole.wal);
  SQLite::Database db(whole.path, SQLite::OPEN_READWRITE);
  SQLite::Statement rows(db, "SELECT kind, user, body FROM record WHERE seq > 20 ORDER BY seq");
  std::vector<std::string> out;
  for (std::size_t n = 0; rows.executeStep(); ++n) {
    const SQLite::Column column = rows.getColumn(2);
    const std::string_view body = tandem::detail::file::bytes_of(column);
    if (body.size() > 255) continue;
    if (n % 15 == 0) out.emplace_back(1, static_cast<char>(n / 15 % 2));
    for (const int byte : {rows.getColumn(0).getInt(), rows.getColumn(1).getInt(), static_cast<int>(body.size())}) {
      out.back().push_back(static_cast<char>(byte));
    }
    out.back().append(body);
  }
  return out;
}
