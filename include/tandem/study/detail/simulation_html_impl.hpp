#pragma once
// Implementation of study/simulation_html.hpp: the sections of the page, in reading order.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/study/detail/charts.hpp"
#include "tandem/study/detail/figure_text.hpp"
#include "tandem/study/detail/report_style.hpp"
#include "tandem/study/simulation_html.hpp"
#include "tandem/version.hpp"

TANDEM_BEGIN
namespace study {
namespace detail {

/// Best first, as people read.
inline constexpr std::array<contender, n_contenders> contenders_for_people = {
    contender::oracle, contender::hybrid, contender::realtime, contender::batch, contender::random};
inline constexpr std::array<contender, 3> engine_contenders = {contender::hybrid, contender::realtime,
                                                               contender::batch};

[[nodiscard]] inline std::string swatch(contender c) { return cat("<i class=\"", name(c), "\"></i>", title(c)); }

[[nodiscard]] inline std::string key_of_contenders() {
  std::string out = "<div class=\"key\">";
  for (const contender c : contenders_for_people) out += cat("<span>", swatch(c), "</span>");
  return out + "</div>";
}

/// With an interval to draw: of a single seed, the point itself.
[[nodiscard]] inline estimate drawn(const seed_estimate& e) {
  if (std::isfinite(e.range.low)) return {e.mean, e.range};
  return {e.mean, {e.mean, e.mean}};
}

[[nodiscard]] inline seed_estimate hybrid_by(const simulation_runs& runs, contender c, std::string_view key) {
  return ratio(figure_of(key), runs[contender::hybrid], runs[c]);
}

// ---- the opening ------------------------------------------------------------------------------------------------

/// "43 % more than", "about as much as", "5 % less than".
[[nodiscard]] inline std::string compared(const seed_estimate& by) {
  switch (outcome_of(by)) {
    case outcome::wins: return change(by.mean).substr(1) + " more than";
    case outcome::loses: return change(by.mean).substr(std::string_view("−").size()) + " less than";
    case outcome::even: break;
  }
  return "about as much as";
}

[[nodiscard]] inline std::string ratio_card(const simulation_report& report, contender c, std::string_view key,
                                            std::string_view label) {
  const figure& f = figure_of(key);
  const seed_estimate by = hybrid_by(report.runs, c, key);
  const double survey = f.survey[2] / f.survey[c == contender::batch ? 0 : 1];
  std::string out = cat(R"(<div class="card"><span class="to">)", label, ", hybrid against ", title(c),
                        "</span><b class=\"num\">×&#8202;", factor(by.mean), "</b>");
  if (std::isfinite(by.range.low)) {
    constexpr std::array<std::string_view, 3> style = {"better", "unclear", "worse"};
    constexpr std::array<std::string_view, 3> say = {"clearly more", "no clear difference", "clearly less"};
    const auto which = static_cast<std::size_t>(outcome_of(by));
    out += cat("<span class=\"say ", style[which], "\">", say[which], "</span><span class=\"range num\">",
               factor(by.range.low), " to ", factor(by.range.high), "</span>");
  }
  return out + cat("<span class=\"range num\">the survey: ×&#8202;", factor(survey), "</span></div>");
}

[[nodiscard]] inline std::string simulation_opening(const simulation_report& report) {
  const population_options& o = report.options;
  const auto taken = [&](contender c) { return compared(hybrid_by(report.runs, c, "ctr")); };
  const std::size_t n = report.seeds.size();
  std::string out =
      cat("<header><p class=\"eyebrow\">tandem simulation</p><p class=\"invented\">Invented people</p><h1>From the "
          "hybrid’s "
          "pages people take ",
          taken(contender::batch), " from batch’s, and ", taken(contender::realtime),
          " from real-time’s.</h1><p class=\"lede\">", thousands(o.users), " people over ", thousands(o.days),
          " days, ", thousands(o.items), " items on offer, in ", thousands(n), n == 1 ? " population" : " populations",
          ". Every arm met the same people. What came out is true of these assumptions only: it shows which way things "
          "push, "
          "and is no forecast for a shop.</p><div class=\"cards\">",
          ratio_card(report, contender::batch, "ctr", "Taken of what was shown"),
          ratio_card(report, contender::realtime, "ctr", "Taken of what was shown"),
          ratio_card(report, contender::batch, "d30", "Still there after 30 days"),
          ratio_card(report, contender::realtime, "d30", "Still there after 30 days"), "</div>");
  if (n == 1) out += R"(<ul class="care"><li>One population has no interval: ask for more with --seeds.</li></ul>)";
  return out + "</header>";
}

// ---- what was taken, who stayed -----------------------------------------------------------------------------------

/// A value for each step of x, over seeds.
struct seed_curve {
  std::vector<double> values, low, high;

  void add(const seed_estimate& e) {
    const estimate shown = drawn(e);
    values.push_back(100 * shown.value);
    low.push_back(100 * std::max(0.0, shown.range.low));  // they are shares
    high.push_back(100 * std::min(1.0, shown.range.high));
  }
  [[nodiscard]] curve as(contender c, std::span<const double> at = {}) const {
    const bool engine = c != contender::random && c != contender::oracle;
    if (!engine) return {name(c), values, {}, {}, at};
    return {name(c), values, low, high, at};
  }
};

[[nodiscard]] inline seed_curve weekly(const contender_runs& runs, std::size_t weeks) {
  seed_curve out;
  for (std::size_t w = 0; w < weeks; ++w) {
    std::vector<double> shares;
    shares.reserve(runs.size());
    for (const simulation_result& each : runs) shares.push_back(per(each.weekly_taken[w], each.weekly_shown[w]));
    out.add(over_seeds(shares));
  }
  return out;
}

[[nodiscard]] inline std::string weekly_section(const simulation_report& report) {
  const auto weeks = std::min(report.options.days / 7, report.runs[contender::hybrid].front().weekly_shown.size());
  if (weeks < 3) return {};
  std::array<seed_curve, n_contenders> all;
  std::vector<curve> curves;
  for (const contender c : all_contenders) {
    seed_curve& one = all[static_cast<std::size_t>(c)];
    one = weekly(report.runs[c], weeks);
    curves.push_back(one.as(c));
  }
  return cat(
      "<section><h2>What was taken, week by week</h2><p class=\"note\">Items taken of 100 shown. Bands: 95\u00a0% "
      "intervals over populations. Dotted: above, the oracle, who knows every taste, mood and trend; below, chance. "
      "All "
      "start knowing nobody.</p>",
      key_of_contenders(), line_chart(curves, {}, "week 1", cat("week ", std::to_string(weeks))), "</section>");
}

/// The days that somebody could be asked about.
[[nodiscard]] inline std::vector<std::size_t> days_asked(const simulation_report& report) {
  std::vector<std::size_t> out;
  for (std::size_t k = 0; k < retention_days.size(); ++k) {
    const bool all = std::ranges::all_of(report.runs.by, [&](const contender_runs& runs) {
      return std::ranges::all_of(runs, [&](const simulation_result& r) { return r.retained[k].of > 0; });
    });
    if (all) out.push_back(k);
  }
  return out;
}

[[nodiscard]] inline std::string retention_section(const simulation_report& report) {
  const std::vector<std::size_t> asked = days_asked(report);
  if (asked.empty()) return {};
  const double last = retention_days[asked.back()];
  std::vector<double> at{0};
  for (const std::size_t k : asked) at.push_back(retention_days[k] / last);
  std::array<seed_curve, n_contenders> all;
  std::vector<curve> curves;
  for (const contender c : all_contenders) {
    seed_curve& one = all[static_cast<std::size_t>(c)];
    one.add({1, {1, 1}});
    for (const std::size_t k : asked) {
      std::vector<double> shares;
      for (const simulation_result& each : report.runs[c]) shares.push_back(each.retained[k].share());
      one.add(over_seeds(shares));
    }
    curves.push_back(one.as(c, at));
  }
  std::vector<double> marks(at.begin() + 1, at.end());
  return cat(
      "<section><h2>Who stays</h2><p class=\"note\">Of 100 people who came, how many come back in the week after "
      "so many days. Satisfaction with pages drives it, by assumption. Ticks on the axis: the days asked "
      "about.</p>",
      key_of_contenders(), line_chart(curves, marks, "the day they came", cat(fixed(last, 0), " days later")),
      "</section>");
}

// ---- where it does not win ------------------------------------------------------------------------------------------

[[nodiscard]] inline std::string sweep_section(const simulation_report& report) {
  if (report.sweep.empty()) return {};
  constexpr std::array<contender, 2> halves = {contender::batch, contender::realtime};
  double largest = 1;
  for (const sweep_row& each : report.sweep) {
    for (const contender c : halves) {
      largest = std::max(largest, drawn(hybrid_by(each.runs, c, "ctr")).range.high);
    }
  }
  const axis x = axis::up_to(largest);
  std::string rows = "<div class=\"rows\">";
  for (const sweep_row& each : report.sweep) {
    const seed_estimate by = hybrid_by(each.runs, contender::realtime, "ctr");
    rows += cat(
        "<div class=\"k\">", escape(each.setting.name), R"(</div><svg class="lane" height="40" aria-hidden="true">)",
        grid_lines(x), R"(<line class="ref" x1=")", x.at(1), "\" x2=\"", x.at(1), R"(" y1="0" y2="100%"/>)",
        dot(x, drawn(hybrid_by(each.runs, contender::batch, "ctr")), name(contender::batch), 13),
        dot(x, drawn(by), name(contender::realtime), 27), "</svg><div class=\"v\">×&#8202;", factor(by.mean), "</div>");
  }
  return cat(
      "<section><h2>Where the hybrid does not win</h2><p class=\"note\">One assumption changed at a time: what is "
      "taken of the hybrid’s pages by what is taken of the other’s. A band that touches the dashed line is no "
      "difference. On the right: by real-time.</p><div class=\"key\"><span>",
      swatch(contender::batch), "</span><span>", swatch(contender::realtime), "</span></div>", rows, "<div></div>",
      axis_lane(x), "<div></div></div></section>");
}

// ---- cost ---------------------------------------------------------------------------------------------------------

[[nodiscard]] inline latency_histogram together(const contender_runs& runs,
                                                latency_histogram simulation_result::*which) {
  latency_histogram out;
  for (const simulation_result& each : runs) out.add(each.*which);
  return out;
}

[[nodiscard]] inline std::string speed_section(const simulation_report& report) {
  struct pair {
    latency_histogram decide, learn;
  };
  std::vector<pair> all;
  all.reserve(engine_contenders.size());
  for (const contender c : engine_contenders) {
    all.push_back(
        {together(report.runs[c], &simulation_result::decide), together(report.runs[c], &simulation_result::learn)});
  }
  std::vector<const latency_histogram*> decide;
  std::vector<const latency_histogram*> learn;
  for (const pair& each : all) {
    decide.push_back(&each.decide);
    learn.push_back(&each.learn);
  }
  const duration_axis decide_axis = duration_axis::around(decide);
  const duration_axis learn_axis = duration_axis::around(learn);
  const auto cell = [](const latency_histogram& h, const duration_axis& x, contender c) {
    return cat("<div>", hill(h, x, name(c)), "<small>half within ", duration_text(h.percentile(0.5)),
               ", 99 of 100 within ", duration_text(h.percentile(0.99)), "</small></div>");
  };
  std::string rows =
      R"(<div class="rows hills"><div class="k"></div><h3>Filling a page</h3><h3>Learning what was taken</h3>)";
  for (std::size_t k = 0; k < all.size(); ++k) {
    const contender c = engine_contenders[k];
    rows += cat("<div class=\"k\">", swatch(c), "</div>", cell(all[k].decide, decide_axis, c),
                cell(all[k].learn, learn_axis, c));
  }
  return cat(
      "<section><h2>How long it takes</h2><p class=\"note\">Every call, on a logarithmic scale; the lines mark the "
      "median and the slowest hundredth. In process, no network; ",
      std::to_string(report.at_once), report.at_once == 1 ? " run" : " runs",
      " at a time. What it costs is in the table.</p>", rows, "<div class=\"k\"></div>", duration_lane(decide_axis),
      duration_lane(learn_axis), "</div></section>");
}

[[nodiscard]] inline std::string figure_row(const simulation_report& report, const figure& f) {
  std::string out = cat("<tr><td>", heading(f), "</td>");
  for (const contender c : all_contenders) {
    if (is_silent(f, c)) {
      out += "<td></td>";
      continue;
    }
    const seed_estimate e = estimate_of(f, report.runs[c]);
    out += cat("<td>", value_text(f, e.mean));
    if (std::isfinite(e.range.low)) {
      out += cat("<small>", value_text(f, e.range.low), "–", value_text(f, e.range.high), "</small>");
    }
    out += "</td>";
  }
  return out + cat("<td>", survey_text(f), "</td></tr>");
}

[[nodiscard]] inline std::string figures_section(const simulation_report& report) {
  std::string rows;
  std::string_view table;
  for (const figure& each : figures()) {
    if (each.table != table) rows += cat(R"(<tr class="group"><th colspan="7">)", each.table, "</th></tr>");
    table = each.table;
    rows += figure_row(report, each);
  }
  std::string head;
  for (const contender c : all_contenders) head += cat("<th>", title(c), "</th>");
  return cat(
      "<section><h2>All figures, and the survey’s</h2><p class=\"note\">Means over populations, 95\u00a0% "
      "intervals below them. The survey’s are for batch, real time and hybrid, of whole services with their "
      "network; where it has none that we know, there is none.</p><div class=\"wide\"><table><thead><tr><th></th>",
      head, "<th>Survey: B / R / H</th></tr></thead><tbody>", rows, "</tbody></table></div></section>");
}

// ---- how it was measured --------------------------------------------------------------------------------------------

[[nodiscard]] inline std::string assumptions_section(const simulation_report& report) {
  std::string facts;
  for (const population_field& each : population_fields()) {
    facts += cat("<dt>", each.name, "</dt><dd>", plain_number(get(report.options, each)), "</dd>");
  }
  if (!report.command.empty()) facts += cat("<dt>command</dt><dd><code>", escape(report.command), "</code></dd>");
  return cat(
      "<section><h2>How this was measured</h2><p>Each arm is an engine that a host drives: it is asked for pages "
      "and told what was taken. Batch has the factor model alone, refitted every night; real-time every source "
      "that needs no model; the hybrid is tandem with default options, refitted every night. Chance is common: "
      "one person who is shown one item in one state gives one answer, whoever asks. Rates leave out the first ",
      thousands(report.options.warm_up_days),
      " days. Intervals are 95\u00a0% t intervals over populations, of ratios within each.</p><details><summary>All "
      "assumptions, and how to repeat this</summary><dl>",
      facts, "</dl></details></section>");
}

}  // namespace detail

inline std::string to_html(const simulation_report& report) {
  return detail::cat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><title>tandem simulation</title><style>",
      detail::report_style, "</style></head><body><main>", detail::simulation_opening(report),
      detail::weekly_section(report), detail::retention_section(report), detail::sweep_section(report),
      detail::speed_section(report), detail::figures_section(report), detail::assumptions_section(report),
      "<footer>Made by tandem ", TANDEM_VERSION_STRING,
      ". This page is one file; it loads nothing.</footer></main></body></html>\n");
}

}  // namespace study
TANDEM_END
