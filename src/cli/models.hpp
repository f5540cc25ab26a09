#pragma once
// The models that `tandem fit`, `evaluate` and `tune` know by name, and their options on the command line.

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "any_model.hpp"
#include "tandem/batch/search.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/interactions.hpp"

namespace tandem_cli {

/// An option that `tandem tune` can search: its key and where to look for it; equal ends = only when it is asked to.
struct tuned_key {
  std::string key;
  tandem::batch::tuning_range range;

  [[nodiscard]] bool searched() const { return range.low < range.high; }
};

/// A setting that was tried, and what it came to.
struct tuned_setting {
  nlohmann::ordered_json options;
  double ndcg = 0;
};

/// One learner. Its options are a JSON object with the keys of its options struct.
struct model_kind {
  std::string name;
  nlohmann::ordered_json defaults;
  bool of_ratings = false;       ///< what an event counts is a rating
  std::vector<tuned_key> tuned;  ///< empty: there is nothing to search
  bool knows_dislikes = false;   ///< learns from pairs of negative weight
  bool finds_epochs = false;     ///< a search ends each fit early, and says after how many epochs
  /// All options from those given, read strictly and validated. Errors: as tandem::from_json().
  std::function<nlohmann::ordered_json(const nlohmann::ordered_json&)> settle;
  std::function<any_model(const tandem::interactions&, const nlohmann::ordered_json&, tandem::executor_ref,
                          const tandem::progress&)>
      fit;
  /// All trials, in order. Errors: as tandem::batch::tune().
  std::function<std::vector<tuned_setting>(std::span<const tandem::batch::tuning_fold>, const nlohmann::ordered_json&,
                                           std::span<const tuned_key>, const tandem::batch::search_options&,
                                           tandem::executor_ref, const tandem::progress&)>
      tune;
};

/// All of them. A new learner is one entry in models.cpp, and one in its table for each option that is new here.
[[nodiscard]] const std::vector<model_kind>& model_kinds();

/// What was said of the model on the command line.
struct model_arguments {
  std::string name = "ials";
  std::map<std::string, std::string> given;  ///< text by key, of those that were named
};

/// Adds --model and every option of every model.
void add_model_options(CLI::App& command, model_arguments& asked);

/// "--init-stddev" of "init_stddev".
[[nodiscard]] std::string option_name(std::string key);

/// A learner and all of its options.
struct chosen_model {
  const model_kind& kind;
  nlohmann::ordered_json options;

  /// The seed it draws from; 0 when it draws nothing.
  [[nodiscard]] std::uint64_t seed() const { return options.value("seed", std::uint64_t{0}); }
};

/// Ends with exit code 2 for an option that the model does not have, or a value that it does not take.
[[nodiscard]] chosen_model choose_model(const model_arguments& asked);

}  // namespace tandem_cli
