#pragma once
// A study on a terminal: the table and the finding, in plain text.

#include <string>

#include "tandem/study/report.hpp"

namespace tandem_cli {

[[nodiscard]] std::string to_text(const tandem::study::study_report& report);

}  // namespace tandem_cli
