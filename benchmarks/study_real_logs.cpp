// The study's arms on real logs, with what they are to reach: NDCG@10 of each arm and of the best single source, the
// hybrid's ratios with paired bootstrap intervals over users, the next-visit protocol beside them.
//
// The settings are the default ones and the logs are replayed whole; nothing here is tuned to them. Arms run one after
// the other in this process on one thread (bootstraps use them all), so memory is not reported: `tandem study` does.
// Data: TANDEM_DATA (default: ../shared/data beside the source tree); a log that is not there is skipped.
//
//   study_real_logs [--seeds N] [--log NAME] [--json FILE]
//   study_real_logs --walk FOLDER [--seeds N] [--log NAME]   writes the walks instead, for others to take them
//   study_real_logs --compare teaching [--seeds N] [--log NAME]   the hybrid with and without choices of the first half

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/core/thread_pool.hpp"
#include "tandem/data/readers.hpp"
#include "tandem/evaluation/ranking.hpp"
#include "tandem/study/report_json.hpp"

namespace {

namespace study = tandem::study;

/// A log, how it is replayed, and the least that is asked of the next-event figures; 0 = nothing is asked.
struct real_log {
  std::string name, file;
  tandem::log_format format = tandem::log_format::delimited;
  study::replay_options replay;
  double hybrid = 0, realtime = 0, to_batch = 0, to_best = 0;
};

const std::array<real_log, 3> real_logs = {{
    {"ml-100k", "ml-100k/u.data", tandem::log_format::movielens, {.every = 8}, .121, 0, 1.67, 1},
    {"lastfm", "streams/lastfm.tsv", tandem::log_format::delimited, {.every = 6}, .034, 0, 1.67, 1},
    {"online-retail",
     "streams/online-retail.tsv",
     tandem::log_format::delimited,
     {.every = 24, .repeat_items = true},
     .090,
     0,
     1.67,
     1},
}};

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// FOLDER/NAME-SEED.tsv: a line an event of the walk, in its order: user, item, whether it is judged, and whether a
/// refit comes before it.
void write_walk(const real_log& what, tandem::event_log log, std::uint64_t seed, const std::filesystem::path& folder) {
  tandem::order_visits(log, seed);
  const study::replay_plan plan = study::plan_replay(log, what.replay);
  const std::filesystem::path file = folder / (what.name + "-" + std::to_string(seed) + ".tsv");
  std::ofstream out(file);
  std::size_t next = plan.first_judged;
  for (std::size_t i = 0; i < log.events.size(); ++i) {
    const bool judged = next < plan.predictions.size() && plan.predictions[next].event == i;
    next += judged ? 1U : 0U;
    const bool refit = std::find(plan.refits.begin(), plan.refits.end(), i) != plan.refits.end();
    out << raw(log.events[i].user) << '\t' << raw(log.events[i].item) << '\t' << judged << '\t' << refit << '\n';
  }
  if (!out.flush()) throw tandem::error(tandem::errc::io_error, "cannot write " + file.string());
}

study::protocol_report run_arms(const tandem::event_log& log, const study::replay_plan& plan,
                                const study::study_report& facts, study::protocol known,
                                tandem::executor_ref executor) {
  std::array<study::replay_result, study::n_arms> results;
  executor.parallel_for(study::n_arms, [&](std::size_t a) {
    tandem::engine_options base;
    base.seed = facts.seed;
    results[a] = study::replay_arm(study::all_arms[a], log, plan, known, facts.options, std::move(base));
  });
  return study::summarise(log, plan, facts, std::move(results), executor);
}

study::study_report run_study(const real_log& what, tandem::event_log log, std::uint64_t seed,
                              tandem::executor_ref executor) {
  tandem::order_visits(log, seed);
  const study::replay_plan plan = study::plan_replay(log, what.replay);
  study::study_report report = study::describe(log, plan, what.replay, seed);
  report.dataset = what.name;
  report.next_event = run_arms(log, plan, report, study::protocol::next_event, executor);
  report.next_visit = run_arms(log, plan, report, study::protocol::next_visit, executor);
  return report;
}

/// NDCG@10 of the hybrid where it learned choices of the first half, and where that half was events alone: in the first
/// tenth of what is judged, and in all.
struct teaching {
  double taught_at_first = 0, untaught_at_first = 0, taught = 0, untaught = 0;
};

teaching compare_teaching(const real_log& what, tandem::event_log log, std::uint64_t seed,
                          tandem::executor_ref executor) {
  tandem::order_visits(log, seed);
  std::array<study::replay_plan, 2> plans;
  plans.fill(study::plan_replay(log, what.replay));
  study::replay_plan& untaught = plans[1];
  untaught.predictions.erase(untaught.predictions.begin(),
                             untaught.predictions.begin() + static_cast<std::ptrdiff_t>(untaught.first_judged));
  untaught.first_judged = 0;
  std::array<std::vector<double>, 2> ranks;
  executor.parallel_for(plans.size(), [&](std::size_t k) {
    tandem::engine_options base;
    base.seed = seed;
    ranks[k] =
        study::replay_arm(study::arm::hybrid, log, plans[k], study::protocol::next_event, what.replay, base).rank;
  });
  const auto ndcg = [&](std::size_t k, std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += tandem::evaluation::ndcg_at(ranks[k][i], study::slate_size);
    return sum / static_cast<double>(n);
  };
  const std::size_t all = plans[0].n_judged();
  return {ndcg(0, all / 10), ndcg(1, all / 10), ndcg(0, all), ndcg(1, all)};
}

// ---- the table ------------------------------------------------------------------------------------------------------

/// What the hybrid is to gain on real time where that can be had: the survey's figure. A goal, not a condition.
constexpr double realtime_goal = 1.18;

/// "asked >= .112: yes"; empty when nothing is asked.
std::string verdict(double value, double least, const char* how) {
  if (least == 0) return {};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "  %s >= %.4g: %s", how, least, value >= least ? "yes" : "NO");
  return text.data();
}

/// The least that is asked of hybrid/`with`.
double least_ratio(const real_log& asked, std::string_view with) {
  if (with == "batch") return asked.to_batch;
  if (with == "realtime") return realtime_goal;
  if (with == "realtime_ranked") return 1;
  return with == "best_source" ? asked.to_best : 0;
}

void print_figure(std::string_view name, const study::estimate& next_event, const study::estimate& next_visit,
                  double least, const char* how = "asked") {
  std::printf("  %-28.*s%7.4f [%.4f, %.4f] %7.4f [%.4f, %.4f]%s\n", static_cast<int>(name.size()), name.data(),
              next_event.value, next_event.range.low, next_event.range.high, next_visit.value, next_visit.range.low,
              next_visit.range.high, verdict(next_event.value, least, how).c_str());
}

void print_report(const study::study_report& report, const real_log& asked, double cpu) {
  const study::protocol_report& event = report.next_event;
  const study::protocol_report& visit = report.next_visit;
  std::printf("\n%s, seed %llu: %llu events, %llu users, %llu items, %llu judged of %llu users; %.0f cpu-s\n",
              report.dataset.c_str(), static_cast<unsigned long long>(report.seed),
              static_cast<unsigned long long>(report.events), static_cast<unsigned long long>(report.users),
              static_cast<unsigned long long>(report.items), static_cast<unsigned long long>(report.judged),
              static_cast<unsigned long long>(report.judged_users), cpu);
  std::printf("  %-28s%-25s %s\n", "NDCG@10", " next event [95 %]", " next visit [95 %]");
  for (const study::arm a : study::all_arms) {
    const double least = a == study::arm::hybrid ? asked.hybrid : a == study::arm::realtime ? asked.realtime : 0;
    print_figure(study::name(a), event[a].all.ndcg, visit[a].all.ndcg, least);
  }
  print_figure(event.sources.front().name + " (best source)", event.sources.front().ndcg, visit.sources.front().ndcg,
               0);
  if (visit.sources.front().name != event.sources.front().name) {
    std::printf("    (next visit: the best source is %s)\n", visit.sources.front().name.c_str());
  }
  for (std::size_t c = 0; c < event.comparisons.size(); ++c) {
    const std::string& with = event.comparisons[c].with;
    print_figure("hybrid/" + with, event.comparisons[c].ratio, visit.comparisons[c].ratio, least_ratio(asked, with),
                 with == "realtime" ? "goal" : "asked");
  }
  std::fflush(stdout);
}

/// The mean over seeds, and the least of them, of one figure.
template <class Figure>
void print_spread(const std::string& name, const std::vector<study::study_report>& reports, Figure figure) {
  double sum = 0;
  double least = figure(reports.front());
  for (const study::study_report& each : reports) {
    sum += figure(each);
    least = std::min(least, figure(each));
  }
  std::printf("  %-28s%7.4f, least %.4f\n", name.c_str(), sum / static_cast<double>(reports.size()), least);
}

void print_seeds(const std::vector<study::study_report>& reports) {
  std::printf("\n%s, next event, mean of %zu seeds\n", reports.front().dataset.c_str(), reports.size());
  for (const study::arm a : study::all_arms) {
    print_spread(std::string(study::name(a)), reports, [a](const auto& r) { return r.next_event[a].all.ndcg.value; });
  }
  for (std::size_t c = 0; c < reports.front().next_event.comparisons.size(); ++c) {
    print_spread("hybrid/" + reports.front().next_event.comparisons[c].with, reports,
                 [c](const auto& r) { return r.next_event.comparisons[c].ratio.value; });
  }
}

nlohmann::ordered_json to_json(const study::study_report& report, const real_log& asked, double cpu) {
  nlohmann::ordered_json out = study::to_json(report);
  out["cpu_s"] = cpu;
  out["asked"] = nlohmann::ordered_json::object();
  const std::array<std::pair<const char*, double>, 4> all = {{{"hybrid", asked.hybrid},
                                                              {"realtime", asked.realtime},
                                                              {"hybrid/batch", asked.to_batch},
                                                              {"hybrid/best_source", asked.to_best}}};
  for (const auto& [figure, least] : all) {
    if (least > 0) out["asked"][figure] = least;
  }
  return out;
}

void print_teaching(const std::string& name, const teaching& with) {
  std::printf("%-28s first tenth %.4f, untaught %.4f; all %.4f, untaught %.4f\n", name.c_str(), with.taught_at_first,
              with.untaught_at_first, with.taught, with.untaught);
  std::fflush(stdout);
}

void print_teaching_of_seeds(const real_log& what, const tandem::event_log& log, std::uint64_t seeds,
                             tandem::executor_ref executor) {
  teaching mean;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const teaching one = compare_teaching(what, log, seed, executor);
    print_teaching(what.name + ", seed " + std::to_string(seed), one);
    for (const auto figure :
         {&teaching::taught_at_first, &teaching::untaught_at_first, &teaching::taught, &teaching::untaught}) {
      mean.*figure += one.*figure / static_cast<double>(seeds);
    }
  }
  if (seeds > 1) print_teaching(what.name + ", mean", mean);
}

// ---- the walk -------------------------------------------------------------------------------------------------------

void run(const std::filesystem::path& root, const std::string& only, std::uint64_t seeds, const std::string& json,
         const std::string& walks, bool teaching_alone) {
  tandem::thread_pool pool;
  auto all = nlohmann::ordered_json::array();
  for (const real_log& each : real_logs) {
    if (!only.empty() && only != each.name) continue;
    const std::filesystem::path file = root / each.file;
    if (!std::filesystem::exists(file)) {
      std::printf("\n%s is skipped: there is no %s (set TANDEM_DATA)\n", each.name.c_str(), file.string().c_str());
      continue;
    }
    tandem::read_options options;
    options.format = each.format;
    const tandem::event_log log = tandem::read_events(file, options);
    if (teaching_alone) {
      print_teaching_of_seeds(each, log, seeds, pool);
      continue;
    }
    std::vector<study::study_report> reports;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
      if (!walks.empty()) {
        write_walk(each, log, seed, walks);
        continue;
      }
      const double start = cpu_seconds();
      reports.push_back(run_study(each, log, seed, pool));
      const double cpu = cpu_seconds() - start;
      print_report(reports.back(), each, cpu);
      all.push_back(to_json(reports.back(), each, cpu));
    }
    if (reports.size() > 1) print_seeds(reports);
  }
  if (!json.empty()) std::ofstream(json) << all.dump(2) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seeds = 1;
  std::string only, json, walks, compare;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--seeds") seeds = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--log") only = argv[i + 1];
    if (option == "--json") json = argv[i + 1];
    if (option == "--walk") walks = argv[i + 1];
    if (option == "--compare") compare = argv[i + 1];
  }
  const char* data = std::getenv("TANDEM_DATA");
  const std::filesystem::path root = data != nullptr ? data : TANDEM_SOURCE_DIR "/../shared/data";
  try {
    run(root, only, seeds, json, walks, compare == "teaching");
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
