#pragma once
// The SQLite file under a log: opened with every check, its tables made, its failures told in tandem's words.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tandem/core/error.hpp"
#include "tandem/store/sqlite_store.hpp"

TANDEM_BEGIN
namespace detail::file {

inline constexpr std::int64_t application_id = 0x746E646D;  // "tndm"
inline constexpr int format_version = 1;

enum class access : std::uint8_t { write, read };

// Errors: io_error, bad_format (another program's, a newer format), damaged, wrong_state (another writer).
std::unique_ptr<SQLite::Database> open_database(const std::string& path, access how, const file_options& options);

// Holds the right to write as long as it lives; the operating system takes it back from a process that dies.
// Errors: wrong_state when somebody else has it.
std::unique_ptr<SQLite::Database> lock_for_writing(const std::string& path, const file_options& options);

// Makes the tables of a new file. False if there were some.
bool make_tables(SQLite::Database& db, bool sealed);

// What SQLite said, as tandem says it.
error as_error(const SQLite::Exception& e, const std::string& path);

// Runs f, telling SQLite's failures as as_error() does.
template <class F>
decltype(auto) translated(const std::string& path, F&& f) {
  try {
    return f();
  } catch (const SQLite::Exception& e) {
    if (e.getErrorCode() == 7) throw std::bad_alloc();  // SQLITE_NOMEM
    throw as_error(e, path);
  }
}

// The checksum of a row: of its numbers and its bytes.
std::uint32_t sum_of(std::int64_t first, std::int64_t second, std::int64_t third, std::string_view bytes) noexcept;

inline std::string_view bytes_of(const SQLite::Column& column) {
  const void* const at = column.getBlob();
  return at == nullptr ? std::string_view()
                       : std::string_view(static_cast<const char*>(at), static_cast<std::size_t>(column.getBytes()));
}

}  // namespace detail::file
TANDEM_END
