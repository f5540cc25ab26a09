#include "study_command.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "child_process.hpp"
#include "output_file.hpp"
#include "progress_bar.hpp"
#include "result_bytes.hpp"
#include "study_text.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/data/jsonl_reader.hpp"
#include "tandem/data/readers.hpp"
#include "tandem/study/report_html.hpp"
#include "tandem/study/report_json.hpp"
#include "tandem/study/synthetic_log.hpp"

namespace tandem_cli {
namespace {

namespace study = tandem::study;

// What was asked for on the command line.
struct study_arguments {
  std::string events, format, columns, names, json, html, command;
  std::string unit = "automatic";
  bool synthetic = false, no_times = false, skip_bad = false;
  study::replay_options replay;
  std::uint64_t seed = 0;
};

// Wrong usage: exit code 2.
[[noreturn]] void refuse(const std::string& option, const std::string& why) { throw CLI::ValidationError(option, why); }

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> out;
  for (std::size_t from = 0; !list.empty() && from <= list.size();) {
    const std::size_t end = std::min(list.find(',', from), list.size());
    out.push_back(list.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

// By the file's name, when --format does not say.
std::string format_of(const study_arguments& asked) {
  if (!asked.format.empty()) return asked.format;
  const std::filesystem::path path(asked.events);
  const std::string file = path.filename().string();
  if (path.extension() == ".jsonl" || path.extension() == ".ndjson") return "jsonl";
  if (file == "u.data" || file == "ratings.csv" || file == "ratings.dat") return "movielens";
  return "delimited";
}

// "user=CustomerID,item=StockCode" into field_names.
tandem::field_names field_names_of(const std::string& list) {
  tandem::field_names out;
  const std::map<std::string, std::string*> parts = {{"user", &out.user},   {"item", &out.item},
                                                     {"time", &out.time},   {"action", &out.action},
                                                     {"value", &out.value}, {"key", &out.key}};
  for (const std::string& pair : split(list)) {
    const std::size_t sign = pair.find('=');
    const auto part = parts.find(pair.substr(0, sign));
    if (sign == std::string::npos || part == parts.end()) {
      refuse("--names", "'" + pair + "' is not PART=NAME, PART one of user, item, time, action, value, key");
    }
    *part->second = pair.substr(sign + 1);
  }
  return out;
}

tandem::read_options read_options_of(const study_arguments& asked) {
  const std::map<std::string, tandem::log_format> formats = {{"movielens", tandem::log_format::movielens},
                                                             {"delimited", tandem::log_format::delimited},
                                                             {"jsonl", tandem::log_format::jsonl}};
  const std::map<std::string, tandem::time_unit> units = {{"automatic", tandem::time_unit::automatic},
                                                          {"seconds", tandem::time_unit::seconds},
                                                          {"milliseconds", tandem::time_unit::milliseconds}};
  tandem::read_options options;
  options.format = formats.at(format_of(asked));
  if (!asked.columns.empty() && options.format != tandem::log_format::delimited) {
    refuse("--columns", "is for --format delimited; a jsonl log takes --names");
  }
  options.columns = split(asked.columns);
  options.names = field_names_of(asked.names);
  options.unit = units.at(asked.unit);
  options.times_from_order = asked.no_times;
  options.skip_bad = asked.skip_bad;
  return options;
}

// The same error with the remedy as this command spells it.
tandem::error in_our_words(const tandem::error& e) {
  std::string remedy = e.remedy();
  const std::array<std::array<std::string, 2>, 4> spellings = {{{"(skip_bad)", "with --skip-bad"},
                                                                {"with names", "with --names"},
                                                                {"with columns", "with --columns"},
                                                                {"set times_from_order", "give --no-times"}}};
  for (const auto& [theirs, ours] : spellings) {
    if (const std::size_t at = remedy.find(theirs); at != std::string::npos) remedy.replace(at, theirs.size(), ours);
  }
  return tandem::error(e.code(), e.message(), e.where(), remedy);
}

tandem::event_log read_log(const study_arguments& asked, tandem::read_report& report, progress_bar& bar) {
  if (asked.synthetic) return study::synthetic_log({.seed = asked.seed});
  const tandem::read_options options = read_options_of(asked);
  const tandem::progress callback = bar.callback();
  try {
    return options.format == tandem::log_format::jsonl ? tandem::read_jsonl(asked.events, options, &report, callback)
                                                       : tandem::read_events(asked.events, options, &report, callback);
  } catch (const tandem::error& e) {
    throw in_our_words(e);
  }
}

// One arm, in the child: an engine as a host would make one, driven through the log.
std::string run_arm(study::arm a, study::protocol known, const tandem::event_log& log, const study::replay_plan& plan,
                    const study_arguments& asked, const tandem::progress& report) {
  const double before = peak_rss_mb();
  tandem::engine_options base;
  base.seed = asked.seed;
  base.exclude_seen = !asked.replay.repeat_items;
  tandem::engine engine(study::options_of(a, std::move(base)));
  study::replay_plan mine = plan;
  if (!study::needs_refits(a)) mine.refits.clear();
  study::replay_result result = study::replay(log, mine, known, engine, report);
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

void run_study(const study_arguments& asked) {
  std::optional<output_file> json, html;
  if (!asked.json.empty()) json.emplace(asked.json);
  if (!asked.html.empty()) html.emplace(asked.html);
  progress_bar bar;
  tandem::read_report read;
  tandem::event_log log = read_log(asked, read, bar);
  bar.clear();
  if (read.bad > 0) {
    const tandem::bad_line& first = read.first_bad.front();
    std::cerr << "tandem: left out " << read.bad << " of " << read.lines << " lines; the first: line "
              << first.where.line << ": " << first.reason << '\n';
  }
  tandem::order_visits(log, asked.seed);
  const study::replay_plan plan = study::plan_replay(log, asked.replay);
  study::study_report report = study::describe(log, plan, asked.replay, asked.seed);
  report.dataset = asked.synthetic ? "an invented shop" : std::filesystem::path(asked.events).filename().string();
  report.synthetic = asked.synthetic;
  report.bad_lines = read.bad;
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

}  // namespace

namespace {

void add_log_options(CLI::App& command, study_arguments& asked) {
  const auto text = [&](const char* name, std::string& to, const char* type, const char* help) {
    return command.add_option(name, to, help)->type_name(type)->group("The log");
  };
  text("--events", asked.events, "FILE", "The log to replay");
  command.add_flag("--synthetic", asked.synthetic, "Replay an invented shop instead, about 50,000 events")
      ->group("The log");
  text("--format", asked.format, "NAME",
       "movielens (u.data, ratings.csv, ratings.dat), delimited\n(CSV, TSV) or jsonl; by default what the file's name "
       "says")
      ->check(CLI::IsMember({"movielens", "delimited", "jsonl"}).description(""));
  text("--columns", asked.columns, "LIST",
       "For a delimited log without a header line: what each\ncolumn is, in order, e.g. user,item,time; also action,\n"
       "value, key, and - for one to ignore");
  text("--names", asked.names, "LIST",
       "What a header line, or JSON object, calls the parts,\ne.g. user=CustomerID,item=StockCode,time=InvoiceDate");
  text("--time-unit", asked.unit, "NAME", "Unit of times that are numbers: automatic, seconds or\nmilliseconds")
      ->check(CLI::IsMember({"automatic", "seconds", "milliseconds"}).description(""));
  command.add_flag("--no-times", asked.no_times, "The file has no times; its order is that of the events")
      ->group("The log");
  command.add_flag("--skip-bad", asked.skip_bad, "Leave out lines that cannot be read, and count them")
      ->group("The log");
}

void add_replay_options(CLI::App& command, study_arguments& asked) {
  command.add_option("--refits", asked.replay.refits, "Refits of the batch model in the judged half (12); 0 = none")
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
  command.add_option("--seed", asked.seed, "Seed of everything random (0): same seed, same figures")
      ->type_name("S")
      ->group("The replay");
}

void check(const study_arguments& asked) {
  if (asked.events.empty() && !asked.synthetic) refuse("study", "name a log with --events FILE, or use --synthetic");
  if (!asked.events.empty() && asked.synthetic) refuse("--synthetic", "excludes --events");
  if (!asked.json.empty() && asked.json == asked.html) refuse("--html", "names the same file as --json");
}

}  // namespace

void add_study(CLI::App& app, std::string command_line) {
  const auto asked = std::make_shared<study_arguments>();
  asked->command = std::move(command_line);
  CLI::App* command = app.add_subcommand("study", "Replay a log: batch, real-time and hybrid side by side");
  command->footer(
      "The log is replayed in time order, and every event is predicted before it is learned. Four arms do so,\n"
      "each in a process of its own: batch, batch with the user folded in at request time, real-time, hybrid.\n\n"
      "Examples:\n"
      "  tandem study --synthetic --html report.html\n"
      "  tandem study --events u.data --format movielens --html report.html\n"
      "  tandem study --events log.tsv --format delimited --columns user,item,time --json report.json\n");
  add_log_options(*command, *asked);
  add_replay_options(*command, *asked);
  command->add_option("--json", asked->json, "Write the report as JSON; - is standard output")
      ->type_name("OUT")
      ->group("The report");
  command->add_option("--html", asked->html, "Write the report as one HTML page; - is standard output")
      ->type_name("OUT")
      ->group("The report");
  command->callback([asked] {
    check(*asked);
    run_study(*asked);
  });
}

}  // namespace tandem_cli
