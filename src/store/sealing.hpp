#pragma once
// What of a log is sealed, under whose key; or nothing, in a log that is not encrypted.
//
// Bodies of entries of a user, and that user's name, are under the user's key; pages shown to a visitor who was nobody
// yet under the visitor's; names of items, actions and facts under a key of all; snapshots under one that is replaced
// whenever somebody is forgotten, or, when they stand for the time after that, under the one that comes then.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "row_queue.hpp"
#include "tandem/store/sqlite_store.hpp"

TANDEM_BEGIN
namespace detail::file {

// Errors: wrong_key, of a sealed log without a key, and of a plain one with a key.
void require_key_for(bool sealed, const std::string& path, const file_options& options);

class sealing {
 public:
  // @param log_exists  a ring that is missing is then an error. Errors: wrong_key, not_found, wrong_state.
  sealing(const std::string& path, const file_options& options, bool log_exists);
  ~sealing();
  sealing(const sealing&) = delete;
  sealing& operator=(const sealing&) = delete;

  [[nodiscard]] bool on() const noexcept { return ring_ != nullptr; }

  // ---- writing ----------------------------------------------------------------------------------------------------
  // Makes the keys that these rows will need; the first step of a commit.
  void prepare(const row_queue& rows);
  // What goes into the file in place of the row's body.
  [[nodiscard]] std::string seal(const queued_row& row, std::string_view body);
  // @param outlives_keys  under the key that the next forget() makes that of snapshots: for one that holds nobody it
  // forgets
  [[nodiscard]] std::string seal_part(std::int64_t id, std::string_view part, bool outlives_keys) const;

  // ---- reading: what was sealed, or nothing where its key was erased. Errors: damaged. ----------------------------
  [[nodiscard]] std::optional<std::string> open_record(std::int64_t number, std::int64_t kind, std::int64_t user,
                                                       std::string_view body) const;
  // takes note of whose row it is
  [[nodiscard]] std::optional<std::string> open_user(std::int64_t id, std::string_view name);
  [[nodiscard]] std::optional<std::string> open_name(const char* table, std::int64_t id, std::string_view name) const;
  [[nodiscard]] std::optional<std::string> open_part(std::int64_t id, std::string_view part) const;

  // ---- erasing ----------------------------------------------------------------------------------------------------
  static constexpr std::size_t pseudonym_size = 32;
  // those of users by file id and of visitors by name, one behind the other; nothing in a log that is not encrypted
  [[nodiscard]] std::string pseudonyms_of(std::span<const std::uint32_t> users,
                                          std::span<const std::string> visitors) const;
  // erases the keys of all, in one commit
  void forget(std::string_view pseudonyms);

 private:
  struct ring;
  std::unique_ptr<ring> ring_;
};

}  // namespace detail::file
TANDEM_END
