// A host may say what becomes of a broken precondition: log, throw, or do nothing.
#include <cstdint>
#include <limits>
#include <string>

#include "support/catch.hpp"

namespace {
struct broken {
  std::string condition;
};
}  // namespace
#define TANDEM_ASSERT(holds) ((holds) ? void() : throw broken{#holds})

#include "tandem/core/flat_table.hpp"

namespace {
struct only_here {};  // so that no other file has the same instantiation, with assert() in it
}  // namespace

TEST_CASE("TANDEM_ASSERT defined before the first include is what checks preconditions, in every build type") {
  tandem::flat_table<only_here> table;
  CHECK_NOTHROW(table[7]);
  std::string said;
  try {
    table[std::numeric_limits<std::uint32_t>::max()];
  } catch (const broken& caught) {
    said = caught.condition;
  }
  CHECK(said == "key != empty_key");
}
