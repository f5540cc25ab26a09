#include "study_text.hpp"

#include <string_view>
#include <utility>
#include <vector>

#include "tandem/study/detail/findings.hpp"
#include "text_table.hpp"

namespace tandem_cli {
namespace {

namespace study = tandem::study;
using study::detail::cat;

std::string with_range(const study::estimate& e) {
  return cat(study::detail::measure(e.value), " [", study::detail::measure(e.range.low), ", ",
             study::detail::measure(e.range.high), "]");
}

std::vector<std::string> quality_cells(const study::arm_report& arm) {
  return {with_range(arm.all.ndcg), with_range(arm.all.hr), study::detail::measure(arm.all.mrr.value),
          study::detail::percent(arm.raw.coverage)};
}

std::string quality_table(const study::protocol_report& protocol, std::string_view heading) {
  std::vector<std::vector<std::string>> rows = {{std::string(heading), "NDCG@10", "HR@10", "MRR", "coverage"}};
  for (const study::arm a : study::all_arms) {
    rows.push_back({std::string(study::title(a))});
    for (std::string& cell : quality_cells(protocol[a])) rows.back().push_back(std::move(cell));
  }
  return aligned(rows);
}

std::string cost_table(const study::protocol_report& protocol) {
  using study::detail::duration_text;
  std::vector<std::vector<std::string>> rows = {{"cost", "answer", "", "learn", "", "events", "CPU", "of it", "peak"},
                                                {"", "p50", "p99", "p50", "p99", "a second", "", "refits", "memory"}};
  for (const study::arm a : study::all_arms) {
    const study::replay_result& run = protocol[a].raw;
    rows.push_back({std::string(study::title(a)), duration_text(run.decide.percentile(0.5)),
                    duration_text(run.decide.percentile(0.99)), duration_text(run.learn.percentile(0.5)),
                    duration_text(run.learn.percentile(0.99)),
                    study::detail::thousands(static_cast<std::uint64_t>(run.events_per_s())),
                    cat(study::detail::fixed(run.cpu_s, 1), " s"), cat(study::detail::fixed(run.refit_cpu_s, 1), " s"),
                    cat(study::detail::fixed(run.peak_rss_mb, 0), " MB")});
  }
  return aligned(rows);
}

// The name of what the hybrid is compared with, for people.
std::string name_of(std::string_view with) {
  for (const study::arm a : study::all_arms) {
    if (study::name(a) == with) return std::string(study::title(a));
  }
  return "its best source";
}

std::string ratio_cell(const study::estimate& ratio) {
  using study::detail::fixed;
  return cat("× ", fixed(ratio.value, 2), " [", fixed(ratio.range.low, 2), ", ", fixed(ratio.range.high, 2), "]");
}

std::string ratio_table(const study::study_report& report) {
  std::vector<std::vector<std::string>> rows = {{"hybrid against", "next event", "next visit"}};
  for (const study::comparison& each : report.next_event.comparisons) {
    rows.push_back({name_of(each.with)});
    for (const study::protocol_report* protocol : {&report.next_event, &report.next_visit}) {
      rows.back().push_back(ratio_cell(study::detail::ratio_with(*protocol, each.with)));
    }
  }
  return aligned(rows);
}

}  // namespace

std::string to_text(const study::study_report& report) {
  using study::detail::thousands;
  std::string out = wrapped(cat(study::detail::headline(report), ".")) + "\n";
  out += wrapped(cat(report.dataset, report.synthetic ? " (synthetic)" : "", ": ", thousands(report.events),
                     " events, ", thousands(report.users), " users, ", thousands(report.items), " items."));
  for (const std::string& note : report.notes) out += wrapped(cat("Note: ", note));
  out += wrapped(cat(thousands(report.judged), " predictions judged. Brackets: 95 % intervals over users.")) + "\n";
  out += quality_table(report.next_event, "next event") + "\n" + quality_table(report.next_visit, "next visit") + "\n" +
         ratio_table(report) + "\n" + cost_table(report.next_event);
  return out;
}

}  // namespace tandem_cli
