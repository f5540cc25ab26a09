// A host may say what becomes of a broken precondition: log, throw, or do nothing.
#include <cstdint>
#include <string>

#include "support/catch.hpp"

namespace {
struct broken {
  std::string condition;
};
}  // namespace
#define TANDEM_ASSERT(holds) ((holds) ? void() : throw broken{#holds})

#include "tandem/core/interner.hpp"

namespace {
enum class only_here : std::uint32_t {};  // so that no other file has the same instantiation, with assert() in it
}  // namespace

TEST_CASE("TANDEM_ASSERT defined before the first include is what checks preconditions, in every build type") {
  tandem::interner<only_here> names;
  CHECK(names.name(names.intern("kettle")) == "kettle");
  std::string said;
  try {
    (void)names.name(only_here{1});
  } catch (const broken& caught) {
    said = caught.condition;
  }
  CHECK(said == "slot(index) < names_.size()");
}
