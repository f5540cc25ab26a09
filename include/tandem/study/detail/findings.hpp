#pragma once
// What a study found, in words: no adjective without an interval that supports it.

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/study/detail/html_text.hpp"
#include "tandem/study/report.hpp"

TANDEM_BEGIN
namespace study::detail {

/// What an interval of a ratio allows to say.
enum class verdict : std::uint8_t { unknown, worse, unclear, better };

[[nodiscard]] inline verdict judge(const estimate& ratio) {
  if (!std::isfinite(ratio.value)) return verdict::unknown;
  if (ratio.range.low > 1) return verdict::better;
  if (ratio.range.high < 1) return verdict::worse;
  return verdict::unclear;
}

[[nodiscard]] inline std::string_view words(verdict v) {
  switch (v) {
    case verdict::better: return "clearly better";
    case verdict::worse: return "clearly worse";
    case verdict::unclear: return "no clear difference";
    case verdict::unknown: break;
  }
  return "too few finds to compare";
}

/// "3.5 times as well as", "4 % better than", "about as well as".
[[nodiscard]] inline std::string how_much(const estimate& ratio) {
  switch (judge(ratio)) {
    case verdict::better:
      if (ratio.value >= 1.995) return factor(ratio.value) + " times as well as";
      return change(ratio.value).substr(1) + " better than";
    case verdict::worse: return change(ratio.value).substr(std::string_view("−").size()) + " worse than";
    case verdict::unclear: return "about as well as";
    case verdict::unknown: break;
  }
  return "incomparably to";
}

[[nodiscard]] inline const comparison* find_comparison(const protocol_report& report, std::string_view with) {
  for (const comparison& each : report.comparisons) {
    if (each.with == with) return &each;
  }
  return nullptr;
}

[[nodiscard]] inline estimate ratio_with(const protocol_report& report, std::string_view with) {
  const comparison* found = find_comparison(report, with);
  return found != nullptr ? found->ratio : estimate{};
}

/// The one sentence.
[[nodiscard]] inline std::string headline(const study_report& report) {
  const estimate batch = ratio_with(report.next_event, "batch");
  const estimate realtime = ratio_with(report.next_event, "realtime");
  const std::string where = report.synthetic ? "In this invented shop" : "On this log";
  if (judge(realtime) == verdict::unknown) {
    return where + ", too little was found to say which arm is best";
  }
  std::string text = where + ", the hybrid ranks the next choice ";
  if (judge(batch) != verdict::unknown) text += how_much(batch) + " batch and ";
  return text + how_much(realtime) + " real-time";
}

/// "12.4" as a count of a hundred: "12 of 100".
[[nodiscard]] inline std::string of_hundred(double share) { return fixed(100 * share, share < 0.0995 ? 1 : 0); }

/// Hit rates as a sentence.
[[nodiscard]] inline std::string hits_sentence(const study_report& report) {
  const auto hr = [&](arm a) { return of_hundred(report.next_event[a].all.hr.value); };
  return cat("Ten suggestions of the hybrid held what the user took next in ", hr(arm::hybrid),
             " of 100 cases; real-time’s held it in ", hr(arm::realtime),
             ", those of batch with the user folded in at ", "request time in ", hr(arm::batch_fold_in),
             ", and plain batch’s in ", hr(arm::batch), ".");
}

/// What the hybrid costs, as a sentence.
[[nodiscard]] inline std::string cost_sentence(const study_report& report) {
  const replay_result& hybrid_run = report.next_event[arm::hybrid].raw;
  std::string text =
      cat("It answers in ", duration_text(hybrid_run.decide.percentile(0.5)), " and learns from an event in ",
          duration_text(hybrid_run.learn.percentile(0.5)), " (medians, one thread)");
  if (hybrid_run.peak_rss_mb > 0) text += cat(", in ", fixed(hybrid_run.peak_rss_mb, 0), " MB");
  return text + ".";
}

[[nodiscard]] inline std::string interval_of_change(const estimate& ratio) {
  return cat(change(ratio.range.low), " to ", change(ratio.range.high));
}

/// What a careful reader should know before repeating the headline.
[[nodiscard]] inline std::vector<std::string> cautions(const study_report& report) {
  std::vector<std::string> out;
  if (report.synthetic) {
    out.emplace_back(
        "The log is invented by a program. It shows what the report looks like, not how tandem does on yours.");
  }
  const estimate visit = ratio_with(report.next_visit, "realtime");
  if (judge(visit) != verdict::unknown) {
    out.push_back(cat("When whole visits are held out, the hybrid ranks ", how_much(visit), " real-time (",
                      interval_of_change(visit), ")."));
  }
  const estimate best = ratio_with(report.next_event, "best_source");
  if (judge(best) != verdict::unknown) {
    out.push_back(cat("It ranks ", how_much(best), " its own best source, ", report.next_event.sources.front().name,
                      " (", interval_of_change(best), ")."));
  }
  if (report.tied_events > 0) {
    out.push_back(cat(percent(static_cast<double>(report.tied_events) / static_cast<double>(report.events)),
                      " of the events share user and time with another. Their order inside such a visit is not known; "
                      "it was drawn by hash, never taken from the file."));
  }
  out.insert(out.end(), report.notes.begin(), report.notes.end());
  if (report.judged_users < 30) {
    out.push_back(cat("Only ", std::to_string(report.judged_users),
                      " users were judged. With so few, the intervals cover less than they say."));
  }
  if (report.bad_lines > 0) {
    out.push_back(cat(thousands(report.bad_lines), " lines of the file could not be read and were left out."));
  }
  return out;
}

}  // namespace study::detail
TANDEM_END
