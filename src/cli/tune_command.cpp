#include "tune_command.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalogue.hpp"
#include "file_key.hpp"
#include "fitting.hpp"
#include "log_file.hpp"
#include "models.hpp"
#include "output_file.hpp"
#include "range_list.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/version.hpp"
#include "tuning_folds.hpp"

namespace tandem_cli {
namespace {

namespace batch = tandem::batch;
using nlohmann::ordered_json;
using tandem::errc;
using tandem::error;

struct tune_arguments : log_arguments {
  std::string events, protocol, ranges, json, merge = "max";
  model_arguments model;
  std::size_t trials = 20;
  std::size_t folds = 2;
  double held_out = 0.2;
  std::uint64_t seed = 0;
  std::size_t threads = 0;
  [[nodiscard]] bool strong() const { return protocol == "strong"; }
};

// What is to be searched, and from where.
struct tuning_plan {
  chosen_model start;
  std::vector<tuned_key> keys;
};

// What a search came to.
struct tuning_outcome {
  std::vector<tuned_setting> trials;  // best first
  std::size_t users = 0;              // judged, over all folds
  std::string size;                   // of the log
  double cpu_seconds = 0;
};

// The same error in this command's own words.
[[noreturn]] void rethrow(const error& e, const tune_arguments& asked) {
  const std::string& field = e.where().field;
  if (field.rfind("tuning.", 0) == 0) refuse("--ranges", field.substr(7) + " " + e.message());
  if (field == "folds") {
    throw error(e.code(), e.message(), {asked.events, 0, "--folds"},
                asked.strong() ? "ask for fewer folds, or give a longer log"
                               : "ask for fewer folds or a larger --held-out, or judge by users: --protocol strong");
  }
  if (field == "held_out") {
    throw error(
        e.code(), "no user has something in what is learned and something new in what is held out",
        {asked.events, 0, "--held-out"},
        asked.strong() ? "hold out more users" : "hold out more of the log, or judge by users: --protocol strong");
  }
  throw e;
}

read_log_result read(const tune_arguments& asked, progress_bar& bar) {
  try {
    return read_log_file(asked, asked.events, interruption::callback(bar));
  } catch (const error& e) {
    if (e.remedy().find("--no-times") == std::string::npos) throw;
    throw error(e.code(), e.message(), e.where(),
                "name it with --names or --columns, or judge by users: --protocol strong");
  }
}

std::unique_ptr<tuning_folds> make_folds(const tune_arguments& asked, const tandem::event_log& log,
                                         const id_order& users, const id_order& items,
                                         const tandem::interactions& whole) {
  try {
    if (asked.strong()) {
      batch::user_fold_options options;
      options.folds = asked.folds;
      options.held_out_share = asked.held_out;
      options.seed = asked.seed;
      return std::make_unique<tuning_folds>(batch::user_folds(whole, options), asked.seed);
    }
    const auto events = to_events(log, asked, users, items);
    return std::make_unique<tuning_folds>(
        batch::time_folds(events, users.size(), items.size(), asked.folds, asked.held_out, merge_rule_of(asked.merge),
                          dislikes_of(asked)),
        asked.seed);
  } catch (const error& e) {
    rethrow(e, asked);
  }
}

tuning_outcome search(const tune_arguments& asked, const tuning_plan& plan, const tandem::event_log& log,
                      progress_bar& bar) {
  const id_order users = users_of({&log});
  const id_order items = items_of({&log});
  const tandem::interactions whole =
      to_matrix(log, asked, users, items, merge_rule_of(asked.merge), dislikes_of(asked));
  require_entries(whole, asked.events);
  const std::unique_ptr<tuning_folds> folds = make_folds(asked, log, users, items, whole);
  tandem::thread_pool threads(asked.threads);
  const double start = cpu_seconds();
  tuning_outcome out;
  try {
    out.trials = plan.start.kind.tune(folds->all(), plan.start.options, plan.keys, {asked.trials, asked.seed}, threads,
                                      interruption::callback(bar));
  } catch (const error& e) {
    rethrow(e, asked);
  }
  bar.clear();
  std::stable_sort(out.trials.begin(), out.trials.end(),
                   [](const tuned_setting& a, const tuned_setting& b) { return a.ndcg > b.ndcg; });
  out.users = folds->n_users();
  out.size = size_text(whole);
  out.cpu_seconds = cpu_seconds() - start;
  return out;
}

// The keys that a trial's row shows.
std::vector<std::string> shown_keys(const tuning_plan& plan) {
  std::vector<std::string> out;
  for (const tuned_key& each : plan.keys) out.push_back(each.key);
  const bool told = std::find(out.begin(), out.end(), "epochs") != out.end();
  if (plan.start.kind.finds_epochs && !told) out.emplace_back("epochs");
  return out;
}

// Options to paste behind `tandem fit`: those that were searched or named.
std::string options_to_paste(const tune_arguments& asked, const tuning_plan& plan, const ordered_json& options) {
  const std::vector<std::string> searched = shown_keys(plan);
  std::string out = "--model " + plan.start.kind.name;
  for (const auto& each : options.items()) {
    const bool found = std::find(searched.begin(), searched.end(), each.key()) != searched.end();
    if (!found && !asked.model.given.contains(each.key())) continue;
    const std::string text = each.value().is_string() ? each.value().get<std::string>() : each.value().dump();
    out += " " + option_name(each.key()) + " " + text;
  }
  return out;
}

// Says where the best may lie beyond what was searched.
void note_ends(const tuning_plan& plan, const ordered_json& best, std::vector<std::string>& notes) {
  for (const tuned_key& each : plan.keys) {
    const auto value = best[each.key].get<double>();
    const bool low = each.range.low > 0 && value <= 1.001 * static_cast<double>(each.range.low);
    const bool high = value >= 0.999 * static_cast<double>(each.range.high);
    if (low || high) {
      notes.push_back("The best " + each.key + " is the " + (low ? "lowest" : "highest") +
                      " of its range; --ranges can move that.");
    }
  }
  if (plan.start.kind.finds_epochs && best["epochs"] == plan.start.options["epochs"]) {
    notes.emplace_back("The best fit did all the epochs it was allowed; --epochs allows more.");
  }
}

std::string short_number(const ordered_json& value) {
  if (!value.is_number_float()) return value.dump();
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value.get<double>());
  return text.data();
}

std::string to_table(const tune_arguments& asked, const tuning_plan& plan, const tuning_outcome& outcome,
                     const std::vector<std::string>& notes) {
  using tandem::study::detail::fixed;
  using tandem::study::detail::thousands;
  std::string out = plan.start.kind.name + " on " + outcome.size + "; " + thousands(outcome.trials.size()) +
                    " settings, " + thousands(asked.folds) + (asked.folds == 1 ? " fold, " : " folds, ") +
                    asked.protocol + " protocol, " + thousands(outcome.users) + " users judged\n";
  for (const std::string& note : notes) out += "Note: " + note + "\n";
  const std::vector<std::string> keys = shown_keys(plan);
  const auto cell = [](std::string text, std::size_t width) {
    text.insert(0, width - std::min(width, text.size()), ' ');
    return "  " + text;
  };
  out += "\n  ndcg@100";
  for (const std::string& key : keys) out += cell(key, 8);
  for (const tuned_setting& trial : outcome.trials) {
    out += "\n" + cell(fixed(trial.ndcg, 4), 8);
    for (const std::string& key : keys)
      out += cell(short_number(trial.options[key]), std::max<std::size_t>(8, key.size()));
  }
  out +=
      "\n\n  " + fixed(outcome.cpu_seconds, 2) + " s of processor time; the best, as options of fit and evaluate:\n\n";
  return out + options_to_paste(asked, plan, outcome.trials.front().options) + "\n";
}

std::string to_json_text(const tune_arguments& asked, const tuning_plan& plan, const tuning_outcome& outcome) {
  ordered_json out;
  out["events"] = asked.events;
  out["model"] = plan.start.kind.name;
  out["protocol"] = asked.protocol;
  out["folds"] = asked.folds;
  out["held_out"] = asked.held_out;
  out["merge"] = asked.merge;
  if (asked.dislikes) out["dislikes"] = true;
  for (const tuned_key& each : plan.keys) {
    out["searched"][each.key] = {tandem::detail::json::shortest(each.range.low),
                                 tandem::detail::json::shortest(each.range.high)};
  }
  out["judged_users"] = outcome.users;
  out["best"] = {{"ndcg@100", outcome.trials.front().ndcg}, {"options", outcome.trials.front().options}};
  out["command_line"] = options_to_paste(asked, plan, outcome.trials.front().options);
  for (const tuned_setting& each : outcome.trials) {
    out["trials"].push_back({{"ndcg@100", each.ndcg}, {"options", each.options}});
  }
  out["tune_cpu_seconds"] = outcome.cpu_seconds;
  out["seed"] = asked.seed;
  out["version"] = TANDEM_VERSION_STRING;
  out["simd"] = tandem::simd_level();
  return out.dump(2) + "\n";
}

void run_tune(const tune_arguments& asked, const tuning_plan& plan) {
  std::optional<output_file> json;
  if (!asked.json.empty()) json.emplace(asked.json);
  progress_bar bar;
  read_log_result log = read(asked, bar);
  bar.clear();
  tell_bad_lines(log.report, {});
  const tuning_outcome outcome = search(asked, plan, log.log, bar);
  note_ends(plan, outcome.trials.front().options, log.notes);
  const bool taken = json && json->is_standard_output();
  (taken ? std::cerr : std::cout) << to_table(asked, plan, outcome, log.notes);
  if (json) json->write(to_json_text(asked, plan, outcome));
}

// --seed is everything's: the folds', the trials' and, where it draws, the model's.
void settle_seed(tune_arguments& asked, const model_kind& kind) {
  const auto given = asked.model.given.find("seed");
  if (given == asked.model.given.end()) return;
  const std::string& text = given->second;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), asked.seed);
  if (failure != std::errc{} || end != text.data() + text.size()) refuse("--seed", "give an integer in [0, 2^64)");
  if (!kind.defaults.contains("seed")) asked.model.given.erase(given);
}

// The options at the low, or high, end of every range; ends with exit code 2 where the model does not take them.
void check_end(const model_kind& kind, model_arguments asked, const std::vector<tuned_key>& keys, bool high) {
  for (const tuned_key& each : keys) {
    const float end = high ? each.range.high : each.range.low;
    const bool whole = kind.defaults[each.key].is_number_integer();
    asked.given[each.key] = whole ? std::to_string(std::llround(std::min(end, 1e18F)))
                                  : ordered_json(tandem::detail::json::shortest(end)).dump();
  }
  (void)choose_model(asked);
}

tuning_plan plan_of(tune_arguments& asked) {
  const auto& kinds = model_kinds();
  const model_kind& kind =
      *std::find_if(kinds.begin(), kinds.end(), [&](const model_kind& each) { return each.name == asked.model.name; });
  if (kind.of_ratings) {
    refuse("--model",
           kind.name + " predicts ratings, and tune judges rankings: compare settings by the rmse of evaluate");
  }
  if (kind.tuned.empty()) refuse("--model", kind.name + " has nothing to tune");
  settle_seed(asked, kind);
  const std::vector<tuned_key> named = ranges_in("--ranges", asked.ranges);
  std::vector<tuned_key> keys;
  for (const tuned_key& each : named) {
    const auto found =
        std::find_if(kind.tuned.begin(), kind.tuned.end(), [&](const auto& t) { return t.key == each.key; });
    if (found == kind.tuned.end()) {
      std::string known;
      for (const tuned_key& t : kind.tuned) known += (known.empty() ? "" : ", ") + t.key;
      refuse("--ranges", "'" + each.key + "' is not searched for " + kind.name + "; it has " + known);
    }
    if (asked.model.given.contains(each.key)) refuse(option_name(each.key), "is given a range, too: leave one out");
    keys.push_back(each);
  }
  for (const tuned_key& each : kind.tuned) {
    const bool is_named = std::any_of(named.begin(), named.end(), [&](const auto& n) { return n.key == each.key; });
    // likeness that is no cosine has nothing that shrinkage could be added to
    const bool is_void = each.key == "shrinkage" && asked.model.given.contains("normalize") &&
                         asked.model.given.at("normalize") == "false";
    if (each.searched() && !is_named && !is_void && !asked.model.given.contains(each.key)) keys.push_back(each);
  }
  if (keys.empty()) refuse("--model", "every option that is searched for " + kind.name + " is given: leave one out");
  for (const bool high : {false, true}) check_end(kind, asked.model, keys, high);
  const chosen_model chosen = choose_model(asked.model);
  check_dislikes(chosen.kind, asked);
  return {chosen, keys};
}

tuning_plan check(tune_arguments& asked) {
  settle_log_options(asked, asked.events);
  if (!(asked.held_out > 0 && asked.held_out < 1)) refuse("--held-out", "must lie in (0, 1)");
  if (asked.protocol.empty()) asked.protocol = asked.no_times ? "strong" : "time";
  if (asked.strong() && asked.was_given("--time-unit")) {
    refuse("--time-unit", "is for --protocol time: strong reads no times; leave it out");
  }
  asked.order_is_time = asked.strong();
  return plan_of(asked);
}

void add_search_options(CLI::App& command, tune_arguments& asked) {
  const auto group = [](CLI::Option* option) { return option->group("The search"); };
  group(command
            .add_option("--protocol", asked.protocol,
                        "What is held out: the end of the log (time), or users of\nwhom a part is known (strong); by "
                        "default time, with\n--no-times strong")
            ->type_name("NAME")
            ->check(CLI::IsMember({"time", "strong"}).description("")));
  group(command.add_option("--trials", asked.trials, "Settings to try (20)")
            ->type_name("N")
            ->check(CLI::Range(1, 10000).description("")));
  group(command.add_option("--folds", asked.folds, "Times that each is fitted and judged (2)")
            ->type_name("N")
            ->check(CLI::Range(1, 1000).description("")));
  group(command
            .add_option("--held-out", asked.held_out,
                        "Share of the events, or users, that all folds together\nhold out (0.2)")
            ->type_name("X"));
  group(command
            .add_option("--ranges", asked.ranges,
                        "Where to look instead of, or beside, where it does by\nitself: nu=0:1,rank=16:128")
            ->type_name("LIST"));
}

}  // namespace

void add_tune(CLI::App& app) {
  const auto asked = std::make_shared<tune_arguments>();
  CLI::App* command = app.add_subcommand("tune", "Find options of a model on held-out events of a log");
  command->footer(
      "An option that is given is kept; the others that matter are searched: alpha0\n"
      "and regularization of ials, which finds its epochs as well (at most --epochs);\n"
      "regularization of ease; neighbours and shrinkage of item-knn; learning rate and\n"
      "regularization of bpr. Tune on the log that fit learns from, never on what\n"
      "evaluate judges by. The last line has the best options, to be pasted.\n\n"
      "Examples:\n"
      "  tandem tune --events u.data --rank 64\n"
      "  tandem tune --events train.csv --names user=uid,item=sid \\\n"
      "      --protocol strong --model ease --trials 10 --json -\n");
  command->add_option("--events", asked->events, "The log to learn from")
      ->type_name("FILE")
      ->required()
      ->group("The log");
  add_key_option(*command, asked->key_file);
  add_file_options(*command, *asked);
  add_weight_options(*command, *asked,
                     "How much an event of each action counts (1), e.g.\nview=1,buy=3,return=-1; pairs that count 0 or "
                     "less\nare neither learned, but see --dislikes, nor judged");
  add_merge_options(*command, asked->merge, *asked);
  add_search_options(*command, *asked);
  add_model_options(*command, asked->model);
  add_threads_option(*command, asked->threads);
  command->add_option("--json", asked->json, "Write the result as JSON; - is standard output")
      ->type_name("OUT")
      ->group("The work");
  command->callback([asked, command] {
    asked->given = named_options(*command);
    const tuning_plan plan = check(*asked);
    unless_interrupted([&] { run_tune(*asked, plan); });
  });
}

}  // namespace tandem_cli
