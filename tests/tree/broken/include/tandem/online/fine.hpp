#pragma once
#include <vector>
#include "tandem/data/event.hpp"
#include "tandem/online/hides.hpp"
#include "tandem/version.hpp"
// does not abort() … nor exit()
inline const char* fine() { return "std::cout, printf(1)"; }
inline int abort_later(int aborted) { return table.exit(aborted) + table->terminate() + snprintf(aborted); }
