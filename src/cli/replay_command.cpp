#include "replay_command.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include "file_in_the_making.hpp"
#include "interruption.hpp"
#include "journals.hpp"
#include "tandem/json.hpp"
#include "tandem/open.hpp"
#include "tandem/study/detail/findings.hpp"
#include "tandem_file.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;
using study::detail::fixed;
using study::detail::thousands;

struct replay_arguments : tandem_file {
  std::string into, json;
};

// The answers of a log beside those that another engine gives in their place.
struct compared_answers {
  std::uint64_t answers = 0, alike = 0, first_alike = 0;
  double overlap = 0;  // sum of shares of the logged items that the other answer has

  void add(const answer_again& each) {
    if (each.logged.empty()) return;
    ++answers;
    alike += std::equal(each.logged.begin(), each.logged.end(), each.now.begin(), each.now.end()) ? 1U : 0U;
    first_alike += !each.now.empty() && each.logged.front() == each.now.front() ? 1U : 0U;
    const auto common = std::count_if(each.logged.begin(), each.logged.end(), [&](std::string_view item) {
      return std::find(each.now.begin(), each.now.end(), item) != each.now.end();
    });
    overlap += static_cast<double>(common) / static_cast<double>(each.logged.size());
  }
  [[nodiscard]] double share(double n) const { return answers == 0 ? 0 : n / static_cast<double>(answers); }
};

std::string to_text(const replay_arguments& asked, const open_report& learned, const compared_answers& answers) {
  const auto percent = [&](double n) { return fixed(100 * answers.share(n), 1) + " %\n"; };
  const std::string done = thousands(learned.replayed) + " entries of " + asked.path + " learned again into " +
                           asked.into + ", " + thousands(learned.refitted) + " models fitted\n" +
                           thousands(answers.answers) + " answers decided again\n";
  if (answers.answers == 0) return done;
  return done + "\n  the same items in the same places  " + percent(static_cast<double>(answers.alike)) +
         "  the same item in the first place   " + percent(static_cast<double>(answers.first_alike)) +
         "  items that both have               " + percent(answers.overlap);
}

void run_replay(const replay_arguments& asked) {
  result_output out(asked.json);
  const file_in_the_making file(asked.into, "a log is learned again into a file of its own");
  const file_key key(asked.key_file);
  const auto log = read_sqlite(asked.path, key.options());
  progress_bar bar;
  const progress watch = interruption::callback(bar);
  compared_answers answers;
  open_report learned;
  {
    engine again = tandem::open(file.partial(), engine_options_of(asked), key.options());
    learned = again.learn_from(watched_journal(*log, log->last(), "replay", watch),
                               [&](const answer_again& each) { answers.add(each); });
    again.checkpoint();
  }
  bar.clear();
  file.finish();
  out.write(to_text(asked, learned, answers), {{"file", asked.path},
                                               {"into", asked.into},
                                               {"entries", learned.replayed},
                                               {"refitted", learned.refitted},
                                               {"answers", answers.answers},
                                               {"same_slate", answers.share(static_cast<double>(answers.alike))},
                                               {"same_first", answers.share(static_cast<double>(answers.first_alike))},
                                               {"overlap", answers.share(answers.overlap)}});
}

}  // namespace

void add_replay(CLI::App& app) {
  const auto asked = std::make_shared<replay_arguments>();
  CLI::App* command =
      app.add_subcommand("replay", "Learn a log again under other options, and compare what would have been shown");
  command->footer(
      "Every entry is done again in a new file, models are fitted again, and each answer\n"
      "is decided again with what was known then. With the options that the file's engine\n"
      "has, all answers are alike. Answers of which a host's own source scored the\n"
      "candidates are kept, and not compared. The engine of FILE may be running.\n\n"
      "Example:\n  tandem replay shop.tandem --into trial.tandem --options trial.json\n");
  add_file_argument(*command, *asked);
  command->add_option("--into", asked->into, "The file to make")->type_name("NEW")->required()->group("The file");
  add_options_option(*command, *asked);
  add_json_option(*command, asked->json);
  command->callback([asked] { unless_interrupted([&] { run_replay(*asked); }); });
}

}  // namespace tandem_cli
