#include "simulate_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/study/detail/figure_text.hpp"
#include "tandem/version.hpp"
#include "text_table.hpp"

namespace tandem_cli {
namespace {

namespace study = tandem::study;
using study::contender;
using study::figure;
using study::seed_estimate;
using study::detail::cat;
using study::detail::fixed;
using study::detail::heading;
using study::detail::is_silent;
using study::detail::scale_of;
using study::detail::survey_text;
using study::detail::value_text;

using table = std::vector<std::vector<std::string>>;

// "x [low, high]", or x alone.
std::string with_range(const seed_estimate& e, double factor, int digits) {
  const auto number = [&](double x) { return fixed(x * factor, digits); };
  if (!std::isfinite(e.range.low)) return number(e.mean);
  return cat(number(e.mean), " [", number(e.range.low), ", ", number(e.range.high), "]");
}

int digits_for(double size) { return size < 10 ? 2 : size < 100 ? 1 : 0; }

std::string difference_cell(const figure& f, const seed_estimate& e) {
  const double factor = scale_of(f).factor;
  const double size =
      std::isfinite(e.range.low) ? std::max(std::abs(e.range.low), std::abs(e.range.high)) : std::abs(e.mean);
  return with_range(e, factor, digits_for(size * factor));
}

constexpr std::array<contender, 2> halves = {contender::batch, contender::realtime};

std::vector<std::string> row_of(const study::simulation_report& report, const figure& f) {
  std::vector<std::string> row = {heading(f)};
  for (const contender c : study::all_contenders) {
    row.push_back(is_silent(f, c) ? "" : value_text(f, study::estimate_of(f, report.runs[c]).mean));
  }
  row.push_back(survey_text(f));
  return row;
}

// The survey's five tables, ours beside.
std::string tables(const study::simulation_report& report) {
  std::string out;
  table rows;
  std::string_view at;
  for (const figure& each : study::figures()) {
    if (each.table != at) {
      if (!rows.empty()) out += aligned(rows) + "\n";
      rows = {{std::string(each.table), "Random", "Batch", "Real-time", "Hybrid", "Oracle", "survey: B / R / H"}};
    }
    at = each.table;
    rows.push_back(row_of(report, each));
  }
  return out + aligned(rows) + "\n";
}

// By how much the hybrid differs, figure by figure.
std::string differences(const study::simulation_report& report) {
  table rows = {{"The hybrid's difference", "from Batch", "from Real-time"}};
  for (const figure& each : study::figures()) {
    rows.push_back({heading(each)});
    for (const contender c : halves) {
      rows.back().push_back(
          difference_cell(each, study::difference(each, report.runs[contender::hybrid], report.runs[c])));
    }
  }
  return aligned(rows) + "\n";
}

std::string_view words(study::outcome o) {
  switch (o) {
    case study::outcome::wins: return "hybrid ahead";
    case study::outcome::loses: return "HYBRID BEHIND";
    case study::outcome::even: break;
  }
  return "NO DIFFERENCE";
}

seed_estimate hybrid_over(const study::simulation_runs& runs, contender c, std::string_view key) {
  return study::ratio(study::figure_of(key), runs[contender::hybrid], runs[c]);
}

std::string ratio_cell(const seed_estimate& e) { return cat("× ", with_range(e, 1, 2)); }

std::string ratios(const study::simulation_report& report) {
  table rows = {{"Hybrid / ...", "Batch", "survey", "Real-time", "survey"}};
  for (const std::string_view key : {"ctr", "d30"}) {
    const figure& f = study::figure_of(key);
    const auto survey = [&](std::size_t half) { return fixed(f.survey[2] / f.survey[half], 2); };
    rows.push_back({std::string(f.title), ratio_cell(hybrid_over(report.runs, contender::batch, key)), survey(0),
                    ratio_cell(hybrid_over(report.runs, contender::realtime, key)), survey(1)});
  }
  return aligned(rows);
}

std::string sweep_table(const study::simulation_report& report) {
  table rows = {{"CTR where ...", "Batch", "Real-time", "Hybrid", "Hybrid / Batch", "", "Hybrid / Real-time", ""}};
  const figure& ctr = study::figure_of("ctr");
  for (const study::sweep_row& each : report.sweep) {
    rows.push_back({std::string(each.setting.name)});
    for (const contender c : {contender::batch, contender::realtime, contender::hybrid}) {
      rows.back().push_back(value_text(ctr, study::estimate_of(ctr, each.runs[c]).mean) + " %");
    }
    for (const contender c : halves) {
      const seed_estimate by = hybrid_over(each.runs, c, "ctr");
      rows.back().push_back(ratio_cell(by));
      rows.back().emplace_back(words(study::outcome_of(by)));
    }
  }
  return aligned(rows);
}

nlohmann::ordered_json to_json(const seed_estimate& e) {
  return {{"mean", e.mean}, {"low", e.range.low}, {"high", e.range.high}};  // NaN is written as null
}

nlohmann::ordered_json to_json(const study::simulation_report& report, const figure& f) {
  nlohmann::ordered_json out;
  out["unit"] = scale_of(f).unit;
  out["survey"] = {{"batch", f.survey[0]}, {"realtime", f.survey[1]}, {"hybrid", f.survey[2]}};
  for (const contender c : study::all_contenders) {
    if (is_silent(f, c)) continue;
    nlohmann::ordered_json& one = out[std::string(study::name(c))] = to_json(study::estimate_of(f, report.runs[c]));
    for (const study::simulation_result& each : report.runs[c]) one["by_seed"].push_back(f.of(each));
  }
  for (const contender c : halves) {
    out["hybrid_minus_" + std::string(study::name(c))] =
        to_json(study::difference(f, report.runs[contender::hybrid], report.runs[c]));
  }
  return out;
}

// CTR of each week, all seeds together.
nlohmann::ordered_json weekly_json(const study::contender_runs& runs) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (std::size_t w = 0; !runs.empty() && w < runs.front().weekly_shown.size(); ++w) {
    std::uint64_t shown = 0, taken = 0;
    for (const study::simulation_result& each : runs) {
      shown += each.weekly_shown[w];
      taken += each.weekly_taken[w];
    }
    if (shown > 0) out.push_back(static_cast<double>(taken) / static_cast<double>(shown));
  }
  return out;
}

nlohmann::ordered_json to_json(const study::sweep_row& row) {
  nlohmann::ordered_json out;
  out["name"] = row.setting.name;
  out["changes"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : row.setting.changes) out["changes"][std::string(name)] = value;
  for (const std::string_view key : {"ctr", "d30"}) {
    for (const contender c : {contender::batch, contender::realtime, contender::hybrid}) {
      out[std::string(key)][std::string(study::name(c))] =
          to_json(study::estimate_of(study::figure_of(key), row.runs[c]));
    }
  }
  for (const contender c : halves) {
    const seed_estimate by = hybrid_over(row.runs, c, "ctr");
    nlohmann::ordered_json& one = out["hybrid_over_" + std::string(study::name(c))] = to_json(by);
    one["outcome"] = study::outcome_of(by) == study::outcome::wins    ? "wins"
                     : study::outcome_of(by) == study::outcome::loses ? "loses"
                                                                      : "even";
  }
  return out;
}

}  // namespace

std::string to_text(const study::simulation_report& report) {
  using study::detail::thousands;
  const study::population_options& o = report.options;
  std::string out = wrapped(cat("An invented population: ", thousands(o.users), " people over ", thousands(o.days),
                                " days, ", thousands(o.items), " items on offer; ", thousands(report.seeds.size()),
                                report.seeds.size() == 1 ? " seed" : " seeds", ". All arms met the same people."));
  out += wrapped(cat("Figures are means over seeds. Brackets: 95 % t intervals over seeds, of the differences within a "
                     "seed. ",
                     thousands(report.at_once), report.at_once == 1 ? " run" : " runs", " at a time.")) +
         "\n";
  out += tables(report) + differences(report) + ratios(report);
  if (!report.sweep.empty()) out += "\n" + sweep_table(report);
  return out;
}

std::string to_json_text(const study::simulation_report& report) {
  nlohmann::ordered_json out;
  out["command"] = report.command;
  out["version"] = TANDEM_VERSION_STRING;
  out["seeds"] = report.seeds;
  out["at_once"] = report.at_once;
  for (const study::population_field& each : study::population_fields()) {
    out["assumptions"][std::string(each.name)] = study::get(report.options, each);
  }
  for (const figure& each : study::figures()) out["figures"][std::string(each.key)] = to_json(report, each);
  for (const contender c : study::all_contenders) {
    out["weekly_ctr"][std::string(study::name(c))] = weekly_json(report.runs[c]);
  }
  if (!report.sweep.empty()) out["sweep"] = nlohmann::ordered_json::array();
  for (const study::sweep_row& each : report.sweep) out["sweep"].push_back(to_json(each));
  return out.dump(2) + "\n";
}

}  // namespace tandem_cli
