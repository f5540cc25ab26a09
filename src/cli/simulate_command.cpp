#include "simulate_command.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "child_process.hpp"
#include "interruption.hpp"
#include "log_arguments.hpp"
#include "output_file.hpp"
#include "progress_bar.hpp"
#include "simulate_text.hpp"
#include "simulation_bytes.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/study/simulation_arms.hpp"
#include "tandem/study/simulation_html.hpp"

namespace tandem_cli {
namespace {

namespace study = tandem::study;

struct simulate_arguments {
  std::size_t seeds = 5;
  std::uint64_t seed = 0;
  std::size_t jobs = 0;
  std::vector<std::string> assignments;
  std::optional<double> days, users;
  bool sweep = false;
  std::string json, html, command;
  study::population_options population;  // of the above
};

// One contender with one seed, in the child.
std::string run_one(study::contender who, const study::population_options& options, const tandem::progress& report) {
  const study::population world(options);
  const double before = peak_rss_mb();
  tandem::engine_options base;
  base.seed = options.seed;
  study::simulation_result result = study::simulate(who, world, std::move(base), report);
  result.peak_rss_mb = peak_rss_mb();
  result.start_rss_mb = before;
  return to_bytes(result);
}

// The bar of several pieces of work that run side by side.
class common_bar {
 public:
  common_bar(progress_bar& bar, std::size_t pieces) : bar_(bar), done_(pieces, 0.0) {}

  // The callback of one piece; may be called on any thread.
  tandem::progress of(std::size_t piece) {
    return [this, piece](const tandem::progress_report& report) {
      const std::lock_guard lock(mutex_);
      done_[piece] = static_cast<double>(report.done) / static_cast<double>(report.total);
      double all = 0;
      for (const double each : done_) all += each;
      constexpr double steps = 1000;
      bar_.draw({"simulate", static_cast<std::size_t>(steps * all), static_cast<std::size_t>(steps) * done_.size()});
      return !interruption::asked();
    };
  }

 private:
  progress_bar& bar_;
  std::mutex mutex_;
  std::vector<double> done_;
};

std::size_t jobs_of(const simulate_arguments& asked) {
  return asked.jobs > 0 ? asked.jobs : std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

// All seeds of these contenders, each in a process of its own; all are forked before a thread starts.
study::simulation_runs run_all(const simulate_arguments& asked, const study::population_options& population,
                               const std::vector<study::contender>& who, progress_bar& bar) {
  std::vector<child_process> children;
  children.reserve(asked.seeds * who.size());
  for (std::size_t s = 0; s < asked.seeds; ++s) {
    study::population_options options = population;
    options.seed = asked.seed + s;
    for (const study::contender each : who) {
      const std::string name = std::string(study::title(each)) + ", seed " + std::to_string(options.seed);
      children.emplace_back(name,
                            [each, options](const tandem::progress& report) { return run_one(each, options, report); });
    }
  }
  std::vector<study::simulation_result> results(children.size());
  common_bar common(bar, children.size());
  tandem::thread_pool threads(jobs_of(asked));
  threads.parallel_for(children.size(),
                       [&](std::size_t k) { results[k] = simulation_from_bytes(children[k].run(common.of(k))); });
  study::simulation_runs out;
  for (std::size_t k = 0; k < results.size(); ++k) out[who[k % who.size()]].push_back(std::move(results[k]));
  return out;
}

void run_simulation(const simulate_arguments& asked) {
  std::optional<output_file> json, html;
  if (!asked.json.empty()) json.emplace(asked.json);
  if (!asked.html.empty()) html.emplace(asked.html);
  study::simulation_report report;
  report.options = asked.population;
  report.at_once = jobs_of(asked);
  report.command = asked.command;
  for (std::size_t s = 0; s < asked.seeds; ++s) report.seeds.push_back(asked.seed + s);
  const std::vector<study::sweep_setting> settings = study::sweep_settings();
  const std::size_t pieces = asked.sweep ? settings.size() : 1;
  progress_bar bar;
  if (pieces > 1) bar.start(1, pieces);
  report.runs = run_all(asked, asked.population, {study::all_contenders.begin(), study::all_contenders.end()}, bar);
  for (std::size_t k = 0; asked.sweep && k < settings.size(); ++k) {
    bar.start(k + 1, pieces);
    const std::vector<study::contender> arms = {study::contender::batch, study::contender::realtime,
                                                study::contender::hybrid};
    report.sweep.push_back({settings[k], settings[k].changes.empty()
                                             ? report.runs
                                             : run_all(asked, study::with(asked.population, settings[k]), arms, bar)});
  }
  bar.clear();
  const bool taken = (json && json->is_standard_output()) || (html && html->is_standard_output());
  (taken ? std::cerr : std::cout) << to_text(report);
  if (json) json->write(to_json_text(report));
  if (html) html->write(study::to_html(report));
}

double number_in(const std::string& assignment, std::string_view text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) {
    refuse("--set", "'" + assignment + "' is not NAME=NUMBER");
  }
  return value;
}

void set_assumption(study::population_options& options, const char* option, std::string_view name, double value) {
  try {
    study::set(options, name, value);
  } catch (const tandem::error& e) {
    refuse(option, e.what());
  }
}

void check(simulate_arguments& asked) {
  if (!asked.json.empty() && asked.json == asked.html) refuse("--html", "names the same file as --json");
  for (const std::string& each : asked.assignments) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos) refuse("--set", "'" + each + "' is not NAME=NUMBER");
    const std::string name = each.substr(0, equals);
    if ((name == "days" && asked.days) || (name == "users" && asked.users)) {
      refuse("--set", study::detail::cat(name, " is given by --", name, " too: leave one out"));
    }
    set_assumption(asked.population, "--set", name, number_in(each, std::string_view(each).substr(equals + 1)));
  }
  if (asked.days) set_assumption(asked.population, "--days", "days", *asked.days);
  if (asked.users) set_assumption(asked.population, "--users", "users", *asked.users);
  try {
    asked.population.validate();
  } catch (const tandem::error& e) {
    refuse("--set", e.what());
  }
}

void add_population_options(CLI::App& command, simulate_arguments& asked) {
  command.add_option("--users", asked.users, "People who arrive, in all (1000)")
      ->type_name("N")
      ->group("The population");
  command.add_option("--days", asked.days, "Days that it runs (120)")->type_name("D")->group("The population");
  command.add_option("--set", asked.assignments, "Any other assumption, e.g. --set mood_strength=0;\nmay be repeated")
      ->type_name("NAME=VALUE")
      ->group("The population");
}

void add_work_options(CLI::App& command, simulate_arguments& asked) {
  const auto option = [&](const char* name, auto& to, const char* type, const char* help) {
    return command.add_option(name, to, help)->type_name(type)->group("The work");
  };
  option("--seeds", asked.seeds, "N", "Populations to try (5); intervals are over these")
      ->check(CLI::Range(1, 1000).description(""));
  option("--seed", asked.seed, "S", "Seed of the first (0); the others follow");
  option("--jobs", asked.jobs, "N", "Runs side by side (0 = one a core); 1 gives the truest times")
      ->check(CLI::Range(0, 1024).description(""));
  command.add_flag("--sweep", asked.sweep, "Change one assumption at a time, too: where does the\nhybrid not win?")
      ->group("The work");
  option("--json", asked.json, "OUT", "Write the result as JSON; - is standard output");
  option("--html", asked.html, "OUT", "Write the result as one HTML page; - is standard output");
}

std::string footer() {
  std::string out = "Assumptions, with their defaults (docs/simulation.md says what each means):\n";
  std::string line = " ";
  const study::population_options defaults;
  for (const study::population_field& each : study::population_fields()) {
    const std::string text =
        " " + std::string(each.name) + "=" + study::detail::plain_number(study::get(defaults, each));
    if (line.size() + text.size() > 79) {
      out += line + "\n";
      line = " ";
    }
    line += text;
  }
  return out + line +
         "\n\nExamples:\n"
         "  tandem simulate\n"
         "  tandem simulate --seeds 20 --json simulation.json --html simulation.html\n"
         "  tandem simulate --set mood_strength=0 --set trends_a_day=0\n"
         "  tandem simulate --seeds 10 --sweep\n";
}

}  // namespace

void add_simulate(CLI::App& app, std::string command_line) {
  const auto asked = std::make_shared<simulate_arguments>();
  asked->command = std::move(command_line);
  CLI::App* command =
      app.add_subcommand("simulate", "Invent a population and let batch, real-time and hybrid serve it");
  command->footer(footer());
  add_population_options(*command, *asked);
  add_work_options(*command, *asked);
  command->callback([asked] {
    check(*asked);
    unless_interrupted([&] { run_simulation(*asked); });
  });
}

}  // namespace tandem_cli
