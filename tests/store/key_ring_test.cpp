#include "tandem/store/key_ring.hpp"

#include <atomic>
#include <filesystem>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/key_rings.hpp"

using namespace tandem_test;

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

TEST_CASE("what is sealed for the time after a user is forgotten is readable until the next one is") {
  const place_of_ring at;
  key_ring ring = at.open();
  const pseudonym ann = ring.pseudonym_of("ann");
  const pseudonym bob = ring.pseudonym_of("bob");
  ring.make_keys(std::vector{ann, bob});
  const std::string next = ring.seal(common_key::next_snapshots, "model", "part 1");
  CHECK(ring.open(common_key::next_snapshots, next, "part 1") == "model");
  ring.forget(ann);
  CHECK(ring.open(common_key::snapshots, next, "part 1") == "model");
  CHECK(failure([&] { return ring.open(common_key::next_snapshots, next, "part 1"); }) == errc::not_found);
  ring.forget(bob);
  CHECK(failure([&] { return ring.open(common_key::snapshots, next, "part 1"); }) == errc::not_found);
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
