#include "import_command.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "entry_json.hpp"
#include "file_in_the_making.hpp"
#include "interruption.hpp"
#include "journals.hpp"
#include "log_file.hpp"
#include "tandem/detail/crc32.hpp"
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

// What became of the events of one log.
struct imported {
  std::string log;
  std::uint64_t events = 0, earlier = 0, taken = 0, duplicates = 0, rejected = 0;
  bool interrupted = false;
};

// ---- how far a log was read ---------------------------------------------------------------------------------------

// The log's events in order of time, and a checksum of the first ones: a position that a log which has only grown still
// fits, and no other.
class ordered_events {
 public:
  explicit ordered_events(const event_log& log) : log_(&log), order_(log.events.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return log.events[a].time < log.events[b].time; });
  }

  [[nodiscard]] std::size_t size() const { return order_.size(); }
  [[nodiscard]] event at(std::size_t place) const {
    const logged_event& e = log_->events[order_[place]];
    event out;
    out.user = log_->users.name(e.user);
    out.item = log_->items.name(e.item);
    out.action = log_->actions.name(e.action);
    out.value = e.weight;
    out.time = e.time;
    return out;
  }
  /// The next event is read, too.
  void pass() {
    const event e = at(passed_++);
    const std::string time = std::to_string(to_millis(e.time));
    for (const std::string_view part : {e.user, e.item, e.action, std::string_view(time)}) {
      sum_ = tandem::detail::crc32("\n", tandem::detail::crc32(part, sum_));
    }
  }
  [[nodiscard]] std::size_t passed() const { return passed_; }
  [[nodiscard]] std::string position() const { return std::to_string(passed_) + " " + std::to_string(sum_); }

 private:
  const event_log* log_;
  std::vector<std::size_t> order_;
  std::size_t passed_ = 0;
  std::uint32_t sum_ = 0;
};

void go_on_from(const std::string& position, ordered_events& events, const std::string& path) {
  if (position.empty()) return;
  std::size_t passed = 0;
  const auto parsed = std::from_chars(position.data(), position.data() + position.size(), passed);
  const bool known = parsed.ec == std::errc();
  for (; known && events.passed() < std::min(passed, events.size());) events.pass();
  if (events.position() == position) return;
  throw error(errc::invalid_argument,
              "is not the log of which " + std::to_string(passed) + " events were imported from this path",
              {path, 0, {}}, "only a log that has grown at its end, in time, can be imported further");
}

// ---- the work -----------------------------------------------------------------------------------------------------

void count(imported& out, observe_status status) {
  out.taken += status == observe_status::accepted || status == observe_status::late ? 1U : 0U;
  out.duplicates += status == observe_status::duplicate ? 1U : 0U;
  out.rejected += status == observe_status::rejected ? 1U : 0U;
  if (status == observe_status::full) {
    throw error(errc::no_space, "the engine takes no more events", {{}, 0, "max_events"}, "raise it in --options");
  }
}

imported import_log(const import_arguments& asked, const std::string& path, engine& into, progress_bar& bar) {
  const progress watch = interruption::callback(bar);
  const read_log_result read = read_log_file(asked, path, watch, false);
  bar.clear();
  tell_bad_lines(read.report, path);
  ordered_events events(read.log);
  const std::string stream = "file:" + std::filesystem::weakly_canonical(path).string();
  go_on_from(into.stream(stream), events, path);
  imported out{path, events.size(), events.passed(), 0, read.report.duplicates, 0, false};
  std::vector<event> span;
  std::vector<observe_result> results(asked.span);
  while (events.passed() < events.size() && !out.interrupted) {
    span.clear();
    for (; span.size() < asked.span && events.passed() < events.size(); events.pass()) {
      span.push_back(events.at(events.passed()));
    }
    if (!into.observe(span, {stream, events.position()}, results)) {
      throw error(errc::io_error, "could not be written", {asked.tandem_file::path, 0, {}}, "is the disk full?");
    }
    for (std::size_t k = 0; k < span.size(); ++k) count(out, results[k].status);
    out.interrupted = !watch({"import", events.passed(), events.size()}) && events.passed() < events.size();
  }
  bar.clear();
  return out;
}

imported import_export(const import_arguments& asked, const std::string& path, progress_bar& bar) {
  const file_in_the_making file(asked.tandem_file::path, "an export is the whole of a file");
  const exported_journal log(path);
  const progress watch = interruption::callback(bar);
  imported out{path, 0, 0, 0, 0, 0, false};
  {
    engine into = tandem::open(file.partial(), engine_options_of(asked));
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
    engine into = tandem::open(asked.tandem_file::path, engine_options_of(asked));
    for (const std::string& log : asked.logs) {
      if (interrupted) break;
      const imported each = import_log(asked, log, into, bar);
      interrupted = each.interrupted;
      text += to_text(asked.tandem_file::path, each, false);
      logs.push_back(to_json_object(each));
    }
    if (!into.flush()) throw error(errc::io_error, "could not be written", {asked.tandem_file::path, 0, {}});
  }
  out.write(text, {{"file", asked.tandem_file::path}, {"logs", logs}});
  if (interrupted) throw error(errc::cancelled, "interrupted; the same command goes on from there");
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
    run_import(*asked);
  });
}

}  // namespace tandem_cli
