#include "explain_command.hpp"

#include <unistd.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interruption.hpp"
#include "journals.hpp"
#include "tandem/detail/told_entries.hpp"
#include "tandem/json.hpp"
#include "tandem/open.hpp"
#include "tandem/study/detail/findings.hpp"
#include "tandem_file.hpp"
#include "text_table.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;
using study::detail::fixed;
using study::detail::thousands;

struct explain_arguments : tandem_file {
  std::uint64_t decision = 0;
  std::size_t events = 10;
  std::string json;
};

// An answer with what it was asked, owning its texts.
struct found_answer {
  entry_number at{}, seen{};
  std::uint64_t model_version = 0;
  std::uint32_t count = 0;
  bool exclude_seen = true;
  told_answer told;
  std::vector<std::string> only, blocked;
  std::optional<page_rules> rules;
};

// Why, for one item of it: as the sources think with what was known then.
struct explained_item {
  recommended_item logged;
  explanation why;
};

struct explained_answer {
  found_answer answer;
  std::vector<explained_item> items;
  std::vector<told_event> events;  // the user's latest before it
  bool otherwise = false;          // an item is scored otherwise than it was
  entry_number missing{};          // entries up to here are not in the log any more
};

found_answer find_answer(const journal& log, const explain_arguments& asked) {
  std::optional<found_answer> out;
  log.scan({}, [&](entry_number number, const journal_entry& entry) {
    const auto* a = std::get_if<answer_entry>(&entry);
    if (a == nullptr || raw(a->record.id) != asked.decision) return;
    const decision& d = a->record;
    out.emplace(found_answer{number,
                             a->seen,
                             d.model_version,
                             a->count,
                             a->exclude_seen,
                             {d.id, d.user_name, d.time, d.shadow, d.given, {}, {}},
                             {a->only_items.begin(), a->only_items.end()},
                             {a->blocked_items.begin(), a->blocked_items.end()},
                             a->rules});
    for (std::size_t k = 0; k < d.slate.size(); ++k) {
      out->told.items.push_back({std::string(a->slate_items[k]), d.slate[k].score, d.slate[k].propensity});
    }
    for (const std::string& fact : a->facts) out->told.context.push_back(fact_of(fact));
  });
  if (out) return *std::move(out);
  throw error(errc::not_found, "has no decision " + std::to_string(asked.decision), {asked.path, 0, {}},
              "it may have been forgotten or compacted away");
}

// A folder for nobody else, gone with this.
class private_folder {
 public:
  private_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tandem-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw error(errc::io_error, "cannot be made", {name, 0, {}}, "set TMPDIR");
    path_ = name;
  }
  ~private_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  private_folder(const private_folder&) = delete;
  private_folder& operator=(const private_folder&) = delete;
  [[nodiscard]] std::string file() const { return (path_ / "log").string(); }

 private:
  std::filesystem::path path_;
};

void explain_items(const engine& then, explained_answer& out) {
  const found_answer& answer = out.answer;
  request r;
  r.user = answer.told.user;
  r.count = answer.count;
  r.time = answer.told.time;
  for (const auto& [name, value] : answer.told.context) r.context.emplace_back(name, value);
  const std::vector<std::string_view> only(answer.only.begin(), answer.only.end());
  const std::vector<std::string_view> blocked(answer.blocked.begin(), answer.blocked.end());
  r.candidates = only;
  r.blocked = blocked;
  r.exclude_seen = answer.exclude_seen;
  r.shadow = answer.told.shadow;
  if (answer.rules.has_value()) r.rules = &*answer.rules;
  std::vector<shown_item> given;
  for (const recommended_item& each : answer.told.items) given.push_back({each.item, each.propensity});
  if (answer.told.given) r.shown = given;
  for (const recommended_item& each : answer.told.items) {
    out.items.push_back({each, then.explain(r, each.item)});
    const explanation& why = out.items.back().why;
    const bool close = std::abs(why.score - each.score) <= 1e-3F * (1 + std::abs(each.score));
    const bool added = answer.rules.has_value() && !why.candidate;  // as caps needed it for the page that was drawn
    out.otherwise = out.otherwise || !why.allowed || (!close && !added);
  }
}

explained_answer explain(const explain_arguments& asked, progress_bar& bar, const private_folder& folder,
                         std::optional<engine>& then) {
  const file_key key(asked.key_file);
  const auto log = read_sqlite(asked.path, key.options());
  explained_answer out;
  out.answer = find_answer(*log, asked);
  out.missing = log->summary().compacted_to;
  const cut_journal known(*log, out.answer.seen);
  try {
    out.events = data_of(known, out.answer.told.user).events;
  } catch (const error& e) {
    if (e.code() != errc::not_found) throw;
  }
  if (out.events.size() > asked.events) {
    out.events.erase(out.events.begin(), out.events.end() - static_cast<std::ptrdiff_t>(asked.events));
  }
  const progress watch = interruption::callback(bar);
  then.emplace(tandem::open(folder.file(), engine_options_of(asked), key.options(durability::none)));
  (void)then->learn_from(watched_journal(known, out.answer.seen, "learn", watch));
  bar.clear();
  explain_items(*then, out);
  return out;
}

std::string to_text(const explained_answer& all) {
  const found_answer& answer = all.answer;
  const std::string who = answer.told.user.empty() ? "nobody known" : answer.told.user;
  std::string out = "decision " + std::to_string(raw(answer.told.id)) + " for " + who + " at " +
                    time_text(answer.told.time) + (answer.told.shadow ? ", shown to nobody" : "") +
                    "; it knew the log up to entry " + thousands(raw(answer.seen)) + ", model " +
                    std::to_string(answer.model_version) + "\n";
  for (const auto& [name, value] : answer.told.context) {
    out.append("  ").append(name).append(": ").append(value).append("\n");
  }
  for (std::size_t k = 0; k < all.items.size(); ++k) {
    const explained_item& each = all.items[k];
    out += "\n" + padded(std::to_string(k + 1) + ". " + each.logged.item, 28, true) + "score " +
           fixed(each.logged.score, 4) + ", propensity " + fixed(each.logged.propensity, 4) +
           (each.why.candidate ? ", served by " + std::string(each.why.served_by) : std::string()) + "\n";
    for (const source_opinion& source : each.why.sources) {
      out += "   " + padded(source.name, 25, true) + "score " + fixed(source.score, 4) + ", rank " +
             fixed(source.rank + 1, 1) + (source.proposed ? ", proposed it" : "") + "\n";
    }
  }
  out += all.events.empty() ? "\nNothing was known of the user.\n" : "\nThe user's latest events before it:\n";
  for (const told_event& e : all.events) {
    out += "  " + time_text(e.time) + "  " + padded(e.action, 12, true) + " " + e.item +
           (e.value == 1 ? std::string() : ", value " + fixed(e.value, 2)) + "\n";
  }
  if (raw(all.missing) > 0) {
    out += "\nNote: entries up to " + thousands(raw(all.missing)) +
           " were compacted away: what they taught is missing above.\n";
  }
  if (all.otherwise) {
    out +=
        "\nNote: the scores now are not those of the log: give the host's options by --options. Users who were\n"
        "forgotten since, and another machine's rounding, make a difference, too.\n";
  }
  return out;
}

nlohmann::ordered_json to_json_object(const explained_answer& all) {
  nlohmann::ordered_json out = to_json(all.answer.told);
  out["seen"] = raw(all.answer.seen);
  out["model_version"] = all.answer.model_version;
  out["scored_otherwise"] = all.otherwise;
  out["compacted_to"] = raw(all.missing);
  for (std::size_t k = 0; k < all.items.size(); ++k) {
    const explanation& why = all.items[k].why;
    nlohmann::ordered_json& item = out["items"][k];
    item["allowed"] = why.allowed;
    item["candidate"] = why.candidate;
    item["served_by"] = std::string(why.served_by);
    item["sources"] = nlohmann::ordered_json::array();
    for (const source_opinion& source : why.sources) {
      item["sources"].push_back({{"name", std::string(source.name)},
                                 {"score", source.score},
                                 {"rank", source.rank},
                                 {"proposed", source.proposed}});
    }
  }
  out["events"] = nlohmann::ordered_json::array();
  for (const told_event& e : all.events) out["events"].push_back(to_json(e));
  return out;
}

void run_explain(const explain_arguments& asked) {
  result_output out(asked.json);
  progress_bar bar;
  const private_folder folder;
  std::optional<engine> then;  // the texts of explanations are its own
  const explained_answer all = explain(asked, bar, folder, then);
  out.write(to_text(all), to_json_object(all));
}

}  // namespace

void add_explain(CLI::App& app) {
  const auto asked = std::make_shared<explain_arguments>();
  CLI::App* command = app.add_subcommand("explain", "Tell why an answer had the items that it had");
  command->footer(
      "The log is learned again up to what the answer knew, in a temporary file (TMPDIR),\n"
      "and each source is asked what it thinks of each item. Scores are the log's only with\n"
      "the options that the host has: --options. Ranks count from 1, among all items that\n"
      "the request allowed. The engine of the file may be running.\n\n"
      "Example:\n  tandem explain shop.tandem 4711 --options shop.json\n");
  add_file_argument(*command, *asked);
  command->add_option("DECISION", asked->decision, "The number of the answer: recommendation::id")
      ->type_name("")
      ->required()
      ->group("The file");
  add_options_option(*command, *asked);
  command->add_option("--events", asked->events, "How many of the user's latest events to tell (10)")
      ->type_name("N")
      ->group("The work");
  add_json_option(*command, asked->json);
  command->callback([asked] { unless_interrupted([&] { run_explain(*asked); }); });
}

}  // namespace tandem_cli
