#include "doctor_command.hpp"

#include <memory>
#include <string>
#include <vector>

#include "doctor.hpp"
#include "interruption.hpp"
#include "journals.hpp"
#include "log_file.hpp"
#include "tandem/store/sqlite_store.hpp"
#include "tandem/study/detail/findings.hpp"
#include "tandem_file.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;
using study::detail::thousands;

struct doctor_arguments : log_arguments {
  std::string log, json;
};

void look_at_file(const doctor_arguments& asked, doctor& at, progress_bar& bar) {
  const auto reader = read_sqlite(asked.log, file_key(asked.key_file).options());
  const progress watch = interruption::callback(bar);
  watched_journal(*reader, reader->last(), "read", watch).scan({}, [&](entry_number, const journal_entry& entry) {
    if (const auto* e = std::get_if<event_entry>(&entry)) {
      at.look_at(seen_event{e->user, e->item, e->action, e->value, e->record.time, e->record.decision});
    } else if (const auto* a = std::get_if<answer_entry>(&entry)) {
      at.look_at(seen_answer{a->record.id, a->record.time, !a->record.shadow});
    }
  });
}

void look_at_log(const doctor_arguments& asked, doctor& at, progress_bar& bar) {
  const read_log_result read = read_log_file(asked, asked.log, interruption::callback(bar), false);
  tell_bad_lines(read.report, {});
  for (const logged_event& e : read.log.events) {
    at.look_at(seen_event{read.log.users.name(e.user), read.log.items.name(e.item), read.log.actions.name(e.action),
                          static_cast<double>(e.weight), e.time, e.decision});
  }
}

std::string to_text(const doctor_arguments& asked, const doctor& at, const std::vector<finding>& findings) {
  std::string out = asked.log + ": " + thousands(at.events()) + " events\n";
  for (const finding& each : findings) {
    out += "\n" + each.check + " (" + thousands(each.count) + "): " + each.text + "\n";
    if (!each.example.empty()) out += "  e.g. " + each.example + "\n";
    out += "  " + each.remedy + "\n";
  }
  return out + (findings.empty() ? "nothing found\n" : "");
}

void run_doctor(const doctor_arguments& asked) {
  result_output out(asked.json);
  progress_bar bar;
  doctor at(!asked.no_times);
  is_tandem_file(asked.log) ? look_at_file(asked, at, bar) : look_at_log(asked, at, bar);
  bar.clear();
  const std::vector<finding> findings = at.findings();
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const finding& each : findings) {
    list.push_back({{"check", each.check},
                    {"count", each.count},
                    {"text", each.text},
                    {"example", each.example},
                    {"remedy", each.remedy}});
  }
  out.write(to_text(asked, at, findings), {{"log", asked.log}, {"events", at.events()}, {"findings", list}});
  if (!findings.empty()) end_as_failed();
}

}  // namespace

void add_doctor(CLI::App& app) {
  const auto asked = std::make_shared<doctor_arguments>();
  CLI::App* command = app.add_subcommand("doctor", "Look for what is wrong with the data of a log");
  command->footer(
      "Duplicates, late events, clocks that jump, gaps, answers without rewards, robots,\n"
      "users of one item, popularity in few items; docs/commands.md has the thresholds.\n"
      "Exit code 1 when something is found. The engine of the file may be running.\n\n"
      "Examples:\n  tandem doctor shop.tandem\n  tandem doctor orders.csv --names user=CustomerID,item=StockCode\n");
  command->add_option("LOG", asked->log, "An engine's file, or a log of another format")
      ->type_name("")
      ->required()
      ->group("The log");
  add_key_option(*command, asked->key_file);
  add_file_options(*command, *asked);
  command
      ->add_flag("--value-as-weight", asked->value_as_weight,
                 "Events that differ in their value (quantity, rating)\nare no duplicates")
      ->group("The log");
  add_json_option(*command, asked->json);
  command->callback([asked, command] {
    asked->given = named_options(*command);
    settle_log_options(*asked, asked->log);
    unless_interrupted([&] { run_doctor(*asked); });
  });
}

}  // namespace tandem_cli
