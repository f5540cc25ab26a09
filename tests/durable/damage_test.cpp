// A flipped bit anywhere in a file: an error, or a problem that is reported, or nothing that was in use.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "durable/fault_life.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace tandem;
using namespace fault_world;
using test_support::bytes_of;
using test_support::write_bytes;

namespace {

// all that a host can read of a file
struct content {
  std::vector<std::string> keys;
  std::uint64_t digest = 0;
  std::string decisions;
  std::size_t problems = 0;

  [[nodiscard]] bool same(const content& other) const {
    return keys == other.keys && digest == other.digest && decisions == other.decisions;
  }
};

content read_all(const std::string& path) {
  content out;
  auto store = open_sqlite(path, in_peace());
  out.keys = keys_of(*store);
  const engine e(small_options(), std::move(store));
  out.problems = e.opened().problems.size();
  out.digest = e.digest();
  e.read_decisions([&](const logged_decision& d) {
    out.decisions += std::to_string(raw(d.id)) + d.user + std::to_string(to_millis(d.time));
    for (const recommended_item& each : d.items) out.decisions += each.item + std::to_string(each.score);
    for (const logged_reward& each : d.rewards) out.decisions += each.item + std::to_string(each.value);
  });
  return out;
}

enum class outcome : std::uint8_t { refused, reported, unused, silent };

// what becomes of the file at `path`, which is damaged
outcome examine(const std::string& path, const content& whole) {
  bool verified = false;
  try {
    verified = verify_file(path, in_peace()).sound();
  } catch (const error&) {
  }
  try {
    const content found = read_all(path);
    if (!found.same(whole)) return outcome::silent;  // whatever verify_file() says: an engine would have believed it
    return verified && found.problems == 0 ? outcome::unused : outcome::reported;
  } catch (const error&) {
    return outcome::refused;
  }
}

struct subject {
  test_support::scratch folder;
  std::string path = (folder.path / "shop").string();
  content whole;
  std::string bytes;

  subject() {
    {
      engine e = tandem::open(path, small_options(), in_peace());
      keyed_life life(6, {40, 30, 1000000});
      for (int n = 0; n < 100; ++n) life.step(e);
    }
    whole = read_all(path);
    REQUIRE(!std::filesystem::exists(path + "-wal"));
    bytes = bytes_of(path);
    REQUIRE(verify_file(path, in_peace()).sound());
  }

  outcome flip(std::size_t at, unsigned bit) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ (1U << bit));
    for (const char* const beside : {"-wal", "-shm", "-journal"}) std::filesystem::remove(path + beside);
    write_bytes(path, damaged);
    return examine(path, whole);
  }
};

std::map<outcome, std::uint64_t> flip_all(std::uint64_t first, std::uint64_t stride) {
  subject s;
  std::map<outcome, std::uint64_t> out;
  for (std::uint64_t k = first; k < 8 * s.bytes.size(); k += stride) {
    const outcome result = s.flip(k / 8, k % 8);
    ++out[result];
    INFO("bit " << k % 8 << " of byte " << k / 8 << " of " << s.bytes.size());
    CHECK(result != outcome::silent);
  }
  return out;
}

}  // namespace

TEST_CASE("a flipped bit of a file is refused, reported or of no meaning") {
  std::map<outcome, std::uint64_t> all = flip_all(3, 2003);
  CHECK(all[outcome::refused] > 10);
  CHECK(all[outcome::reported] > 50);
}

TEST_CASE("one flipped bit in each byte of a file", "[.long]") {
  std::map<outcome, std::uint64_t> all = flip_all(0, 9)  // the next byte, the next bit
      ;
  WARN("refused " << all[outcome::refused] << ", reported " << all[outcome::reported] << ", not in use "
                  << all[outcome::unused] << ", believed " << all[outcome::silent]);
  CHECK(all[outcome::refused] > 1000);
}
