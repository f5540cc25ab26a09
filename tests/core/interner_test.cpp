#include "tandem/core/interner.hpp"

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;

using interner_of_users = interner<user_index>;

TEST_CASE("indices are dense and in order of first appearance") {
  interner_of_users ids;
  CHECK(ids.size() == 0);
  CHECK(ids.intern("b") == user_index{0});
  CHECK(ids.intern("a") == user_index{1});
  CHECK(ids.intern("b") == user_index{0});
  CHECK(ids.intern("") == user_index{2});
  CHECK(ids.intern("c") == user_index{3});
  CHECK(ids.size() == 4);
}

TEST_CASE("find answers no_id for what was never interned") {
  interner_of_users ids;
  CHECK(ids.find("a") == no_id<user_index>);
  ids.intern("a");
  CHECK(ids.find("a") == user_index{0});
  CHECK(ids.find("A") == no_id<user_index>);
  CHECK(ids.size() == 1);
}

TEST_CASE("ids are bytes: they may hold zeros and anything else") {
  interner_of_users ids;
  const std::string with_zero("a\0b", 3);
  ids.intern("a");
  CHECK(ids.intern(with_zero) == user_index{1});
  CHECK(ids.name(user_index{1}) == with_zero);
  CHECK(ids.intern("\xff\xfe") == user_index{2});
}

TEST_CASE("the interner keeps the text, not the caller's memory") {
  interner_of_users ids;
  {
    std::string text = "a long id that does not fit into the string object itself";
    ids.intern(text);
    text.assign(text.size(), 'x');
  }
  CHECK(ids.name(user_index{0}) == "a long id that does not fit into the string object itself");
}

TEST_CASE("names stay valid while the interner grows and moves") {
  interner_of_users ids;
  ids.intern("short");
  const std::string_view name = ids.name(user_index{0});
  for (int i = 0; i < 10000; ++i) ids.intern(std::to_string(i));
  CHECK(name == "short");
  CHECK(name.data() == ids.name(user_index{0}).data());
  const interner_of_users moved = std::move(ids);
  CHECK(name.data() == moved.name(user_index{0}).data());
  CHECK(moved.find("9999") == user_index{10000});
}

TEST_CASE("a copy answers alike and does not lean on the original") {
  interner_of_users copy;
  {
    interner_of_users ids;
    for (int i = 0; i < 100; ++i) ids.intern("user-" + std::to_string(i));
    copy = ids;
    const interner_of_users& same = copy;
    copy = same;
    ids.intern("later");
  }
  CHECK(copy.size() == 100);
  CHECK(copy.find("user-57") == user_index{57});
  CHECK(copy.name(user_index{99}) == "user-99");
  CHECK(copy.find("later") == no_id<user_index>);
}

TEST_CASE("an id that is released gets a new index and leaves the old one its name, in copies too") {
  interner_of_users ids;
  for (const char* id : {"ada", "ben", "dan"}) ids.intern(id);
  for (const char* id : {"ada", "dan", "nobody"}) ids.release(id);
  CHECK(ids.find("ada") == no_id<user_index>);
  CHECK(ids.intern("ada") == user_index{3});
  CHECK(ids.intern("cleo") == user_index{4});
  const interner_of_users copy =
      ids;  // NOLINT(performance-unnecessary-copy-initialization): the copy is what is tested
  for (const interner_of_users* each : {&std::as_const(ids), &copy}) {
    CHECK(each->size() == 5);
    CHECK(each->in_use() == 3);
    CHECK(each->find("ada") == user_index{3});
    CHECK(each->name(user_index{0}) == "ada");
    CHECK(each->name(user_index{3}) == "ada");
    CHECK(each->find("ben") == user_index{1});
    CHECK(each->find("dan") == no_id<user_index>);
    CHECK(each->name(user_index{2}) == "dan");
  }
}

TEST_CASE("the latest ids can be taken back") {
  interner_of_users ids;
  for (const char* id : {"ada", "ben", "cleo"}) ids.intern(id);
  ids.shrink(5);
  CHECK(ids.size() == 3);
  ids.shrink(1);
  CHECK(ids.size() == 1);
  CHECK(ids.in_use() == 1);
  CHECK(ids.find("ada") == user_index{0});
  CHECK(ids.find("ben") == no_id<user_index>);
  CHECK(ids.intern("cleo") == user_index{1});
  CHECK(ids.name(user_index{1}) == "cleo");
}

TEST_CASE("an interner does what a map and a vector do") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_stream random(seed);
    interner_of_users ids;
    std::unordered_map<std::string, std::size_t> index_of;
    std::vector<std::string> names;
    for (int step = 0; step < 2000; ++step) {
      std::string id(random.below(20), 'x');
      for (char& c : id) c = static_cast<char>('a' + random.below(2));
      const auto [found, is_new] = index_of.emplace(id, names.size());
      if (is_new) names.push_back(id);
      REQUIRE(slot(ids.intern(id)) == found->second);
    }
    REQUIRE(ids.size() == names.size());
    for (std::size_t i = 0; i < names.size(); ++i) REQUIRE(ids.name(static_cast<user_index>(i)) == names[i]);
  }
}

TEST_CASE("an interner that was saved goes on as if it never was") {
  const auto step = [](interner_of_users& ids, random_stream& random) {
    const std::string id = std::to_string(random.below(60));
    if (random.below(5) == 0) {
      ids.release(id);
    } else {
      ids.intern(id);
    }
  };
  const auto ask = [](const interner_of_users& ids, random_stream& random) {
    return std::pair(ids.find(std::to_string(random.below(60))), ids.in_use());
  };
  const auto load = [](byte_reader& in) { return interner_of_users::load(in); };
  tandem_test::check_goes_on([] { return interner_of_users(); }, step, ask, load);

  interner_of_users small;
  for (const char* id : {"ada", "", "ben", "cleo"}) small.intern(id);
  for (const char* id : {"ben", ""}) small.release(id);
  small.intern("ben");
  tandem_test::check_damage(tandem_test::saved(small), load, [&](interner_of_users& ids, random_stream& random) {
    for (int k = 0; k < 50; ++k) step(ids, random);
    for (std::uint32_t i = 0; i < ids.size(); ++i) {
      const std::string_view name = ids.name(user_index{i});
      const user_index now = ids.find(name);
      CHECK((now == no_id<user_index> || ids.name(now) == name));
    }
  });
}

TEST_CASE("two names for one id are refused") {
  const auto of = [](const std::vector<std::string>& names, const std::vector<std::uint32_t>& released) {
    return tandem_test::is_refused(tandem_test::written([&](byte_writer& out) {
                                     out.section("ids");
                                     out.count(names.size());
                                     for (const std::string& each : names) out.text(each);
                                     out.put(released);
                                   }),
                                   [](byte_reader& in) { return interner_of_users::load(in); });
  };
  CHECK_FALSE(of({"a", "b", "a"}, {0}));
  CHECK_FALSE(of({"a", "b", "a"}, {2}));
  CHECK(of({"a", "b", "a"}, {}));
  CHECK(of({"a", "b"}, {1, 0}));
  CHECK(of({"a", "b"}, {1, 1}));
  CHECK(of({"a", "b"}, {2}));
}

#if TANDEM_TEST_CAN_FAIL_NEW
TEST_CASE("memory runs out when a test says so, and not before or after") {
  bool failed = false;
  int given = 0;
  {
    const tandem_test::fail_new_after guard(2);
    try {
      for (; given < 5; ++given) ::operator delete(::operator new(8));
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  }
  CHECK(failed);
  CHECK(given == 2);
  CHECK_NOTHROW(std::make_unique<int>(1));
}

TEST_CASE("out of memory leaves the interner as it was") {
  const std::string id = "an id that is long enough to need memory of its own, and then some";
  bool completed = false;
  for (int allowed = 0; !completed; ++allowed) {
    interner_of_users ids;
    ids.intern("first");
    {
      const tandem_test::fail_new_after guard(allowed);
      try {
        ids.intern(id);
        completed = true;
      } catch (const std::bad_alloc&) {
      }
    }
    if (completed) break;
    REQUIRE(ids.size() == 1);
    REQUIRE(ids.find(id) == no_id<user_index>);
    REQUIRE(ids.intern(id) == user_index{1});
    REQUIRE(ids.name(user_index{1}) == id);
  }
}
#endif
