#include "fit_command.hpp"

#include <iostream>
#include <memory>
#include <string>

#include "catalogue.hpp"
#include "file_key.hpp"
#include "fitting.hpp"
#include "log_file.hpp"
#include "models.hpp"
#include "output_folder.hpp"

namespace tandem_cli {
namespace {

struct fit_arguments : log_arguments {
  std::string events, out, merge = "max";
  model_arguments model;
  std::size_t threads = 0;
};

void run_fit(const fit_arguments& asked, const chosen_model& chosen) {
  const output_folder out(asked.out);
  progress_bar bar;
  const read_log_result read = read_log_file(asked, asked.events, interruption::callback(bar));
  bar.clear();
  tell_bad_lines(read.report, {});
  const id_order users = users_of({&read.log});
  const id_order items = items_of({&read.log});
  const tandem::interactions log =
      to_matrix(read.log, asked, users, items, merge_rule_of(asked.merge), dislikes_of(asked));
  require_entries(log, asked.events);
  tandem::thread_pool threads(asked.threads);
  const timed_model fitted = fit_timed(chosen, log, threads, bar);
  tandem::model_notes notes;
  notes.users = users.ids();
  notes.items = items.ids();
  notes.learner = chosen.kind.name;
  notes.options = chosen.options;
  fitted.model.save_to(out.path(), notes);
  std::cout << chosen.kind.name << " on " << size_text(log) << ": "
            << tandem::study::detail::fixed(fitted.cpu_seconds, 2) << " s of processor time, saved to " << asked.out
            << '\n';
  for (const std::string& note : read.notes) std::cout << "Note: " << note << '\n';
}

chosen_model check(fit_arguments& asked) {
  settle_log_options(asked, asked.events);
  const chosen_model chosen = choose_model(asked.model);
  settle_ratings(chosen.kind, asked, asked.merge);
  check_dislikes(chosen.kind, asked);
  return chosen;
}

}  // namespace

void add_fit(CLI::App& app) {
  const auto asked = std::make_shared<fit_arguments>();
  asked->order_is_time = true;
  CLI::App* command = app.add_subcommand("fit", "Learn a model from a log, and save it as a folder");
  command->footer(
      "Times are not read: a model of the whole log has none. The model does not depend\n"
      "on the order of the lines. The folder holds its arrays as .npy files for NumPy,\n"
      "the ids and model.json; `tandem recommend` serves from it, and\n"
      "tandem/model_files.hpp reads it. biased-mf learns ratings: --value-as-weight.\n\n"
      "Examples:\n"
      "  tandem fit --events u.data --rank 64 --alpha0 0.3 --out model\n"
      "  tandem fit --events orders.csv --names user=CustomerID,item=StockCode \\\n"
      "      --model popularity --out popular\n");
  command->add_option("--events", asked->events, "The log to learn from")
      ->type_name("FILE")
      ->required()
      ->group("The log");
  add_key_option(*command, asked->key_file);
  add_file_options(*command, *asked);
  add_weight_options(*command, *asked,
                     "How much an event of each action counts (1), e.g.\nview=1,buy=3,return=-1; pairs that count 0 or "
                     "less\nare not learned, but see --dislikes");
  add_merge_options(*command, asked->merge, *asked);
  add_model_options(*command, asked->model);
  add_threads_option(*command, asked->threads);
  command->add_option("--out", asked->out, "The folder for the model; one that is there is replaced")
      ->type_name("FOLDER")
      ->required()
      ->group("The work");
  command->callback([asked, command] {
    asked->given = named_options(*command);
    const chosen_model chosen = check(*asked);
    unless_interrupted([&] { run_fit(*asked, chosen); });
  });
}

}  // namespace tandem_cli
