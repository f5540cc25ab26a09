#pragma once
// The kinds of operation on files that fail in the tests of full disks and failing devices.

#include "durable/shim_vfs.hpp"

namespace tandem_test {

struct trouble {
  const char* name;
  fault what;
  unsigned of;  ///< kinds of operation
};

inline constexpr trouble troubles[] = {
    {"full disk", fault::full, file_op::write},
    {"failing writes", fault::error, file_op::write},
    {"failing syncs", fault::error, file_op::sync},
    {"failing truncations", fault::error, file_op::truncate},
    {"failing opens", fault::error, file_op::open},
    {"failing removals", fault::error, file_op::remove},
    {"failing reads", fault::error, file_op::read},
    {"failing locks", fault::error, file_op::lock},
    {"failing locks of shared memory", fault::error, file_op::shared},
};

/// Of so many that each of them is tried only now and then where time is short.
[[nodiscard]] constexpr bool is_frequent(const trouble& each) {
  return (each.of & (file_op::write | file_op::read | file_op::shared)) != 0;
}

}  // namespace tandem_test
