#include "ope_command.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fitting.hpp"
#include "log_arguments.hpp"
#include "ope_log.hpp"
#include "output_file.hpp"
#include "tandem/detail/parse_text.hpp"
#include "tandem/evaluation/bounded_off_policy.hpp"
#include "tandem/evaluation/slope.hpp"
#include "tandem/study/report.hpp"
#include "tandem/version.hpp"

namespace tandem_cli {
namespace {

using namespace tandem::evaluation;
using tandem::errc;
using tandem::error;

struct ope_arguments {
  std::string log, json, reward_range;
  ope_columns columns;
  std::vector<std::string> policy;
  double confidence = 0.95;
  double limit = 10;
  std::optional<double> largest_weight;
  bool accept_doubt = false;
  std::optional<interval> rewards;  // of reward_range
};

// An estimator under its name, with the calls that all of them share.
struct named_estimator {
  std::string name;
  std::string interval_kind;
  std::function<void(const ope_record&)> add;
  std::function<off_policy_estimate(double)> estimate;
};

struct result {
  std::string name;
  std::string interval_kind;
  off_policy_estimate estimate;
};

template <class Estimator>
named_estimator without_model(std::string name, std::string interval_kind, Estimator estimator) {
  const auto held = std::make_shared<Estimator>(std::move(estimator));
  return {std::move(name), std::move(interval_kind), [held](const ope_record& r) { held->add(r.logged); },
          [held](double confidence) { return held->estimate(confidence); }};
}

template <class Estimator>
named_estimator with_model(std::string name, std::string interval_kind, Estimator estimator) {
  const auto held = std::make_shared<Estimator>(std::move(estimator));
  return {std::move(name), std::move(interval_kind), [held](const ope_record& r) { held->add(r.logged, *r.predicted); },
          [held](double confidence) { return held->estimate(confidence); }};
}

named_estimator always_valid(const ope_arguments& asked) {
  const auto held =
      std::make_shared<off_policy_sequence>(betting_options{.confidence = asked.confidence, .values = *asked.rewards});
  return {"betting", "always valid", [held](const ope_record& r) { held->add(r.logged); },
          [held](double) { return held->estimate(); }};
}

// Every estimator that the columns and what was declared allow.
std::vector<named_estimator> estimators_for(const ope_arguments& asked) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> limits = {infinity, 100, 30, 10, 3, 1};
  const weight_limit limit{.limit = asked.limit, .rewards = asked.rewards};
  const std::string cut = asked.rewards ? "normal, with bias" : "normal";
  std::vector<named_estimator> out;
  out.push_back(without_model("ips", "normal", inverse_propensity{}));
  out.push_back(without_model("snips", "normal", self_normalized{}));
  out.push_back(without_model("clipped-ips", cut, clipped_inverse_propensity(limit)));
  out.push_back(without_model("slope-ips", cut, slope_selected<clipped_inverse_propensity>(limits, asked.rewards)));
  if (asked.rewards) {
    const double most = asked.largest_weight.value_or(infinity);
    const off_policy_bounds bounds{.rewards = *asked.rewards, .weights = {0, most}};
    out.push_back(without_model("cressie-read", "empirical likelihood", empirical_likelihood(bounds)));
    if (std::isfinite(most)) {
      out.push_back(without_model("bernstein", "empirical Bernstein", bernstein_inverse_propensity(bounds)));
    }
    out.push_back(always_valid(asked));
  }
  if (asked.columns.predicted.empty()) return out;
  const weight_limit squared{.limit = asked.limit * asked.limit, .rewards = asked.rewards};
  out.push_back(with_model("dr", "normal", doubly_robust{}));
  out.push_back(with_model("sndr", "normal", self_normalized_doubly_robust{}));
  out.push_back(with_model("switch-dr", cut, switch_doubly_robust(limit)));
  out.push_back(with_model("dros", cut, shrunk_doubly_robust(squared)));
  out.push_back(with_model("slope-dros", cut, slope_selected<shrunk_doubly_robust>(limits, asked.rewards)));
  return out;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", x);
  return text;
}

std::string checks_text(const off_policy_estimate& e) {
  using tandem::study::detail::fixed;
  using tandem::study::detail::thousands;
  std::string out = "  records                " + thousands(e.n) + "\n";
  out += "  effective sample size  " + fixed(e.effective_sample_size, 1) +
         (e.effective_sample_size < 300 ? ": below 300, normal intervals cover less than they say\n" : "\n");
  out += "  largest weight         " + number(e.largest_weight) + "\n";
  out += "  overlap                " + fixed(100 * e.overlap, 1) + " % of the logged actions\n";
  out += "  mean weight            " + number(e.mean_weight) + " +- " + number(e.mean_weight_error) +
         (e.support_doubtful() ? ": not 1, see below\n" : ": as it should be, 1\n");
  out += "  mean 1 / propensity    " + number(e.mean_inverse_propensity) + " +- " +
         number(e.mean_inverse_propensity_error) + ": about as many actions did the logging policy explore\n";
  return out;
}

std::string to_table(const ope_arguments& asked, const std::vector<result>& results) {
  std::string out = asked.log + "\n\n" + checks_text(results.front().estimate) + "\n";
  out += "  " + padded("estimator", 14) + padded("value", 13) +
         padded(number(100 * asked.confidence) + " % interval", 28) + "kind\n";
  for (const result& each : results) {
    const interval& range = each.estimate.range;
    out += "  " + padded(each.name, 14) + padded(number(each.estimate.value), 13) +
           padded(number(range.low) + " to " + number(range.high), 28) + each.interval_kind + "\n";
  }
  if (results.front().estimate.support_doubtful()) {
    out += "\nBeware: the mean weight is not 1: the values are off by an unknown amount (--accept-doubt was given).\n";
  }
  if (!asked.rewards)
    out += "\nNote: --reward-range LOW,HIGH adds intervals that hold for short logs, and that cover bias.\n";
  return out;
}

nlohmann::ordered_json to_json(const result& each) {
  const off_policy_estimate& e = each.estimate;
  nlohmann::ordered_json out;
  out["estimator"] = each.name;
  out["value"] = e.value;
  out["standard_error"] = e.standard_error;
  out["low"] = e.range.low;
  out["high"] = e.range.high;
  out["interval"] = each.interval_kind;
  out["cut_weight"] = e.cut_weight;
  return out;
}

std::string to_json_text(const ope_arguments& asked, const std::vector<result>& results) {
  const off_policy_estimate& e = results.front().estimate;
  nlohmann::ordered_json out;
  out["log"] = asked.log;
  out["confidence"] = asked.confidence;
  out["records"] = e.n;
  out["effective_sample_size"] = e.effective_sample_size;
  out["largest_weight"] = e.largest_weight;
  out["overlap"] = e.overlap;
  out["mean_weight"] = e.mean_weight;
  out["mean_weight_error"] = e.mean_weight_error;
  out["support_doubtful"] = e.support_doubtful();
  out["mean_inverse_propensity"] = e.mean_inverse_propensity;
  out["mean_inverse_propensity_error"] = e.mean_inverse_propensity_error;
  for (const result& each : results) out["estimates"].push_back(to_json(each));
  out["version"] = TANDEM_VERSION_STRING;
  return out.dump(2) + "\n";
}

void run_ope(const ope_arguments& asked) {
  std::optional<output_file> json;
  if (!asked.json.empty()) json.emplace(asked.json);
  std::vector<named_estimator> estimators = estimators_for(asked);
  progress_bar bar;
  read_ope_log(asked.log, asked.columns, interruption::callback(bar), [&](const ope_record& record) {
    for (named_estimator& each : estimators) each.add(record);
  });
  bar.clear();
  std::vector<result> results;
  try {
    for (const named_estimator& each : estimators) {
      results.push_back({each.name, each.interval_kind, each.estimate(asked.confidence)});
    }
    if (!asked.accept_doubt) results.front().estimate.require_support();
  } catch (const error& e) {
    const std::string otherwise =
        e.where().field == "mean_weight" ? "; --accept-doubt shows the values all the same" : "";
    throw error(e.code(), e.message(), {asked.log, 0, {}}, e.remedy() + otherwise);
  }
  (json && json->is_standard_output() ? std::cerr : std::cout) << to_table(asked, results);
  if (json) json->write(to_json_text(asked, results));
}

void check_columns(ope_arguments& asked) {
  ope_columns& columns = asked.columns;
  if (!asked.policy.empty()) {
    if (asked.policy.front() != "mean-of") refuse("--policy", "'" + asked.policy.front() + "' is not mean-of FILE");
    if (!columns.target.empty()) refuse("--policy", "--target names the policy already: leave one out");
    if (columns.item.empty())
      refuse("--policy", "mean-of needs --item COLUMN, and --position COLUMN where there is one");
    columns.mean_of = asked.policy.back();
  } else {
    if (!columns.item.empty()) refuse("--item", "is for --policy mean-of FILE: leave it out");
    if (!columns.position.empty()) refuse("--position", "is for --policy mean-of FILE: leave it out");
    if (columns.target.empty()) columns.target = "target";
  }
  if (columns.predicted.empty() != columns.expected.empty()) {
    refuse(columns.predicted.empty() ? "--predicted" : "--expected",
           "doubly robust estimates need both --predicted and --expected");
  }
}

void check(ope_arguments& asked) {
  check_columns(asked);
  if (!(asked.confidence > 0 && asked.confidence < 1)) refuse("--confidence", "give a number above 0 and below 1");
  if (!(asked.limit > 0)) refuse("--limit", "give a number above 0");
  if (!asked.reward_range.empty()) {
    const std::size_t comma = asked.reward_range.find(',');
    std::optional<double> low;
    std::optional<double> high;
    if (comma != std::string::npos) {
      low = tandem::detail::parse_number(asked.reward_range.substr(0, comma));
      high = tandem::detail::parse_number(asked.reward_range.substr(comma + 1));
    }
    if (!low || !high || !(*low < *high)) {
      refuse("--reward-range", "'" + asked.reward_range + "' is not LOW,HIGH with LOW below HIGH, e.g. 0,1");
    }
    asked.rewards = interval{*low, *high};
  }
  if (asked.largest_weight) {
    if (!(*asked.largest_weight > 1) || std::isinf(*asked.largest_weight)) {
      refuse("--largest-weight", "give a number above 1");
    }
    if (!asked.rewards) refuse("--largest-weight", "is for intervals that need --reward-range, too");
  }
}

void add_options(CLI::App& command, ope_arguments& asked) {
  const auto column = [&](const char* name, std::string& to, const char* help) {
    command.add_option(name, to, help)->type_name("COLUMN")->group("The log");
  };
  command.add_option("--log", asked.log, "CSV or TSV with a header, a decision a line")
      ->type_name("FILE")
      ->required()
      ->group("The log");
  column("--reward", asked.columns.reward, "What the action earned (reward)");
  column("--propensity", asked.columns.propensity, "The probability it was taken with (propensity)");
  column("--target", asked.columns.target, "The probability the policy in question would have\ntaken it with (target)");
  column("--predicted", asked.columns.predicted, "A model's reward of the action taken");
  column("--expected", asked.columns.expected, "A model's reward of the policy in question");
  column("--item", asked.columns.item, "The item shown, for --policy");
  column("--position", asked.columns.position, "Where, for --policy");
  command
      .add_option("--policy", asked.policy,
                  "mean-of FILE instead of --target: the policy that\nlogged FILE, by its mean propensity of each item "
                  "and\nposition; 0 for what it never showed")
      ->expected(2)
      ->type_name("mean-of FILE")
      ->group("The log");
  command.add_option("--confidence", asked.confidence, "What intervals cover (0.95)")
      ->type_name("P")
      ->group("The work");
  command
      .add_option("--limit", asked.limit,
                  "Weights are cut there by clipped-ips and switch-dr, and\nat its square by dros (10)")
      ->type_name("W")
      ->group("The work");
  command
      .add_option(
          "--reward-range", asked.reward_range,
          "What rewards can be, e.g. 0,1: adds cressie-read and betting,\nand bias to the intervals of cut weights")
      ->type_name("LOW,HIGH")
      ->group("The work");
  command
      .add_option("--largest-weight", asked.largest_weight,
                  "The largest that can occur: adds bernstein, and narrows\ncressie-read")
      ->type_name("W")
      ->group("The work");
  command.add_flag("--accept-doubt", asked.accept_doubt, "Show values though the weights do not average 1")
      ->group("The work");
  command.add_option("--json", asked.json, "Write the result as JSON; - is standard output")
      ->type_name("OUT")
      ->group("The work");
}

}  // namespace

void add_ope(CLI::App& app) {
  const auto asked = std::make_shared<ope_arguments>();
  CLI::App* command = app.add_subcommand("ope", "Estimate another policy from a log with propensities");
  command->footer(
      "Off-policy evaluation: every estimator that the columns allow, its interval, and\n"
      "what says whether to trust it. Without support, there is no estimate: exit code 1.\n\n"
      "Example:\n"
      "  tandem ope --log decisions.csv --reward click --propensity p --target q \\\n"
      "      --reward-range 0,1 --json -\n");
  add_options(*command, *asked);
  command->callback([asked] {
    check(*asked);
    unless_interrupted([&] { run_ope(*asked); });
  });
}

}  // namespace tandem_cli
