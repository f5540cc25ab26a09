#pragma once
// A study as JSON, for programs. An opt-in edge: needs nlohmann_json.

#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "tandem/study/report.hpp"

TANDEM_BEGIN
namespace study {

/// The report as JSON. Keys keep their order; a figure the data does not give is null.
///
/// {dataset, synthetic, events, users, items, visits, tied_events, bad_lines, notes, judged, judged_users,
///  arms: {batch | batch_fold_in | realtime | realtime_ranked | hybrid: {ndcg@10, hr@10, mrr (each with NAME_interval),
///  coverage,
///         decide_us: {p50, p99}, learn_us: {p50, p99}, events_per_s, cpu_s, refits, refit_s, refit_cpu_s,
///         cpu_s_per_thousand, kb_per_thousand (answers), peak_rss_mb, log_rss_mb, over_time: [ndcg@10], by_history:
///         [{from_events, share, ndcg@10, interval}]}},
///  sources: {NAME: {ndcg@10, ndcg@10_interval, hr@10, alone, needs_model}}, best_source, served_by: {NAME: share},
///  ratios: {hybrid/batch, hybrid/batch_fold_in, hybrid/realtime, hybrid/realtime_ranked,
///   hybrid/best_source}, ratio_intervals, differences,
///  difference_intervals, next_visit: {arms, sources, ... as above},
///  options: {refits, every, repeat_items, actions: {NAME: weight}, value_as_weight}, seed, version}
/// Complexity: O(size of the answer). Threads: a pure function of its argument.
[[nodiscard]] inline nlohmann::ordered_json to_json(const study_report& report);

namespace detail {

using ordered_json = nlohmann::ordered_json;

[[nodiscard]] inline ordered_json json_range(const estimate& e) { return {e.range.low, e.range.high}; }

inline void put(ordered_json& out, const std::string& key, const estimate& e) {
  out[key] = e.value;
  out[key + "_interval"] = json_range(e);
}

[[nodiscard]] inline ordered_json json_latency(const latency_histogram& h) {
  return {{"p50", h.percentile(0.5)}, {"p99", h.percentile(0.99)}};
}

[[nodiscard]] inline ordered_json json_arm(const arm_report& arm, const study_report& report) {
  ordered_json out;
  put(out, "ndcg@10", arm.all.ndcg);
  put(out, "hr@10", arm.all.hr);
  put(out, "mrr", arm.all.mrr);
  out["coverage"] = arm.raw.coverage;
  out["decide_us"] = json_latency(arm.raw.decide);
  out["learn_us"] = json_latency(arm.raw.learn);
  out["events_per_s"] = arm.raw.events_per_s();
  out["cpu_s"] = arm.raw.cpu_s;
  out["refits"] = arm.raw.refits;
  out["refit_s"] = arm.raw.refit_s;
  out["refit_cpu_s"] = arm.raw.refit_cpu_s;
  out["cpu_s_per_thousand"] = arm.raw.cpu_s_per_thousand();
  out["kb_per_thousand"] = arm.raw.kb_per_thousand();
  out["peak_rss_mb"] = arm.raw.peak_rss_mb;
  out["log_rss_mb"] = arm.raw.log_rss_mb;
  out["over_time"] = arm.over_time;
  out["by_history"] = ordered_json::array();
  for (std::size_t g = 0; g < arm.by_history.size(); ++g) {
    out["by_history"].push_back({{"from_events", report.history_groups[g].first},
                                 {"share", report.history_groups[g].share},
                                 {"ndcg@10", arm.by_history[g].value},
                                 {"interval", json_range(arm.by_history[g])}});
  }
  return out;
}

/// Adds arms, sources, ratios and differences of one protocol to `out`.
inline void put(ordered_json& out, const protocol_report& protocol, const study_report& report) {
  for (const arm a : all_arms) out["arms"][std::string(name(a))] = json_arm(protocol[a], report);
  out["sources"] = ordered_json::object();
  for (const source_report& each : protocol.sources) {
    ordered_json& source = out["sources"][each.name];
    put(source, "ndcg@10", each.ndcg);
    source["hr@10"] = each.hr;
    source["alone"] = each.alone;
    source["needs_model"] = each.needs_model;
  }
  out["best_source"] = protocol.sources.empty() ? ordered_json() : ordered_json(protocol.sources.front().name);
  const replay_result& served = protocol[arm::hybrid].raw;
  out["served_by"] = ordered_json::object();
  double answers = 0;
  for (const std::uint64_t n : served.served) answers += static_cast<double>(n);
  for (std::size_t k = 0; k < served.experts.size(); ++k) {
    out["served_by"][served.experts[k]] = static_cast<double>(served.served[k]) / answers;
  }
  for (const comparison& each : protocol.comparisons) {
    const std::string key = "hybrid/" + each.with;
    out["ratios"][key] = each.ratio.value;
    out["ratio_intervals"][key] = json_range(each.ratio);
    out["differences"][key] = each.difference.value;
    out["difference_intervals"][key] = json_range(each.difference);
  }
}

}  // namespace detail

inline nlohmann::ordered_json to_json(const study_report& report) {
  nlohmann::ordered_json out;
  out["dataset"] = report.dataset;
  out["synthetic"] = report.synthetic;
  out["events"] = report.events;
  out["users"] = report.users;
  out["items"] = report.items;
  out["visits"] = report.visits;
  out["tied_events"] = report.tied_events;
  out["bad_lines"] = report.bad_lines;
  out["notes"] = report.notes;
  out["judged"] = report.judged;
  out["judged_users"] = report.judged_users;
  detail::put(out, report.next_event, report);
  detail::put(out["next_visit"], report.next_visit, report);
  auto actions = nlohmann::ordered_json::object();
  for (const auto& [action, weight] : report.options.actions) actions[action] = weight;
  out["options"] = {{"refits", report.options.refits},
                    {"every", report.options.every},
                    {"repeat_items", report.options.repeat_items},
                    {"actions", std::move(actions)},
                    {"value_as_weight", report.value_as_weight}};
  out["seed"] = report.seed;
  out["version"] = TANDEM_VERSION_STRING;
  return out;
}

}  // namespace study
TANDEM_END
