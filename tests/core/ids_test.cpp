#include "tandem/core/ids.hpp"

#include <cstdint>
#include <type_traits>

#include "support/catch.hpp"

using namespace tandem;

TEST_CASE("strong ids of different kinds do not mix") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<user_index, item_index>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<user_index, item_index>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<user_index, std::uint32_t>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::uint32_t, user_index>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<int, decision_id>);
}

TEST_CASE("raw and slot give back the integer inside") {
  STATIC_REQUIRE(raw(user_index{7}) == 7U);
  STATIC_REQUIRE(std::is_same_v<decltype(raw(user_index{7})), std::uint32_t>);
  STATIC_REQUIRE(std::is_same_v<decltype(raw(log_position{7})), std::uint64_t>);
  STATIC_REQUIRE(slot(item_index{0xffffffffU}) == 0xffffffffU);
}

TEST_CASE("no_id lies above every index in use") {
  STATIC_REQUIRE(raw(no_id<user_index>) == 0xffffffffU);
  STATIC_REQUIRE(no_id<item_index> > item_index{0xfffffffeU});
  STATIC_REQUIRE(raw(no_id<log_position>) == ~std::uint64_t{0});
}

TEST_CASE("a decision id by default names no decision") { STATIC_REQUIRE(decision_id{} == decision_id::none); }
