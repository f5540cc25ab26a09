#include "tandem/online/arms.hpp"

#include <memory>
#include <vector>

#include "support/catch.hpp"
#include "support/failing_new.hpp"

using tandem::online::arm_index;
using tandem::online::arm_table;

TEST_CASE("handles go on naming their arm while others come and go, and are never used twice") {
  arm_table<int> table;
  for (int value = 0; value < 5; ++value) REQUIRE(tandem::raw(table.add(value * 10)) == static_cast<unsigned>(value));
  CHECK(table.remove(arm_index{1}));
  CHECK(table.remove(arm_index{4}));
  CHECK(!table.remove(arm_index{4}));
  CHECK(!table.remove(arm_index{99}));
  CHECK(table.add(50) == arm_index{5});
  CHECK(table.size() == 4);
  CHECK(table.find(arm_index{1}) == nullptr);
  CHECK(table.find(arm_index{6}) == nullptr);
  const std::vector<std::pair<unsigned, int>> left = {{0, 0}, {2, 20}, {3, 30}, {5, 50}};
  for (std::size_t at = 0; at < left.size(); ++at) {
    CHECK(tandem::raw(table.handles()[at]) == left[at].first);
    CHECK(table.values()[at] == left[at].second);
    REQUIRE(table.find(arm_index{left[at].first}) != nullptr);
    CHECK(*table.find(arm_index{left[at].first}) == left[at].second);
  }
}

TEST_CASE("an arm that memory runs out for is not there") {
  for (long allowed = 0; allowed < 3; ++allowed) {
    arm_table<int> table;
    try {
      const tandem_test::fail_new_after failing(allowed);
      table.add(7);
    } catch (const std::bad_alloc&) {
    }
    CHECK(table.handles().size() == table.values().size());
  }
}
