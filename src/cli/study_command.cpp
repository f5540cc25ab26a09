#include "study_command.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "child_process.hpp"
#include "file_key.hpp"
#include "log_file.hpp"
#include "output_file.hpp"
#include "progress_bar.hpp"
#include "result_bytes.hpp"
#include "study_arguments.hpp"
#include "study_text.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/study/report_html.hpp"
#include "tandem/study/report_json.hpp"
#include "tandem/study/synthetic_log.hpp"

namespace tandem_cli {
namespace {

namespace study = tandem::study;

// One arm, in the child: an engine as a host would make one, driven through the log.
std::string run_arm(study::arm a, study::protocol known, const tandem::event_log& log, const study::replay_plan& plan,
                    const study_arguments& asked, const tandem::progress& report) {
  const double before = peak_rss_mb();
  tandem::engine_options base;
  base.seed = asked.seed;
  study::replay_result result = study::replay_arm(a, log, plan, known, asked.replay, std::move(base), report);
  result.peak_rss_mb = peak_rss_mb();
  result.log_rss_mb = before;
  return to_bytes(result);
}

using protocol_results = std::array<study::replay_result, study::n_arms>;

// All arms under both protocols, one after the other: two at a time would disturb each other's clocks.
std::array<protocol_results, 2> run_arms(const tandem::event_log& log, const study::replay_plan& plan,
                                         const study_arguments& asked, progress_bar& bar) {
  constexpr std::array<study::protocol, 2> protocols = {study::protocol::next_event, study::protocol::next_visit};
  std::vector<child_process> children;
  for (const study::protocol known : protocols) {
    for (const study::arm a : study::all_arms) {
      const std::string name =
          std::string(study::title(a)) + (known == study::protocol::next_event ? ", next event" : ", next visit");
      children.emplace_back(
          name, [&, a, known](const tandem::progress& report) { return run_arm(a, known, log, plan, asked, report); });
    }
  }
  std::array<protocol_results, 2> results;
  for (std::size_t k = 0; k < children.size(); ++k) {
    bar.start(k + 1, children.size());
    results[k / study::n_arms][k % study::n_arms] = from_bytes(children[k].run(bar.callback()));
  }
  return results;
}

void check_log_options(study_arguments& asked) {
  if (asked.synthetic) {
    for (const char* option : {"--events", "--format", "--columns", "--names", "--time-unit", "--no-times",
                               "--skip-bad", "--actions", "--value-as-weight"}) {
      if (asked.was_given(option)) {
        refuse(option, "is for the log in a file, not for the shop of --synthetic: leave one out");
      }
    }
    return;
  }
  settle_log_options(asked, asked.events);
}

// Reads the file, or invents the shop.
read_log_result read_log(const study_arguments& asked, const tandem::progress& callback) {
  if (!asked.synthetic) return read_log_file(asked, asked.events, callback);
  read_log_result out;
  out.log = study::synthetic_log({.seed = asked.seed});
  return out;
}

void run_study(const study_arguments& asked) {
  std::optional<output_file> json, html;
  if (!asked.json.empty()) json.emplace(asked.json);
  if (!asked.html.empty()) html.emplace(asked.html);
  progress_bar bar;
  read_log_result read = read_log(asked, bar.callback());
  tandem::event_log& log = read.log;
  bar.clear();
  tell_bad_lines(read.report, {});
  tandem::order_visits(log, asked.seed);
  const study::replay_plan plan = study::plan_replay(log, asked.replay);
  study::study_report report = study::describe(log, plan, asked.replay, asked.seed);
  report.dataset = asked.synthetic ? "an invented shop" : std::filesystem::path(asked.events).filename().string();
  report.synthetic = asked.synthetic;
  report.bad_lines = read.report.bad;
  report.value_as_weight = asked.value_as_weight;
  report.notes = std::move(read.notes);
  report.command = asked.command;

  std::array<protocol_results, 2> results = run_arms(log, plan, asked, bar);
  bar.clear();
  tandem::thread_pool threads;  // all children have been forked: threads may start
  report.next_event = study::summarise(log, plan, report, std::move(results[0]), threads);
  report.next_visit = study::summarise(log, plan, report, std::move(results[1]), threads);

  const bool taken = (json && json->is_standard_output()) || (html && html->is_standard_output());
  (taken ? std::cerr : std::cout) << to_text(report);
  if (json) json->write(study::to_json(report).dump(2) + "\n");
  if (html) html->write(study::to_html(report));
}

void add_log_options(CLI::App& command, study_arguments& asked) {
  command.add_option("--events", asked.events, "The log to replay")->type_name("FILE")->group("The log");
  command.add_flag("--synthetic", asked.synthetic, "Replay an invented shop instead, about 50,000 events")
      ->group("The log");
  add_key_option(command, asked.key_file);
  add_file_options(command, asked);
  add_weight_options(command, asked,
                     "How much an event of each action counts (1), e.g.\nview=1,buy=3,return=-1; events that count 0 "
                     "or less\nare not predicted");
}

void add_replay_options(CLI::App& command, study_arguments& asked) {
  command.add_option("--refits", asked.replay.refits, "Refits of the batch model in the judged half (12);\n0 = none")
      ->type_name("N")
      ->check(CLI::Range(0, 10000).description(""))
      ->group("The replay");
  command.add_option("--every", asked.replay.every, "Judge every K-th event of the second half (5)")
      ->type_name("K")
      ->check(CLI::Range(1, 1000000000).description(""))
      ->group("The replay");
  command
      .add_flag("--repeat-items", asked.replay.repeat_items, "Recommend, and judge, items that the user already had")
      ->group("The replay");
  command.add_option("--seed", asked.seed, "Seed of everything random (0): same seed, same ranks")
      ->type_name("S")
      ->group("The replay");
}

void add_report_options(CLI::App& command, study_arguments& asked) {
  const auto out = [&](const char* name, std::string& to, const char* help) {
    command.add_option(name, to, help)->type_name("OUT")->group("The report");
  };
  out("--html", asked.html, "Write the report as one HTML page; - is standard output");
  out("--json", asked.json, "Write the report as JSON; - is standard output");
}

void check(study_arguments& asked) {
  if (asked.events.empty() && !asked.synthetic) refuse("study", "name a log with --events FILE, or use --synthetic");
  if (!asked.json.empty() && asked.json == asked.html) refuse("--html", "names the same file as --json");
  check_log_options(asked);
  asked.replay.actions = asked.action_weights;
}

}  // namespace

void add_study(CLI::App& app, std::string command_line) {
  const auto asked = std::make_shared<study_arguments>();
  asked->command = std::move(command_line);
  CLI::App* command = app.add_subcommand("study", "Replay a log: batch, real-time and hybrid side by side");
  command->footer(
      "The log is replayed in time order, and every event is predicted before it is\n"
      "learned. Four arms do so, each in a process of its own: batch, batch with the\n"
      "user folded in at request time, real-time, hybrid. The table goes to standard\n"
      "output, the whole report to --html and --json.\n\n"
      "Examples:\n"
      "  tandem study --synthetic --html report.html\n"
      "  tandem study --events u.data --format movielens --html report.html\n"
      "  tandem study --events orders.csv --repeat-items \\\n"
      "      --names user=CustomerID,item=StockCode,time=InvoiceDate\n"
      "  tandem study --events log.tsv --columns user,item,time --json report.json\n");
  add_log_options(*command, *asked);
  add_replay_options(*command, *asked);
  add_report_options(*command, *asked);
  command->callback([asked, command] {
    asked->given = named_options(*command);
    check(*asked);
    run_study(*asked);
  });
}

}  // namespace tandem_cli
