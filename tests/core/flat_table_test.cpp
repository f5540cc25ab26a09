#include "tandem/core/flat_table.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <unordered_map>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;

namespace {

using reference = std::unordered_map<std::uint32_t, int>;

void check_same(const flat_table<int>& table, const reference& expected) {
  REQUIRE(table.size() == expected.size());
  reference seen;
  table.for_each([&](std::uint32_t key, int value) {
    REQUIRE(seen.emplace(key, value).second);  // each key once
  });
  REQUIRE(seen == expected);
}

}  // namespace

TEST_CASE("a flat table agrees with a map over random operations") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    random_stream random(seed);
    // few keys: many hits; sparse keys: many collisions under a mask
    const std::uint64_t range = seed % 3 == 0 ? 40 : seed % 3 == 1 ? 3000 : 0xFFFFFFFFULL;
    const std::uint32_t stride = seed % 2 == 0 ? 1 : 4096;
    flat_table<int> table;
    reference expected;
    for (int step = 0; step < 4000; ++step) {
      const auto key = static_cast<std::uint32_t>(random.below(range)) / stride * stride;
      const std::uint64_t what = random.below(100);
      if (what < 60) {
        const int value = static_cast<int>(random.below(1000));
        table[key] = value;
        expected[key] = value;
      } else if (what < 70) {
        ++table[key];  // value-initialised when new
        ++expected[key];
      } else if (what < 99) {
        const int* found = table.find(key);
        const auto at = expected.find(key);
        REQUIRE((found != nullptr) == (at != expected.end()));
        REQUIRE(table.contains(key) == (found != nullptr));
        if (found != nullptr) REQUIRE(*found == at->second);
      } else {
        const std::uint64_t salt = random();
        const auto keep = [&](std::uint32_t k, int v) { return mix64(k ^ salt) % 4 != 0 && v % 7 != 0; };
        table.retain(keep);
        for (auto at = expected.begin(); at != expected.end();) {
          at = keep(at->first, at->second) ? std::next(at) : expected.erase(at);
        }
        check_same(table, expected);
      }
    }
    check_same(table, expected);
  }
}

TEST_CASE("an empty table has nothing and takes any question") {
  flat_table<int> table;
  CHECK(table.size() == 0);
  CHECK(table.find(0) == nullptr);
  CHECK_FALSE(table.contains(7));
  table.retain([](std::uint32_t, int) { return true; });
  table.for_each([](std::uint32_t, int) { FAIL("there is no entry"); });
}

TEST_CASE("values can be changed while a table is walked") {
  flat_table<int> table;
  for (std::uint32_t k = 0; k < 100; ++k) table[k] = static_cast<int>(k);
  table.for_each([](std::uint32_t, int& value) { value *= 2; });
  for (std::uint32_t k = 0; k < 100; ++k) CHECK(*table.find(k) == 2 * static_cast<int>(k));
}

TEST_CASE("a table grows for a new key only") {
  flat_table<int> table;
  for (std::uint32_t k = 0; k < 8; ++k) table[k] = 1;
  const int* before = table.find(3);
  for (std::uint32_t k = 0; k < 8; ++k) ++table[k];
  CHECK(table.find(3) == before);
  table[8] = 1;
  CHECK(table.size() == 9);
}

TEST_CASE("a walk goes in the order of insertion") {
  flat_table<int> table;
  random_stream random(3);
  std::vector<std::uint32_t> inserted;
  for (int i = 0; i < 500; ++i) {
    const auto key = static_cast<std::uint32_t>(random.below(10000));
    if (!table.contains(key)) inserted.push_back(key);
    table[key] = i;
  }
  const auto walk = [&] {
    std::vector<std::uint32_t> keys;
    table.for_each([&](std::uint32_t key, int) { keys.push_back(key); });
    return keys;
  };
  CHECK(walk() == inserted);
  table.retain([](std::uint32_t key, int) { return key % 3 != 0; });
  std::erase_if(inserted, [](std::uint32_t key) { return key % 3 == 0; });
  CHECK(walk() == inserted);
}

TEST_CASE("hints change nothing") {
  flat_table<int> table;
  table.prefetch_place(5);
  table.prefetch_entry(5);
  table[5] = 1;
  table.prefetch_place(5);
  table.prefetch_entry(6);
  CHECK(table.size() == 1);
  CHECK(*table.find(5) == 1);
}

TEST_CASE("a table whose growth fails stays as it was") {
  for (long allowed = 0; TANDEM_TEST_CAN_FAIL_NEW != 0; ++allowed) {
    flat_table<int> table;
    for (std::uint32_t k = 0; k < 4; ++k) table[k] = static_cast<int>(k);  // as full as it gets before it grows
    bool failed = false;
    {
      const tandem_test::fail_new_after out_of_memory(allowed);
      try {
        table[7] = 1;
      } catch (const std::bad_alloc&) {
        failed = true;
      }
    }
    CHECK(table.contains(7) != failed);
    CHECK(table.size() == (failed ? 4 : 5));
    for (std::uint32_t k = 0; k < 4; ++k) CHECK(*table.find(k) == static_cast<int>(k));
    if (failed) table[7] = 1;  // there is memory again
    CHECK(table.size() == 5);
    if (!failed) break;
  }
}

TEST_CASE("a table that was saved goes on as if it never was") {
  const auto step = [](flat_table<float>& table, random_stream& random) {
    if (random.below(60) == 0) {
      const std::uint64_t salt = random();
      table.retain([&](std::uint32_t key, float) { return mix64(key ^ salt) % 4 != 0; });
    } else {
      table[static_cast<std::uint32_t>(random.below(100)) << 24U] += static_cast<float>(random.uniform());
    }
  };
  const auto ask = [](const flat_table<float>& table, random_stream& random) {
    const float* const found = table.find(static_cast<std::uint32_t>(random.below(100)) << 24U);
    return found != nullptr ? *found : -1;
  };
  const auto load = [](byte_reader& in) { return flat_table<float>::load(in); };
  tandem_test::check_goes_on([] { return flat_table<float>(); }, step, ask, load);

  flat_table<float> small;
  for (std::uint32_t k = 0; k < 5; ++k) small[k * 7] = 1;
  tandem_test::check_damage(tandem_test::saved(small), load, [&](flat_table<float>& table, random_stream& random) {
    for (int k = 0; k < 50; ++k) step(table, random);
  });
}

TEST_CASE("a key that comes twice, or more entries than a table holds, are refused") {
  const auto load = [](byte_reader& in) { return flat_table<bool>::load(in); };
  const auto table_of = [](std::uint64_t count, std::uint32_t first, std::uint32_t second) {
    return tandem_test::written([&](byte_writer& out) {
      out.put(count);
      for (const std::uint32_t key : {first, second}) {
        out.put(key);
        out.put(true);
      }
    });
  };
  CHECK_FALSE(tandem_test::is_refused(table_of(2, 1, 2), load));
  CHECK(tandem_test::is_refused(table_of(2, 1, 1), load));
  CHECK(tandem_test::is_refused(table_of(std::uint64_t{1} << 24U, 1, 2), load));
}
