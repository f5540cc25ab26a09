#pragma once
// The SQLite file under a key ring: wrapped keys in slots that are overwritten in place.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "file.hpp"
#include "secret.hpp"
#include "tandem/store/key_ring.hpp"

TANDEM_BEGIN
namespace detail::keys {

// What tells whose ring this is.
struct ring_header {
  std::array<unsigned char, 16> ring{};  // drawn when it was made
  std::int64_t generation = 1;
  std::array<unsigned char, 32> check{};  // of the master key
};

// A key is written once to a slot and never moved by the B-tree, since slots are only appended, and overwritten by as
// many bytes: what is overwritten is nowhere else in the file. Knows nothing of cryptography. Threads: one at a time.
// Errors: those of the public header.
class key_file {
 public:
  // Opens it, for this object alone.
  key_file(const std::string& path, const key_ring_options& options);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // Whether it has no tables yet.
  [[nodiscard]] bool is_new() { return number("PRAGMA schema_version") == 0; }
  // Precondition: inside change(), and is_new().
  void make_tables();

  // Runs f in a transaction: all of it happens, on the disk, or nothing.
  void change(const std::function<void()>& f);

  [[nodiscard]] ring_header header();
  void set_header(const ring_header& header);
  [[nodiscard]] std::string common(common_key which);
  void set_common(common_key which, const wrapped_key& key);

  [[nodiscard]] std::optional<std::string> find(const pseudonym& user);
  // Precondition of the two: inside change().
  void add(const pseudonym& user, const wrapped_key& key);
  bool erase(const pseudonym& user);
  // Replaces the key of every user by what f makes of it. Precondition: inside change().
  void replace_all(const std::function<wrapped_key(const pseudonym&, std::string_view)>& f);

  [[nodiscard]] std::uint64_t users();
  void copy_to(const std::string& to, const std::string& vfs);

 private:
  // Ends what a change() left open because memory was too short even for that: nobody may read it as if it were kept.
  void end_leftover();
  std::int64_t number(const char* query) { return db_.execAndGet(query).getInt64(); }
  SQLite::Statement& prepared(std::optional<SQLite::Statement>& one, const char* query);

  std::string path_;
  SQLite::Database db_;
  bool changing_ = false;
  std::optional<SQLite::Statement> find_, free_slot_, take_, add_slot_, fill_, add_user_;
};

}  // namespace detail::keys
TANDEM_END
