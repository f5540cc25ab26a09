#include "log_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string_view>

#include "file_key.hpp"
#include "file_kind.hpp"
#include "tandem/data/jsonl_reader.hpp"
#include "tandem/data/readers.hpp"
#include "tandem/detail/parse_text.hpp"
#include "tandem/engine.hpp"
#ifdef TANDEM_CLI_FILES
#include "journals.hpp"
#include "tandem/store/sqlite_store.hpp"
#endif

namespace tandem_cli {
namespace {

using tandem::errc;
using tandem::error;

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> out;
  for (std::size_t from = 0; !list.empty() && from <= list.size();) {
    const std::size_t end = std::min(list.find(',', from), list.size());
    out.push_back(list.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

// The actions of a log as a list for people; the first few of many.
std::string list_of_actions(const tandem::event_log& log) {
  constexpr std::size_t most = 6;
  std::string out;
  for (std::size_t a = 0; a < std::min(log.actions.size(), most); ++a) {
    out += (a == 0 ? "" : ", ") + std::string(log.actions.name(static_cast<tandem::action_index>(a)));
  }
  return out + (log.actions.size() > most ? ", ..." : "");
}

// By the file's name, when --format does not say.
std::string format_of(const log_arguments& asked, const std::filesystem::path& path) {
  if (!asked.format.empty()) return asked.format;
  const std::string file = path.filename().string();
  if (path.extension() == ".jsonl" || path.extension() == ".ndjson") return "jsonl";
  if (is_tandem_file(path.string())) return "tandem";
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

tandem::read_options read_options_of(const log_arguments& asked, const std::string& path) {
  const std::map<std::string, tandem::log_format> formats = {{"movielens", tandem::log_format::movielens},
                                                             {"delimited", tandem::log_format::delimited},
                                                             {"jsonl", tandem::log_format::jsonl}};
  const std::map<std::string, tandem::time_unit> units = {{"automatic", tandem::time_unit::automatic},
                                                          {"seconds", tandem::time_unit::seconds},
                                                          {"milliseconds", tandem::time_unit::milliseconds}};
  tandem::read_options options;
  options.format = formats.at(format_of(asked, path));
  options.columns = split(asked.columns);
  options.names = field_names_of(asked.names);
  options.unit = units.at(asked.unit);
  options.times_from_order = asked.no_times || asked.order_is_time;
  options.value_as_weight = true;  // settle_weights() sets them to 1 unless they were asked for
  options.skip_bad = asked.skip_bad;
  return options;
}

// The same error with the remedy as this command spells it.
error in_our_words(const error& e) {
  std::string remedy = e.remedy();
  const std::array<std::array<std::string, 2>, 4> spellings = {{{"(skip_bad)", "with --skip-bad"},
                                                                {"with names", "with --names"},
                                                                {"with columns", "with --columns"},
                                                                {"set times_from_order", "give --no-times"}}};
  for (const auto& [theirs, ours] : spellings) {
    if (const std::size_t at = remedy.find(theirs); at != std::string::npos) remedy.replace(at, theirs.size(), ours);
  }
  return error(e.code(), e.message(), e.where(), remedy);
}

// Events of an engine's file. Unless the command line says what they count, they count what they did in that engine.
read_log_result read_tandem_log([[maybe_unused]] const log_arguments& asked, const std::string& path) {
#ifdef TANDEM_CLI_FILES
  read_log_result out;
  const bool said = asked.value_as_weight || !asked.action_weights.empty();
  out.log = events_of(*tandem::read_sqlite(path, file_key(asked.key_file).options()), said);
  out.report.lines = out.log.events.size();
  if (said && !asked.value_as_weight) {
    for (tandem::logged_event& e : out.log.events) e.weight = 1;
  }
  return out;
#else
  throw error(errc::bad_format, "is an engine's file, which this command was built without", {path, 0, {}},
              "build tandem with SQLiteCpp");
#endif
}

void check_actions(const log_arguments& asked, const std::string& path, const tandem::event_log& log) {
  for (const auto& [action, weight] : asked.action_weights) {
    if (log.actions.find(action) != tandem::no_id<tandem::action_index>) continue;
    throw error(errc::invalid_argument, "no event has the action '" + action + "' of --actions", {path, 0, {}},
                "its actions are: " + list_of_actions(log));
  }
}

// Weights to 1 unless --value-as-weight; says whether that dropped anything.
bool settle_weights(const log_arguments& asked, const std::string& path, tandem::event_log& log, bool all) {
  const bool any = std::any_of(log.events.begin(), log.events.end(), [](const auto& e) { return e.weight != 1; });
  if (asked.value_as_weight && !any && all) {
    throw error(errc::invalid_argument, "no event has a value other than 1, so --value-as-weight has nothing to use",
                {path, 0, {}}, "name the values with --names value=NAME or in --columns");
  }
  if (asked.value_as_weight) return false;
  for (tandem::logged_event& e : log.events) e.weight = 1;
  return any;
}

// "view=1,return=-1" as engine_options::actions.
std::vector<std::pair<std::string, double>> actions_of(const std::string& list) {
  std::vector<std::pair<std::string, double>> out;
  for (const std::string& pair : split(list)) {
    const std::size_t sign = pair.rfind('=');
    const auto weight = sign == std::string::npos ? std::nullopt : tandem::detail::parse_number(pair.substr(sign + 1));
    if (!weight || sign == 0) {
      refuse("--actions", "'" + pair + "' is not ACTION=WEIGHT with a number, e.g. view=1,return=-1");
    }
    const std::string action = pair.substr(0, sign);
    if (std::any_of(out.begin(), out.end(), [&](const auto& each) { return each.first == action; })) {
      refuse("--actions", "names '" + action + "' twice");
    }
    if (std::abs(*weight) > tandem::max_event_weight) refuse("--actions", "'" + pair + "' is not within -1e6 and 1e6");
    out.emplace_back(action, *weight);
  }
  return out;
}

}  // namespace

void settle_log_options(log_arguments& asked, const std::string& path) {
  const auto given = [&](const char* option) { return asked.was_given(option); };
  const std::string format = format_of(asked, path);
  for (const char* option : {"--names", "--columns", "--time-unit", "--no-times", "--skip-bad"}) {
    if (format == "tandem" && given(option)) refuse(option, "has no meaning for an engine's file: leave it out");
  }
  if (format != "tandem" && !asked.key_file.empty()) refuse("--key-file", "is for an engine's file: leave it out");
  if (format == "movielens" && (given("--columns") || given("--names"))) {
    refuse(given("--columns") ? "--columns" : "--names",
           "is not for movielens, whose columns are known: leave it out, or say --format delimited");
  }
  if (format == "jsonl" && given("--columns")) refuse("--columns", "is for delimited; a jsonl log takes --names");
  if (given("--columns") && given("--names")) {
    refuse("--names", "is for a log with a header line, --columns for one without: leave one out");
  }
  if (asked.no_times && given("--time-unit")) {
    refuse("--time-unit", "has no meaning with --no-times, which reads none: leave one out");
  }
  if (asked.no_times && field_names_of(asked.names).time != tandem::field_names{}.time) {
    refuse("--names", "names the time, which --no-times does not read: leave one out");
  }
  const std::vector<std::string> columns = split(asked.columns);
  if (asked.no_times && std::find(columns.begin(), columns.end(), "time") != columns.end()) {
    refuse("--columns", "names the time, which --no-times does not read: write - for it, or leave --no-times out");
  }
  asked.action_weights = actions_of(asked.actions);
}

read_log_result read_log_file(const log_arguments& asked, const std::string& path, const tandem::progress& callback,
                              bool all) {
  if (format_of(asked, path) == "tandem") {
    read_log_result file = read_tandem_log(asked, path);
    if (all) check_actions(asked, path, file.log);
    return file;
  }
  read_log_result out;
  const tandem::read_options options = read_options_of(asked, path);
  try {
    out.log = options.format == tandem::log_format::jsonl ? tandem::read_jsonl(path, options, &out.report, callback)
                                                          : tandem::read_events(path, options, &out.report, callback);
  } catch (const error& e) {
    throw in_our_words(e);
  }
  if (all) check_actions(asked, path, out.log);
  if (settle_weights(asked, path, out.log, all)) {
    const bool ratings = options.format == tandem::log_format::movielens;
    out.notes.push_back(std::string(ratings ? "The ratings" : "The values in the log") +
                        " are not used: every event counts 1. --value-as-weight makes each count its value.");
  }
  if (out.log.actions.size() > 1 && asked.action_weights.empty()) {
    out.notes.push_back("All actions count alike (" + list_of_actions(out.log) +
                        "). --actions says how much each counts, e.g. view=1,return=-1.");
  }
  return out;
}

void tell_bad_lines(const tandem::read_report& read, const std::string& path) {
  if (read.bad == 0) return;
  const tandem::bad_line& first = read.first_bad.front();
  std::cerr << "tandem: left out " << read.bad << " of " << read.lines << " lines" << (path.empty() ? "" : " of ")
            << path << "; the first: line " << first.where.line << ": " << first.reason << '\n';
}

// Help is wrapped by hand: CLI11 2.1 does not do it, and 80 columns are what a terminal has.
void add_file_options(CLI::App& command, log_arguments& asked) {
  const auto text = [&](const char* name, std::string& to, const char* type, const char* help) {
    return command.add_option(name, to, help)->type_name(type)->group("The log");
  };
  const auto flag = [&](const char* name, bool& to, const char* help) {
    command.add_flag(name, to, help)->group("The log");
  };
  text("--format", asked.format, "NAME",
       "How it is written: movielens (u.data, ratings.csv,\nratings.dat), delimited (CSV, TSV) or jsonl; by\n"
       "default what the file's name says")
      ->check(CLI::IsMember({"movielens", "delimited", "jsonl"}).description(""));
  text("--names", asked.names, "LIST",
       asked.order_is_time
           ? "What a header line, or JSON object, calls the parts:\nuser=CustomerID,item=StockCode; also action,\n"
             "value, key"
           : "What a header line, or JSON object, calls the parts:\nuser=CustomerID,item=StockCode,time=InvoiceDate; "
             "also\naction, value, key");
  text("--columns", asked.columns, "LIST",
       asked.order_is_time ? "For a delimited log without a header line: what each\ncolumn is, in order: user,item; "
                             "also action, value,\nkey, and - for one to ignore"
                           : "For a delimited log without a header line: what each\ncolumn is, in order: "
                             "user,item,time; also action,\nvalue, key, and - for one to ignore");
  if (!asked.order_is_time) {
    text("--time-unit", asked.unit, "NAME", "Unit of times that are numbers: automatic, seconds or\nmilliseconds")
        ->check(CLI::IsMember({"automatic", "seconds", "milliseconds"}).description(""));
    flag("--no-times", asked.no_times, "The file has no times; its order is that of the events");
  }
  flag("--skip-bad", asked.skip_bad, "Leave out lines that cannot be read, and count them");
}

void add_weight_options(CLI::App& command, log_arguments& asked, const char* actions_help) {
  command.add_option("--actions", asked.actions, actions_help)->type_name("LIST")->group("The log");
  command
      .add_flag("--value-as-weight", asked.value_as_weight,
                "An event counts as much as its value (quantity,\nrating) says; without it every event counts 1")
      ->group("The log");
}

}  // namespace tandem_cli
