#pragma once
// Implementation of study/report_html.hpp: the sections of the page, in reading order.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/study/detail/charts.hpp"
#include "tandem/study/detail/findings.hpp"
#include "tandem/study/detail/report_style.hpp"
#include "tandem/study/report_html.hpp"

TANDEM_BEGIN
namespace study {
namespace detail {

[[nodiscard]] inline std::string swatch(arm a) { return cat("<i class=\"", name(a), "\"></i>", title(a)); }

/// The arms and their colours, in the order of every figure.
[[nodiscard]] inline std::string key_of_arms() {
  std::string out = "<div class=\"key\">";
  for (const arm a : arms_for_people) {
    out += cat("<span>", swatch(a), "</span>");
  }
  return out + "</div>";
}

[[nodiscard]] inline std::string range_text(const estimate& e) {
  return cat(measure(e.range.low), "–", measure(e.range.high));
}

[[nodiscard]] inline std::string list_of(const std::vector<std::string>& items, std::string_view style) {
  if (items.empty()) return {};
  std::string out = cat("<ul class=\"", style, "\">");
  for (const std::string& each : items) out += cat("<li>", escape(each), "</li>");
  return out + "</ul>";
}

/// True when the times of a log look like a calendar's.
[[nodiscard]] inline bool has_dates(const study_report& report) {
  return report.first > from_millis(0) && report.last - report.first >= std::chrono::hours(48);
}

// ---- the opening ------------------------------------------------------------------------------------------------

[[nodiscard]] inline std::string card(const study_report& report, std::string_view with, std::string_view label) {
  const estimate ratio = ratio_with(report.next_event, with);
  const verdict v = judge(ratio);
  constexpr std::array<std::string_view, 4> style = {"unknown", "worse", "unclear", "better"};
  std::string out = cat(R"(<div class="card"><span class="to">hybrid against )", label, "</span><b class=\"num\">");
  out += v == verdict::unknown ? std::string("–") : cat("×&#8202;", factor(ratio.value));
  out += cat("</b><span class=\"say ", style[static_cast<std::size_t>(v)], "\">", words(v), "</span>");
  if (v != verdict::unknown) {
    out += cat("<span class=\"range num\">", factor(ratio.range.low), " to ", factor(ratio.range.high), "</span>");
  }
  return out + "</div>";
}

[[nodiscard]] inline std::string opening(const study_report& report) {
  std::string out = cat("<header><p class=\"eyebrow\">tandem study · ", escape(report.dataset), "</p>");
  if (report.synthetic) out += "<p class=\"invented\">Synthetic log</p>";
  out += cat("<h1>", escape(headline(report)), ".</h1><p class=\"lede\">", escape(hits_sentence(report)), " ",
             escape(cost_sentence(report)), "</p>");
  std::string best = "its best source";
  if (!report.next_event.sources.empty()) best += cat(", ", escape(report.next_event.sources.front().name));
  out += cat("<div class=\"cards\">", card(report, "batch", "batch"),
             card(report, "batch_fold_in", "batch, user folded in"), card(report, "realtime", "real-time"),
             card(report, "realtime_ranked", "real-time with a ranker"), card(report, "best_source", best), "</div>");
  out += list_of(cautions(report), "care");
  out += cat("<p class=\"facts num\">", thousands(report.events), " events · ", thousands(report.users), " users · ",
             thousands(report.items), " items");
  if (has_dates(report)) out += cat(" · ", day_text(report.first), " to ", day_text(report.last));
  return out + cat(" · ", thousands(report.judged), " predictions judged</p></header>");
}

// ---- quality ----------------------------------------------------------------------------------------------------

[[nodiscard]] inline std::string arm_rows(const protocol_report& protocol, const axis& x) {
  std::string out = "<div class=\"rows\">";
  for (const arm a : arms_for_people) {
    const estimate& e = protocol[a].all.ndcg;
    const std::string_view me = a == arm::hybrid ? " me" : "";
    out += cat("<div class=\"k", me, "\">", swatch(a), "</div>", dot_lane(x, e, name(a)), "<div class=\"v", me, "\">",
               measure(e.value), "</div>");
  }
  return out + cat("<div></div>", axis_lane(x), "<div></div></div>");
}

[[nodiscard]] inline std::string quality_section(const study_report& report) {
  double largest = 0;
  for (const protocol_report* protocol : {&report.next_event, &report.next_visit}) {
    for (const arm_report& each : protocol->arms) {
      if (std::isfinite(each.all.ndcg.range.high)) largest = std::max(largest, each.all.ndcg.range.high);
    }
  }
  const axis x = axis::up_to(largest);
  return cat(
      "<section><h2>How near the top was the item taken?</h2><p class=\"note\">NDCG@10: 1 when it always comes "
      "first, 0 when it is never among the first ten. Bands: 95\u00a0% "
      "intervals over users. Arms meet on the same predictions, so one can be clearly ahead though bands overlap; the "
      "ratios above say so.</p>",
      "<div class=\"panels\"><div><h3>Next event</h3>", arm_rows(report.next_event, x),
      "<p class=\"note\">Everything before the event is known.</p></div><div><h3>Next visit</h3>",
      arm_rows(report.next_visit, x),
      "<p class=\"note\">Only earlier visits are known: harder, and nearer to a page planned ahead.</p></div></div>",
      "</section>");
}

[[nodiscard]] inline std::string time_section(const study_report& report) {
  std::vector<curve> curves;
  curves.reserve(n_arms);
  for (const arm a : all_arms) curves.push_back({name(a), report.next_event[a].over_time});
  if (curves.front().values.size() < 3) return {};
  std::vector<double> marks;
  marks.reserve(report.options.refits);
  for (std::size_t k = 0; k < report.options.refits; ++k) {
    marks.push_back(static_cast<double>(k) / static_cast<double>(report.options.refits));
  }
  const bool dates = has_dates(report);
  const std::string left = dates ? day_text(report.slices.front()) : cat("event ", thousands(report.events / 2));
  const std::string right = dates ? day_text(report.slices.back()) : cat("event ", thousands(report.events));
  return cat("<section><h2>Over time</h2><p class=\"note\">NDCG@10 through the second half of the log, in ",
             std::to_string(curves.front().values.size()),
             " equal slices of predictions. Ticks on the axis: refits of ", "the batch model.</p>", key_of_arms(),
             line_chart(curves, marks, left, right), "</section>");
}

[[nodiscard]] inline std::string group_label(const study_report& report, std::size_t g) {
  const auto& groups = report.history_groups;
  if (groups[g].first == 0 && g + 1 < groups.size() && groups[g + 1].first == 1) return "first event ever";
  if (g + 1 == groups.size()) return cat(std::to_string(groups[g].first), " or more before");
  return cat(std::to_string(groups[g].first), " to ", std::to_string(groups[g + 1].first - 1), " before");
}

/// Which users each arm serves well: four dots a group.
[[nodiscard]] inline std::string history_section(const study_report& report) {
  constexpr double least_share = 0.005;
  double largest = 0;
  for (std::size_t g = 0; g < report.history_groups.size(); ++g) {
    if (report.history_groups[g].share < least_share) continue;
    for (const arm a : all_arms) largest = std::max(largest, report.next_event[a].by_history[g].range.high);
  }
  const axis x = axis::up_to(largest);
  std::string rows = "<div class=\"rows\">";
  for (std::size_t g = 0; g < report.history_groups.size(); ++g) {
    const double share = report.history_groups[g].share;
    if (share < least_share) continue;
    rows += cat("<div class=\"k\">", group_label(report, g),
                R"(</div><svg class="lane" height="76" aria-hidden="true">)", grid_lines(x));
    int y = 10;
    for (const arm a : arms_for_people) {
      rows += dot(x, report.next_event[a].by_history[g], name(a), y);
      y += 14;
    }
    rows += cat("</svg><div class=\"v\">", percent(share), "</div>");
  }
  return cat(
      "<section><h2>New users and known ones</h2><p class=\"note\">NDCG@10 by how many events the user had "
      "before; on the right, the share of predictions.</p>",
      key_of_arms(), rows, "<div></div>", axis_lane(x), "<div></div></div></section>");
}

// ---- sources ----------------------------------------------------------------------------------------------------

/// A source's name; may break after an underscore.
[[nodiscard]] inline std::string breakable(std::string_view source) {
  std::string out;
  for (const char c : source) out += c == '_' ? std::string("_<wbr>") : escape({&c, 1});
  return out;
}

[[nodiscard]] inline std::string about_source(std::string_view source) {
  for (const hybrid::source_info& each : hybrid::built_in_sources()) {
    if (each.name == source) return escape(each.about);
  }
  return {};
}

[[nodiscard]] inline std::string served_sentence(const replay_result& run) {
  std::uint64_t total = 0;
  for (const std::uint64_t n : run.served) total += n;
  if (total == 0) return {};
  std::vector<std::size_t> order(run.served.size());
  for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return run.served[a] > run.served[b]; });
  std::string text = "Who had the last word on the order of the answers: ";
  for (std::size_t k = 0; k < std::min<std::size_t>(order.size(), 3); ++k) {
    const double share = static_cast<double>(run.served[order[k]]) / static_cast<double>(total);
    text += cat(k == 0 ? "" : ", ", "<b>", escape(run.experts[order[k]]), "</b> in ", percent(share));
  }
  return text + (order.size() > 3 ? ", others in the rest." : ".");
}

[[nodiscard]] inline std::string source_section(const study_report& report) {
  const protocol_report& protocol = report.next_event;
  if (protocol.sources.empty()) return {};
  const double hybrid_ndcg = protocol[arm::hybrid].all.ndcg.value;
  const axis x = axis::up_to(std::max(hybrid_ndcg, protocol.sources.front().ndcg.range.high));
  std::string rows =
      "<div class=\"rows sources\"><div></div><div></div><div class=\"h\">NDCG@10</div><div class=\"h hr\">in its<br>"
      "first ten</div><div class=\"h\">only it<br>had it</div>";
  std::string silent;
  for (const source_report& each : protocol.sources) {
    if (each.hr == 0) {
      silent += cat(silent.empty() ? "" : ", ", escape(each.name));
      continue;
    }
    rows += cat("<div class=\"k\">", breakable(each.name), "<span class=\"about\">", about_source(each.name),
                "</span></div>", bar_lane(x, each.ndcg, each.needs_model ? "batch_fold_in" : "realtime", hybrid_ndcg),
                "<div class=\"v\">", measure(each.ndcg.value), "</div><div class=\"v hr\">", percent(each.hr),
                "</div><div class=\"v\">", percent(each.alone), "</div>");
  }
  rows += cat("<div></div>", axis_lane(x), "<div></div><div class=\"hr\"></div><div></div></div>");
  std::string out =
      cat("<section><h2>What each source contributed</h2><p class=\"note\">Every source of the hybrid, "
          "ranking the whole catalogue by itself. The dashed line is the hybrid. “Only it had it”: the "
          "share of predictions whose item stood in the first ten of this source and of no other.</p>",
          R"(<div class="key"><span><i class="realtime"></i>learns from each event</span>)",
          "<span><i class=\"batch_fold_in\"></i>needs the batch model</span></div>", rows);
  const std::string served = served_sentence(protocol[arm::hybrid].raw);
  if (!served.empty()) out += cat("<p class=\"note tell\">", served, "</p>");
  if (!silent.empty()) out += cat("<p class=\"note\">Found nothing on this log: ", silent, ".</p>");
  return out + "</section>";
}

// ---- cost -------------------------------------------------------------------------------------------------------

[[nodiscard]] inline std::string hill_cell(const latency_histogram& h, const duration_axis& x, arm a) {
  return cat("<div>", hill(h, x, name(a)), "<small>half within ", duration_text(h.percentile(0.5)),
             ", 99 of 100 within ", duration_text(h.percentile(0.99)), "</small></div>");
}

[[nodiscard]] inline std::string latency_section(const study_report& report) {
  std::vector<const latency_histogram*> decide;
  std::vector<const latency_histogram*> learn;
  for (const arm_report& each : report.next_event.arms) {
    decide.push_back(&each.raw.decide);
    learn.push_back(&each.raw.learn);
  }
  const duration_axis decide_axis = duration_axis::around(decide);
  const duration_axis learn_axis = duration_axis::around(learn);
  std::string rows =
      R"(<div class="rows hills"><div class="k"></div><h3>Answering a request</h3><h3>Learning an event</h3>)";
  for (const arm a : arms_for_people) {
    const replay_result& run = report.next_event[a].raw;
    rows += cat("<div class=\"k\">", swatch(a), "</div>", hill_cell(run.decide, decide_axis, a),
                hill_cell(run.learn, learn_axis, a));
  }
  rows += cat("<div class=\"k\"></div>", duration_lane(decide_axis), duration_lane(learn_axis), "</div>");
  return cat(
      "<section><h2>How long it takes</h2><p class=\"note\">Every call of the replay, on a logarithmic scale; "
      "the lines mark the median and the slowest hundredth. One thread, no network.</p>",
      rows, "</section>");
}

/// One row of the table: a cell an arm, the best ones marked.
class table_row {
 public:
  table_row(std::string_view label, int better) : text_(cat("<tr><td>", label, "</td>")), better_(better) {}

  void cell(double value, std::string shown) {
    values_.push_back(value);
    cells_.push_back(std::move(shown));
  }

  [[nodiscard]] std::string finish() const {
    double best = better_ > 0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    for (const double v : values_) best = better_ > 0 ? std::max(best, v) : std::min(best, v);
    std::string out = text_;
    for (std::size_t k = 0; k < cells_.size(); ++k) {
      out += cat(better_ != 0 && values_[k] == best ? "<td class=\"best\">" : "<td>", cells_[k], "</td>");
    }
    return out + "</tr>";
  }

 private:
  std::string text_;
  int better_;  // 1: more is better, -1: less is, 0: neither
  std::vector<double> values_;
  std::vector<std::string> cells_;
};

template <class Value, class Show>
[[nodiscard]] std::string row(const protocol_report& protocol, std::string_view label, int better, Value value,
                              Show show) {
  table_row out(label, better);
  for (const arm_report& each : protocol.arms) out.cell(value(each), show(each));
  return out.finish();
}

[[nodiscard]] inline std::string quality_rows(const protocol_report& protocol) {
  const auto estimate_row = [&](std::string_view label, estimate quality::*which) {
    return row(
        protocol, label, 1, [&](const arm_report& r) { return (r.all.*which).value; },
        [&](const arm_report& r) {
          return cat(measure((r.all.*which).value), "<small>", range_text(r.all.*which), "</small>");
        });
  };
  return estimate_row("NDCG@10", &quality::ndcg) + estimate_row("HR@10", &quality::hr) +
         estimate_row("MRR", &quality::mrr) +
         row(
             protocol, "Coverage", 0, [](const arm_report& r) { return r.raw.coverage; },
             [](const arm_report& r) { return percent(r.raw.coverage); });
}

[[nodiscard]] inline std::string cost_rows(const protocol_report& protocol) {
  const auto latency = [&](std::string_view label, latency_histogram replay_result::*which, double p) {
    return row(
        protocol, label, -1, [&](const arm_report& r) { return (r.raw.*which).percentile(p); },
        [&](const arm_report& r) { return duration_text((r.raw.*which).percentile(p)); });
  };
  return latency("Answer, median", &replay_result::decide, 0.5) + latency("Answer, p99", &replay_result::decide, 0.99) +
         latency("Learn, median", &replay_result::learn, 0.5) + latency("Learn, p99", &replay_result::learn, 0.99) +
         row(
             protocol, "Events a second", 1, [](const arm_report& r) { return r.raw.events_per_s(); },
             [](const arm_report& r) { return thousands(static_cast<std::uint64_t>(r.raw.events_per_s())); }) +
         row(
             protocol, "Processor time", -1, [](const arm_report& r) { return r.raw.cpu_s; },
             [](const arm_report& r) {
               return cat(fixed(r.raw.cpu_s, 1), " s<small>refits ", fixed(r.raw.refit_cpu_s, 1), " s</small>");
             }) +
         row(
             protocol, "of it a 1,000 answers", -1, [](const arm_report& r) { return r.raw.cpu_s_per_thousand(); },
             [](const arm_report& r) { return cat(fixed(r.raw.cpu_s_per_thousand(), 2), " s"); }) +
         row(
             protocol, "Peak memory", -1, [](const arm_report& r) { return r.raw.peak_rss_mb; },
             [](const arm_report& r) {
               return cat(fixed(r.raw.peak_rss_mb, 0), " MB<small>", fixed(r.raw.log_rss_mb, 0),
                          " before it starts</small>");
             }) +
         row(
             protocol, "Memory grown a 1,000 answers", -1, [](const arm_report& r) { return r.raw.kb_per_thousand(); },
             [](const arm_report& r) {
               return cat(thousands(static_cast<std::uint64_t>(r.raw.kb_per_thousand())), " kB");
             });
}

[[nodiscard]] inline std::string table_section(const study_report& report) {
  std::string out = "<section><h2>All figures</h2><div class=\"wide\"><table><thead><tr><th></th>";
  for (const arm a : all_arms) out += cat("<th>", title(a), "</th>");
  out += "</tr></thead><tbody>";
  const auto group = [](std::string_view label) {
    return cat(R"(<tr class="group"><th colspan="6">)", label, "</th></tr>");
  };
  return out + cat(group("Next event"), quality_rows(report.next_event), group("Next visit"),
                   quality_rows(report.next_visit), group("Cost, next event"), cost_rows(report.next_event),
                   "</tbody></table></div></section>");
}

// ---- how it was measured ------------------------------------------------------------------------------------------

/// "view 1, return -1, others 1, times its value".
[[nodiscard]] inline std::string what_counts(const study_report& report) {
  std::string out;
  for (const auto& [action, weight] : report.options.actions) {
    out += cat(escape(action), " ", fixed(weight, weight == std::round(weight) ? 0 : 2), ", ");
  }
  out += out.empty() ? "1" : "others 1";
  return out + (report.value_as_weight ? ", times its value" : "");
}

[[nodiscard]] inline std::string method_section(const study_report& report) {
  const replay_options& o = report.options;
  std::string arms;
  for (const arm a : all_arms) arms += cat("<dt>", title(a), "</dt><dd>", description(a), "</dd>");
  std::string out = cat(
      "<section><h2>How this was measured</h2><p>The log was replayed in time order through one engine an arm, each in "
      "a process of its own. Every event was predicted before it was learned. The first half only taught; in the "
      "second, "
      "every ",
      o.every == 1 ? std::string() : cat(std::to_string(o.every), "th "),
      "event was judged by where the arm "
      "had ranked the item that was then taken, among all items. Equal scores count at their mean place; an item that "
      "no "
      "source proposed counts as not found.</p><p>The batch model was refitted ",
      std::to_string(o.refits), " times in the judged half, and as often before it. ",
      o.repeat_items ? "Items the user already had could be recommended again."
                     : "Items the user already had were not recommended, and taking them again was not judged.",
      " Intervals: 1,000 bootstrap resamples by user, the same ones for every arm; each covers 95\u00a0% by "
      "itself.</p>",
      "<details><summary>The arms, and how to repeat this</summary><dl>", arms);
  const auto fact = [&](std::string_view what, const std::string& value) {
    out += cat("<dt>", what, "</dt><dd>", value, "</dd>");
  };
  fact("Log", cat(escape(report.dataset), ", ", thousands(report.visits), " visits"));
  fact("Judged", cat(thousands(report.judged), " predictions of ", thousands(report.judged_users), " users"));
  fact("An event counts", what_counts(report));
  fact("Seed", std::to_string(report.seed));
  fact("tandem", TANDEM_VERSION_STRING);
  if (!report.command.empty()) fact("Command", cat("<code>", escape(report.command), "</code>"));
  return out + "</dl></details></section>";
}

}  // namespace detail

inline std::string to_html(const study_report& report) {
  return detail::cat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><title>tandem study: ",
      detail::escape(report.dataset), "</title><style>", detail::report_style, "</style></head><body><main>",
      detail::opening(report), detail::quality_section(report), detail::time_section(report),
      detail::history_section(report), detail::source_section(report), detail::latency_section(report),
      detail::table_section(report), detail::method_section(report), "<footer>Made by tandem ", TANDEM_VERSION_STRING,
      ". This page is one file; it loads nothing.</footer></main></body></html>\n");
}

}  // namespace study
TANDEM_END
