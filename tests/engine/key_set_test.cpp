#include "tandem/detail/key_set.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
using detail::key_set;

namespace {

void step(key_set& keys, random_stream& random) {
  const std::string key = std::to_string(random.below(60));
  if (!keys.contains(key)) {
    keys.add(key);
    if (random.below(10) == 0) keys.take_back();
  }
  if (random.below(3) == 0) keys.trim();
}

std::vector<bool> ask(const key_set& keys, random_stream&) {
  std::vector<bool> out;
  for (int k = 0; k < 60; ++k) out.push_back(keys.contains(std::to_string(k)));
  return out;
}

key_set load(byte_reader& in) { return key_set::load(in, 20); }

}  // namespace

TEST_CASE("keys that were saved go on as if they never were") {
  tandem_test::check_goes_on([] { return key_set(20); }, step, ask, load);
  key_set small(20);
  for (const char* key : {"a", "", "bc"}) small.add(key);
  tandem_test::check_damage(tandem_test::saved(small), load, [](key_set& keys, random_stream& random) {
    for (int k = 0; k < 50; ++k) step(keys, random);
  });
}

TEST_CASE("a smaller ceiling of keys holds from the next trim on") {
  key_set keys(3);
  for (const char* key : {"a", "b", "c"}) keys.add(key);
  key_set fewer =
      tandem_test::read_from(tandem_test::saved(keys), [](byte_reader& in) { return key_set::load(in, 2); });
  CHECK(fewer.contains("a"));
  fewer.trim();
  CHECK_FALSE(fewer.contains("a"));
  CHECK(fewer.contains("b"));
}

TEST_CASE("a key that comes twice is refused") {
  const auto twice = tandem_test::written([](byte_writer& out) {
    out.section("keys");
    out.count(2);
    out.text("a");
    out.text("a");
  });
  CHECK(tandem_test::is_refused(twice, load));
}
