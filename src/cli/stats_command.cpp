#include "stats_command.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "interruption.hpp"
#include "journals.hpp"
#include "tandem/store/sqlite_store.hpp"
#include "tandem/study/detail/findings.hpp"
#include "tandem_file.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;
using study::detail::fixed;
using study::detail::thousands;

// Entries by kind, and the span of time they cover.
struct log_counts {
  std::uint64_t entries = 0, events = 0, rewards = 0, answers = 0, shadow = 0, models = 0, changes = 0;
  std::set<std::string, std::less<>> actions;
  std::optional<timestamp> first, latest;

  void add(const journal_entry& entry) {
    ++entries;
    if (const auto* e = std::get_if<event_entry>(&entry)) {
      ++events;
      rewards += e->record.decision != decision_id::none ? 1U : 0U;
      if (!actions.contains(e->action)) actions.emplace(e->action);
      first = std::min(first.value_or(e->record.time), e->record.time);
      latest = std::max(latest.value_or(e->record.time), e->record.time);
    } else if (const auto* a = std::get_if<answer_entry>(&entry)) {
      ++answers;
      shadow += a->record.shadow ? 1U : 0U;
    } else if (std::holds_alternative<model_entry>(std::get<change_entry>(entry))) {
      ++models;
    } else {
      ++changes;
    }
  }
};

double ratio(std::uint64_t a, std::uint64_t b) { return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b); }

std::string to_text(const std::string& path, const log_counts& log, const file_summary& file) {
  std::uint64_t snapshot_bytes = 0;
  for (const snapshot_info& each : file.snapshots) snapshot_bytes += each.bytes;
  std::string out = path + ": format " + std::to_string(file.format) + ", " + thousands(file.bytes) + " bytes\n\n";
  const auto line = [&](std::string name, const std::string& value) {
    name.resize(18, ' ');
    out += "  " + name + value + "\n";
  };
  line("entries", thousands(log.entries));
  line("  events", thousands(log.events) + ", of them rewards " + thousands(log.rewards));
  line("  answers", thousands(log.answers) + ", of them shown to nobody " + thousands(log.shadow));
  line("  models", thousands(log.models));
  line("  other changes", thousands(log.changes));
  line("erased entries",
       thousands(file.erased) + (raw(file.compacted_to) == 0
                                     ? std::string()
                                     : ", all up to entry " + thousands(raw(file.compacted_to)) + " by compacting"));
  line("users, items", thousands(file.users) + ", " + thousands(file.items));
  line("actions", thousands(log.actions.size()));
  if (log.first) line("first event", time_text(*log.first));
  if (log.latest) line("latest event", time_text(*log.latest));
  line("bytes an event", fixed(ratio(file.bytes - std::min(file.bytes, snapshot_bytes), log.events), 1) +
                             " without snapshots, a user " + fixed(ratio(file.bytes, file.users), 1) + " with them");
  line("snapshots", thousands(file.snapshots.size()) + ", " + thousands(snapshot_bytes) + " bytes");
  for (const auto& [stream, position] : file.streams) line("stream", stream + " at " + position);
  return out;
}

nlohmann::ordered_json to_json_object(const log_counts& log, const file_summary& file) {
  nlohmann::ordered_json out;
  out["format"] = file.format;
  out["bytes"] = file.bytes;
  out["entries"] = log.entries;
  out["events"] = log.events;
  out["rewards"] = log.rewards;
  out["answers"] = log.answers;
  out["shadow_answers"] = log.shadow;
  out["models"] = log.models;
  out["changes"] = log.changes;
  out["erased"] = file.erased;
  out["compacted_to"] = raw(file.compacted_to);
  out["users"] = file.users;
  out["items"] = file.items;
  out["actions"] = log.actions;
  if (log.first) out["first_event_ms"] = to_millis(*log.first);
  if (log.latest) out["latest_event_ms"] = to_millis(*log.latest);
  out["snapshots"] = nlohmann::ordered_json::array();
  for (const snapshot_info& each : file.snapshots) {
    out["snapshots"].push_back(
        {{"kind", each.kind == snapshot_kind::state ? "state" : "model"}, {"at", raw(each.at)}, {"bytes", each.bytes}});
  }
  out["streams"] = nlohmann::ordered_json::object();
  for (const auto& [stream, position] : file.streams) out["streams"][stream] = position;
  return out;
}

void run_stats(const tandem_file& asked, const std::string& json) {
  result_output out(json);
  const auto reader = read_sqlite(asked.path, file_key(asked.key_file).options());
  progress_bar bar;
  log_counts counts;
  const progress watch = interruption::callback(bar);
  watched_journal(*reader, reader->last(), "read", watch).scan({}, [&](entry_number, const journal_entry& entry) {
    counts.add(entry);
  });
  bar.clear();
  const file_summary summary = reader->summary();
  out.write(to_text(asked.path, counts, summary), to_json_object(counts, summary));
}

}  // namespace

void add_stats(CLI::App& app) {
  const auto asked = std::make_shared<tandem_file>();
  const auto json = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("stats", "Tell what is in an engine's file, in numbers");
  command->footer(
      "Reads the whole log; the engine of the file may be running.\n\nExample:\n  tandem stats shop.tandem\n");
  add_file_argument(*command, *asked);
  add_json_option(*command, *json);
  command->callback([asked, json] { unless_interrupted([&] { run_stats(*asked, *json); }); });
}

}  // namespace tandem_cli
