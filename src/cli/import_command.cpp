#include "import_command.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "entry_json.hpp"
#include "file_in_the_making.hpp"
#include "importing.hpp"
#include "interruption.hpp"
#include "journals.hpp"
#include "log_file.hpp"
#include "tandem/open.hpp"
#include "tandem/study/detail/findings.hpp"
#include "tandem_file.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;
using study::detail::thousands;

struct import_arguments : log_arguments, tandem_file {
  std::vector<std::string> logs;
  std::size_t span = 1000;
  std::string json;
};

imported take_file(const import_arguments& asked, const std::string& path, engine& into, progress_bar& bar) {
  const progress watch = interruption::callback(bar);
  const read_log_result read = read_log_file(asked, path, watch, false);
  bar.clear();
  tell_bad_lines(read.report, path);
  imported out = import_log(read.log, path, into, asked.span, watch);
  out.duplicates += read.report.duplicates;
  bar.clear();
  return out;
}

imported import_export(const import_arguments& asked, const std::string& path, progress_bar& bar) {
  const file_in_the_making file(asked.tandem_file::path, "an export is the whole of a file");
  const exported_journal log(path);
  const progress watch = interruption::callback(bar);
  imported out{path, 0, 0, 0, 0, 0, false};
  {
    engine into =
        tandem::open(file.partial(), engine_options_of(asked), file_key(asked.tandem_file::key_file).options());
    const open_report learned = into.learn_from(watched_journal(log, log.last(), "import", watch));
    out.events = learned.replayed;
    out.taken = learned.replayed;
    into.checkpoint();
  }
  bar.clear();
  file.finish();
  return out;
}

std::string to_text(const std::string& file, const imported& each, bool exported) {
  const std::string what = exported ? " entries" : " events";
  std::string out = each.log + ": " + thousands(each.taken) + what + " taken into " + file;
  if (each.earlier > 0) out += ", " + thousands(each.earlier) + " were there";
  if (each.duplicates > 0) out += ", " + thousands(each.duplicates) + " had the key of an earlier one";
  if (each.rejected > 0) out += ", " + thousands(each.rejected) + " were refused (ids, values or times out of range)";
  return out + "\n";
}

nlohmann::ordered_json to_json_object(const imported& each) {
  return {{"log", each.log},
          {"events", each.events},
          {"earlier", each.earlier},
          {"taken", each.taken},
          {"duplicates", each.duplicates},
          {"rejected", each.rejected},
          {"interrupted", each.interrupted}};
}

void run_import(const import_arguments& asked) {
  result_output out(asked.json);
  const interruption ctrl_c;
  progress_bar bar;
  std::string text;
  nlohmann::ordered_json logs = nlohmann::ordered_json::array();
  bool interrupted = false;
  if (is_export(asked.logs.front())) {
    const imported all = import_export(asked, asked.logs.front(), bar);
    text = to_text(asked.tandem_file::path, all, true);
    logs.push_back(to_json_object(all));
  } else {
    engine into = tandem::open(asked.tandem_file::path, engine_options_of(asked),
                               file_key(asked.tandem_file::key_file).options());
    for (const std::string& log : asked.logs) {
      if (interrupted) break;
      const imported each = take_file(asked, log, into, bar);
      interrupted = each.interrupted;
      text += to_text(asked.tandem_file::path, each, false);
      logs.push_back(to_json_object(each));
    }
    if (!into.flush()) throw error(errc::io_error, "could not be written", {asked.tandem_file::path, 0, {}});
  }
  out.write(text, {{"file", asked.tandem_file::path}, {"logs", logs}});
  if (interrupted) throw error(errc::cancelled, "interrupted");
}

void check(import_arguments& asked) {
  const bool any = std::any_of(asked.logs.begin(), asked.logs.end(), is_export);
  if (any && asked.logs.size() > 1) refuse("--from", "an export is the whole of a file: import it alone");
  for (const char* option :
       {"--format", "--names", "--columns", "--time-unit", "--no-times", "--skip-bad", "--value-as-weight", "--span"}) {
    if (any && asked.was_given(option)) refuse(option, "has no meaning for an export: leave it out");
  }
  if (any) return;
  for (const std::string& log : asked.logs) {
    if (is_tandem_file(log)) refuse("--from", log + " is an engine's file: see \"tandem replay --help\"");
    settle_log_options(asked, log);
  }
}

}  // namespace

void add_import(CLI::App& app) {
  const auto asked = std::make_shared<import_arguments>();
  CLI::App* command = app.add_subcommand("import", "Take logs into an engine's file, new or there already");
  command->footer(
      "The events of each log are taken in order of time, as the engine would take them\n"
      "from a host. The file keeps how far each log was read: after Ctrl-C, and when a log\n"
      "has grown, the same command goes on. Ids of duplicate events are --names key=NAME.\n"
      "Of an export every entry is taken, and models are fitted again.\n\n"
      "Example:\n  tandem import shop.tandem --from orders.csv --names user=CustomerID,item=StockCode\n");
  add_file_argument(*command, *asked);
  add_options_option(*command, *asked);
  command->add_option("--from", asked->logs, "The logs, one after the other, or one export")
      ->type_name("LOG...")
      ->required()
      ->group("The log");
  add_file_options(*command, *asked);
  command
      ->add_flag("--value-as-weight", asked->value_as_weight,
                 "Take the values (quantities, ratings), too; without it\nevery event has the value 1")
      ->group("The log");
  command->add_option("--span", asked->span, "Events of a transaction (1000)")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000).description(""))
      ->group("The work");
  add_json_option(*command, asked->json);
  command->callback([asked, command] {
    asked->given = named_options(*command);
    check(*asked);
    try {
      run_import(*asked);
    } catch (const error& e) {
      if (e.code() != errc::cancelled) throw;
      throw error(errc::cancelled, "interrupted; the same command goes on from there");
    }
  });
}

}  // namespace tandem_cli
