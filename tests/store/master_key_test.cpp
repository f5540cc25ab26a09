#include "tandem/store/master_key.hpp"

#include <array>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/error.hpp"

using namespace tandem;

namespace {

const std::string good = "000102030405060708090a0B0C0D0E0F101112131415161718191a1b1c1d1e1f";

void check_refused(const std::string& digits) {
  INFO(digits);
  try {
    (void)master_key::from_hex(digits);
    FAIL_CHECK("was taken");
  } catch (const error& e) {
    CHECK(e.code() == errc::invalid_argument);
    CHECK(e.where().field == "master_key");
    if (digits.size() > 8) CHECK(std::string(e.what()).find(digits.substr(0, 8)) == std::string::npos);
  }
}

}  // namespace

TEST_CASE("a master key is 64 hexadecimal digits and nothing else, and no refusal repeats them") {
  CHECK_NOTHROW(master_key::from_hex(good));
  check_refused("");
  check_refused(good.substr(1));
  check_refused(good + "0");
  check_refused("0x" + good.substr(2));
  check_refused(" " + good.substr(1));
  check_refused(good.substr(0, 63) + "g");
  check_refused(good.substr(0, 63) + "\n");
  check_refused(good.substr(0, 63) + std::string(1, '\0'));
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = ':';
    check_refused(changed);
  }
}

TEST_CASE("a master key is 32 bytes that are not all zero") {
  std::array<std::byte, 33> bytes{};
  CHECK_THROWS_AS(master_key::from_bytes({bytes.data(), 32}), error);
  CHECK_THROWS_AS(master_key::from_hex(std::string(64, '0')), error);
  bytes[31] = std::byte{1};
  CHECK_NOTHROW(master_key::from_bytes({bytes.data(), 32}));
  CHECK_THROWS_AS(master_key::from_bytes({bytes.data(), 31}), error);
  CHECK_THROWS_AS(master_key::from_bytes({bytes.data(), 33}), error);
  CHECK_THROWS_AS(master_key::from_bytes({}), error);
}
