#pragma once
// A study as one HTML page: the finding in words first, then the evidence. No scripts, no network, no fonts to fetch.

#include <string>

#include "tandem/study/report.hpp"

TANDEM_BEGIN
namespace study {

/// The report as a self-contained HTML document, in UTF-8. Complexity: O(size of the page), about 100 KB.
/// Threads: a pure function of its argument.
[[nodiscard]] std::string to_html(const study_report& report);

}  // namespace study
TANDEM_END

#include "tandem/study/detail/report_html_impl.hpp"
