// The file of a key ring, when things go wrong: crashes, disks that fail, damage, what is left behind on the disk.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <new>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "support/key_rings.hpp"

using namespace tandem_test;

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

TEST_CASE("of users forgotten together all keys are erased, or, where the disk fails, none") {
  bool failed_last = true;
  for (int allowed = 0; failed_last; ++allowed) {
    CAPTURE(allowed);
    const ring_with_rows at(10);
    int left = -1;
    const watched_vfs vfs([&] { return left < 0 || left-- > 0; });
    std::vector<pseudonym> gone;
    const auto keys_left = [&](const key_ring& ring) {
      return std::count_if(gone.begin(), gone.end(), [&](const pseudonym& each) { return ring.has_key(each); });
    };
    std::ptrdiff_t readable = 0;
    {
      key_ring ring = at.open(1);
      for (const std::uint64_t n : {2U, 5U, 7U}) gone.push_back(ring.pseudonym_of(user_name(n)));
      left = allowed;
      failed_last = failure([&] { return ring.forget(gone); }).has_value();
      left = -1;
      readable = keys_left(ring);
      CHECK((readable == 0 || (failed_last && readable == 3)));
      if (readable == 0) CHECK(ring.forget(gone) == 0);
    }
    CHECK(keys_left(at.open(1)) == readable);
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

#if TANDEM_TEST_CAN_FAIL_NEW
TEST_CASE("a call that memory runs out in, wherever it does, leaves a ring that goes on") {
  const master_key next = key(2);
  using call = std::function<void(key_ring&, const pseudonym& of_a_row, const pseudonym& of_nobody)>;
  const std::vector<call> calls = {
      [](key_ring& ring, const pseudonym&, const pseudonym& nobody) {
        (void)ring.seal(nobody, std::string(50, 'x'), "");
      },
      [](key_ring& ring, const pseudonym&, const pseudonym& nobody) {
        ring.make_keys({&nobody, 1});
      },
      [](key_ring& ring, const pseudonym& user, const pseudonym&) { (void)ring.forget(user); },
      [&](key_ring& ring, const pseudonym&, const pseudonym&) { ring.rotate_master(next); },
  };
  for (const call& each : calls) {
    bool failed = true;
    for (long allowed = 0; failed; ++allowed) {
      ring_with_rows at(6);
      bool is_new = false;
      {
        key_ring ring = at.open(1, quick(4));
        const pseudonym user = ring.pseudonym_of(user_name(0)), nobody = ring.pseudonym_of("nobody");
        at.rows.erase(user_name(0));
        try {
          const fail_new_after limit(allowed);
          each(ring, user, nobody);
          failed = false;
        } catch (const std::bad_alloc&) {
          failed = true;
        }
        REQUIRE(at.all_readable(ring));
        REQUIRE(ring.open(nobody, ring.seal(nobody, "x", ""), "") == "x");
        REQUIRE(ring.open(common_key::snapshots, ring.seal(common_key::snapshots, "x", ""), "") == "x");
        is_new = ring.stats().generation == 2;
      }
      REQUIRE(at.all_readable(at.open(is_new ? 2 : 1)));
      REQUIRE(allowed < 1000);
    }
  }
}
#endif
