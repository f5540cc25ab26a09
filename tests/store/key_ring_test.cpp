#include "tandem/store/key_ring.hpp"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "support/watched_vfs.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using tandem_test::watched_vfs;
using test_support::bytes_of;
using test_support::scratch;
using test_support::write_bytes;

namespace {

// A master key that only its number says.
master_key key(unsigned number) {
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

key_ring_options quick(std::size_t cached_users = 100'000) {
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

std::string user_name(std::uint64_t n) { return "user " + std::to_string(n); }

// random bytes of random length
std::string text_of(random_stream& random) {
  std::string out(random.below(200), '\0');
  for (char& c : out) c = static_cast<char>(random.below(256));
  return out;
}

}  // namespace

TEST_CASE("what is sealed opens again, in the same ring and opened anew, whatever its bytes") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const place_of_ring at;
    random_stream random(seed);
    struct record {
      std::string user, plain, associated, sealed;
    };
    std::vector<record> all;
    {
      key_ring ring = at.open();
      for (int i = 0; i < 50; ++i) {
        record r{user_name(random.below(8)), text_of(random), text_of(random), {}};
        r.sealed = ring.seal(ring.pseudonym_of(r.user), r.plain, r.associated);
        CHECK(r.sealed.size() == r.plain.size() + key_ring::overhead);
        CHECK(ring.open(ring.pseudonym_of(r.user), r.sealed, r.associated) == r.plain);
        all.push_back(r);
      }
    }
    const key_ring ring = at.open();
    for (const record& r : all) CHECK(ring.open(ring.pseudonym_of(r.user), r.sealed, r.associated) == r.plain);
  }
}

TEST_CASE("a sealed record with any bit changed, cut short or lengthened is refused") {
  const place_of_ring at;
  key_ring ring = at.open();
  const pseudonym ann = ring.pseudonym_of("ann");
  const std::string sealed = ring.seal(ann, "bought a book", "row 7");
  for (std::size_t i = 0; i < sealed.size() * 8; ++i) {
    std::string changed = sealed;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << (i % 8)));
    const auto failed = failure([&] { return ring.open(ann, changed, "row 7"); });
    CHECK(failed == (i < 32 ? errc::not_found : errc::damaged));  // the mark names another key
  }
  for (std::size_t n = 0; n < sealed.size(); ++n) {
    CHECK(failure([&] { return ring.open(ann, sealed.substr(0, n), "row 7"); }) == errc::damaged);
  }
  CHECK(failure([&] { return ring.open(ann, sealed + '\0', "row 7"); }) == errc::damaged);
  CHECK(ring.open(ann, sealed, "row 7") == "bought a book");
}

TEST_CASE("a record is refused in another row, for another user, and under a key of another purpose") {
  const place_of_ring at;
  key_ring ring = at.open();
  const pseudonym ann = ring.pseudonym_of("ann"), bob = ring.pseudonym_of("bob");
  ring.make_keys(std::vector{ann, bob});
  const std::string sealed = ring.seal(ann, "x", "row 7");
  for (const std::string other : {"", "row 8", "row 7 ", "row"}) {
    CHECK(failure([&] { return ring.open(ann, sealed, other); }) == errc::damaged);
  }
  CHECK(failure([&] { return ring.open(bob, sealed, "row 7"); }) == errc::not_found);
  CHECK(failure([&] { return ring.open(common_key::names, sealed, "row 7"); }) == errc::not_found);
  const std::string name = ring.seal(common_key::names, "x", "");
  CHECK(ring.open(common_key::names, name, "") == "x");
  CHECK(failure([&] { return ring.open(common_key::snapshots, name, "") == ""; }) == errc::not_found);
}

TEST_CASE("the same text sealed again and again has never the same nonce") {
  const place_of_ring at;
  key_ring ring = at.open();
  const pseudonym ann = ring.pseudonym_of("ann");
  std::set<std::string> nonces;
  for (int i = 0; i < 5000; ++i) nonces.insert(ring.seal(ann, "x", "").substr(4, 24));
  CHECK(nonces.size() == 5000);
}

TEST_CASE("a pseudonym is the same through reopening and rotation, and another in another ring of the same key") {
  const place_of_ring at, elsewhere;
  std::set<std::array<unsigned char, 32>> all;
  pseudonym ann;
  {
    key_ring ring = at.open();
    ann = ring.pseudonym_of("ann");
    for (std::uint64_t n = 0; n < 1000; ++n) all.insert(ring.pseudonym_of(user_name(n)).bytes);
    all.insert(ring.pseudonym_of("").bytes);
    CHECK(all.size() == 1001);
    ring.rotate_master(key(2));
    CHECK(ring.pseudonym_of("ann") == ann);
  }
  CHECK(at.open(2).pseudonym_of("ann") == ann);
  CHECK(elsewhere.open().pseudonym_of("ann") != ann);
}

TEST_CASE("a wrong master key is said to be wrong and changes no byte") {
  const place_of_ring at;
  (void)at.open().seal(pseudonym{}, "x", "");
  const std::string before = at.bytes();
  try {
    (void)at.open(2);
    FAIL("it opened");
  } catch (const error& e) {
    CHECK(e.code() == errc::wrong_key);
    CHECK(e.where().file == at.path);
    CHECK(e.message() == "the key does not fit this key ring");
    CHECK_FALSE(e.remedy().empty());
  }
  CHECK(at.bytes() == before);
  CHECK_NOTHROW(at.open(1));
}

TEST_CASE("a forgotten user is unreadable, of a copy of the log too, and all others stay readable") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const place_of_ring at;
    random_stream random(seed);
    std::map<std::string, std::string> rows;  // the copy of a log
    std::set<std::string> forgotten;
    {
      key_ring ring = at.open();
      for (std::uint64_t n = 0; n < 60; ++n) rows[user_name(n)] = ring.seal(ring.pseudonym_of(user_name(n)), "x", "");
      for (int i = 0; i < 30; ++i) {
        const std::string user = user_name(random.below(60));
        CHECK(ring.forget(ring.pseudonym_of(user)) == forgotten.insert(user).second);
        CHECK(failure([&] { return ring.open(ring.pseudonym_of(user), rows[user], ""); }) == errc::not_found);
      }
      CHECK(ring.stats().users == 60 - forgotten.size());
      CHECK(ring.stats().forgotten == forgotten.size());
    }
    const key_ring ring = at.open();
    for (const auto& [user, row] : rows) {
      const pseudonym hidden = ring.pseudonym_of(user);
      CHECK(ring.has_key(hidden) == !forgotten.contains(user));
      const auto failed = failure([&, &sealed = row] { return ring.open(hidden, sealed, ""); });
      CHECK(failed == (forgotten.contains(user) ? std::optional(errc::not_found) : std::nullopt));
    }
  }
}

TEST_CASE("a user who comes back has a new key: what was erased stays so, and is told from damage") {
  const place_of_ring at;
  key_ring ring = at.open();
  const pseudonym ann = ring.pseudonym_of("ann");
  const std::string old = ring.seal(ann, "x", "");
  REQUIRE(ring.forget(ann));
  const std::string later = ring.seal(ann, "y", "");
  CHECK(ring.open(ann, later, "") == "y");
  CHECK(failure([&] { return ring.open(ann, old, ""); }) == errc::not_found);
}

TEST_CASE("of an erased key nothing is on the disk, however many came and went, nor of one rotated away") {
  const place_of_ring at;
  constexpr std::uint64_t users = 3000;
  std::vector<pseudonym> all;
  {
    key_ring ring = at.open();
    for (std::uint64_t n = 0; n < users; ++n) all.push_back(ring.pseudonym_of(user_name(n)));
    ring.make_keys(all);
  }
  const std::vector<std::string> before = at.wrapped_keys();
  REQUIRE(before.size() == users);
  {
    random_stream random(1);
    key_ring ring = at.open();
    std::vector<pseudonym> gone;
    for (const pseudonym& user : all) {
      if (random.below(10) == 0) gone.push_back(user);
    }
    for (const pseudonym& user : gone) ring.forget(user);
    const std::string now = at.bytes();  // while it is open: with the journal
    std::uint64_t found = 0;
    for (const std::string& each : before) found += now.find(each) != std::string::npos ? 1U : 0U;
    CHECK(found == users - gone.size());
    CHECK(ring.stats().users == found);
    ring.make_keys(gone);  // into the slots of those that went
    CHECK(ring.stats().users == users);
    ring.rotate_master(key(2));
    const std::string rotated = at.bytes();
    for (const std::string& each : before) REQUIRE(rotated.find(each) == std::string::npos);
  }
  CHECK(at.wrapped_keys().size() == users);
}

TEST_CASE("a forgotten user takes the key of snapshots along, and a rotation of it does the same") {
  const place_of_ring at;
  std::string third;
  {
    key_ring ring = at.open();
    const pseudonym ann = ring.pseudonym_of("ann");
    ring.make_keys({&ann, 1});
    const std::string first = ring.seal(common_key::snapshots, "model", "part 1");
    CHECK(ring.open(common_key::snapshots, first, "part 1") == "model");
    CHECK_FALSE(ring.forget(ring.pseudonym_of("nobody")));
    CHECK(ring.open(common_key::snapshots, first, "part 1") == "model");
    ring.forget(ann);
    CHECK(failure([&] { return ring.open(common_key::snapshots, first, "part 1"); }) == errc::not_found);
    const std::string second = ring.seal(common_key::snapshots, "model", "part 1");
    ring.rotate_snapshot_key();
    CHECK(failure([&] { return ring.open(common_key::snapshots, second, "part 1"); }) == errc::not_found);
    third = ring.seal(common_key::snapshots, "model", "part 1");
  }
  CHECK(at.open().open(common_key::snapshots, third, "part 1") == "model");
}

TEST_CASE("after a rotation the new master key alone opens the ring, and all that was sealed is readable") {
  const place_of_ring at;
  std::map<std::string, std::string> rows;
  std::string name;
  {
    key_ring ring = at.open(1);
    for (std::uint64_t n = 0; n < 500; ++n) rows[user_name(n)] = ring.seal(ring.pseudonym_of(user_name(n)), "x", "");
    name = ring.seal(common_key::names, "ann", "");
    ring.rotate_master(key(2));
    ring.rotate_master(key(2));  // to itself: allowed
    ring.rotate_master(key(3));
    CHECK(ring.stats().generation == 4);
    for (const auto& [user, row] : rows) CHECK(ring.open(ring.pseudonym_of(user), row, "") == "x");
    rows["new"] = ring.seal(ring.pseudonym_of("new"), "x", "");
  }
  CHECK(failure([&] { return at.open(1); }) == errc::wrong_key);
  CHECK(failure([&] { return at.open(2); }) == errc::wrong_key);
  const key_ring ring = at.open(3);
  CHECK(ring.stats().generation == 4);
  for (const auto& [user, row] : rows) CHECK(ring.open(ring.pseudonym_of(user), row, "") == "x");
  CHECK(ring.open(common_key::names, name, "") == "ann");
}

namespace {

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

}  // namespace

TEST_CASE("a crash at any moment of a rotation leaves the old master key's ring or the new one's, whole") {
  ring_with_rows at(400);
  std::vector<std::pair<std::string, std::string>> moments;  // of the ring, of its journal
  {
    bool watching = false;
    const watched_vfs vfs([&] {
      if (watching) moments.emplace_back(bytes_of(at.path), bytes_of(at.path + "-journal"));
      return true;
    });
    key_ring ring = at.open(1);
    watching = true;
    ring.rotate_master(key(2));
    watching = false;
  }
  moments.emplace_back(bytes_of(at.path), std::string());
  REQUIRE(moments.size() > 20);
  std::size_t old_ones = 0, new_ones = 0;
  for (const auto& [ring_bytes, journal] : moments) {
    write_bytes(at.path, ring_bytes);
    std::filesystem::remove(at.path + "-journal");
    if (!journal.empty()) write_bytes(at.path + "-journal", journal);
    const bool is_old = !failure([&] { return at.open(1); }).has_value();
    (is_old ? old_ones : new_ones) += 1;
    REQUIRE(failure([&] { return at.open(is_old ? 2 : 1); }) == errc::wrong_key);
    REQUIRE(at.all_readable(at.open(is_old ? 1 : 2)));
  }
  CHECK(old_ones > 10);
  CHECK(new_ones > 0);
}

TEST_CASE("a disk that fails at any moment of a rotation or an erasure leaves a ring that goes on") {
  bool failed_last = true;
  int failed_and_stands = 0;
  for (int allowed = 0; failed_last; ++allowed) {
    ring_with_rows at(100);
    int left = -1;
    const watched_vfs vfs([&] { return left < 0 || left-- > 0; });
    bool is_new = false;
    {
      key_ring ring = at.open(1);
      left = allowed;
      failed_last = failure([&] {
                      ring.rotate_master(key(2));
                      return 0;
                    }).has_value();
      left = -1;
      is_new = ring.stats().generation == 2;
      CHECK((failed_last || is_new));
      failed_and_stands += failed_last && is_new ? 1 : 0;
      REQUIRE(at.all_readable(ring));
      CHECK(ring.open(common_key::snapshots, ring.seal(common_key::snapshots, "x", ""), "") == "x");
      (void)ring.seal(ring.pseudonym_of("new"), "x", "");
    }
    REQUIRE(at.all_readable(at.open(is_new ? 2 : 1)));
    REQUIRE(allowed < 1000);
  }
  CHECK(failed_and_stands > 0);  // the sync after the commit: told as a failure, and done
  failed_last = true;
  for (int allowed = 0; failed_last; ++allowed) {
    ring_with_rows at(10);
    const auto first = *at.rows.begin();
    at.rows.erase(first.first);
    int left = -1;
    const watched_vfs vfs([&] { return left < 0 || left-- > 0; });
    std::string snapshot;
    bool readable = false;
    {
      key_ring ring = at.open(1);
      const pseudonym user = ring.pseudonym_of(first.first);
      left = allowed;
      failed_last = failure([&] { return ring.forget(user); }).has_value();
      left = -1;
      readable = !failure([&] { return ring.open(user, first.second, ""); }).has_value();
      CHECK((failed_last || !readable));
      snapshot = ring.seal(common_key::snapshots, "x", "");
    }
    const key_ring ring = at.open(1);
    CHECK(ring.has_key(ring.pseudonym_of(first.first)) == readable);
    CHECK(ring.open(common_key::snapshots, snapshot, "") == "x");
    REQUIRE(at.all_readable(ring));
    REQUIRE(allowed < 1000);
  }
}

TEST_CASE("a crash at any moment of the making of a ring leaves one that can be made or opened") {
  const place_of_ring at;
  std::vector<std::pair<std::string, std::string>> moments;
  {
    const watched_vfs vfs([&] {
      moments.emplace_back(bytes_of(at.path), bytes_of(at.path + "-journal"));
      return true;
    });
    (void)at.open(1);
  }
  REQUIRE(moments.size() > 5);
  for (const auto& [ring_bytes, journal] : moments) {
    write_bytes(at.path, ring_bytes);
    std::filesystem::remove(at.path + "-journal");
    if (!journal.empty()) write_bytes(at.path + "-journal", journal);
    key_ring ring = at.open(1);
    CHECK(ring.open(pseudonym{}, ring.seal(pseudonym{}, "x", ""), "") == "x");
  }
}

TEST_CASE("a second opener is turned away while the first has the ring, and taken in afterwards") {
  const place_of_ring at;
  std::optional<key_ring> first(at.open());
  CHECK(failure([&] { return at.open(); }) == errc::wrong_state);
  CHECK(failure([&] { return at.open(2); }) == errc::wrong_state);
  (void)first->seal(pseudonym{}, "x", "");
  CHECK(failure([&] { return at.open(); }) == errc::wrong_state);
  first.reset();
  CHECK_NOTHROW(at.open());
}

TEST_CASE("what is not a key ring is told from one, and left as it is") {
  const place_of_ring at;
  const auto refused = [&](errc code) {
    const std::string before = bytes_of(at.path);
    CHECK(failure([&] { return at.open(); }) == code);
    CHECK(bytes_of(at.path) == before);
  };
  write_bytes(at.path, "user,item\n");
  refused(errc::bad_format);
  write_bytes(at.path, std::string(8192, 'x'));
  refused(errc::bad_format);
  write_bytes(at.path, std::string("SQLite format 3\0", 16) + std::string(8192, 'x'));
  refused(errc::bad_format);
  std::filesystem::remove(at.path);
  { SQLite::Database(at.path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE mine(x)"); }
  refused(errc::bad_format);
  std::filesystem::remove(at.path);
  (void)at.open();
  { SQLite::Database(at.path, SQLite::OPEN_READWRITE).exec("PRAGMA user_version=2"); }
  refused(errc::bad_format);
  CHECK(failure([&] { return key_ring("", key(1)); }) == errc::invalid_argument);
  CHECK(failure([&] { return key_ring(at.folder.path.string(), key(1)); }) == errc::io_error);
  CHECK(failure([&] { return key_ring((at.folder.path / "no" / "ring").string(), key(1)); }) == errc::io_error);
}

TEST_CASE("a ring that must exist is not made, and an option out of range is named") {
  const place_of_ring at;
  key_ring_options options = quick();
  options.must_exist = true;
  CHECK(failure([&] { return at.open(1, options); }) == errc::not_found);
  CHECK_FALSE(std::filesystem::exists(at.path));
  write_bytes(at.path, "");
  CHECK(failure([&] { return at.open(1, options); }) == errc::not_found);
  (void)at.open();
  CHECK_NOTHROW(at.open(1, options));
  for (const std::size_t n : {std::size_t{0}, (std::size_t{1} << 24U) + 1}) {
    options.cached_users = n;
    CHECK(failure([&] { return at.open(1, options); }) == errc::invalid_argument);
  }
}

TEST_CASE("a wrapped key that is damaged, missing or another user's is refused, and so is a damaged header") {
  const auto changed = [](const char* sql) {
    ring_with_rows at(3);
    { SQLite::Database(at.path, SQLite::OPEN_READWRITE).exec(sql); }
    return failure([&] {
      const key_ring ring = at.open();
      for (const auto& [user, row] : at.rows) (void)ring.open(ring.pseudonym_of(user), row, "");
      return 0;
    });
  };
  CHECK_FALSE(changed("SELECT 1").has_value());
  CHECK(changed("UPDATE slot SET wrapped = zeroblob(72) WHERE id = 2") == errc::damaged);
  CHECK(changed("UPDATE slot SET wrapped = zeroblob(5) WHERE id = 2") == errc::damaged);
  CHECK(changed("UPDATE slot SET wrapped = (SELECT wrapped FROM slot WHERE id = 1) WHERE id = 2") == errc::damaged);
  CHECK(changed("DELETE FROM slot WHERE id = 2") == errc::damaged);
  CHECK(changed("UPDATE common SET wrapped = (SELECT wrapped FROM common WHERE id = 1)") == errc::damaged);
  CHECK(changed("DELETE FROM common WHERE id = 0") == errc::damaged);
  CHECK(changed("UPDATE ring SET key_check = zeroblob(32)") == errc::damaged);
  CHECK(changed("UPDATE ring SET generation = 7") == errc::damaged);
  CHECK(changed("UPDATE ring SET name = zeroblob(3)") == errc::damaged);
  CHECK(changed("DELETE FROM ring") == errc::damaged);
}

TEST_CASE("bytes of a ring changed at random are refused or do no harm") {
  const ring_with_rows at(20);
  const std::string whole = bytes_of(at.path);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    random_stream random(seed);
    std::string changed = whole;
    for (std::uint64_t i = 0; i < 1 + seed % 8; ++i) {
      changed[random.below(changed.size())] = static_cast<char>(random.below(256));
    }
    write_bytes(at.path, changed);
    std::filesystem::remove(at.path + "-journal");
    try {
      key_ring ring = at.open();
      for (const auto& [user, row] : at.rows) {
        try {
          const std::string plain = ring.open(ring.pseudonym_of(user), row, "");
          CHECK(plain == "x");
        } catch (const error&) {  // told
        }
      }
      ring.forget(ring.pseudonym_of(user_name(seed % 20)));
      ring.rotate_master(key(2));
    } catch (const error&) {  // told
    }
  }
}

TEST_CASE("a small cache of keys forgets the longest unused, and no answer depends on it") {
  const place_of_ring at;
  key_ring ring = at.open(1, quick(8));
  std::map<std::uint64_t, std::string> rows;
  random_stream random(3);
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t n = random.below(20);
    const pseudonym user = ring.pseudonym_of(user_name(n));
    const auto row = rows.find(n);
    if (row == rows.end()) {
      rows[n] = ring.seal(user, std::to_string(n), "");
    } else if (random.below(50) == 0) {
      ring.forget(user);
      rows.erase(row);
    } else {
      REQUIRE(ring.open(user, row->second, "") == std::to_string(n));
    }
    REQUIRE(ring.stats().cached <= 8);
  }
  const key_ring_stats before = ring.stats();
  CHECK(before.users == rows.size());
  CHECK(before.made == before.users + before.forgotten);
  for (int i = 0; i < 100; ++i)
    (void)ring.open(ring.pseudonym_of(user_name(rows.begin()->first)), rows.begin()->second, "");
  CHECK(ring.stats().hits >= before.hits + 99);
  CHECK(ring.stats().misses <= before.misses + 1);
}

TEST_CASE("many keys are made in one commit, once each, and repeated users are made once") {
  const place_of_ring at;
  int syncs = 0;
  const watched_vfs vfs([&] { return ++syncs > 0; });
  key_ring ring = at.open(1);
  std::vector<pseudonym> users;
  for (std::uint64_t n = 0; n < 20; ++n) users.push_back(ring.pseudonym_of(user_name(n % 10)));
  syncs = 0;
  ring.make_keys(users);
  CHECK(syncs < 60);
  CHECK(ring.stats().made == 10);
  CHECK(ring.stats().users == 10);
  const std::string row = ring.seal(users[0], "x", "");
  syncs = 0;
  ring.make_keys(users);
  CHECK(syncs == 0);
  CHECK(ring.open(users[0], row, "") == "x");
}

TEST_CASE("a copy is a ring of the same key; it replaces a copy, and nothing else") {
  ring_with_rows at(50);
  const std::string copy = (at.folder.path / "copy").string();
  key_ring ring = at.open(1);
  ring.copy_to(copy);
  CHECK(at.all_readable(key_ring(copy, key(1))));
  const auto first = *at.rows.begin();
  ring.forget(ring.pseudonym_of(first.first));
  {
    const key_ring kept(copy, key(1));  // as the header warns: a copy keeps what it has
    CHECK(kept.open(kept.pseudonym_of(first.first), first.second, "") == "x");
    CHECK(failure([&] {
            ring.copy_to(copy);
            return 0;
          }) == errc::wrong_state);
  }
  ring.rotate_master(key(2));
  ring.copy_to(copy);
  CHECK(failure([&] { return key_ring(copy, key(1)); }) == errc::wrong_key);
  {
    const key_ring now(copy, key(2));
    CHECK_FALSE(now.has_key(now.pseudonym_of(first.first)));
  }
  write_bytes(copy, "something else");
  CHECK(failure([&] {
          ring.copy_to(copy);
          return 0;
        }) == errc::bad_format);
  CHECK(bytes_of(copy) == "something else");
  CHECK(failure([&] {
          ring.copy_to(at.path);
          return 0;
        }) == errc::wrong_state);
  at.rows.erase(first.first);
  CHECK(at.all_readable(ring));
}

TEST_CASE("threads that seal, open and forget never see another's bytes", "[concurrency]") {
  const place_of_ring at;
  key_ring ring = at.open(1, quick(4));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      random_stream random(t);
      for (int i = 0; i < 300; ++i) {
        const std::string user = user_name(random.below(6) * 4 + t);  // of this thread alone
        const pseudonym hidden = ring.pseudonym_of(user);
        const std::string sealed = ring.seal(hidden, user, "");
        if (ring.open(hidden, sealed, "") != user) ++wrong;
        if (i % 50 == 49 && !ring.forget(hidden)) ++wrong;
        if (t == 0 && i % 100 == 99) ring.rotate_master(key(2));
      }
    });
  }
  for (std::thread& each : threads) each.join();
  CHECK(wrong == 0);
}

TEST_CASE("the ring can be read by its owner only") {
  const place_of_ring at;
  (void)at.open().seal(pseudonym{}, "x", "");
  using std::filesystem::perms;
  const perms others = perms::group_all | perms::others_all;
  CHECK((std::filesystem::status(at.path).permissions() & others) == perms::none);
}
