#include "forget_command.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "journals.hpp"
#include "log_arguments.hpp"
#include "tandem/json.hpp"
#include "tandem/open.hpp"
#include "tandem/study/detail/findings.hpp"
#include "tandem_file.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;
using study::detail::thousands;

struct forget_arguments : tandem_file {
  std::string user, receipt, json;
};

struct compact_arguments : tandem_file {
  std::optional<std::uint64_t> keep_events;
  std::optional<double> keep_days;
  std::string json;
};

// ---- forget -------------------------------------------------------------------------------------------------------

// The engine would look for a stranger as long, and drop its snapshots first.
void check_user(const forget_arguments& asked, const file_key& key) {
  const auto log = read_sqlite(asked.path, key.options());
  if (!is_known(*log, asked.user)) {
    throw error(errc::not_found, "there is no user '" + asked.user + "'", {asked.path, 0, {}});
  }
  if (raw(log->summary().compacted_to) > 0) {
    throw error(errc::wrong_state, "was compacted: what its log cannot teach again would be lost with the snapshots",
                {asked.path, 0, {}}, "import or replay what you have of the log into a new file");
  }
}

void run_forget(const forget_arguments& asked) {
  result_output out(asked.json);
  std::optional<output_file> receipt_file;
  if (!asked.receipt.empty()) receipt_file.emplace(asked.receipt);
  const file_key key(asked.key_file);
  check_user(asked, key);
  erasure_receipt receipt;
  {
    engine kept = open_existing(asked, key);
    receipt = kept.forget(asked.user, std::chrono::floor<duration>(std::chrono::system_clock::now()));
  }
  if (receipt_file) receipt_file->write(receipt.text());
  open_existing(asked, key).checkpoint();
  out.write(receipt.text(), to_json(receipt));
}

// ---- compact ------------------------------------------------------------------------------------------------------

// What was learned from entries that go is kept in snapshots: only the host's options can read them.
void check_options(const tandem_file& asked, const engine& kept, const file_summary& before) {
  const bool any = std::any_of(before.snapshots.begin(), before.snapshots.end(),
                               [](const snapshot_info& each) { return each.kind == snapshot_kind::state; });
  if (!any || raw(kept.opened().from) > 0) return;
  throw error(
      errc::invalid_argument,
      "has snapshots, and none is of an engine with these options: compacted, it could not be opened with its own",
      {asked.path, 0, {}}, "give the options of its host by --options");
}

void run_compact(const compact_arguments& asked) {
  result_output out(asked.json);
  const file_key key(asked.key_file);
  const auto summary = [&] { return read_sqlite(asked.path, key.options())->summary(); };
  const file_summary before = summary();
  std::uint64_t gone = 0;
  {
    engine kept = open_existing(asked, key);
    check_options(asked, kept, before);
    retention keep;
    if (asked.keep_events) keep.max_events = *asked.keep_events;
    if (asked.keep_days) {
      keep.not_before = kept.stats().newest - duration(static_cast<std::int64_t>(*asked.keep_days * 86'400'000.0));
    }
    gone = kept.compact(keep);
  }
  const file_summary after = summary();
  out.write(asked.path + ": " + thousands(gone) + " entries forgotten, " + thousands(before.bytes) + " bytes before, " +
                thousands(after.bytes) + " after\n",
            {{"file", asked.path}, {"entries", gone}, {"bytes_before", before.bytes}, {"bytes_after", after.bytes}});
}

void add_compact(CLI::App& app) {
  const auto asked = std::make_shared<compact_arguments>();
  CLI::App* command = app.add_subcommand("compact", "Forget old entries of an engine's file, but not what they taught");
  command->footer(
      "What was learned from the entries stays, in snapshots that an engine with the same\n"
      "options reads: give those of the host by --options. Later refits learn from what is\n"
      "kept. No engine may have the file open.\n\n"
      "Example:\n  tandem compact shop.tandem --keep-days 365 --options shop.json\n");
  add_file_argument(*command, *asked);
  add_options_option(*command, *asked);
  command->add_option("--keep-events", asked->keep_events, "Keep the latest N events")
      ->type_name("N")
      ->group("The work");
  command->add_option("--keep-days", asked->keep_days, "Keep the D days before the latest time in the log")
      ->type_name("D")
      ->check(CLI::Range(0.0, 1e6).description(""))
      ->group("The work");
  add_json_option(*command, asked->json);
  command->callback([asked] {
    if (!asked->keep_events && !asked->keep_days) refuse("compact", "say what to keep: --keep-events or --keep-days");
    run_compact(*asked);
  });
}

}  // namespace

void add_forget(CLI::App& app) {
  const auto asked = std::make_shared<forget_arguments>();
  CLI::App* command = app.add_subcommand("forget", "Erase a user from an engine's file");
  command->footer(
      "The entries and names of the user, and of the visitors who were merged into the\n"
      "user, are overwritten; the rest of the log is learned anew, which takes as long as\n"
      "the log. Copies of the file are yours to erase. No engine may have the file open.\n"
      "Exit code 1 when nothing is known of the user.\n\n"
      "Example:\n  tandem forget shop.tandem ada --receipt ada.txt --options shop.json\n");
  add_file_argument(*command, *asked);
  command->add_option("USER", asked->user, "The host's id of the user")->type_name("")->required()->group("The file");
  add_options_option(*command, *asked);
  command->add_option("--receipt", asked->receipt, "Write what was erased, as text, to keep elsewhere")
      ->type_name("OUT")
      ->group("The work");
  add_json_option(*command, asked->json);
  command->callback([asked] { run_forget(*asked); });
  add_compact(app);
}

}  // namespace tandem_cli
