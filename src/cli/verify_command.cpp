#include "verify_command.hpp"

#include <memory>
#include <string>

#include "tandem/store/sqlite_store.hpp"
#include "tandem/study/detail/findings.hpp"
#include "tandem_file.hpp"

namespace tandem_cli {
namespace {

using tandem::study::detail::thousands;

void run_verify(const tandem_file& asked, const std::string& json) {
  result_output out(json);
  const tandem::file_report found = tandem::verify_file(asked.path, file_key(asked.key_file).options());
  std::string text = asked.path + ": " + thousands(found.entries) + " entries, " + thousands(found.events) +
                     " events, " + thousands(found.decisions) + " answers, " + thousands(found.users) + " users, " +
                     thousands(found.items) + " items, " + thousands(found.snapshots) + " snapshots, " +
                     thousands(found.bytes) + " bytes\n";
  for (const std::string& problem : found.problems) text += "  " + problem + "\n";
  text += found.sound() ? "sound: everything matches its checksum\n"
                        : "not sound: take the latest copy, or export what can be read\n";
  nlohmann::ordered_json object;
  object["sound"] = found.sound();
  object["problems"] = found.problems;
  object["entries"] = found.entries;
  object["events"] = found.events;
  object["answers"] = found.decisions;
  object["users"] = found.users;
  object["items"] = found.items;
  object["snapshots"] = found.snapshots;
  object["erased"] = found.erased;
  object["bytes"] = found.bytes;
  out.write(text, object);
  if (!found.sound()) end_as_failed();
}

}  // namespace

void add_verify(CLI::App& app) {
  const auto asked = std::make_shared<tandem_file>();
  const auto json = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("verify", "Check every byte of an engine's file against its checksum");
  command->footer(
      "The engine of the file may be running. Exit code 1 when the file is not sound; the\n"
      "problems are listed.\n\n"
      "Example:\n  tandem verify shop.tandem\n");
  add_file_argument(*command, *asked);
  add_json_option(*command, *json);
  command->callback([asked, json] { run_verify(*asked, *json); });
}

}  // namespace tandem_cli
