#include "export_command.hpp"

#include <iostream>
#include <memory>
#include <string>

#include "entry_json.hpp"
#include "interruption.hpp"
#include "journals.hpp"
#include "output_file.hpp"
#include "tandem/json.hpp"
#include "tandem/store/sqlite_store.hpp"
#include "tandem/study/detail/findings.hpp"
#include "tandem_file.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;

struct export_arguments : tandem_file {
  std::string out = "-", user;
};

void run_export(const export_arguments& asked) {
  output_file out(asked.out);
  const auto reader = read_sqlite(asked.path, file_key(asked.key_file).options());
  progress_bar bar;
  const progress watch = interruption::callback(bar);
  std::uint64_t entries = 0;
  watched_journal(*reader, reader->last(), "export", watch)
      .scan({}, [&](entry_number number, const journal_entry& entry) {
        out.append(entry_json(number, entry).dump() + "\n");
        ++entries;
      });
  out.finish();
  bar.clear();
  if (!out.is_standard_output()) {
    std::cout << study::detail::thousands(entries) << " entries of " << asked.path << " in " << asked.out << '\n';
  }
}

void run_export_user(const export_arguments& asked) {
  output_file out(asked.out);
  const auto reader = read_sqlite(asked.path, file_key(asked.key_file).options());
  out.write(to_json(data_of(*reader, asked.user)).dump(2) + "\n");
}

void add_out_option(CLI::App& command, export_arguments& asked, const char* help) {
  command.add_option("--out", asked.out, help)->type_name("OUT")->group("The work");
}

void add_export_user(CLI::App& app) {
  const auto asked = std::make_shared<export_arguments>();
  CLI::App* command = app.add_subcommand("export-user", "Write all that an engine's file holds of a user, as JSON");
  command->footer(
      "The events and answers of the user and of the visitors who were merged into the\n"
      "user. Exit code 1 when nothing is known. The engine of the file may be running.\n\n"
      "Example:\n  tandem export-user shop.tandem ada --out ada.json\n");
  add_file_argument(*command, *asked);
  command->add_option("USER", asked->user, "The host's id of the user")->type_name("")->required()->group("The file");
  add_out_option(*command, *asked, "The file to write; by default standard output");
  command->callback([asked] { unless_interrupted([&] { run_export_user(*asked); }); });
}

}  // namespace

void add_export(CLI::App& app) {
  const auto asked = std::make_shared<export_arguments>();
  CLI::App* command = app.add_subcommand("export", "Write every entry of an engine's file as a line of JSON");
  command->footer(
      "Names stand in the place of numbers, times are milliseconds since 1970.\n"
      "`tandem import` makes a file of it that exports the same lines; what was learned is\n"
      "learned again there. The engine of the file may be running.\n\n"
      "Example:\n  tandem export shop.tandem --out shop.jsonl\n");
  add_file_argument(*command, *asked);
  add_out_option(*command, *asked, "The file to write, e.g. shop.jsonl; by default standard\noutput");
  command->callback([asked] { unless_interrupted([&] { run_export(*asked); }); });
  add_export_user(app);
}

}  // namespace tandem_cli
