// Reading a file's log without the right to write it.

#include <SQLiteCpp/Statement.h>

#include <memory>
#include <utility>

#include "sealing.hpp"
#include "sqlite_log.hpp"

TANDEM_BEGIN
namespace detail::file {
namespace {

std::uint64_t count_of(const name_lists::list& names) {
  std::uint64_t out = 0;
  for (const auto& each : names) out += each.has_value() ? 1U : 0U;
  return out;
}

// Opens the file for each scan: between them it keeps no transaction that would hold the write-ahead log.
class sqlite_reader final : public file_reader {
 public:
  sqlite_reader(std::string path, const file_options& options) : path_(std::move(path)), options_(options) {
    with_file([&](SQLite::Database& db) {
      const tail_row tail = read_tail(db, path_);
      last_ = tail.last;
      require_key_for(tail.sealed, path_, options_);
      if (tail.sealed) seals_ = std::make_unique<sealing>(path_, options_, true);
    });
    options_.key = nullptr;  // it need not live on
  }

  [[nodiscard]] entry_number last() const noexcept override { return entry_number{static_cast<std::uint64_t>(last_)}; }

  void scan(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) const override {
    with_file([&](SQLite::Database& db) {
      const name_lists names = read_names(db, path_, read_tail(db, path_), seals_.get());
      decoder at(names);
      const auto each = [&](const record_row& row) {
        f(entry_number{static_cast<std::uint64_t>(row.number)}, at.read(row));
      };
      read_rows(db, path_, static_cast<std::int64_t>(raw(from)), last_, each, seals_.get());
    });
  }

  [[nodiscard]] entry_number compacted_to() const override { return summary().compacted_to; }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> streams() const override { return summary().streams; }

  [[nodiscard]] file_summary summary() const override {
    file_summary out;
    with_file([&](SQLite::Database& db) {
      const name_lists names = read_names(db, path_, read_tail(db, path_), seals_.get());
      out.format = db.execAndGet("PRAGMA user_version").getInt();
      out.bytes = static_cast<std::uint64_t>(db.execAndGet("PRAGMA page_count").getInt64() *
                                             db.execAndGet("PRAGMA page_size").getInt64());
      out.users = count_of(names.users);
      out.items = count_of(names.items);
      for (const gap& each : read_gaps(db, path_)) {
        out.erased += static_cast<std::uint64_t>(each.last - each.first + 1);
        if (each.compacted) out.compacted_to = entry_number{static_cast<std::uint64_t>(each.last)};
      }
      out.snapshots = read_snapshots(db);
      const auto streams = read_streams(db, path_, read_tail(db, path_));
      out.streams.assign(streams.begin(), streams.end());
    });
    return out;
  }

 private:
  // calls f(database) with the file as of one moment
  template <class F>
  void with_file(F&& f) const {
    translated(path_, [&] {
      const auto db = open_database(path_, access::read, options_);
      const moment now(*db);
      f(*db);
    });
  }

  std::string path_;
  file_options options_;
  std::unique_ptr<sealing> seals_;  // of an encrypted file
  std::int64_t last_ = 0;
};

}  // namespace
}  // namespace detail::file

std::unique_ptr<file_reader> read_sqlite(const std::string& path, const file_options& options) {
  return std::make_unique<detail::file::sqlite_reader>(path, options);
}

TANDEM_END
