#pragma once
// Reading rows: each against its checksum, all of them against the numbers that should be there.

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "codec.hpp"
#include "sealing.hpp"
#include "tandem/core/function_ref.hpp"

TANDEM_BEGIN
namespace detail::file {

// How far the file goes; one row, written with every commit.
struct tail_row {
  std::int64_t last = 0;                         // the latest entry
  std::int64_t users = 0, items = 0, words = 0;  // the latest id of each
  std::int64_t streams = 0, gaps = 0;            // rows of these tables
  bool sealed = false;                           // the log is encrypted

  [[nodiscard]] std::uint32_t sum() const;
};
void write_tail(SQLite::Database& db, const tail_row& tail);
tail_row read_tail(SQLite::Database& db, const std::string& path);

// Errors: damaged, when one does not match its checksum, or not all are there.
std::map<std::string, std::string> read_streams(SQLite::Database& db, const std::string& path, const tail_row& tail);

// Entries that were erased or compacted away.
struct gap {
  std::int64_t first = 0, last = 0;
  std::int64_t events = 0;  // among them
  bool compacted = false;   // a snapshot stands for them; otherwise they are as if they had never been

  [[nodiscard]] std::uint32_t sum() const noexcept;
};
// in order
std::vector<gap> read_gaps(SQLite::Database& db, const std::string& path);
void write_gaps(SQLite::Database& db, const std::vector<gap>& gaps);

// All names by id. Errors: damaged, when one does not match its checksum.
// @param seals  opens what is sealed; what was erased is as if it had never been. Null = as it is in the file.
name_lists read_names(SQLite::Database& db, const std::string& path, const tail_row& tail, sealing* seals = nullptr);

// Calls f with every entry in (from, to], in order; false if the ring has no key for some, which are passed over.
// Errors: damaged, when one does not match its checksum or is missing and not in a gap.
bool read_rows(SQLite::Database& db, const std::string& path, std::int64_t from, std::int64_t to,
               function_ref<void(const record_row&)> f, const sealing* seals = nullptr);

// A read transaction: what is read in its life is of one moment.
class moment {
 public:
  explicit moment(SQLite::Database& db) : db_(&db) { db_->exec("BEGIN"); }
  moment(const moment&) = delete;
  moment& operator=(const moment&) = delete;
  ~moment() { db_->tryExec("COMMIT"); }

 private:
  SQLite::Database* db_;
};

}  // namespace detail::file
TANDEM_END
