// Snapshots in the file: parts of a quarter megabyte, each under its checksum, whole once the last is written.

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "sqlite_log.hpp"

TANDEM_BEGIN
namespace detail::file {
namespace {

constexpr std::size_t part_bytes = std::size_t{1} << 18U;
constexpr unsigned part_bits = 24;  // of a part's id: which part; the rest says of which snapshot

std::int64_t first_part(std::uint64_t snapshot) { return static_cast<std::int64_t>(snapshot << part_bits); }

struct snapshot_row {
  std::int64_t id = 0, kind = 0, seq = 0, parts = 0, bytes = 0;
  std::string options;

  [[nodiscard]] std::uint32_t sum() const {
    std::string rest;
    body_writer out(rest);
    out.signed_number(parts);
    out.signed_number(bytes);
    out.text(options);
    return sum_of(id, kind, seq, rest);
  }
};

// of SELECT id, kind, seq, options, parts, bytes
snapshot_row read_row(SQLite::Statement& rows) {
  return {rows.getColumn(0).getInt64(), rows.getColumn(1).getInt64(), rows.getColumn(2).getInt64(),
          rows.getColumn(4).getInt64(), rows.getColumn(5).getInt64(), rows.getColumn(3).getString()};
}

}  // namespace

std::vector<snapshot_info> sqlite_log::snapshots() const {
  return translated(path_, [&] {
    const std::lock_guard lock(file_mutex_);
    return read_snapshots(*db_);
  });
}

std::vector<snapshot_info> read_snapshots(SQLite::Database& db) {
  std::vector<snapshot_info> out;
  SQLite::Statement rows(db,
                         "SELECT id, kind, seq, options, parts, bytes, sum FROM snapshot "
                         "WHERE parts IS NOT NULL ORDER BY id DESC");
  while (rows.executeStep()) {
    const snapshot_row row = read_row(rows);
    if (rows.getColumn(6).getInt64() != std::int64_t{row.sum()}) continue;  // as good as none
    out.push_back({static_cast<std::uint64_t>(row.id), static_cast<snapshot_kind>(row.kind),
                   entry_number{static_cast<std::uint64_t>(row.seq)}, static_cast<std::uint64_t>(row.bytes),
                   row.options});
  }
  return out;
}

class sqlite_log::part_reader final : public snapshot_reader {
 public:
  part_reader(sqlite_log& log, std::uint64_t id, std::int64_t parts)
      : log_(&log), next_(first_part(id)), end_(first_part(id) + parts) {}

  std::span<const std::byte> next() override {
    if (next_ == end_) return {};
    translated(log_->path_, [&] {
      const std::lock_guard lock(log_->file_mutex_);
      SQLite::Statement rows(*log_->db_, "SELECT body, sum FROM part WHERE id = ?");
      rows.bind(1, next_);
      const bool there = rows.executeStep();
      if (there) {
        const SQLite::Column column = rows.getColumn(0);
        body_ = bytes_of(column);
      }
      if (!there || rows.getColumn(1).getInt64() != std::int64_t{sum_of(next_, 0, 0, body_)}) {
        throw error(errc::damaged,
                    "part " + std::to_string(next_ & ((1 << part_bits) - 1)) + " of snapshot " +
                        std::to_string(next_ >> part_bits) + " does not match its checksum",
                    {log_->path_});
      }
    });
    if (log_->seals_->on()) {
      std::optional<std::string> part = log_->seals_->open_part(next_, body_);
      if (!part.has_value()) {
        throw error(errc::not_found, "its key was replaced when a user was forgotten", {log_->path_});
      }
      body_ = std::move(*part);
    }
    ++next_;
    return std::as_bytes(std::span(body_.data(), body_.size()));
  }

 private:
  sqlite_log* log_;
  std::int64_t next_, end_;
  std::string body_;
};

std::unique_ptr<snapshot_reader> sqlite_log::read_snapshot(std::uint64_t id) {
  return translated(path_, [&]() -> std::unique_ptr<snapshot_reader> {
    const std::lock_guard lock(file_mutex_);
    SQLite::Statement rows(*db_, "SELECT parts FROM snapshot WHERE id = ? AND parts IS NOT NULL");
    rows.bind(1, static_cast<std::int64_t>(id));
    if (!rows.executeStep()) throw error(errc::not_found, "there is no snapshot " + std::to_string(id), {path_});
    return std::make_unique<part_reader>(*this, id, rows.getColumn(0).getInt64());
  });
}

template <class F>
void sqlite_log::with_file(F&& f) {
  translated(path_, [&] {
    const std::lock_guard lock(file_mutex_);
    {
      const std::lock_guard queue_lock(queue_mutex_);
      if (poisoned_) throw error(errc::io_error, failure_, {path_}, "open it again");
    }
    end_transaction();
    try {
      f(*db_);
    } catch (const SQLite::Exception& e) {
      end_transaction();
      distrust(e.getExtendedErrorCode());
      throw;
    }
    distrust(std::exchange(copy_failure_, SQLITE_OK));
  });
}

class sqlite_log::part_writer final : public snapshot_writer {
 public:
  part_writer(sqlite_log& log, snapshot_kind kind, entry_number at, std::string_view options, bool outlives_keys)
      : log_(&log), outlives_keys_(outlives_keys) {
    row_.kind = static_cast<std::int64_t>(kind);
    row_.seq = static_cast<std::int64_t>(raw(at));
    row_.options = options;
    log_->with_file([&](SQLite::Database& db) {
      SQLite::Statement add(db, "INSERT INTO snapshot(kind, seq, options) VALUES(?, ?, ?)");
      add.bind(1, row_.kind);
      add.bind(2, row_.seq);
      add.bindNoCopy(3, row_.options);
      add.exec();
      row_.id = db.getLastInsertRowid();
    });
    part_.reserve(part_bytes);
  }
  ~part_writer() override {
    if (finished_) return;
    try {
      log_->drop_snapshot(static_cast<std::uint64_t>(row_.id));
    } catch (...) {  // it is dropped when the file is opened
    }
  }

  void write(std::span<const std::byte> run) override {
    while (!run.empty()) {
      const std::size_t n = std::min(run.size(), part_bytes - part_.size());
      part_.append(reinterpret_cast<const char*>(run.data()), n);
      run = run.subspan(n);
      if (part_.size() == part_bytes) flush();
    }
  }

  std::uint64_t finish() override {
    flush();
    log_->with_file([&](SQLite::Database& db) {
      SQLite::Statement set(db, "UPDATE snapshot SET parts = ?, bytes = ?, sum = ? WHERE id = ?");
      set.bind(1, row_.parts);
      set.bind(2, row_.bytes);
      set.bind(3, std::int64_t{row_.sum()});
      set.bind(4, row_.id);
      set.exec();
    });
    finished_ = true;
    return static_cast<std::uint64_t>(row_.id);
  }

 private:
  // a part is a transaction of its own: events are committed in between
  void flush() {
    if (part_.empty()) return;
    const std::int64_t id = first_part(static_cast<std::uint64_t>(row_.id)) + row_.parts;
    if (log_->seals_->on()) part_ = log_->seals_->seal_part(id, part_, outlives_keys_);
    log_->with_file([&](SQLite::Database& db) {
      SQLite::Statement add(db, "INSERT INTO part VALUES(?, ?, ?)");
      add.bind(1, id);
      add.bindNoCopy(2, part_.data(), static_cast<int>(part_.size()));
      add.bind(3, std::int64_t{sum_of(id, 0, 0, part_)});
      add.exec();
    });
    ++row_.parts;
    row_.bytes += static_cast<std::int64_t>(part_.size());
    part_.clear();
  }

  sqlite_log* log_;
  snapshot_row row_;
  std::string part_;
  bool outlives_keys_ = false;
  bool finished_ = false;
};

std::unique_ptr<snapshot_writer> sqlite_log::write_snapshot(snapshot_kind kind, entry_number at,
                                                            std::string_view options, bool outlives_keys) {
  return std::make_unique<part_writer>(*this, kind, at, options, outlives_keys);
}

// It is gone with the first step; its parts go some at a time, since they are overwritten and events wait meanwhile.
void sqlite_log::drop_snapshot(std::uint64_t id) {
  with_file([&](SQLite::Database& db) {
    SQLite::Statement gone(db, "UPDATE snapshot SET parts = NULL WHERE id = ?");
    gone.bind(1, static_cast<std::int64_t>(id));
    gone.exec();
  });
  for (bool more = true; more;) {
    with_file([&](SQLite::Database& db) {
      SQLite::Statement some(db,
                             "DELETE FROM part WHERE id IN (SELECT id FROM part WHERE id >= ? AND id < ? LIMIT 16)");
      some.bind(1, first_part(id));
      some.bind(2, first_part(id + 1));
      more = some.exec() > 0;
    });
  }
  with_file([&](SQLite::Database& db) {
    SQLite::Statement row(db, "DELETE FROM snapshot WHERE id = ?");
    row.bind(1, static_cast<std::int64_t>(id));
    row.exec();
  });
}

std::uint64_t check_snapshots(SQLite::Database& db, function_ref<void(const std::string&)> problem) {
  std::uint64_t found = 0;
  SQLite::Statement rows(db, "SELECT id, kind, seq, options, parts, bytes, sum FROM snapshot WHERE parts IS NOT NULL");
  while (rows.executeStep()) {
    ++found;
    const snapshot_row row = read_row(rows);
    const std::string name = "snapshot " + std::to_string(row.id);
    if (rows.getColumn(6).getInt64() != std::int64_t{row.sum()}) {
      problem(name + " does not match its checksum");
      continue;
    }
    std::int64_t bytes = 0;
    std::int64_t parts = 0;
    SQLite::Statement each(db, "SELECT id, body, sum FROM part WHERE id >= ? AND id < ? ORDER BY id");
    each.bind(1, first_part(static_cast<std::uint64_t>(row.id)));
    each.bind(2, first_part(static_cast<std::uint64_t>(row.id) + 1));
    for (; each.executeStep(); ++parts) {
      const SQLite::Column column = each.getColumn(1);
      const std::string_view body = bytes_of(column);
      const std::int64_t id = each.getColumn(0).getInt64();
      bytes += static_cast<std::int64_t>(body.size());
      if (each.getColumn(2).getInt64() != std::int64_t{sum_of(id, 0, 0, body)}) {
        problem(name + ": part " + std::to_string(parts) + " does not match its checksum");
      }
    }
    if (parts != row.parts || bytes != row.bytes) problem(name + ": parts are missing");
  }
  return found;
}

// what a crash left half written
void sqlite_log::drop_unfinished() {
  db_->exec("BEGIN IMMEDIATE");
  db_->exec("DELETE FROM snapshot WHERE parts IS NULL AND kind NOT IN (2, 3)");
  SQLite::Statement parts(*db_, "DELETE FROM part WHERE (id >> ?) NOT IN (SELECT id FROM snapshot)");
  parts.bind(1, static_cast<std::int32_t>(part_bits));
  parts.exec();
  db_->exec("COMMIT");
}

}  // namespace detail::file
TANDEM_END
