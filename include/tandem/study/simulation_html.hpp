#pragma once
// A simulation as one HTML page: what people took and who stayed, arm beside arm, the survey's figures beside ours.

#include <string>

#include "tandem/study/simulation_report.hpp"

TANDEM_BEGIN
namespace study {

/// The report as a self-contained HTML document, in UTF-8: no scripts, nothing that is loaded.
/// Requires runs of all contenders, equally many of each. Complexity: O(size of the page), about 50 KB.
/// Threads: a pure function of its argument.
[[nodiscard]] std::string to_html(const simulation_report& report);

}  // namespace study
TANDEM_END

#include "tandem/study/detail/simulation_html_impl.hpp"
