#include "evaluate_command.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catalogue.hpp"
#include "evaluation.hpp"
#include "file_key.hpp"
#include "file_kind.hpp"
#include "fitting.hpp"
#include "log_file.hpp"
#include "models.hpp"
#include "output_file.hpp"
#include "tandem/core/kernels.hpp"
#include "tandem/data/split.hpp"
#include "tandem/version.hpp"

namespace tandem_cli {
namespace {

using tandem::errc;
using tandem::error;

struct evaluate_arguments : log_arguments {
  std::string file, protocol, train, fold_in, targets, json, merge = "max";
  model_arguments model;
  double held_out = 0.2;
  std::size_t threads = 0;
  [[nodiscard]] bool strong() const { return protocol == "strong"; }
  /// The file that says what is known of the users to judge.
  [[nodiscard]] const std::string& known() const { return strong() ? fold_in : train; }
};

// The matrices of one evaluation; all have the items of all files.
struct evaluation_data {
  tandem::interactions train;
  held_out users;
  std::vector<std::string> notes;
};

tandem::event_log read(const evaluate_arguments& asked, const std::string& path, progress_bar& bar,
                       std::vector<std::string>* notes) {
  read_log_result out = read_log_file(asked, path, interruption::callback(bar), notes != nullptr);
  bar.clear();
  tell_bad_lines(out.report, path);
  if (notes != nullptr) *notes = std::move(out.notes);
  return std::move(out.log);
}

// Some events of a log, with the users and items they are of.
tandem::event_log only(const tandem::event_log& log, const std::vector<tandem::logged_event>& events) {
  tandem::event_log out;
  for (tandem::logged_event e : events) {
    e.user = out.users.intern(log.users.name(e.user));
    e.item = out.items.intern(log.items.name(e.item));
    e.action = out.actions.intern(log.actions.name(e.action));
    out.events.push_back(e);
  }
  return out;
}

// Under strong generalisation no user to judge may have been trained on.
void check_apart(const evaluate_arguments& asked, const id_order& trained, const id_order& held, const char* option,
                 const std::string& path) {
  for (const std::string& user : held.ids()) {
    if (trained.find(user) == trained.size()) continue;
    throw error(errc::invalid_argument, "the user '" + user + "' of " + option + " is in " + asked.train + ", too",
                {path, 0, {}}, "users who are trained on are judged with --protocol split");
  }
}

// An engine's own log, cut in two at a time.
std::pair<tandem::event_log, tandem::event_log> read_own_log(const evaluate_arguments& asked, progress_bar& bar,
                                                             std::vector<std::string>& notes) {
  tandem::event_log log = read(asked, asked.file, bar, &notes);
  tandem::order_visits(log, 0);
  tandem::log_split parts = tandem::split_by_time(log, 1 - asked.held_out);
  notes.push_back("The last " + tandem::study::detail::thousands(parts.test.size()) + " of " +
                  tandem::study::detail::thousands(log.events.size()) + " events are held out, by time.");
  return {only(log, parts.train), only(log, parts.test)};
}

evaluation_data read_data(const evaluate_arguments& asked, progress_bar& bar) {
  evaluation_data out;
  tandem::event_log train;
  tandem::event_log targets;
  if (asked.file.empty()) {
    train = read(asked, asked.train, bar, &out.notes);
    targets = read(asked, asked.targets, bar, nullptr);
  } else {
    std::tie(train, targets) = read_own_log(asked, bar, out.notes);
  }
  const tandem::event_log fold_in = asked.strong() ? read(asked, asked.fold_in, bar, nullptr) : tandem::event_log{};
  const id_order items = items_of({&train, &targets, &fold_in});
  const id_order trained = users_of({&train});
  const id_order held = users_of({&targets});
  if (asked.strong()) {
    check_apart(asked, trained, held, "--targets", asked.targets);
    check_apart(asked, trained, users_of({&fold_in}), "--fold-in", asked.fold_in);
  }
  const tandem::merge_rule rule = merge_rule_of(asked.merge);
  const tandem::dislike_rule dislikes = dislikes_of(asked);
  out.train = to_matrix(train, asked, trained, items, rule, dislikes);
  out.users.known = to_matrix(asked.strong() ? fold_in : train, asked, held, items, rule, dislikes);
  out.users.targets = to_matrix(targets, asked, held, items, rule);
  require_entries(out.train, asked.train);
  return out;
}

void note_left_out(const evaluate_arguments& asked, const evaluation_result& result, std::vector<std::string>& notes) {
  using tandem::study::detail::thousands;
  if (result.judged == 0) {
    throw error(errc::invalid_argument, "no user has both known items in " + asked.known() + " and targets",
                {asked.targets, 0, {}}, "see that both files name users alike");
  }
  const auto add = [&](std::size_t n, const std::string& text) {
    if (n > 0) notes.push_back(thousands(n) + text);
  };
  add(result.without_known, " users of the targets are left out: " + asked.known() + " has nothing of them.");
  add(result.without_target, " users are left out: they have no target that they do not have already.");
  add(result.known_targets, " targets are left out: the user has them already.");
}

std::string to_table(const evaluate_arguments& asked, const chosen_model& chosen, const evaluation_data& data,
                     const evaluation_result& result, double fit_seconds) {
  using tandem::study::detail::fixed;
  std::string out = chosen.kind.name + " on " + size_text(data.train) + "; " +
                    tandem::study::detail::thousands(result.judged) + " users judged, " + asked.protocol +
                    " protocol\n";
  for (const std::string& note : data.notes) out += "Note: " + note + "\n";
  out += "\n";
  for (const metric& each : result.metrics) {
    std::string name(each.name);
    name.resize(14, ' ');
    out += "  " + name + fixed(each.value, 4) + "\n";
  }
  if (result.ratings) {
    out += "\n  rmse          " + fixed(result.ratings->rmse, 4) + "\n  mae           " +
           fixed(result.ratings->mae, 4) + "\n  of " + tandem::study::detail::thousands(result.ratings->targets) +
           " ratings\n";
  }
  return out + "\n  fit " + fixed(fit_seconds, 2) + " s, judge " + fixed(result.cpu_seconds, 2) +
         " s of processor time\n";
}

std::string to_json_text(const evaluate_arguments& asked, const chosen_model& chosen, const evaluation_data& data,
                         const evaluation_result& result, double fit_seconds) {
  nlohmann::ordered_json out;
  out["protocol"] = asked.protocol;
  out["train"] = asked.train;
  if (!asked.file.empty()) out["held_out"] = asked.held_out;
  if (asked.strong()) out["fold_in"] = asked.fold_in;
  out["targets"] = asked.targets;
  out["model"] = chosen.kind.name;
  out["options"] = chosen.options;
  out["merge"] = asked.merge;
  if (asked.dislikes) out["dislikes"] = true;
  out["users"] = data.train.n_users();
  out["items"] = data.train.n_items();
  out["entries"] = data.train.size();
  out["judged_users"] = result.judged;
  out["left_out"] = {{"users_without_known_items", result.without_known},
                     {"users_without_targets", result.without_target},
                     {"known_targets", result.known_targets}};
  for (const metric& each : result.metrics) out["metrics"][std::string(each.name)] = each.value;
  if (result.ratings) {
    out["ratings"] = {
        {"rmse", result.ratings->rmse}, {"mae", result.ratings->mae}, {"targets", result.ratings->targets}};
  }
  out["fit_cpu_seconds"] = fit_seconds;
  out["judge_cpu_seconds"] = result.cpu_seconds;
  out["seed"] = chosen.seed();
  out["version"] = TANDEM_VERSION_STRING;
  out["simd"] = tandem::simd_level();
  return out.dump(2) + "\n";
}

void run_evaluate(const evaluate_arguments& asked, const chosen_model& chosen) {
  std::optional<output_file> json;
  if (!asked.json.empty()) json.emplace(asked.json);
  progress_bar bar;
  evaluation_data data = read_data(asked, bar);
  tandem::thread_pool threads(asked.threads);
  const timed_model fitted = fit_timed(chosen, data.train, threads, bar);
  const evaluation_result result = judge(fitted.model, data.users, threads, interruption::callback(bar));
  bar.clear();
  note_left_out(asked, result, data.notes);
  const bool taken = json && json->is_standard_output();
  (taken ? std::cerr : std::cout) << to_table(asked, chosen, data, result, fitted.cpu_seconds);
  if (json) json->write(to_json_text(asked, chosen, data, result, fitted.cpu_seconds));
}

// An engine's file is train and targets at once.
void settle_own_log(evaluate_arguments& asked) {
  if (asked.file.empty()) {
    for (const char* option : {"--protocol", "--train", "--targets"}) {
      if (!asked.was_given(option)) throw CLI::RequiredError(option);
    }
    if (asked.was_given("--held-out")) refuse("--held-out", "is for --file: leave it out");
    return;
  }
  for (const char* option : {"--protocol", "--train", "--targets", "--fold-in"}) {
    if (asked.was_given(option))
      refuse(option, "has no meaning with --file, which is cut in two by time: leave it out");
  }
  if (!is_tandem_file(asked.file)) refuse("--file", asked.file + " is no engine's file: give --train and --targets");
  asked.protocol = "split";
  asked.train = asked.file;
  asked.targets = asked.file;
}

chosen_model check(evaluate_arguments& asked) {
  settle_own_log(asked);
  if (asked.strong() && asked.fold_in.empty()) {
    refuse("--protocol", "strong needs --fold-in FILE: what is known of the users to judge");
  }
  if (!asked.strong() && !asked.fold_in.empty()) {
    refuse("--fold-in", "is for --protocol strong; with split the training file says what is known: leave one out");
  }
  settle_log_options(asked, asked.train);
  const chosen_model chosen = choose_model(asked.model);
  settle_ratings(chosen.kind, asked, asked.merge);
  check_dislikes(chosen.kind, asked);
  return chosen;
}

void add_data_options(CLI::App& command, evaluate_arguments& asked) {
  const auto file = [&](const char* name, std::string& to, const char* help) {
    return command.add_option(name, to, help)->type_name("FILE")->group("The data");
  };
  command
      .add_option("--protocol", asked.protocol,
                  "strong: users the model never saw, known by --fold-in;\nsplit: users of --train, whose other events "
                  "were held out")
      ->type_name("NAME")
      ->check(CLI::IsMember({"strong", "split"}).description(""))
      ->group("The data");
  file("--train", asked.train, "The log to learn from");
  file("--fold-in", asked.fold_in, "Part of the events of the users to judge (strong)");
  file("--targets", asked.targets, "The events to foresee, of the users to judge");
  file("--file", asked.file, "In the place of all these, an engine's file: its log,\ncut in two by time");
  command.add_option("--held-out", asked.held_out, "The share of the events of --file that are targets (0.2)")
      ->type_name("SHARE")
      ->check(CLI::Range(0.001, 0.9).description(""))
      ->group("The data");
}

}  // namespace

void add_evaluate(CLI::App& app) {
  const auto asked = std::make_shared<evaluate_arguments>();
  asked->order_is_time = true;
  CLI::App* command = app.add_subcommand("evaluate", "Fit a model, and judge it on held-out events");
  command->footer(
      "All files are written alike. For each user to judge, all items are ranked but\n"
      "those known of the user, from a history alone (fold-in). recall@k divides by\n"
      "min(k, targets); ties count at their expected place; coverage@10 is the share of\n"
      "all items that some user's first ten hold. biased-mf, which wants\n"
      "--value-as-weight, is judged by rmse, too.\n\n"
      "Example:\n"
      "  tandem evaluate --protocol strong --train train.csv --names user=uid,item=sid \\\n"
      "      --fold-in validation_tr.csv --targets validation_te.csv \\\n"
      "      --rank 64 --alpha0 0.3 --regularization 0.006 --json -\n"
      "  tandem evaluate --file shop.tandem\n");
  add_data_options(*command, *asked);
  add_key_option(*command, asked->key_file);
  add_file_options(*command, *asked);
  add_weight_options(*command, *asked,
                     "How much an event of each action counts (1), e.g.\nview=1,buy=3,return=-1; pairs that count 0 or "
                     "less\nare neither learned, but see --dislikes, nor judged");
  add_merge_options(*command, asked->merge, *asked);
  add_model_options(*command, asked->model);
  add_threads_option(*command, asked->threads);
  command->add_option("--json", asked->json, "Write the result as JSON; - is standard output")
      ->type_name("OUT")
      ->group("The work");
  command->callback([asked, command] {
    asked->given = named_options(*command);
    const chosen_model chosen = check(*asked);
    unless_interrupted([&] { run_evaluate(*asked, chosen); });
  });
}

}  // namespace tandem_cli
