#pragma once
// Key rings for tests: a folder with one, users with a row each, and what a call fails with.

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/scratch.hpp"
#include "support/watched_vfs.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"
#include "tandem/store/key_ring.hpp"

namespace tandem_test {

using namespace tandem;
using test_support::bytes_of;
using test_support::scratch;
using test_support::write_bytes;

// A master key that only its number says.
inline master_key key(unsigned number) {
  std::array<std::byte, 32> bytes{};
  bytes[0] = static_cast<std::byte>(number);
  bytes[31] = std::byte{0xA5};
  return master_key::from_bytes(bytes);
}

// What f throws, or nothing.
template <class F>
std::optional<errc> failure(F&& f) {
  try {
    (void)f();
  } catch (const error& e) {
    return e.code();
  }
  return {};
}

inline key_ring_options quick(std::size_t cached_users = 100'000) {
  key_ring_options out;
  out.cached_users = cached_users;
  out.vfs = watched_vfs::name();
  return out;
}

struct place_of_ring {
  scratch folder;
  std::string path = key_ring::path_beside((folder.path / "log").string());

  key_ring open(unsigned number = 1, const key_ring_options& options = quick()) const {
    return key_ring(path, key(number), options);
  }
  // all that the disk has of it
  std::string bytes() const { return bytes_of(path) + bytes_of(path + "-journal"); }
  // what the wrapped key of each user looks like; nobody has it open
  std::vector<std::string> wrapped_keys() const {
    SQLite::Database db(path, SQLite::OPEN_READONLY);
    SQLite::Statement read(db, "SELECT wrapped FROM slot ORDER BY id");
    std::vector<std::string> out;
    while (read.executeStep()) out.push_back(read.getColumn(0).getString());
    return out;
  }
};

inline std::string user_name(std::uint64_t n) { return "user " + std::to_string(n); }

// random bytes of random length
inline std::string text_of(random_stream& random) {
  std::string out(random.below(200), '\0');
  for (char& c : out) c = static_cast<char>(random.below(256));
  return out;
}

// A ring of some users with a row of each, for what goes wrong.
struct ring_with_rows : place_of_ring {
  std::map<std::string, std::string> rows;

  explicit ring_with_rows(std::uint64_t users) {
    key_ring ring = open(1);
    std::vector<pseudonym> all;
    for (std::uint64_t n = 0; n < users; ++n) all.push_back(ring.pseudonym_of(user_name(n)));
    ring.make_keys(all);
    for (std::uint64_t n = 0; n < users; ++n) rows[user_name(n)] = ring.seal(all[n], "x", "");
  }

  bool all_readable(const key_ring& ring) const {
    return std::all_of(rows.begin(), rows.end(), [&](const auto& row) {
      return !failure([&] { return ring.open(ring.pseudonym_of(row.first), row.second, ""); }).has_value();
    });
  }
};

}  // namespace tandem_test
