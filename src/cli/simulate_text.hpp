#pragma once
// A simulation on a terminal and as JSON: the survey's tables, the arms compared, the sweep.

#include <string>

#include "tandem/study/simulation_report.hpp"

namespace tandem_cli {

[[nodiscard]] std::string to_text(const tandem::study::simulation_report& report);

/// {command, version, seeds, at_once, assumptions: {seed excepted, by name},
///  figures: {KEY: {unit, survey: {batch, realtime, hybrid}, random | batch | realtime | hybrid | oracle: {mean, low,
///            high, by_seed}, hybrid_minus_batch, hybrid_minus_realtime: {mean, low, high}}},
///  weekly_ctr: {random | ...: [...]},
///  sweep: [{name, changes, ctr: {batch, realtime, hybrid}, d30: the same, hybrid_over_batch, hybrid_over_realtime:
///           {mean, low, high, outcome}}]}
/// Times are in microseconds or seconds as the keys say; a figure that there is none of is null.
[[nodiscard]] std::string to_json_text(const tandem::study::simulation_report& report);

}  // namespace tandem_cli
