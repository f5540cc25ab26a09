#pragma once
// How long work reports itself and is cancelled: a callback the host passes in.

#include <cstddef>
#include <functional>
#include <string_view>

#include "tandem/core/config.hpp"
#include "tandem/core/error.hpp"

TANDEM_BEGIN

/// One report of a long piece of work.
struct progress_report {
  std::string_view stage;  ///< what is being done, e.g. "ials"
  std::size_t done = 0;    ///< steps finished, in [0, total]
  std::size_t total = 0;   ///< steps in all; 0 = not known
};

/// Called between steps on the thread that does the work; returns false to cancel. Empty = nobody asks.
using progress = std::function<bool(const progress_report&)>;

/// Reports to `callback` if there is one. Errors: cancelled, when it returns false.
inline void report_progress(const progress& callback, const progress_report& report) {
  if (callback && !callback(report)) {
    throw error(errc::cancelled, std::string(report.stage) + " was cancelled by its progress callback");
  }
}

TANDEM_END
