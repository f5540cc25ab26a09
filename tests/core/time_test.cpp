#include "tandem/core/time.hpp"

#include <chrono>
#include <limits>

#include "support/catch.hpp"

using namespace tandem;

TEST_CASE("time counts milliseconds from the epoch, both ways") {
  STATIC_REQUIRE(to_millis(from_millis(0)) == 0);
  STATIC_REQUIRE(to_millis(from_millis(-428716800000)) == -428716800000);
  STATIC_REQUIRE(from_millis(1) - from_millis(-1) == duration(2));
  STATIC_REQUIRE(to_millis(from_millis(std::numeric_limits<std::int64_t>::min())) ==
                 std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("time is the calendar's") {
  using namespace std::chrono;
  STATIC_REQUIRE(timestamp(sys_days(year(2011) / 12 / 9)) + hours(12) + minutes(50) == from_millis(1323435000000));
  STATIC_REQUIRE(timestamp(sys_days(year(1956) / 6 / 1)) == from_millis(-428716800000));
}

TEST_CASE("a host's clock converts as the header says") {
  const timestamp now = std::chrono::floor<duration>(std::chrono::system_clock::now());
  CHECK(now > from_millis(0));
}
