#include "tandem/core/hash.hpp"

#include <bit>
#include <set>
#include <string>

#include "support/catch.hpp"

using tandem::hash_text;

TEST_CASE("the hash of a text stays what it is") {
  // golden: this implementation; orders of replays rest on it. The first three are its definition.
  using tandem::mix64;
  STATIC_REQUIRE(hash_text("") == mix64(mix64(0)));
  STATIC_REQUIRE(hash_text("a") == mix64(mix64(mix64(0) ^ 1) ^ 0x61));
  STATIC_REQUIRE(hash_text("abcdefgh", 5) == mix64(mix64(mix64(5) ^ 8) ^ 0x6867666564636261));
  CHECK(hash_text("the quick brown fox", 42) == 0xb84b27213dd12d69U);
}

TEST_CASE("lengths, zeros and seeds tell texts apart") {
  std::set<std::uint64_t> seen;
  for (std::size_t length = 0; length < 40; ++length) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      seen.insert(hash_text(std::string(length, '\0'), seed));
      seen.insert(hash_text(std::string(length, 'x'), seed));
    }
  }
  CHECK(seen.size() == 40U * 10U * 2U - 10U);  // the empty text is both
}

TEST_CASE("a changed bit changes half of the hash") {
  std::string text = "user-000000";
  double flipped = 0;
  double trials = 0;
  for (int n = 0; n < 200; ++n) {
    text = "user-" + std::to_string(100000 + n);
    const std::uint64_t before = hash_text(text);
    for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
      std::string other = text;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
      flipped += std::popcount(before ^ hash_text(other));
      ++trials;
    }
  }
  CHECK(flipped / trials == Approx(32).margin(0.2));
}
