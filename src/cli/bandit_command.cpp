#include "bandit_command.hpp"

#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bandit_data.hpp"
#include "bandit_policies.hpp"
#include "bandit_runs.hpp"
#include "fitting.hpp"
#include "log_arguments.hpp"
#include "output_file.hpp"
#include "tandem/study/report.hpp"
#include "tandem/version.hpp"

namespace tandem_cli {
namespace {

using tandem::errc;
using tandem::error;
using tandem::study::detail::fixed;
using tandem::study::detail::thousands;

struct bandit_arguments {
  std::string data, log, target, json;
  std::string policies = "auto,lin_ucb,lin_ts,epsilon_greedy,inverse_gap,random";
  logged_columns columns;
  context_choice context;
  bool raw = false;
  std::optional<std::uint64_t> shuffle;
  std::uint64_t seed = 1;
  std::size_t repeat = 1;
  std::size_t delay = 0;
  double epsilon = 0;
  std::vector<chosen_bandit> chosen;  // of `policies`
};

// A policy and how it went, each time.
struct policy_result {
  chosen_bandit policy;
  std::vector<run_outcome> runs;
  std::vector<estimated> estimates;  // of a log
};

// The file at hand, whatever its kind.
struct problem {
  std::optional<classified_rows> classes;
  std::optional<logged_rows> log;

  [[nodiscard]] std::size_t rows() const { return classes ? classes->size() : log->size(); }
  [[nodiscard]] std::size_t arms() const { return classes ? classes->classes.size() : log->arms.size(); }
  [[nodiscard]] std::size_t dimension() const { return (classes ? classes->contexts : log->contexts).dimension; }
};

struct mean_and_spread {
  double mean = 0;
  double sd = 0;  // 0 of a single one
};

template <class Of>
mean_and_spread over_runs(const policy_result& result, Of of) {
  mean_and_spread out;
  const auto n = static_cast<double>(result.runs.size());
  for (std::size_t i = 0; i < result.runs.size(); ++i) out.mean += of(i) / n;
  for (std::size_t i = 0; i < result.runs.size(); ++i) out.sd += (of(i) - out.mean) * (of(i) - out.mean);
  out.sd = n > 1 ? std::sqrt(out.sd / (n - 1)) : 0;
  return out;
}

mean_and_spread reward_of(const policy_result& r) {
  return over_runs(r, [&](std::size_t i) { return r.runs[i].mean; });
}

problem read_problem(const bandit_arguments& asked, const tandem::progress& progress) {
  problem out;
  if (!asked.data.empty()) {
    out.classes = read_classified(asked.data, asked.target, asked.context, progress);
  } else {
    out.log = read_logged(asked.log, asked.columns, asked.context, progress);
  }
  return out;
}

// Refuses policies that could not learn from the file, before any work.
void check_policies(const bandit_arguments& asked, const problem& given) {
  for (const chosen_bandit& each : asked.chosen) {
    if (given.dimension() > each.kind->dimensions) {
      throw error(errc::invalid_argument,
                  each.text + " takes contexts of at most " + std::to_string(each.kind->dimensions) +
                      " numbers, and these have " + std::to_string(given.dimension()),
                  {asked.data + asked.log, 0, {}}, "leave out the policy, or columns (--ignore)");
    }
    if (!each.kind->unit_rewards || !given.log) continue;
    for (const double reward : given.log->reward) {
      if (reward >= 0 && reward <= 1) continue;
      throw error(errc::invalid_argument,
                  each.text + " learns rewards in [0, 1] only, and there is one of " + std::to_string(reward),
                  {asked.log, 0, asked.columns.reward}, "leave out the policy, or scale the rewards");
    }
  }
}

void run_once(const bandit_arguments& asked, const problem& given, std::size_t time, policy_result& result,
              const tandem::progress& report) {
  const bandit_shape shape{given.dimension(), given.arms(), asked.epsilon};
  const auto fresh = [&] { return result.policy.kind->make(shape, result.policy.value); };
  const run_settings settings{order_of(given.rows(), asked.shuffle.has_value(), asked.shuffle.value_or(0) + time),
                              asked.delay, asked.seed + time};
  const std::unique_ptr<any_bandit> bandit = fresh();
  if (given.classes) {
    result.runs.push_back(run_live(*given.classes, *bandit, settings, report));
    return;
  }
  result.runs.push_back(run_rejection(*given.log, *bandit, settings, report));
  const std::unique_ptr<any_bandit> learner = fresh();
  try {
    result.estimates.push_back(run_estimates(*given.log, *learner, settings, report));
  } catch (const error& e) {
    if (e.code() == errc::cancelled) throw;
    throw error(e.code(), result.policy.text + ": " + e.message(), {asked.log, 0, e.where().field}, e.remedy());
  }
}

std::string table_cell(std::string text, std::size_t width) {
  text.append(text.size() < width ? width - text.size() : 1, ' ');
  return text;
}

std::string with_spread(const mean_and_spread& x, int digits) {
  return fixed(x.mean, digits) + (x.sd > 0 ? " +- " + fixed(x.sd, digits) : "");
}

std::string repeats_text(const bandit_arguments& asked) {
  return asked.repeat > 1 ? "+- is the standard deviation over " + std::to_string(asked.repeat) + " runs.\n" : "";
}

std::string live_table(const bandit_arguments& asked, const problem& given, const std::vector<policy_result>& results) {
  std::string out = asked.data + ": " + thousands(given.rows()) + " rows, " + thousands(given.arms()) +
                    " classes, contexts of " + thousands(given.dimension()) + " numbers\n\n";
  const std::size_t wide = asked.repeat > 1 ? 20 : 14;
  out += "  " + table_cell("policy", 22) + table_cell("mean reward", wide) + table_cell("loss", 10) +
         table_cell("last tenth", 12) + "us a decision\n";
  for (const policy_result& each : results) {
    const mean_and_spread reward = reward_of(each);
    const auto last = over_runs(each, [&](std::size_t i) { return each.runs[i].last_tenth; });
    const auto cost = over_runs(each, [&](std::size_t i) { return each.runs[i].microseconds; });
    out += "  " + table_cell(each.policy.text, 22) + table_cell(with_spread(reward, 4), wide) +
           table_cell(fixed(1 - reward.mean, 4), 10) + table_cell(fixed(last.mean, 4), 12) + fixed(cost.mean, 2) + "\n";
  }
  out +=
      "\nA round shows a row's context and tells the reward, 1 for its class, of the class chosen only. loss = 1 - "
      "mean\n"
      "reward, over all rounds, learning from each after it was judged (progressive validation).\n";
  return out + repeats_text(asked);
}

std::string logged_table(const bandit_arguments& asked, const problem& given,
                         const std::vector<policy_result>& results) {
  double mean = 0;
  for (const double reward : given.log->reward) mean += reward / static_cast<double>(given.rows());
  std::string out = asked.log + ": " + thousands(given.rows()) + " records, " + thousands(given.arms()) +
                    " arms, contexts of " + thousands(given.dimension()) + " numbers; mean reward of the log " +
                    fixed(mean, 5) + "\n\n";
  out += "  " + table_cell("policy", 22) + table_cell("replay", 22) + table_cell("matched", 10) +
         table_cell("snips", 22) + table_cell("dr", 22) + "us a decision\n";
  bool doubt = false;
  for (const policy_result& each : results) {
    const auto of = [&](auto pick) { return over_runs(each, [&](std::size_t i) { return pick(i); }).mean; };
    const auto cell = [](double value, double e) { return table_cell(fixed(value, 5) + " +- " + fixed(e, 5), 22); };
    out += "  " + table_cell(each.policy.text, 22);
    const double matched = of([&](std::size_t i) { return static_cast<double>(each.runs[i].rounds); });
    out += matched > 0 ? cell(reward_of(each).mean, of([&](std::size_t i) { return each.runs[i].error; }))
                       : table_cell("-", 22);
    out += table_cell(fixed(matched, 0), 10);
    out += cell(of([&](std::size_t i) { return each.estimates[i].self_normalized.value; }),
                of([&](std::size_t i) { return each.estimates[i].self_normalized.standard_error; }));
    out += cell(of([&](std::size_t i) { return each.estimates[i].doubly_robust.value; }),
                of([&](std::size_t i) { return each.estimates[i].doubly_robust.standard_error; }));
    out += fixed(of([&](std::size_t i) { return each.runs[i].microseconds; }), 2) + "\n";
    for (const estimated& e : each.estimates) doubt = doubt || e.self_normalized.support_doubtful();
  }
  out +=
      "\n+- is the standard error of one run. replay counts the records whose arm the policy chose, too, and learns "
      "from\n"
      "those; snips and dr weigh all records, and learn from all.\n";
  if (doubt)
    out += "Beware: the weights of some policies do not average 1, so their snips and dr are off; see tandem ope.\n";
  return out;
}

nlohmann::ordered_json estimate_json(const tandem::evaluation::off_policy_estimate& e) {
  return {{"value", e.value},
          {"standard_error", e.standard_error},
          {"low", e.range.low},
          {"high", e.range.high},
          {"effective_sample_size", e.effective_sample_size},
          {"mean_weight", e.mean_weight},
          {"support_doubtful", e.support_doubtful()}};
}

nlohmann::ordered_json to_json(const policy_result& each) {
  nlohmann::ordered_json out;
  out["policy"] = each.policy.text;
  if (!each.policy.kind->parameter.empty()) out[each.policy.kind->parameter] = each.policy.value;
  const mean_and_spread reward = reward_of(each);
  out["mean_reward"] = reward.mean;
  if (each.estimates.empty()) out["progressive_loss"] = 1 - reward.mean;
  out["standard_deviation"] = reward.sd;
  out["last_tenth"] = over_runs(each, [&](std::size_t i) { return each.runs[i].last_tenth; }).mean;
  out["microseconds_a_decision"] = over_runs(each, [&](std::size_t i) { return each.runs[i].microseconds; }).mean;
  for (std::size_t i = 0; i < each.runs.size(); ++i) {
    nlohmann::ordered_json run;
    run["rounds"] = each.runs[i].rounds;
    run["mean_reward"] = each.runs[i].mean;
    run["standard_error"] = each.runs[i].error;
    run["last_tenth"] = each.runs[i].last_tenth;
    if (!each.estimates.empty()) {
      run["snips"] = estimate_json(each.estimates[i].self_normalized);
      run["dr"] = estimate_json(each.estimates[i].doubly_robust);
    }
    out["runs"].push_back(run);
  }
  return out;
}

std::string to_json_text(const bandit_arguments& asked, const problem& given,
                         const std::vector<policy_result>& results) {
  nlohmann::ordered_json out;
  out[given.classes ? "data" : "log"] = asked.data + asked.log;
  out["rows"] = given.rows();
  out["arms"] = given.arms();
  out["dimension"] = given.dimension();
  out["delay"] = asked.delay;
  out["epsilon"] = asked.epsilon;
  out["seed"] = asked.seed;
  if (asked.shuffle) out["shuffle"] = *asked.shuffle;
  for (const policy_result& each : results) out["policies"].push_back(to_json(each));
  out["version"] = TANDEM_VERSION_STRING;
  return out.dump(2) + "\n";
}

void run_bandit(const bandit_arguments& asked) {
  std::optional<output_file> json;
  if (!asked.json.empty()) json.emplace(asked.json);
  progress_bar bar;
  const tandem::progress report = interruption::callback(bar);
  const problem given = read_problem(asked, report);
  check_policies(asked, given);
  std::vector<policy_result> results;
  std::size_t piece = 0;
  for (const chosen_bandit& each : asked.chosen) {
    policy_result& result = results.emplace_back(policy_result{each, {}, {}});
    for (std::size_t time = 0; time < asked.repeat; ++time) {
      bar.start(++piece, asked.chosen.size() * asked.repeat);
      run_once(asked, given, time, result, report);
    }
  }
  bar.clear();
  (json && json->is_standard_output() ? std::cerr : std::cout)
      << (given.classes ? live_table(asked, given, results) : logged_table(asked, given, results));
  if (json) json->write(to_json_text(asked, given, results));
}

void check_kind_of_file(const bandit_arguments& asked, const CLI::App& command) {
  if (asked.data.empty() == asked.log.empty()) {
    refuse("bandit", "give --data FILE, a class a row, or --log FILE, a decision a row");
  }
  const auto given = [&](const char* option) { return command.get_option(option)->count() > 0; };
  for (const char* option : {"--arm", "--reward", "--propensity", "--context"}) {
    if (asked.log.empty() && given(option)) refuse(option, "is for --log FILE: leave it out");
  }
  if (asked.data.empty() && given("--target")) refuse("--target", "is for --data FILE: leave it out");
}

void check(bandit_arguments& asked, const CLI::App& command) {
  check_kind_of_file(asked, command);
  asked.context.standardize = !asked.raw;
  asked.chosen = bandits_in("--policies", asked.policies);
  if (!(asked.epsilon >= 0 && asked.epsilon <= 1)) refuse("--epsilon", "give a number in [0, 1]");
  if (asked.epsilon == 0) return;
  for (const chosen_bandit& each : asked.chosen) {
    if (each.kind->takes_epsilon) return;
  }
  refuse("--epsilon", "is for auto, lin_ucb, tuned, ucb1 and kl_ucb, and none of them is among --policies");
}

void add_file_options(CLI::App& command, bandit_arguments& asked) {
  const auto option = [&](const char* name, auto& to, const char* type, const char* help) {
    return command.add_option(name, to, help)->type_name(type)->group("The file");
  };
  option("--data", asked.data, "FILE", "CSV or TSV with a header, a class a row");
  option("--target", asked.target, "COLUMN", "The class (the last column); all others are context");
  option("--log", asked.log, "FILE", "CSV or TSV with a header, a decision a row");
  option("--arm", asked.columns.arm, "COLUMN", "What was chosen (arm)");
  option("--reward", asked.columns.reward, "COLUMN", "What that earned (reward)");
  option("--propensity", asked.columns.propensity, "COLUMN", "The probability it was chosen with (propensity)");
  option("--context", asked.columns.context, "COLUMNS", "Columns of context, e.g. age,city,user_*")->delimiter(',');
  option("--one-hot", asked.context.one_hot, "COLUMNS", "Columns whose numbers are names; * is all")->delimiter(',');
  option("--ignore", asked.context.ignore, "COLUMNS", "Columns to leave out")->delimiter(',');
  command
      .add_flag("--no-standardize", asked.raw, "Take numbers as they are, not as standard deviations\nfrom the mean")
      ->group("The file");
  option("--limit", asked.context.limit, "ROWS", "Read the first rows only")
      ->check(CLI::PositiveNumber.description(""));
}

void add_work_options(CLI::App& command, bandit_arguments& asked) {
  const auto option = [&](const char* name, auto& to, const char* type, const char* help) {
    return command.add_option(name, to, help)->type_name(type)->group("The work");
  };
  option("--policies", asked.policies, "LIST", "Policies, some with their number (see below)");
  option("--epsilon", asked.epsilon, "P", "Probability of any arm in those that have one (0)");
  option("--shuffle", asked.shuffle, "SEED", "Shuffle the rows; a repetition adds 1");
  option("--seed", asked.seed, "SEED", "Of decisions (1); a repetition adds 1");
  option("--repeat", asked.repeat, "N", "Run each policy so many times (1)")
      ->check(CLI::Range(1, 10000).description(""));
  option("--delay", asked.delay, "ROUNDS", "Rounds until a reward is learned (0)");
  option("--json", asked.json, "OUT", "Write the result as JSON; - is standard output");
}

std::string footer() {
  std::string out = "Policies, with the number that may follow a colon:\n";
  for (const bandit_kind& each : bandit_kinds()) {
    const bool number = !each.parameter.empty();
    const std::string name = number ? each.name + ":" + nlohmann::json(each.value).dump() : each.name;
    out += "  " + table_cell(name, 22) + each.about + (number ? " (" + each.parameter + ")" : "") + "\n";
  }
  return out +
         "\nExamples:\n"
         "  tandem bandit --data letter.tsv --shuffle 1 --repeat 3 --policies auto,lin_ucb:0.3\n"
         "  tandem bandit --log decisions.csv --reward click --context 'user_*' --json -\n";
}

}  // namespace

void add_bandit(CLI::App& app) {
  const auto asked = std::make_shared<bandit_arguments>();
  CLI::App* command = app.add_subcommand("bandit", "Compare bandits on a file of classes, or on a log of decisions");
  command->footer(footer());
  add_file_options(*command, *asked);
  add_work_options(*command, *asked);
  command->callback([asked, command] {
    check(*asked, *command);
    unless_interrupted([&] { run_bandit(*asked); });
  });
}

}  // namespace tandem_cli
